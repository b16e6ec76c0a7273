"""Loading installed applications."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from comity.errors import BadDeclaration, ConfigError
from comity.sdk.load import check_source, load_apps

TAB = Path(__file__).with_name("tab.py").read_text()


class Packages:
    """A folder of installed packages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, name: str, entry: str, files: dict[str, str]) -> None:
        """Put files and the metadata of a package that brings the app ``name``."""
        for path, text in files.items():
            file = self.folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        info = self.folder / f"dist_{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: dist_{name}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[comity.apps]\n{name} = {entry}\n")


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Packages]:
    """Give a folder on the path of Python; what was imported from it is forgotten again."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield Packages(tmp_path)
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_an_app_is_found_by_its_entry_point(packages: Packages) -> None:
    """A stranger's application is loaded as ours are: by being installed."""
    packages.install("tab", "installed_tab:app", {"installed_tab.py": TAB})
    app = load_apps(["tab"])["tab"]
    assert (app.name, list(app.declaration.actions)) == ("tab", ["join", "pay"])
    assert "tab" in load_apps()
    assert load_apps(distribution="dist_tab").keys() == {"tab"}


def test_an_app_that_is_not_installed_is_named(packages: Packages) -> None:
    """The message says what is missing, what is there, and what to do."""
    packages.install("tab", "installed_tab:app", {"installed_tab.py": TAB})
    with pytest.raises(ConfigError, match=r"brings the app shop; .*tab.*Install the package"):
        load_apps(["tab", "shop"])


def test_every_module_of_the_package_is_checked_before_any_runs(packages: Packages) -> None:
    """P10: a clock in a module beside the actions refuses the app, and its code has not run."""
    packages.install(
        "tab",
        "installed.tab.app:app",
        {
            "installed/__init__.py": "",
            "installed/tab/__init__.py": "from . import app\nRAN = True\n",
            "installed/tab/app.py": TAB,
            "installed/tab/rules/fees.py": "import time\n\n\ndef fee():\n    return time.time() / 2\n",
            "installed/tab/test_tab.py": "import random\n",
            "installed/tab/conftest.py": "import random\n",
            "installed/other.py": "import random\n",
        },
    )
    with pytest.raises(BadDeclaration) as refusal:
        load_apps(["tab"])
    lines = str(refusal.value).split("\n")
    assert lines[0] == "the source of installed.tab.app is refused:"
    assert [line.partition("rules/")[2][:14] for line in lines[1:]] == [
        "fees.py:1: imp",
        "fees.py:5: flo",
    ]
    assert "installed.tab" not in sys.modules


def test_what_an_entry_point_names_must_be_the_app(packages: Packages) -> None:
    """Another object, or an app of another name, is refused."""
    packages.install("tab", "installed_tab:Member", {"installed_tab.py": TAB})
    packages.install("shop", "installed_tab:app", {})
    packages.install("gone", "nowhere:app", {})
    for name, words in (
        ("tab", "must be the App"),
        ("shop", "must be the App"),
        ("gone", "cannot be found"),
    ):
        with pytest.raises(BadDeclaration, match=words):
            load_apps([name])


def test_a_mistake_in_the_declaration_is_told_when_loading(packages: Packages) -> None:
    """An app that cannot run is refused before a ledger starts with it."""
    source = TAB.replace("amount_cents: Amount", "amount_cents: int")
    packages.install("tab", "installed_tab:app", {"installed_tab.py": source})
    with pytest.raises(BadDeclaration, match="argument `amount_cents`: int has no bound"):
        load_apps(["tab"])


def test_a_file_that_is_no_text_is_refused(packages: Packages) -> None:
    """The message names the file that cannot be read."""
    (packages.folder / "odd.py").write_bytes(b"\xff\xfe")
    with pytest.raises(BadDeclaration, match=r"odd\.py: cannot be read"):
        check_source("odd")
    with pytest.raises(BadDeclaration, match=r"inside\.nowhere cannot be found"):
        check_source("inside.nowhere")
