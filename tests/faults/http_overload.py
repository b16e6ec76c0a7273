"""Three times as much as a node takes in."""

from pathlib import Path
from typing import Any

from comity.limits import IN_FLIGHT_TRANSACTIONS
from tests.faults.http_scene import (
    GROWTH_KIB_MAX,
    ROWS_APART,
    Memory,
    a_node,
    start_writers,
    told_by,
)

BATCH = 32


def overload(folder: Path, seconds: float) -> dict[str, Any]:
    """Saturate a node, then send three times as much as it takes in, again at once whenever it says wait.

    Its memory is bounded, the only answers are "final" and "busy", and blocks hold at least half as much as before.
    """
    with a_node(folder) as (node, _, _), Memory(node) as memory:
        saturating = IN_FLIGHT_TRANSACTIONS // BATCH
        before = told_by(start_writers(node, folder, saturating, BATCH, seconds))
        after = told_by(
            start_writers(node, folder, 3 * saturating, BATCH, seconds, first=ROWS_APART)
        )
        with node.client() as client:
            assert client.get("/v1/health").status_code == 200
            count = client.get("/v1/sql?q=SELECT count(*) FROM things").json()["rows"][0][0]
    assert count >= before["final"] + after["final"]
    assert set(before["statuses"]) <= {"201"}
    assert set(after["statuses"]) <= {"201", "503"}
    assert set(after["codes"]) == {"busy"}
    assert after["final"] >= before["final"] / 2
    assert memory.growth_kib < GROWTH_KIB_MAX, memory.told()
    return {
        "saturated_per_s": round(before["final"] / seconds),
        "overloaded_per_s": round(after["final"] / seconds),
        "busy": after["statuses"].get("503", 0),
        "slowest_s": after["slowest_s"],
        **memory.told(),
    }
