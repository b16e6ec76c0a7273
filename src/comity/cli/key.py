"""``comity key``: keys on this machine, and the keys of an account.

Invariant: the 24 words are shown by ``export`` alone, on standard output, and are never an argument.
"""

import sys
from pathlib import Path

import click

from comity.cli.group import Command, LazyGroup
from comity.cli.names import public_key_from
from comity.cli.output import table
from comity.cli.session import current
from comity.client import key_file, keystore
from comity.client.keystore import KeyInfo
from comity.client.plain_file import read_plain
from comity.client.secret import Secret, sealed
from comity.errors import ConfigError
from comity.limits import WORDS_TEXT_CHARS_MAX
from comity.model.account import possession_message


@click.group(
    cls=LazyGroup,
    short_help="Make, list, export and import keys.",
    examples="""
    comity key new ana
    comity key ls
    comity key export ana > words.txt
    comity key import ana --words-file words.txt
    comity key add ana-phone
    """,
)
def key() -> None:
    """Make, list, export and import keys, and change the keys of an account.

    A key is 24 words; its file holds them under a passphrase, and only you may read it.
    """


@key.command(
    cls=Command,
    writes=True,
    examples="""
    comity key new ana
    comity key new ana --keys ~/ana/keys --passphrase-file secret.txt
    """,
)
@click.argument("name")
def new(name: str) -> None:
    """Make a key NAME and store it under a passphrase."""
    session = current()
    key_file.path_of(session.keys, name)  # a bad name is told before anybody types
    if session.is_dry_run:
        session.out.words(f"would make key {name} in {session.keys}")
        return
    passphrase = session.passphrase(f"the new key {name}", is_new=True)
    info = keystore.create(session.keys, name, passphrase)
    _tell(info)
    session.out.words(
        f"note  keep its 24 words apart from this machine: comity key export {name}"
        f" --keys {session.keys}"
    )


@key.command(cls=Command, examples="comity key ls --json")
def ls() -> None:
    """List the keys of the folder of keys."""
    session = current()
    found = keystore.list_keys(session.keys)
    rows = [(info.name, info.account_text, info.public_key.hex()) for info in found]
    documents = [_document(info) for info in found]
    session.out.data(table(("name", "account", "public key"), rows) if rows else "", documents)
    if not rows:
        session.out.words(f"no keys in {session.keys}; make one with: comity key new NAME")


@key.command(cls=Command, examples="comity key export ana > words.txt")
@click.argument("name")
@sealed
def export(name: str) -> None:
    """Write the 24 words of key NAME to standard output."""
    session = current()
    words = keystore.export_words(session.keys, name, session.passphrase(f"key {name}"))
    if session.out.is_json:
        raise ConfigError("the 24 words are written as text only; leave --json out")
    click.echo(words.reveal_text())
    session.out.words("note  whoever reads these words can sign as you")


@key.command(
    "import",
    cls=Command,
    writes=True,
    examples="""
    comity key import ana --words-file words.txt
    comity key import ana < words.txt
    """,
)
@click.argument("name")
@click.option(
    "--words-file",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Holds the 24 words; - reads them from standard input.",
)
@sealed
def import_(name: str, words_file: Path | None) -> None:
    """Store the key that 24 words restore, as NAME."""
    session = current()
    key_file.path_of(session.keys, name)
    if session.is_dry_run:
        session.out.words(f"would store key {name} in {session.keys}")
        return
    phrase = _phrase(words_file)
    passphrase = session.passphrase(f"the new key {name}", is_new=True)
    _tell(keystore.import_words(session.keys, name, phrase, passphrase))


@key.command(
    cls=Command,
    writes=True,
    examples="""
    comity key new ana-phone
    comity key add ana-phone --as ana
    """,
)
@click.argument("name")
@click.option(
    "--scope",
    type=click.Choice(["owner", "daily"]),
    default="daily",
    show_default=True,
    help="An owner key may change keys, a daily key may not.",
)
def add(name: str, scope: str) -> None:
    """Add the key NAME of this machine to the account that acts."""
    session = current()
    with session.ledger() as ledger:
        info = _named(session.keys, name)
        new_key = keystore.unlock(session.keys, name, session.passphrase(f"key {name}"))
        message = possession_message(ledger.transport.genesis.hash, ledger.account)
        done = ledger.call(
            "members.add_key", public_key=info.public_key, scope=scope, proof=new_key.sign(message)
        )
        session.settled(f"+ key {name} ({scope})", done)


@key.command(cls=Command, writes=True, examples="comity key remove ana-phone --as ana")
@click.argument("name")
def remove(name: str) -> None:
    """Remove the key NAME (or a public key in hex) from the account that acts; its file stays."""
    session = current()
    known = {info.name: info.public_key for info in keystore.list_keys(session.keys)}
    public_key = known.get(name) or public_key_from(name)
    with session.ledger() as ledger:
        done = ledger.call("members.remove_key", public_key=public_key)
        session.settled(f"- key {name}", done)


def _tell(info: KeyInfo) -> None:
    session = current()
    text = f"key      {info.name} in {info.path}\naccount  {info.account_text}\n"
    session.out.data(f"{text}public   {info.public_key.hex()}", _document(info))


def _document(info: KeyInfo) -> dict[str, str]:
    return {
        "name": info.name,
        "account": info.account_text,
        "public_key": info.public_key.hex(),
        "file": str(info.path),
    }


def _named(keys: object, name: str) -> KeyInfo:
    for info in keystore.list_keys(current().keys):
        if info.name == name:
            return info
    raise ConfigError(f"there is no key {name} in {keys}; make it with 'comity key new {name}'")


@sealed
def _phrase(words_file: Path | None) -> Secret:
    if words_file is not None and words_file != Path("-"):
        return Secret(read_plain(words_file, WORDS_TEXT_CHARS_MAX, "words file"))
    if words_file is None and sys.stdin.isatty():
        return Secret.from_text(click.prompt("24 words", hide_input=True, err=True))
    return Secret.from_text(sys.stdin.read(WORDS_TEXT_CHARS_MAX + 1))
