"""A type checker understands tests of applications: calls are checked against the actions, results have their types."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SLIPS = '''"""Slips that a type checker must tell; those lines end in a mark."""
from comity.sdk import RowExists
from comity.testing import Ledger, call
from tests.unit.sdk.tab import CreditExceeded, Member, app, debtors, join, pay
ledger = Ledger(app)
row: Member = ledger.run(pay, by="ana", source="ana", target="bo", amount_cents=1)
rows: list[Member] = ledger.view(debtors, limit=5)
all_rows: list[Member] = ledger.rows(Member)
found: Member | None = ledger.find(Member, "ana")
left: int = ledger.refuses(CreditExceeded, pay, "ana", "ana", "bo", 1).balance_cents
planned = call(pay, source="ana", target="bo", amount_cents=1)
ledger.block([("ana", planned), ("bo", [planned, planned]), b"bytes"])
ledger.run(pay, by="ana", source="ana", target="bo")  # slip
ledger.run(pay, by="ana", source="ana", target="bo", amount_cents="1")  # slip
ledger.run(pay, by="ana", source="ana", target="bo", amount=1)  # slip
ledger.run(pay, source="ana", target="bo", amount_cents=1)  # slip
ledger.run(debtors, by="ana", limit=1)  # slip
ledger.view(join, name="ana")  # slip
ledger.view(debtors, limit="5")  # slip
text: str = ledger.run(join, by="ana", name="ana")  # slip
ledger.refuses(Member, join, by="ana", name="ana")  # slip
ledger.refuses(RowExists, join, by="ana", name="ana").balance_cents  # slip
ledger.rows(app)  # slip
call(pay, "ana", "bo")  # slip
ledger.block([join])  # slip
ledger.advance("1")  # slip
'''


@pytest.mark.slow
def test_each_slip_is_told_and_nothing_else(tmp_path: Path) -> None:
    """``mypy --strict`` finds each wrong call, and accepts each right one."""
    slips = tmp_path / "slips.py"
    slips.write_text(SLIPS, "utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", str(slips)]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    told = [line for line in done.stdout.split("\n") if ": error:" in line]
    assert [line for line in told if "slips.py" not in line] == []
    found = {int(line.partition("slips.py:")[2].partition(":")[0]) for line in told}
    wanted = {at for at, line in enumerate(SLIPS.split("\n"), 1) if line.endswith("# slip")}
    assert len(wanted) == 14
    assert found == wanted, done.stdout
