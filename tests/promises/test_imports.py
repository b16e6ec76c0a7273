"""The layers hold, and each import contract is shown to catch what it is for."""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")

# contract, module to plant, its text: a violation and a near miss.
CANARIES = [
    ("layers", "store/planted.py", "import comity.machine", "import comity.model"),
    ("layers", "crypto/planted.py", "from comity import model", "from comity import limits"),
    ("layers", "testing/planted.py", "import comity.cli", "import comity.node"),
    ("pure-core", "store/planted.py", "import random", "import struct"),
    ("pure-core", "model/planted.py", "from time import time_ns", "from datetime import datetime"),
    ("pure-core", "machine/planted.py", "import logging", "import json"),
    ("pure-core", "sdk/planted.py", "import os", "import enum"),
    ("pure-core", "apps/planted.py", "import socket", "import enum"),
    ("apps-import-sdk", "apps/planted.py", "import comity.model", "import comity.sdk"),
    ("nobody-imports-apps", "cli/planted.py", "import comity.apps", "import comity.sdk"),
    ("client-stands-alone", "client/planted.py", "import comity.sdk", "import comity.model"),
    ("engine-drives-machine", "engine/planted.py", "import comity.store", "import comity.machine"),
    ("query-reads-store", "query/planted.py", "import comity.machine", "import comity.store"),
    ("store-keeps-rows", "store/planted.py", "import comity.client", "import comity.sdk"),
    ("sdk-over-model", "sdk/planted.py", "import comity.crypto", "import comity.model"),
]

Lint = Callable[[str, dict[str, str]], subprocess.CompletedProcess[str]]


@pytest.fixture
def lint(tmp_path: Path) -> Lint:
    """Give a function that checks one contract on a skeleton of the source with planted modules.

    The skeleton has the packages that Comity has now, all empty: what is found was planted.
    """
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    skeleton = tmp_path / "src/comity"
    for path in [ROOT / "src/comity/__init__.py", *(ROOT / "src/comity").glob("*/__init__.py")]:
        copy = skeleton / path.relative_to(ROOT / "src/comity")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.touch()
    for path in (ROOT / "src/comity").glob("*.py"):
        (skeleton / path.name).touch()

    def run(contract: str, modules: dict[str, str]) -> subprocess.CompletedProcess[str]:
        for name, text in modules.items():
            (skeleton / name).write_text(text, encoding="utf-8")
        return subprocess.run(
            [LINT_IMPORTS, "--no-logo", "--no-cache", "--contract", contract],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path / "src")},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.parametrize(("contract", "module", "violation", "near_miss"), CANARIES)
def test_each_contract_catches_what_it_is_for(
    lint: Lint, contract: str, module: str, violation: str, near_miss: str
) -> None:
    """A planted import breaks its contract and is named; a permitted import there does not."""
    broken = lint(contract, {module: violation})
    assert "0 kept, 1 broken" in broken.stdout, broken.stdout + broken.stderr
    assert "planted" in broken.stdout
    kept = lint(contract, {module: near_miss})
    assert "1 kept, 0 broken" in kept.stdout, kept.stdout + kept.stderr


def test_a_package_without_a_layer_is_found(lint: Lint) -> None:
    """A package that nobody gave a place in the layers is reported."""
    assert "1 kept, 0 broken" in lint("layers", {}).stdout
    run = lint("layers", {"planted.py": ""})
    assert run.returncode != 0
    assert "planted" in run.stdout + run.stderr


def test_a_cycle_among_siblings_is_found(lint: Lint) -> None:
    """Two modules of one package that import each other break the contract; one way is no cycle."""
    module_a = {"store/planted_a.py": "import comity.store.planted_b"}
    module_b = {"store/planted_b.py": "import comity.store.planted_a"}
    assert "1 kept, 0 broken" in lint("no-cycles", module_a | {"store/planted_b.py": ""}).stdout
    assert "No cycles are allowed in comity.store" in lint("no-cycles", module_a | module_b).stdout


def test_each_contract_has_a_canary() -> None:
    """Each contract is in the list of planted violations, or has a test of its own."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = {item["id"] for item in settings["tool"]["importlinter"]["contracts"]}
    assert {contract for contract, *_ in CANARIES} | {"no-cycles"} == contracts
