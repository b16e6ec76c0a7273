"""Targets: what stands in blocks, and what a ledger starts from."""

from itertools import pairwise
from typing import Any

from comity.crypto import cbor
from comity.errors import Malformed
from comity.model.block import Link, Tick
from comity.model.evidence import Evidence
from comity.model.genesis import Genesis
from comity.model.receipt import Receipt
from comity.model.row import RowCodec
from comity.model.schema import TableSchema, versions_from_value, versions_value
from comity.model.schema_document import schema_document, schema_from_document
from comity.model.transaction import Transaction, decode_envelope
from tests.fuzz import samples
from tests.fuzz.target import Target

_CODECS = (RowCodec(samples.SCHEMA), RowCodec(samples.PLAIN_SCHEMA))
_BLOB_MAX = 1 << 20


def _genesis(data: bytes) -> Genesis:
    genesis = Genesis.decode(data)
    genesis.check()
    return genesis


def _versions(data: bytes) -> list[tuple[int, TableSchema | None]]:
    versions = versions_from_value(cbor.decode(data, size_max=_BLOB_MAX))
    schemas = [schema for _, schema in versions if schema is not None]
    for schema in schemas:
        schema.check()
        RowCodec(schema)
    for older, newer in pairwise(schemas):
        older.check_successor(newer)
    return versions


def _row(data: bytes) -> tuple[int, Any]:
    if data[:1] not in (b"\0", b"\1"):
        raise Malformed("the first byte chooses the schema")
    choice = data[0]
    codec = _CODECS[choice]
    row = codec.decode(data[1:])
    codec.key(row)
    codec.problem(codec.columns(row))
    return choice, row


def _encode_row(value: tuple[int, Any]) -> bytes:
    return bytes((value[0],)) + _CODECS[value[0]].encode(value[1])


TARGETS = (
    Target(
        name="transaction",
        decode=Transaction.decode,
        encode=Transaction.encode,
        valid=lambda: [one.encode() for one in samples.TRANSACTIONS],
        covers=("comity.model.transaction.Transaction.decode",),
        mend=samples.mend_transaction,
    ),
    Target(
        name="envelope",
        decode=decode_envelope,
        encode=lambda envelope: envelope.encode(),
        valid=lambda: [one.envelope.encode() for one in samples.TRANSACTIONS],
        covers=("comity.model.transaction.decode_envelope",),
    ),
    Target(
        name="link",
        decode=Link.decode,
        encode=Link.encode,
        valid=lambda: [one.encode() for one in samples.LINKS],
        covers=("comity.model.block.Link.decode",),
    ),
    Target(
        name="tick",
        decode=Tick.decode,
        encode=Tick.encode,
        valid=lambda: [Tick(0, 0).encode(), Tick(samples.TIME_NS, 2**63 - 1).encode()],
        covers=("comity.model.block.Tick.decode",),
    ),
    Target(
        name="receipt",
        decode=Receipt.decode,
        encode=Receipt.encode,
        valid=lambda: [
            Receipt(results=(None, 1, "done", [{"a": b"\0"}])).encode(),
            Receipt(
                call_index=3, app="tab", code=17, fields={"left_cents": -5, "who": b"x"}
            ).encode(),
        ],
        covers=("comity.model.receipt.Receipt.decode",),
    ),
    Target(
        name="genesis",
        decode=_genesis,
        encode=Genesis.encode,
        valid=lambda: [samples.GENESIS.encode()],
        covers=("comity.model.genesis.Genesis.decode",),
    ),
    Target(
        name="evidence",
        decode=Evidence.decode,
        encode=Evidence.encode,
        valid=lambda: [samples.EVIDENCE.encode()],
        covers=("comity.model.evidence.Evidence.decode",),
    ),
    Target(
        name="schema_versions",
        decode=_versions,
        encode=lambda versions: cbor.encode(versions_value(versions)),
        valid=lambda: [cbor.encode(versions_value(one)) for one in samples.VERSIONS],
        covers=("comity.model.schema.versions_from_value",),
    ),
    Target(
        name="schema_document",
        decode=lambda data: schema_from_document(cbor.decode(data, size_max=_BLOB_MAX)),
        valid=lambda: [
            cbor.encode(schema_document(one)) for one in (samples.SCHEMA, samples.PLAIN_SCHEMA)
        ],
        covers=(
            "comity.model.schema_document.schema_from_document",
            "comity.model.schema_document.column_from_document",
        ),
    ),
    Target(
        name="row",
        decode=_row,
        encode=_encode_row,
        valid=lambda: [
            *(_encode_row((0, row)) for row in samples.ROWS),
            _encode_row((1, (0, 5, "2026-11-22"))),
        ],
        covers=("comity.model.row.RowCodec.decode",),
    ),
)
