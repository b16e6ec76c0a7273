"""Receipts of refusals in words."""

from comity.sdk import RowExists
from comity.sdk.registry import RefusalRegistry
from tests.unit.sdk import tab

REGISTRY = RefusalRegistry([tab.app.declaration])


def test_a_refusal_is_found_by_its_application_and_number() -> None:
    """The machine's refusals are there always, an application's when it is installed."""
    assert REGISTRY.find("comity", 2) is RowExists
    assert REGISTRY.find("tab", 1) is tab.CreditExceeded
    assert REGISTRY.find("tab", 2) is None
    assert RefusalRegistry([]).find("tab", 1) is None


def test_a_receipt_is_told_in_words() -> None:
    """What is true, the fields, what to do, and whether trying again helps."""
    assert REGISTRY.to_words("comity", 2, {"table": "tab__member", "key": "ana"}) == (
        "A row with this key is there already (table: tab__member, key: ana). "
        "Choose another key, or change the row that is there."
    )
    assert REGISTRY.to_words("tab", 1, {"balance_cents": -5}) == (
        "The payment would take the payer past `CREDIT_LIMIT_CENTS` (balance_cents: -5). "
        "Trying again later may succeed."
    )


def test_a_number_that_nobody_declares_is_told_too() -> None:
    """A receipt of an app that is not installed shows its data and how to read it."""
    words = REGISTRY.to_words("shop", 7, {"left": 1})
    assert words == "Refused by shop with number 7 (left: 1); install the app to read why."
