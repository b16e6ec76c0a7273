"""``comity join``: become a member, by a link at somebody's node, or by a word on a ledger that is at hand.

Invariant: a key never leaves this machine; a ledger is remembered by its whole genesis hash, and only once the word of
the invitation vouched for it.
"""

import getpass
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import click

from comity.cli import problems
from comity.cli.group import Command
from comity.cli.member import telling_withdrawn
from comity.cli.session import Session, current
from comity.client import invitation as invitations
from comity.client import keystore
from comity.client.files.headers import to_name
from comity.client.http_transport import HttpTransport
from comity.client.invitation import Invitation
from comity.client.joining import LinkAnswer, ask_link
from comity.client.keystore import KeyInfo
from comity.client.known import KnownLedger, KnownLedgers
from comity.client.refused import Refused
from comity.client.secret import Secret, sealed
from comity.client.transport import Transport
from comity.errors import ConfigError, Malformed, ProofInvalid, Rejected, Unavailable
from comity.limits import KEY_NAME_CHARS_MAX

_OFF_S = 60  # a clock that is off by more is told
_CLOCK = ("expired", "too-far-ahead")  # codes of transactions that a wrong clock made


@click.command(
    cls=Command,
    writes=True,
    short_help="Become a member by a link or a word.",
    examples="""
    comity join 'http://localhost:7080/j/suppliers-7f3a-9f3c21d07a44#cmi1...' --name bo
    comity join cmi1... --name bo --node suppliers --keys bo-keys
    """,
)
@click.argument("link", metavar="LINK|WORD", required=False)
@click.argument("directory", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--name", metavar="NAME", help="The name that others see; the key's by default.")
@click.option("--key", metavar="KEY", help="Name of your key, made if there is none; as --as.")
def join(link: str | None, directory: Path | None, name: str | None, key: str | None) -> None:
    """Become a member by LINK, and keep the ledger under a name of yours; or by the WORD of an invitation.

    Makes a key under a passphrase when there is none, in DIR/keys (by default your folder of settings; of a WORD, the
    ledger's folder). Without LINK or WORD where the ledger of --node admits anybody.
    """
    session = current()
    if key is not None:
        session.as_option = key
    if directory is not None and session.keys_option is None:
        session.keys_option = str(directory / "keys")
    told: LinkAnswer | None = None
    made: Invitation | None = None
    try:
        if link is not None and invitations.is_link(link):
            url, found = invitations.from_link(link)
            if session.is_dry_run:
                _rehearse(session, url, link)
                return
            told = _visit(session, url, found, link)
            made = found
        elif link is not None:
            made = Invitation.from_text(link)
        if told is None:
            session.transport()  # a key is made only where a ledger is
    except Malformed as error:
        raise ConfigError(f"invitation: {error}; copy it again, or ask for it again") from error
    info = _key(session, name)
    with _telling_clock(told):
        _join(session, made, info, name or info.name)


def _rehearse(session: Session, url: str, link: str) -> None:
    """Say what the node says of a link, and make, send and remember nothing."""
    with _telling_whom_to_ask():
        told = ask_link(url, invitations.ticket_of(link))
    told.check()
    role = f" as {told.role}" if told.role else ""
    session.out.words(f"{told.sentence} You would join{role}:")
    for sentence in told.rights:
        session.out.words(f"  {sentence}")
    session.out.words("nothing was made or sent (--dry-run)")


def _visit(session: Session, url: str, made: Invitation, link: str) -> LinkAnswer:
    """Ask the node of a link what it leads to, and make its ledger the one of this command."""
    with _telling_whom_to_ask():
        told = ask_link(url, invitations.ticket_of(link))
        if told.state == "other-ledger":
            told.check()
        transport = HttpTransport.open(url)
    with closing(transport):
        genesis = transport.genesis
        if not made.is_for(genesis.hash):
            raise ProofInvalid(
                f"{url} serves {genesis.chain_id}, and the invitation is to another ledger:"
                " nothing was sent; ask whoever gave you the link"
            )
        known = KnownLedgers()
        name = _name_of(known, url, genesis.hash)
        session.node_option = url if name is None or Path(name).exists() else name
        _check_newcomer(session, transport)
    told.check()
    if name is None:
        name = known.keep(genesis.ledger, url, genesis.hash)
        session.node_option = url if Path(name).exists() else name
    by = told.inviter or "somebody"
    session.out.words(
        f"{by} invites you to {genesis.chain_id}{f' as {told.role}' if told.role else ''}"
    )
    return told


def _check_newcomer(session: Session, transport: Transport) -> None:
    """Refuse a key that acts for a member already. Raises: ConfigError."""
    if not _has_key(session):
        return
    info = session.key_info()
    member_of = transport.account_of_key(info.public_key)
    if member_of is None:
        return
    raise ConfigError(
        f"key {info.name} belongs to member {transport.name_of(member_of)} already; go on with"
        f" comity table ls --node {session.where}, or join with another key: --key NAME makes one"
    )


def _has_key(session: Session) -> bool:
    """Tell whether the key that is to join is there already; one is to be made otherwise."""
    names = [info.name for info in keystore.list_keys(session.keys)]
    return bool(names) if session.as_option is None else session.as_option in names


def _name_of(known: KnownLedgers, url: str, genesis_hash: bytes) -> str | None:
    """Return the name under which a ledger at an address is remembered; another one may have been there before."""
    wanted = KnownLedger(url=url, genesis=genesis_hash.hex())
    return next((name for name, one in known.read().items() if one == wanted), None)


def _key(session: Session, name: str | None) -> KeyInfo:
    """Return the key that joins, made when there is none."""
    if _has_key(session):
        return session.key_info()
    title = session.as_option or to_name(name or _user_name())[:KEY_NAME_CHARS_MAX] or "me"
    if session.is_dry_run:
        session.out.words(f"would make key {title} in {session.keys}, and join with it")
        raise click.exceptions.Exit(0)
    passphrase = session.passphrase(f"the new key {title}", is_new=True)
    info = keystore.create(session.keys, title, passphrase)
    session.as_option = title
    session.out.words(f"made key {title} in {session.keys}, account {info.account_text}")
    if session.is_terminal:  # a log must not get them
        _show_words(session, title, passphrase)
    else:
        session.out.words(
            f"note  keep its 24 words apart from this machine: comity key export {title} --keys {session.keys}"
        )
    return info


@sealed
def _show_words(session: Session, title: str, passphrase: Secret) -> None:
    words = keystore.export_words(session.keys, title, passphrase)
    session.out.words("its 24 words, shown this once; write them on paper:")
    session.out.words(f"\n  {words.reveal_text()}\n")


def _join(session: Session, made: Invitation | None, info: KeyInfo, name: str) -> None:
    with session.ledger() as ledger:
        transport = ledger.transport
        genesis = transport.genesis
        _check_newcomer(session, transport)
        arguments: dict[str, Any] = {"name": name}
        if made is not None:
            if not made.is_for(genesis.hash):
                raise ConfigError(f"the invitation is to another ledger than {genesis.chain_id}")
            proof = made.proof(genesis.hash, info.account_id)
            arguments |= {"invitation": made.public_key, "proof": proof}
        with telling_withdrawn(transport, arguments.get("invitation")), _telling_name(info):
            done = ledger.join("members.join", **arguments)
        session.settled(
            f"+ {name} joined {genesis.chain_id}", done,
            name=name, account=info.account_text, ledger=genesis.chain_id, node=session.where,
            key=info.name, keys=str(session.keys),
        )  # fmt: skip
        session.out.words(f"next  comity table ls --node {session.where}")


@contextmanager
def _telling_whom_to_ask() -> Iterator[None]:
    try:
        yield
    except Unavailable as error:
        problems.attach(
            error, "", {},
            "ask whoever gave you the link whether the node runs, and at which address others reach it",
        )  # fmt: skip
        raise


@contextmanager
def _telling_name(info: KeyInfo) -> Iterator[None]:
    try:
        yield
    except Refused as error:
        if error.code == "name-taken":
            following = f"the same command with --name OTHER --key {info.name}"
            problems.attach(error, "", {}, following)
        raise


@contextmanager
def _telling_clock(told: LinkAnswer | None) -> Iterator[None]:
    """Say of a transaction that was refused for its time by how much this clock is wrong."""
    try:
        yield
    except Rejected as error:
        off_s = 0 if told is None else told.off_s
        if error.code in _CLOCK and abs(off_s) > _OFF_S:
            way = "ahead of" if off_s > 0 else "behind"
            words = (
                f"this clock is {abs(off_s):,} s {way} the node's: set it, then run the same again"
            )
            problems.attach(error, "", {}, words)
        raise


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "me"
