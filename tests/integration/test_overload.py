"""More load than a node takes: clear answers, bounded memory, and everything is final in the end."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from comity.crypto import cbor
from tests.integration.node_process import NodeProcess, make_ledger, sign
from tests.integration.test_slow_clients import memory_kib

pytestmark = pytest.mark.slow
CLIENTS, REQUESTS, EACH = 60, 5, 10
IN_FLIGHT = 200  # a third of what the clients have under way at once
HEAD = b"POST /v1/transactions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/cbor\r\n"


async def ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[int, dict[str, str]]:
    """Send a request; return status and headers of its answer, whose body is read."""
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    await reader.readexactly(int(headers["content-length"]))
    return int(head[0].split(" ")[1]), headers


async def insist(port: int, requests: list[bytes], seen: Counter[int]) -> None:
    """Send each request until it is final, coming back sooner than a polite client would."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for request in requests:
        while True:
            status, headers = await ask(reader, writer, request)
            seen[status] += 1
            if status != 503:
                break
            assert int(headers["retry-after"]) >= 1
            await asyncio.sleep(0.05)
    writer.close()
    await writer.wait_closed()


def test_three_times_the_load_is_told_to_wait_and_all_of_it_gets_done(tmp_path: Path) -> None:
    """Only 201 and 503 with Retry-After, no growth of memory, and each transaction has one place in the end."""
    folder = tmp_path / "shared"
    genesis = make_ledger(folder)
    batches = [
        [cbor.encode([sign(genesis) for _ in range(EACH)]) for _ in range(REQUESTS)]
        for _ in range(CLIENTS)
    ]
    requests = [
        [HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body for body in bodies]
        for bodies in batches
    ]
    seen: Counter[int] = Counter()

    async def load(port: int) -> None:
        await asyncio.gather(*[insist(port, own, seen) for own in requests])

    with NodeProcess(folder, {"in_flight_max": IN_FLIGHT}) as node, node.client() as client:
        before = memory_kib(node)
        asyncio.run(load(node.port))
        assert memory_kib(node) - before < 64 << 10
        assert client.get("/v1/health").status_code == 200
        shown = client.get("/metrics").text
        code, _, errors = node.stop()
    assert (code, "Traceback" in errors) == (0, False), errors
    assert seen.keys() == {201, 503}
    assert seen[201] == CLIENTS * REQUESTS
    assert f'comity_transactions_total{{outcome="ok"}} {CLIENTS * REQUESTS * EACH}' in shown
