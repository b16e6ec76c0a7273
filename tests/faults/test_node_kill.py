"""A node that is killed at any moment under load (P18): nothing told is lost, nothing is done twice."""

import http.client
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from comity.crypto import cbor
from comity.model.genesis import Genesis
from comity.model.transaction import Transaction
from comity.node.local import LocalLedger
from tests.integration.node_process import NodeProcess, add, create_things, make_ledger, send, sign
from tests.simulation.inspection import inspect

KILLS = 10  # 20 in the long form: python -m tests.faults.http_load --long
CLIENTS = 8
ROWS_APART = 1_000_000  # between the rows of two clients
HEADERS = {"Content-Type": "application/cbor", "Accept": "application/cbor"}
Place = tuple[int, int]


class Client(threading.Thread):
    """Sends one transaction after another; what was not answered is sent again, to whichever node is there."""

    def __init__(self, number: int, genesis: Genesis, journal: Path) -> None:
        super().__init__(daemon=True)
        self.port: int | None = None
        self.told: dict[bytes, Place] = {}
        self.resent = 0
        self.is_ending = False
        self._genesis = genesis
        self._row = number * ROWS_APART
        self._journal = journal.open("a", encoding="ascii")

    def run(self) -> None:
        """Send until told to end, and until the last one is answered."""
        waiting: bytes | None = None
        while waiting is not None or not self.is_ending:
            port = self.port
            if port is None:
                time.sleep(0.01)
                continue
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            try:
                while port == self.port and (waiting is not None or not self.is_ending):
                    if waiting is None:
                        self._row += 1
                        waiting = sign(self._genesis, add(self._row))
                    else:
                        self.resent += 1
                    self._send(connection, waiting)
                    waiting = None
            except (OSError, http.client.HTTPException, _Unsettled):
                time.sleep(0.01)
            finally:
                connection.close()
        self._journal.close()

    def _send(self, connection: http.client.HTTPConnection, transaction: bytes) -> None:
        connection.request("POST", "/v1/transactions", transaction, HEADERS)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status in (503, 504):
            raise _Unsettled
        assert answer.status == 201, body
        _, identifier, height, position, _ = cbor.decode(body, size_max=len(body))
        envelope = Transaction.decode(transaction).envelope
        assert identifier == envelope.transaction_id(self._genesis.hash)
        self.told[identifier] = (height, position)
        self._journal.write(f"{identifier.hex()} {height} {position}\n")
        self._journal.flush()


class _Unsettled(Exception):
    """The node said that it does not know yet."""


@pytest.mark.slow
def test_a_killed_node_loses_nothing_and_does_nothing_twice(tmp_path: Path) -> None:
    """Real kill -9 under 8 clients: one block exactly, each acknowledged id has one receipt, where it was said."""
    figures = kill(tmp_path, KILLS)
    assert figures["resent"] > 0


def kill(place: Path, kills: int) -> dict[str, Any]:
    """Kill a node under load so often, looking at what it left each time; return figures."""
    chance = random.Random(20)
    folder = place / "shared"
    genesis = make_ledger(folder)
    with NodeProcess(folder) as node, node.client() as client:
        assert send(client, sign(genesis, create_things())).status_code == 201
        node.stop()
    journals = [place / f"journal{number}" for number in range(CLIENTS)]
    clients = [Client(number, genesis, path) for number, path in enumerate(journals)]
    for each in clients:
        each.start()
    heights = []
    for _ in range(kills):
        with NodeProcess(folder) as node:
            lead(clients, node.port)
            time.sleep(chance.uniform(0.02, 0.6))
            node.process.send_signal(signal.SIGKILL)
            node.process.wait()
            lead(clients, None)
        heights.append(look(folder, journals))
    with NodeProcess(folder) as node:
        for each in clients:
            each.is_ending = True
        lead(clients, node.port)
        for each in clients:
            each.join(60)
            assert not each.is_alive()
        code, seconds, _ = node.stop()
        assert (code, seconds < 5) == (0, True)
    look(folder, journals)
    acknowledged = sum(len(each.told) for each in clients)
    with LocalLedger.open(folder) as ledger:
        rows = ledger.store.connection.execute("SELECT count(*) FROM things").fetchone()
        assert rows == (acknowledged,)
    assert heights == sorted(heights)
    assert heights[-1] > kills
    resent = sum(each.resent for each in clients)
    return {"kills": kills, "heights": heights[-1], "acknowledged": acknowledged, "resent": resent}


def lead(clients: list[Client], port: int | None) -> None:
    """Tell every client where the node is."""
    for each in clients:
        each.port = port


def look(folder: Path, journals: list[Path]) -> int:
    """Check the ledger as it was left against what was acknowledged; return its height."""
    told: dict[bytes, Place] = {}
    for journal in journals:
        for line in journal.read_text().splitlines():
            identifier, height, position = line.split()
            place = (int(height), int(position))
            assert told.setdefault(bytes.fromhex(identifier), place) == place
    with LocalLedger.open(folder) as ledger:
        inspect(ledger.store, ledger.genesis.hash)
        run = ledger.store.connection.execute
        sql = "SELECT id, height, position FROM comity_transaction WHERE id IS NOT NULL"
        held: dict[bytes, Place] = {}
        for identifier, height, position in run(sql):
            assert identifier not in held
            held[identifier] = (height, position)
        assert {identifier: held.get(identifier) for identifier in told} == told
        rows = run("SELECT count(*) FROM things").fetchone()
        assert rows == (len(held) - 1,)  # the first made the table
        return ledger.store.height
