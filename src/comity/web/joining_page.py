"""What a link to join says: the record, and the page for people.

Invariant: it works without scripts. The one script puts the whole address into the command, and only an address whose
characters mean nothing to a shell.
"""

import base64
from collections.abc import Iterator
from hashlib import sha256
from html import escape

import msgspec

from comity.node.invitations import State
from comity.web import pages

_WORD = "cmi1[02-9ac-hj-np-z]{20,90}"  # as bech32m writes it
_SCRIPT = (
    "if(/^https?:\\/\\/[\\w.:[\\]\\/-]+#" + _WORD + "$/.test(location.href))"
    "document.querySelectorAll('.link').forEach(e=>{e.textContent=location.href});"
)
_DIGEST = base64.b64encode(sha256(_SCRIPT.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{_DIGEST}'"
_LINK = "<span class=link>THE WHOLE ADDRESS OF THIS PAGE</span>"


class Joining(msgspec.Struct, kw_only=True):
    """What a link to join leads to.

    Args:
        genesis: hash of the ledger's genesis, in hex; the word in the link holds its start.
        sentence: what is true; next: what to do.
        link: the link without its end.
        rights: what a guest will be able to do, as sentences.
        commands: that join; LINK stands for the whole link.
    """

    ledger: str
    genesis: str
    state: State
    sentence: str
    next: str
    link: str
    inviter: str | None = None
    role: str | None = None
    uses_left: int | None = None
    expires: str | None = None
    rights: list[str] = []
    commands: list[str] = []


def page(joining: Joining) -> str:
    """Return the page."""
    title = "Join " + joining.ledger.rpartition("-")[0]
    return pages.page(title, "".join(_body(title, joining)) + f"<script>{_SCRIPT}</script>")


def _body(title: str, joining: Joining) -> Iterator[str]:
    yield f"<h1>{escape(title)}</h1><p>{escape(joining.sentence)}"
    if joining.role is not None and joining.state == "open":
        yield f" You would be <b>{escape(joining.role)}</b>."
    yield f"</p><p>{escape(joining.next)}</p>"
    if joining.state == "open":
        yield from _invitation(joining)
    yield (
        f"<p><small>Ledger <code>{escape(joining.ledger)}</code>, genesis hash"
        f" <code>{joining.genesis}</code>. <a href=/v1/docs>What this node answers</a>.</small></p>"
    )


def _invitation(joining: Joining) -> Iterator[str]:
    yield (
        "<p>A ledger is a set of tables that people share without having to trust one another. Rules say who may"
        " change what, everybody keeps the history, and whoever reads can check it.</p>"
        "<h2>What you will be able to do</h2><ul>"
    )
    yield from (f"<li>{escape(each)}" for each in joining.rights)
    yield "</ul><h2>How to join</h2><ol>"
    for command in joining.commands:
        yield f"<li><code>{escape(command, quote=False).replace('LINK', _LINK)}</code>"
    uses = "once" if joining.uses_left == 1 else f"{joining.uses_left} times"
    yield (
        "</ol><p>The whole address has a <code>#</code> and a word behind it that starts with <code>cmi1</code>. That"
        " word is the invitation: your browser keeps it to itself, and so should you. The command makes a key for you"
        " and checks that the node serves the ledger that the word names.</p>"
        f"<p>The invitation can be used {uses}, until {escape(joining.expires or '')}.</p>"
    )
