"""A type checker understands applications: the tutorial's app passes, and each planted slip is told."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TAB = ROOT / "tests/unit/sdk/tab.py"
SLIPS = '''"""Slips that a type checker must tell; the number is the line."""
from tests.unit.sdk.tab import CreditExceeded, Member, app
from comity.sdk import Context, Name, Reader, replace
ana = Member(name="ana", owner=b"")
Member("ana", b"")
Member(name="ana")
Member(name="ana", owner="cm1")
Member(name="ana", owner=b"", balance=1)
ana.balance_cents = 1
CreditExceeded()
CreditExceeded(balance_cents="much")
@app.view
def see(db: Reader) -> None:
    db.put(ana)
    db.select(Member)
@app.action
def act(ctx: Context, name: Name) -> str:
    ctx.sender = b""
    return ctx.db.get(Member, name).balance_cents
see(1)
act(name=1)
replace(1, a=2)
@app.action(opn=True)
def late(ctx: Context) -> None: ...
@app.table
class Other(Member): ...
'''
LINES = [5, 6, 7, 8, 9, 10, 11, 14, 15, 18, 19, 20, 21, 22, 23, 25, 26]


@pytest.mark.slow
def test_the_tab_passes_and_each_slip_is_told(tmp_path: Path) -> None:
    """``mypy --strict`` accepts the tutorial's application as it stands, and finds what is wrong beside it."""
    slips = tmp_path / "slips.py"
    slips.write_text(SLIPS)
    command = [sys.executable, "-m", "mypy", "--strict", "--show-error-codes", str(TAB), str(slips)]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    told = [line for line in done.stdout.split("\n") if ": error:" in line]
    assert [line for line in told if "slips.py" not in line] == []
    lines = sorted({int(line.partition("slips.py:")[2].partition(":")[0]) for line in told})
    assert lines == LINES, done.stdout
