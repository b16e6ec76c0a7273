"""Bytes of a file into text: as UTF-8, as the reader says, or by a guess that is shown.

Invariant: no byte is dropped or replaced; text comes out whole or an error says where it cannot.
"""

import codecs
import re

import msgspec

from comity.client.files.texts import shown
from comity.errors import ConfigError
from comity.limits import ENCODING_SAMPLE_BYTES_MAX

# Encodings that tables are found in; the order decides between those that read a file equally well.
_LIKELY = (
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp1257",
    "cp932",
    "gb18030",
    "big5",
    "euc_kr",
)
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MAGIC = (
    (b"PK\x03\x04", "a ZIP or spreadsheet file"),
    (b"\x1f\x8b", "gzip"),
    (b"%PDF", "PDF"),
    (b"SQLite format 3", "SQLite"),
)
_SIGN = r"[^\w\s\x00-\x7f\u2013\u2014\u2018-\u201e\u2026]"  # beyond ASCII, dashes and quotes apart
_WORD = re.compile(r"[^\s!-/:-@\[-`{-~]+")  # up to a space or a sign of ASCII
_LETTER = r"[^\W\d_]"
_FAR_LETTER = r"(?=[^\x00-\x7f])" + _LETTER
# A sign inside a word, a far letter beside a digit: words rarely have them, a wrong encoding often.
_ODDITY = re.compile(
    f"{_LETTER}(?={_SIGN})|{_SIGN}(?={_LETTER})|{_FAR_LETTER}(?=[0-9])|(?<=[0-9]){_FAR_LETTER}"
)


class Decoded(msgspec.Struct, frozen=True, kw_only=True):
    """A file's text, the encoding that it was in, and a sentence when that was guessed."""

    text: str
    encoding: str
    note: str = ""


def decode(data: bytes, encoding: str | None = None) -> Decoded:
    """Return the text of ``data``.

    Args:
        encoding: name that the reader gave, any that Python knows; None to find it out.

    Raises:
        ConfigError: unknown encoding, or bytes that it does not allow: line (1-based) and byte
            offset (0-based).
    """
    if encoding is not None:
        return _decode_as(data, encoding)
    for mark, name in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _decode_as(data, name)
    for magic, what in _MAGIC:
        if data.startswith(magic):
            raise ConfigError(f"this is {what}, not text: save it as CSV in UTF-8")
    if data.count(0) > len(data) // 8:
        raise ConfigError(
            "one byte in eight or more is zero: tell the encoding (utf-16-le?),"
            " or save it as CSV in UTF-8"
        )
    try:
        return Decoded(text=data.decode("utf-8"), encoding="utf-8")
    except UnicodeDecodeError as error:
        return _guess(data, error)


def _decode_as(data: bytes, encoding: str) -> Decoded:
    try:
        name = codecs.lookup(encoding).name
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{_place(data, error)} is not {encoding}: tell another encoding (cp1252, utf-16 ...)"
        ) from error
    except LookupError as error:
        raise ConfigError(
            f"encoding {shown(encoding)} is unknown: utf-8, cp1252, utf-16, shift_jis ..."
        ) from error
    return Decoded(text=text.removeprefix("\ufeff"), encoding=name)


def _place(data: bytes, error: UnicodeDecodeError) -> str:
    line = data.count(b"\n", 0, error.start) + 1
    wrong = data[error.start : max(error.end, error.start + 1)][:4]
    return f"line {line}, byte {error.start} of the file ({wrong.hex(' ') or 'its end'})"


def _guess(data: bytes, error: UnicodeDecodeError) -> Decoded:
    # Costs 40 ms, which only files in an old encoding shall pay.
    from charset_normalizer import from_bytes  # noqa: PLC0415

    lines = (line for line in data.splitlines(keepends=True) if not line.isascii())
    sample, size = [], 0
    for line in lines:
        sample.append(line)
        size += len(line)
        if size > ENCODING_SAMPLE_BYTES_MAX:
            break
    matches = from_bytes(b"".join(sample), cp_isolation=list(_LIKELY))
    best = matches.best()
    names = [
        name
        for match in matches
        if best is not None and match.chaos == best.chaos and match.coherence == best.coherence
        for name in (match.encoding, *match.could_be_from_charset)
        if name in _LIKELY
    ]
    readable = [
        (name, text) for name in _LIKELY if name in names and (text := _try(data, name)) is not None
    ]
    if not readable:
        raise ConfigError(
            f"{_place(data, error)} is not utf-8, and no other encoding fits: tell its encoding"
        ) from error
    name, text = min(readable, key=lambda pair: sum(1 for _ in _ODDITY.finditer(pair[1])))
    word = next((word for word in _WORD.findall(text) if not word.isascii()), "")
    rivals = ", ".join(rival for rival, other in readable if other != text)
    note = (
        f"{_place(data, error)} is not utf-8: read as {name}, a guess"
        + (f" ({rivals} would do too)" if rivals else "")
        + f"; is {shown(word)} right? if not, say --encoding NAME"
    )
    return Decoded(text=text, encoding=name, note=note)


def _try(data: bytes, name: str) -> str | None:
    try:
        return data.decode(name)
    except UnicodeDecodeError:
        return None
