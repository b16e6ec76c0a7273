"""A secret is shown by nothing but `reveal`."""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from traceback import TracebackException

import pytest
from rich.console import Console
from rich.traceback import Traceback

from comity.client import keystore
from comity.client.keystore import KdfCost
from comity.client.passphrase import PassphraseSource, read_passphrase
from comity.client.secret import Secret, sealed
from comity.crypto import ed25519, words
from comity.errors import ConfigError, Malformed

# Module globals, since a test's own locals are printed too.
ENTROPY = bytes(range(100, 132))
SEED = words.derive_seed(ENTROPY)
PASSPHRASE = "battery staple 99"
PHRASE = words.to_words(ENTROPY)
WRONG_PHRASE = " ".join([*PHRASE.split(" ")[:23], "zoo"])
SHOWN_AS = [
    text
    for value in (ENTROPY, SEED, PASSPHRASE.encode(), PHRASE.encode())
    for text in (value.hex(), repr(value)[2:-1], value[:16].hex(), repr(value[:16])[2:-1])
]
CHEAP = KdfCost(1, 8 * 1024)
TOO_MUCH = KdfCost(1, 1 << 50)


def rendered(error: BaseException) -> str:
    """Return everything that the standard library and rich would print, with all locals."""
    plain = "".join(TracebackException.from_exception(error, capture_locals=True).format())
    chained = "".join(
        "".join(TracebackException.from_exception(e, capture_locals=True).format())
        for e in (error.__cause__, error.__context__)
        if e is not None
    )
    console = Console(width=10_000, record=True, quiet=True)
    console.print(
        Traceback.from_exception(
            type(error),
            error,
            error.__traceback__,
            show_locals=True,
            locals_max_length=None,
            locals_max_string=None,
            locals_hide_dunder=False,
            locals_hide_sunder=False,
        )
    )
    return f"{plain}{chained}{console.export_text()}{error!r}{vars(error)}"


def leaks(text: str) -> list[str]:
    """Return the secrets that a text shows."""
    return [shown for shown in SHOWN_AS if shown in text]


def interrupt(prompt: str) -> str:
    """Be a prompt at which Ctrl-C is pressed the second time."""
    if "again" in prompt:
        raise KeyboardInterrupt
    return PASSPHRASE


def failures(folder: Path) -> dict[str, Callable[[], object]]:
    """Return calls that fail while secrets are in use."""
    passphrase, entropy = Secret.from_text(PASSPHRASE), Secret(ENTROPY)
    keystore.create(folder, "ana", passphrase, entropy, CHEAP)
    key = keystore.unlock(folder, "ana", passphrase)
    altered = folder / "altered.key.json"
    other = keystore.create(folder, "other", passphrase, cost=CHEAP)
    ours, theirs = (folder / "ana.key.json").read_bytes(), other.path.read_bytes()
    start, end = (ours.index(b'"kdf"'), len(ours))
    altered.write_bytes(theirs[: theirs.index(b'"kdf"')] + ours[start:end])
    altered.chmod(0o600)
    (folder / "file").write_bytes(b"")
    return {
        "existing key": lambda: keystore.create(folder, "ana", passphrase, entropy, CHEAP),
        "no folder": lambda: keystore.create(folder / "file", "a", passphrase, entropy, CHEAP),
        "KDF refuses": lambda: keystore.create(folder, "bo", passphrase, entropy, TOO_MUCH),
        "short entropy": lambda: keystore.create(folder, "bo", passphrase, Secret(ENTROPY[:31])),
        "wrong words": lambda: keystore.import_words(
            folder, "bo", Secret.from_text(WRONG_PHRASE), passphrase, CHEAP
        ),
        "wrong passphrase": lambda: keystore.unlock(
            folder, "ana", Secret.from_text(PASSPHRASE + "!")
        ),
        "altered key": lambda: keystore.export_words(folder, "altered", passphrase),
        "message is no bytes": lambda: key.sign("text"),  # type: ignore[arg-type]  # the mistake
        "seed too long": lambda: keystore.SigningKey.from_seed(Secret(SEED * 2)),
        "interrupt": lambda: read_passphrase(
            PassphraseSource(ask=interrupt), "key ana", is_new=True
        ),
        "too long": lambda: read_passphrase(
            PassphraseSource(variable=Secret.from_text(PASSPHRASE * 99)), "key ana"
        ),
        "not UTF-8": lambda: read_passphrase(
            PassphraseSource(variable=Secret(PASSPHRASE.encode() + b"\xff")), "key ana"
        ),
        "pickle": lambda: pickle.dumps(key),
        "copy": lambda: copy.copy(entropy),
    }


def test_no_traceback_shows_a_secret(tmp_path: Path) -> None:
    """Errors forced at every step print no passphrase, entropy, seed or words, locals included."""
    for name, call in failures(tmp_path).items():
        with pytest.raises(BaseException) as raised:  # noqa: PT011 - any error, also Ctrl-C
            call()
        assert leaks(rendered(raised.value)) == [], name


def test_canary_the_same_search_finds_unsealed_secrets() -> None:
    """Canary: without `sealed`, both printers show seed and words."""
    for call in (
        lambda: ed25519.sign(SEED, "text"),  # type: ignore[arg-type]  # the mistake
        lambda: words.to_entropy(PHRASE + " zoo"),
    ):
        with pytest.raises((TypeError, Malformed)) as raised:
            call()
        assert leaks(rendered(raised.value))


def test_repr_str_format_and_comparison_tell_nothing() -> None:
    """Two secrets look alike; equal ones are equal, and no secret can be a key of a dict."""
    one, other = Secret.from_text(PASSPHRASE), Secret(ENTROPY)
    assert repr(one) == str(other) == f"{one}" == "Secret(...)"
    assert one == Secret.from_text(PASSPHRASE) != other
    assert one != PASSPHRASE
    assert not leaks(repr(PassphraseSource(variable=one)))
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)
    with pytest.raises(TypeError, match="not to be stored"):
        pickle.dumps(one)


def test_signing_key_shows_its_public_half_only() -> None:
    """An unlocked key prints as its account."""
    key = keystore.SigningKey.from_seed(Secret(SEED))
    assert repr(key) == str(key) == f"SigningKey({keystore.account.to_text(key.account_id)})"
    assert ed25519.verify(key.public_key, b"message", key.sign(b"message"))


def test_sealed_keeps_error_and_result() -> None:
    """The error that comes out is the one that went in, with its message, and results pass."""

    @sealed
    def divide(left: int, right: int) -> int:
        """Divide."""
        try:
            return left // right
        except ZeroDivisionError as error:
            raise ConfigError("no") from error

    assert divide(7, 2) == 3
    assert divide.__doc__ == "Divide."
    with pytest.raises(ConfigError, match="no") as raised:
        divide(1, 0)
    assert (raised.value.__cause__, raised.value.__context__) == (None, None)


def test_text_that_is_no_unicode_is_held() -> None:
    """An undecodable environment variable is held, and shown with replacement characters."""
    assert Secret.from_text("a\udcff").reveal_text().startswith("a\ufffd")
