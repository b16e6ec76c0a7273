"""The log as C2SP tlog-tiles serves it, so that other people's tools check it.

Invariant: a checkpoint is signed over what is on disk, and one size has one root.
Source: C2SP tlog-tiles, tlog-checkpoint.
"""

import re
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from comity.crypto.checkpoint import Checkpoint
from comity.crypto.notes import ED25519, NoteSignature, SignedNote, VerifierKey
from comity.crypto.tlog_tiles import TILE_LEVELS, TILE_WIDTH
from comity.model.bundle import origin_of
from comity.query import reads
from comity.query.documents import Head
from comity.web.problems import Problem
from comity.web.reading import FOREVER, answer_of, ask
from comity.web.routes import Media, Operation, node_of, path, values_of

_TEXT = "text/plain; charset=utf-8"
_BYTES = "application/octet-stream"
_NUMBER = re.compile("((?:x[0-9]{3}/)*)([0-9]{3})(?:\\.p/([1-9][0-9]{0,2}))?")
_head = msgspec.msgpack.Decoder(Head).decode


async def read_checkpoint(request: Request) -> Response:
    """Give the signed head of the log."""
    node = node_of(request)
    found = await node.readers.ask(reads.HeadRead())
    head = _head(found.body)
    origin = origin_of(node.genesis.ledger, node.genesis.chain_id)
    text = Checkpoint(origin, head.size, head.root).to_text()
    key = node.folder.read_key()
    verifier = VerifierKey(origin, ED25519, key.public_key)
    signature = NoteSignature(verifier.name, verifier.key_id, key.sign(text.encode()))
    note = SignedNote(text, (signature,)).to_bytes()
    signed = msgspec.structs.replace(found, body=note)
    return answer_of(request, signed, media_type=_TEXT, cache="public, max-age=1")


async def read_tile(request: Request) -> Response:
    """Give a tile of hashes."""
    return await _tile(request, values_of(request)["level"])


async def read_entries(request: Request) -> Response:
    """Give a bundle of entries."""
    return await _tile(request, -1)


async def _tile(request: Request, level: int) -> Response:
    text = values_of(request)["number"]
    found = _NUMBER.fullmatch(text)
    if found is None or found[0].startswith("x000/"):
        raise Problem("not-found", f"{text[:80]!r} is no tile: x001/x234/067, or 067.p/17")
    groups, last, width = found.groups()
    number = int(groups.replace("x", "").replace("/", "") + last)
    if width is not None and int(width) >= TILE_WIDTH:
        raise Problem("not-found", f"a partial tile has 1 to {TILE_WIDTH - 1} entries")
    read = reads.TileRead(level=level, number=number, width=int(width or TILE_WIDTH))
    return await ask(request, read, media_type=_BYTES, cache=FOREVER)


_LEVEL = path(
    "level",
    Annotated[int, Meta(ge=0, lt=TILE_LEVELS)],
    "Level of the tile; 0 is of entries' hashes.",
)
_PLACE = path(
    "number", Annotated[str, Meta(min_length=3, max_length=40)],
    "Number of the tile: x001/x234/067 is 1234067; 067.p/17 its first 17 entries.",
)  # fmt: skip
OPERATIONS = (
    Operation(
        method="GET", path="/checkpoint", name="readCheckpoint", tag="log",
        summary="Give the signed head of the log (C2SP tlog-checkpoint).",
        handler=read_checkpoint, answers={200: Media("text/plain", "A signed note.")}, problems=(408,),
    ),
    Operation(
        method="GET", path="/tile/entries/{number:path}", name="readEntries", tag="log",
        summary="Give a bundle of the log's entries (C2SP tlog-tiles).",
        handler=read_entries, parameters=(_PLACE,),
        answers={200: Media(_BYTES, "Each entry behind its length in two bytes.")}, problems=(404, 408),
    ),
    Operation(
        method="GET", path="/tile/{level}/{number:path}", name="readTile", tag="log",
        summary="Give a tile of the log's hashes (C2SP tlog-tiles).",
        handler=read_tile, parameters=(_LEVEL, _PLACE),
        answers={200: Media(_BYTES, "1 to 256 hashes of 32 bytes.")}, problems=(404, 408),
    ),
)  # fmt: skip
