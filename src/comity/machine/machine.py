"""The state machine: prepare, process, finalize and commit blocks, on one object that any engine can drive.

Invariant: the committed state moves in ``commit`` alone, by exactly one block; each node executes a block once
(consensus rule R3.4).
"""

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

import msgspec

from comity.errors import BlockRejected, InvariantViolated, Malformed, Rejected
from comity.limits import (
    ACCEPTED_KEPT_MAX,
    BLOCK_BYTES_MAX,
    BLOCK_TIME_AGE_NS_MAX,
    BLOCK_TIME_AHEAD_NS_MAX,
    CANDIDATES_KEPT_MAX,
    SECOND_NS,
)
from comity.machine.candidate import Candidate, Outcome, write_seen
from comity.machine.checks import BlockChecks, Checked, Checker, waits
from comity.machine.context import BlockFacts
from comity.machine.execution import AppFault, BlockFull, Execution
from comity.machine.genesis import check_apps, genesis_block
from comity.machine.state import State
from comity.machine.system import ACCOUNT, KEY, TIMER, TimerRow
from comity.model.block import Link, Tick, block_hash, is_tick
from comity.model.genesis import Genesis
from comity.model.receipt import Receipt, link_entry, transaction_entry, unpack_stored
from comity.model.transaction import Transaction
from comity.sdk.declaration import Declaration
from comity.store.store import Store


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction that a proposer left out, and why; ``waits`` when a later block may hold it."""

    checked: Checked
    code: str
    message: str
    waits: bool


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A block that this node proposes, and what it left out."""

    candidate: Candidate | None
    left_out: tuple[LeftOut, ...] = ()


class Machine:
    """Executes blocks over a store.

    Args:
        store: open, or empty: then the genesis block is written.
        apps: declarations by name; exactly what genesis names is used.
    """

    def __init__(self, store: Store, genesis: Genesis, apps: Mapping[str, Declaration]) -> None:
        check_apps(genesis, apps)
        self.store = store
        self.genesis = genesis
        self.apps = {wanted.name: apps[wanted.name] for wanted in genesis.apps}
        self._granted = {wanted.name: wanted.grants for wanted in genesis.apps}
        self.checker = Checker(store, genesis.hash, self.apps)
        self._candidates: dict[bytes, Candidate] = {}
        self._accepted: dict[bytes, None] = {}  # blocks that this node voted for at this height
        self._age_ns_max: int | None = BLOCK_TIME_AGE_NS_MAX  # None: no block is too old
        self._final: Candidate | None = None

    def start(self) -> Candidate:
        """Return the genesis block, executed; ``commit`` it. Raises: ConfigError."""
        self._final = genesis_block(self.store, self.genesis, self.apps)
        return self._final

    def check(self, data: bytes, now_ns: int) -> Checked:
        """Return the transaction when the next block may hold it. Raises: Rejected."""
        return self.checker.check(data, max(now_ns, self.store.time_ns))

    def reading(self) -> AbstractContextManager[None]:
        """Return what makes many reads and checks cheaper: one read transaction around them all."""
        return self.store.reading()

    def identify(self, data: bytes) -> bytes | None:
        """Return the id of a transaction of this ledger, or None when ``data`` is none."""
        try:
            envelope = Transaction.decode(data).envelope
        except Malformed:
            return None
        return envelope.transaction_id(self.genesis.hash)

    def receipt(self, identifier: bytes) -> tuple[int, int, Receipt] | None:
        """Return (height, position, receipt) of a known transaction id, or None."""
        row = self.store.connection.execute(
            "SELECT height, position, receipt FROM comity_transaction WHERE id = ?", (identifier,)
        ).fetchone()
        if row is None:
            return None
        height, position, stored = row
        return height, position, Receipt.decode(unpack_stored(stored)[1])

    def next_timer_ns(self) -> int | None:
        """Return the time past which the next timer is due, or None."""
        for row in self.store.tables[TIMER.name].range((), ()):
            return TimerRow._make(row).fire_at
        return None

    # --- the four calls ---

    def prepare(
        self,
        pending: Sequence[Checked],
        now_ns: int,
        proposer: bytes,
        misbehaviour: Sequence[object] = (),
    ) -> Prepared:
        """Execute as much of ``pending`` as one block holds and return it as a candidate.

        Args:
            pending: checked transactions in the order wanted.
            now_ns: this node's clock.
            proposer: key id of this node, 20 bytes.
        Returns: no candidate when there is nothing to do or the block interval has not passed.
        """
        with self.store.reading():
            return self._prepare(pending, now_ns, proposer, misbehaviour)

    def _prepare(
        self,
        pending: Sequence[Checked],
        now_ns: int,
        proposer: bytes,
        misbehaviour: Sequence[object],
    ) -> Prepared:
        time_ns = max(now_ns, self.store.time_ns + 1)
        if not misbehaviour and time_ns < self._earliest_ns():
            return Prepared(candidate=None)
        state, execution = self._execution(time_ns)
        position = self.store.log_size
        is_due = bool(execution.due_timers())
        quarantined = execution.run_timers(position, (), is_decided=False)
        outcomes, left_out = self._run_pending(state, execution, pending, time_ns, position + 1)
        if not outcomes and not is_due and not misbehaviour:
            return Prepared(candidate=None, left_out=tuple(left_out))
        link = Link(
            height=self.store.height + 1,
            app_hash=self._app_hash_before(),
            time_ns=time_ns,
            proposer=proposer,
            misbehaviour=tuple(misbehaviour),
            quarantined=tuple(quarantined),
        )
        entries = [link.encode(), *[outcome.checked.data for outcome in outcomes]]
        candidate = self._keep(state, link, entries, outcomes)
        return Prepared(candidate=candidate, left_out=tuple(left_out))

    def process(
        self, entries: Sequence[bytes], now_ns: int, misbehaviour: Sequence[object] = ()
    ) -> Candidate:
        """Check a proposed block against the rules and this node's clock, and execute it.

        Args:
            misbehaviour: what this node's engine reports, which the link must repeat.
        Raises: BlockRejected.
        """
        digest = block_hash(entries)
        known = self._candidates.get(digest)
        if digest in self._accepted and known is not None:
            return known
        link = self._link(entries)
        if digest not in self._accepted:
            self._check_clock(link, now_ns)
        if list(link.misbehaviour) != list(misbehaviour):
            raise BlockRejected("misbehaviour", "the link does not repeat what the engine reports")
        candidate = known if known is not None else self._execute(entries, is_decided=False)
        self._accept(digest)
        return candidate

    def _accept(self, digest: bytes) -> None:
        """Remember a block that this node votes for.

        Rule R3.2 holds for those that are forgotten for want of room too: what was accepted once can only have become
        too old meanwhile, and from then on no block of this height is.
        """
        self._accepted[digest] = None
        if len(self._accepted) > ACCEPTED_KEPT_MAX:
            del self._accepted[next(iter(self._accepted))]
            self._age_ns_max = None

    def _check_clock(self, link: Link, now_ns: int) -> None:
        """Compare a block's time with this node's clock, which may influence a vote and nothing else (rule R3.2).

        Each refusal for age doubles the bound until the height ends, so that a block that others are locked on can
        still be decided. Raises: BlockRejected.
        """
        if link.time_ns > now_ns + BLOCK_TIME_AHEAD_NS_MAX:
            raise BlockRejected("time-ahead", "the block's time is ahead of this node's clock")
        if self._age_ns_max is not None and link.time_ns < now_ns - self._age_ns_max:
            self._age_ns_max *= 2
            raise BlockRejected("time-old", "the block's time is too old for this node's clock")

    def finalize(self, entries: Sequence[bytes], engine_height: int | None = None) -> Candidate:
        """Return the candidate of a decided block, executing it unless this node has.

        Raises: BlockRejected, when a deterministic check fails: the caller must stop the node.
        """
        candidate = self._candidates.get(block_hash(entries))
        if candidate is None:
            candidate = self._execute(entries, is_decided=True)
        if engine_height is not None:
            candidate.engine_height = engine_height
        self._final = candidate
        return candidate

    def finalize_as(self, candidate: Candidate) -> None:
        """Take ``candidate`` for the decided block, in a replay that has compared it."""
        self._final = candidate

    def commit(self, evidence: bytes | None = None) -> None:
        """Write the finalized block, with the evidence of its app hash.

        Raises: Unavailable, when the disk is full: call again. Anything else stops the node.
        """
        candidate = self._final
        if candidate is None:
            raise InvariantViolated("commit without a finalized block")
        write = dataclasses.replace(
            candidate.seal(), evidence=evidence, engine_height=candidate.engine_height
        )
        self.store.write_block(write, candidate.numbers)
        if ACCOUNT.name in write.tables or KEY.name in write.tables:
            self.checker.forget_accounts()
        self._candidates.clear()
        self._accepted.clear()
        self._age_ns_max = BLOCK_TIME_AGE_NS_MAX
        self._final = None

    # --- inside ---

    def _earliest_ns(self) -> int:
        if self.store.height == 0:
            return 0
        return self.store.time_ns + self.genesis.block_interval_s * SECOND_NS

    def _app_hash_before(self) -> bytes:
        return self.genesis.hash if self.store.height == 0 else self.store.app_hash

    def _execution(self, time_ns: int) -> tuple[State, Execution]:
        state = State(self.store)
        facts = BlockFacts(
            genesis_hash=self.genesis.hash,
            height=self.store.height + 1,
            time_ns=time_ns,
            granted=self._granted,
        )
        return state, Execution(state, facts, self.apps)

    def _run_pending(
        self,
        state: State,
        execution: Execution,
        pending: Sequence[Checked],
        time_ns: int,
        position: int,
    ) -> tuple[list[Outcome], list[LeftOut]]:
        outcomes: list[Outcome] = []
        left_out: list[LeftOut] = []
        checks, size = BlockChecks(), 0
        for index, checked in enumerate(pending):
            if size + len(checked.data) > BLOCK_BYTES_MAX - _LINK_ROOM:
                left_out += [_waiting(later, "block-full") for later in pending[index:]]
                break
            try:
                again = self.checker.check_again(checked, time_ns)
                checks.add(again)
            except Rejected as error:
                left_out.append(
                    LeftOut(
                        checked=checked, code=error.code, message=str(error), waits=waits(error)
                    )
                )
                continue
            at = position + len(outcomes)
            try:
                receipt = execution.run_transaction(again, at)
            except BlockFull:
                left_out += [_waiting(later, "block-full") for later in pending[index:]]
                break
            except AppFault as fault:
                checks.remove(again)
                left_out.append(
                    LeftOut(checked=checked, code="app-fault", message=str(fault), waits=False)
                )
                continue
            write_seen(state, again, at)
            size += len(checked.data)
            outcomes.append(Outcome(checked=again, position=at, receipt=receipt))
        return outcomes, left_out

    def _execute(self, entries: Sequence[bytes], *, is_decided: bool) -> Candidate:
        """Check and execute a block that another node made. Raises: BlockRejected."""
        with self.store.reading():
            return self._run_entries(entries, self._link(entries), is_decided=is_decided)

    def _run_entries(self, entries: Sequence[bytes], link: Link, *, is_decided: bool) -> Candidate:
        state, execution = self._execution(link.time_ns)
        transactions = self._check_entries(entries, link, execution)
        position = self.store.log_size
        faulted = execution.run_timers(position, link.quarantined, is_decided=is_decided)
        if tuple(faulted) != link.quarantined:
            raise BlockRejected("quarantine", "the link names other timers than those that fault")
        outcomes: list[Outcome] = []
        for at, checked in enumerate(transactions, position + 1):
            try:
                receipt = execution.run_transaction(checked, at)
            except (AppFault, BlockFull) as fault:
                raise BlockRejected("execution", str(fault)) from fault
            write_seen(state, checked, at)
            outcomes.append(Outcome(checked=checked, position=at, receipt=receipt))
        return self._keep(state, link, entries, outcomes)

    def _link(self, entries: Sequence[bytes]) -> Link:
        """Return the block's link, checked against the state before. Raises: BlockRejected."""
        if not entries:
            raise BlockRejected("link", "a block without entries has no link")
        try:
            link = Link.decode(entries[0])
        except Malformed as error:
            raise BlockRejected("link", str(error)) from error
        if link.height != self.store.height + 1 or link.app_hash != self._app_hash_before():
            raise BlockRejected("link", f"the link does not follow block {self.store.height}")
        if link.time_ns <= self.store.time_ns:
            raise BlockRejected("time", "the block's time is not after the last block's")
        if not link.misbehaviour and link.time_ns < self._earliest_ns():
            raise BlockRejected("too-early", "the ledger's block interval has not passed")
        return link

    def _check_entries(
        self, entries: Sequence[bytes], link: Link, execution: Execution
    ) -> list[Checked]:
        if sum(map(len, entries)) > BLOCK_BYTES_MAX:
            raise BlockRejected("size", f"a block holds at most {BLOCK_BYTES_MAX} bytes")
        checks, transactions = BlockChecks(), []
        for index, entry in enumerate(entries[1:], 1):
            try:
                if is_tick(entry):
                    self._check_tick(entry, index, link)
                    continue
                checked = self.checker.check(entry, link.time_ns)
                checks.add(checked)
            except (Rejected, Malformed) as error:
                raise BlockRejected("entry", f"entry {index}: {error}") from error
            transactions.append(checked)
        if not transactions and not link.misbehaviour and not execution.due_timers():
            raise BlockRejected("link", "a link needs transactions, due timers or misbehaviour")
        return transactions

    def _check_tick(self, entry: bytes, index: int, link: Link) -> None:
        tick = Tick.decode(entry)
        row = self.store.tables[TIMER.name].get((tick.fire_at, tick.sequence))
        if index != 1 or row is None or tick.fire_at >= link.time_ns:
            raise Malformed("a tick stands right after the link, and its timer is due")

    def _keep(
        self, state: State, link: Link, entries: Sequence[bytes], outcomes: Sequence[Outcome]
    ) -> Candidate:
        log_entries = [link_entry(entries[0])]
        for outcome in outcomes:
            transaction = outcome.checked.transaction
            log_entries.append(
                transaction_entry(
                    outcome.checked.identifier,
                    transaction.envelope.encode(),
                    transaction.receipt_salt,
                    outcome.receipt.encode(),
                )
            )
        candidate = Candidate(
            state=state,
            height=link.height,
            time_ns=link.time_ns,
            entries=entries,
            log_entries=log_entries,
            outcomes=outcomes,
        )
        while len(self._candidates) >= CANDIDATES_KEPT_MAX:
            del self._candidates[next(iter(self._candidates))]
        self._candidates[block_hash(entries)] = candidate
        return candidate


_LINK_ROOM = 64 << 10


def _waiting(checked: Checked, code: str) -> LeftOut:
    return LeftOut(
        checked=checked, code=code, message="the block is full; it waits for the next", waits=True
    )
