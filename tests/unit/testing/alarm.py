# ruff: noqa: ARG001 - planted mistakes need no context
"""Alarm: an app for tests, with what Tab has not: timers, flags, optional and salted columns, and planted mistakes."""

from typing import Annotated

from comity.sdk import (
    AccountId,
    App,
    Context,
    Flag,
    Many,
    Name,
    Reader,
    Refusal,
    Row,
    SignedAmount,
    TimeNs,
    replace,
)  # fmt: skip

app = App("alarm", version=1, parameters=("rings_max",))

_calls: list[str] = []  # state outside the tables, as no app may have


@app.table(key="name", indexes=("owner",), salted=True)
class Alarm(Row):
    """One row per alarm."""

    name: Name
    owner: AccountId
    at_ns: TimeNs
    rings: SignedAmount = 0
    is_loud: Flag = False
    note: Name | None = None


class TooLate(Refusal, code=1):
    """The time of the alarm has passed."""

    at_ns: int
    note: str = ""


@app.action
def wake(ctx: Context, name: Name, at_ns: TimeNs, is_loud: Flag = False) -> Alarm:
    """Set an alarm. Raises: TooLate, RowExists."""
    if at_ns <= ctx.time_ns:
        raise TooLate(at_ns=at_ns)
    ctx.timers.set(at_ns, "ring", {"name": name})
    return ctx.db.add(Alarm(name=name, owner=ctx.sender, at_ns=at_ns, is_loud=is_loud))


@app.timer
def ring(ctx: Context, name: Name) -> None:
    """Ring, and ring again every ten seconds, three times; one named fault has a mistake."""
    alarm = ctx.db.get(Alarm, name)
    if name == "fault":
        raise ZeroDivisionError
    ctx.db.put(replace(alarm, rings=alarm.rings + 1, note=f"rang at {ctx.time_ns}"))
    if alarm.rings < 2:
        ctx.timers.set(ctx.time_ns + 10 * 10**9, "ring", {"name": name})


@app.action
def restore(ctx: Context, alarms: Annotated[list[Alarm], Many(10)]) -> list[Alarm]:
    """Put alarms that somebody has, as they are."""
    return [ctx.db.add(alarm) for alarm in alarms]


@app.action
def fault(ctx: Context, name: Name) -> None:
    """Fail."""
    raise KeyError(name)


@app.action
def remember(ctx: Context, name: Name) -> SignedAmount:
    """Return what differs each time."""
    _calls.append(name)
    return len(_calls)


@app.action
def mistype(ctx: Context) -> Name:
    """Return what the annotation does not say."""
    return ""


@app.view
def loud(db: Reader, owner: AccountId | None = None) -> list[Alarm]:
    """Return the loud ones of everybody, or of one."""
    condition = "is_loud" if owner is None else "is_loud AND owner = ?"
    return db.select(Alarm, condition, *([] if owner is None else [owner]), limit=10)


_SLY = "1) LIMIT 1; DELETE FROM alarm__alarm; SELECT * FROM alarm__alarm WHERE (1"


@app.view
def sly(db: Reader) -> list[Alarm]:
    """Try to change what it reads."""
    return db.select(Alarm, _SLY, limit=10)


@app.view
def wrong(db: Reader) -> list[Alarm]:
    """Return what the annotation does not say."""
    return [3]  # type: ignore[list-item]  # planted


@app.invariant
def is_patient(db: Reader) -> bool:
    """No alarm rings more than 3 times."""
    return not db.select(Alarm, "rings > 3", limit=1)
