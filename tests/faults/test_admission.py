"""What a transaction is refused for before anybody looks at its signature (P04, P05)."""

import struct
from collections.abc import Callable

import pytest

from comity.errors import Rejected
from comity.model.transaction import Transaction
from tests.simulation.script_app import declare
from tests.simulation.world import HOUR_NS, SECOND_NS, World

TIMES: dict[str, Callable[[int], bytes]] = {
    "float": lambda until: b"\xfb" + struct.pack(">d", float(until)),
    "NaN": lambda _: b"\xfb\x7f\xf8" + bytes(6),
    "negative": lambda until: b"\x3b" + until.to_bytes(8, "big"),
    "tagged": lambda until: b"\xc1\x1a" + (until // SECOND_NS).to_bytes(4, "big") + b"\0\0\0",
    "bytes": lambda until: b"\x48" + until.to_bytes(8, "big"),
}


@pytest.fixture(scope="module")
def world() -> World:
    """Give a small ledger."""
    return World([declare("shop", ("Item",))])


def code_of(world: World, data: bytes) -> str:
    """Return why admission refuses a transaction."""
    with pytest.raises(Rejected) as caught:
        world.check(data)
    return caught.value.code


@pytest.mark.parametrize("bend", TIMES.values(), ids=TIMES)
def test_valid_until_is_a_whole_number(world: World, bend: Callable[[int], bytes]) -> None:
    """A float, a negative number, a tagged date where the time stands is no transaction at all (P04)."""
    until = world.now_ns + HOUR_NS
    data = world.script("ana", "shop", ["stop"], valid_until=until)
    time = b"\x1b" + until.to_bytes(8, "big")
    assert data.count(time) == 1
    assert code_of(world, data.replace(time, bend(until))) == "malformed"


def test_the_form_comes_before_the_signature(world: World) -> None:
    """A signature is checked, at its cost, only under what could be executed (P05)."""
    data = world.script("ana", "shop", ["stop"])
    signature = Transaction.decode(data).envelope.signature
    forged = data.replace(signature, bytes(64))
    assert code_of(world, forged) == "bad-signature"
    for bent in (forged + b"\0", forged[:-1], forged.replace(b"\x65steps", b"\x65\xffteps")):
        assert code_of(world, bent) == "malformed"
    late = world.script("ana", "shop", ["stop"], valid_until=world.now_ns)
    assert (
        code_of(world, late.replace(Transaction.decode(late).envelope.signature, bytes(64)))
        == "expired"
    )
