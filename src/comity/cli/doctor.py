"""``comity doctor``: what is wrong with a node, and what to do.

Invariant: without ``--fix`` nothing is changed; the exit code is 0 only when nobody has to act.
"""

import os
import time
from pathlib import Path
from typing import Any

import click

from comity.cli import problems
from comity.cli.group import Command
from comity.cli.session import Session, current
from comity.client.files.texts import counted
from comity.errors import ComityError, ConfigError
from comity.node.doctor import examine
from comity.node.finding import Finding


@click.command(
    cls=Command,
    short_help="Say what is wrong with a node, and what to do.",
    examples="""
    comity doctor
    comity doctor suppliers --fix
    comity doctor --json
    """,
)
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@click.option(
    "--fix", is_flag=True,
    help="Mend what is safe: modes of key files, what a killed command left, a long write-ahead log.",
)  # fmt: skip
@click.pass_context
def doctor(ctx: click.Context, directory: Path | None, fix: bool) -> None:
    """Look at the node in DIRECTORY (by default --node, else here): software, settings, disk, keys, file, clock.

    Ends with 0 when nothing is wrong, 2 when somebody has to act, 3 when the ledger's file is damaged.
    It takes seconds; 'comity audit' looks at every row.
    """
    session = current()
    if directory is not None:
        session.node_option = str(directory)
    if not session.node.is_dir():
        raise ConfigError(f"there is no folder {session.node}; give the ledger's folder")
    findings = _look(session)
    mended: list[str] = []
    if fix:
        mended = [each.words for each in findings if _mend(session, each)]
        findings = _look(session)
    _tell(session, findings, mended)
    if any(each.state == "damaged" for each in findings):
        ctx.exit(problems.PROOF_FAILED)
    if any(each.is_bad for each in findings):
        ctx.exit(problems.USAGE)


def _look(session: Session) -> list[Finding]:
    with session.out.progress("looking"):
        return list(examine(session.node, os.environ, time.time_ns()))


def _mend(session: Session, finding: Finding) -> bool:
    """Mend one finding, if that is safe; tell whether it was done."""
    if finding.mend is None:
        return False
    try:
        finding.mend()
    except (ComityError, OSError) as error:
        session.out.words(f"could not be mended: {finding.words} ({error})")
        return False
    session.out.words(f"mended   {finding.words}")
    return True


def _tell(session: Session, findings: list[Finding], mended: list[str]) -> None:
    bad = [each for each in findings if each.is_bad]
    warnings = [each for each in findings if each.state == "warning"]
    lines = []
    for each in findings:
        lines.append(f"{each.state:<8} {each.name:<11} {each.words}")
        if each.fix:
            lines.append(f"{'':<8} {'do':>10}  {each.fix}")
    verdict = f"{counted(len(bad), 'thing')} wrong" if bad else "nothing is wrong"
    lines.append(f"{verdict}, {counted(len(warnings), 'warning')}" if warnings else verdict)
    document: dict[str, Any] = {
        "is_well": not bad,
        "findings": [
            {"name": each.name, "state": each.state, "words": each.words, "fix": each.fix or None}
            for each in findings
        ],
        "mended": mended,
    }
    session.out.data("\n".join(lines), document)
    if not session.is_json and any(each.mend for each in findings):
        session.out.words("next     comity doctor --fix mends some of it")
