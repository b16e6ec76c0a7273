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
    """Saturate a node, then send three times as much as it then made final.

    Its memory is bounded, the only answers are "final" and "busy", and it makes at least half as much final as before,
    although the other two thirds are read and refused beside.
    """
    with a_node(folder) as (node, _, _), Memory(node) as memory:
        saturating = IN_FLIGHT_TRANSACTIONS // BATCH
        before = told_by(start_writers(node, folder, saturating, BATCH, seconds))
        every_s = saturating * BATCH * seconds / before["final"]
        many = start_writers(
            node, folder, 3 * saturating, BATCH, seconds, first=ROWS_APART, every_s=every_s
        )
        after = told_by(many)
        with node.client() as client:
            assert client.get("/v1/health").status_code == 200
            count = client.get("/v1/sql?q=SELECT count(*) FROM things").json()["rows"][0][0]
    figures = {
        "saturated_per_s": round(before["final"] / seconds),
        "overloaded_per_s": round(after["final"] / seconds),
        "offered_per_s": round(sum(after["statuses"].values()) * BATCH / seconds),
        "busy": after["statuses"].get("503", 0),
        "slowest_s": after["slowest_s"],
        **memory.told(),
    }
    assert count >= before["final"] + after["final"]
    assert set(before["statuses"]) <= {"201"}
    assert set(after["statuses"]) <= {"201", "503"}
    assert set(after["codes"]) == {"busy"}
    assert after["final"] >= before["final"] / 2, figures
    assert memory.growth_kib < GROWTH_KIB_MAX, figures
    return figures
