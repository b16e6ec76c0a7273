"""A decoder with planted bugs: what must be found before a run that finds nothing is believed."""

from tests.fuzz.target import Target


def _crash(data: bytes) -> bytes:
    if data[:1] == b"\x42" and len(data) == 3 and data[2] > 0xF0:
        raise ZeroDivisionError("planted")
    return data


PLANTED = Target(
    name="planted",
    decode=_crash,
    encode=bytes,
    valid=lambda: [b"\x42ab"],
    covers=(),
)
