"""Verify a Comity bundle offline, without Comity, as docs/audit/bundles.md says: with cbor2 and cryptography alone.

Run comity_verify.py FILE --genesis HASH|FILE [--checkpoint FILE]. Exit code: 0 valid, 2 usage, 3 not proved.
"""

import argparse
import json
import re
import sys
import time
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path

from cbor2 import CBORError, dumps, loads
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

BUNDLE_MAX, NOTE_MAX, KEY_MAX, CALLS_MAX, INT64_MAX = 8 << 20, 64_000, 256, 1_000, 2**63 - 1
# Ed25519: the field's prime, the group's order, and y of all points of small order (RFC 8032, section 5.1).
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
Y8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
SMALL_ORDER_Y = (0, 1, P - 1, Y8, P - Y8)
TAGS = (*range(6), 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799)
NOTE = "(.+)\n(0|[1-9][0-9]{0,18})\n(.{43}=)\n\n((?:\u2014 [^\\s\0-\x1f+]+ \\S+\n){1,256})"  # C2SP
TYPES = (int, str, bytes, bool, type(None), list, dict)
KEY_TYPES = {"integer": int, "decimal": int, "bytes": bytes, "account": bytes}  # others: str


class Invalid(Exception):
    """The bundle proves nothing."""


def need(is_so, words):
    """Go on only if ``is_so``."""
    if not is_so:
        raise Invalid(words)


def decode(data, depth_max=16):
    """Return what deterministic CBOR (RFC 8949, section 4.2.1) says, without tags and fractions."""
    try:
        value = loads(data, semantic_decoders=dict.fromkeys(TAGS, object), max_depth=depth_max)
        todo = [value]
        while todo:
            item = todo.pop()
            kinds = set(map(type, item)) if type(item) is dict else set()
            need(kinds <= {str} or (kinds == {int} and min(item) >= 0), "CBOR: a map's keys")
            need(type(item) in TYPES and len(todo) < 2**21, "CBOR: a type, or too many items")
            todo += item.values() if type(item) is dict else item if type(item) is list else ()
        need(dumps(value, canonical=True) == data, "CBOR: not in its deterministic form")
    except (CBORError, ValueError, TypeError) as error:  # so ends object(tag)
        raise Invalid("CBOR: not one value") from error
    return value


def of(value, *kinds):
    """Return a list of just these: types, bytes of a length, anything (None). Integers are 0 to 2^63 - 1."""
    need(type(value) is list and len(value) == len(kinds), "a list of another length is needed")
    for item, kind in zip(value, kinds, strict=True):
        sized = type(kind) is int
        is_kind = kind is None or type(item) is (bytes if sized else kind)
        need(is_kind and (not sized or len(item) == kind), "an item of another type or length")
        need(kind is not int or 0 <= item <= INT64_MAX, "a number is negative or too large")
    return value


def h(*parts):
    """SHA-256."""
    return sha256(b"".join(parts)).digest()


def check_signed(key, message, signature):
    """Check Ed25519 and what OpenSSL leaves open: canonical key, S below L, neither key nor R of small order."""
    for y in [int.from_bytes(part, "little") % 2**255 for part in (key, signature[:32])]:
        need(y < P and y not in SMALL_ORDER_Y, "a key or signature of small order")
    need(int.from_bytes(signature[32:], "little") < L, "a signature that could be another")
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise Invalid("a wrong signature") from error


def key_id(key):
    """Name a key, and the account that it founded."""
    return h(b"\x22\x01", key)[:20]


def head_of(key, bits):
    """Return the first bits of a key as a number; beyond its end 0."""
    return int.from_bytes(key[: bits // 8 + 1].ljust(bits // 8 + 1, b"\0"), "big") >> 8 - bits % 8


def check_tree(root, low, high, items, leaves):
    """Check that a state tree, shown in pre-order, has just these ``leaves`` from low to high."""
    waiting, shown, stack, after = list(leaves), [], [], b"\xff" * (KEY_MAX + 1)
    for item in reversed(items):  # stack: hash, a key below or None, what a bit above is below
        if type(item) is int:  # the bit in which the sides of a node differ
            need(len(stack) > 1, "tree: a side is missing")
            (left, left_key, left_bound), (right, right_key, right_bound) = stack.pop(), stack.pop()
            need(0 <= item < min(left_bound, right_bound), "tree: bits do not fall to the root")
            key = right_key if left_key is None else left_key
            need(key is not None, "tree: a node shows no leaf")
            head = head_of(key, item + 1) - (left_key is None)  # with which keys of the left begin
            is_cut = left_key is None or right_key is None
            is_right = is_cut or head_of(right_key, item + 1) == head + 1
            need(head % 2 == 0 and is_right, "tree: a misplaced leaf")
            hidden = head + (left_key is not None)
            is_in = is_cut and head_of(low, item + 1) <= hidden <= head_of(high, item + 1)
            need(not is_in, "tree: what is cut off may hold rows of the range")
            stack.append((h(b"\x11", item.to_bytes(2, "big"), left, right), key, item))
        elif type(item) is bytes:  # a subtree that is cut off
            need(len(item) == 32, "tree: a hash of another length")
            stack.append((item, None, 8 * KEY_MAX))
        else:  # a leaf beside the range, or null for the next of ``leaves``
            need(item is not None or waiting, "tree: more rows than the claim has")
            key, row_hash = waiting.pop() if item is None else of(item, bytes, 32)
            need(key < after and len(key) <= KEY_MAX, "tree: leaves out of order or too long")
            leaf = h(b"\x10", len(key).to_bytes(2, "big"), key, row_hash)
            stack.append((leaf, key, 8 * len(key)))
            shown += [(key, row_hash)] * (low <= key <= high)
            after = key
    is_tree = len(stack) == 1 and stack[0][0] == root and stack[0][1] is not None
    need(is_tree if items else root == h(b"\x12"), "tree: another root")
    need(low <= high and shown[::-1] == leaves, "tree: other rows than the claim's")


def check_catalog(app_hash, key, row, items):
    """Check that the catalog has a row."""
    check_tree(app_hash, key, key, items, [(key, h(dumps(row)))])


def roots_of(index, last, path, start):
    """Climb the log (RFC 9162) from a node of a row that ends at ``last``: root over all up to it, root over all."""
    need(len(path) % 32 == 0 and len(path) <= 64 * 32, "log: a path of another length")
    older = newer = start
    for sibling in [path[at : at + 32] for at in range(0, len(path), 32)]:
        need(last > 0, "log: the path is too long")
        if index % 2 or index == last:
            older, newer = h(b"\x01", sibling, older), h(b"\x01", sibling, newer)
            while index % 2 == 0 and index:
                index, last = index >> 1, last >> 1
        else:
            newer = h(b"\x01", newer, sibling)
        index, last = index >> 1, last >> 1
    need(last == 0, "log: the path is too short")
    return older, newer


def check_entry(entry, position, log, path):
    """Check that a log, [size, root], has an entry."""
    need(log and position < log[0], "log: no such position")
    found = roots_of(position, log[0] - 1, path, h(b"\0", dumps(entry)))[1]
    need(found == log[1], "log: the entry is not there")


def check_growth(older, newer, path):
    """Check that a log, [size, root], begins with another."""
    need(older and newer and 0 < older[0] <= newer[0], "log: the older one is larger, or not shown")
    if older[0] == newer[0]:
        return need(older == newer and not path, "log: two roots of one size")
    level = (older[0] & -older[0]).bit_length() - 1
    index, last = older[0] - 1 >> level, newer[0] - 1 >> level
    path = path if index else older[1] + path
    found = roots_of(index, last, path[32:], path[:32])
    return need(found == (older[1], newer[1]), "log: the newer one does not begin with the older")


class Genesis:
    """The ledger's first state, whose hash names it, and the one node that signs for it."""

    def __init__(self, data):
        value, names = decode(data), ("format", "ledger", "nodes")
        need(type(value) is dict, "genesis: no map")
        number, name, nodes = of([value.get(key) for key in names], int, str, list)
        ((kind, self.key, _),) = [of(node, int, 32, int) for node in of(nodes, list)]
        need(number == kind == 1 and re.fullmatch("[a-z0-9_-]{1,33}", name), "genesis: unknown")
        self.hash = h(data)
        self.chain_id = f"{name}-{self.hash.hex()[:16]}"
        self.origin = f"{name}/{self.chain_id}"

    def read_state(self, head, chain, log, evidence):
        """Return height, app hash, time and log (or None) of a state that the node signed."""
        height, app_hash = of(head, int, 32)
        row, schema_hash, items = of(chain, bytes, 32, list)
        _, key, found, time_ns, _ = of(decode(row), int, int, int, int, bytes)
        need(key == 0 and found == height, "comity_chain: of another height")
        root = h(b"\x10\0\x08\x80", bytes(7), h(row))  # the table has this row alone, with key 0
        check_catalog(app_hash, b"\x01comity_chain\0\1", [schema_hash, root, 1], items)
        if log is not None:
            *log, items = of(log, int, 32, list)
            check_catalog(app_hash, b"\x02log\0\1", log, items)
        protected, payload = b"\xa2\x01\x27\x04\x54" + key_id(self.key), dumps([height, app_hash])
        signature = of(evidence, bytes)[0][-64:]
        need(evidence == [dumps([protected, {}, payload, signature])], "evidence: of another state")
        check_signed(self.key, dumps(["Signature1", protected, self.hash, payload]), signature)
        return height, app_hash, time_ns, log

    def read_signer(self, envelope, key):
        """Return who signed an envelope, its id, and the hash of its body."""
        protected, empty, payload, signature = of(decode(envelope), bytes, dict, bytes, 64)
        sender, valid_until, body_hash = of(decode(payload), 20, int, 32)
        is_first = sender == key_id(key)  # only then an envelope may carry the key itself
        kids = [b"\x54" + key_id(key), b"\x58\x21\x01" + key][: 1 + is_first]
        is_named = protected in [b"\xa2\x01\x27\x04" + kid for kid in kids]
        need(is_named and not empty and valid_until >= 2**32, "transaction: by another key")
        message = dumps(["Signature1", protected, self.hash, payload])
        check_signed(key, message, signature)
        said = {"sender": sender, "key": key_id(key), "is_first_key": is_first}
        return {"transaction": h(message), **said}, body_hash

    def read_note(self, data):
        """Return the log of a checkpoint that the node signed (C2SP signed-note, tlog-checkpoint)."""
        try:
            head = re.fullmatch(NOTE, data.decode())
            need(head and head[1] == self.origin, "checkpoint: of another log")
            lines = re.findall("\u2014 (.+) (.+)\n", head[4])
            codes = [head[3], *(code for _, code in lines)]
            root, *signatures = [b64decode(code, validate=True) for code in codes]
        except ValueError as error:
            raise Invalid("checkpoint: no note") from error
        is_same = [b64encode(raw).decode() for raw in (root, *signatures)] == codes
        need(is_same and len(data) <= NOTE_MAX and int(head[2]) <= INT64_MAX, "checkpoint: no note")
        text, count = data[: data.rindex(b"\n\n") + 1], 0
        for (name, _), raw in zip(lines, signatures, strict=True):
            need(len(name.encode()) < 256 and len(raw) > 4, "checkpoint: no note")
            if (name, raw[:4]) == (self.origin, h(name.encode(), b"\n\x01", self.key)[:4]):
                check_signed(self.key, text, raw[4:])
                count += 1
        need(count, "checkpoint: not signed by the node")
        return [int(head[2]), root]


class Table:
    """A table's schema at a height, under the catalog."""

    def __init__(self, name, shown, state):
        data, self.root, self.count, catalog, self.items = of(shown, bytes, 32, int, list, list)
        need(re.fullmatch("[a-z0-9_]{1,90}", name), "a name that no table has")
        key, row = b"\x01" + name.encode() + b"\0\1", [h(data), self.root, self.count]
        check_catalog(state[1], key, row, catalog)
        versions, kinds = decode(data), (int, str, list, list, list, None, bool, bool)
        need(type(versions) is list and versions, "schema: no version")
        since, schema = of(versions[-1], int, list)
        number, found, columns, self.key, _, _, self.owned, salted = of(schema, *kinds)
        need((number, found) == (1, name) and since <= state[0], "schema: of another table")
        self.columns = [of(c, str, str, bool, bool, None, None, int, list) for c in columns]
        of(self.key, *[int] * len(self.key))
        need(self.key and max(self.key) < len(columns), "schema: the key is of no columns")
        self.start = 1 + self.owned + salted

    def encode(self, values):
        """Return the encoded key of values, or the beginning that leading columns have."""
        key = b""
        need(len(values) <= len(self.key), "key: too many values")
        for value, ordinal in zip(values, self.key, strict=False):
            kind = KEY_TYPES.get(self.columns[ordinal][1], str)
            need(type(value) is kind and (kind is not str or "\0" not in value), "key: not a value")
            if kind is int:
                need(-(2**63) <= value <= INT64_MAX, "key: a number of more than 64 bits")
                key += (value + 2**63).to_bytes(8, "big")
            else:
                raw = value.replace(b"\0", b"\0\xff") if kind is bytes else value.encode()
                key += raw + b"\0\1"
        need(len(key) <= KEY_MAX, "key: too long")
        return key

    def read(self, data):
        """Return the encoded key of a row, and what the row says."""
        row, width = decode(data), self.start + len(self.columns)
        is_row = type(row) is list and self.start <= len(row) <= width and row[-1] is not None
        need(is_row and not {list, dict} & {type(value) for value in row}, "row: not of the table")
        position, owner = *of(row[:1], int), *(of(row[1:2], 20) if self.owned else [None])
        values = row[self.start :] + [None] * (width - len(row))
        key = [values[ordinal] for ordinal in self.key]
        shown = [[c[0], c[1], c[6], values[at]] for at, c in enumerate(self.columns) if not c[3]]
        said = {"key": key, "columns": shown, "owner": owner, "position": position}
        return self.encode(key), said


def read_rows(genesis, state, shown, name, low, high, rows, writer):
    """Return which rows a table has from low to high, and who wrote the one row."""
    table = Table(name, shown, state)
    first, last = table.encode(low), table.encode(high).ljust(KEY_MAX + 1, b"\xff")
    read = [table.read(row) for row in of(rows, *[bytes] * len(rows))]
    leaves = [(key, h(row)) for (key, _), row in zip(read, rows, strict=True)]
    check_tree(table.root, first, last, table.items, leaves)
    need(low or high or len(rows) == table.count, "rows: the catalog counts other rows")
    said = {"table": name, "low": low, "high": high, "writer": None, "timers_of": None}
    if writer is not None:
        need(len(rows) == 1 and type(writer) is list, "rows: a writer of other than one row")
        if len(writer) == 2:
            link, path = of(writer, bytes, bytes)
            said["timers_of"] = of(decode(link), int, bytes, *[None] * 4)[0]
            entry = [0, h(link)]
        else:
            envelope, key, receipt_hash, path = of(writer, bytes, 32, 32, bytes)
            said["writer"], _ = genesis.read_signer(envelope, key)
            entry = [1, said["writer"]["transaction"], h(envelope), receipt_hash]
        check_entry(entry, read[0][1]["position"], state[3], path)
    return said | {"rows": [row for _, row in read]}


def read_transaction(genesis, state, data, key, receipt, position, path):
    """Return what a transaction said and what became of it."""
    envelope, body = of(decode(data), bytes, bytes)
    said, body_hash = genesis.read_signer(envelope, key)
    need(h(b"\x20", body) == body_hash, "transaction: another body")
    salt, calls = of(decode(body), 16, list)
    is_named = all(type(name) is str for call in calls for name in of(call, str, dict)[1])
    need(len(calls) <= CALLS_MAX and is_named, "transaction: too many calls, or no call")
    outcome = decode(receipt, depth_max=32)
    is_ok = type(outcome) is list and len(outcome) == 2
    number, *_ = of(outcome, *((int, list) if is_ok else (int, int, str, int, dict)))
    need(number == 1 - is_ok, "receipt: not one")
    receipt_hash = h(b"\x23", h(b"\x24", salt)[:16], receipt)
    check_entry([1, said["transaction"], h(envelope), receipt_hash], position, state[3], path)
    return said | {"position": position, "calls": calls, "receipt": outcome}


def read_connection(genesis, state, note, link, path):
    """Return the checkpoint that is of one history with the state."""
    head = genesis.read_note(note)
    if link is None:
        check_growth(head, state[3], path)
    else:
        said = of(decode(*of([link], bytes)), int, bytes, *[None] * 4)
        need(said[:2] == [state[0] + 1, state[1]] and state[0] and state[3], "link: not the next")
        check_entry([0, h(link)], state[3][0], head, path)
    return {"size": head[0], "root": head[1], "is_newer": link is not None}


def verify(data, genesis_hash=None, note=None):
    """Return what a bundle says; raise Invalid when that is not proved, or not of what the reader knows."""
    is_whole = data[-35:-32] == b"\x0a\x58\x20" and h(data[:-32]) == data[-32:]
    need(len(data) <= BUNDLE_MAX and is_whole, "damaged: its own hash is wrong")
    bundle = decode(data, depth_max=8)
    need(type(bundle) is dict and list(bundle) == [*range(1, 11)], "not a bundle")
    parts = of([*bundle.values()], int, list, None, list, list, None, None, list, list, 32)
    number, claim, shown, head, chain, log, connection, evidence, last, _ = parts
    genesis_data, changes = of(last, bytes, list)
    need(number == 1 and claim and not changes, "a bundle of another format")
    genesis, kind, claim = Genesis(genesis_data), claim[0], claim[1:]
    need(genesis_hash in (None, genesis.hash), f"of another ledger: {genesis.chain_id}")
    state = genesis.read_state(head, chain, log, evidence)
    if kind == "rows":
        said = read_rows(genesis, state, shown, *of(claim, str, list, list, list, None))
    elif kind == "transaction" and shown is None:
        said = read_transaction(genesis, state, *of(claim, bytes, 32, bytes, int, bytes))
    else:
        need(kind == "consistency" and shown is None, "a claim of another kind")
        older, path = of(claim, list, bytes)
        since, app_hash, time_ns, log = genesis.read_state(*of(older, list, list, None, list))
        need(since <= state[0], "consistency: the older state is newer")
        check_growth(log, state[3], path)
        said = {"older_height": since, "older_time_ns": time_ns, "older_app_hash": app_hash}
        said |= {"older_log_size": log[0], "log_size": state[3][0]}
    said = {"claim": {"kind": kind, **said}, "ledger": genesis.chain_id, "genesis": genesis.hash}
    said |= {"height": state[0], "time_ns": state[2], "app_hash": state[1], "checkpoint": None}
    if connection is not None:
        said["checkpoint"] = read_connection(genesis, state, *of(connection, bytes, None, bytes))
    if note is not None:
        held = dict(zip(("size", "root"), genesis.read_note(note), strict=True))
        need(held.items() <= (said["checkpoint"] or {}).items(), "of no checkpoint that is held")
    known = {"genesis": genesis_hash, "checkpoint": note}
    return said | {"anchors": [name for name, value in known.items() if value is not None]}


def read(path, size_max):
    """Return what a file holds, at most a byte more than it may; a pipe or device is no file."""
    if not path.is_file():
        raise OSError(f"{path}: there is no such file, or it is not a regular one")
    with path.open("rb") as file:
        return file.read(size_max + 1)


def main():
    """Print the verdict."""
    parser = argparse.ArgumentParser(description="Verify a Comity bundle offline.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--genesis", help="its hash in hex, or the file")
    parser.add_argument("--checkpoint", type=Path, help="one that you hold")
    given = parser.parse_args()
    try:
        genesis, note = given.genesis, given.checkpoint and read(given.checkpoint, NOTE_MAX)
        if genesis is not None:
            is_hash = re.fullmatch("[0-9a-f]{64}", genesis)
            genesis = bytes.fromhex(genesis) if is_hash else h(read(Path(genesis), BUNDLE_MAX))
        said = verify(read(given.file, BUNDLE_MAX), genesis, note)
    except (OSError, Invalid) as error:
        sys.stderr.write(f"invalid: {error}\n")
        return 2 if isinstance(error, OSError) else 3
    word, age_ns = "valid" if said["anchors"] else "unanchored", time.time_ns() - said["time_ns"]
    lines = [json.dumps(x, default=bytes.hex) for x in (*said["claim"].pop("rows", ()), said)]
    sys.stdout.write("\n".join((f"{word}, {age_ns // (86400 * 10**9)} days old", *lines, "")))
    return 0 if said["anchors"] else 3


if __name__ == "__main__":
    sys.exit(main())
