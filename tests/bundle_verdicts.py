"""What the two verifiers say of a bundle, who must always say the same."""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from comity.client.verify import verify
from comity.errors import ProofInvalid

STAND_ALONE = Path(__file__).parents[1] / "verifier/comity_verify.py"

sys.path.append(str(STAND_ALONE.parent))
stand_alone: Any = import_module("comity_verify")  # no package, so that it can be copied alone


def ours(data: bytes, genesis_hash: bytes | None = None, held: bytes | None = None) -> str | None:
    """Return what Comity's verifier says as JSON, or None when it refuses."""
    try:
        verdict = verify(data, genesis_hash=genesis_hash, checkpoint=held)
    except ProofInvalid:
        return None
    verdict.to_lines(verdict.time_ns)  # words must not fail either
    return _json(json.loads(verdict.to_json()))


def theirs(data: bytes, genesis_hash: bytes | None = None, held: bytes | None = None) -> str | None:
    """Return the same of the stand-alone verifier."""
    try:
        said = stand_alone.verify(data, genesis_hash, held)
    except stand_alone.Invalid:
        return None
    return _json(said)


def both(data: bytes, genesis_hash: bytes | None = None, held: bytes | None = None) -> Any:
    """Return what both verifiers say of a bundle, or None when both refuse it; they must agree."""
    one, other = ours(data, genesis_hash, held), theirs(data, genesis_hash, held)
    assert one == other, f"Comity says {one}, the stand-alone verifier {other}"
    return None if one is None else json.loads(one)


def _json(value: Any) -> str:
    return json.dumps(value, default=bytes.hex, sort_keys=True)
