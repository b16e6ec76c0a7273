"""What an audit found, as data.

Invariant: an audit that could not check something says so; ``is_clean`` means that everything it could check agrees.
"""

import msgspec

from comity.limits import AUDIT_FINDINGS_MAX


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as the ledger's history made it.

    Args:
        kind: stable word: ``sqlite``, ``header``, ``schema``, ``link``, ``transaction``, ``receipt``, ``app-hash``,
            ``log``, ``evidence``, ``row``, ``page``, ``checkpoint``.
        message: what and where, in words.
        table, key, height, position: where, as far as it applies; of several rows, their first and last key and the
            height of the newest.
    """

    kind: str
    message: str
    table: str = ""
    key: str = ""
    height: int | None = None
    position: int | None = None


class Report(msgspec.Struct, kw_only=True):
    """The outcome of an audit.

    Args:
        findings: at most ``AUDIT_FINDINGS_MAX``; ``findings_count`` counts all.
        replayed_height: last height that was replayed.
        not_excluded: what this audit could not rule out, in words.
    """

    chain_id: str
    height: int = -1
    replayed_height: int = -1
    app_hash: bytes = b""
    transactions_count: int = 0
    signatures_count: int = 0
    rows_count: int = 0
    findings: list[Finding] = msgspec.field(default_factory=list)
    findings_count: int = 0
    not_excluded: list[str] = msgspec.field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Tell whether nothing was found."""
        return self.findings_count == 0

    def add(self, finding: Finding) -> None:
        """Note a finding; beyond the bound it is counted only."""
        self.findings_count += 1
        if len(self.findings) < AUDIT_FINDINGS_MAX:
            self.findings.append(finding)
