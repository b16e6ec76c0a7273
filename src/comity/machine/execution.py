"""Executing a block's work on a candidate's state: timers first, then transactions, each all or nothing.

Invariant: a refusal leaves no trace but its receipt; a fault of application code leaves none at all and names its
origin; a fault of storage passes through and stops the node (consensus rules R3.4 and R3.6).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import apsw

from comity.crypto import cbor
from comity.crypto.ordered import encode_key
from comity.errors import ComityError, InvariantViolated, Malformed, Refusal, Unavailable
from comity.limits import (
    ROWS_TOUCHED_PER_BLOCK_MAX,
    ROWS_WRITTEN_PER_BLOCK_MAX,
    TIMERS_PER_BLOCK_MAX,
)
from comity.machine.checks import Checked
from comity.machine.context import ActionContext, BlockFacts, Writer
from comity.machine.quota import Rule, charge, rules_of
from comity.machine.state import State
from comity.machine.system import (
    ACCOUNT,
    ACTIVE,
    KEY,
    SCOPE_TIMER,
    TIMER,
    AccountRow,
    KeyRow,
    TimerRow,
)
from comity.model.names import split_action
from comity.model.receipt import RECEIPT_BYTES_MAX, Receipt
from comity.sdk.checks import value_of
from comity.sdk.declaration import Declaration
from comity.sdk.standard import (
    AccountExists,
    AccountNotFound,
    AccountSuspended,
    KeyNotFound,
    ResultTooLarge,
    UnknownAction,
)

# Faults of this node's disk, memory or code, never of an application: they stop the node (rule R3.4).
NODE_FAULTS = (apsw.Error, OSError, MemoryError, InvariantViolated, Unavailable)
R = TypeVar("R")


class AppFault(ComityError):
    """Application code raised something else than a refusal.

    Args:
        where: ``app.action``.
    """

    def __init__(self, where: str, error: BaseException) -> None:
        super().__init__(f"{where} faults: {type(error).__name__}")
        self.where = where


class BlockFull(ComityError):
    """The block would write or touch more rows than one may."""


class Execution:
    """Runs timers and transactions of one block."""

    def __init__(self, state: State, facts: BlockFacts, apps: Mapping[str, Declaration]) -> None:
        self._state = state
        self._facts = facts
        self._apps = apps
        self._quotas: list[Rule] | None = None  # read on first use

    def due_timers(self) -> list[TimerRow]:
        """Return the timers whose time the block's time has passed, in (fire_at, sequence) order, bounded."""
        table = self._state.system(TIMER)
        found = table.range((), (self._facts.time_ns - 1,), None, TIMERS_PER_BLOCK_MAX)
        return [TimerRow._make(row) for row in found]

    def run_timers(
        self, position: int, given_up: Sequence[tuple[int, int]], *, is_decided: bool
    ) -> list[tuple[int, int]]:
        """Fire the due timers as one writer at ``position``; return those that fault.

        Args:
            given_up: (fire_at, sequence) that the block's link names as quarantined.
            is_decided: the block was decided, so these are obeyed, not tried.
        """
        self._state.begin(position)
        faulted: list[tuple[int, int]] = []
        timers = self._state.system(TIMER)
        for row in self.due_timers():
            if timers.rows.get(timers.codec.key(row), row) is None:
                continue  # an earlier timer of this block cancelled it
            if self._state.rows_touched() > ROWS_TOUCHED_PER_BLOCK_MAX // 2:
                break
            at = (row.fire_at, row.sequence)
            mark, touched = self._state.mark(), self._state.rows_touched()
            if (is_decided and at in given_up) or not self._fire(row, mark):
                faulted.append(at)
                self._state.count_again(touched)
            if self._state.written() >= ROWS_WRITTEN_PER_BLOCK_MAX:
                self._state.roll_back(mark)
                if faulted and faulted[-1] == at:
                    faulted.pop()
                break
            self._remove_timer(row)
        self._state.seal()
        return faulted

    def run_transaction(self, checked: Checked, position: int) -> Receipt:
        """Execute one transaction at ``position`` and return its receipt.

        Raises: AppFault, BlockFull: nothing changed, and there is no receipt.
        """
        self._state.begin(position)
        touched = self._state.rows_touched()
        try:
            receipt = self._run_transaction(checked)
            self._check_room()
        except (AppFault, BlockFull):
            self._state.roll_back()
            self._state.count_again(touched)
            raise
        self._state.seal()
        return receipt

    def _run_transaction(self, checked: Checked) -> Receipt:
        """Run the calls, to stand or be taken back with ``seal``, and return the receipt. Raises: AppFault."""
        results: list[cbor.Value] = []
        mark = 0
        try:
            writer = Writer(
                sender=checked.transaction.envelope.sender,
                identifier=checked.identifier,
                salt=checked.transaction.salt,
                key=checked.key,
                scope=self._scope_of(checked),
            )
            _shielded("roles", lambda: self._charge(checked))
            mark = self._state.mark()
            self._run_calls(checked, writer, results)
            receipt = Receipt(results=tuple(results))
            if len(_shielded("results", receipt.encode)) > RECEIPT_BYTES_MAX:
                raise ResultTooLarge(bytes_max=RECEIPT_BYTES_MAX)
        except Refusal as refusal:
            self._state.roll_back(mark)
            return _refused(refusal, len(results))
        return receipt

    def _check_room(self) -> None:
        """Refuse what a block has no room for beside what it holds. Raises: BlockFull."""
        if self._state.rows_written + self._state.written() > ROWS_WRITTEN_PER_BLOCK_MAX:
            raise BlockFull(f"a block writes at most {ROWS_WRITTEN_PER_BLOCK_MAX} rows")
        if self._state.rows_touched() > ROWS_TOUCHED_PER_BLOCK_MAX:
            raise BlockFull(f"a block touches at most {ROWS_TOUCHED_PER_BLOCK_MAX} rows")

    def _charge(self, checked: Checked) -> None:
        """Count the calls against the ledger's quotas, to stay even if the transaction is refused (rule R2.5)."""
        if self._quotas is None:
            self._quotas = rules_of(self._state)
        if self._quotas:
            sender, calls = checked.transaction.envelope.sender, len(checked.transaction.calls)
            charge(self._state, self._apps, self._quotas, sender, calls, self._facts.time_ns)

    def _run_calls(self, checked: Checked, writer: Writer, results: list[cbor.Value]) -> None:
        contexts: dict[str, ActionContext] = {}
        for call in checked.transaction.calls:
            try:
                app, name = split_action(call.action)
            except Malformed:
                raise UnknownAction(action=call.action[:80]) from None
            context = contexts.get(app)
            if context is None:
                declaration = self._apps.get(app)
                if declaration is None:
                    raise UnknownAction(action=call.action)
                context = ActionContext(self._state, self._facts, writer, declaration)
                contexts[app] = context
            results.append(_run(context, call.action, name, call.arguments))

    def _fire(self, timer: TimerRow, mark: int) -> bool:
        """Run one timer; tell whether it did not fault. A refusal only takes its writes back."""
        declaration = self._apps.get(timer.app)
        if declaration is None:
            return False
        writer = Writer(
            sender=b"", identifier=b"", salt=timer.salt, key=(0, b""), scope=SCOPE_TIMER
        )
        writer.timers_set = mark  # sequences of the block's timers must differ: writes only grow
        context = ActionContext(self._state, self._facts, writer, declaration)
        try:
            arguments = cbor.decode(timer.arguments, size_max=len(timer.arguments))
            _run(context, f"{timer.app}.{timer.action}", timer.action, arguments, is_timer=True)
        except Refusal:
            self._state.roll_back(mark)
        except AppFault:
            self._state.roll_back(mark)
            return False
        return True

    def _remove_timer(self, timer: TimerRow) -> None:
        table, values = self._state.system(TIMER), (timer.fire_at, timer.sequence)
        key = encode_key(values)
        self._state.mark()
        if self._state.get(table, key, values) is not None:
            self._state.write(table, key, None)

    def _scope_of(self, checked: Checked) -> str:
        """Return the scope of the signing key as of now.

        Refuses what earlier entries of this block made wrong: the rest was checked against the state before it.
        """
        sender = checked.transaction.envelope.sender
        accounts = self._state.system(ACCOUNT)
        if checked.is_joining:
            if accounts.rows.get(encode_key((sender,))) is not None:
                raise AccountExists(account=sender)
            return checked.scope
        if accounts.rows:
            row = accounts.get(encode_key((sender,)), (sender,))
            if row is None:
                raise AccountNotFound(account=sender)
            if AccountRow._make(row).status != ACTIVE:
                raise AccountSuspended(account=sender)
        keys = self._state.system(KEY)
        if keys.rows:
            values = (sender, checked.key[1])
            row = keys.get(encode_key(values), values)
            if row is None:
                raise KeyNotFound(account=sender)
            return KeyRow._make(row).scope
        return checked.scope


def _run(
    context: ActionContext,
    where: str,
    name: str,
    arguments: Mapping[str, cbor.Value],
    *,
    is_timer: bool = False,
) -> cbor.Value:
    """Run an action or timer and return its result as CBOR holds it. Raises: AppFault, any refusal."""
    return _shielded(where, lambda: value_of(context.run(name, arguments, is_timer=is_timer)))


def _refused(refusal: Refusal, call_index: int) -> Receipt:
    """Return the receipt of a refusal. Raises: AppFault."""
    where = f"{type(refusal).__name__} of {refusal.app}"
    try:
        return _shielded(where, lambda: _receipt_of(refusal, call_index))
    except Refusal as again:
        raise AppFault(where, again) from again


def _receipt_of(refusal: Refusal, call_index: int) -> Receipt:
    """Return a receipt that can be read again, whatever an application made of its refusal. Raises: Malformed."""
    fields = dict(refusal.to_fields())
    receipt = Receipt(call_index=call_index, app=refusal.app, code=refusal.code, fields=fields)
    Receipt.decode(receipt.encode())
    return receipt


def _shielded(where: str, work: Callable[[], R]) -> R:
    """Run application code, telling its faults from refusals and from faults of this node. Raises: AppFault."""
    try:
        return work()
    except (Refusal, KeyboardInterrupt, *NODE_FAULTS):
        raise
    except BaseException as error:  # tidy: except: apps may raise anything; R3.4 leaves it out
        raise AppFault(where, error) from error
