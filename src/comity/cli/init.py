"""``comity init``: a new ledger in a folder.

Invariant: a ledger's founders are public keys; no private key of anybody enters the folder of the ledger
but the node's own and those that are made for it here.
"""

import getpass
from collections.abc import Sequence
from pathlib import Path

import click

from comity.cli.group import Command
from comity.cli.names import public_key_from
from comity.cli.session import Session, current
from comity.client import key_file, keystore
from comity.client.files.headers import to_name
from comity.client.keystore import KeyInfo
from comity.errors import ConfigError, Malformed
from comity.limits import KEY_NAME_CHARS_MAX, LEDGER_NAME_CHARS_MAX
from comity.model.account import KEY_TYPE_ED25519, account_id, to_text
from comity.model.genesis import Founder
from comity.model.names import check_ledger_name
from comity.node.folder import GENESIS_FILE
from comity.node.local import DEFAULT_APPS, LocalLedger

ADMIN = "admin"


@click.command(
    cls=Command,
    writes=True,
    short_help="Make a ledger in a folder.",
    examples="""
    comity init suppliers
    comity init shared --name airports --founder ana --founder bo=3b6a27bc...
    comity init shared --founder ana:admin,buyer --founder bo=keys-of-bo/bo.key.json
    """,
)
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@click.option("--name", metavar="NAME", help="Name of the ledger; the folder's by default.")
@click.option(
    "--founder",
    "founders",
    multiple=True,
    metavar="NAME[=KEY][:ROLES]",
    help="A first member. KEY is a public key in hex or a key file; by default the key NAME of"
    " the folder of keys. The first founder is admin unless roles are given.",
)
@click.option("--app", "apps", multiple=True, metavar="APP", help="An installed app more.")
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="APP.NAME=VALUE",
    help="A parameter of an app, such as members.inviters=member.",
)
def init(
    directory: Path | None,
    name: str | None,
    founders: tuple[str, ...],
    apps: tuple[str, ...],
    parameters: tuple[str, ...],
) -> None:
    """Make a ledger in DIRECTORY (by default --node, else here).

    Makes a first key there, under a passphrase, when there is none.
    """
    session = current()
    if directory is not None:
        session.node_option = str(directory)
    folder = session.node
    if (folder / GENESIS_FILE).exists():
        raise ConfigError(f"{folder} holds a ledger already; choose another folder")
    if session.is_dry_run:
        who = ", ".join(founders) or "the key of this folder, made if there is none"
        title = check_ledger_name(name or _ledger_name(folder))
        session.out.words(f"would make ledger {title} in {folder}; founders: {who}")
        return
    chosen = make(session, name, founders, apps, [_parameter(text) for text in parameters])
    with LocalLedger.open(folder) as ledger:
        _tell(session, ledger, chosen)


def make(
    session: Session,
    name: str | None = None,
    founders: Sequence[str] = (),
    apps: Sequence[str] = (),
    parameters: Sequence[tuple[str, str, object]] = (),
) -> list[Founder]:
    """Make a ledger in the session's folder, and a first key where there is none; return the founders.

    Raises: ConfigError, Malformed: the folder stays without a ledger.
    """
    title = check_ledger_name(name or _ledger_name(session.node))
    chosen = [_founder(text, session.keys) for text in founders] or [_own_founder(session)]
    if not any(ADMIN in founder.roles for founder in chosen):
        first = chosen[0]
        chosen[0] = Founder(
            name=first.name, key_type=first.key_type, public_key=first.public_key,
            roles=(ADMIN, *first.roles),
        )  # fmt: skip
    names = tuple(dict.fromkeys((*DEFAULT_APPS, *apps)))
    LocalLedger.create(
        session.node, name=title, founders=chosen, apps=names, parameters=parameters
    ).close()
    return chosen


def _tell(session: Session, ledger: LocalLedger, founders: list[Founder]) -> None:
    genesis, folder = ledger.genesis, session.node
    apps = ", ".join(f"{app.name} {app.version}" for app in genesis.apps)
    lines = [
        f"ledger    {genesis.chain_id}   engine solo (add members any time)",
        f"genesis   {genesis.hash.hex()}",
        f"apps      {apps}",
    ]
    own = {info.public_key: info for info in keystore.list_keys(session.keys)}
    for founder in founders:
        info = own.get(founder.public_key)
        where = f", key ...{founder.public_key.hex()[-4:]}" + (
            f" in {session.keys}" if info else ""
        )
        roles = f" ({', '.join(founder.roles)})" if founder.roles else ""
        lines.append(f"founder   {founder.name}{roles}  {_account(founder)}{where}")
    lines.append(f"sql       {ledger.folder.database} (read-only)")
    document = {
        "ledger": genesis.chain_id,
        "genesis": genesis.hash.hex(),
        "folder": str(folder),
        "engine": "solo",
        "apps": {app.name: app.version for app in genesis.apps},
        "founders": [
            {
                "name": founder.name,
                "account": _account(founder),
                "public_key": founder.public_key.hex(),
                "roles": list(founder.roles),
            }
            for founder in founders
        ],
    }
    session.out.data("\n".join(lines), document)
    session.out.words(f"next      comity import FILE.csv --node {folder}")


def _account(founder: Founder) -> str:
    return to_text(account_id(founder.public_key))


def _ledger_name(folder: Path) -> str:
    return to_name(folder.resolve().name or "ledger")[:LEDGER_NAME_CHARS_MAX].rstrip("_")


def _own_founder(session: Session) -> Founder:
    """Return the founder of the one key there is, made when there is none."""
    if session.as_option is None and not keystore.list_keys(session.keys):
        info = _first_key(session, _user_name())
    elif session.as_option and session.as_option not in [
        info.name for info in keystore.list_keys(session.keys)
    ]:
        info = _first_key(session, session.as_option)
    else:
        info = session.key_info()
    return _member(info.name, info.public_key, ())


def _first_key(session: Session, name: str) -> KeyInfo:
    session.out.words(f"making key {name} in {session.keys}")
    return keystore.create(
        session.keys, name, session.passphrase(f"the new key {name}", is_new=True)
    )


def _user_name() -> str:
    try:
        name = getpass.getuser()
    except (OSError, KeyError, ImportError):
        name = ""
    return to_name(name)[:KEY_NAME_CHARS_MAX] if name else "me"


def _founder(text: str, keys: Path) -> Founder:
    """Return the founder that NAME[=KEY][:ROLES] says. Raises: ConfigError."""
    spec, _, listed = text.partition(":")
    name, equals, key = spec.partition("=")
    roles = tuple(role.strip() for role in listed.split(",") if role.strip())
    if not equals:
        found = {info.name: info for info in keystore.list_keys(keys)}
        if name not in found:
            raise ConfigError(
                f"founder {name}: there is no key {name} in {keys}; make it with 'comity key new"
                f" {name} --keys {keys}', or give the public key: --founder {name}=HEX"
            )
        return _member(name, found[name].public_key, roles)
    return _member(name, _key(key), roles)


def _key(text: str) -> bytes:
    path = Path(text)
    if text.endswith(key_file.SUFFIX) or path.is_file():
        public_key: bytes = key_file.read(path).public_key
        return public_key
    return public_key_from(text)


def _member(name: str, public_key: bytes, roles: tuple[str, ...]) -> Founder:
    return Founder(name=name, key_type=KEY_TYPE_ED25519, public_key=public_key, roles=roles)


def _parameter(text: str) -> tuple[str, str, object]:
    target, equals, value = text.partition("=")
    app, dot, name = target.partition(".")
    if not equals or not dot:
        raise Malformed(f"--parameter {text!r}: write APP.NAME=VALUE")
    is_number = value.lstrip("-").isascii() and value.lstrip("-").isdigit()
    return app, name, int(value) if is_number else value
