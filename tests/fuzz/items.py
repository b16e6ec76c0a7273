"""CBOR as a tree of items that keeps what a decoder would drop: so hostile encodings can be written.

A head can be set to any bytes; a byte string that holds CBOR itself is a tree too. Own code, apart from the decoders
that it tests; nothing here refuses hostile input, and nothing recurses.
"""

from dataclasses import dataclass, field

BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE = 2, 3, 4, 5, 6, 7
_ITEMS_MAX = 20_000
_DEPTH_MAX = 100


@dataclass
class Item:
    """One item.

    Args:
        number: value of the head's argument; for strings and containers worked out anew when written.
        content: of a string without inner items.
        inner: items of an array, map (keys and values in turn), tag, or of a byte string that holds CBOR.
        head: what is written in place of the shortest head, or None.
        tail: written after all; a break, or rubbish.
    """

    major: int
    number: int = 0
    content: bytes = b""
    inner: list["Item"] = field(default_factory=list)
    head: bytes | None = None
    tail: bytes = b""


def shortest_head(major: int, number: int) -> bytes:
    """Return the head of an item. Source: RFC 8949, section 3."""
    if number < 24:
        return bytes((major << 5 | number,))
    return wide_head(major, number, next(n for n in range(4) if number < 1 << (8 << n)))


def wide_head(major: int, number: int, width: int) -> bytes:
    """Return a head whose argument has 2 to the power of ``width`` bytes, also where fewer would do."""
    return bytes((major << 5 | 24 + width,)) + number.to_bytes(1 << width, "big")


def parse(data: bytes) -> Item | None:
    """Return the one item that is the whole of ``data``, or None, also where there is too much of it."""
    roots: list[Item] = []
    open_lists: list[tuple[list[Item], int]] = [(roots, 1)]  # where items go, how many there are
    at = 0
    count = 0
    while open_lists:
        items, wanted = open_lists[-1]
        if len(items) == wanted:
            open_lists.pop()
            continue
        count += 1
        read = _read_head(data, at)
        if read is None or count > _ITEMS_MAX or len(open_lists) > _DEPTH_MAX:
            return None
        item, at = read
        items.append(item)
        if item.major in (BYTES, TEXT):
            item.content = data[at : at + item.number]
            at += item.number
            if len(item.content) < item.number:
                return None
        elif item.major in (ARRAY, MAP, TAG):
            size = {ARRAY: item.number, MAP: 2 * item.number, TAG: 1}[item.major]
            if size > len(data) - at:
                return None
            open_lists.append((item.inner, size))
    return roots[0] if at == len(data) else None


def open_strings(item: Item, depth: int = 4) -> None:
    """Turn byte strings that hold an array or map into trees, and those inside them."""
    for one in all_items(item):
        if one.major == BYTES and not one.inner and one.content[:1] >= b"\x80" and depth:
            inside = parse(one.content)
            if inside is not None and inside.major in (ARRAY, MAP):
                open_strings(inside, depth - 1)
                one.inner = [inside]


def all_items(item: Item) -> list[Item]:
    """Return the item and all below it."""
    found = [item]
    for one in found:  # grows while it is walked
        found += one.inner
    return found


def emit(item: Item) -> bytes:
    """Return the bytes of the tree."""
    order = all_items(item)
    written: dict[int, bytes] = {}
    for one in reversed(order):  # what is inside comes first
        body = b"".join(written[id(part)] for part in one.inner) if one.inner else one.content
        number = one.number
        if one.major in (BYTES, TEXT):
            number = len(body)
        elif one.major in (ARRAY, MAP):
            number = len(one.inner) >> (one.major == MAP)
        head = shortest_head(one.major, number) if one.head is None else one.head
        written[id(one)] = head + body + one.tail
    return written[id(item)]


def _read_head(data: bytes, at: int) -> tuple[Item, int] | None:
    if at >= len(data):
        return None
    major, low = data[at] >> 5, data[at] & 31
    if low < 24:
        return Item(major, low), at + 1
    size = {24: 1, 25: 2, 26: 4, 27: 8}.get(low, 0)
    if not size or at + 1 + size > len(data):
        return None
    head = data[at : at + 1 + size] if major == SIMPLE else None  # a float keeps its width
    return Item(
        major, int.from_bytes(data[at + 1 : at + 1 + size], "big"), head=head
    ), at + 1 + size
