"""Nothing in the repository ties it to one machine or to one package registry."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Written so that the patterns do not find themselves.
_MACHINE_PATH = re.compile(r"(?<![\w.~}-])/(?:work|root|home/[a-z]\w*|Users/\w+)/")
_REGISTRY = re.compile(
    r"(?:files\.|test\.)?pypi[.]org/simple|pythonhosted[.]org|registry\.npmjs[.]org|proxy\.golang[.]org"
    r"|static\.crates[.]io|repo1?\.maven[.]|deb\.debian[.]org|(?:^|\s)--(?:extra-)?index-url[ =]\S",
    re.MULTILINE,
)


def _registry_hosts() -> set[str]:
    """Return the hosts from which this machine installs packages."""
    shown = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    variables = [value for name, value in os.environ.items() if re.match("PIP_|UV_|GOPROXY", name)]
    urls = re.findall(r"https?://(?:[^@/\s']*@)?([^/:\s']+)", "\n".join([shown, *variables]))
    return {host for host in urls if "." in host and host not in {"127.0.0.1", "localhost"}}


def _ties(name: str, text: str, hosts: set[str]) -> Iterator[str]:
    """Yield what ties a file to a machine or a registry."""
    for pattern in (_MACHINE_PATH, _REGISTRY):
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield f"{name}:{line}: {match.group().strip()}"
    yield from (f"{name}: names {host}" for host in sorted(hosts) if host in text)


def test_no_file_names_a_machine_or_a_registry() -> None:
    """No file of the repository holds a path of one machine or the host of a package registry."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    names = [name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    assert "pyproject.toml" in names
    hosts = _registry_hosts()
    found = [
        tie
        for name in names
        for tie in _ties(name, (ROOT / name).read_bytes().decode("utf-8", "replace"), hosts)
    ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "path = '/" + "work/main/src'",
        "see /" + "root/.pyenv",
        "cd /" + "home/ana/comity",
        "https://pypi" + ".org/simple",
        "https://files.python" + "hosted.org/packages/1",
        "pip install --index" + "-url https://packages.example",
        "from packages" + ".example/simple",
    ],
)
def test_a_tie_is_found(text: str) -> None:
    """A planted path or host is found, whether everybody's registry or this machine's own."""
    assert list(_ties("a.txt", text, {"packages.example"}))


@pytest.mark.parametrize(
    "text",
    [
        "state/root/page",
        "the framework/home of",
        "~/.pyenv/versions",
        "the Python Package Index (PyPI)",
        "https://example.org/" + "work/1",
        "no --index-url",
    ],
)
def test_what_only_looks_like_a_tie_is_not(text: str) -> None:
    """Near misses: relative paths, home by its short name, the registry's plain name."""
    assert list(_ties("a.txt", text, {"packages.example"})) == []


def test_scripts_can_be_run() -> None:
    """What a person or CI starts by name is executable."""
    scripts = [ROOT / ".ci/run", *(p for p in (ROOT / "scripts").iterdir() if not p.suffix)]
    assert len(scripts) > 3
    assert [path for path in scripts if path.is_file() and not os.access(path, os.X_OK)] == []
