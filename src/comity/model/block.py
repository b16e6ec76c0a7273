"""Blocks: a link, then ticks and transactions, in the order that consensus decided (consensus rules R3.1 and R3.6).

Invariant: the entries of a block are byte strings, the first a link; ``block_hash`` is a function of them alone.
"""

from collections.abc import Sequence

import msgspec

from comity.crypto import cbor
from comity.crypto.hashing import sha256
from comity.errors import Malformed
from comity.limits import INT64_MAX, TIMERS_PER_BLOCK_MAX

_LINK_BYTES_MAX = 64 << 10
_TICK_BYTES_MAX = 64
_TICK_WORD = "tick"
MISBEHAVIOURS_MAX = 100


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """The first entry of a block.

    Args:
        height: from 1; counts blocks that have a link.
        app_hash: app hash before this block (the genesis hash at height 1), 32 bytes.
        time_ns: block time, nanoseconds UTC.
        proposer: key id of the proposing node, 20 bytes.
        misbehaviour: what the engine reported, as it reported it: CBOR values.
        quarantined: (fire_at, sequence) of timers that fault and are given up in this block.

    """

    height: int
    app_hash: bytes
    time_ns: int
    proposer: bytes
    misbehaviour: tuple[cbor.Value, ...] = ()
    quarantined: tuple[tuple[int, int], ...] = ()

    def encode(self) -> bytes:
        """Return the link's deterministic CBOR."""
        return cbor.encode(
            [
                self.height,
                self.app_hash,
                self.time_ns,
                self.proposer,
                list(self.misbehaviour),
                [list(pair) for pair in self.quarantined],
            ]
        )

    @classmethod
    def decode(cls, data: bytes) -> "Link":
        """Return the link that ``data`` encodes. Raises: Malformed."""
        value = cbor.decode(data, size_max=_LINK_BYTES_MAX)
        if type(value) is not list or len(value) != 6:
            raise Malformed("link: six fields are needed")
        height, app_hash, time_ns, proposer, misbehaviour, quarantined = value
        if type(height) is not int or not 1 <= height <= INT64_MAX:
            raise Malformed("link: a height from 1 is needed")
        if type(app_hash) is not bytes or len(app_hash) != 32:
            raise Malformed("link: a 32-byte app hash is needed")
        if type(time_ns) is not int or not 0 <= time_ns <= INT64_MAX:
            raise Malformed("link: a time in nanoseconds UTC is needed")
        if type(proposer) is not bytes or len(proposer) != 20:
            raise Malformed("link: a 20-byte proposer is needed")
        if type(misbehaviour) is not list or len(misbehaviour) > MISBEHAVIOURS_MAX:
            raise Malformed(f"link: a list of at most {MISBEHAVIOURS_MAX} misbehaviours is needed")
        return cls(
            height=height,
            app_hash=app_hash,
            time_ns=time_ns,
            proposer=proposer,
            misbehaviour=tuple(misbehaviour),
            quarantined=_decode_quarantined(quarantined),
        )


class Tick(msgspec.Struct, frozen=True):
    """The unsigned entry that makes a block because a timer is due; the same bytes at every node, never logged."""

    fire_at: int
    sequence: int

    def encode(self) -> bytes:
        """Return the tick's deterministic CBOR ["tick", fire_at, sequence]."""
        return cbor.encode_array([_TICK_WORD, self.fire_at, self.sequence])

    @classmethod
    def decode(cls, data: bytes) -> "Tick":
        """Return the tick that ``data`` encodes. Raises: Malformed."""
        value = cbor.decode(data, size_max=_TICK_BYTES_MAX)
        if type(value) is not list or len(value) != 3 or value[0] != _TICK_WORD:
            raise Malformed("tick: [tick, fire_at, sequence] is needed")
        for number in value[1:]:
            if type(number) is not int or not 0 <= number <= INT64_MAX:
                raise Malformed("tick: fire_at and sequence are whole numbers")
        return cls(value[1], value[2])


def is_tick(entry: bytes) -> bool:
    """Tell whether an entry of a block starts as a tick does (a transaction starts with an array of two)."""
    return entry.startswith(b"\x83\x64tick")


def block_hash(entries: Sequence[bytes]) -> bytes:
    """Return the 32-byte hash of a block's entries, under which candidates are kept (rule R3.4)."""
    return sha256(cbor.encode_array(list(entries)))


def _decode_quarantined(value: cbor.Value) -> tuple[tuple[int, int], ...]:
    if type(value) is not list or len(value) > TIMERS_PER_BLOCK_MAX:
        raise Malformed(f"link: at most {TIMERS_PER_BLOCK_MAX} quarantined timers")
    pairs = []
    for item in value:
        if (
            type(item) is not list
            or len(item) != 2
            or type(item[0]) is not int
            or type(item[1]) is not int
        ):
            raise Malformed("link: a quarantined timer is [fire_at, sequence]")
        pairs.append((item[0], item[1]))
    if sorted(dict.fromkeys(pairs)) != pairs:
        raise Malformed("link: quarantined timers stand in order, each once")
    return tuple(pairs)
