"""Attacks on bundles: neither verifier takes them (faults P25 to P27)."""

from typing import Any

import msgspec
import pytest

from comity.crypto import cbor, trie
from comity.crypto.hashing import sha256
from comity.model.bundle import Bundle, RowsClaim
from comity.model.evidence import Evidence
from comity.testing.people import Person
from tests.bundle_forger import COLUMNS, GENESIS, SCHEMA, Forger, key, row
from tests.bundle_ledger import ANA, BO, NODE, ProofLedger, good_bundles, made
from tests.bundle_verdicts import both

replace = msgspec.structs.replace
LEDGER = made()[0]
GENESIS_HASH = LEDGER.genesis.hash
ROWS = {key(1): row(0, 1, "a"), key(2): row(0, 2, "b"), key(5): row(0, 5, "c"), key(9): row(0, 9)}


def opened(name: str) -> Bundle:
    """Return a good bundle as a record."""
    return Bundle.decode(good_bundles()[name])


def claim_of(bundle: Bundle) -> RowsClaim:
    """Return the claim of a bundle about rows."""
    assert isinstance(bundle.claim, RowsClaim)
    return bundle.claim


def changed(bundle: Bundle, **changes: Any) -> bytes:
    """Return the file of a bundle whose claim is changed."""
    return replace(bundle, claim=replace(bundle.claim, **changes)).encode()


def test_an_honest_forgery_is_taken() -> None:
    """What the forger signs is refused below for what was changed, not for how it is made."""
    said = both(Forger(ROWS).bundle(), sha256(Forger(ROWS).genesis))
    assert [shown["key"] for shown in said["claim"]["rows"]] == [[1], [2], [5], [9]]
    assert both(Forger({}).bundle())["claim"]["rows"] == []


# --- whose ledger, which node, which height


def test_a_bundle_of_another_ledger_is_refused() -> None:
    """P26: a reader who means a ledger takes nothing of another, even by the same node."""
    other = ProofLedger(salt=b"t" * 16)
    other.run(ANA, "put", store=1, code="bolt", price=250)
    data = other.prover().row("shop__item", (1, "bolt")).encode()
    assert both(data, other.genesis.hash)["anchors"] == ["genesis"]
    assert both(data, GENESIS_HASH) is None
    assert both(replace(Bundle.decode(data), genesis=LEDGER.genesis.encode()).encode()) is None


def test_nothing_known_is_no_anchor() -> None:
    """A stranger's ledger verifies only as what nothing vouches for."""
    assert both(good_bundles()["row"])["anchors"] == []


def test_evidence_by_a_stranger_is_refused() -> None:
    """Only the node that the genesis names counts, also when another signs in its name."""
    forger, stranger = Forger(ROWS), Person("stranger")
    assert (
        both(forger.bundle(state=forger.state(evidence=forger.evidence(signer=stranger)))) is None
    )
    evidence = Evidence.decode(forger.evidence(signer=stranger))
    named = replace(evidence, kid=NODE.key_id).encode()
    assert both(forger.bundle(state=forger.state(evidence=named))) is None


def test_evidence_of_another_height_or_genesis_is_refused() -> None:
    """A signature counts for one height, one app hash and one ledger."""
    forger = Forger(ROWS)
    assert both(forger.bundle(state=forger.state(evidence=forger.evidence(height=8)))) is None
    other = Forger({**ROWS, key(10): row(0, 10)})
    assert both(forger.bundle(state=forger.state(evidence=other.evidence()))) is None
    elsewhere = Forger(ROWS, genesis={**GENESIS, "ledger": "truth"})
    assert both(forger.bundle(state=forger.state(evidence=elsewhere.evidence()))) is None


def test_an_old_height_is_shown_as_old() -> None:
    """P26: a bundle of an old height cannot be passed off as new: height and time are under the app hash."""
    old, new = opened("row-past"), opened("row-owned")
    said, later = both(old.encode()), both(new.encode())
    assert said["height"] < later["height"]
    assert said["time_ns"] < later["time_ns"]
    for part in ("height", "chain", "evidence", "app_hash", "log"):
        state = replace(old.state, **{part: getattr(new.state, part)})
        assert both(replace(old, state=state).encode()) is None, part
    assert both(replace(old, state=new.state).encode()) is None


@pytest.mark.parametrize(
    "chain", [[5, 1, 7, 9, b""], [5, 0, 8, 9, b""], [5, 0, 7, -1, b""], [5, 0, 7, 9]]
)
def test_another_row_is_not_the_chain(chain: list[Any]) -> None:
    """Height and time come from the one row of comity_chain, in its form."""
    assert both(Forger(ROWS, chain=chain).bundle()) is None


# --- which table, which schema


def test_the_root_of_another_table_is_refused() -> None:
    """P26: rows of one table are not shown as another's."""
    item, mark = opened("row"), opened("row-short")
    for part in ("root", "row_count", "catalog", "versions"):
        proof = replace(claim_of(item).proof, **{part: getattr(claim_of(mark).proof, part)})
        is_same = proof == claim_of(item).proof
        assert is_same or both(changed(item, proof=proof)) is None, part
    assert both(changed(item, table="shop__mark")) is None
    assert both(changed(item, proof=claim_of(mark).proof)) is None


def test_a_renamed_column_is_refused() -> None:
    """Names of columns and their types lie under the app hash."""
    bundle = opened("row-owned")
    claim = claim_of(bundle)
    versions = claim.proof.versions
    assert b"branch" in versions
    assert b"sector" in versions
    for old, new in ((b"branch", b"brunch"), (b"text", b"date"), (b"suppliers", b"supplierz")):
        proof = replace(claim.proof, versions=versions.replace(old, new))
        assert both(changed(bundle, proof=proof)) is None
    past = claim_of(opened("row-past"))
    assert both(changed(bundle, proof=replace(claim.proof, versions=past.proof.versions))) is None


def test_names_are_those_of_the_height() -> None:
    """A row of an older height is shown under the names that its columns had then."""
    names = [
        column[0] for column in both(good_bundles()["row-past"])["claim"]["rows"][0]["columns"]
    ]
    later = [
        column[0] for column in both(good_bundles()["row-owned"])["claim"]["rows"][0]["columns"]
    ]
    assert (names, later) == (["symbol", "sector"], ["symbol", "branch", "size"])


def schema(**changes: Any) -> list[Any]:
    """Return a schema with some of its eight parts changed, by place."""
    return [changes.get(f"at{place}", part) for place, part in enumerate(SCHEMA)]


BAD_VERSIONS = {
    "empty": [],
    "no list": {},
    "no pair": [[0]],
    "dropped": [[0, SCHEMA], [1, None]],
    "later": [[8, SCHEMA]],
    "format": [[0, schema(at0=2)]],
    "name": [[0, schema(at1="truth")]],
    "no columns": [[0, schema(at2={})]],
    "column": [[0, schema(at2=[COLUMNS[0], ["name", "text", True]])]],
    "column type": [[0, schema(at2=[COLUMNS[0], ["name", 7, False, False, None, 40, 0, []]])]],
    "no key": [[0, schema(at3=[])]],
    "key beyond": [[0, schema(at3=[2])]],
    "key below": [[0, schema(at3=[-1])]],
    "key boolean": [[0, schema(at3=[True])]],
    "owned": [[0, schema(at6=1)]],
    "long": [[0, [*SCHEMA, 0]]],
}


@pytest.mark.parametrize("name", BAD_VERSIONS)
def test_a_schema_of_another_form_is_refused(name: str) -> None:
    """Both verifiers read a schema in one way or not at all, whoever signed it."""
    assert both(Forger(ROWS, versions=BAD_VERSIONS[name]).bundle()) is None


@pytest.mark.parametrize("table", ["Lies", "", "a\x1b[2J", "x" * 91, "a b", "a\n", "\u0661"])
def test_a_name_that_no_table_has_is_refused(table: str) -> None:
    """A table's name cannot steer a terminal."""
    assert both(Forger(ROWS, table=table, versions=[[0, schema(at1=table)]]).bundle()) is None


# --- rows


BAD_ROWS = {
    "trailing null": row(0, 1, None),
    "too short": row(),
    "too long": row(0, 1, "a", "b"),
    "no list": cbor.encode({"a": 1}),
    "nested": row(0, 1, [1]),
    "nested map": row(0, 1, {}),
    "no position": row(None, 1, "a"),
    "negative position": row(-1, 1, "a"),
    "position of a boolean": row(True, 1, "a"),
    "key of another type": row(0, "1", "a"),
    "key of a boolean": row(0, True, "a"),
    "no key": row(0, None, "a"),
    "another key": row(0, 2, "a"),
    "a long length": b"\x98\x03" + row(0, 1, "a")[1:],
    "a long integer": b"\x83\x00\x18\x01\x61a",
    "a fraction": b"\x83\x00\x01\xf9\x3c\x00",
    "a tag": b"\x83\x00\x01\xc0\x61a",
    "bytes after": row(0, 1, "a") + b"\x00",
    "cut": row(0, 1, "a")[:-1],
    "no UTF-8": b"\x83\x00\x01\x61\xff",
    "nothing": b"",
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_row_in_another_form_is_refused(name: str) -> None:
    """One row has one byte string, and stands under its own key, whoever signed it."""
    forger = Forger({key(1): BAD_ROWS[name], key(2): row(0, 2, "b")})
    assert both(forger.bundle()) is None


def test_a_row_under_another_key_is_refused() -> None:
    """A row of the table is not shown as the row of another key."""
    bundle, other = opened("row"), opened("row-timer")
    assert both(changed(bundle, low=(1, "nut"), high=(1, "nut"))) is None
    assert both(changed(bundle, rows=claim_of(other).rows)) is None


@pytest.mark.parametrize("kind", ["decimal", "bytes", "account", "text", "date", "integer"])
@pytest.mark.parametrize("value", [7, "7", b"7", -(2**63) - 1, 2**63, "\0", "x" * 255, b"\0" * 130])
def test_key_values_are_of_their_columns_types(kind: str, value: Any) -> None:
    """A key value counts only in the type of its column and within a key's bounds: else it is never shown as absent."""
    columns = [["id", kind, True, False, None, None, 0, []], COLUMNS[1]]
    forger = Forger(ROWS, versions=[[0, schema(at2=columns)]])
    is_kind = {"decimal": int, "integer": int, "bytes": bytes, "account": bytes}.get(kind, str)
    good: Any = {int: (7,), bytes: (b"7",), str: ("7",)}[is_kind]
    claim = replace(forger.claim(good, good), low=(value,), high=(value,))
    is_taken = type(value) is is_kind and value in (7, "7", b"7")
    assert (both(forger.bundle(claim)) is not None) is is_taken


def test_an_owner_is_an_account() -> None:
    """The owner that is shown has the form of an account."""
    for owner, is_taken in ((BO.account_id, True), (b"bo", False), ("bo", False), (None, False)):
        rows = {key(1): row(0, owner, 1, "a")}
        forger = Forger(rows, versions=[[0, schema(at6=True)]])
        assert (both(forger.bundle()) is not None) is is_taken


def test_shown_values_are_those_of_the_row() -> None:
    """Decimals, accounts, retired columns and odd text are shown alike by both."""
    columns = [
        COLUMNS[0],
        ["price", "decimal", False, False, None, None, 2, []],
        ["old", "text", False, True, None, 40, 0, []],
        ["who", "account", False, False, None, None, 0, []],
        ["esc", "text", False, False, None, 40, 0, []],
    ]
    rows = {
        key(1): row(0, 1, -5, "gone", ANA.account_id, "\x1b[2J\u202e"),
        key(2): row(3, 2, "odd"),
    }
    said = both(Forger(rows, versions=[[0, schema(at2=columns)]]).bundle())
    shown = said["claim"]["rows"][0]["columns"]
    assert [column[0] for column in shown] == ["id", "price", "who", "esc"]
    assert shown[1] == ["price", "decimal", 2, -5]


# --- ranges and absence


def test_absence_of_a_present_key_is_refused() -> None:
    """P27: no proof shows that a present key is absent."""
    forger = Forger(ROWS)
    for present in (1, 2, 5, 9):
        for asked in (0, 3, 7, 100):
            claim = replace(forger.claim((asked,), (asked,)), low=(present,), high=(present,))
            assert both(forger.bundle(claim)) is None
        gone = replace(forger.claim((present,), (present,)), rows=())
        assert both(forger.bundle(gone)) is None
    with pytest.raises(Exception, match="has this row"):
        LEDGER.prover().absent("shop__item", (1, "bolt"))


def test_a_range_with_a_row_left_out_is_refused() -> None:
    """P27: rows cannot be pruned, left out, added, swapped or shown twice."""
    forger = Forger(ROWS)
    whole = forger.claim((1,), (5,))
    items = whole.proof.items
    hashes = dict(forger.leaves)
    rows = list(whole.rows)
    assert both(forger.bundle(whole)) is not None
    for place in range(len(rows)):
        less = tuple(rows[:place] + rows[place + 1 :])
        assert both(forger.bundle(replace(whole, rows=less))) is None
        leaf = forger.leaves[place]
        pruned = [index for index, item in enumerate(items) if item is None][place]
        for stand_in in (leaf, _leaf_hash(leaf)):
            bent = (*items[:pruned], stand_in, *items[pruned + 1 :])
            claim = replace(whole, rows=less, proof=replace(whole.proof, items=bent))
            assert both(forger.bundle(claim)) is None
    for odd in ((*rows, rows[0]), tuple(reversed(rows)), (rows[0], rows[0], rows[2])):
        assert both(forger.bundle(replace(whole, rows=odd))) is None
    assert len(hashes) == 4


def _leaf_hash(leaf: tuple[bytes, bytes]) -> bytes:
    return sha256(b"\x10" + len(leaf[0]).to_bytes(2, "big") + leaf[0] + leaf[1])


def test_a_widened_range_is_refused() -> None:
    """P27: a proof of a range says nothing of rows beyond it."""
    forger = Forger(ROWS)
    for low, high in (((0,), (5,)), ((2,), (9,)), ((2,), ()), ((), (5,)), ((), ())):
        claim = replace(forger.claim((2,), (5,)), low=low, high=high)
        assert both(forger.bundle(claim)) is None, (low, high)
    backward = replace(forger.claim((2,), (5,)), low=(5,), high=(2,))
    assert both(forger.bundle(backward)) is None
    too_many = replace(forger.claim((2,), (5,)), low=(2, 2))
    assert both(forger.bundle(too_many)) is None


def test_a_whole_table_has_the_rows_that_the_catalog_counts() -> None:
    """The count of a whole table is checked; of a part it is not known."""
    forger = Forger(ROWS, row_count=5)
    assert both(forger.bundle()) is None
    assert both(forger.bundle(forger.claim((1,), (9,)))) is not None


def test_bent_trees_are_refused() -> None:
    """Every item of a state proof that is dropped, doubled, swapped or out of bounds leads to no root."""
    forger = Forger(ROWS)
    claim = forger.claim((2,), (5,))
    items = claim.proof.items
    bents: list[Any] = [(), (None,), items[:-1], items[1:], (*items, None), (*items, bytes(32))]
    for place, item in enumerate(items):
        bents.append((*items[:place], *items[place + 1 :]))
        bents.append((*items[:place], item, *items[place:]))
        others = (-1, 0, 1, 63, 64, 2047, 2048, 1 << 40, bytes(32), (key(2), bytes(32)), None)
        bents += [(*items[:place], other, *items[place + 1 :]) for other in others]
        if place:
            bents.append((*items[: place - 1], item, items[place - 1], *items[place + 1 :]))
    for bent in bents:
        said = both(forger.bundle(replace(claim, proof=replace(claim.proof, items=bent))))
        assert (said is not None) is (tuple(bent) == items), bent
    cut = replace(claim, rows=(), proof=replace(claim.proof, items=(forger.root,)))
    assert both(forger.bundle(cut)) is None
    empty = Forger({}).claim()
    for bent in ((bytes(32),), (None,), ((b"", bytes(32)),), ((b"x" * 257, bytes(32)),)):
        claim = replace(empty, proof=replace(empty.proof, items=bent))
        assert both(Forger({}).bundle(claim)) is None


def test_a_tree_built_wrongly_is_refused_where_it_is_seen() -> None:
    """Sides that do not fit, and bits beyond a key, show a tree that is none, whoever signed it."""
    a, b, c = b"\x00" + key(1), b"\x40" + key(1), b"\x80" + key(1)
    leaf = {shown: _leaf_hash((shown, bytes(32))) for shown in (a, b, c)}

    def root(bit: int, left: bytes, right: bytes) -> bytes:
        return sha256(b"\x11" + bit.to_bytes(2, "big") + leaf[left] + leaf[right])

    for bit, left, right in ((0, c, a), (1, a, c), (1, b, a), (0, a, b), (80, a, a)):
        forger = Forger({})
        forger.root = root(bit, left, right)
        shown: Any = (bit, (left, bytes(32)), (right, bytes(32)))
        wrong = Forger({}, versions=[[0, SCHEMA]])
        wrong.root = forger.root
        rebuilt = _with_root(wrong, forger.root)
        claim = rebuilt.claim((100,), (100,), proof={"items": shown, "root": forger.root})
        assert both(rebuilt.bundle(claim)) is None, (bit, left, right)


def _with_root(forger: Forger, root: bytes) -> Forger:
    """Let a forger sign a catalog that names another root for his table."""
    shown = cbor.encode([sha256(forger.versions), root, forger.row_count])
    wanted = forger.key_of(forger.table)
    forger.catalog = [
        (found, sha256(shown) if found == wanted else digest) for found, digest in forger.catalog
    ]
    forger.app_hash = trie.root_of(forger.catalog)
    return forger


# --- the genesis


BAD_GENESES: dict[str, Any] = {
    "no map": [],
    "format": {**GENESIS, "format": 2},
    "format true": {**GENESIS, "format": True},
    "no format": {"ledger": "lies", "nodes": GENESIS["nodes"]},
    "name": {**GENESIS, "ledger": "Lies"},
    "name with a line": {**GENESIS, "ledger": "lies\n"},
    "long name": {**GENESIS, "ledger": "l" * 34},
    "no name": {**GENESIS, "ledger": 7},
    "no nodes": {**GENESIS, "nodes": []},
    "nodes": {**GENESIS, "nodes": {}},
    "two nodes": {**GENESIS, "nodes": [*GENESIS["nodes"], [1, BO.public_key, 1]]},
    "key type": {**GENESIS, "nodes": [[2, NODE.public_key, 1]]},
    "short key": {**GENESIS, "nodes": [[1, NODE.public_key[1:], 1]]},
    "power": {**GENESIS, "nodes": [[1, NODE.public_key, -1]]},
    "node": {**GENESIS, "nodes": [[1, NODE.public_key]]},
    "no CBOR": b"\xff",
    "nothing": b"",
}


@pytest.mark.parametrize("name", BAD_GENESES)
def test_a_genesis_of_another_form_is_refused(name: str) -> None:
    """Whoever signs under a genesis that is none is not believed."""
    assert both(Forger(ROWS, genesis=BAD_GENESES[name]).bundle()) is None
