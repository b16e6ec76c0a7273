"""A refusal of a receipt in the words of the application that declares it.

Invariant: a receipt holds numbers and fields; the words are made where they are read.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from comity.client.transport import Explanation
from comity.model.receipt import Receipt

if TYPE_CHECKING:
    from comity.sdk.declaration import Declaration


def explain(apps: "Mapping[str, Declaration]", receipt: Receipt) -> Explanation:
    """Return what a refusal says, given the applications of its ledger."""
    refusal = _refusal_of(apps, receipt)
    if refusal is None:
        name = f"refused by {receipt.app or 'comity'} with number {receipt.code}"
        return Explanation(
            app=receipt.app, number=receipt.code, name=f"Number{receipt.code}",
            sentence=f"This program does not know what it means: {name}.", fix="",
            fields=receipt.fields,
        )  # fmt: skip
    return Explanation(
        app=receipt.app,
        number=receipt.code,
        name=refusal.__name__,
        sentence=refusal.sentence(),
        fix=refusal.fix,
        fields=receipt.fields,
        accounts=account_fields(refusal),
    )


def account_fields(refusal: Any) -> tuple[str, ...]:
    """Return the names of the fields of a declared refusal that hold accounts."""
    account = import_module("comity.sdk.types").AccountId
    holds = import_module("typing").get_args
    hints = refusal.field_types.items()
    return tuple(name for name, hint in hints if account in (hint, *holds(hint)))


def _refusal_of(apps: "Mapping[str, Declaration]", receipt: Receipt) -> Any:
    standard = import_module("comity.sdk.standard")
    if receipt.app == standard.MACHINE:
        return next((one for one in standard.STANDARD if one.code == receipt.code), None)
    app = apps.get(receipt.app)
    return None if app is None else app.refusals.get(receipt.code)
