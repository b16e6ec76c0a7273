"""A node's life: it starts, refuses a twin, keeps its interval, sleeps, stops cleanly, and ends at a fault."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from comity.limits import SECOND_NS
from comity.node.folder import Folder
from comity.node.listening import ADDRESS_FILE, listening_url
from comity.node.local import LocalLedger
from tests.integration.node_process import (
    ROOT,
    NodeProcess,
    add,
    create_things,
    make_ledger,
    send,
    sign,
)

pytestmark = pytest.mark.slow


def run_start(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``comity start`` where it is expected to end by itself."""
    command = [sys.executable, "-m", "comity", "start", str(folder), *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def test_start_makes_what_is_absent_and_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty place becomes a ledger with a key; what is printed holds, and a second start finds the same ledger."""
    monkeypatch.setenv("COMITY_PASSPHRASE", "correct horse battery")
    folder = tmp_path / "suppliers"
    ledgers = []
    for _ in range(2):
        with NodeProcess(folder) as node:
            told = node.told
            assert (told["engine"], told["height"]) == ("solo", 0)
            assert Path(told["database"]).is_file()
            assert told["account"].startswith("cm1")
            ledger = httpx.get(node.url + "/v1/ledger").json()
            assert (ledger["ledger"], ledger["genesis"]) == (told["ledger"], told["genesis"])
            assert httpx.get(node.url + "/v1/health").status_code == 200
            ledgers.append(ledger["ledger"])
            assert node.stop(signal.SIGINT)[0] == 0
    assert ledgers[0] == ledgers[1]
    assert ledgers[0].startswith("suppliers-")


def test_a_folder_has_one_node(tmp_path: Path) -> None:
    """A second node of the folder is refused, by name of the process that has it; the first goes on."""
    folder = tmp_path / "shared"
    genesis = make_ledger(folder)
    with NodeProcess(folder) as node, node.client() as client:
        refused = run_start(folder, "--port", "0")
        assert (refused.returncode, refused.stdout) == (4, "")
        assert f"process {node.process.pid}" in refused.stderr
        assert "Traceback" not in refused.stderr
        assert send(client, sign(genesis)).status_code == 201


def test_a_folder_says_where_its_node_listens(tmp_path: Path) -> None:
    """While it runs, and not after a stop, nor after a kill when another process writes the folder."""
    folder = tmp_path / "shared"
    make_ledger(folder)
    assert listening_url(Folder(folder)) is None
    for number in (signal.SIGTERM, signal.SIGKILL):
        with NodeProcess(folder) as node:
            url = listening_url(Folder(folder))
            assert url == node.told["url"]
            assert httpx.get(f"{url}/v1/ledger").json()["ledger"] == node.told["ledger"]
            node.stop(number)
        assert listening_url(Folder(folder)) is None
        with LocalLedger.open(folder):
            assert listening_url(Folder(folder)) is None
    assert (folder / ADDRESS_FILE).exists()  # the killed one left it, and nobody believes it


def test_a_taken_port_and_a_wrong_setting_are_told(tmp_path: Path) -> None:
    """What cannot be listened on, and what no setting is, end with exit code 2 and words."""
    folder = tmp_path / "shared"
    make_ledger(folder)
    with NodeProcess(folder) as node:
        other = tmp_path / "other"
        make_ledger(other)
        taken = run_start(other, "--port", str(node.port))
        assert taken.returncode == 2
        assert f"port {node.port}" in taken.stderr
    (folder / "comity.toml").write_text("prot = 7080\n")
    wrong = run_start(folder)
    assert wrong.returncode == 2
    assert "Did you mean port?" in wrong.stderr


def test_a_stop_under_load_answers_everybody(tmp_path: Path) -> None:
    """SIGTERM under eight clients: exit 0 within 5 s; what was answered 201 is there, the rest heard a clean no."""
    folder = tmp_path / "shared"
    genesis = make_ledger(folder)
    told: list[str] = []
    odd: list[str] = []

    def load(url: str, start: int) -> None:
        with httpx.Client(base_url=url, timeout=30) as client:
            for number in range(10_000):
                try:
                    answer = send(client, sign(genesis, add(start + number)))
                except httpx.TransportError:
                    return
                if answer.status_code == 201:
                    told.append(answer.json()["id"])
                elif answer.status_code != 503:
                    odd.append(answer.text)

    with NodeProcess(folder) as node, node.client() as client:
        assert send(client, sign(genesis, create_things())).status_code == 201
        threads = [
            threading.Thread(target=load, args=(node.url, at * 1_000_000), daemon=True)
            for at in range(8)
        ]
        for thread in threads:
            thread.start()
        time.sleep(1.0)
        code, seconds, errors = node.stop()
        for thread in threads:
            thread.join(30)
    assert (code, odd, "Traceback" in errors) == (0, [], False), errors
    assert seconds < 5
    with LocalLedger.open(folder) as ledger:
        run = ledger.store.connection.execute
        held = {
            row[0].hex() for row in run("SELECT id FROM comity_transaction WHERE id IS NOT NULL")
        }
    assert told
    assert set(told) <= held


def test_an_idle_node_does_nothing(tmp_path: Path) -> None:
    """A node without work makes no block, writes no byte and uses next to no processor."""
    folder = tmp_path / "shared"
    genesis = make_ledger(folder)
    with NodeProcess(folder) as node, node.client() as client:
        assert send(client, sign(genesis)).status_code == 201
        time.sleep(1.5)  # whatever belongs to the start is over
        before = (files(folder), written(node))
        used = processor_s(node)
        time.sleep(3)
        assert (files(folder), written(node)) == before
        assert processor_s(node) - used < 0.1
        assert client.get("/v1/ledger").json()["last_block"]["height"] == 1


def files(folder: Path) -> list[tuple[str, int, int]]:
    """Return name, size and time of every file."""
    return sorted(
        (each.name, each.stat().st_size, each.stat().st_mtime_ns) for each in folder.iterdir()
    )


def written(node: NodeProcess) -> str:
    """Return how many bytes the process had written to disk."""
    text = Path(f"/proc/{node.process.pid}/io").read_text()
    return next(line for line in text.splitlines() if line.startswith("write_bytes"))


def processor_s(node: NodeProcess) -> float:
    """Return the processor time of the process."""
    fields = Path(f"/proc/{node.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_the_interval_is_waited_for(tmp_path: Path) -> None:
    """Within an interval of 2 s: 504 when the answer takes too long, 202 by its id, then what became of it."""
    folder = tmp_path / "shared"
    genesis = make_ledger(folder, block_interval_s=2)
    with NodeProcess(folder, {"submit_time_ms": 300}) as node, node.client() as client:
        assert send(client, sign(genesis, create_things())).status_code == 201
        answers = [send(client, sign(genesis, add(number))) for number in range(3)]
        assert [answer.status_code for answer in answers] == [504] * 3
        assert answers[0].json()["code"] == "unknown-yet"
        soon = send(client, sign(genesis, add(3)), Prefer="respond-async")
        location = soon.headers["Location"]
        assert client.get(location).status_code == 202
        while (found := client.get(location)).status_code == 202:
            time.sleep(0.1)
        assert found.json()["height"] == 2
        assert node.stop()[0] == 0
    with LocalLedger.open(folder) as ledger:
        times = [ledger.genesis.time_ns, ledger.store.time_ns]
        assert ledger.store.height == 2
        assert times[1] - times[0] >= 2 * SECOND_NS
        rows = ledger.store.connection.execute("SELECT count(*) FROM things").fetchone()
        assert rows == (4,)


def test_a_fault_ends_the_node_and_makes_no_receipt(tmp_path: Path) -> None:
    """A broken disk: 503 that says nobody knows, exit code 70, a line in the log, and a ledger that opens as it was."""
    folder = tmp_path / "shared"
    genesis = make_ledger(folder)
    with NodeProcess(folder, command=("-m", "tests.integration.faulty_node")) as node:
        with node.client() as client:
            assert send(client, sign(genesis)).status_code == 201
            transaction = sign(genesis)
            answer = send(client, transaction)
            assert (answer.status_code, answer.json()["code"]) == (503, "fault")
        _, errors = node.process.communicate(timeout=30)
        assert node.process.returncode == 70
        assert "OSError" in errors
    with NodeProcess(folder) as node, node.client() as client:
        answer = send(client, transaction)
        assert (answer.status_code, answer.json()["height"]) == (201, 2)


def test_too_much_at_once_is_told_to_wait(tmp_path: Path) -> None:
    """Beyond what may be in flight the answer is 503 busy with Retry-After; what was taken in is final."""
    folder = tmp_path / "shared"
    genesis = make_ledger(folder, block_interval_s=1)
    with NodeProcess(folder, {"in_flight_max": 5}) as node, node.client() as client:
        send(client, sign(genesis))
        taken = [send(client, sign(genesis), Prefer="respond-async") for _ in range(5)]
        busy = send(client, sign(genesis))
        assert [answer.status_code for answer in taken] == [202] * 5
        assert (busy.status_code, busy.json()["code"]) == (503, "busy")
        assert int(busy.headers["Retry-After"]) == busy.json()["retry_after"]
        assert client.get("/v1/health").status_code == 200
        for answer in taken:
            while (found := client.get(answer.headers["Location"])).status_code == 202:
                time.sleep(0.1)
            assert found.json()["status"] == 201
