"""Starts an application: a package of small files whose tests pass.

    python -m comity.testing.new_app NAME [DIRECTORY]

Invariant: nothing that exists is changed; the folder is made whole, under its name, or not at all.
"""

import shutil
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import entry_points
from importlib.util import find_spec
from keyword import iskeyword, issoftkeyword
from pathlib import Path

from comity.errors import ConfigError, Malformed
from comity.model.names import check_name
from comity.sdk.load import GROUP

TEMPLATE = Path(__file__).with_name("template")

_MARK = "@name@"
_SUFFIX = ".in"
_RENAMED = {"gitignore": ".gitignore"}  # a package with a file of that name would lose files
_USAGE_EXIT = 2


def new_app(name: str, directory: Path) -> None:
    """Make the folder of an application. Raises: ConfigError, when the name or the folder cannot be."""
    check_app_name(name)
    if directory.exists():
        raise ConfigError(f"{directory} exists already: name another folder, or move it away")
    if not directory.absolute().parent.is_dir():
        raise ConfigError(f"{directory.absolute().parent} is no folder: make it first")
    with tempfile.TemporaryDirectory(dir=directory.absolute().parent) as scratch:
        made = Path(scratch, "made")
        for source in sorted(TEMPLATE.rglob(f"*{_SUFFIX}")):
            target = made / _target(source.relative_to(TEMPLATE), name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(source.read_text("utf-8").replace(_MARK, name), "utf-8")
        shutil.move(made, directory)


def check_app_name(name: str) -> None:
    """Refuse a name that no application, or no package, can have. Raises: ConfigError."""
    try:
        check_name(name, "app")
    except Malformed as error:
        raise ConfigError(str(error)) from error
    if iskeyword(name) or issoftkeyword(name) or name in sys.stdlib_module_names:
        raise ConfigError(f"app name {name!r} is a word or a module of Python: choose another")
    if name in [point.name for point in entry_points(group=GROUP)]:
        raise ConfigError(f"an app {name!r} is installed already: choose another name")
    if find_spec(name) is not None:
        raise ConfigError(f"a module {name!r} is installed already: choose another name")


def _target(path: Path, name: str) -> Path:
    """Return where a file of the template goes: ``src/name/x.py.in`` to ``src/library/x.py``."""
    plain = path.name.removesuffix(_SUFFIX)
    folders = [name if folder == "name" else folder for folder in path.parts[:-1]]
    file = _RENAMED.get(plain, plain.replace("test_name", f"test_{name}"))
    return Path(*folders, file)


def main(arguments: Sequence[str]) -> int:
    """Make an application and tell what to do next; return the exit code."""
    if not 1 <= len(arguments) <= 2 or arguments[0].startswith("-"):
        sys.stderr.write("usage: python -m comity.testing.new_app NAME [DIRECTORY]\n")
        return _USAGE_EXIT
    name = arguments[0]
    directory = Path(arguments[1] if len(arguments) > 1 else name)
    try:
        new_app(name, directory)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return _USAGE_EXIT
    python = "python" if shutil.which("python") == sys.executable else sys.executable
    sys.stdout.write(
        f"made {directory}: read its README.md, then\n"
        f"  {python} -m pytest {directory}\n"
        f"  {python} -m pip install --editable {directory}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
