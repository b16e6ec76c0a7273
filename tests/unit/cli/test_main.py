"""The tree of commands: help, exit codes, and what an error looks like."""

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest

from comity.cli import problems
from comity.cli.group import Command, LazyGroup
from comity.cli.main import COMMANDS, cli
from comity.errors import (
    ConfigError,
    InvariantViolated,
    ProofInvalid,
    QueryError,
    Rejected,
    Unavailable,
)
from tests.unit.cli.command import Comity, run_process

HEAVY = ("apsw", "rich", "nacl", "comity.machine", "comity.query", "comity.sdk", "cbor2")


def commands(group: LazyGroup, names: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Yield every command with its whole name."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        yield " ".join((*names, name)), found
        if isinstance(found, LazyGroup):
            yield from commands(found, (*names, name))


ALL = dict(commands(cli))  # type: ignore[arg-type]  # cls=LazyGroup makes it one


def test_help_is_fast_because_it_imports_nothing_heavy() -> None:
    """`comity --help` needs neither SQLite nor the machine nor colours."""
    code = (
        "import sys; from comity.cli.main import run; run(['--help'])\n"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


@pytest.mark.parametrize("name", ALL)
def test_every_help_starts_with_examples(empty: Comity, name: str) -> None:
    """A reader copies an example before reading a word."""
    said = empty(*name.split(" "), "--help").out
    assert said.startswith("Examples:\n  comity ")


@pytest.mark.parametrize("name", [n for n, one in ALL.items() if isinstance(one, Command)])
def test_every_command_takes_what_is_everywhere(name: str) -> None:
    """No command forgets --json, --node, --as, --keys, -q and -y."""
    options = {word for parameter in ALL[name].params for word in parameter.opts}
    assert {"--json", "--node", "--as", "--keys", "-q", "-y", "--passphrase-file"} <= options


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_each_says_of_itself(name: str) -> None:
    """The words that help shows without importing a command are the command's own."""
    module, _, attribute = COMMANDS[name][0].partition(":")
    found = getattr(import_module(module), attribute)
    assert found.short_help == COMMANDS[name][1]


def test_version_and_unknown_commands(empty: Comity) -> None:
    """A mistyped command names the nearest; the version is one line."""
    assert empty("--version").out.startswith("comity 0")
    said = empty("imprt", code=2)
    assert "Did you mean import?" in said.err
    assert not said.out


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Rejected("expired", "too late"), 1),
        (Rejected("too-large", "too large"), 2),
        (ConfigError("no key"), 2),
        (QueryError("syntax", "no such table"), 2),
        (QueryError("too-costly", "slow", "QUERY_TIME_MS"), 4),
        (ProofInvalid("damaged"), 3),
        (Unavailable("locked"), 4),
        (OSError(28, "No space left on device"), 4),
        (InvariantViolated("a bug"), 70),
        (ZeroDivisionError("x"), 70),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
    ],
)
def test_every_error_has_its_exit_code(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scripts tell a refusal from a mistake, a failed proof, a lock and a fault by the code."""
    assert problems.report(error) == code
    said = capsys.readouterr()
    assert not said.out
    assert said.err


def test_a_fault_is_one_line_unless_debugging(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug shows no traceback to a user, and one to who sets COMITY_DEBUG."""
    monkeypatch.delenv("COMITY_DEBUG", raising=False)
    problems.report(ZeroDivisionError("division by zero"))
    plain = capsys.readouterr().err
    assert plain.count("\n") == 1
    assert "COMITY_DEBUG=1" in plain
    monkeypatch.setenv("COMITY_DEBUG", "1")
    try:
        raise ZeroDivisionError("division by zero")
    except ZeroDivisionError as error:
        problems.report(error)
    assert "Traceback" in capsys.readouterr().err


def test_without_a_ledger_the_error_says_how_to_make_one(empty: Comity) -> None:
    """The first thing that goes wrong for everybody tells the next command."""
    assert "comity init" in empty("sql", "SELECT 1", code=2).err


def test_the_command_runs_as_a_module(tmp_path: Path) -> None:
    """`python -m comity` is the command too, and ends the process with the exit code."""
    assert run_process("--version", cwd=tmp_path).returncode == 0
    assert run_process("sql", "SELECT 1", cwd=tmp_path).returncode == 2


def test_usage_errors_are_json_for_who_asked(empty: Comity) -> None:
    """A program that reads JSON gets it for a missing argument too; exit code 2."""
    for words in (["sql"], ["row", "show", "people"], ["nosuch"], ["sql", "--nosuch", "1"]):
        error = json.loads(empty(*words, "--json", code=2).err)["error"]
        assert (error["code"], error["exit"]) == ("usage", 2)
    assert "Usage:" in empty("sql", code=2).err


def test_whatever_is_signed_tells_its_transaction(comity: Comity) -> None:
    """Every command that writes gives height and transaction as JSON, so that they can be proved."""
    comity.import_people()
    comity("key", "new", "phone", "-q")
    table = '[table.t]\nkey = ["a"]\npreset = "open"\n[table.t.columns]\na = { type = "text" }\n'
    file = comity.write("t.toml", table)
    for words in (
        ["key", "add", "phone"], ["key", "remove", "phone"], ["member", "invite"],
        ["table", "new", file, "-y"], ["table", "alter", "people", "--retire", "city"],
        ["table", "drop", "t", "-y"], ["row", "set", "people", "bo", "age=1"],
        ["member", "rename", "Anna"],
    ):  # fmt: skip
        said = comity(*words, "--as", "ana", "--json").json
        assert said["height"] > 0
        assert "valid" in comity.proved("--transaction", said["transaction"])
