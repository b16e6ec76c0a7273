"""What a node says of a link to join, asked before anything is made or sent.

Invariant: nothing of the invitation's word is sent; what the node says here is shown and never trusted.
"""

import time
from email.utils import parsedate_to_datetime
from typing import Literal, TypeAlias

import msgspec

from comity.client.finish import finish
from comity.client.http_link import Ask, BlockingLink, Reply
from comity.client.invitation import PATH
from comity.client.node_answers import problem_of
from comity.client.refused import Refused
from comity.client.transport import Explanation
from comity.errors import ProofInvalid, Unavailable

_STATUSES = (200, 404, 410)
_APP = "members"
State: TypeAlias = Literal[
    "open", "expired", "used-up", "withdrawn", "void", "unknown", "other-ledger"
]
_REFUSALS = {  # number and name of the refusal that the ledger would give
    "used-up": (5, "InvitationUsed"),
    "withdrawn": (5, "InvitationUsed"),
    "void": (6, "InvitationVoid"),
    "unknown": (4, "InvitationNotFound"),
    "expired": (0, "Expired"),
}


class LinkAnswer(msgspec.Struct, kw_only=True):
    """What ``/j/TICKET`` says.

    Args:
        link: the link without its end, at the address that others use.
        off_s: seconds by which this machine's clock is ahead of the node's.
    """

    ledger: str
    state: State
    sentence: str
    next: str
    link: str
    inviter: str | None = None
    role: str | None = None
    uses_left: int | None = None
    expires: str | None = None
    rights: list[str] = []
    off_s: int = 0

    def check(self) -> None:
        """Refuse a link that lets nobody in. Raises: Refused; ProofInvalid, when it is to another ledger."""
        if self.state == "open":
            return
        if self.state == "other-ledger":
            raise ProofInvalid(f"{self.sentence} {self.next}")
        number, name = _REFUSALS[self.state]
        raise Refused(
            Explanation(
                app="comity" if number == 0 else _APP, number=number, name=name,
                sentence=self.sentence, fix=self.next, fields={},
            )
        )  # fmt: skip


def ask_link(url: str, ticket: str) -> LinkAnswer:
    """Return what the node at ``url`` says of a link; tries once. Raises: ConfigError, Unavailable."""
    link = BlockingLink(url)
    try:
        ask = Ask(path=f"{PATH}{ticket}", headers={"Accept": "application/json"})
        reply = finish(link.send(ask))
    finally:
        finish(link.close())
    if reply.status not in _STATUSES or reply.media_type != "application/json":
        raise Unavailable(f"{url} is no node of Comity, or not well: {problem_of(reply).detail}")
    try:
        found = msgspec.json.decode(reply.body, type=LinkAnswer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unavailable(f"{url} is no node of Comity: {error}") from error
    found.off_s = _off_s(reply)
    return found


def _off_s(reply: Reply) -> int:
    """Return by how much this clock is ahead of the one that dated the answer."""
    try:
        there = parsedate_to_datetime(reply.headers.get("date", "")).timestamp()
    except (ValueError, OverflowError):
        return 0
    return int(time.time() - there)
