"""The first half of an audit: execute the ledger's blocks anew, from genesis, on a store of the auditor's own.

Invariant: the reference holds what the signed transactions make of the genesis, and nothing that the audited file says
of its results; what the file says otherwise of log, receipts, app hashes and evidence is a finding.
"""

from collections.abc import Callable, Iterator

import apsw

from comity.crypto import ed25519
from comity.errors import BlockRejected, ComityError, Malformed
from comity.machine.audit.report import Finding, Report
from comity.machine.candidate import Candidate
from comity.machine.machine import Machine
from comity.model.account import key_id
from comity.model.block import Link
from comity.model.evidence import Evidence
from comity.model.receipt import pack_stored
from comity.model.transaction import Transaction

Progress = Callable[[int, int], None]  # (heights done, heights in all)
_WRONG_ID = "is stored under another id than its own"


class StoredBlock:
    """What the audited file says of one block."""

    def __init__(
        self, row: tuple[object, ...], records: list[tuple[int, bytes | None, bytes, bytes | None]]
    ) -> None:
        self.height, self.engine_height, self.app_hash, self.log_size, self.evidence = row
        self.records = records


class Replay:
    """Replays one file into ``machine``, whose store is the reference.

    Args:
        machine: over an empty store.
    """

    def __init__(self, connection: apsw.Connection, machine: Machine, report: Report) -> None:
        self._connection = connection
        self._machine = machine
        self._report = report

    def run(self, progress: Progress | None = None) -> None:
        """Replay every block; stops at the first that cannot follow, which is a finding."""
        tip = self._connection.execute("SELECT max(height) FROM comity_block").fetchone()
        total: int = 0 if tip is None or tip[0] is None else tip[0]
        self._report.height = total
        self._check_keyed_records()
        first = True
        for block in self._blocks():
            if not self._replay(block, is_genesis=first):
                return
            first = False
            self._report.replayed_height = self._machine.store.height
            if progress is not None:
                progress(self._machine.store.height, total)
        if first:
            self._report.add(
                Finding(kind="genesis", message="the file has no genesis block", height=0)
            )

    def _blocks(self) -> Iterator[StoredBlock]:
        rows = self._connection.execute(
            "SELECT height, engine_height, app_hash, log_size, evidence FROM comity_block ORDER BY height"
        )
        for row in rows:
            records = self._connection.execute(
                "SELECT position, id, bytes, receipt FROM comity_transaction WHERE height = ? ORDER BY position",
                (row[0],),
            ).fetchall()
            yield StoredBlock(row, records)  # type: ignore[arg-type]  # STRICT columns

    def _check_keyed_records(self) -> None:
        """Name entries of the log that belong to no block."""
        strays = self._connection.execute(
            "SELECT position, height FROM comity_transaction"
            " WHERE height NOT IN (SELECT height FROM comity_block) OR height < 1 ORDER BY position"
        )
        for position, height in strays:
            self._report.add(
                Finding(
                    kind="log",
                    message=f"log entry {position} belongs to height {height}, which is no block of this ledger",
                    position=position,
                )
            )

    def _replay(self, block: StoredBlock, *, is_genesis: bool) -> bool:
        """Replay one block; tell whether the next can follow."""
        expected = self._machine.store.height + 1
        if block.height != expected:
            self._stop("link", f"block {expected} is missing: the next is {block.height}", expected)
            return False
        if is_genesis:
            candidate = self._machine.start()
        else:
            if not self._check_first(block, expected):
                return False
            try:
                candidate = self._machine.finalize([record[2] for record in block.records])
            except (BlockRejected, Malformed) as error:
                if self._are_records_good(block, expected):
                    message = f"block {expected} cannot be executed: {error}"
                    self._stop("transaction", message, expected)
                return False
        candidate.engine_height = block.engine_height  # type: ignore[assignment]  # an integer column
        self._compare(block, candidate)
        self._machine.finalize_as(candidate)
        self._machine.commit(block.evidence)  # type: ignore[arg-type]  # a BLOB column
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
        return self._check_link(link, height, position)

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
        except ComityError as error:
            return f"no member signed this for this block: {error}"
        self._report.signatures_count += 1
        return None

    def _compare(self, block: StoredBlock, candidate: Candidate) -> None:
        """Name what the file says otherwise of a block's outcome."""
        height = candidate.height
        for outcome, record in zip(candidate.outcomes, block.records[1:], strict=True):
            position, identifier, _, receipt = record
            self._report.transactions_count += 1
            self._report.signatures_count += 1
            if identifier != outcome.checked.identifier:
                self._name_transaction(height, position, _WRONG_ID)
            salt = outcome.checked.transaction.receipt_salt
            if receipt != pack_stored(salt, outcome.receipt.encode()):
                self._report.add(
                    Finding(
                        kind="receipt",
                        message=f"the receipt of log entry {position} in block {height} was altered",
                        height=height,
                        position=position,
                    )
                )
        store = self._machine.store
        positions = [record[0] for record in block.records]
        if positions != list(range(store.log_size, store.log_size + len(positions))) and height > 0:
            self._report.add(
                Finding(
                    kind="log",
                    message=f"the entries of block {height} are out of place",
                    height=height,
                )
            )
        if block.app_hash != candidate.app_hash:
            self._report.add(
                Finding(
                    kind="app-hash",
                    message=f"the app hash of block {height} is not what its transactions make",
                    height=height,
                )
            )
        if block.log_size != candidate.seal().log.size:
            self._report.add(
                Finding(
                    kind="log", message=f"the log size of block {height} is wrong", height=height
                )
            )
        if block.engine_height != height:  # the embedded engine counts as the ledger does
            self._report.add(
                Finding(
                    kind="row",
                    message=f"comity_block[{height}], height {height} was altered:"
                    f" engine_height is {block.engine_height}, must be {height}",
                    table="comity_block",
                    key=str(height),
                    height=height,
                )
            )
        self._check_evidence(block, candidate)

    def _check_evidence(self, block: StoredBlock, candidate: Candidate) -> None:
        problem = None
        genesis = self._machine.genesis
        keys = {key_id(node.public_key): node.public_key for node in genesis.nodes}
        try:
            evidence = Evidence.decode(block.evidence or b"")  # type: ignore[arg-type]  # a BLOB column
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
            self._report.add(
                Finding(
                    kind="evidence",
                    message=f"the evidence of block {height}: {problem}",
                    height=height,
                )
            )

    def _stop(self, kind: str, message: str, height: int) -> None:
        self._report.add(Finding(kind=kind, message=message, height=height))
        self._note_stop(height)

    def _note_stop(self, height: int) -> None:
        note = f"blocks from height {height} on could not be replayed, so their rows were compared with nothing"
        if note not in self._report.not_excluded:
            self._report.not_excluded.append(note)
