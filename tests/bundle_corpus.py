"""Writes tests/vectors/bundles: bundles of each kind, good and damaged, and what a reader has to say of each.

    .venv/bin/python -m tests.bundle_corpus

``verdicts.json`` has the verdict of each file without an anchor, or null where it must be refused. Another
implementation of docs/audit/bundles.md is right when it says the same of every file.
"""

import json
from pathlib import Path

import msgspec

from comity.model.bundle import Bundle, RowsClaim, seal
from tests.bundle_forger import Forger, key, row
from tests.bundle_ledger import good_bundles, made
from tests.bundle_verdicts import both

FOLDER = Path(__file__).parent / "vectors/bundles"
_replace = msgspec.structs.replace


def damaged_bundles() -> dict[str, bytes]:
    """Return bundles that prove nothing, by what is wrong with them; each but the first has its right digest."""
    data = good_bundles()["row"]
    whole = Bundle.decode(data)
    ranged = Bundle.decode(good_bundles()["range-prefix"])
    claim = ranged.claim
    assert isinstance(claim, RowsClaim)
    path = whole.encode().index(whole.state.evidence) + len(whole.state.evidence) - 1
    rows = {key(1): row(0, 1, "a"), key(2): row(0, 2, None)}
    return {
        "damaged-digest": data[:-1] + bytes((data[-1] ^ 1,)),
        "damaged-signature": seal(data[:path] + bytes((data[path] ^ 1,)) + data[path + 1 :]),
        "damaged-cut": seal(data[: len(data) // 2]),
        "damaged-deep": seal(b"\x81" * 5_000 + b"\x0a\x58\x20" + bytes(32)),
        "damaged-long": seal(b"\xaa\x01\x01\x02\x9b" + b"\x7f" * 8 + b"\x0a\x58\x20" + bytes(32)),
        "damaged-row-left-out": _replace(
            ranged, claim=_replace(claim, rows=claim.rows[:1])
        ).encode(),
        "damaged-range-widened": _replace(ranged, claim=_replace(claim, low=(-9,))).encode(),
        "damaged-null-at-end": Forger(rows).bundle(),
        "damaged-other-height": _replace(
            whole, state=_replace(whole.state, height=whole.state.height + 1)
        ).encode(),
    }


def corpus() -> dict[str, bytes]:
    """Return all files by name."""
    return {**good_bundles(), **damaged_bundles()}


def main() -> None:
    """Write the corpus anew."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    for name, data in corpus().items():
        (FOLDER / f"{name}.cbor").write_bytes(data)
    (FOLDER / "genesis.cbor").write_bytes(made()[0].genesis.encode())
    (FOLDER / "held.checkpoint").write_bytes(made()[0].checkpoint())
    verdicts = {name: both(data) for name, data in sorted(corpus().items())}
    text = json.dumps(verdicts, indent=1, sort_keys=True)
    (FOLDER / "verdicts.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
