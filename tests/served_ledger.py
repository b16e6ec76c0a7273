"""A node that serves a ledger over a real socket, on a thread of its own, for tests."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from comity.node.config import Config
from comity.node.running import Node
from comity.web.server import Server, listen

_START_S = 20


class ServedLedger:
    """A running node and a client of it."""

    def __init__(self, directory: Path, config: Config | None = None) -> None:
        self._directory = directory
        self._config = config
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self.node: Node | None = None
        self.port = 0
        self._server: Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread.start()
        assert self._started.wait(_START_S)
        self.client = httpx.Client(base_url=self.url, timeout=30)

    @property
    def url(self) -> str:
        """Return the address of the server."""
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Stop the node."""
        self.client.close()
        if not self._thread.is_alive():
            return
        if self._loop is not None and self._server is not None:
            self._loop.call_soon_threadsafe(self._server.stop)
        self._thread.join(_START_S)
        assert not self._thread.is_alive()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.node = Node.open(self._directory, self._config)
        await self.node.start()
        listener = listen("127.0.0.1", 0)
        self.port = listener.getsockname()[1]
        self._server = Server(self.node)
        self._started.set()
        await self._server.run_on(listener)


@contextmanager
def serve(directory: Path, config: Config | None = None) -> Iterator[ServedLedger]:
    """Serve the ledger in a folder."""
    served = ServedLedger(directory, config)
    try:
        yield served
    finally:
        served.close()
