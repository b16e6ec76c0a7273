"""The page of a link to join, through a real server: each state in words, as a page and as a record."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comity.client.invitation import Invitation, from_link, ticket
from comity.client.signing import sign_calls
from comity.limits import SECOND_NS
from comity.model.account import account_id
from comity.model.transaction import Call
from comity.node.config import Config
from comity.testing.people import Person
from tests.served_ledger import ServedLedger, serve
from tests.shared_ledger import ANA, BO, SharedLedger

URL = "https://node.example/comity"
GUEST = Person("carla")
JSON = {"Accept": "application/json"}
STATES = ("open", "used-up", "expired", "withdrawn", "void")


class _Made:
    """A ledger with an invitation in each state."""

    def __init__(self, folder: Path) -> None:
        start_ns = time.time_ns() - 3_600 * SECOND_NS
        ledger = SharedLedger(folder / "ledger", start_ns=start_ns)
        self.genesis, self.directory = ledger.local.genesis, ledger.directory
        self.invitations = {
            state: Invitation.of(bytes([number]) * 16, self.genesis.hash)
            for number, state in enumerate(STATES)
        }
        for state, invitation in self.invitations.items():
            hours = 1 if state == "expired" else 1_000
            call: dict[str, Any] = {
                "public_key": invitation.public_key,
                "expires_ns": start_ns + 600 * SECOND_NS * hours,
                "role": "buyer",
            }
            ledger.commit(("members.invite", call), by=BO if state == "void" else ANA)
        self.height = 0
        used, withdrawn = self.invitations["used-up"], self.invitations["withdrawn"]
        ledger.commit_many(self.joining(ledger, used))
        ledger.commit(("members.withdraw", {"public_key": withdrawn.public_key}))
        ledger.commit(("members.suspend", {"account": account_id(BO.public_key)}))
        self.height = ledger.height
        ledger.close()

    def joining(self, ledger: SharedLedger, invitation: Invitation) -> bytes:
        """Return the transaction with which the guest joins."""
        proof = invitation.proof(self.genesis.hash, account_id(GUEST.public_key))
        call = {"name": "carla", "invitation": invitation.public_key, "proof": proof}
        return sign_calls(
            GUEST, [Call("members.join", call)], genesis_hash=self.genesis.hash,
            expires_ns=time.time_ns(), salt=bytes(16), is_joining=True,
        ).encode()  # fmt: skip

    def path(self, state: str) -> str:
        """Return what a server sees of a link."""
        return f"/j/{ticket(self.genesis, self.invitations[state].public_key)}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> _Made:
    """Make the ledger once."""
    return _Made(tmp_path_factory.mktemp("joining"))


@pytest.fixture(scope="module")
def served(made: _Made) -> Iterator[ServedLedger]:
    """Serve it."""
    with serve(made.directory, Config(url=URL)) as running:
        yield running


def test_an_open_link_says_what_it_is_and_how_to_join(made: _Made, served: ServedLedger) -> None:
    """Whose ledger, which role, what the rules permit, the commands, and the address that others use."""
    reply = served.client.get(made.path("open"), headers=JSON)
    assert reply.status_code == 200
    said = reply.json()
    assert (said["state"], said["inviter"], said["role"]) == ("open", "ana", "buyer")
    assert said["ledger"] == made.genesis.chain_id
    assert said["genesis"] == made.genesis.hash.hex()
    assert "stock: Every member may add rows." in said["rights"]
    assert "You get the role buyer." in said["rights"]
    assert said["commands"] == ["uv tool install comity", "comity join 'LINK'"]
    link = made.invitations["open"].to_link(URL, made.genesis)
    assert link.startswith(f"{said['link']}#")
    assert from_link(link) == (URL, made.invitations["open"])


@pytest.mark.parametrize("state", STATES[1:])
def test_a_link_of_no_more_use_says_why(made: _Made, served: ServedLedger, state: str) -> None:
    """Used up, expired, withdrawn and void are told apart, each with the next step and without commands."""
    reply = served.client.get(made.path(state), headers=JSON)
    assert reply.status_code == 410
    said = reply.json()
    assert said["state"] == state
    assert "new one" in said["next"]
    assert said["commands"] == said["rights"] == []
    page = served.client.get(made.path(state))
    assert page.status_code == 410
    assert said["sentence"] in page.text
    assert "comity join" not in page.text


@pytest.mark.parametrize(
    ("ticket_text", "state"),
    [
        ("shared-{hash}-ffffffffffff", "unknown"),
        ("shared-{hash}-ff", "unknown"),
        ("shared-{hash}-zzzzzzzzzzzz", "unknown"),
        ("shared-0000-ffffffffffff", "other-ledger"),
        ("fruit", "other-ledger"),
        ("%22%3E%3Cb%3E", "other-ledger"),
    ],
)
def test_a_wrong_link_says_so(
    made: _Made, served: ServedLedger, ticket_text: str, state: str
) -> None:
    """An unknown invitation and another ledger's are told apart; nothing of the address is shown as it came."""
    path = "/j/" + ticket_text.format(hash=made.genesis.hash.hex()[:4])
    reply = served.client.get(path, headers=JSON)
    assert (reply.status_code, reply.json()["state"]) == (404, state)
    assert '"><b>' not in served.client.get(path).text


def test_the_page_stands_alone_and_looking_uses_nothing_up(
    made: _Made, served: ServedLedger
) -> None:
    """The page loads nothing, works without its script, and may be looked at for ever."""
    for _ in range(3):
        page = served.client.get(made.path("open"), headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.headers["content-type"].startswith("text/html")
    for word in ("src=", "<link", "@import", "url("):
        assert word not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "comity join '<span class=link>THE WHOLE ADDRESS OF THIS PAGE</span>'" in page.text
    said = served.client.get(made.path("open"), headers=JSON).json()
    assert said["uses_left"] == 1
    assert served.node is not None
    assert served.node.tip.height == made.height


def test_the_address_of_the_request_does_where_none_is_set(tmp_path: Path) -> None:
    """Without the setting url, the link is where the guest already is."""
    ledger = SharedLedger(tmp_path / "ledger", tables=(), start_ns=None)
    genesis = ledger.local.genesis
    ledger.close()
    with serve(ledger.directory) as running:
        path = f"/j/{ticket(genesis, bytes(32))}"
        said = running.client.get(path, headers=JSON).json()
        assert said["link"] == running.url + path
