"""Damage to valid inputs: blind, as of text or bytes, and of the structure of CBOR.

Invariant: the same chance gives the same damage, so a found input can be found again.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from tests.fuzz import items
from tests.fuzz.items import ARRAY, BYTES, MAP, SIMPLE, TAG, TEXT, Item

NESTING_BOMB_DEPTH = 10_000
_NUMBERS = (
    0,
    1,
    23,
    24,
    255,
    256,
    65_535,
    65_536,
    2**31,
    2**32,
    2**53,
    2**63 - 1,
    2**63,
    2**64 - 1,
)
_HEADS = (
    *(b"\xf4", b"\xf5", b"\xf6", b"\xf7", b"\xe0", b"\xf8\x20", b"\xff"),  # simple values, break
    *(
        b"\xf9\x7e\x00",
        b"\xf9\x00\x00",
        b"\xfa\x3f\x80\x00\x00",
        b"\xfb\x7f\xf8" + bytes(6),
    ),  # NaN, 0, 1, NaN
    *(b"\xc0", b"\xc2\x41", b"\xd8\x1c", b"\xd8\x1d\x00", b"\xd9\x01\x00", b"\xd9\xd9\xf7"),  # tags
    *(b"\x1c", b"\x3d", b"\x5e", b"\x9d"),  # reserved
)
_PIECES = (
    *(
        b"\0",
        b"\xff",
        b"\xfe",
        b"\x80",
        b"\n",
        b"\r\n",
        b" ",
        b'"',
        b",",
        b"\\",
        b"'",
        b"{",
        b"[",
        b"=",
        b"#",
    ),
    *(
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b"\xc0\x80",
        b"\xf4\x90\x80\x80",
        "e\u0301".encode(),
        "\u0663".encode(),
    ),
    *(
        b"\\ud800",
        b"\x1b[2J",
        b"1e999",
        b"-0",
        b"9" * 40,
        b"NaN",
        b"\x00\x01",
        b"\x00\xff",
        b"[" * 500,
    ),
)


def mutated(data: bytes, others: Sequence[bytes], chance: Random) -> bytes:
    """Return ``data`` with one to three pieces of damage; ``others`` are what is spliced in."""
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        damaged = _tree_damaged(data, others, chance) if chance.random() < 0.6 else None
        data = _bytes_damaged(data, others, chance) if damaged is None else damaged
    return data


def bombs() -> list[bytes]:
    """Return short inputs that ask for much: depth, lengths, repeated keys, large numbers (P06 of the faults)."""
    depth, most = NESTING_BOMB_DEPTH, 2**63
    nested = [
        b"\x81",
        b"\xa1\x61a",
        b"\xa1\x00",
        b"\xd8\x1c",
        b"\xc2",
        b"\x9f",
        b"\xbf\x61a",
        b"\x82\x58\x40",
    ]
    lengths = [items.wide_head(major, most, 3) for major in range(8)]
    lengths += [items.wide_head(major, 2**31, 2) for major in range(2, 6)]
    lengths += [items.wide_head(major, 2**64 - 1, 3) for major in range(2, 6)]
    texts = [
        b"[" * depth,
        b"{" * depth,
        b'{"a":' * depth,
        b"a=" + b"[" * depth,
        b"a." * depth + b"a=1",
    ]
    texts += [
        b"a=" + b"9" * depth,
        b'{"a":' + b"9" * depth + b"}",
        b'"' * depth,
        b"\n" * depth,
        b"," * depth,
    ]
    texts += [
        b"c2sp.org/tlog-proof@v1\nindex " + b"9" * depth + b"\n\n",
        b"1" * depth,
        b"a" * depth,
    ]
    inside = [b"\x82" + head for head in lengths] + [b"\xa1\x01" + head for head in lengths]
    keys = [b"\xb9\x27\x10" + b"\x00\x00" * depth, b"\x99\x27\x10" + b"\xa0" * depth]
    return [*(one * depth for one in nested), *lengths, *inside, *keys, *texts]


# --- blind


def _bytes_damaged(data: bytes, others: Sequence[bytes], chance: Random) -> bytes:
    start = chance.randint(0, len(data))
    end = min(len(data), start + chance.choice((0, 1, 1, 2, 4, 8, 32)))
    match chance.randrange(8):
        case 0 if data:  # one bit
            at = chance.randrange(len(data))
            return data[:at] + bytes((data[at] ^ 1 << chance.randrange(8),)) + data[at + 1 :]
        case 1:  # one byte
            return data[:start] + chance.randbytes(1) + data[start + 1 :]
        case 2:  # left out
            return data[:start] + data[end:]
        case 3:  # put in
            return data[:start] + chance.randbytes(chance.randint(1, 4)) + data[start:]
        case 4:  # twice
            return data[:end] + data[start:]
        case 5:  # cut off
            return data[:start]
        case 6:  # of another
            other = chance.choice(others) if others else data
            at = chance.randint(0, len(other))
            return data[:start] + other[at : at + chance.choice((1, 4, 20, 32, 64))] + data[end:]
        case _:
            return data[:start] + chance.choice(_PIECES) + data[end:]


# --- of the tree


@dataclass(frozen=True)
class Hand:
    """What damages: its chance, and items of any tree that it may put elsewhere."""

    chance: Random
    donors: list[Item]


def _tree_damaged(data: bytes, others: Sequence[bytes], chance: Random) -> bytes | None:
    root = items.parse(data)
    if root is None:
        return None
    items.open_strings(root)
    everything = items.all_items(root)
    donors = everything
    if others and chance.random() < 0.3:
        donor = items.parse(chance.choice(others))
        if donor is not None:
            items.open_strings(donor)
            donors = items.all_items(donor)
    item = chance.choice(everything)
    chance.choice(_DAMAGES)(item, Hand(chance, donors))
    return items.emit(root)


def _long_head(item: Item, hand: Hand) -> None:
    """Write the number in more bytes than it needs."""
    number = item.number
    if item.inner or item.content:
        number = (
            len(item.inner) >> (item.major == MAP)
            if item.major in (ARRAY, MAP)
            else len(item.content)
        )
    widths = [width for width in range(4) if number < 1 << (8 << width)]
    item.head = items.wide_head(item.major, number, hand.chance.choice(widths)) if widths else None


def _endless(item: Item, hand: Hand) -> None:
    """Write an indefinite length, and mostly the break that ends it."""
    if item.major in (BYTES, TEXT, ARRAY, MAP):
        item.head = bytes((item.major << 5 | 31,))
        item.tail = b"\xff" if hand.chance.random() < 0.8 else b""
        if item.major in (BYTES, TEXT):
            item.inner = [Item(item.major, content=item.content)]


def _wrong_length(item: Item, hand: Hand) -> None:
    number = hand.chance.choice(_NUMBERS)
    is_wide = hand.chance.random() < 0.5
    wide = items.wide_head(item.major, number, 3)
    item.head = wide if is_wide else items.shortest_head(item.major, number)


def _another_number(item: Item, hand: Hand) -> None:
    numbers = (*_NUMBERS, max(item.number - 1, 0), item.number + 1)
    _become(item, Item(hand.chance.choice((0, 0, 1)), min(hand.chance.choice(numbers), 2**64 - 1)))


def _another_kind(item: Item, hand: Hand) -> None:
    contents = (
        b"",
        b"a",
        b"\xff",
        b"\0",
        "\u0130".encode(),
        bytes(20),
        bytes(32),
        bytes(33),
        bytes(64),
    )
    kinds = (
        Item(BYTES, content=hand.chance.choice(contents)),
        Item(TEXT, content=hand.chance.choice(contents)),
    )
    _become(
        item,
        hand.chance.choice(
            (*kinds, Item(ARRAY), Item(MAP), Item(SIMPLE, head=hand.chance.choice(_HEADS)))
        ),
    )


def _true_for_one(item: Item, hand: Hand) -> None:
    """Confuse 0 and 1 with false and true, which Python holds for equal."""
    if item.major == SIMPLE:
        _become(item, Item(0, 1 if item.number == 21 else 0))
    elif item.major == 0 and item.number < 2:
        _become(item, Item(SIMPLE, 20 + item.number))
    else:
        _another_number(item, hand)


def _tagged(item: Item, hand: Hand) -> None:
    item.inner = [copy.deepcopy(item)]
    item.major, item.number, item.content, item.head = (
        TAG,
        hand.chance.choice((0, 1, 2, 24, 28, 258, 55799)),
        b"",
        None,
    )


def _nested(item: Item, hand: Hand) -> None:
    depth = hand.chance.choice((1, 15, 16, 17, 40))
    inside = copy.deepcopy(item)
    for _ in range(depth):
        inside = Item(ARRAY, inner=[inside])
    _become(item, inside)


def _dropped(item: Item, hand: Hand) -> None:
    if item.inner:
        del item.inner[hand.chance.randrange(len(item.inner))]


def _repeated(item: Item, hand: Hand) -> None:
    """Repeat an item of an array, or a pair of a map: a duplicate key."""
    if item.inner:
        step = 2 if item.major == MAP else 1
        at = hand.chance.randrange(len(item.inner)) // step * step
        item.inner[at:at] = copy.deepcopy(item.inner[at : at + step])


def _swapped(item: Item, hand: Hand) -> None:
    """Exchange two items of an array, or two pairs of a map: unsorted keys."""
    step = 2 if item.major == MAP else 1
    count = len(item.inner) // step
    if count > 1:
        first, second = sorted(hand.chance.sample(range(count), 2))
        parts = [item.inner[step * place : step * (place + 1)] for place in range(count)]
        parts[first], parts[second] = parts[second], parts[first]
        item.inner = [one for part in parts for one in part]


def _with_null(item: Item, _: Hand) -> None:
    item.inner.append(Item(SIMPLE, 22))


def _spliced(item: Item, hand: Hand) -> None:
    _become(item, copy.deepcopy(hand.chance.choice(hand.donors)))


def _string_damaged(item: Item, hand: Hand) -> None:
    if item.major in (BYTES, TEXT) and not item.inner:
        item.content = _bytes_damaged(
            item.content, [one.content for one in hand.donors], hand.chance
        )
    else:
        _another_number(item, hand)


def _bit_flipped(item: Item, hand: Hand) -> None:
    """Change a string and nothing else about it."""
    if item.content:
        at = hand.chance.randrange(len(item.content))
        flipped = bytes((item.content[at] ^ 1 << hand.chance.randrange(7),))
        item.content = item.content[:at] + flipped + item.content[at + 1 :]
    else:
        _another_number(item, hand)


def _become(item: Item, other: Item) -> None:
    item.major, item.number, item.content = other.major, other.number, other.content
    item.inner, item.head, item.tail = other.inner, other.head, other.tail


_DAMAGES: tuple[Callable[[Item, Hand], None], ...] = (
    *(
        _long_head,
        _endless,
        _wrong_length,
        _another_number,
        _another_kind,
        _true_for_one,
        _tagged,
        _nested,
    ),
    *(
        _dropped,
        _repeated,
        _swapped,
        _with_null,
        _spliced,
        _string_damaged,
        _string_damaged,
        _bit_flipped,
        _bit_flipped,
    ),
)
