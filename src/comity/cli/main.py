"""The entry point: the tree of commands, and what becomes of an error.

Invariant: every way out has one exit code (``problems``), and no traceback is shown unless
``COMITY_DEBUG`` asks for it.
"""

import sys
from collections.abc import Sequence

import click

from comity.cli import problems
from comity.cli.group import LazyGroup

# name -> (module:attribute, what it does). Modules are imported when their command runs, so that help is fast.
COMMANDS = {
    "init": ("comity.cli.init:init", "Make a ledger in a folder."),
    "start": ("comity.cli.start:start", "Run the node of a ledger."),
    "import": ("comity.cli.importing:import_", "Add the rows of a file to a table."),
    "table": ("comity.cli.table:table", "Make, show and change tables."),
    "row": ("comity.cli.row:row", "Add, change, remove and show single rows."),
    "sql": ("comity.cli.sql:sql", "Ask a read-only question in SQL, now or at a height."),
    "log": ("comity.cli.log:log", "Tell the life of a row: who, when, what."),
    "prove": ("comity.cli.prove:prove", "Write a proof that anybody can check offline."),
    "verify": ("comity.cli.verify:verify", "Check a proof offline."),
    "audit": ("comity.cli.audit:audit", "Replay the ledger and name whatever was altered."),
    "backup": ("comity.cli.backup:backup", "Write a copy of the ledger into one file."),
    "restore": ("comity.cli.restore:restore", "Make a ledger's folder from a backup."),
    "doctor": ("comity.cli.doctor:doctor", "Say what is wrong with a node, and what to do."),
    "config": ("comity.cli.config:config", "Explain the settings of a node."),
    "invite": ("comity.cli.invite:invite", "Make a link with which others join."),
    "join": ("comity.cli.join:join", "Become a member by a link or a word."),
    "member": ("comity.cli.member:member", "Admit and list members, give roles, suspend."),
    "key": ("comity.cli.key:key", "Make, list, export and import keys."),
    "token": ("comity.cli.token:token", "Let programs change rows through this node."),
    "call": ("comity.cli.call:call", "Call an action of any application."),
    "view": ("comity.cli.call:view", "Read a view of any application."),
    "checkpoint": (
        "comity.cli.checkpoint:checkpoint",
        "Write the signed head of the log, for a member to hold.",
    ),
}
EPILOG = """Everywhere: --json, --node DIR, --as NAME, --keys DIR, -q, -y (see any command's --help).
Data goes to standard output, words to standard error.

\b
Exit codes: 0 done, 1 refused by a rule, 2 usage or configuration, 3 proof or audit failed,
4 unavailable, 5 the row changed meanwhile, 70 fault.

Completion of commands in your shell: eval "$(_COMITY_COMPLETE=bash_source comity)"
(zsh_source, fish_source for other shells).
"""


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    epilog=EPILOG,
    examples="""
    comity init suppliers --name suppliers
    cd suppliers
    comity import suppliers.csv --key symbol
    comity sql "SELECT count(*) FROM suppliers"
    comity audit
    """,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="comity", message="comity %(version)s")
def cli() -> None:
    """A database that organisations and people share without having to trust one another."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``comity`` and end the process with its exit code."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run ``comity`` and return its exit code."""
    try:
        done = cli.main(args=arguments, prog_name="comity", standalone_mode=False)
    except BaseException as error:  # noqa: BLE001 - every error gets its exit code here
        given = sys.argv[1:] if arguments is None else arguments
        return problems.report(error, is_json="--json" in given)
    return done if isinstance(done, int) else 0
