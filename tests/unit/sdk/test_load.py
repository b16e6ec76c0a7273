"""Loading installed applications."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from comity.errors import BadDeclaration, ConfigError
from comity.sdk.load import check_source, load_apps
from tests.unit.sdk.tab import app as TAB_APP  # noqa: N812 - a constant here

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


def test_the_length_of_a_number_as_text_is_the_same_on_every_node(packages: Packages) -> None:
    """A host may set it in the environment; then an action would fault on one node and not on another."""
    packages.install("tab", "installed_tab:app", {"installed_tab.py": TAB})
    sys.set_int_max_str_digits(0)
    load_apps(["tab"])
    assert sys.get_int_max_str_digits() == 4_300


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


def test_annotations_may_be_text(packages: Packages) -> None:
    """``from __future__ import annotations`` changes nothing that an app declares."""
    head, blank, rest = TAB.partition("\n\n")
    source = f"{head}\n\nfrom __future__ import annotations{blank}{rest}"
    packages.install("tab", "installed_tab:app", {"installed_tab.py": source})
    assert load_apps(["tab"])["tab"].declaration.schema_hash == TAB_APP.declaration.schema_hash


HALL = {
    "hall/__init__.py": "from .actions import app\n",
    "hall/actions.py": (
        "from comity.sdk import App, Context\nfrom .rules import check\n"
        "app = App('hall', version=1)\n"
        "@app.action\ndef enter(ctx: Context) -> None:\n    check(ctx)\n"
    ),
    "hall/rules.py": (
        "from comity.sdk import Context\nfrom .errors import Full\n"
        "def check(ctx: Context) -> None:\n    raise Full(seats=0)\n"
    ),
    "hall/errors.py": "from comity.sdk import Refusal\nclass Full(Refusal, code=3):\n    seats: int\n",
}


def test_refusals_are_found_where_the_rules_are(packages: Packages) -> None:
    """A refusal that only a module behind the actions names gets the app's name all the same."""
    packages.install("hall", "hall:app", HALL)
    (full,) = load_apps(["hall"])["hall"].declaration.refusals.values()
    assert (full.app, full.code, full.__name__) == ("hall", 3, "Full")


@pytest.mark.parametrize(
    "line", ["class Shut(Refusal, code=3): ...", "class Shut(Refusal, code=0): ..."]
)
def test_two_refusals_with_one_number_are_told(packages: Packages, line: str) -> None:
    """A number means one thing, and 0 means nothing."""
    packages.install(
        "hall",
        "hall:app",
        {
            **HALL,
            "hall/errors.py": HALL["hall/errors.py"] + line + "\n",
            "hall/rules.py": HALL["hall/rules.py"].replace("import Full", "import Full, Shut"),
        },
    )
    with pytest.raises(BadDeclaration, match="needs a number of its own"):
        load_apps(["hall"])
