"""``comity audit``: replay from genesis, and say plainly whether the file is what its members signed.

Invariant: the exit code is 0 only when nothing was found; what could not be excluded is said every time.
"""

from pathlib import Path
from typing import Any

import apsw
import click

from comity.cli import problems
from comity.cli.group import Command
from comity.cli.session import Session, current
from comity.client.checkpoints import log_key, open_held, read_held
from comity.errors import Unavailable
from comity.machine.audit.audit import Held
from comity.machine.audit.audit import audit as run_audit
from comity.machine.audit.report import Finding, Report
from comity.machine.audit.suspect import DAMAGE
from comity.store.store import Store


@click.command(
    cls=Command,
    short_help="Replay the ledger and name whatever was altered.",
    examples="""
    comity audit
    comity audit --checkpoint held-by-bo.checkpoint
    """,
)
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A checkpoint that a member holds, to compare the history with.",
)
@click.pass_context
def audit(ctx: click.Context, checkpoint: Path | None) -> None:
    """Replay the ledger from its genesis and compare every row, page, receipt and signature."""
    session = current()
    transport = session.folder_transport()
    held = None if checkpoint is None else _held(session, checkpoint)
    try:
        connection = transport.connection
    except (*DAMAGE, Unavailable) as error:
        if isinstance(error.__cause__, apsw.CantOpenError | apsw.BusyError):
            raise  # that is about permissions and locks, not about what the file holds
        report = Report(chain_id=transport.genesis.chain_id)
        report.add(Finding(kind="sqlite", message=f"SQLite cannot read the file: {error}"))
    else:
        with session.out.progress("audit") as bar:
            report = run_audit(
                connection,
                transport.genesis,
                transport.apps,
                Store.in_memory(),
                held=held,
                progress=bar,
            )
    session.out.data(_words(report), _document(report))
    if not report.is_clean:
        ctx.exit(problems.PROOF_FAILED)


def _held(session: Session, path: Path) -> Held:
    genesis = session.folder_transport().genesis
    data = read_held(path)
    checkpoint = open_held(data, genesis, [log_key(genesis, node) for node in genesis.nodes])
    return Held(checkpoint.size, checkpoint.root)


def _words(report: Report) -> str:
    checked = (
        f"{report.replayed_height:,} of {report.height:,} blocks, {report.transactions_count:,}"
        f" transactions, {report.signatures_count:,} signatures, {report.rows_count:,} rows"
    )
    if report.is_clean:
        lines = [f"sound   {report.chain_id}: everything agrees with what its members signed"]
    else:
        count = report.findings_count
        lines = [f"BROKEN  {report.chain_id}: {count:,} {'finding' if count == 1 else 'findings'}"]
    lines += [f"  {finding.kind}: {finding.message}" for finding in report.findings]
    if report.findings_count > len(report.findings):
        lines.append(f"  and {report.findings_count - len(report.findings):,} more")
    lines.append(f"checked {checked}")
    lines.append(f"app hash {report.app_hash.hex()} as recomputed from the genesis")
    lines += [f"not excluded: {words}" for words in report.not_excluded]
    return "\n".join(lines)


def _document(report: Report) -> dict[str, Any]:
    return {
        "ledger": report.chain_id,
        "is_clean": report.is_clean,
        "height": report.height,
        "replayed_height": report.replayed_height,
        "app_hash": report.app_hash.hex(),
        "transactions": report.transactions_count,
        "signatures": report.signatures_count,
        "rows": report.rows_count,
        "findings_count": report.findings_count,
        "findings": [
            {
                "kind": one.kind,
                "message": one.message,
                "table": one.table or None,
                "key": one.key or None,
                "height": one.height,
                "position": one.position,
            }
            for one in report.findings
        ],
        "not_excluded": report.not_excluded,
    }
