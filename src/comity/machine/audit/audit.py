"""The audit of a ledger file, whole.

Invariant: nothing is believed that was not recomputed from the genesis and the members' signatures; what an audit of
one file cannot exclude is told every time.
"""

from collections.abc import Callable, Mapping

import apsw

from comity.crypto.hashing import HASH_BYTES
from comity.machine.audit.compare import Comparison
from comity.machine.audit.replay import Progress, Replay
from comity.machine.audit.report import Finding, Report
from comity.machine.audit.suspect import Damaged, Suspect
from comity.machine.machine import Machine
from comity.model.genesis import Genesis
from comity.sdk.declaration import Declaration
from comity.store.store import Store

_WITHOUT_CHECKPOINT = (
    "that the operator left out, or rewrote, whole transactions and signed everything anew:"
    " compare with a checkpoint that a member holds (--checkpoint FILE)"
)


class Held:
    """A checkpoint that somebody outside holds: size and root of the log, already checked for its signature."""

    def __init__(self, size: int, root: bytes) -> None:
        self.size = size
        self.root = root


def audit(
    connection: apsw.Connection,
    genesis: Genesis,
    apps: Mapping[str, Declaration],
    reference: Store,
    *,
    held: Held | None = None,
    progress: Progress | None = None,
) -> Report:
    """Replay the ledger behind ``connection`` into ``reference``, an empty store, and compare everything.

    Args:
        connection: read-only, to the file that is audited.
        held: a checkpoint to compare the log with.
    Raises: ConfigError, when an app that the genesis names is missing here.
    Cost: the execution of every block, and one read of every row.
    """
    report = Report(chain_id=genesis.chain_id)
    machine = Machine(reference, genesis, apps)
    suspect = Suspect(connection)
    steps: tuple[Callable[[], None], ...] = (
        lambda: _check_integrity(suspect, report),
        lambda: Replay(connection, machine, report).run(progress),
        lambda: Comparison(suspect, reference, report).run(),
        lambda: _check_held(reference, held, report),
    )
    with suspect.snapshot():
        for step in steps:
            try:
                step()
            except Damaged as damage:
                message = f"SQLite cannot read the file: {damage}"
                report.add(Finding(kind="sqlite", message=message))
    report.app_hash = reference.app_hash
    return report


def _check_integrity(suspect: Suspect, report: Report) -> None:
    """Let SQLite check its own structure: pages, indexes, types."""
    for (message,) in suspect.rows("PRAGMA integrity_check(20)"):
        if message != "ok":
            words = f"SQLite's integrity check: {message!r}"
            report.add(Finding(kind="sqlite", message=words))


def _check_held(reference: Store, held: Held | None, report: Report) -> None:
    if held is None:
        report.not_excluded.append(_WITHOUT_CHECKPOINT)
        return
    if held.size > reference.log_size:
        message = (
            f"the checkpoint covers {held.size} log entries, this file has {reference.log_size}:"
            " entries that were promised are gone"
        )
        report.add(Finding(kind="checkpoint", message=message))
        return
    if len(held.root) != HASH_BYTES or reference.log.root(held.size) != held.root:
        message = (
            f"the first {held.size} log entries are not those of the checkpoint:"
            " the history was rewritten after the checkpoint was given"
        )
        report.add(Finding(kind="checkpoint", message=message))
    report.not_excluded.append(
        f"a second history that begins after log entry {held.size - 1}, the last that the checkpoint covers"
    )
