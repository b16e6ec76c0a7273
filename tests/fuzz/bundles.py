"""Target: bundles, read by Comity and by the stand-alone verifier, which share no code.

Besides the form: both give the same verdict, and damage is refused or changes nothing that a bundle says (P25).
"""

import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from comity.client.verdict import ProvedRows, Verdict
from comity.client.verify import verify
from comity.errors import ProofInvalid
from comity.model.bundle import Bundle, seal
from tests.fuzz.target import CORPUS, BrokenPromise, Target

sys.path.append(str(Path(__file__).parents[2] / "verifier"))
import comity_verify  # type: ignore[import-not-found]  # on the path since the line above

_FOLDER = CORPUS / "bundle"


def _ours(data: bytes) -> Verdict | None:
    with suppress(ProofInvalid):
        return verify(data)
    return None


def _is_valid_to_the_other(data: bytes) -> bool:
    with suppress(comity_verify.Invalid):
        comity_verify.verify(data)
        return True
    return False


@cache
def _genuine() -> list[Verdict]:
    """Return the verdicts of the bundles that a node made."""
    return [verify(data) for data in _valid()]


def _is_true(verdict: Verdict) -> bool:
    """Tell whether a node could have said it: damage may turn a claim into another true one."""
    if _head(verdict) not in map(_head, _genuine()):
        return False
    claims = [known.claim for known in _genuine() if known.height == verdict.height]
    claim = verdict.claim
    if not isinstance(claim, ProvedRows):
        return claim in claims
    shown = [known for known in claims if isinstance(known, ProvedRows)]
    table = max(
        shown, key=lambda known: len(known.rows)
    ).rows  # one bundle of each height has it whole
    low, high = claim.low, claim.high
    rows = [row for row in table if low <= row.key[: len(low)] and row.key[: len(high)] <= high]
    writers = [None, *(known.writer for known in shown)]
    return claim.table == shown[0].table and list(claim.rows) == rows and claim.writer in writers


def _head(verdict: Verdict) -> tuple[Any, ...]:
    return verdict.genesis_hash, verdict.height, verdict.app_hash, verdict.time_ns


def _valid() -> list[bytes]:
    return [path.read_bytes() for path in sorted(_FOLDER.iterdir()) if path.name.isalpha()]


def _bundle(data: bytes) -> Bundle:
    verdict = _ours(data)
    if (verdict is None) == _is_valid_to_the_other(data):
        raise BrokenPromise(f"bundle: the verifiers disagree; ours says {verdict!a:.300}")
    if verdict is not None and not _is_true(verdict):
        raise BrokenPromise(f"bundle: something that no node said was believed: {verdict!a:.300}")
    return Bundle.decode(data)


TARGETS = (
    Target(
        name="bundle",
        decode=_bundle,
        encode=Bundle.encode,
        valid=_valid,
        covers=("comity.model.bundle.Bundle.decode", "comity.client.verify.verify"),
        mend=seal,
    ),
)
