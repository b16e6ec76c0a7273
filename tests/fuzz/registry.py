"""All targets by name, in the order in which they run."""

from collections.abc import Mapping

from tests.fuzz import encodings, entries, files, proofs
from tests.fuzz.target import Target

TARGETS: Mapping[str, Target] = {
    target.name: target
    for target in (*encodings.TARGETS, *entries.TARGETS, *proofs.TARGETS, *files.TARGETS)
}
