"""Writes the pages of docs/reference from the code, so that they cannot say anything else.

    make docs

``tests/promises/test_reference.py`` fails while a page is not what this module would write.
"""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from comity import limits

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs/reference"

_NOTICE = "<!-- Written by `make docs` from {source}: change that, not this page. -->"
_HEADING = re.compile(r"^# --- (?P<title>.+) ---$")
_LIMIT = re.compile(r"^(?P<name>[A-Z][A-Z0-9_]*) = [^#]+?(?:  # (?P<meaning>.+))?$")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def limits_page() -> Iterator[str]:
    """Yield the page of limits, line by line: each with its value and what its comment says."""
    yield _NOTICE.format(source="src/comity/limits.py")
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


PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "limits.md": limits_page,
}


def text_of(page: str) -> str:
    """Return what a page of the reference must say."""
    return "".join(f"{line}\n" for line in PAGES[page]())


def main() -> int:
    """Write every page."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for page in PAGES:
        (FOLDER / page).write_text(text_of(page), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
