"""All targets by name, in the order in which they run."""

from collections.abc import Mapping

from tests.fuzz import bundles, encodings, entries, files, pages, proofs
from tests.fuzz.target import Target

TARGETS: Mapping[str, Target] = {
    target.name: target
    for module in (encodings, entries, proofs, bundles, files, pages)
    for target in module.TARGETS
}
