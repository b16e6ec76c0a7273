"""Refusals as data and as words."""

import pytest

from comity.errors import BadDeclaration
from comity.errors import Refusal as AnyRefusal
from comity.limits import REFUSAL_TEXT_MAX
from comity.sdk import AccountId, BadArgument, NotAuthorized, Refusal, RowNotFound, require
from comity.sdk.standard import MACHINE, STANDARD
from tests.unit.sdk.tab import CreditExceeded, app


class Full(Refusal, code=7, app="hall", fix="Come tomorrow."):
    """Every ``seat`` is taken. Nothing is left."""

    row: int
    by: AccountId | None = None
    note: str = ""


def test_a_refusal_is_a_number_and_fields() -> None:
    """A receipt holds application, number and fields in the order declared, defaults included."""
    refusal = Full(note="x", row=3)
    assert isinstance(refusal, AnyRefusal)
    assert (refusal.app, refusal.code, refusal.transient) == ("hall", 7, False)
    assert list(refusal.to_fields().items()) == [("row", 3), ("by", None), ("note", "x")]
    assert (refusal.row, refusal.note) == (3, "x")


def test_the_application_of_a_refusal_is_the_app_that_uses_it() -> None:
    """An author writes the number alone; the app's name comes from its declaration."""
    assert app.declaration.refusals == {1: CreditExceeded}
    refusal = CreditExceeded(balance_cents=-1)
    assert (refusal.app, refusal.code, refusal.transient) == ("tab", 1, True)


def test_words_are_made_of_the_sentence_and_the_fields() -> None:
    """People read the docstring's first sentence and the fields; empty ones are left out."""
    assert Full.sentence() == "Every `seat` is taken."
    assert str(Full(row=3)) == "Every `seat` is taken (row: 3, by: none)."
    account = NotAuthorized(account=bytes(20)).to_fields()
    assert NotAuthorized.to_words(account).startswith(
        "Another account must sign this (account: cm1"
    )
    assert BadArgument.to_words({"argument": "x", "problem": ""}).endswith("(argument: x).")


@pytest.mark.parametrize("fields", [{}, {"row": 1, "seat": 2}])
def test_a_missing_or_foreign_field_is_a_mistake_of_the_code(fields: dict[str, int]) -> None:
    """A refusal with other fields than declared is a fault, never a receipt."""
    with pytest.raises(TypeError, match="field"):
        Full(**fields)  # type: ignore[arg-type]  # wrong on purpose


def test_a_field_is_a_scalar() -> None:
    """Rows, lists and the like are faults of the code."""
    with pytest.raises(TypeError, match="is a scalar, not list"):
        Full(row=[1])  # type: ignore[arg-type]  # wrong on purpose


def test_fields_always_fit_into_a_receipt() -> None:
    """Values that come from a hostile argument are bounded: saying no never becomes a fault (P07)."""
    refusal = Full(row=-(10**30), by=b"x" * 9_999, note="é" * 9_999)
    fields = refusal.to_fields()
    assert fields["row"] == -((1 << 64) - 1)
    assert Full(row=10**30).to_fields()["row"] == (1 << 64) - 1
    assert fields["by"] == b"x" * REFUSAL_TEXT_MAX
    assert fields["note"] == "é" * REFUSAL_TEXT_MAX
    assert Full(row=1, note="a\ud800b").to_fields()["note"] == "a?b"


def test_require_raises_unless_the_condition_holds() -> None:
    """``require`` is the guard that ``python -O`` does not remove."""
    require(True, BadArgument(argument="x"))
    with pytest.raises(BadArgument):
        require(False, BadArgument(argument="x"))


@pytest.mark.parametrize("code", [-1, 10_000, True, 1.5])
def test_a_number_is_within_its_bounds(code: int) -> None:
    """Numbers are 1 to 9,999."""
    with pytest.raises(BadDeclaration, match="code must be"):
        type("Odd", (Refusal,), {"__module__": __name__}, code=code)


@pytest.mark.parametrize("name", ["code", "app", "fix", "args", "transient", "to_fields"])
def test_a_field_cannot_hide_what_every_refusal_has(name: str) -> None:
    """A field called ``code`` would put another number into the receipt."""
    with pytest.raises(BadDeclaration, match="already"):
        type("Odd", (Refusal,), {"__annotations__": {name: int}}, code=1)


def test_a_field_has_a_type_that_can_be_read() -> None:
    """A slip in an annotation is told where the refusal is declared."""
    with pytest.raises(BadDeclaration, match="refusal Odd: name 'itn' is not defined"):
        type("Odd", (Refusal,), {"__annotations__": {"row": "itn"}}, code=1)


def test_every_standard_refusal_has_a_number_a_sentence_and_a_way_out() -> None:
    """What the machine refuses is explained: what is true, and who can do what about it."""
    codes = [refusal.code for refusal in STANDARD]
    assert len(codes) == len(set(codes)) > 30
    for refusal in STANDARD:
        assert refusal.app == MACHINE
        assert refusal.code > 0
        assert refusal.sentence() != f"{refusal.__name__}."
        assert refusal.fix.endswith(".")
    assert RowNotFound in STANDARD
