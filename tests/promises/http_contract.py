"""A ledger with something of everything, and Schemathesis set upon the node that serves it.

Invariant: what a run asks depends on its seed and on the node's OpenAPI document alone.
"""

import base64
import json
import os
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from comity.client.invitation import Invitation, ticket
from comity.client.secret import Secret
from comity.limits import SECOND_NS
from comity.model.account import to_text
from comity.node.tokens import Tokens
from comity.testing.people import Person
from tests.integration.node_process import ROOT
from tests.shared_ledger import ANA, PAIRS, STOCK, SharedLedger

HOOKS = "tests.promises.http_contract_hooks"
DATA_VARIABLE = "COMITY_CONTRACT_DATA"
PHASES = ("examples", "coverage", "fuzzing", "stateful")
SEED = 4
REAL_PART = 0.6  # of the values that a parameter gets: such as are on the ledger
CY = Person("cy")
_BROAD = [400, 401, 403, 404, 405, 406, 408, 409, 410, 411, 413, 414, 415, 422, 429, 431, 503]


class Data(msgspec.Struct, kw_only=True):
    """What is on the ledger, in the form that an address has.

    Args:
        values: for parameters, as ``path.table``.
        examples: for parameters and body, by operation, as ``GET /v1/tables``; of all under "".
        transactions: signed, in hex.
    """

    height: int
    values: dict[str, list[Any]]
    examples: dict[str, dict[str, Any]]
    transactions: list[str]


class Report(msgspec.Struct, kw_only=True):
    """What a run did.

    Args:
        operations: every operation of the document, as ``GET /v1/ledger``.
        cases: requests by phase and operation.
        statuses: answers by operation and status.
        failures: what was found, as check, operation and words.
        errors: what the run itself could not do.
        codes: of all problems that were answered, with one status each and an example.
    """

    operations: set[str]
    cases: Counter[tuple[str, str]]
    statuses: dict[str, Counter[int]]
    failures: list[tuple[str, str, str]]
    errors: list[str]
    codes: dict[tuple[str, int], str]


def make_ledger(folder: Path) -> Data:
    """Make the ledger in a folder: tables, one of them dropped, members, an invitation, history, a removed row."""
    start_ns = time.time_ns() - 60 * SECOND_NS  # in the past, as a running node needs it
    gone = {**PAIRS, "name": "gone"}
    ledger = SharedLedger(folder, (STOCK, PAIRS, gone), start_ns=start_ns)
    invitation = Invitation.of(bytes(range(32)), ledger.local.genesis.hash)
    done = [
        ledger.commit(ledger.add("stock", *_stock(30))),
        ledger.commit(ledger.add("pairs", ("a,b/~", -5, "x"), ("", 7, None))),
        ledger.commit(ledger.change("stock", ("n003", 'z,\u00e9"', 1 << 60, None, None))),
        ledger.commit(ledger.remove("stock", ("n004",))),
        ledger.commit(("members.admit", {"name": "cy", "public_key": CY.public_key})),
        ledger.commit(("members.give_role", {"account": CY.account_id, "role": "buyer"})),
        ledger.commit(
            (
                "members.invite",
                {
                    "public_key": invitation.public_key,
                    "expires_ns": time.time_ns() + 3_600 * SECOND_NS,
                },
            )
        ),
        ledger.commit(("tables.drop", {"table": "gone"})),
    ]
    ids = [each.identifier.hex() for each in done]
    sent = [ledger.signed(ledger.add("stock", (f"new{n}", "a", n, 1, None))) for n in range(40)]
    sent += [ledger.signed(ledger.add("stock", ("n000", "a", n, 1, None))) for n in range(5)]
    sent += [ledger.signed(("tables.nothing", {"number": n})) for n in range(5)]
    height = ledger.height
    etags = [f'"{ledger.row_hash("stock", name).hex()}"' for name in ("n005", "n006", "n000")]
    bearer = "Bearer " + Tokens(folder, ledger.local.genesis.hash).issue(
        Secret(ANA.seed), scope=("*:*",), now_ns=time.time_ns(), life_s=3_600
    )
    ledger.close()
    word = ticket(ledger.local.genesis, invitation.public_key)
    return Data(
        height=height,
        values=_values(height, ids)
        | {"path.ticket": [word], "header.Authorization": [bearer], "header.If-Match": etags},
        examples=_examples(height, ids[0], word, bearer, etags),
        transactions=[data.hex() for data in sent],
    )


def _values(height: int, ids: list[str]) -> dict[str, list[Any]]:
    return {
        "path.table": ["stock", "pairs", "gone", "members__member", "comity_account"],
        "path.key": ["n000", "n003", "n004", "a~2Cb~2F~7E,-5", "~,7", "ana"],
        "path.id": [*ids, ids[0][:8]],
        "path.height": [0, 1, height, height + 1],
        "path.level": [0, 1],
        "path.number": ["000", "000.p/1", f"000.p/{height + 1}", "x001/x234/067"],
        "query.at": [0, 3, 4, height, height + 1],
        "query.from": [1, height - 1],
        "query.to": [2, height],
        "query.since": [1, height - 1],
        "query.below": [1, height],
        "query.q": ["SELECT * FROM stock", "SELECT count(*) FROM pairs", "PRAGMA user_version"],
        "query.sort": ["name", "place,count", "-name"],
        "query.low": ["n001"],
        "query.high": ["n003"],
        "query.table": ["stock", "pairs", "gone"],
        "query.name": ["ana", "cy", "stock"],
        "query.key": ['["n001"]', '["n004"]'],
        "query.account": [to_text(one.account_id) for one in (ANA, CY)],
        "query.after": ["0", "1", "3.0", "stock", to_text(ANA.account_id)],
        "query.until": [0, height],
        "query.limit": [1, 2, 100],
    }


def _examples(
    height: int, identifier: str, word: str, bearer: str, etags: Sequence[str]
) -> dict[str, dict[str, Any]]:
    rows, row = "/v1/tables/{table}/rows", "/v1/tables/{table}/rows/{key}"
    return {
        "": {
            "table": "stock", "key": "n003", "id": identifier, "height": 1, "at": height, "from": 1,
            "since": 1, "until": 1, "q": "SELECT count(*) FROM stock", "number": "000.p/1",
            "level": 0, "name": "ana", "account": to_text(ANA.account_id), "ticket": word,
            "Authorization": bearer,
        },
        f"POST {rows}": {"body": {"rows": [{"name": "fresh"}]}},
        f"PATCH {row}": {"key": "n005", "If-Match": etags[0], "body": {"place": "b"}},
        f"DELETE {row}": {"key": "n006", "If-Match": etags[1]},
        "POST /v1/sql": {"body": {"sql": "SELECT name FROM stock"}},
    }  # fmt: skip


def run(url: str, data: Data, folder: Path, examples: int, *only: str) -> Report:
    """Ask a node everything that its document describes; ``only`` adds words of the command line."""
    folder.mkdir(exist_ok=True)
    (folder / "schemathesis.toml").write_text(_config(data, examples), "utf-8")
    (folder / "data.json").write_bytes(msgspec.json.encode(data))
    told = folder / "events.ndjson"
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml"]
    command += [
        "run",
        url + "/v1/openapi.json",
        f"--report-ndjson-path={told}",
        "--no-color",
        *only,
    ]
    named = {DATA_VARIABLE: str(folder / "data.json"), "SCHEMATHESIS_HOOKS": HOOKS}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **named, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.exists(), done.stdout + done.stderr
    with told.open(encoding="utf-8") as lines:
        return _report(map(json.loads, lines))


def _config(data: Data, examples: int) -> str:
    """Return Schemathesis' settings: all checks, all phases, one seed, values that are on the ledger."""
    lines = [
        f"seed = {SEED}",
        "request-timeout = 20.0",
        "continue-on-failure = true",
        "warnings = false",
        f"generation = {{ mode = 'all', max-examples = {examples}, database = 'none' }}",
        "[phases]",
        f"stateful = {{ generation = {{ max-examples = {examples} }} }}",
        "[checks]",
        "not_a_server_error = { expected-statuses = ['2xx', '3xx', '4xx', 503, 504] }",
        f"negative_data_rejection = {{ expected-statuses = {_BROAD} }}",
        # No schema says which SQL is SQL, or which height is there: what may be refused is documented instead.
        "positive_data_acceptance = { enabled = false }",
    ]
    for number, values in enumerate(data.values.values()):
        lines += [f"[dictionaries.real{number}]", f"values = {json.dumps(values)}"]
    lines.append("[parameters]")
    for number, name in enumerate(data.values):
        lines.append(f"'{name}' = {{ dictionary = 'real{number}', probability = {REAL_PART} }}")
    return "\n".join(lines) + "\n"


def _report(events: Iterator[dict[str, Any]]) -> Report:
    report = Report(
        operations=set(),
        cases=Counter(),
        statuses=defaultdict(Counter),
        failures=[],
        errors=[],
        codes={},
    )
    for event in events:
        (kind, told), *_ = event.items()
        if kind == "NonFatalError":
            report.errors.append(f"{told['label']}: {told['value']['message']}")
        elif kind == "ScenarioFinished":
            _note(report, told["phase"], told["recorder"])
    return report


def _note(report: Report, phase: str, recorder: Mapping[str, Any]) -> None:
    """Take over what one scenario did."""
    cases = recorder.get("cases") or {}
    labels = {key: _label(case, recorder["label"]) for key, case in cases.items()}
    for key, met in (recorder.get("interactions") or {}).items():
        label = labels.get(key, recorder["label"])
        report.cases[phase, label] += 1
        answer = met.get("response")
        if answer is None:
            report.errors.append(f"{label}: no answer to {met['request']['uri'][:300]}")
            continue
        report.statuses[label][answer["status_code"]] += 1
        if answer["headers"].get("content-type") == ["application/problem+json"]:
            body = json.loads(base64.b64decode(answer["content"]["$base64"]))
            uri = (
                f"{met['request']['method']} {met['request']['uri'][:300]}: {body['detail'][:300]}"
            )
            report.codes.setdefault((body["code"], answer["status_code"]), uri)
    for key, checks in (recorder.get("checks") or {}).items():
        for check in checks:
            if check["status"] != "success":
                uri = recorder["interactions"][key]["request"]["uri"][:300]
                failure = (check.get("failure_info") or {}).get("failure", check)
                words = f"{failure.get('title')}: {failure.get('message')} at {uri}"
                report.failures.append((check["name"], labels.get(key, recorder["label"]), words))


def _label(case: Mapping[str, Any], default: str) -> str:
    value = case.get("value", case)
    method, path = value.get("method"), value.get("path")
    return f"{method} {path}" if method and path else default


def _stock(count: int) -> Iterator[Sequence[Any]]:
    return ((f"n{n:03}", "abc"[n % 3], n, n * 100, n % 2 == 0) for n in range(count))
