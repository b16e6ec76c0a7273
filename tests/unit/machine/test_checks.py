"""Transactions and who may sign them (consensus rules R2.1 to R2.6), each test named after its rule."""

import tracemalloc
from collections.abc import Mapping
from typing import Any

import pytest

from comity.crypto import cbor, ed25519
from comity.crypto.hashing import TAG_BODY, tagged
from comity.crypto.ordered import encode_key
from comity.errors import Malformed, Rejected
from comity.limits import (
    CALLS_PER_SENDER_PER_BLOCK_MAX,
    CALLS_PER_TRANSACTION_MAX,
    JOINS_PER_BLOCK_MAX,
    ROWS_TOUCHED_PER_TRANSACTION_MAX,
    SEEN_EXPIRED_BASE,
    SEEN_EXPIRED_PER_ENTRY,
    TRANSACTION_BYTES_MAX,
    VALID_UNTIL_AHEAD_NS_MAX,
)
from comity.machine.checks import BlockChecks
from comity.model.account import account_id, key_id, possession_message
from comity.model.block import Tick
from comity.model.transaction import Envelope, Transaction
from comity.sdk import AccountSuspended, KeyNotFound, LastKey
from tests.simulation.world import (
    HOUR_NS,
    SECOND_NS,
    START_NS,
    World,
    account_of,
    genesis_of,
    key_of,
    seed_of,
    sign,
)
from tests.unit.machine import trial_app

WRITE = ("trial.write", {"name": "a", "value": 1})


def write(world: World, by: str = "ana", **options: Any) -> bytes:
    """Return a transaction that writes a note."""
    return world.transaction(by, WRITE, **options)


def code_of(world: World, data: bytes) -> str:
    """Return why admission refuses a transaction."""
    with pytest.raises(Rejected) as caught:
        world.check(data)
    return caught.value.code


def result_of(world: World, by: str, action: str, **arguments: Any) -> Any:
    """Execute one call in a block of its own and return its result, or (app, code)."""
    receipt = world.block(world.transaction(by, (f"trial.{action}", arguments))).outcomes[0].receipt
    return receipt.results[0] if receipt.is_ok else (receipt.app, receipt.code)


def proof(world: World, key: str, account: str) -> bytes:
    """Return the signature of a key that it is for an account."""
    message = possession_message(world.genesis.hash, account_of(account))
    return ed25519.sign(seed_of(key), message)


def test_r2_1_a_transaction_of_another_ledger_is_not_signed_for_this_one(world: World) -> None:
    """The genesis hash is part of what is signed (P01)."""
    other = genesis_of([trial_app.app], ledger="other")
    data = sign(other, "ana", [WRITE], valid_until=world.now_ns + HOUR_NS, salt=b"1" * 16)
    assert code_of(world, data) == "bad-signature"
    assert world.machine.identify(data) != Transaction.decode(data).envelope.transaction_id(
        other.hash
    )


def test_r2_1_a_ledger_reset_under_the_same_name_takes_no_old_transaction() -> None:
    """Another salt makes another genesis."""
    genesis = genesis_of([trial_app.app])
    reset = World([trial_app.app], genesis=_with_salt(genesis, b"t" * 16))
    data = sign(genesis, "ana", [WRITE], valid_until=START_NS + HOUR_NS, salt=b"1" * 16)
    assert code_of(reset, data) == "bad-signature"


def _with_salt(genesis: Any, salt: bytes) -> Any:
    return type(genesis)(
        **{name: getattr(genesis, name) for name in genesis.__struct_fields__ if name != "salt"},
        salt=salt,
    )


def test_r2_1_every_flipped_bit_of_a_signature_or_envelope_is_refused(world: World) -> None:
    """Whatever byte changes, the bytes are malformed, another body's, or not signed."""
    data = write(world)
    for at in range(len(data)):
        flipped = data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]
        code = code_of(world, flipped)
        assert code in (
            "malformed",
            "bad-signature",
            "unknown-account",
            "unknown-key",
            "expired",
            "too-far-ahead",
        )


@pytest.mark.parametrize(
    "bend",
    [
        lambda data: data + b"\0",
        lambda data: data[:-1],
        lambda data: b"\x9f" + data[1:] + b"\xff",
        lambda _: b"",
        lambda _: b"\x82",
        lambda _: b"\x82\x58\xa2",
        lambda _: b"\x9b" + (1 << 63).to_bytes(8, "big"),
        lambda _: b"\x81" * 10_000 + b"\x80",
    ],
)
def test_r2_1_other_encodings_are_malformed(world: World, bend: Any) -> None:
    """Trailing bytes, cuts, indefinite lengths, huge lengths, deep nesting: refused before any signature (P05, P06)."""
    assert code_of(world, bend(write(world))) == "malformed"


@pytest.mark.parametrize(
    "body",
    [
        b"\x82\x50" + b"s" * 16 + b"\x9f\xff",  # indefinite
        b"\x82\x50" + b"s" * 16 + b"\x81\x82\x67trial.a\xa2\x61a\x01\x61a\x01",  # key twice
        b"\x82\x50" + b"s" * 16 + b"\x81\x82\x67trial.a\xa2\x61b\x01\x61a\x01",  # unsorted
        b"\x82\x50" + b"s" * 16 + b"\x81\x82\x67trial.a\xa1\x61a\x18\x01",  # long integer
        b"\x82\x50" + b"s" * 16 + b"\x81\x82\x67trial.a\xa1\x61a\xf9\x7e\x00",  # NaN
        b"\x82\x50" + b"s" * 16 + b"\x81\x82\x67trial.a\xa1\x61a\xc1\x01",  # tag
        b"\x82\x50" + b"s" * 16 + b"\x81\x82\x67trial.a\xa1\x61a\x61\xff",  # no UTF-8
        b"\x82\x50" + b"s" * 16 + b"\x81\x82\x67trial.a\xa1\x61a" + b"\x81" * 10_000 + b"\x80",
        b"\x82\x50" + b"s" * 16 + b"\x81\x82\x67trial.a\xa1\x61a\x5b" + b"\x7f" + b"\xff" * 7,
        b"\x82\x50" + b"s" * 16 + b"\x80\x00",  # trailing
        b"\x82\x4f" + b"s" * 15 + b"\x80",  # short salt
    ],
)
def test_r2_1_a_body_has_one_encoding(world: World, body: bytes) -> None:
    """A body that is signed, but not the one encoding of anything, is refused (P05, P06)."""
    plain = {
        "kid": key_id(key_of("ana")),
        "sender": account_of("ana"),
        "valid_until": world.now_ns + HOUR_NS,
        "body_hash": tagged(TAG_BODY, body),
    }
    message = Envelope(**plain).to_be_signed(world.genesis.hash)
    envelope = Envelope(**plain, signature=ed25519.sign(seed_of("ana"), message))
    assert code_of(world, cbor.encode_array([envelope.encode(), body])) == "malformed"


def test_r2_2_an_executed_id_is_burned_also_after_a_restart(world: World) -> None:
    """The same transaction is executed once, and its receipt stays (P02)."""
    data = write(world)
    candidate = world.block(data)
    identifier = candidate.outcomes[0].checked.identifier
    assert code_of(world, data) == "duplicate"
    restarted = World([trial_app.app], store=type(world.store).over(world.store.connection))
    assert code_of(restarted, data) == "duplicate"
    height, position, receipt = restarted.machine.receipt(identifier) or (0, 0, None)
    assert (height, position, receipt) == (1, 2, candidate.outcomes[0].receipt)


def test_r2_2_a_refused_id_is_burned_too(world: World) -> None:
    """A refused payment must not come true later."""
    data = world.transaction("ana", ("trial.grow", {"name": "a", "amount": 1}))
    assert not world.block(data).outcomes[0].receipt.is_ok
    world.block(write(world))
    assert code_of(world, data) == "duplicate"
    assert world.machine.receipt(world.machine.identify(data) or b"") is not None


def test_r2_2_a_second_signature_of_the_same_content_has_the_same_id(world: World) -> None:
    """The id is of what is signed, so another signature over it is no second transaction."""
    data = write(world)
    world.block(data)
    forged = data.replace(Transaction.decode(data).envelope.signature, b"\1" * 64)
    assert world.machine.identify(forged) == world.machine.identify(data)
    assert code_of(world, forged) == "duplicate"


def test_r2_3_expired_ids_go_at_a_bounded_pace(world: World) -> None:
    """A block deletes at most 2 x entries + 1,000 rows of ``comity_seen``; the rest goes in the next."""
    rows = SEEN_EXPIRED_BASE + 300
    for start in range(0, rows, 100):
        world.block(
            *[
                write(world, valid_until=START_NS + 500 * SECOND_NS)
                for _ in range(start, start + 100)
            ]
        )
    assert _seen(world) == rows
    world.block(write(world), forward_ns=1_000 * SECOND_NS)
    entries = 2
    assert _seen(world) == rows + 1 - SEEN_EXPIRED_BASE - SEEN_EXPIRED_PER_ENTRY * entries
    world.block(write(world))
    assert _seen(world) == 2


def test_r2_3_a_tick_does_not_count_as_an_entry() -> None:
    """Ticks are not logged, so a replay of the log must expire as much without them."""
    blocks = []
    for with_tick in (True, False):
        world = World([trial_app.app])
        for _ in range(11):
            world.block(*[write(world, valid_until=START_NS + 500 * SECOND_NS) for _ in range(100)])
        at_ns = START_NS + 400 * SECOND_NS
        world.block(world.transaction("ana", ("trial.set_timer", _timer(at_ns))))
        sequence = world.store.tables["comity_timer"].range((), ()).__next__()[2]
        prepared = world.prepare(forward_ns=1_000 * SECOND_NS)
        assert prepared.candidate is not None
        link, *rest = prepared.candidate.entries
        tick = Tick(at_ns, sequence).encode()
        entries = [link, tick, *rest] if with_tick else [link, *rest]
        blocks.append(world.machine.finalize(entries).app_hash)
    assert blocks[0] == blocks[1]


def _timer(at_ns: int) -> Mapping[str, Any]:
    return {"at_ns": at_ns, "action": "mark", "name": "m", "count": 1}


def _seen(world: World) -> int:
    return len(list(world.store.tables["comity_seen"].scan()))


def test_r2_3_an_expired_id_cannot_come_back(world: World) -> None:
    """What ``comity_seen`` forgets is refused as expired, even when the clock goes back."""
    data = write(world, valid_until=START_NS + 10 * SECOND_NS)
    world.block(data)
    world.block(write(world), forward_ns=100 * SECOND_NS)
    assert code_of(world, data) == "expired"
    world.now_ns = START_NS
    assert code_of(world, data) == "expired"


@pytest.mark.parametrize(
    ("ahead_ns", "code"),
    [
        (-SECOND_NS, "expired"),
        (0, "expired"),
        (VALID_UNTIL_AHEAD_NS_MAX + 1, "too-far-ahead"),
    ],
)
def test_r2_3_valid_until_lies_after_the_block_and_within_a_day(
    world: World, ahead_ns: int, code: str
) -> None:
    """Outside (time, time + 24 h] a transaction is refused (P04)."""
    assert code_of(world, write(world, valid_until=world.now_ns + ahead_ns)) == code


@pytest.mark.parametrize("ahead_ns", [1, VALID_UNTIL_AHEAD_NS_MAX])
def test_r2_3_both_ends_of_the_day_are_as_written(world: World, ahead_ns: int) -> None:
    """One nanosecond ahead is valid, and so is exactly a day."""
    world.check(write(world, valid_until=world.now_ns + ahead_ns))


@pytest.mark.parametrize("valid_until", [0, -1, (1 << 64) - 1])
def test_r2_3_valid_until_is_a_time(world: World, valid_until: int) -> None:
    """Zero, negative and beyond 63 bits are no times (P04)."""
    try:
        data = write(world, valid_until=valid_until)
    except OverflowError:
        return  # cannot even be written
    assert code_of(world, data) == "malformed"


def test_r2_4_an_account_is_made_only_where_none_is(world: World) -> None:
    """Joining makes the account of the carried key, once."""
    joining = world.transaction("dan", ("trial.admit", {}), is_joining=True)
    again = world.transaction("dan", ("trial.admit", {}), is_joining=True)
    first, second = world.block(joining, again).outcomes
    assert first.receipt.results == (account_of("dan"),)
    assert (second.receipt.app, second.receipt.code) == ("comity", 41)
    assert result_of(world, "dan", "write", name="b", value=1)
    late = world.transaction("dan", ("trial.admit", {}), is_joining=True)
    assert code_of(world, late) == "unknown-key"


def test_r2_4_who_is_no_member_may_call_open_actions_only(world: World) -> None:
    """A stranger's transaction may only join, and must do something."""
    assert code_of(world, world.transaction("dan", WRITE)) == "unknown-account"
    assert code_of(world, world.transaction("dan", WRITE, is_joining=True)) == "not-open"
    both = world.transaction("dan", ("trial.admit", {}), WRITE, is_joining=True)
    assert code_of(world, both) == "not-open"
    assert code_of(world, world.transaction("dan", is_joining=True)) == "not-open"
    timer = world.transaction("dan", ("trial.mark", {"name": "x"}), is_joining=True)
    assert code_of(world, timer) == "not-open"


def test_r2_4_a_new_key_shows_that_it_wants_the_account(world: World) -> None:
    """Without the key's own signature over (genesis hash, account) it is not added."""
    new = key_of("phone")
    for wrong in (proof(world, "phone", "bo"), proof(world, "ana", "ana"), b"", b"\0" * 64):
        made = result_of(world, "ana", "add_key", public_key=new, scope="daily", proof=wrong)
        assert made == ("comity", 46)
    assert code_of(world, write(world, key="phone")) == "unknown-key"
    good = proof(world, "phone", "ana")
    assert result_of(world, "ana", "add_key", public_key=new, scope="daily", proof=good) is None
    facts = world.block(world.transaction("ana", ("trial.facts", {}), key="phone"))
    assert facts.outcomes[0].receipt.results[0]["scope"] == "daily"
    again = result_of(world, "ana", "add_key", public_key=new, scope="daily", proof=good)
    assert again == ("comity", 43)


def test_r2_4_a_removed_key_signs_nothing_more(world: World) -> None:
    """Also not in the block that removed it: there the outcome is a refusal with a receipt (R3.3)."""
    good = proof(world, "phone", "ana")
    result_of(world, "ana", "add_key", public_key=key_of("phone"), scope="daily", proof=good)
    removing = world.transaction("ana", ("trial.remove_key", {"public_key": key_of("phone")}))
    signed = write(world, key="phone")
    outcomes = world.block(removing, signed).outcomes
    assert outcomes[0].receipt.is_ok
    assert (outcomes[1].receipt.app, outcomes[1].receipt.code) == ("comity", KeyNotFound.code)
    assert code_of(world, write(world, key="phone")) == "unknown-key"


def test_r2_4_a_key_whose_scope_an_earlier_entry_changed_signs_with_the_new_one(
    world: World,
) -> None:
    """A key made a daily one cannot act as an owner later in the same block."""
    good = proof(world, "phone", "ana")
    result_of(world, "ana", "add_key", public_key=key_of("phone"), scope="owner", proof=good)
    lowering = world.transaction(
        "ana",
        ("trial.remove_key", {"public_key": key_of("phone")}),
        ("trial.add_key", {"public_key": key_of("phone"), "scope": "daily", "proof": good}),
    )
    facts = world.transaction("ana", ("trial.facts", {}), key="phone")
    outcomes = world.block(lowering, facts).outcomes
    assert outcomes[0].receipt.is_ok
    assert outcomes[1].receipt.results[0]["scope"] == "daily"


def test_r2_4_the_last_owner_key_stays(world: World) -> None:
    """An account always keeps one key with the scope owner."""
    gone = result_of(world, "ana", "remove_key", public_key=key_of("ana"))
    good = proof(world, "phone", "ana")
    result_of(world, "ana", "add_key", public_key=key_of("phone"), scope="daily", proof=good)
    assert gone == result_of(world, "ana", "remove_key", public_key=key_of("ana"))
    assert gone == ("comity", LastKey.code)
    world.check(write(world))


def test_r2_4_the_first_key_names_the_account_for_ever(world: World) -> None:
    """After the first key is gone, its holder cannot make a second account of the same id."""
    good = proof(world, "phone", "ana")
    result_of(world, "ana", "add_key", public_key=key_of("phone"), scope="owner", proof=good)
    removed = world.transaction("ana", ("trial.remove_key", {"public_key": key_of("ana")}))
    assert world.block(removed).outcomes[0].receipt.is_ok
    assert (
        code_of(world, world.transaction("ana", ("trial.admit", {}), is_joining=True))
        == "unknown-key"
    )
    assert account_of("ana") == account_id(key_of("ana"))


def test_r2_4_a_suspended_account_signs_nothing(world: World) -> None:
    """From the next block at admission; later in the same block by a refusal (R3.3)."""
    suspending = world.transaction(
        "bo", ("trial.set_status", {"account": account_of("ana"), "status": "suspended"})
    )
    outcomes = world.block(suspending, write(world)).outcomes
    assert (outcomes[1].receipt.app, outcomes[1].receipt.code) == ("comity", AccountSuspended.code)
    assert code_of(world, write(world)) == "suspended"
    assert result_of(world, "bo", "set_status", account=account_of("ana"), status="active") is None
    world.check(write(world))


def test_r2_5_one_sender_has_a_share_of_a_block(world: World) -> None:
    """Calls beyond the share wait for the next block, and a block with them is refused."""
    calls = [WRITE] * CALLS_PER_TRANSACTION_MAX
    count = CALLS_PER_SENDER_PER_BLOCK_MAX // CALLS_PER_TRANSACTION_MAX
    transactions = [world.transaction("ana", *calls[:1000]) for _ in range(count + 1)]
    checks = BlockChecks()
    for data in transactions[:-1]:
        checks.add(world.check(data))
    with pytest.raises(Rejected) as caught:
        checks.add(world.check(transactions[-1]))
    assert caught.value.code == "sender-bound"
    checks.add(world.check(world.transaction("bo", WRITE)))  # others are not held up
    checks.add(world.check(world.transaction("ana")))  # no call, still within


def test_r2_5_a_block_admits_so_many_accounts(world: World) -> None:
    """Joining is capped in a block; the others wait."""
    joining = [
        world.transaction(f"p{at}", ("trial.admit", {}), is_joining=True)
        for at in range(JOINS_PER_BLOCK_MAX + 1)
    ]
    prepared = world.prepare(*joining)
    assert prepared.candidate is not None
    assert len(prepared.candidate.outcomes) == JOINS_PER_BLOCK_MAX
    assert [(one.code, one.waits) for one in prepared.left_out] == [("join-bound", True)]


def test_r2_6_bounds_of_a_transaction(world: World) -> None:
    """1,000 calls and 1 MiB are allowed, one more is malformed."""
    world.check(world.transaction("ana", *[WRITE] * CALLS_PER_TRANSACTION_MAX))
    many = world.transaction("ana", *[WRITE] * (CALLS_PER_TRANSACTION_MAX + 1))
    assert code_of(world, many) == "malformed"
    long = ("trial.write", {"name": "x" * TRANSACTION_BYTES_MAX, "value": 1})
    assert code_of(world, world.transaction("ana", long)) == "malformed"


def test_r2_6_bounds_of_execution(world: World) -> None:
    """10,000 rows touched are allowed, more is a refusal; an encoded key over 256 bytes is one too (P14)."""
    assert result_of(world, "ana", "read", count=ROWS_TOUCHED_PER_TRANSACTION_MAX) is None
    assert result_of(world, "ana", "read", count=ROWS_TOUCHED_PER_TRANSACTION_MAX + 1) == (
        "comity",
        16,
    )
    assert (
        result_of(world, "ana", "many", prefix="k", count=ROWS_TOUCHED_PER_TRANSACTION_MAX // 2)
        is None
    )
    assert (
        result_of(world, "ana", "list_all", limit=ROWS_TOUCHED_PER_TRANSACTION_MAX)
        == ROWS_TOUCHED_PER_TRANSACTION_MAX // 2
    )
    assert result_of(world, "ana", "list_all", limit=0) == 0
    assert result_of(world, "ana", "list_all", limit=-1) == 0
    assert (
        result_of(world, "ana", "list_all", limit=(1 << 63) - 1)
        == ROWS_TOUCHED_PER_TRANSACTION_MAX // 2
    )
    assert result_of(world, "ana", "write", name="\U0001d11e" * 100, value=1) == ("comity", 5)
    assert len(encode_key(("x" * 254,))) == 256


def test_r2_6_nesting_is_bounded(world: World) -> None:
    """Sixteen arrays inside one another pass as form, a deeper body does not."""
    value: Any = 1
    for _ in range(20):
        value = [value]
    with pytest.raises(Malformed):
        world.transaction("ana", ("trial.write", {"name": value, "value": 1}))


@pytest.mark.parametrize("amount", [(1 << 63) - 1, 1])
def test_p07_numbers_at_the_edge_are_refused_not_wrapped(world: World, amount: int) -> None:
    """A sum past 63 bits is a refusal (P07)."""
    result_of(world, "ana", "write", name="a", value=(1 << 63) - 1)
    assert result_of(world, "ana", "grow", name="a", amount=amount) == ("comity", 3)
    assert result_of(world, "ana", "write", name="b", value=1 << 63) == ("comity", 12)
    assert result_of(world, "ana", "grow", name="a", amount=-1) == ("comity", 12)
    assert result_of(world, "ana", "grow", name="a", amount=True) == ("comity", 12)


@pytest.mark.parametrize(
    "data",
    [
        b"\x81" * 1_000_000 + b"\x80",
        b"\x82\x58\xa2" + b"\x84" * 162 + b"\x5b" + (1 << 63).to_bytes(8, "big"),
        b"\x82\x58\xa2" + b"\x84" * 162 + b"\x5a\xff\xff\xff\xff",
        b"\x9b" + b"\xff" * 8,
        b"\x00" * (TRANSACTION_BYTES_MAX + 1),
    ],
)
def test_p06_declared_lengths_and_depths_cost_nothing(world: World, data: bytes) -> None:
    """A length of 2^63 or a million levels are refused without memory for them (P06)."""
    tracemalloc.start()
    try:
        assert code_of(world, data) == "malformed"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 << 20


def test_p02_another_node_gives_the_same_receipt(world: World) -> None:
    """Sent to two nodes, executed once: whoever is asked knows the same place and receipt (P02)."""
    other = World([trial_app.app])
    data = write(world)
    candidate = world.block(data)
    other.machine.finalize(candidate.entries)
    other.machine.commit()
    assert code_of(other, data) == code_of(world, data) == "duplicate"
    identifier = world.machine.identify(data) or b""
    assert world.machine.receipt(identifier) == other.machine.receipt(identifier)
    assert world.machine.receipt(identifier) is not None
