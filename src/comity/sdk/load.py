"""Loading applications that are installed: the one place of the SDK that looks at its surroundings.

Each is found by an entry point of the group ``comity.apps`` whose name is the application's, and
its source is checked before any of it runs. Ours are loaded in the same way as a stranger's.

Invariant: an application that is returned has passed the check of its source and its declaration.
"""

import sys
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from comity.errors import BadDeclaration, ConfigError
from comity.sdk.app import App
from comity.sdk.lint import Finding, findings_in, lines_of

GROUP = "comity.apps"

_INIT = "__init__.py"


def load_apps(names: Iterable[str] | None = None, *, distribution: str = "") -> dict[str, App]:
    """Return the installed applications by name, checked.

    Args:
        names: those to load; None for all that are installed.
        distribution: only those that this installed package brings; "" for every package.

    Raises:
        ConfigError: one of ``names`` is not installed.
        BadDeclaration: the source or the declaration of one is refused; names each place.

    """
    found = {
        point.name: point for point in entry_points(group=GROUP) if _is_of(point, distribution)
    }
    wanted = sorted(found) if names is None else list(names)
    # How long a number may be as text is a setting of each host: here it is Python's own, everywhere.
    sys.set_int_max_str_digits(sys.int_info.default_max_str_digits)
    missing = [name for name in wanted if name not in found]
    if missing:
        raise ConfigError(
            f"no installed package brings the app {', '.join(missing)}; installed are: "
            f"{', '.join(sorted(found)) or 'none'}. Install the package that has it."
        )
    return {name: _load(name, found[name]) for name in wanted}


def check_source(module: str) -> None:
    """Refuse an application whose source does what it may not; ``module`` is where its ``App`` is.

    Raises: BadDeclaration, naming file, line and what to write instead of each.
    """
    findings = [found for file in _sources(module) for found in _check(*file)]
    if findings:
        raise BadDeclaration(f"the source of {module} is refused:\n{lines_of(findings)}")


def _load(name: str, point: EntryPoint) -> App:
    check_source(point.module)
    app = point.load()
    if not isinstance(app, App) or app.name != name:
        raise BadDeclaration(f"entry point {name} = {point.value}: it must be the App named {name}")
    app.declaration  # noqa: B018 - compiled here, so that a mistake is told now
    return app


def _is_of(point: EntryPoint, distribution: str) -> bool:
    return not distribution or (point.dist is not None and point.dist.name == distribution)


def _sources(module: str) -> list[tuple[Path, str, int]]:
    """Return (file, own package, folders below it) of each file of an app; its tests are left out."""
    file = _file_of(module)
    if file is None:
        raise BadDeclaration(f"the module {module} cannot be found")
    package = module if file.name == _INIT else module.rpartition(".")[0]
    if not package:
        return [(file, module, 0)]
    files = [path for path in sorted(file.parent.rglob("*.py")) if not _is_test(path)]
    return [(path, package, len(path.relative_to(file.parent).parts) - 1) for path in files]


def _file_of(module: str) -> Path | None:
    """Return the file of a module without running any of its packages."""
    first, *inner = module.split(".")
    spec = find_spec(first)
    file = Path(spec.origin) if spec is not None and spec.origin else None
    folders = [Path(folder) for folder in (spec and spec.submodule_search_locations) or ()]
    for name in inner:
        inside = [folder.joinpath(name) for folder in folders]
        candidates = [path.joinpath(_INIT) for path in inside]
        candidates += [path.with_name(f"{name}.py") for path in inside]
        file = next((path for path in candidates if path.is_file()), None)
        folders = [path for path in inside if path.is_dir()]
    return file


def _is_test(path: Path) -> bool:
    return path.name.startswith("test_") or path.name == "conftest.py"


def _check(path: Path, package: str, depth: int) -> Iterable[Finding]:
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadDeclaration(f"{path}: cannot be read: {error}") from error
    return findings_in(source, str(path), package, depth)
