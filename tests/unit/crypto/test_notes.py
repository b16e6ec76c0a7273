"""Notes and checkpoints are those of C2SP: what other programs sign opens here, and nothing else."""

import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest

from comity.crypto import ed25519
from comity.crypto.checkpoint import (
    Checkpoint,
    decode_decimal,
    open_checkpoint,
    parse_checkpoint,
)
from comity.crypto.notes import (
    COSIGNATURE,
    ED25519,
    NoteSignature,
    SignedNote,
    VerifierKey,
    decode_base64,
    parse_note,
    sign_note,
    verify_note,
)
from comity.crypto.rfc9162 import EMPTY_ROOT
from comity.errors import ConfigError, Malformed, ProofInvalid
from comity.limits import LOG_SIZE_MAX, NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "transparency.json").read_text())
SUMDB: dict[str, Any] = VECTORS["sumdb"]
CHECKED: dict[str, Any] = VECTORS["checked"]
PETER, ENOCH = (VerifierKey.from_text(text) for text in SUMDB["keys"])
TEXT: str = SUMDB["text"]
PETER_LINE, ENOCH_LINE = SUMDB["lines"]

ORIGIN = "tab/tab-0123456789abcdef"
SEEDS = [bytes([number]) * 32 for number in range(1, 5)]
HEAD = Checkpoint(ORIGIN, 7, bytes(range(32)))


def log_key(seed: bytes, name: str = ORIGIN) -> VerifierKey:
    """The verifier key of a log's seed."""
    return VerifierKey(name, ED25519, ed25519.public_key(seed))


def witness_key(seed: bytes, name: str = "witness.example/w1") -> VerifierKey:
    """The verifier key of a witness's seed."""
    return VerifierKey(name, COSIGNATURE, ed25519.public_key(seed))


def cosign(text: str, key: VerifierKey, seed: bytes, time_s: int) -> NoteSignature:
    """A witness's signature, made from the words of the specification."""
    message = f"cosignature/v1\ntime {time_s}\n{text}".encode()
    signature = time_s.to_bytes(8, "big") + ed25519.sign(seed, message)
    return NoteSignature(key.name, key.key_id, signature)


def signed(text: str, *signatures: NoteSignature) -> bytes:
    """A note as bytes."""
    return SignedNote(text, signatures).to_bytes()


def whole(*lines: str) -> bytes:
    """The published text under the given signature lines."""
    return f"{TEXT}\n{''.join(lines)}".encode()


def test_a_published_note_opens() -> None:
    """Each key that is known and signed is found, the others are ignored."""
    note = parse_note(whole(PETER_LINE, ENOCH_LINE))
    assert note.text == TEXT
    assert [one.key for one in verify_note(note, [PETER])] == [PETER]
    assert [one.key for one in verify_note(note, [ENOCH, PETER])] == [PETER, ENOCH]
    assert note.to_bytes() == whole(PETER_LINE, ENOCH_LINE)


def test_signing_gives_the_published_line() -> None:
    """The published seed makes the published signature, byte for byte."""
    seed = b64decode(SUMDB["seed_key"].split("+", 4)[4])[1:]
    assert signed(TEXT, sign_note(TEXT, "PeterNeumann", seed)) == whole(PETER_LINE)
    assert log_key(seed, "PeterNeumann") == PETER


def test_published_keys_have_one_text() -> None:
    """A vkey is written as it was read; each mangled one is refused."""
    text = SUMDB["keys"][0]
    assert PETER.to_text() == text
    mangled = {text[:start] + text[start + 1 :] for start in range(len(text))}
    mangled |= {f"{text[:at]}{chr(ord(text[at]) + 1)}{text[at + 1 :]}" for at in range(len(text))}
    mangled |= {text.replace("c74f20a3", "C74F20A3"), text + "A", "", "+", "++", "a+b+c+d"}
    for wrong in [*sorted(mangled), *SUMDB["bad_keys"]]:
        with pytest.raises(Malformed):
            VerifierKey.from_text(wrong)


def test_a_note_that_other_programs_checked_opens() -> None:
    """Signed here by four keys, cosigned by torchwood: all five signatures are found."""
    keys = [VerifierKey.from_text(text) for text in CHECKED["keys"]]
    witness = VerifierKey.from_text(CHECKED["witness_key"])
    data = CHECKED["cosigned_checkpoint"].encode()
    opened = open_checkpoint(data, ORIGIN, [*keys, witness])
    assert opened.checkpoint.size == 70_000
    assert [one.key for one in opened.signers] == [*keys, witness]
    assert [one.time_s is None for one in opened.signers] == [True] * 4 + [False]
    text = opened.checkpoint.to_text()
    ours = parse_note(data).signatures[:4]
    assert ours == tuple(sign_note(text, ORIGIN, seed) for seed in SEEDS)


def test_a_wrong_signature_by_a_known_key_refuses_the_whole_note() -> None:
    """Even beside a good one, before or after it."""
    good, other = sign_note(TEXT, "a", SEEDS[0]), sign_note(TEXT, "b", SEEDS[1])
    bad = NoteSignature("b", other.key_id, bytes(64))
    keys = [log_key(SEEDS[0], "a"), log_key(SEEDS[1], "b")]
    for order in ((good, bad), (bad, good), (good, other, bad)):
        with pytest.raises(ProofInvalid, match="by b is wrong"):
            verify_note(SignedNote(TEXT, order), keys)
        assert len(verify_note(SignedNote(TEXT, order), keys[:1])) == 1


def test_a_signature_is_of_a_key_only_when_name_and_id_agree() -> None:
    """One that shares the name or the id, not both, is ignored as unknown."""
    good = sign_note(TEXT, "a", SEEDS[0])
    same_name = NoteSignature("a", b"\0\0\0\0", bytes(64))
    same_id = NoteSignature("z", good.key_id, bytes(64))
    note = SignedNote(TEXT, (same_name, same_id, good))
    assert len(verify_note(note, [log_key(SEEDS[0], "a")])) == 1


def test_a_note_without_a_known_signature_is_refused() -> None:
    """No key known, or no key given: nothing of it may be believed."""
    note = SignedNote(TEXT, (sign_note(TEXT, "a", SEEDS[0]),))
    for keys in ([], [log_key(SEEDS[1], "a")]):
        with pytest.raises(ProofInvalid, match="no signature by a known key"):
            verify_note(note, keys)


def test_a_key_counts_once() -> None:
    """Two signatures by one key are one signer; so is a key with two times."""
    key = witness_key(SEEDS[0])
    text = HEAD.to_text()
    twice = SignedNote(text, tuple(cosign(text, key, SEEDS[0], time_s) for time_s in (5, 6)))
    assert [(one.key, one.time_s) for one in verify_note(twice, [key])] == [(key, 5)]


def test_two_keys_that_cannot_be_told_apart_are_refused() -> None:
    """The same name and id twice is a mistake in the reader's configuration."""
    key = log_key(SEEDS[0])
    note = SignedNote(TEXT, (sign_note(TEXT, ORIGIN, SEEDS[0]),))
    with pytest.raises(ConfigError, match="same name and id"):
        verify_note(note, [key, key])


def test_a_log_signature_is_no_cosignature_nor_the_reverse() -> None:
    """The type is part of the key: one key in two roles has two ids and two messages."""
    text = HEAD.to_text()
    log, witness = log_key(SEEDS[0], "x"), witness_key(SEEDS[0], "x")
    assert log.key_id != witness.key_id
    plain = sign_note(text, "x", SEEDS[0])
    posed = NoteSignature("x", witness.key_id, bytes(8) + plain.signature)
    with pytest.raises(ProofInvalid, match="is wrong"):
        verify_note(SignedNote(text, (posed,)), [witness])


@pytest.mark.parametrize("time_s", [0, 1_790_000_000, (1 << 63) - 1])
def test_a_cosignature_tells_its_time(time_s: int) -> None:
    """The time is signed with the text, and another one does not verify."""
    key, text = witness_key(SEEDS[0]), HEAD.to_text()
    good = cosign(text, key, SEEDS[0], time_s)
    assert verify_note(SignedNote(text, (good,)), [key])[0].time_s == time_s
    moved = NoteSignature(key.name, key.key_id, bytes(7) + b"\x09" + good.signature[8:])
    with pytest.raises(ProofInvalid):
        verify_note(SignedNote(text, (moved,)), [key])


def test_a_cosignature_past_the_end_of_time_is_refused() -> None:
    """Times are at most 2^63 - 1 seconds."""
    key, text = witness_key(SEEDS[0]), HEAD.to_text()
    late = cosign(text, key, SEEDS[0], 1 << 63)
    with pytest.raises(ProofInvalid):
        verify_note(SignedNote(text, (late,)), [key])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"text",
        b"text\n",
        b"text\n\n",
        TEXT.encode() + PETER_LINE.encode(),
        whole(PETER_LINE)[:-1],
        whole(PETER_LINE) + b"\n",
        whole(PETER_LINE, "\n"),
        whole(PETER_LINE.replace("\u2014", "-")),
        whole(PETER_LINE.replace("\u2014 ", "\u2014  ")),
        whole(PETER_LINE.replace(" x08", "  x08")),
        whole(PETER_LINE.replace("PeterNeumann", "Peter+Neumann")),
        whole(PETER_LINE.replace("PeterNeumann", "Peter\u2003Neumann")),
        whole(PETER_LINE.replace("PeterNeumann", "")),
        whole(PETER_LINE.replace("PeterNeumann", "x" * 256)),
        whole(PETER_LINE.replace("=", "")),
        whole(PETER_LINE.replace("AM=", "AN=")),
        whole("\u2014 PeterNeumann x08gow==\n"),
        whole("\u2014 PeterNeumann x08go/\n"),
        whole(PETER_LINE).replace(b"problem", b"prob\tlem"),
        whole(PETER_LINE).replace(b"\n", b"\r\n"),
        whole(PETER_LINE).replace(b"problem", b"prob\0lem"),
        whole(PETER_LINE).replace(b"problem", b"prob\xfflem"),
        whole(PETER_LINE).replace(b"problem", b"prob\xed\xa0\x80lem"),
    ],
)
def test_what_is_not_a_signed_note_is_malformed(data: bytes) -> None:
    """One spelling only: no control characters, no other dash, no spare bytes, no loose base64."""
    with pytest.raises(Malformed):
        parse_note(data)


def test_the_text_may_have_empty_lines() -> None:
    """The last empty line is what ends it."""
    text = "a\n\n\nb\n\n"
    note = SignedNote(text, (sign_note(text, "a", SEEDS[0]),))
    assert parse_note(note.to_bytes()) == note


def test_many_signatures_are_accepted_up_to_the_limits() -> None:
    """256 signatures open; one more, or a note beyond 64 kB, does not."""
    line = sign_note(TEXT, "a", SEEDS[0])
    most = SignedNote(TEXT, (line,) * NOTE_SIGNATURES_MAX)
    assert verify_note(parse_note(most.to_bytes()), [log_key(SEEDS[0], "a")])
    longer = most.to_bytes() + most.to_bytes().rpartition(b"\n\n")[2][: len(PETER_LINE)]
    with pytest.raises(Malformed):
        parse_note(longer)
    with pytest.raises(Malformed, match="NOTE_SIGNATURES_MAX"):
        SignedNote(TEXT, (line,) * (NOTE_SIGNATURES_MAX + 1))
    with pytest.raises(Malformed, match="no signature"):
        SignedNote(TEXT, ())
    with pytest.raises(Malformed, match="NOTE_BYTES_MAX"):
        parse_note(signed("a\n", line) + bytes(NOTE_BYTES_MAX))
    with pytest.raises(Malformed, match="NOTE_BYTES_MAX"):
        SignedNote("a" * NOTE_BYTES_MAX + "\n", (line,))


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u00a0b", "x" * 256, "\ud800", "\0"])
def test_names_that_would_tear_a_note_are_refused(name: str) -> None:
    """Neither a key nor a log can be named so that a line reads as two things."""
    with pytest.raises(Malformed):
        VerifierKey(name, ED25519, bytes(32))
    with pytest.raises(Malformed):
        NoteSignature(name, bytes(4), bytes(64))
    with pytest.raises(Malformed):
        Checkpoint(name, 1, bytes(32))


@pytest.mark.parametrize(("key_type", "size"), [(0, 32), (2, 32), (6, 1312), (1, 31), (4, 33)])
def test_keys_of_other_types_or_sizes_are_refused(key_type: int, size: int) -> None:
    """Ed25519 keys for logs and witnesses are all that is spoken today."""
    with pytest.raises(Malformed):
        VerifierKey("a", key_type, bytes(size))


def test_a_checkpoint_has_three_lines() -> None:
    """Origin, size and root; read back as written, with the empty log's root at size 0."""
    root = b64encode(bytes(range(32))).decode()
    assert HEAD.to_text() == f"{ORIGIN}\n7\n{root}\n"
    empty = Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    for head in (HEAD, empty, Checkpoint(ORIGIN, LOG_SIZE_MAX, bytes(32))):
        assert parse_checkpoint(head.to_text()) == head


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n7\n", "\n07\n"),
        ("\n7\n", "\n+7\n"),
        ("\n7\n", "\n-7\n"),
        ("\n7\n", "\n\u0667\n"),
        ("\n7\n", "\n\n"),
        ("\n7\n", "\n9223372036854775808\n"),
        ("\n7\n", "\n" + "9" * 5000 + "\n"),
        ("\n7\n", "\n0\n"),
        ("Hh8=\n", "Hh8=\nextension\n"),
        ("Hh8=\n", "Hh8=\n\n"),
        ("Hh8=\n", "Hh8="),
        ("Hh8=", "Hh9="),
        ("Hh8=", "Hh8"),
        ("AAEC", ""),
        ("tab/", "tab /"),
        ("tab/tab-0123456789abcdef", ""),
    ],
)
def test_other_spellings_of_a_checkpoint_are_malformed(old: str, new: str) -> None:
    """No leading zero, sign, foreign digit, extension line or loose base64."""
    text = HEAD.to_text()
    assert old in text
    with pytest.raises(Malformed):
        parse_checkpoint(text.replace(old, new))


def test_a_checkpoint_opens_for_its_own_log_only() -> None:
    """Another origin, witnesses alone, or a changed size are refused."""
    text, log, witness = HEAD.to_text(), log_key(SEEDS[0]), witness_key(SEEDS[1])
    line, watched = sign_note(text, ORIGIN, SEEDS[0]), cosign(text, witness, SEEDS[1], 9)
    data = signed(text, line, watched)
    opened = open_checkpoint(data, ORIGIN, [log, witness])
    assert (opened.checkpoint, len(opened.signers)) == (HEAD, 2)
    with pytest.raises(ProofInvalid, match="another log"):
        open_checkpoint(data, "tab/tab-other", [log])
    with pytest.raises(ProofInvalid, match="no key of the log"):
        open_checkpoint(data, ORIGIN, [witness])
    with pytest.raises(ProofInvalid, match="is wrong"):
        open_checkpoint(data.replace(b"\n7\n", b"\n8\n"), ORIGIN, [log])


def test_decimals_and_base64_have_one_spelling() -> None:
    """The two number forms of every C2SP text."""
    assert [decode_decimal(text) for text in ("0", "10", str(LOG_SIZE_MAX))] == [
        0,
        10,
        (1 << 63) - 1,
    ]
    for text in ("", "01", "+1", "1 ", "\u0661", str(LOG_SIZE_MAX + 1), "9" * 5_000):
        with pytest.raises(Malformed, match="decimal"):
            decode_decimal(text)
    assert decode_base64("") == b""
    for text in ("QQ", "QR==", "Q Q=", "QQ==\n", "QQ===", "-_8=", "\u00e9", "="):
        with pytest.raises(Malformed):
            decode_base64(text)
