"""Writes the pages of docs/reference from the code, so that they cannot say anything else.

    make docs

``tests/promises/test_reference.py`` fails while a page is not what this module would write.
"""

import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from comity import limits
from comity.sdk.describe import page_of
from comity.sdk.load import load_apps
from scripts.reference_commands import commands_page
from scripts.reference_errors import errors_page
from scripts.reference_http import http_page
from scripts.reference_node import metrics_page, settings_page

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs/reference"

_NOTICE = "<!-- Written by `make docs` from {source}: change that, not this page. -->"
_HEADING = re.compile(r"^# --- (?P<title>.+) ---$")
_LIMIT = re.compile(r"^(?P<name>[A-Z][A-Z0-9_]*) = [^#]+?(?:  # (?P<meaning>.+))?$")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def limits_page() -> Iterator[str]:
    """Yield the page of limits, line by line: each with its value and what its comment says."""
    yield "# Limits"
    yield ""
    yield "Every bound has a name. Those under *consensus* are decided alike by every node."
    is_in_table = False
    for line in Path(limits.__file__).read_text("utf-8").split("\n"):
        heading, limit = _HEADING.match(line), _LIMIT.match(line)
        if heading:
            yield from ("", f"## {heading['title'][0].upper()}{heading['title'][1:]}")
            is_in_table = False
        elif limit:
            if not is_in_table:
                yield from ("", "| name | value | meaning |", "|---|---:|---|")
                is_in_table = True
            value = getattr(limits, limit["name"])
            shown = f"{value:,}" if isinstance(value, int) else value
            yield f"| `{limit['name']}` | {shown} | {_cell(limit['meaning'] or '')} |"


def _app_page(name: str) -> Iterator[str]:
    return iter(page_of(load_apps([name])[name].declaration).rstrip("\n").split("\n"))


# Page -> (where its words stand, what writes it).
PAGES: dict[str, tuple[str, Callable[[], Iterator[str]]]] = {
    "commands.md": ("src/comity/cli", commands_page),
    "errors.md": ("the code and scripts/reference_errors.py", errors_page),
    "http.md": ("src/comity/web", http_page),
    "limits.md": ("src/comity/limits.py", limits_page),
    "settings.md": ("src/comity/node/config.py", settings_page),
    "metrics.md": ("src/comity/node/metrics.py and logs.py", metrics_page),
    "apps/members.md": ("src/comity/apps/members", partial(_app_page, "members")),
    "apps/tables.md": ("src/comity/apps/tables", partial(_app_page, "tables")),
}


def text_of(page: str) -> str:
    """Return what a page of the reference must say."""
    source, lines = PAGES[page]
    return "".join(f"{line}\n" for line in (_NOTICE.format(source=source), *lines()))


def main() -> int:
    """Write every page."""
    for page in PAGES:
        (FOLDER / page).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / page).write_text(text_of(page), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
