"""Backup, restore and doctor beside a node that is used: nothing of what it confirmed is missing."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import httpx
import pytest

from comity.cli.main import run
from comity.model.genesis import Genesis
from comity.node.doctor import examine
from comity.node.local import LocalLedger
from tests.integration.node_process import NodeProcess, add, create_things, make_ledger, send, sign

pytestmark = pytest.mark.slow
BACKUPS = 3


class _Load:
    """A member who adds a row after the other, and remembers the highest that was confirmed."""

    def __init__(self, client: httpx.Client, genesis: Genesis) -> None:
        self.confirmed = 0
        self.failures: list[str] = []
        self._client = client
        self._genesis = genesis
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_over.is_set():
            answer = send(self._client, sign(self._genesis, add(self.confirmed + 1, "x" * 2_000)))
            if answer.status_code != 201:
                self.failures.append(answer.text)
                return
            self.confirmed += 1


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Path, NodeProcess, httpx.Client, Genesis]]:
    """Give a folder, its running node, a client, and the genesis."""
    folder = tmp_path / "ledger"
    genesis = make_ledger(folder)
    with NodeProcess(folder) as node, node.client() as client:
        assert send(client, sign(genesis, create_things())).status_code == 201
        yield folder, node, client, genesis


def _rows(folder: Path) -> list[int]:
    with LocalLedger.open(folder) as ledger:
        return [
            key for (key,) in ledger.store.connection.execute("SELECT id FROM things ORDER BY id")
        ]


def test_a_backup_holds_what_was_confirmed_before_it(
    running: tuple[Path, NodeProcess, httpx.Client, Genesis], tmp_path: Path
) -> None:
    """Backups of a node under load: each is sound, a prefix, and holds every row confirmed before it began."""
    folder, node, client, genesis = running
    lows = []
    with _Load(client, genesis) as load:
        for number in range(BACKUPS):
            while load.confirmed < 20 * (number + 1) and not load.failures:
                threading.Event().wait(0.01)
            lows.append(load.confirmed)
            arguments = ["backup", str(folder), "-o", str(tmp_path / f"{number}.zip"), "-q"]
            assert run(arguments) == 0
    assert not load.failures
    for number, low in enumerate(lows):
        back = tmp_path / f"back-{number}"
        assert run(["restore", str(tmp_path / f"{number}.zip"), str(back), "-q"]) == 0
        assert run(["audit", "--node", str(back), "-q"]) == 0
        shutil.copy(folder / "node.key", back / "node.key")
        rows = _rows(back)
        assert rows == list(range(1, len(rows) + 1))
        assert low <= len(rows) <= load.confirmed
    code, _, errors = node.stop()
    assert (code, "Traceback" in errors) == (0, False), errors
    assert len(_rows(folder)) == load.confirmed


def test_the_doctor_asks_a_running_node(
    running: tuple[Path, NodeProcess, httpx.Client, Genesis],
) -> None:
    """Beside a running node the doctor names its process, and passes on what the node says of itself."""
    folder, node, client, genesis = running
    findings = {each.name: each for each in examine(folder, {}, 2 << 60)}
    assert findings["running"].state == "ok"
    assert f"process {node.process.pid} is the node; it answers" in findings["running"].words
    assert f"process {node.process.pid} may open" in findings["open files"].words
    assert {each.state for each in findings.values()} <= {"ok", "warning"}
    assert send(client, sign(genesis, add(1))).status_code == 201


def test_metrics_and_log_tell_what_happened(
    running: tuple[Path, NodeProcess, httpx.Client, Genesis],
) -> None:
    """Outcomes, blocks, durations and requests are counted; no line of the log holds what was written."""
    _, node, client, genesis = running
    again = sign(genesis, add(1, "a secret word"))
    for transaction in (again, again, sign(genesis, add(1)), sign(genesis, add(2), valid_s=-60)):
        send(client, transaction)
    lines = client.get("/metrics").text.splitlines()
    assert "comity_blocks_total 3" in lines
    assert 'comity_transactions_total{outcome="refused"} 1' in lines
    assert 'comity_transactions_total{outcome="expired"} 1' in lines
    assert any(line.startswith("comity_commit_seconds_count 3") for line in lines)
    posts = 'comity_http_requests_total{method="POST",route="/v1/transactions",status="201"}'
    assert any(line.startswith(posts) for line in lines)
    code, _, errors = node.stop()
    assert code == 0
    assert "secret" not in errors
    assert '"event":"stopped"' in errors


def test_settings_bound_what_a_node_does(tmp_path: Path) -> None:
    """A node keeps to its settings: rows of an answer, event streams, processes that read."""
    folder = tmp_path / "ledger"
    make_ledger(folder)
    given = {"query_rows_max": 2, "streams_max": 0, "read_processes_slow": 1}
    with NodeProcess(folder, given) as node, node.client() as client:
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 9) SELECT i FROM n"
        answer = client.post("/v1/sql", json={"sql": numbers}).json()
        assert (len(answer["rows"]), answer["limit"]) == (2, "QUERY_ROWS_MAX")
        assert client.get("/v1/events").status_code == 503
        assert client.get("/v1/limits").json()["settings"]["query_rows_max"] == 2
        code, _, errors = node.stop()
        assert code == 0, errors
