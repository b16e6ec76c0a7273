"""Refusals: how a rule says no, as data with a number.

Invariant: what a refusal says is its application, its number and its typed, bounded fields; words
are made from them at the edge and never enter a receipt.
"""

from collections.abc import Mapping
from types import NoneType
from typing import Any, ClassVar, dataclass_transform, get_args, get_origin, get_type_hints

from comity import errors
from comity.errors import BadDeclaration, Field
from comity.limits import ACCOUNT_ID_BYTES, REFUSAL_CODE_MAX, REFUSAL_TEXT_MAX
from comity.model import account
from comity.sdk.docstring import summary_of
from comity.sdk.types import AccountId

_NO_DEFAULT: Any = object()
_SCALARS = (int, str, bytes, bool, NoneType)
_NUMBER_MAX = (1 << 64) - 1  # what an integer of a receipt holds (CBOR, RFC 8949, section 3.1)


@dataclass_transform(kw_only_default=True)
class Refusal(errors.Refusal):
    """A deterministic "no": subclass it with a number, give it fields, and raise it.

    ``class CreditExceeded(Refusal, code=1): balance_cents: int``, then
    ``raise CreditExceeded(balance_cents=left)``. Its docstring's first sentence says what is true.

    Args:
        code: number within the application, 1 to 9,999, never used again (see ``errors.lock``).
        transient: trying again later, unchanged, may succeed.
        fix: sentence that tells what to do, and who can do it.
        app: application that the number belongs to; by default the one that uses the class.

    """

    fix: ClassVar[str] = ""
    field_types: ClassVar[Mapping[str, object]] = {}
    _defaults: ClassVar[Mapping[str, Field]] = {}

    def __init_subclass__(
        cls, *, code: int, transient: bool = False, fix: str = "", app: str = ""
    ) -> None:
        """Number the refusal and note its fields. Raises: BadDeclaration."""
        super().__init_subclass__()
        if type(code) is not int or not 0 <= code <= REFUSAL_CODE_MAX:
            raise BadDeclaration(f"refusal {cls.__name__}: code must be 1 to {REFUSAL_CODE_MAX}")
        cls.code, cls.transient, cls.fix = code, transient, fix
        cls.app = app or cls.app
        cls.field_types = _field_types(cls)
        cls._defaults = {name: getattr(cls, name, _NO_DEFAULT) for name in cls.field_types}

    def __init__(self, **fields: Field) -> None:
        # Guards build a refusal on every call, mostly for nothing: what a receipt needs comes later.
        if fields.keys() != self._defaults.keys():
            fields = self._completed(fields)
        for value in fields.values():
            if type(value) not in _SCALARS:
                raise TypeError(f"a field of a refusal is a scalar, not {type(value).__name__}")
        self.__dict__.update(fields)

    def __str__(self) -> str:
        return self.to_words(self.to_fields())

    def to_fields(self) -> Mapping[str, Field]:
        """Return the refusal's typed fields by name, in declaration order, as a receipt holds them."""
        return {name: _bounded(self.__dict__[name]) for name in self._defaults}

    @classmethod
    def _completed(cls, fields: dict[str, Field]) -> dict[str, Field]:
        """Return ``fields`` with the defaults of those left out. Raises: TypeError."""
        completed = {**cls._defaults, **fields}
        if len(completed) != len(cls._defaults):
            raise TypeError(f"{cls.__name__} has no field {list(completed)[-1]!r}")
        for name, value in completed.items():
            if value is _NO_DEFAULT:
                raise TypeError(f"{cls.__name__} needs its field {name!r}")
        return completed

    @classmethod
    def sentence(cls) -> str:
        """Return what is true when this is raised: the first sentence of the docstring."""
        return summary_of(cls.__doc__) or f"{cls.__name__}."

    @classmethod
    def to_words(cls, fields: Mapping[str, Field]) -> str:
        """Return the sentence with the fields of a receipt, for people to read."""
        given = {name: value for name, value in fields.items() if value != ""}
        shown = [f"{name}: {cls._word(name, value)}" for name, value in given.items()]
        return f"{cls.sentence()[:-1]} ({', '.join(shown)})." if shown else cls.sentence()

    @classmethod
    def _word(cls, name: str, value: Field) -> str:
        if isinstance(value, bytes):
            hint = cls.field_types.get(name)
            is_account = AccountId in (hint, *get_args(hint)) and len(value) == ACCOUNT_ID_BYTES
            return account.to_text(value) if is_account else value.hex()
        return "none" if value is None else str(value)


def require(condition: bool, refusal: Refusal) -> None:
    """Refuse the transaction with ``refusal`` unless ``condition`` holds."""
    if not condition:
        raise refusal


def _bounded(value: Field) -> Field:
    """Return ``value`` within a receipt's bounds: text is cut, a number too large is the bound."""
    if type(value) is int:
        return min(max(value, -_NUMBER_MAX), _NUMBER_MAX)
    if type(value) is str:
        return value[:REFUSAL_TEXT_MAX].encode("utf-8", "replace").decode()  # no lone surrogates
    if type(value) is bytes:
        return value[:REFUSAL_TEXT_MAX]
    return value


def _field_types(cls: type[Refusal]) -> dict[str, object]:
    """Return the annotation of each field, in declaration order."""
    try:
        hints = get_type_hints(cls, include_extras=True)
    except NameError as error:
        raise BadDeclaration(f"refusal {cls.__name__}: {error}") from error
    fields = {name: hint for name, hint in hints.items() if get_origin(hint) is not ClassVar}
    for name in fields:
        if hasattr(Refusal, name):
            raise BadDeclaration(
                f"refusal {cls.__name__}: every refusal has {name!r} already; name the field apart"
            )
    return fields
