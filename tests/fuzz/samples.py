"""Valid instances of what Comity reads from outside, from which damage starts. All of it is made up."""

from comity.crypto import ed25519
from comity.crypto.hashing import TAG_BODY, tagged
from comity.model.account import account_id
from comity.model.block import Link
from comity.model.column import Column, ColumnType
from comity.model.evidence import Evidence
from comity.model.genesis import Founder, Genesis, GenesisApp, GenesisNode
from comity.model.schema import Index, TableSchema
from comity.model.transaction import Call, Transaction, signed, unsigned

SEED = bytes(range(32))
KEY = ed25519.public_key(SEED)
ACCOUNT = account_id(KEY)
TIME_NS = 1_795_000_000 * 10**9
SALT = bytes(range(16))
HASHES = [bytes((n,)) * 32 for n in range(1, 5)]

GENESIS = Genesis(
    ledger="co-op",
    time_ns=TIME_NS,
    salt=SALT,
    apps=(GenesisApp(name="tables", version=1, schema_hash=HASHES[0], grants=("shared",)),),
    founders=(Founder(name="Ana", key_type=1, public_key=KEY, roles=("steward",)),),
    nodes=(GenesisNode(key_type=1, public_key=KEY),),
    parameters=(("members", "open", True), ("tables", "limits", [1, {"a": None}])),
)


def transaction(*calls: Call, is_joining: bool = False) -> Transaction:
    """Return a signed transaction."""
    kid = b"\x01" + KEY if is_joining else ACCOUNT
    draft = unsigned(sender=ACCOUNT, kid=kid, valid_until=TIME_NS, salt=SALT, calls=calls)
    return signed(draft, ed25519.sign(SEED, draft.envelope.to_be_signed(GENESIS.hash)))


TRANSACTIONS = (
    transaction(),
    transaction(Call("members.join", {"name": "Bo"}), is_joining=True),
    transaction(
        Call(
            "tables.add",
            {"rows": [[1, "a", None, True], [2, "b" * 300, b"\0", False]], "table": "t"},
        ),
        Call("tab.pay", {"cents": -5, "deep": [[[[{"x": [0, 1]}]]]]}),
    ),
)
LINKS = (
    Link(height=1, app_hash=HASHES[0], time_ns=TIME_NS, proposer=ACCOUNT),
    Link(
        height=2**40,
        app_hash=HASHES[1],
        time_ns=TIME_NS,
        proposer=ACCOUNT,
        misbehaviour=([1, ACCOUNT, 7], {"kind": "double"}),
        quarantined=((1, 0), (1, 1), (TIME_NS, 30)),
    ),
)
EVIDENCE = Evidence(height=7, app_hash=HASHES[2], kid=ACCOUNT, signature=bytes(range(64)))

SCHEMA = TableSchema(
    name="prices",
    columns=(
        Column(name="item", type=ColumnType(kind="text", minimum=1, maximum=40)),
        Column(name="number", type=ColumnType(kind="integer", minimum=0)),
        Column(name="price", type=ColumnType(kind="decimal", scale=2), required=False),
        Column(name="sold", type=ColumnType(kind="boolean"), required=False),
        Column(name="state", type=ColumnType(kind="enum", values=("new", "old")), required=False),
        Column(name="seen", type=ColumnType(kind="datetime", scale=3), required=False),
        Column(name="mark", type=ColumnType(kind="bytes", maximum=8), required=False),
        Column(name="who", type=ColumnType(kind="account"), required=False, retired=True),
    ),
    key=("item", "number"),
    indexes=(Index(name="by_price", columns=("price", "item"), unique=True),),
    history=10,
    is_owned=True,
    is_salted=True,
)
PLAIN_SCHEMA = TableSchema(
    name="app__notes",
    columns=(
        Column(name="id", type=ColumnType(kind="integer")),
        Column(name="day", type=ColumnType(kind="date"), required=False),
    ),
    key=("id",),
)
VERSIONS = (
    ((0, PLAIN_SCHEMA),),
    ((1, SCHEMA), (9, None)),
)
ROWS = (
    (4, ACCOUNT, SALT, "tea", 1, 350, True, "new", "2026-11-22T21:40:11.000Z", b"\0\xff", None),
    (4, ACCOUNT, SALT, "milk", 0, None, False, None, None, None, None),
    (0, ACCOUNT, SALT, "\u00e9\U0001f600", 2**63 - 1, -1, None, None, None, None, ACCOUNT),
)


def mend_transaction(data: bytes) -> bytes:
    """Make the envelope name the body that follows it, where both are where they should be."""
    if len(data) < 3:
        return data
    end = 3 + data[2]
    width = {0x58: 1, 0x59: 2, 0x5A: 4}.get(data[end], 0) if end < len(data) else 0
    digest = tagged(TAG_BODY, data[end + 1 + width :])
    at = end - 66 - 32  # the signature and its head stand between
    return data[:at] + digest + data[at + 32 :] if at > 3 else data
