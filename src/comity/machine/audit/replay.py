"""The first half of an audit: execute the ledger's blocks anew, from genesis, on a store of the auditor's own.

Invariant: the reference holds what the signed transactions make of the genesis, and nothing that the audited file says
of its results; what the file says otherwise of log, receipts, app hashes and evidence is a finding.
"""

from collections.abc import Callable

import apsw
import msgspec

from comity.crypto import ed25519
from comity.errors import BlockRejected, Malformed, Rejected
from comity.machine.audit.report import Finding, Report
from comity.machine.audit.suspect import Damaged, Suspect
from comity.machine.candidate import Candidate
from comity.machine.machine import Machine
from comity.machine.system import CHAIN
from comity.model.account import key_id
from comity.model.block import Link, is_tick
from comity.model.evidence import Evidence
from comity.model.receipt import pack_stored
from comity.model.transaction import Transaction

Progress = Callable[[int, int], None]  # (heights done, heights in all)
_WRONG_ID = "is stored under another id than its own"
_BLOCKS, _ENTRIES = "comity_block", "comity_transaction"
_HEADS = "SELECT engine_height, app_hash, log_size, evidence FROM comity_block WHERE height = ?"
_RECORDS = (
    "SELECT position, id, bytes, receipt FROM comity_transaction WHERE height = ? ORDER BY position"
)
_LAST = {
    _BLOCKS: "SELECT max(height) FROM comity_block",
    _ENTRIES: "SELECT max(height) FROM comity_transaction",
}
_ENTRY = "SELECT height FROM comity_transaction WHERE position = ?"
_CHAIN = "SELECT max(height) FROM comity_chain"
_STRAYS = (
    "SELECT position, height FROM comity_transaction WHERE height < 1 OR"
    " (height > ? AND height NOT IN (SELECT height FROM comity_block)) ORDER BY position"
)
_OPTIONAL_BYTES = (bytes, type(None))


class BlockHead(msgspec.Struct, frozen=True):
    """A row of ``comity_block``: what the audited file says that a block made."""

    engine_height: int
    app_hash: bytes
    log_size: int
    evidence: bytes | None


class StoredBlock(msgspec.Struct, frozen=True):
    """What the audited file holds of one block; ``head`` is None where that row is missing."""

    head: BlockHead | None
    records: list[tuple[int, bytes | None, bytes, bytes | None]]


class Replay:
    """Replays one file into ``machine``, whose store is the reference.

    Args:
        machine: over an empty store.
    """

    def __init__(self, connection: apsw.Connection, machine: Machine, report: Report) -> None:
        self._suspect = Suspect(connection)
        self._machine = machine
        self._report = report
        self._readable: tuple[str, ...] = ()

    def run(self, progress: Progress | None = None) -> None:
        """Replay every block; stops at the first that cannot follow, which is a finding.

        A block whose row in ``comity_block`` is missing is replayed from its entries. Raises: Damaged.
        """
        self._readable = self._tables()
        total = self._report.height = max(map(self._last, (_BLOCKS, _ENTRIES)))
        is_whole = all(self._is_replayed(height, progress) for height in range(max(total, 0) + 1))
        if is_whole:
            self._check_tip(total)
        self._check_strays()

    def _tables(self) -> tuple[str, ...]:
        return self._suspect.tables_as_in(self._machine.store.connection)

    def _last(self, table: str) -> int:
        if table not in self._readable:
            return -1
        for (height,) in self._suspect.rows(_LAST[table], kinds=((int, type(None)),)):
            if isinstance(height, int):
                return height
        return -1

    def _is_replayed(self, height: int, progress: Progress | None) -> bool:
        """Replay the block at ``height``; tell whether the next can follow."""
        try:
            block = self._stored(height)
        except Damaged as damage:
            self._stop("sqlite", f"block {height} cannot be read: {damage}", height)
            return False
        if block.head is None and not block.records and height:
            message = f"block {height} is missing: the file goes on to block {self._report.height}"
            self._stop("link", message, height)
            return False
        if not self._replay(block, height):
            return False
        self._report.replayed_height = height
        if progress is not None:
            progress(height, self._report.height)
        return True

    def _stored(self, height: int) -> StoredBlock:
        head, records = None, []
        if _BLOCKS in self._readable:
            for row in self._suspect.rows(_HEADS, (height,), (int, bytes, int, _OPTIONAL_BYTES)):
                head = BlockHead(*row)  # type: ignore[arg-type]  # the kinds that were asked for
        if _ENTRIES in self._readable:
            kinds = (int, _OPTIONAL_BYTES, bytes, _OPTIONAL_BYTES)
            records = list(self._suspect.rows(_RECORDS, (height,), kinds))
        return StoredBlock(head, records)  # type: ignore[arg-type]  # as above

    def _check_tip(self, total: int) -> None:
        """Name blocks of which only the state is left."""
        if CHAIN.name not in self._tables():
            return
        for (height,) in self._suspect.rows(_CHAIN):
            if isinstance(height, int) and height > total:
                message = f"block {total + 1} is missing: comity_chain says height {height}"
                self._report.add(Finding(kind="link", message=message, height=total + 1))

    def _check_strays(self) -> None:
        """Name entries of the log that belong to no block."""
        if not {_BLOCKS, _ENTRIES} <= {*self._readable}:
            return
        for position, height in self._suspect.rows(_STRAYS, (self._report.replayed_height,)):
            if isinstance(position, int) and isinstance(height, int):
                message = f"log entry {position} belongs to height {height}, which is no block of this ledger"
                self._report.add(Finding(kind="log", message=message, position=position))

    def _replay(self, block: StoredBlock, height: int) -> bool:
        """Replay one block; tell whether the next can follow."""
        if height == 0:
            candidate = self._machine.start()
        elif not self._check_first(block, height):
            return False
        else:
            try:
                candidate = self._machine.finalize([record[2] for record in block.records])
            except (BlockRejected, Malformed) as error:
                is_whole = self._are_entries_there(block, height)
                if self._are_records_good(block, height) and is_whole:
                    message = f"block {height} cannot be executed: {error}"
                    self._stop("transaction", message, height)
                return False
            is_right = block.head is None or block.head.app_hash == candidate.app_hash
            if not is_right and not self._are_entries_there(block, height):
                return False
        if height:  # what stands at the genesis is a stray
            self._compare_records(block, candidate)
        evidence = None
        if block.head is not None:
            self._compare_head(block.head, candidate)
            candidate.engine_height = block.head.engine_height
            evidence = block.head.evidence
        self._machine.finalize_as(candidate)
        self._machine.commit(evidence)
        return True

    def _check_first(self, block: StoredBlock, height: int) -> bool:
        """Name what is wrong with a block's link; tell whether the block can be executed."""
        if not block.records:
            self._stop("log", f"block {height} has no entries", height)
            return False
        position, identifier, data, _ = block.records[0]
        try:
            link = Link.decode(data)
        except Malformed as error:
            self._stop(
                "link",
                f"the link of block {height} (log entry {position}) is damaged: {error}",
                height,
            )
            return False
        if identifier is not None:
            self._stop(
                "link", f"the link of block {height} (log entry {position}) carries an id", height
            )
        ticks = [record[0] for record in block.records[1:] if is_tick(record[2])]
        if ticks:
            message = f"log entry {ticks[0]} in block {height} is a tick, which is never logged"
            self._stop("transaction", message, height)
        return self._check_link(link, height, position) and not ticks

    def _are_entries_there(self, block: StoredBlock, height: int) -> bool:
        """Name the first entry that the file counts to a block and has nowhere; tell whether there is none."""
        places = dict.fromkeys(record[0] for record in block.records)
        end = 0 if block.head is None else block.head.log_size
        counted = range(self._machine.store.log_size, end)
        position = next((at for at in counted if at not in places), None)
        if position is None or list(self._suspect.rows(_ENTRY, (position,))):
            return True
        message = f"log entry {position} of block {height} is missing"
        self._report.add(Finding(kind="log", message=message, height=height, position=position))
        self._note_stop(height)
        return False

    def _are_records_good(self, block: StoredBlock, height: int) -> bool:
        """Name the entries for which a block was rejected; tell whether there are none."""
        link = Link.decode(block.records[0][2])
        problems = [
            (position, self._problem_of(identifier, data, link))
            for position, identifier, data, _ in block.records[1:]
        ]
        self._report.transactions_count += len(problems)
        found = [(position, problem) for position, problem in problems if problem is not None]
        for position, problem in found:
            self._name_transaction(height, position, problem)
        if found:
            self._note_stop(height)
        return not found

    def _name_transaction(self, height: int, position: int, problem: str) -> None:
        message = f"log entry {position} in block {height}: {problem}"
        self._report.add(
            Finding(kind="transaction", message=message, height=height, position=position)
        )

    def _check_link(self, link: Link, height: int, position: int) -> bool:
        store = self._machine.store
        before = self._machine.genesis.hash if height == 1 else store.app_hash
        problems = []
        if link.height != height:
            problems.append(f"says height {link.height}")
        if link.app_hash != before:
            problems.append(f"names another app hash than block {height - 1} has")
        if link.time_ns <= store.time_ns:
            problems.append("has a time that is not after the block before")
        if link.misbehaviour and len(self._machine.genesis.nodes) == 1:
            problems.append("reports misbehaviour, which a single node cannot see")
        if link.proposer not in [key_id(node.public_key) for node in self._machine.genesis.nodes]:
            problems.append("names a proposer that is no node of the genesis")
        if problems:
            message = f"the link of block {height} (log entry {position}) " + ", ".join(problems)
            self._stop("link", message, height)
        return not problems

    def _problem_of(self, identifier: bytes | None, data: bytes, link: Link) -> str | None:
        try:
            transaction = Transaction.decode(data)
        except Malformed as error:
            return f"is damaged: {error}"
        if transaction.envelope.transaction_id(self._machine.genesis.hash) != identifier:
            return _WRONG_ID
        try:
            self._machine.checker.check(data, link.time_ns)
        except (Rejected, Malformed) as error:
            return f"no member signed this for this block: {error}"
        self._report.signatures_count += 1
        return None

    def _compare_records(self, block: StoredBlock, candidate: Candidate) -> None:
        """Name what the file says otherwise of a block's entries and their outcomes."""
        height, first = candidate.height, self._machine.store.log_size
        for outcome, record in zip(candidate.outcomes, block.records[1:], strict=True):
            position, identifier, _, receipt = record
            self._report.transactions_count += 1
            self._report.signatures_count += 1
            if identifier != outcome.checked.identifier:
                self._name_transaction(height, position, _WRONG_ID)
            salt = outcome.checked.transaction.receipt_salt
            if receipt != pack_stored(salt, outcome.receipt.encode()):
                message = f"the receipt of log entry {position} in block {height} was altered"
                self._report.add(
                    Finding(kind="receipt", message=message, height=height, position=position)
                )
        positions = [record[0] for record in block.records]
        if positions != list(range(first, first + len(positions))):
            self._add("log", f"the entries of block {height} are out of place", height)

    def _compare_head(self, head: BlockHead, candidate: Candidate) -> None:
        """Name what the file says otherwise of what a block made."""
        height = candidate.height
        if head.app_hash != candidate.app_hash:
            message = f"the app hash of block {height} is not what its transactions make"
            self._add("app-hash", message, height)
        if head.log_size != candidate.seal().log.size:
            self._add("log", f"the log size of block {height} is wrong", height)
        if head.engine_height != height:  # the embedded engine counts as the ledger does
            message = (
                f"comity_block[{height}], height {height} was altered:"
                f" engine_height is {head.engine_height}, must be {height}"
            )
            self._report.add(
                Finding(kind="row", message=message, table=_BLOCKS, key=str(height), height=height)
            )
        self._check_evidence(head, candidate)

    def _check_evidence(self, head: BlockHead, candidate: Candidate) -> None:
        problem = None
        genesis = self._machine.genesis
        keys = {key_id(node.public_key): node.public_key for node in genesis.nodes}
        try:
            evidence = Evidence.decode(head.evidence or b"")
        except Malformed as error:
            problem = str(error)
        else:
            public_key = keys.get(evidence.kid)
            if (evidence.height, evidence.app_hash) != (candidate.height, candidate.app_hash):
                problem = "it signs another height or app hash"
            elif public_key is None:
                problem = "it is signed by no node of the genesis"
            elif not ed25519.verify(
                public_key, evidence.to_be_signed(genesis.hash), evidence.signature
            ):
                problem = "its signature does not verify"
        self._report.signatures_count += problem is None
        if problem is not None:
            height = candidate.height
            self._add("evidence", f"the evidence of block {height}: {problem}", height)

    def _add(self, kind: str, message: str, height: int) -> None:
        self._report.add(Finding(kind=kind, message=message, height=height))

    def _stop(self, kind: str, message: str, height: int) -> None:
        self._add(kind, message, height)
        self._note_stop(height)

    def _note_stop(self, height: int) -> None:
        note = f"blocks from height {height} on could not be replayed, so their rows were compared with nothing"
        if note not in self._report.not_excluded:
            self._report.not_excluded.append(note)
