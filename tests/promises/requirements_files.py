"""What may stand in a lock file, and which licences may come with it."""

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")
_HOST = re.compile(
    r"://|^-|--(?:extra-)?index-url|--find-links|--trusted-host|\s@\s", re.IGNORECASE
)
_LICENCE_REFUSED = re.compile(
    r"\bA?GPL|Affero|GNU General Public|Business Source|\bBUSL|\bSSPL|Server Side Public",
    re.IGNORECASE,
)


def entries(text: str) -> Iterator[tuple[Requirement, str]]:
    """Yield each requirement of a lock file with all that follows it."""
    logical = text.replace("\\\n", " ").split("\n")
    for line in logical:
        if line.strip() and not line.startswith("#"):
            requirement, *_ = line.split("--hash", 1)
            yield Requirement(requirement.strip()), line


def lock_problems(text: str) -> Iterator[str]:
    """Yield what is wrong with a lock file: a version left open, no hash, a host."""
    for line in text.split("\n"):
        if _HOST.search(line):
            yield f"names a host or an option: {line}"
            return
    for requirement, line in entries(text):
        if [specifier.operator for specifier in requirement.specifier] != ["=="]:
            yield f"{requirement.name}: not one exact version"
        if not _HASH.search(line):
            yield f"{requirement.name}: no hash"


def missing_from(lock: str, wanted: Iterable[str]) -> list[str]:
    """Return the requirements that no entry of a lock satisfies."""
    locked = [requirement for requirement, _ in entries(lock)]
    return [
        text
        for text in wanted
        if not any(_satisfies(requirement, Requirement(text)) for requirement in locked)
    ]


def _satisfies(locked: Requirement, wanted: Requirement) -> bool:
    (pin,) = locked.specifier
    is_same = canonicalize_name(locked.name) == canonicalize_name(wanted.name)
    return is_same and wanted.specifier.contains(pin.version)


def wanted_in(path: Path) -> list[str]:
    """Return the requirements of a hand-written ``.in`` file."""
    lines = [line.partition("#")[0].strip() for line in path.read_text("utf-8").split("\n")]
    return [line for line in lines if line]


def licence_problem(declared: Iterable[str]) -> str | None:
    """Tell what is wrong with the licences that a package declares, if anything."""
    text = "; ".join(declared)
    if not text:
        return "declares no licence"
    return f"refused: {text}" if _LICENCE_REFUSED.search(text) else None


def licence_problems(lock: str) -> dict[str, str | None]:
    """Return each package of a lock that belongs on this machine, with what is wrong, or None."""
    result = {}
    for requirement, _ in entries(lock):
        if requirement.marker is None or requirement.marker.evaluate():
            metadata = distribution(requirement.name).metadata
            fields = ("License-Expression", "License", "Classifier")
            declared = [text for name in fields for text in metadata.get_all(name) or []]
            result[requirement.name] = licence_problem(
                text[:200] for text in declared if "::" not in text or text.startswith("License ::")
            )
    return result
