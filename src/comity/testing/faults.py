"""Faults of application code, shown to its author: a node only leaves out what faults (R3.4).

Invariant: an ``AppFault`` raised here is caused by the exception that the application raised, so a
test shows the author's own line.
"""

from comity.crypto import cbor
from comity.errors import Refusal
from comity.machine.candidate import Candidate
from comity.machine.context import ActionContext, BlockFacts, Writer
from comity.machine.execution import AppFault, Execution
from comity.machine.machine import LeftOut, Machine
from comity.machine.state import State
from comity.machine.system import SCOPE_TIMER
from comity.model.block import Link


def raise_transaction_fault(machine: Machine, left_out: LeftOut, time_ns: int) -> None:
    """Execute again what a proposer left out because it faults. Raises: AppFault."""
    if left_out.code != "app-fault":
        return
    state, facts = _fresh(machine, time_ns)
    execution = Execution(state, facts, machine.apps)
    execution.run_timers(machine.store.log_size, (), is_decided=False)
    execution.run_transaction(left_out.checked, machine.store.log_size + 1)


def raise_timer_fault(machine: Machine, candidate: Candidate) -> None:
    """Fire again the timers of a block whose link quarantines one. Raises: AppFault."""
    link = Link.decode(candidate.entries[0])
    if not link.quarantined:
        return
    state, facts = _fresh(machine, link.time_ns)
    state.begin(machine.store.log_size)
    for timer in Execution(state, facts, machine.apps).due_timers():
        writer = Writer(
            sender=b"", identifier=b"", salt=timer.salt, key=(0, b""), scope=SCOPE_TIMER
        )
        context = ActionContext(state, facts, writer, machine.apps[timer.app])
        arguments = cbor.decode(timer.arguments, size_max=len(timer.arguments))
        mark = state.mark()
        try:
            context.run(timer.action, arguments, is_timer=True)
        except Refusal:
            state.roll_back(mark)
        except Exception as error:
            raise AppFault(f"{timer.app}.{timer.action}", error) from error


def _fresh(machine: Machine, time_ns: int) -> tuple[State, BlockFacts]:
    granted = {app.name: app.grants for app in machine.genesis.apps}
    facts = BlockFacts(
        genesis_hash=machine.genesis.hash,
        height=machine.store.height + 1,
        time_ns=time_ns,
        granted=granted,
    )
    return State(machine.store), facts
