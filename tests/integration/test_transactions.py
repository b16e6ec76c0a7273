"""Transactions over real sockets to a real process: every status, and that sending again is safe."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from comity.crypto import cbor
from comity.limits import REQUEST_TRANSACTIONS_MAX
from comity.model.account import to_text
from comity.model.genesis import Genesis
from comity.model.receipt import Receipt
from comity.model.transaction import Call
from comity.testing.people import Person
from tests.integration.node_process import (
    ANA,
    CBOR,
    NodeProcess,
    add,
    create_things,
    make_ledger,
    send,
    sign,
)

pytestmark = pytest.mark.slow
Served = tuple[httpx.Client, Genesis]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Give a client of a node with the table ``things``, and its genesis."""
    folder = tmp_path_factory.mktemp("ledger") / "shared"
    genesis = make_ledger(folder)
    with NodeProcess(folder) as node, node.client() as client:
        assert send(client, sign(genesis, create_things())).status_code == 201
        yield client, genesis
        code, seconds, errors = node.stop()
        assert (code, "Traceback" in errors) == (0, False), errors
        assert seconds < 5


def test_a_final_one_is_201_and_stays_so(served: Served) -> None:
    """The answer names id, place and results; the id answers the same, and so does sending it again."""
    client, genesis = served
    transaction = sign(genesis, add(1), add(2))
    answer = send(client, transaction)
    assert answer.status_code == 201
    told = answer.json()
    assert Receipt.decode(bytes.fromhex(told["receipt"])).is_ok
    assert len(told["results"]) == 2
    assert answer.headers["Location"] == f"/v1/transactions/{told['id']}"
    assert int(answer.headers["Comity-Height"]) >= told["height"]
    assert client.get(answer.headers["Location"]).json() == told
    again = send(client, transaction)
    assert (again.status_code, again.json()) == (201, told)


def test_a_program_reads_cbor(served: Served) -> None:
    """With Accept: application/cbor the answer is the outcome exactly, for one, several, and by id."""
    client, genesis = served
    transaction = sign(genesis, add(10))
    first = send(client, transaction, Accept="application/cbor")
    kind, identifier, height, position, receipt = cbor.decode(first.content, size_max=10_000)
    assert (first.status_code, kind, Receipt.decode(receipt).is_ok) == (201, 0, True)
    both = send(client, transaction, b"junk" * 10, Accept="application/cbor")
    assert both.status_code == 207
    found = cbor.decode(both.content, size_max=10_000)
    assert found[0] == [0, identifier, height, position, receipt]
    assert found[1][:2] == [1, "malformed"]
    known = client.get(
        f"/v1/transactions/{identifier.hex()}", headers={"Accept": "application/cbor"}
    )
    assert known.status_code == 200
    assert cbor.decode(known.content, size_max=10_000) == found[0]


def test_a_refusal_is_422_with_its_rule_in_words(served: Served) -> None:
    """A refused transaction is final too: a problem with fields and page, the receipt by id, the same again."""
    client, genesis = served
    assert send(client, sign(genesis, add(20))).status_code == 201
    transaction = sign(genesis, add(20))
    answer = send(client, transaction)
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["code"], problem["status"]) == ("row-exists", 422)
    assert problem["fields"]["table"] == "things"
    assert problem["who_can_fix"]
    assert client.get(problem["type"]).status_code == 200
    outcome = client.get(f"/v1/transactions/{problem['transaction']}").json()
    assert (outcome["status"], outcome["problem"]) == (422, problem)
    assert send(client, transaction).json() == problem


def test_several_have_a_status_each(served: Served) -> None:
    """All executed: 201. Else 207, and each outcome says its own."""
    client, genesis = served
    good = send(client, *[sign(genesis, add(number)) for number in range(30, 40)])
    assert good.status_code == 201
    assert [each["status"] for each in good.json()["outcomes"]] == [201] * 10
    stranger = sign(genesis, add(41), by=Person("stranger"))
    mixed = send(client, sign(genesis, add(40)), sign(genesis, add(40)), stranger)
    assert mixed.status_code == 207
    assert [each["status"] for each in mixed.json()["outcomes"]] == [201, 422, 401]


def test_what_was_never_ordered_has_its_status_and_page(served: Served) -> None:
    """Garbage, strangers, forgeries, the late and the large: each its problem, with a page that explains it."""
    client, genesis = served
    forged = bytearray(sign(genesis, add(50)))
    forged[forged.index(b"\x58\x40") + 2] ^= 1
    far = sign(genesis, add(50), valid_s=25 * 3600)
    nobody = sign(genesis, by=Person("nobody"))
    empty = cbor.encode([])
    cases: list[tuple[bytes, int, str]] = [
        (b"", 400, "malformed"),
        (b"garbage", 400, "malformed"),
        (empty, 400, "malformed"),
        (cbor.encode(["text", "text"]), 400, "malformed"),
        (bytes(forged), 401, "bad-signature"),
        (nobody, 401, "unknown-account"),
        (sign(genesis, add(50), valid_s=-1), 400, "expired"),
        (far, 400, "too-far-ahead"),
        (bytes(10 << 20), 413, "body-too-large"),
        (cbor.encode([b"x"] * (REQUEST_TRANSACTIONS_MAX + 1)), 413, "too-many"),
    ]
    for body, status, code in cases:
        answer = client.post("/v1/transactions", content=body, headers=CBOR)
        assert (answer.status_code, answer.json()["code"]) == (status, code), body[:20]
        assert client.get(answer.json()["type"]).status_code == 200


def test_a_request_that_is_not_declared_is_refused(served: Served) -> None:
    """Another type of body, an unknown parameter, a wrong id, method and address are told as problems."""
    client, _ = served
    unknown = "ab" * 32
    cases = [
        (
            client.post("/v1/transactions", content=b"{}", headers={"Content-Type": "text/plain"}),
            415,
        ),
        (client.post("/v1/transactions?wait=1", content=b"x", headers=CBOR), 400),
        (client.get(f"/v1/transactions/{unknown}"), 404),
        (client.get("/v1/transactions/xyz"), 400),
        (client.delete("/v1/transactions"), 405),
        (client.get("/v1/nothing"), 404),
    ]
    for answer, status in cases:
        assert answer.status_code == status
        assert answer.json()["status"] == status
        assert client.get(answer.json()["type"]).status_code == 200


def test_respond_async_is_202_and_its_id_tells_the_rest(served: Served) -> None:
    """202 names ids; asking for them leads to the outcome, also where nothing was ordered."""
    client, genesis = served
    stranger = sign(genesis, add(61), by=Person("stranger"))
    answer = send(client, sign(genesis, add(60)), Prefer="respond-async")
    other = send(client, stranger, Prefer="respond-async")
    assert (answer.status_code, other.status_code) == (202, 202)
    assert settled(client, answer.headers["Location"])["status"] == 201
    rejected = settled(client, other.headers["Location"])
    assert (rejected["status"], rejected["problem"]["code"]) == (401, "unknown-account")
    garbage = send(client, b"garbage!", Prefer="respond-async")
    assert garbage.status_code == 400


def settled(client: httpx.Client, location: str) -> dict[str, object]:
    """Return the outcome of an id, once there is one."""
    while True:
        found = client.get(location)
        if found.status_code != 202:
            assert found.status_code == 200, found.text
            outcome: dict[str, object] = found.json()
            return outcome


def test_many_clients_at_once(served: Served) -> None:
    """Sixteen clients, some with the same transaction: each id has one place, whoever sent it."""
    client, genesis = served
    shared = [sign(genesis, add(1_000 + number)) for number in range(20)]

    def run(start: int) -> list[tuple[str, int]]:
        with httpx.Client(base_url=client.base_url, timeout=30) as own:
            mine = [sign(genesis, add(start + number)) for number in range(20)]
            answers = [send(own, each) for pair in zip(mine, shared, strict=True) for each in pair]
        assert {answer.status_code for answer in answers} == {201}
        return [(answer.json()["id"], answer.json()["position"]) for answer in answers]

    with ThreadPoolExecutor(16) as pool:
        told = [
            each for part in pool.map(run, range(2_000, 2_000 + 16 * 100, 100)) for each in part
        ]
    assert len(set(told)) == 16 * 20 + 20
    assert len({position for _, position in told}) == 16 * 20 + 20


def test_an_action_that_is_not_there_is_refused(served: Served) -> None:
    """A call of an unknown app or action has a receipt with the machine's refusal."""
    client, genesis = served
    answer = send(client, sign(genesis, Call("nothing.at_all", {})))
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown-action")


def test_members_and_keys_are_listed(served: Served) -> None:
    """The founder is a member by name, by account and in the list; her key leads to her account and back."""
    client, _ = served
    ana = to_text(ANA.account_id)
    lists = [
        client.get("/v1/members", params=params).json()["members"]
        for params in ({}, {"name": "ana"}, {"account": ana})
    ]
    assert lists[0] == lists[1] == lists[2]
    (member,) = lists[0]
    assert (member["account"], member["status"], member["roles"]) == (ana, "active", ["admin"])
    page = client.get("/v1/members", params={"limit": 1}).json()
    assert client.get("/v1/members", params={"after": page["next"]}).json()["members"] == []
    (key,) = client.get("/v1/keys", params={"account": ana}).json()["keys"]
    assert (key["key"], key["type"], key["scope"]) == (ANA.public_key.hex(), "ed25519", "owner")
    assert client.get("/v1/keys", params={"key": key["key"]}).json()["keys"] == [key]
    assert client.get("/v1/keys", params={"key": "00" * 32}).json()["keys"] == []
    for wrong in ({"account": "cm1qqqqqqqqqqq"}, {"after": "x"}, {"limit": "0"}):
        assert client.get("/v1/members", params=wrong).status_code == 400
    assert client.get("/v1/keys").status_code == 400
