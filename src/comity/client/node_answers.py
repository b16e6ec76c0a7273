"""What a node's answers mean: problems become errors, bytes become the records that every transport answers with.

Invariant: an answer that is not what the route promises is ``Unavailable``, never a guess.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NoReturn, TypeVar

import msgspec

from comity.client.answers import Record, SqlRows
from comity.client.files.decimals import scaled_from_text
from comity.client.http_link import Reply
from comity.client.transport import Explanation, Tip
from comity.crypto import cbor
from comity.errors import ComityError, Malformed, QueryError, Unavailable
from comity.limits import SECOND_NS
from comity.model import account
from comity.model.column import Column, ColumnType, ColumnValue
from comity.model.outcome import NotOrdered, Ordered
from comity.model.receipt import Receipt
from comity.model.schema import TableSchema, versions_from_value

CBOR = "application/cbor"
MSGPACK = "application/vnd.msgpack"
JSON = "application/json"
GONE = ("row-not-found", "row-removed")  # codes of a row that is not there
_PROBLEM = "application/problem+json"
_ESCAPED = frozenset(",/~?#%") | {chr(code) for code in (*range(32), 127)}
T = TypeVar("T")


class Problem(msgspec.Struct):
    """A problem as RFC 9457 has it, with what Comity adds."""

    detail: str = ""
    code: str = ""
    limit: str | None = None
    retry_after: int | None = None


class _LastBlock(msgspec.Struct):
    height: int
    app_hash: str
    time: str


class LedgerAnswer(msgspec.Struct):
    """What ``/v1/ledger`` says."""

    genesis_document: str
    last_block: _LastBlock

    @property
    def tip(self) -> Tip:
        """Return the last block. Raises: Malformed."""
        it = self.last_block
        return Tip(height=it.height, app_hash=from_hex(it.app_hash), time_ns=time_from(it.time))


class TableAnswer(msgspec.Struct):
    """What ``/v1/tables/{table}`` says."""

    rows: int
    schema_versions: str

    @property
    def schema(self) -> TableSchema | None:
        """Return the schema, None of a table that was dropped. Raises: Malformed."""
        data = from_hex(self.schema_versions)
        return versions_from_value(cbor.decode(data, size_max=len(data)))[-1][1]


class _Member(msgspec.Struct):
    account: str
    name: str


class MembersAnswer(msgspec.Struct):
    """What ``/v1/members`` says."""

    members: list[_Member]


class KeysAnswer(msgspec.Struct):
    """What ``/v1/keys`` says."""

    keys: list["_Key"]


class _Key(msgspec.Struct):
    account: str


class Refusal(msgspec.Struct):
    """A refusal as its application declares it."""

    number: int
    name: str
    sentence: str
    fix: str
    accounts: list[str]

    def explain(self, receipt: Receipt) -> Explanation:
        """Return what it says of a receipt."""
        return Explanation(
            app=receipt.app, number=self.number, name=self.name, sentence=self.sentence,
            fix=self.fix, fields=receipt.fields, accounts=tuple(self.accounts),
        )  # fmt: skip


class _App(msgspec.Struct):
    name: str
    refusals: list[Refusal]


class AppsAnswer(msgspec.Struct):
    """What ``/v1/apps`` says."""

    apps: list[_App]
    refusals: list[Refusal]

    def find(self, app: str, number: int) -> Refusal | None:
        """Return the refusal with a number, of an application or of the ledger itself."""
        lists = {each.name: each.refusals for each in self.apps} | {"comity": self.refusals}
        return next((each for each in lists.get(app, []) if each.number == number), None)


class _View(msgspec.Struct):
    result: Any


def problem_of(reply: Reply) -> Problem:
    """Return the problem that a reply is; of one without, its status stands for it."""
    if reply.media_type == _PROBLEM:
        try:
            return msgspec.json.decode(reply.body, type=Problem)
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass
    return Problem(detail=f"the node answered with status {reply.status}", code="unavailable")


def error_of(reply: Reply) -> ComityError:
    """Return the error of a read."""
    it = problem_of(reply)
    if reply.status >= 500:
        return Unavailable(it.detail, it.code or "unavailable")
    return QueryError(it.code or "failed", it.detail, it.limit)


def json_of(reply: Reply, kind: type[T]) -> T:
    """Return the record of a JSON body. Raises: the error that the reply is; Unavailable."""
    _check(reply, JSON)
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        _odd(reply, str(error))


def bytes_of(reply: Reply) -> bytes:
    """Return a bundle. Raises: the error that the reply is; Unavailable."""
    _check(reply, CBOR)
    return reply.body


def answer_of(reply: Reply) -> SqlRows:
    """Return the answer to SQL. Raises: the error that the reply is; Unavailable."""
    return _msgpack(reply, SqlRows)


def view_of(reply: Reply) -> Any:
    """Return the result of a view: rows can be read by attribute, too. Raises: as ``answer_of``."""
    return Record.of(_msgpack(reply, _View).result)


def outcomes_of(reply: Reply) -> list[Ordered | NotOrdered]:
    """Return what became of transactions, one or a list. Raises: Unavailable."""
    _check_type(reply, CBOR)
    try:
        value = cbor.decode(reply.body, size_max=len(reply.body))
        items = value if type(value) is list and value and type(value[0]) is list else [value]
        return [_outcome(item) for item in items]
    except (Malformed, ValueError, TypeError) as error:
        _odd(reply, str(error))


def _outcome(item: Any) -> Ordered | NotOrdered:
    kind, *fields = item
    if kind == 0:
        identifier, height, position, receipt = fields
        return Ordered(
            identifier=_is(identifier, bytes), height=_is(height, int),
            position=_is(position, int), receipt=Receipt.decode(_is(receipt, bytes)),
        )  # fmt: skip
    code, message, waits = fields
    return NotOrdered(code=_is(code, str), message=_is(message, str), waits=_is(waits, bool))


def value_of(value: Any, type_: ColumnType) -> ColumnValue:
    """Return what JSON shows of a column's value. Raises: Malformed."""
    if value is None:
        return None
    try:
        match type_.kind:
            case "integer":
                return int(value)
            case "decimal":
                return scaled_from_text(_is(value, str), type_.scale)
            case "boolean":
                return _is(value, bool)
            case "bytes":
                return from_hex(value)
            case "account":
                return account.from_text(_is(value, str))
            case _:
                return _is(value, str)
    except (TypeError, ValueError) as error:
        raise Malformed(f"a {type_.kind} is needed, not {str(value)[:40]!r}") from error


def fields_of(document: Any, schema: TableSchema) -> dict[str, ColumnValue]:
    """Return the columns of a row that JSON shows. Raises: Malformed."""
    if not isinstance(document, dict):
        raise Malformed("a row is needed")
    return {
        column.name: value_of(document.get(column.name), column.type)
        for column in schema.columns
        if not column.retired
    }


def key_text(values: Sequence[ColumnValue], columns: Sequence[Column]) -> str:
    """Return a key as it stands in an address, before the address itself is quoted."""
    pairs = zip(values, columns, strict=True)
    return ",".join(_escaped(_text(value, column.type)) for value, column in pairs)


def from_hex(text: Any) -> bytes:
    """Return the bytes of hex digits. Raises: Malformed."""
    try:
        return bytes.fromhex(text)
    except (TypeError, ValueError) as error:
        raise Malformed(f"hex digits are needed, not {str(text)[:40]!r}") from error


def time_from(text: str) -> int:
    """Return nanoseconds of ``2026-11-22T21:40:11.000000001Z``. Raises: Malformed."""
    whole, _, rest = text.removesuffix("Z").partition(".")
    try:
        moment = datetime.fromisoformat(f"{whole}+00:00")
        return int(moment.timestamp()) * SECOND_NS + int(rest.ljust(9, "0") or "0")
    except ValueError as error:
        raise Malformed(f"a time is needed, not {text[:40]!r}") from error


def _text(value: ColumnValue, type_: ColumnType) -> str:
    if isinstance(value, bytes):
        return account.to_text(value) if type_.kind == "account" else value.hex()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and type_.kind == "decimal" and type_.scale:
        digits = str(abs(value)).rjust(type_.scale + 1, "0")
        return f"{'-' * (value < 0)}{digits[: -type_.scale]}.{digits[-type_.scale :]}"
    return str(value)


def _escaped(text: str) -> str:
    if text in (".", ".."):
        return text.replace(".", "~2E")
    return "".join(f"~{ord(char):02X}" if char in _ESCAPED else char for char in text) or "~"


def _is(value: Any, kind: type[T]) -> T:
    if type(value) is not kind:
        raise TypeError(f"{kind.__name__} is needed")
    return value


def _msgpack(reply: Reply, kind: type[T]) -> T:
    _check(reply, MSGPACK)
    try:
        return msgspec.msgpack.decode(reply.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        _odd(reply, str(error))


def _check(reply: Reply, media_type: str) -> None:
    if reply.status != 200:
        raise error_of(reply)
    _check_type(reply, media_type)


def _check_type(reply: Reply, media_type: str) -> None:
    if reply.media_type != media_type:
        _odd(reply, f"{media_type} is needed, not {reply.media_type or 'nothing'}")


def _odd(reply: Reply, words: str) -> NoReturn:
    raise Unavailable(f"this is no answer of a Comity node (status {reply.status}): {words}")
