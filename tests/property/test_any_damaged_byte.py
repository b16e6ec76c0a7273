"""Whatever byte of a ledger file changes: ``audit`` names it, SQLite cannot read it, or no row of any table changed."""

from pathlib import Path
from random import Random

import pytest

from tests.unit.machine.damage import audit_file, contents, write_ledger

FLIPS = 2_000
CHUNK = 100


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(FLIPS // CHUNK))
def test_every_flipped_bit_is_named_or_changes_no_row(seed: int, tmp_path: Path) -> None:
    """2,000 seeded flips, half of them where the file is not blank; an audit never crashes."""
    path = tmp_path / "node.sqlite"
    world = write_ledger(path)
    original = contents(path)
    data = path.read_bytes()
    written = [at for at, byte in enumerate(data) if byte]
    random = Random(seed)
    assert audit_file(path, world).is_clean
    named = 0
    for turn in range(CHUNK):
        at = random.choice(written) if turn % 2 else random.randrange(len(data))
        flipped = bytes((data[at] ^ 1 << random.randrange(8),))
        path.write_bytes(data[:at] + flipped + data[at + 1 :])
        for suffix in ("-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        if audit_file(path, world).is_clean:
            assert contents(path) == original, f"byte {at} changed a row, and no finding names it"
        else:
            named += 1
    assert named > CHUNK // 5
