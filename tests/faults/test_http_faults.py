"""A running node whose disk fills up or whose clock is set: it says so, nothing told is lost, and it goes on."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.faults.http_node import CLOCK_VARIABLE, COMMAND
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
HOUR_S = 3_600


def test_a_disk_that_fills_up_is_told_and_survived(tmp_path: Path) -> None:
    """Health says it before and while no block can be written; writers hear 503; reads go on; with room all goes on."""
    rooted = [] if os.geteuid() == 0 else ["--map-root-user"]
    command = [sys.executable, "-m", "tests.faults.http_full_disk", str(tmp_path)]
    done = subprocess.run(
        ["unshare", "--mount", *rooted, *command],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["before"] == 200
    assert (seen["filled"]["status"], seen["filled"]["code"]) == (503, "unhealthy")
    assert "make room" in seen["filled"]["detail"]
    for answer in (seen["refused"], seen["again"]):
        assert (answer["status"], answer["code"]) == (503, "disk-full")
    assert int(seen["refused"]["retry"]) > 0
    assert (seen["full"]["status"], seen["read"]) == (503, 200)
    assert "no block is made any more" in seen["full"]["detail"]
    assert (seen["room"], seen["after"], seen["well"]) == (200, 201, 200)
    assert (seen["stop"], seen["traceback"]) == (0, False)
    assert seen["rows"][0] == seen["rows"][1]


def health(client: httpx.Client) -> tuple[int, str]:
    """Return the status of the node's health, and why."""
    answer = client.get("/v1/health")
    return answer.status_code, answer.json().get("detail", "")


def test_a_clock_that_jumps_an_hour_and_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ahead: what expired is refused as such. Back: times never fall, health says what is wrong, blocks go on."""
    genesis = make_ledger(tmp_path / "shared")
    clock = tmp_path / "clock"
    clock.write_text("0")
    monkeypatch.setenv(CLOCK_VARIABLE, str(clock))
    with NodeProcess(tmp_path / "shared", command=COMMAND) as node, node.client() as client:
        long = HOUR_S + 600
        assert send(client, sign(genesis, create_things())).status_code == 201
        clock.write_text(str(HOUR_S))
        short = send(client, sign(genesis, add(1)))
        assert (short.status_code, short.json()["code"]) == (400, "expired")
        assert send(client, sign(genesis, add(2), valid_s=long)).status_code == 201
        assert health(client)[0] == 200
        times = [client.get("/v1/ledger").json()["last_block"]["time"]]
        for at, number in ((0, 3), (-HOUR_S, 4)):
            clock.write_text(str(at))
            status, reason = health(client)
            assert (status, "clock" in reason, "set it right" in reason) == (503, True, True)
            assert send(client, sign(genesis, add(number), valid_s=long)).status_code == 201
            times.append(client.get("/v1/ledger").json()["last_block"]["time"])
        assert times == sorted(set(times))
        clock.write_text(str(HOUR_S + 1))
        assert health(client)[0] == 200
        assert send(client, sign(genesis, add(5), valid_s=long)).status_code == 201
        assert client.get("/v1/sql?q=SELECT count(*) FROM things").json()["rows"] == [[4]]
        assert node.stop()[0] == 0


def test_a_clock_set_back_holds_an_interval_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an interval, the next block waits for the clock: 504, a reason, and final when the clock is right again."""
    genesis = make_ledger(tmp_path / "shared", block_interval_s=1)
    clock = tmp_path / "clock"
    clock.write_text("0")
    monkeypatch.setenv(CLOCK_VARIABLE, str(clock))
    settings = {"submit_time_ms": 500}
    with NodeProcess(tmp_path / "shared", settings, COMMAND) as node, node.client() as client:
        send(client, sign(genesis, create_things()))
        clock.write_text(str(-HOUR_S))
        transaction = sign(genesis, add(1))
        answer = send(client, transaction)
        assert (answer.status_code, answer.json()["code"]) == (504, "unknown-yet")
        assert "clock" in health(client)[1]
        clock.write_text("0")
        until = time.monotonic() + 30
        while (answer := send(client, transaction)).status_code != 201 and time.monotonic() < until:
            time.sleep(0.2)
        assert (answer.status_code, answer.json()["height"]) == (201, 2)
        assert health(client)[0] == 200
