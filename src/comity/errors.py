"""The taxonomy of what can go wrong, so that every edge answers each kind in one way.

Invariant: a ``Refusal`` is replicated data; everything else here never reaches a hashed byte.
"""

from collections.abc import Mapping
from typing import ClassVar

Field = int | str | bytes | bool | None


class ComityError(Exception):
    """Base of every error that Comity raises on purpose."""


class Malformed(ComityError):
    """Bytes or text from outside are not the one encoding of anything; says what and where."""


class Rejected(ComityError):
    """A transaction was never ordered: encoding, ledger, expiry, duplicate, signature, membership or quota.

    Args:
        code: stable word in kebab case, such as ``expired`` (``docs/reference/errors.md`` lists them).
        message: what, where, and what to do.

    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class BlockRejected(ComityError):
    """A proposed block breaks a rule that every node checks (consensus rules R3.2 to R3.4)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class QueryError(ComityError):
    """A read is wrong or costs more than a named limit allows.

    Args:
        code: stable word, such as ``too-costly`` or ``syntax``.
        limit: name of the limit that ended the read, or None.

    """

    def __init__(self, code: str, message: str, limit: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.limit = limit


class ConfigError(ComityError):
    """A file, key, flag or folder is not as it must be; names all problems at once."""


class BadDeclaration(ComityError):
    """An application declares or does what it may not; says where, and what to write instead."""


class Unavailable(ComityError):
    """The ledger cannot answer now: it is locked by another process, out of disk, or busy.

    Args:
        code: stable word, such as ``busy``.

    """

    def __init__(self, message: str, code: str = "unavailable") -> None:
        super().__init__(message)
        self.code = code


class ProofInvalid(ComityError):
    """What was shown does not verify; nothing of it may be believed."""


class InvariantViolated(ComityError):
    """A bug or a corrupt disk: the node stops and nobody catches this."""


class Refusal(ComityError):
    """A deterministic "no" of a rule: an application, a number and typed fields; state stays unchanged.

    Applications subclass the ``Refusal`` of ``comity.sdk``, which declares numbers and fields.
    """

    app: ClassVar[str] = ""
    code: ClassVar[int] = 0
    transient: ClassVar[bool] = False

    def to_fields(self) -> Mapping[str, Field]:
        """Return the refusal's typed fields by name, in declaration order."""
        return {}
