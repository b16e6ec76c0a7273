"""The linter, the formatter and the type checker catch what they are set up for."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LINTED = [
    ("F401", "import json", "import json\n\njson.dumps(1)"),
    ("E501", "x = '" + "a" * 120 + "'", "x = '" + "a" * 110 + "'"),
    ("D103", "def shown() -> None:\n    pass", "def _hidden() -> None:\n    pass"),
    ("T201", "print(1)", "x = 'print(1)'"),
    ("BLE001", "try:\n    x = 1\nexcept Exception:\n    x = 2", "x = 1"),
    ("PLC0415", "def _f() -> None:\n    import json\n\n    json.dumps(1)", "x = 1"),
    ("RUF100", "x = 1  # noqa: E501", "x = 1"),
    ("PGH003", "x = 1  # type: ignore", "x = 1"),
    ("B006", "def _f(x: list[int] = []) -> None:\n    x.append(1)", "x = 1"),
]
TYPED = [
    ("no-untyped-def", "def f(x):\n    return x", "def f(x: int) -> int:\n    return x"),
    ("type-arg", "x: dict = {}", "x: dict[str, int] = {}"),
    ("no-any-return", "import json\ndef f() -> int:\n    return json.loads('1')", "x = 1"),
    ("unused-ignore", "x: int = 1  # type: ignore[assignment]", "x: int = 1"),
    ("assignment", "import comity\nx: int = comity.__version__", "import comity\nx = 1"),
]


def _lint(source: str) -> str:
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format=concise"]
    run = subprocess.run(
        [*command, "--stdin-filename", "src/comity/store/planted.py", "-"],
        input=f'"""A module."""\n\n{source}\n',
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return run.stdout


@pytest.mark.parametrize(("code", "violation", "near_miss"), LINTED)
def test_the_linter_catches_what_it_is_for(code: str, violation: str, near_miss: str) -> None:
    """A planted violation is reported under its code, a near miss is not."""
    assert f" {code} " in _lint(violation).replace("[*] ", "")
    assert f" {code} " not in _lint(near_miss).replace("[*] ", "")


def test_the_formatter_finds_what_is_not_formatted() -> None:
    """The check of the format fails on a line that the formatter would change."""
    for source, code in [("x=1\n", 1), ("x = 1\n", 0)]:
        command = [
            sys.executable,
            "-m",
            "ruff",
            "format",
            "--check",
            "--stdin-filename",
            "a.py",
            "-",
        ]
        run = subprocess.run(
            command, input=source, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert run.returncode == code


def test_the_type_checker_catches_what_it_is_for(tmp_path: Path) -> None:
    """Each planted violation is reported under its code, and no near miss is."""
    violations = [tmp_path / f"violation_{number}.py" for number in range(len(TYPED))]
    near_misses = [tmp_path / f"near_miss_{number}.py" for number in range(len(TYPED))]
    for number, (_, violation, near_miss) in enumerate(TYPED):
        violations[number].write_text(f"{violation}\n", encoding="utf-8")
        near_misses[number].write_text(f"{near_miss}\n", encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache")]
    run = subprocess.run(
        [*command, "--config-file", "pyproject.toml", *violations, *near_misses],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    found = run.stdout.split("\n")
    for number, (code, _, _) in enumerate(TYPED):
        assert any(f"violation_{number}.py" in line and f"[{code}]" in line for line in found), run
    assert "near_miss" not in run.stdout
