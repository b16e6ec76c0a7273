"""Where passphrases come from."""

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

from comity.client.passphrase import PassphraseSource, read_passphrase
from comity.client.secret import Secret
from comity.errors import ConfigError

PROGRAM = """
from comity.client.passphrase import PassphraseSource, read_passphrase
from comity.errors import ConfigError
try:
    passphrase = read_passphrase(PassphraseSource.from_process(), "key ana", is_new=True)
    print("GOT", passphrase.reveal().hex())
except ConfigError as error:
    print("ERROR", error)
"""


def run(stdin: int, **environment: str) -> subprocess.CompletedProcess[str]:
    """Let a process read a new passphrase, in a session without a terminal of its own."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        stdin=stdin,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
        timeout=60,
        env=clean(environment),
    )


def clean(environment: dict[str, str]) -> dict[str, str]:
    """Return our environment without passphrases, and with ``environment``."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("COMITY_")}
    return {**kept, **environment, "PYTHONPATH": os.pathsep.join(sys.path)}


def typed(*answers: str) -> str:
    """Return what the process says when ``answers`` are typed at a real terminal."""
    controller, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=clean({}),
    ) as process:
        assert process.stderr is not None
        try:
            for answer in answers:
                # The prompt throws away what was typed before it, so wait until it is there.
                prompt = b""
                while not prompt.endswith(b": ") and (char := process.stderr.read(1)):
                    prompt += char
                os.write(controller, answer.encode() + b"\n")
            said = process.communicate(timeout=60)[0].decode()
            assert select.select([controller], [], [], 0)[0] == []  # no echo
        finally:
            process.kill()
            os.close(controller)
            os.close(terminal)
    return said


def test_terminal_is_asked_twice() -> None:
    """A new passphrase is typed twice; two different ones are refused."""
    assert f"GOT {b'correct horse'.hex()}" in typed("correct horse", "correct horse")
    assert "ERROR the two passphrases differ" in typed("correct horse", "correct house")


def test_without_terminal_nobody_is_asked() -> None:
    """A process without terminal fails at once and says how to give the passphrase."""
    said = run(subprocess.DEVNULL).stdout
    assert "ERROR the passphrase of key ana is needed and nobody can be asked" in said
    for way in ("--passphrase-file", "COMITY_PASSPHRASE_FILE", "COMITY_PASSPHRASE"):
        assert way in said


def test_environment_of_a_process(tmp_path: Path) -> None:
    """Both variables work, and the file goes before the value."""
    file = tmp_path / "passphrase"
    file.write_bytes(b"from the file\r\nsecond line\n")
    done = run(subprocess.DEVNULL, COMITY_PASSPHRASE="from the value")
    assert f"GOT {b'from the value'.hex()}" in done.stdout
    both = {"COMITY_PASSPHRASE": "from the value", "COMITY_PASSPHRASE_FILE": str(file)}
    assert f"GOT {b'from the file'.hex()}" in run(subprocess.DEVNULL, **both).stdout


def test_named_file_goes_before_the_environment(tmp_path: Path) -> None:
    """What was named on the command line wins; only its first line counts."""
    named, other = tmp_path / "named", tmp_path / "other"
    named.write_text("named file")
    other.write_text("other file")
    environment = {"COMITY_PASSPHRASE_FILE": str(other), "COMITY_PASSPHRASE": "value"}
    assert PassphraseSource.from_process(named, environment).file == named
    assert PassphraseSource.from_process(None, environment).file == other
    found = read_passphrase(PassphraseSource.from_process(named, environment), "key ana")
    assert found == Secret(b"named file")


def test_unicode_is_normalised() -> None:
    """The same letters typed on another system open the same key."""
    composed, decomposed = (
        read_passphrase(PassphraseSource(variable=Secret.from_text(text)), "key ana")
        for text in ("caf\u00e9", "cafe\u0301")
    )
    assert composed == decomposed


@pytest.mark.parametrize(
    ("value", "is_new", "mistake"),
    [
        (b"", False, "is empty"),
        (b"", True, "is empty"),
        (b"seven77", True, "has 7 bytes; a new one needs 8"),
        (b"x" * 1025, False, "longer than 1024 bytes"),
        (b"\xff\xfe", False, "not UTF-8"),
        (b"\xed\xb3\xbf", False, "not UTF-8"),  # a lone surrogate
    ],
)
def test_bounds(value: bytes, is_new: bool, mistake: str, tmp_path: Path) -> None:
    """Empty, short, long and undecodable passphrases are refused from either source."""
    file = tmp_path / "passphrase"
    file.write_bytes(value)
    for source in (PassphraseSource(variable=Secret(value)), PassphraseSource(file=file)):
        with pytest.raises(ConfigError, match=mistake):
            read_passphrase(source, "key ana", is_new=is_new)


def test_short_passphrase_still_opens_an_old_key() -> None:
    """The lower bound is for new keys only."""
    source = PassphraseSource(variable=Secret(b"short"))
    assert read_passphrase(source, "key ana") == Secret(b"short")


def test_unreadable_file_is_named(tmp_path: Path) -> None:
    """A missing file, or a folder in its place, is an error that names it."""
    for path, why in ((tmp_path / "no", "No such file"), (tmp_path, "is a directory")):
        with pytest.raises(ConfigError, match=why) as raised:
            read_passphrase(PassphraseSource(file=path), "key ana")
        assert str(path) in str(raised.value)


def test_end_of_input_is_no_passphrase() -> None:
    """Ctrl-D at the prompt is an error with a hint, not an empty passphrase."""

    def end(_prompt: str) -> str:
        raise EOFError

    with pytest.raises(ConfigError, match="no passphrase was typed for key ana"):
        read_passphrase(PassphraseSource(ask=end), "key ana")
