"""Tokens: a program that has one may let this node sign row changes for an account, within a scope, until a time.

A token's file holds the seed of the account's key, sealed under a secret that stands in the token alone. Account, scope
and expiry are authenticated with it, so whoever changes the file opens nothing.

    comity_<16 hex digits: the file's name>_<43 characters: the secret>

Invariant: without a token nothing can be signed, also not by whoever reads the node's disk; what a token opens is used
within its scope and before its end.
"""

import base64
import binascii
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from nacl.exceptions import CryptoError
from nacl.secret import Aead

from comity import limits
from comity.client.keystore import SigningKey
from comity.client.plain_file import read_plain
from comity.client.secret import Secret, sealed
from comity.errors import ComityError, ConfigError
from comity.limits import ACCOUNT_ID_BYTES, SECOND_NS, TOKEN_BYTES_MAX, TOKEN_SCOPE_MAX, TOKENS_MAX

FOLDER = "tokens"  # inside the ledger's folder
_SUFFIX = ".token.json"
_PREFIX = "comity"
_ID_BYTES = 8
_TOKEN = re.compile(f"{_PREFIX}_([0-9a-f]{{{2 * _ID_BYTES}}})_([A-Za-z0-9_-]{{43}})")
_PERMISSION = re.compile("([a-z][a-z0-9_]{0,80}|[*]):(add|change|remove|[*])")

Deed = Literal["add", "change", "remove"]


class TokenRefused(ComityError):
    """A token permits nothing here: unknown, withdrawn, over, or of a scope that does not hold what is asked."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class TokenInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What may be known of a token without it.

    Args:
        title: what it is for, in its issuer's words.
        account: who acts with it; public_key: that signs.
        scope: permissions ``table:deed``; a star stands for any.
        ends_ns: moment from which it permits nothing, nanoseconds UTC.
    """

    identifier: Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]
    title: Annotated[str, Meta(max_length=100)]
    account: Annotated[bytes, Meta(min_length=ACCOUNT_ID_BYTES, max_length=ACCOUNT_ID_BYTES)]
    public_key: Annotated[bytes, Meta(min_length=32, max_length=32)]
    scope: Annotated[tuple[str, ...], Meta(max_length=TOKEN_SCOPE_MAX)]
    issued_ns: int
    ends_ns: int

    def permits(self, table: str, deed: Deed) -> bool:
        """Tell whether the scope holds a deed on a table."""
        wanted = {f"{name}:{what}" for name in (table, "*") for what in (deed, "*")}
        return not wanted.isdisjoint(self.scope)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Literal[1]
    info: TokenInfo
    sealed_seed: Annotated[bytes, Meta(max_length=200)]


class Tokens:
    """The tokens of one node.

    Args:
        directory: the ledger's folder.
        genesis_hash: of the ledger; a token of another one opens nothing.
    """

    def __init__(self, directory: Path, genesis_hash: bytes) -> None:
        self._folder = directory / FOLDER
        self._genesis_hash = genesis_hash

    @sealed
    def issue(
        self,
        seed: Secret,
        *,
        scope: Sequence[str],
        now_ns: int,
        life_s: int,
        title: str = "",
        account: bytes | None = None,
    ) -> str:
        """Make a token and return it; it is shown this once.

        Args:
            seed: of the key that signs, 32 bytes.
            scope: ``table:add``, ``table:change``, ``table:remove``; a star for any.
            account: who acts, when it is not the account that the key founded.
        Raises: ConfigError.
        """
        key = SigningKey.from_seed(seed)
        wrong = [text for text in scope if _PERMISSION.fullmatch(text) is None]
        if wrong or not 1 <= len(scope) <= TOKEN_SCOPE_MAX:
            named = wrong[0] if wrong else f"{len(scope)} permissions"
            raise ConfigError(f"scope: {named!r}: write TABLE:add, TABLE:change, TABLE:* or *:*")
        if not 1 <= life_s <= limits.TOKEN_LIFE_S_MAX:
            raise ConfigError(
                f"a token lives 1 to {limits.TOKEN_LIFE_S_MAX:,} s (TOKEN_LIFE_S_MAX)"
            )
        if len(self.ls()) >= TOKENS_MAX:
            raise ConfigError(f"{TOKENS_MAX} tokens are there already (TOKENS_MAX): revoke some")
        info = TokenInfo(
            identifier=os.urandom(_ID_BYTES).hex(),
            title=title[:100],
            account=account or key.account_id,
            public_key=key.public_key,
            scope=tuple(scope),
            issued_ns=now_ns,
            ends_ns=now_ns + life_s * SECOND_NS,
        )
        secret = os.urandom(Aead.KEY_SIZE)
        box = bytes(Aead(secret).encrypt(seed.reveal(), self._bound_to(info)))
        self._write(_File(version=1, info=info, sealed_seed=box))
        text = base64.urlsafe_b64encode(secret).decode().rstrip("=")
        return f"{_PREFIX}_{info.identifier}_{text}"

    def ls(self) -> list[TokenInfo]:
        """Return what is known of all tokens, by identifier. Raises: ConfigError."""
        try:
            names = sorted(path.name for path in self._folder.glob(f"*{_SUFFIX}"))
        except OSError as error:
            raise ConfigError(f"{self._folder} cannot be read: {error.strerror}") from error
        return [self._read(name.removesuffix(_SUFFIX)).info for name in names]

    def revoke(self, identifier: str) -> None:
        """Withdraw a token at once. Raises: ConfigError, when there is none."""
        if re.fullmatch("[0-9a-f]{16}", identifier) is None:
            raise ConfigError(f"{identifier[:40]!r} is no token's identifier: 16 hex digits")
        try:
            self._path(identifier).unlink()
        except FileNotFoundError:
            raise ConfigError(f"there is no token {identifier}") from None

    @sealed
    def open(self, token: Secret, table: str, deed: Deed, now_ns: int) -> tuple[SigningKey, bytes]:
        """Return the key that signs, and the account that acts, for one deed on one table.

        Raises: TokenRefused.
        """
        found = _TOKEN.fullmatch(token.reveal_text())
        if found is None:
            raise TokenRefused("token-refused", "this is no token of Comity: comity_..._...")
        try:
            file = self._read(found[1])
            secret = base64.b64decode(found[2] + "=", altchars=b"-_", validate=True)
            seed = Aead(secret).decrypt(file.sealed_seed, self._bound_to(file.info))
        except (ConfigError, CryptoError, binascii.Error, ValueError):
            words = f"there is no token {found[1]}, or not with this secret"
            raise TokenRefused("token-refused", words) from None
        info = file.info
        if not info.issued_ns <= now_ns + SECOND_NS or now_ns >= info.ends_ns:
            raise TokenRefused("token-refused", f"the token {found[1]} is over")
        if not info.permits(table, deed):
            held = ", ".join(info.scope)
            words = f"the token {found[1]} permits {held}: not {table}:{deed}"
            raise TokenRefused("out-of-scope", words)
        return SigningKey.from_seed(Secret(seed)), info.account

    def _bound_to(self, info: TokenInfo) -> bytes:
        return self._genesis_hash + msgspec.msgpack.encode(info)

    def _path(self, identifier: str) -> Path:
        return self._folder / f"{identifier}{_SUFFIX}"

    def _read(self, identifier: str) -> _File:
        path = self._path(identifier)
        try:
            file = msgspec.json.decode(read_plain(path, TOKEN_BYTES_MAX, "token"), type=_File)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"token {path} is damaged: remove it") from error
        if file.info.identifier != identifier:
            raise ConfigError(f"token {path} is another's file: remove it")
        return file

    def _write(self, file: _File) -> None:
        path = self._path(file.info.identifier)
        draft = path.with_suffix(".draft")
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                with os.fdopen(os.open(draft, flags, 0o600), "wb") as stream:
                    stream.write(msgspec.json.encode(file))
                    stream.flush()
                    os.fsync(stream.fileno())
                draft.rename(path)
            finally:
                with suppress(FileNotFoundError):
                    draft.unlink()
        except OSError as error:
            raise ConfigError(f"token {path} cannot be written: {error.strerror}") from error
