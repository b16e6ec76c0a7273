"""A guest with keys at home who works through somebody's node: the commands of the first minutes, and their errors."""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comity import Ledger
from comity.client.invitation import Invitation, from_link
from tests.integration.node_process import NodeProcess

PASSPHRASE = "only for this test"
STOCK = "sku,name,qty\na1,apple,3\nb2,pear,5\n"


class _Said:
    def __init__(self, done: "subprocess.CompletedProcess[str]") -> None:
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr


class _Person:
    """Somebody with a home of their own; the command runs in an empty folder of it."""

    def __init__(self, folder: Path, **more: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        self.environment = kept | {
            "HOME": str(folder), "COMITY_PASSPHRASE": PASSPHRASE,
        } | more  # fmt: skip

    def __call__(self, *words: str | Path, code: int = 0) -> _Said:
        done = subprocess.run(
            [sys.executable, "-m", "comity", *map(str, words)],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == code, (
            f"{words}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return _Said(done)


class _Shared:
    """Ana's node with a table, and people."""

    def __init__(self, folder: Path, node: NodeProcess, ledger: Path, ana: _Person) -> None:
        self.folder, self.node, self.ledger, self.ana = folder, node, ledger, ana
        self._people = 0

    def guest(self) -> _Person:
        """Return somebody new."""
        self._people += 1
        return _Person(self.folder / f"guest{self._people}")

    def link(self, *options: str) -> str:
        """Return a new link."""
        return self.ana("invite", *options).out.strip()

    def joined(self, name: str, *options: str) -> _Person:
        """Return somebody who has joined."""
        person = self.guest()
        person("join", self.link(*options), "--name", name)
        return person


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Shared]:
    """Run a node with a table of Ana's rows."""
    folder = tmp_path_factory.mktemp("guests")
    ledger = folder / "stock-ledger"
    ana = _Person(folder / "ana", COMITY_NODE=str(ledger))
    ana("init", ledger, "--name", "stock", "--as", "ana")
    with NodeProcess(ledger) as node:
        file = ana.folder / "stock.csv"
        file.write_text(STOCK, encoding="utf-8")
        ana("import", file, "--key", "sku", "--rules", "own-rows", "-y")
        yield _Shared(folder, node, ledger, ana)


def test_a_guest_joins_and_works_with_own_rows(shared: _Shared) -> None:
    """One command makes a key and joins; own rows change, foreign ones are refused, each under a word of its own."""
    bo = shared.guest()
    said = bo("join", shared.link("--role", "buyer"), "--name", "bo")
    assert "ana invites you to stock-" in said.err
    assert "as buyer" in said.err
    assert "+ bo joined stock-" in said.out
    keys = bo.folder / ".config/comity/keys"
    assert [path.name for path in keys.iterdir()] == ["bo.key.json"]
    assert oct((keys.parent / "ledgers.json").stat().st_mode & 0o777) == "0o600"
    at = ("--node", "stock")
    bo("row", "add", "stock", "sku=c3", "name=plum", "qty=7", *at)
    bo("row", "set", "stock", "c3", "qty=8", *at)
    said = bo("row", "set", "stock", "a1", "qty=8", *at, code=1)
    assert "not-row-owner" in said.err
    assert "owner: ana" in said.err
    assert "plum" in bo("sql", "SELECT * FROM stock", *at).out
    bo("prove", "stock", "c3", "-o", "c3.proof", *at)
    assert "valid  stock[c3]" in bo("verify", "c3.proof", *at).out
    listed = shared.ana("member", "show", "bo").out
    assert "buyer" in listed


def test_a_link_can_be_shown_as_a_qr_code(shared: _Shared) -> None:
    """On standard error, beside the link: as many lines and blocks as a code of that length has, in plain text."""
    said = shared.ana("invite", "--qr")
    drawn = [line for line in said.err.splitlines() if line and not line.strip("█▀▄ ")]
    assert len(drawn) > 20
    assert {len(line) for line in drawn} == {len(drawn[0])}
    assert "\x1b" not in said.err
    assert said.out.count("\n") == 1


def test_a_program_of_the_guest_uses_the_same_name(
    shared: _Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``Ledger.connect`` takes the name that joining remembered, and the key that joining made."""
    cy = shared.joined("cy")
    monkeypatch.setenv("HOME", str(cy.folder))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(cy.folder)
    with Ledger.connect("stock", key="cy", passphrase=PASSPHRASE) as ledger:
        assert ledger.chain_id == shared.node.told["ledger"]
        ledger.table("stock").add(sku="cy1", name="quince", qty=1)
        assert ledger.table("stock")["cy1"]["name"] == "quince"


def test_roles_and_suspension_take_effect_at_once(shared: _Shared) -> None:
    """Over HTTP as on a folder: given, taken, suspended, restored, removed; each refusal says why and who helps."""
    dov, ana = shared.joined("dov"), shared.ana
    at = ("--node", "stock")
    dov("row", "add", "stock", "sku=d4", "name=fig", "qty=1", *at)
    assert "role-needed" in dov("member", "role", "give", "dov", "lab", *at, code=1).err
    ana("member", "role", "give", "dov", "lab")
    assert "lab" in dov("member", "show", "dov", *at).out
    ana("member", "suspend", "dov")
    said = dov("row", "set", "stock", "d4", "qty=2", *at, code=1)
    assert "suspended" in said.err
    assert "ask an admin: comity member restore" in said.err
    ana("member", "restore", "dov")
    dov("row", "set", "stock", "d4", "qty=2", *at)
    assert "roles taken: lab" in ana("member", "remove", "dov", "-y").out
    dov("row", "set", "stock", "d4", "qty=3", *at, code=1)
    assert "suspended" in ana("member", "ls").out


def test_a_wrong_link_is_told_apart(shared: _Shared) -> None:
    """Mistyped, cut, of no node, of a node that is down, of another ledger: each says what, and makes no key."""
    guest, link = shared.guest(), shared.link()
    wrong = {
        link[:-1] + ("q" if link[-1] != "q" else "p"): (2, "mistyped"),
        link.partition("#")[0]: (2, "lacks its end"),
        link.partition("#")[2][:-3]: (2, "invitation"),
        "http://localhost/": (2, "no link to join"),
        link.replace(f":{shared.node.port}/", ":9/"): (4, "whether the node runs"),
        link.replace("/j/stock-", "/j/fruit-"): (3, "another ledger"),
        f"{link.partition('#')[0]}#{Invitation.of(bytes(16), bytes(32)).to_text()}": (3, "another"),
    }
    for text, (code, words) in wrong.items():
        said = guest("join", text, "--name", "eve", code=code)
        assert words in said.err, text
        assert not (guest.folder / ".config/comity/keys").exists()
    (lost,) = (text for text, expected in wrong.items() if expected[0] == 4)
    assert from_link(lost)[0].endswith(":9")


def test_an_invitation_of_no_more_use_is_told_before_a_key_is_made(shared: _Shared) -> None:
    """Used up, withdrawn and unknown say so with exit code 1; who joined already is told where to go on."""
    link, eve = shared.link(), shared.guest()
    eve("join", link, "--name", "eve")
    said = eve("join", link, "--name", "eve", code=2)
    assert "belongs to member eve already; go on with comity table ls --node stock" in said.err
    said = shared.guest()("join", link, "--name", "fay", code=1)
    assert "invitation-used" in said.err
    assert "Ask ana for a new one" in said.err
    withdrawn = shared.link()
    shared.ana("member", "withdraw", withdrawn)
    fay = shared.guest()
    assert "was withdrawn" in fay("join", withdrawn, "--name", "fay", code=1).err
    ticket = withdrawn.partition("#")[0].rpartition("-")[2]
    unknown = withdrawn.replace(f"-{ticket}#", "-ffffffffffff#")
    assert "invitation-not-found" in fay("join", unknown, "--name", "fay", code=1).err
    expired = shared.link("--expires", "1s")
    time.sleep(1.5)
    assert "expired" in fay("join", expired, "--name", "fay", code=1).err
    assert not (fay.folder / ".config/comity/keys").exists()


def test_a_rehearsal_tells_and_makes_nothing(shared: _Shared) -> None:
    """With --dry-run a guest reads what the link leads to; no key, no name and no use of it is left behind."""
    kim, link = shared.guest(), shared.link("--role", "buyer")
    said = kim("join", link, "--name", "kim", "--dry-run").err
    assert "You would join as buyer" in said
    assert "stock: A row's owner, who added it, may change it." in said
    assert list(kim.folder.iterdir()) == []
    kim("join", link, "--name", "kim")


def test_a_taken_name_says_how_to_go_on(shared: _Shared) -> None:
    """The key that was made is kept, and the same link joins under another name."""
    link, guest = shared.link(), shared.guest()
    said = guest("join", link, "--name", "ana", code=1)
    assert "name-taken" in said.err
    assert "--name OTHER --key ana" in said.err
    guest("join", link, "--name", "gil", "--key", "ana")


def test_the_words_of_a_new_key_are_shown_on_a_terminal(shared: _Shared) -> None:
    """Once, to who sits there; nothing of them is on standard output."""
    hal, link = shared.guest(), shared.link()
    inside, terminal = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "comity", "join", link, "--name", "hal"],
        cwd=hal.folder, env=hal.environment, stdin=terminal, stderr=terminal, text=True,
        stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    os.close(terminal)
    seen = os.read(inside, 1 << 16).decode()
    os.close(inside)
    words = hal("key", "export", "hal", "--keys", ".config/comity/keys", "-q").out.strip()
    assert len(words.split()) == 24
    assert words in " ".join(seen.split())
    assert words.split()[0] + " " + words.split()[1] not in done.stdout


def test_a_wrong_clock_is_named(shared: _Shared) -> None:
    """A guest whose clock is hours ahead is told by how much; the same link joins once it is set."""
    ivo, link = shared.guest(), shared.link()
    wrong = ivo.folder / "wrong"
    wrong.mkdir()
    (wrong / "sitecustomize.py").write_text(
        "import time\n"
        "seconds, nanoseconds = time.time, time.time_ns\n"
        "time.time = lambda: seconds() + 200_000\n"
        "time.time_ns = lambda: nanoseconds() + 200_000 * 10**9\n"
    )
    ivo.environment["PYTHONPATH"] = str(wrong)
    said = ivo("join", link, "--name", "ivo", code=1)
    assert "too-far-ahead" in said.err
    assert "this clock is 200,0" in said.err or "this clock is 199,9" in said.err
    assert "ahead of the node's: set it, then run the same again" in said.err
    del ivo.environment["PYTHONPATH"]
    ivo("join", link, "--name", "ivo")


def test_a_word_without_a_ledger_makes_no_key(shared: _Shared) -> None:
    """A word alone does not say where the ledger is: nothing is made, and what is missing is said."""
    guest = shared.guest()
    said = guest("join", shared.link().partition("#")[2], "--name", "jo", code=2)
    assert "holds no ledger" in said.err
    assert [path.name for path in guest.folder.iterdir()] == []


def test_a_node_that_goes_away_is_told_as_unavailable(tmp_path: Path) -> None:
    """A remembered ledger whose node is gone ends with code 4, and with another ledger at its address with code 3."""
    ana = _Person(tmp_path / "ana", COMITY_NODE=str(tmp_path / "one"))
    ana("init", tmp_path / "one", "--as", "ana")
    bo = _Person(tmp_path / "bo")
    with NodeProcess(tmp_path / "one") as node:
        bo("join", ana("invite").out.strip(), "--name", "bo")
        node.process.send_signal(signal.SIGINT)
        node.process.communicate(timeout=30)
    said = bo("member", "ls", "--node", "one", code=4)
    assert "is the node running" in said.err
    other: dict[str, Any] = {"COMITY_NODE": str(tmp_path / "two")}
    eve = _Person(tmp_path / "eve", **other)
    eve("init", tmp_path / "two", "--as", "eve")
    command = [sys.executable, "-m", "comity", "start", str(tmp_path / "two")]
    with subprocess.Popen(
        [*command, "--port", str(node.port), "--json"], stdout=subprocess.PIPE, text=True
    ) as second:
        assert second.stdout is not None
        assert second.stdout.readline()
        try:
            assert "another ledger" in bo("member", "ls", "--node", "one", code=3).err
            link = eve("invite").out.strip()
            assert "next  comity table ls --node two" in bo("join", link, "--name", "bo").err
            assert "eve" in bo("member", "ls", "--node", "two").out
        finally:
            second.kill()
