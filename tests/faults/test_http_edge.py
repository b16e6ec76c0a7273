"""The edge of HTTP: what lies, smuggles, climbs, floods or escapes gets a clear no, and the node goes on."""

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from comity.limits import EVENT_STREAMS_MAX, READ_TEXT_CHARS_MAX, REQUEST_HEADERS_BYTES_MAX
from tests.faults.http_scene import children
from tests.integration.node_process import NodeProcess
from tests.promises.http_contract import Data, make_ledger

pytestmark = pytest.mark.slow
POST = b"POST /v1/transactions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/cbor\r\n"
CLOSE = b"Connection: close\r\n"
HIDDEN = CLOSE + b"\r\n0\r\n\r\nGET /v1/limits HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Data]:
    """Give a folder with a ledger, and what is on it."""
    folder = tmp_path_factory.mktemp("edge") / "ledger"
    return folder, make_ledger(folder)


@pytest.fixture(scope="module")
def node(data: tuple[Path, Data]) -> Iterator[NodeProcess]:
    """Serve the ledger; at the end neither node nor readers have met a fault, and the readers are the first ones."""
    with NodeProcess(data[0]) as running:
        with running.client() as client:
            assert client.get("/v1/tables").status_code == 200
            assert client.get("/v1/sql?q=SELECT 1").status_code == 200
        readers = children(running.process.pid)
        assert len(readers) > 1
        yield running
        assert children(running.process.pid) == readers
        code, _, errors = running.stop()
        assert (code, "Traceback" in errors) == (0, False), errors


def talk(node: NodeProcess, sent: bytes, wait_s: float = 10) -> bytes:
    """Return what is answered to some bytes, until the node closes the connection."""
    parts = []
    with socket.create_connection(("127.0.0.1", node.port)) as connection:
        connection.settimeout(wait_s)
        try:
            connection.sendall(sent)
            while part := connection.recv(65_536):
                parts.append(part)
        except ConnectionError:
            pass
    return b"".join(parts)


def get(path: bytes, *headers: bytes) -> bytes:
    """Return a request that ends its connection."""
    lines = [b"GET " + path + b" HTTP/1.1", b"Host: localhost", b"Connection: close", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def statuses(answers: bytes) -> list[int]:
    """Return the statuses of all answers on a connection."""
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3}) ", answers)]


def code_of(answer: bytes) -> tuple[int, str | None]:
    """Return status and code of an answer."""
    body = answer.partition(b"\r\n\r\n")[2]
    is_problem = b"application/problem+json" in answer
    return statuses(answer)[0], json.loads(body)["code"] if is_problem else None


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 5\r\nContent-Length: 5\r\n",
        b"Content-Length: 5\r\nContent-Length: 0\r\n",
        b"Content-Length: 5, 5\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: -5\r\n",
        b"Content-Length: 0x5\r\n",
        b"Content-Length: 18446744073709551621\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding: \x0bchunked\r\n",
        b"X: a\r\n Transfer-Encoding: chunked\r\n",
        b"X: a\rTransfer-Encoding: chunked\r\n",
    ],
)
def test_a_body_has_one_length(node: NodeProcess, framing: bytes) -> None:
    """Where two readers could see two ends of a body, there is one answer, 400, and the connection ends."""
    answers = talk(node, POST + framing + HIDDEN)
    assert statuses(answers) == [400]
    assert b"limits" not in answers


def test_a_request_in_a_body_is_a_body(node: NodeProcess) -> None:
    """What stands within the length of a body, also of a GET's, is not answered as a request."""
    inner = b"GET /v1/limits HTTP/1.1\r\nHost: localhost\r\n\r\n"
    head = b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(inner)
    answers = talk(node, head + inner + get(b"/v1/ledger"))
    assert statuses(answers) == [200, 200]
    assert b'"limits"' not in answers


@pytest.mark.parametrize(
    "chunks", [b"5\nhello\n0\n\n", b"FFFFFFFFFFFFFFFFF\r\nhello\r\n", b"-5\r\nhello\r\n", b"5\r\nhelloX0\r\n\r\n"]
)  # fmt: skip
def test_chunks_are_well_formed(node: NodeProcess, chunks: bytes) -> None:
    """Line ends, sizes and ends of chunks are exact, or the request is none."""
    sent = POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + get(b"/v1/limits")
    assert statuses(talk(node, sent)) == [400]


@pytest.mark.parametrize(
    "host",
    [
        b"Host: evil.example", b"Host: localhost.evil.example", b"Host: 127.0.0.1.evil.example",
        b"Host: evil.example:7080", b"Host: localhost@evil.example",
        b"Host: [::1", b"Host:", b"X: no host",
        b"Host: evil.example\r\nX-Forwarded-Host: localhost", b"Host: evil.example\r\nForwarded: host=localhost",
    ],
)  # fmt: skip
def test_a_name_of_somebody_else_reads_nothing(node: NodeProcess, host: bytes) -> None:
    """A page whose name was pointed at this machine gets no answer of a node on loopback (DNS rebinding)."""
    answer = talk(node, b"GET /v1/ledger HTTP/1.1\r\n" + host + b"\r\n" + CLOSE + b"\r\n")
    assert statuses(answer)[0] in (400, 421)
    assert b"genesis" not in answer


@pytest.mark.parametrize("host", [b"localhost", b"LOCALHOST:7080", b"127.0.0.1", b"[::1]:7080"])
def test_a_name_of_this_machine_reads(node: NodeProcess, host: bytes) -> None:
    """Every name of loopback is served, with any port: a tunnel has its own."""
    head = b"GET /v1/ledger HTTP/1.1\r\nHost: " + host + b"\r\n"
    assert statuses(talk(node, head + CLOSE + b"\r\n")) == [200]


@pytest.mark.parametrize("origin", [b"http://evil.example", b"null", b"http://localhost:1"])
def test_no_other_page_reads(node: NodeProcess, origin: bytes) -> None:
    """Nothing tells a browser that another origin may read, or send what is not a plain form."""
    answer = talk(node, get(b"/v1/ledger", b"Origin: " + origin)).lower()
    assert b"access-control-" not in answer
    asked = b"OPTIONS /v1/transactions HTTP/1.1\r\nHost: localhost\r\nOrigin: " + origin
    asked += b"\r\nAccess-Control-Request-Method: POST\r\nConnection: close\r\n\r\n"
    answer = talk(node, asked)
    assert statuses(answer) == [405]
    assert b"access-control-" not in answer.lower()


@pytest.mark.parametrize(
    "kind", [b"text/plain", b"application/x-www-form-urlencoded", b"multipart/form-data"]
)
def test_a_form_of_another_page_changes_nothing(
    node: NodeProcess, data: tuple[Path, Data], kind: bytes
) -> None:
    """The three media types that a browser sends without asking are taken by no route that writes."""
    body = bytes.fromhex(data[1].transactions[0])
    for path in (b"/v1/transactions", b"/v1/sql"):
        head = b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: " + kind
        sent = head + b"\r\nContent-Length: %d\r\n" % len(body) + CLOSE + b"\r\n" + body
        assert code_of(talk(node, sent)) == (415, "unsupported-media-type")


@pytest.mark.parametrize(
    "path",
    [
        b"/tile/0/../../node.key",
        b"/tile/0/%2e%2e/%2e%2e/node.key",
        b"/tile/0/..%2f..%2fnode.key",
        b"/tile/entries/../../genesis.cbor",
        b"//etc/passwd",
        b"/../../../../etc/passwd",
        b"/problems/..%2f..%2fnode.key",
        b"/tile/0/000%00",
        b"/tile/0/x000/001",
        b"/tile/0/000.p/01",
        b"/tile/0/000.p/0",
        b"/tile/0/000.p/256",
        b"/tile/0/%D9%A0%D9%A0%D9%A0.p/1",
    ],
)
def test_no_path_leaves_its_place(node: NodeProcess, path: bytes) -> None:
    """Files of the folder have no address; a tile has exactly one."""
    assert code_of(talk(node, get(path))) == (404, "not-found")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (b"/v1/tables/stock/rows/n00%00", 400),
        (b"/v1/tables/stock%00/rows/n000", 404),
        (b"/v1/tables/stock%0A/rows/n000", 404),
        (b"/v1/tables/stock/rows/n000%0A", 404),
        (b"/v1/tables/stock/rows/%ED%A0%80", 400),
        (b"/v1/tables/stock/rows/%FF", 400),
        (b"/v1/tables/stock/rows?name=%FF", 400),
        (b"/v1/tables/stock/rows/%EF%BF%BD", 404),
        (b"/v1/tables/stock/rows/%zz", 404),
        (b"/v1/tables/%22stock%22/rows", 404),
        (b"/v1/tables/stock%3B--/rows", 404),
        (b"/v1/tables/STOCK", 404),
        (b"/v1/tables/sqlite_master/rows", 404),
        (b"/v1/tables/comity_tree/rows", 404),
        (b"/v1/tables/stock/rows?%00=1", 400),
        (b"/v1/tables/stock/rows?count=%D9%A1", 400),
        (b"/v1/tables/stock/rows?count=1_0", 400),
        (b"/v1/tables/stock/rows?sort=name%20DESC;--", 400),
        (b"/v1/tables/stock/rows?after=AAAA", 400),
        (b"/v1/tables/stock/rows?limit=1&limit=2", 400),
        (b"/v1/blocks/%D9%A1", 400),
        (b"/v1/blocks/1_0", 400),
        (b"/v1/blocks/%2B1", 400),
        (b"/v1/blocks/99999999999999999999", 400),
        (b"/v1/tables/stock/rows/" + b"%41" * (READ_TEXT_CHARS_MAX + 1), 400),
        (b"/v1/sql?q=" + b"a" * 25_000, 400),
        (b"/v1/tables/stock/rows?" + b"&".join(b"name=%d" % n for n in range(2_000)), 400),
    ],
)
def test_an_address_means_what_it_says(node: NodeProcess, path: bytes, status: int) -> None:
    """NUL, line ends, other digits, quotes, repetitions and lengths: refused, never taken for something near."""
    assert statuses(talk(node, get(path))) == [status]


def test_headers_without_end_are_cut(node: NodeProcess) -> None:
    """A flood of headers is 431, whether many, or long."""
    many = [b"X-%d: aaaaaaaaaaaa" % number for number in range(25_000)]
    assert statuses(talk(node, get(b"/v1/ledger", *many))) == [431]
    for size in (REQUEST_HEADERS_BYTES_MAX, 60_000, 200_000, 500_000):
        assert statuses(talk(node, get(b"/v1/ledger", b"Cookie: " + b"a" * size))) == [431]
    under = REQUEST_HEADERS_BYTES_MAX - 200
    assert statuses(talk(node, get(b"/v1/ledger", b"Cookie: " + b"a" * under))) == [200]


def sql(node: NodeProcess, body: bytes) -> tuple[int, str | None]:
    """Return status and code of a query as JSON."""
    head = b"POST /v1/sql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return code_of(
        talk(node, head + b"Content-Length: %d\r\n" % len(body) + CLOSE + b"\r\n" + body)
    )


@pytest.mark.parametrize(
    "body",
    [
        b'{"sql":"SELECT 1","parameters":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"sql":"SELECT ?","parameters":[NaN]}',
        b'{"sql":"SELECT ?","parameters":[1e999]}',
        b'{"sql":"SELECT ?","parameters":[' + b"9" * 5_000 + b"]}",
        b'{"sql":"SELECT \'\\ud800\'"}',
        b'\xef\xbb\xbf{"sql":"SELECT 1"}',
        '{"sql":"SELECT 1"}'.encode("utf-16"),
        b'{"sql":"SELECT 1\\u0000; DROP TABLE stock"}',
        b'{"sql":"SELECT \'a\\u0000b\'"}',
    ],
    ids=["arrays", "maps", "nan", "infinite", "digits", "half", "bom", "utf-16", "nul", "nul in text"],
)  # fmt: skip
def test_a_body_that_is_no_query_is_told_so(node: NodeProcess, body: bytes) -> None:
    """Depth, numbers beyond any, halves of characters, other encodings, NUL: 400, and no reader dies."""
    assert sql(node, body)[0] == 400


@pytest.mark.parametrize(
    "query",
    [
        "ATTACH 'x.db' AS x", "ATTACH ':memory:' AS x", "DETACH main", "PRAGMA writable_schema=1",
        "PRAGMA query_only=0", "PRAGMA trusted_schema=1", "SELECT * FROM pragma_database_list",
        "SELECT * FROM pragma_writable_schema", "SELECT load_extension('x')",
        "SELECT fts3_tokenizer('simple')", "SELECT fts3_tokenizer('x', x'4141414141414141')",
        "CREATE VIRTUAL TABLE t USING fts5(x)", "CREATE TEMP TABLE t(a)", "SELECT * FROM dbstat",
        "SELECT * FROM sqlite_dbpage", "SELECT readfile('/etc/passwd')", "SELECT writefile('x', 'a')",
        "SELECT edit('a')", "VACUUM INTO 'y.db'", "REINDEX", "ANALYZE", "BEGIN", "SAVEPOINT a",
        "SELECT 1; DELETE FROM stock", "WITH x AS (SELECT 1) DELETE FROM stock",
        "INSERT INTO stock SELECT * FROM stock", "UPDATE sqlite_master SET sql = ''",
        "EXPLAIN DELETE FROM stock", "SELECT * FROM comity_tree", "SELECT * FROM main.stock",
        "SELECT * FROM temp.sqlite_master", "SELECT randomblob(1000000000)", "SELECT random()",
        "SELECT datetime('now')", "SELECT zeroblob(2000000000)", "SELECT printf('%*c', 1000000000, 'a')",
        "SELECT total_changes()", "SELECT sqlite_compileoption_get(1)", "SELECT icu_load_collation('a', 'b')",
    ],
)  # fmt: skip
def test_a_query_only_reads_rows(node: NodeProcess, data: tuple[Path, Data], query: str) -> None:
    """No other file, no setting, no schema, no extension, no second statement: refused, and nothing is written."""
    before = sorted(path.name for path in data[0].iterdir())
    status, code = code_of(talk(node, get(b"/v1/sql?q=" + quote(query).encode())))
    assert status in (400, 404), code
    assert code in ("refused", "syntax", "too-costly", "unknown-table")
    assert sorted(path.name for path in data[0].iterdir()) == before


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (b"/v1/events?after=999999999", 404),
        (b"/v1/events?after=9223372036854775808", 400),
        (b"/v1/events?after=-1", 400),
        (b"/v1/events?after=%D9%A1", 400),
        (b"/v1/tables/stock/events?after=999999999", 404),
        (b"/v1/tables/stock/events?after=1.2.3", 400),
        (b"/v1/tables/gone/events?after=0", 404),
    ],
)
def test_an_id_of_no_event_is_told_so(node: NodeProcess, path: bytes, status: int) -> None:
    """Who comes with an id that this ledger never gave hears it at once, and does not wait for ever."""
    assert statuses(talk(node, get(path))) == [status]
    after, _, value = path.partition(b"?after=")
    assert statuses(talk(node, get(after, b"Last-Event-ID: " + value))) == [
        400 if b"%" in value else status
    ]


def etag_of(answer: bytes) -> bytes:
    """Return the tag of an answer."""
    found = re.search(rb"(?i)\r\netag: (\S+)\r\n", answer)
    assert found is not None, answer
    return found[1]


def test_a_tag_that_lies_hides_nothing(node: NodeProcess) -> None:
    """Only the tag of this very answer is 304; one of another row, of a part, or of nothing brings the row."""
    row, other = b"/v1/tables/stock/rows/n000", b"/v1/tables/stock/rows/n001"
    tag, wrong = etag_of(talk(node, get(row))), etag_of(talk(node, get(other)))
    assert statuses(talk(node, get(row, b"If-None-Match: " + tag))) == [304]
    lies = [
        wrong,
        tag[:-2] + b'"',
        b'""',
        b'"' + b"0" * 64 + b'"',
        b"\xff",
        b'"' + b"a" * 20_000 + b'"',
    ]
    for lie in lies:
        assert statuses(talk(node, get(row, b"If-None-Match: " + lie))) == [200], lie
    assert statuses(talk(node, get(row + b"?at=4", b"If-None-Match: " + wrong))) == [200]


def test_a_change_that_saw_another_row_is_refused(
    node: NodeProcess, data: tuple[Path, Data]
) -> None:
    """If-Match with another row's tag, a star, a weak tag or none changes nothing."""
    bearer = data[1].examples[""]["Authorization"]
    tag = etag_of(talk(node, get(b"/v1/tables/stock/rows/n001"))).decode()
    path = "/v1/tables/stock/rows/n000"
    with node.client() as client:
        before = client.get(path).json()["row"]
        for match, status in ((tag, 409), ("*", 400), (f"W/{tag}", 400), ('""', 400), (None, 428)):
            headers: dict[str, Any] = {"Authorization": bearer}
            headers |= {} if match is None else {"If-Match": match}
            assert client.patch(path, json={"place": "z"}, headers=headers).status_code == status, (
                match
            )
        assert client.get(path).json()["row"] == before


def test_streams_that_nobody_reads_are_bounded(node: NodeProcess) -> None:
    """More streams than may be are told to come back; when they are gone there is room again."""
    asked = b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
    connections = []
    try:
        for _ in range(EVENT_STREAMS_MAX):
            connections.append(socket.create_connection(("127.0.0.1", node.port)))
            connections[-1].sendall(asked)
        for connection in connections:
            connection.settimeout(30)
            assert b" 200 " in connection.recv(4_096)
        assert code_of(talk(node, get(b"/v1/events"))) == (503, "busy")
    finally:
        for connection in connections:
            connection.close()
    for _ in range(100):
        if statuses(talk(node, get(b"/v1/events?after=0&limit=1"))) == [200]:
            return
    pytest.fail("the places of followers who left stay taken")


def test_what_is_refused_is_counted_and_fills_no_log(tmp_path: Path) -> None:
    """Noise and requests to upgrade: an answer and a count each, and no line of the log."""
    make_ledger(tmp_path / "ledger")
    with NodeProcess(tmp_path / "ledger") as node:
        for _ in range(20):
            assert statuses(talk(node, b"\x16\x03\x01\r\n\r\n")) == [400]
        upgrade = (
            b"Upgrade: websocket",
            b"Connection: upgrade, close",
            b"Sec-WebSocket-Version: 13",
        )
        assert statuses(talk(node, get(b"/v1/health", *upgrade))) == [200]
        counted = talk(node, get(b"/metrics"))
        assert b'comity_http_requests_total{method="other",route="none",status="400"} 20' in counted
        _, _, errors = node.stop()
    assert "uvicorn" not in errors
    assert len(errors.splitlines()) < 10
