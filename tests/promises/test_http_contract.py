"""What a node's OpenAPI document says, the node does: every route, every phase of Schemathesis, a fixed seed."""

from pathlib import Path

import httpx
import pytest

from tests.integration.node_process import NodeProcess
from tests.promises.http_contract import PHASES, Report, make_ledger, run

EXAMPLES = 50
BUSY = {"busy", "unhealthy", "unavailable"}  # 503 without anybody's fault
LOG = {"GET /checkpoint", "GET /tile/entries/{number}", "GET /tile/{level}/{number}"}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Give the report of a whole run; afterwards the node is as well as it was."""
    folder = tmp_path_factory.mktemp("contract")
    data = make_ledger(folder / "ledger")
    with NodeProcess(folder / "ledger") as node:
        told = run(node.url, data, folder / "run", EXAMPLES)
        health = httpx.get(node.url + "/v1/health")
        assert health.status_code == 200, health.text
        for code, _ in told.codes:
            assert httpx.get(f"{node.url}/problems/{code}").status_code == 200, code
        paths = httpx.get(node.url + "/v1/openapi.json").json()["paths"]
        told.operations |= {f"{verb.upper()} {path}" for path in paths for verb in paths[path]}
        ended, _, errors = node.stop()
        assert (ended, "Traceback" in errors) == (0, False), errors
    return told


def test_the_node_keeps_every_promise_of_its_document(report: Report) -> None:
    """No status, media type, header or shape that is not declared; nothing but 503 and 504 of the server's errors."""
    assert "\n".join(map(str, report.failures)) == ""
    assert report.errors == []
    for statuses in report.statuses.values():
        assert {status for status in statuses if status >= 500} <= {503, 504}


def test_the_node_is_never_at_fault(report: Report) -> None:
    """What is answered with 503 says that there is much to do; no request makes the node or a reader fail."""
    said = {code: words for (code, status), words in report.codes.items() if status >= 500}
    assert {code: words for code, words in said.items() if code not in BUSY} == {}


def test_no_operation_is_left_out(report: Report) -> None:
    """Each route of the document was asked, in its phases, and nearly all of them answered what they are for."""
    assert report.operations >= LOG
    for phase in PHASES[1:3]:
        asked = {label for each, label in report.cases if each == phase}
        assert report.operations - asked == set(), phase
    assert {phase for phase, _ in report.cases} == set(PHASES)
    with_parameters = {label for label in report.operations if "{" in label}
    for label in with_parameters:
        assert report.cases["fuzzing", label] >= EXAMPLES, label
    answered = {label for label, statuses in report.statuses.items() if min(statuses) < 300}
    assert report.operations - answered == set()


def test_what_breaks_a_promise_is_found(tmp_path: Path) -> None:
    """Canaries: routes that fail, answer an undeclared status, another shape, another media type."""
    data = make_ledger(tmp_path / "ledger")
    with NodeProcess(tmp_path / "ledger", command=("-m", "tests.promises.planted_node")) as node:
        told = run(node.url, data, tmp_path / "run", 10, "--include-tag=planted")
    found = {(check, label.rpartition("/")[2]) for check, label, _ in told.failures}
    assert found >= {
        ("not_a_server_error", "fail"),
        ("status_code_conformance", "fail"),
        ("status_code_conformance", "tea"),
        ("response_schema_conformance", "lie"),
        ("content_type_conformance", "sheet"),
    }
    assert all("/v1/planted/" in label for _, label, _ in told.failures)
