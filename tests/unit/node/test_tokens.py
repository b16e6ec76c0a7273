"""Tokens open a key for a deed, a table and a time, and for nobody else."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from comity.client.secret import Secret
from comity.crypto import ed25519
from comity.errors import ConfigError
from comity.limits import TOKEN_LIFE_S_MAX
from comity.node.tokens import FOLDER, TokenRefused, Tokens
from comity.testing.people import Person

ANA, BO = Person("ana"), Person("bo")
NOW_NS = 1_795_000_000 * 10**9
DAY_S = 24 * 3600
GENESIS = bytes(range(32))


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    """Give the tokens of an empty folder."""
    return Tokens(tmp_path, GENESIS)


def _issue(tokens: Tokens, *scope: str, **more: Any) -> Secret:
    given = {"now_ns": NOW_NS, "life_s": DAY_S} | more
    return Secret.from_text(tokens.issue(Secret(ANA.seed), scope=scope or ("stock:*",), **given))


def test_a_token_opens_its_key(tokens: Tokens) -> None:
    """What it signs is the account's, and verifies under its key."""
    key, account = tokens.open(_issue(tokens), "stock", "add", NOW_NS)
    assert (key.public_key, account) == (ANA.public_key, ANA.account_id)
    assert ed25519.verify(ANA.public_key, b"deed", key.sign(b"deed"))
    _, other = tokens.open(_issue(tokens, account=BO.account_id), "stock", "add", NOW_NS)
    assert other == BO.account_id


@pytest.mark.parametrize(
    ("scope", "table", "deed", "is_permitted"),
    [
        ("stock:add", "stock", "add", True),
        ("stock:add", "stock", "change", False),
        ("stock:add", "stocks", "add", False),
        ("stock:*", "stock", "remove", True),
        ("*:change", "anything", "change", True),
        ("*:change", "anything", "add", False),
        ("*:*", "anything", "remove", True),
    ],
)
def test_a_scope_holds_what_it_says(
    tokens: Tokens, scope: str, table: str, deed: Any, is_permitted: bool
) -> None:
    """A star stands for any table or deed; nothing else widens a scope."""
    token = _issue(tokens, scope)
    if is_permitted:
        tokens.open(token, table, deed, NOW_NS)
        return
    with pytest.raises(TokenRefused) as caught:
        tokens.open(token, table, deed, NOW_NS)
    assert caught.value.code == "out-of-scope"


def test_a_token_ends(tokens: Tokens) -> None:
    """To the nanosecond, and it does not begin before it was issued."""
    token = _issue(tokens)
    end_ns = NOW_NS + DAY_S * 10**9
    tokens.open(token, "stock", "add", end_ns - 1)
    for moment in (end_ns, NOW_NS - 10 * 10**9):
        with pytest.raises(TokenRefused, match="is over"):
            tokens.open(token, "stock", "add", moment)


def test_a_revoked_token_opens_nothing(tokens: Tokens) -> None:
    """From the moment that it is withdrawn; the others go on."""
    token, other = _issue(tokens), _issue(tokens)
    identifier = token.reveal_text().split("_")[1]
    assert identifier in [info.identifier for info in tokens.ls()]
    tokens.revoke(identifier)
    with pytest.raises(TokenRefused, match="no token"):
        tokens.open(token, "stock", "add", NOW_NS)
    tokens.open(other, "stock", "add", NOW_NS)
    with pytest.raises(ConfigError, match="no token"):
        tokens.revoke(identifier)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file["info"].update(scope=["*:*"]),
        lambda file: file["info"].update(ends_ns=NOW_NS * 2),
        lambda file: file["info"].update(issued_ns=0),
        lambda file: file["info"].update(account="AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        lambda file: file["info"].update(title="another"),
        lambda file: file.update(sealed_seed=file["sealed_seed"][:-8] + "AAAAAAA="),
    ],
    ids=["scope", "end", "beginning", "account", "title", "seed"],
)
def test_a_changed_file_opens_nothing(tokens: Tokens, tmp_path: Path, spoil: Any) -> None:
    """Whoever writes the node's disk cannot widen what a token permits."""
    token = _issue(tokens, "stock:add")
    (path,) = (tmp_path / FOLDER).iterdir()
    file = json.loads(path.read_bytes())
    spoil(file)
    path.write_text(json.dumps(file))
    with pytest.raises(TokenRefused, match="no token"):
        tokens.open(token, "stock", "add", NOW_NS)


def test_a_token_of_another_ledger_opens_nothing(tokens: Tokens, tmp_path: Path) -> None:
    """A file that was copied beside another genesis is of no use."""
    token = _issue(tokens)
    with pytest.raises(TokenRefused):
        Tokens(tmp_path, bytes(32)).open(token, "stock", "add", NOW_NS)


@pytest.mark.parametrize("text", ["", "comity_", "comity_0011223344556677_" + "A" * 43, "x" * 99])
def test_what_is_no_token_opens_nothing(tokens: Tokens, text: str) -> None:
    """Neither a shape of one, nor another's identifier."""
    _issue(tokens)
    with pytest.raises(TokenRefused) as caught:
        tokens.open(Secret.from_text(text), "stock", "add", NOW_NS)
    assert caught.value.code == "token-refused"


def test_another_secret_opens_nothing(tokens: Tokens) -> None:
    """The identifier, which is no secret, is not enough."""
    first, second = (_issue(tokens).reveal_text() for _ in range(2))
    mixed = "_".join([*first.split("_")[:2], second.split("_", 2)[2]])
    with pytest.raises(TokenRefused, match="not with this secret"):
        tokens.open(Secret.from_text(mixed), "stock", "add", NOW_NS)


def test_the_disk_holds_no_secret(tokens: Tokens, tmp_path: Path) -> None:
    """Neither seed nor token is in the file, which its owner alone may read."""
    token = _issue(tokens).reveal_text()
    (path,) = (tmp_path / FOLDER).iterdir()
    data = path.read_bytes()
    assert ANA.seed not in data
    assert ANA.seed.hex().encode() not in data
    assert token.split("_", 2)[2].encode() not in data
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("scope", [(), ("stock",), ("stock:look",), ("STOCK:add",), ("*:*",) * 101])
def test_a_wrong_scope_is_refused(tokens: Tokens, scope: tuple[str, ...]) -> None:
    """Nothing is written then."""
    with pytest.raises(ConfigError, match="scope"):
        tokens.issue(Secret(ANA.seed), scope=scope, now_ns=NOW_NS, life_s=DAY_S)
    assert tokens.ls() == []


@pytest.mark.parametrize("life_s", [0, -1, TOKEN_LIFE_S_MAX + 1])
def test_a_token_lives_within_bounds(tokens: Tokens, life_s: int) -> None:
    """Not for ever, and not for no time at all."""
    with pytest.raises(ConfigError, match="TOKEN_LIFE_S_MAX"):
        tokens.issue(Secret(ANA.seed), scope=("*:*",), now_ns=NOW_NS, life_s=life_s)
