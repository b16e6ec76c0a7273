"""Whatever byte of a ledger file changes: ``audit`` names it, SQLite cannot read it, or no row of any table changed."""

from pathlib import Path
from random import Random

import pytest

from tests.unit.machine.damage import audit_file, contents, write_ledger

FLIPS = 2_000
CHUNK = 100


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, FLIPS, CHUNK))
def test_every_flipped_byte_is_named_or_changes_no_row(first: int, tmp_path: Path) -> None:
    """2,000 seeds, every second where the file is not blank, half of them a single bit: an audit never crashes."""
    path = tmp_path / "node.sqlite"
    world = write_ledger(path)
    original = contents(path)
    data = path.read_bytes()
    written = [at for at, byte in enumerate(data) if byte]
    assert audit_file(path, world).is_clean
    named = 0
    for seed in range(first, first + CHUNK):
        random = Random(seed)
        at = random.choice(written) if seed % 2 else random.randrange(len(data))
        change = 1 << random.randrange(8) if seed % 4 < 2 else random.randrange(1, 256)
        path.write_bytes(data[:at] + bytes((data[at] ^ change,)) + data[at + 1 :])
        for suffix in ("-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        if audit_file(path, world).is_clean:
            assert contents(path) == original, f"seed {seed}, byte {at}: a row, and no finding"
        else:
            named += 1
    assert named > CHUNK // 5
