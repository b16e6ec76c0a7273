"""The page of an application, generated."""

from typing import Annotated, Literal

import pytest

from comity.sdk import (
    Amount,
    App,
    Bytes,
    Context,
    Count,
    Decimal,
    Document,
    Flag,
    Hash,
    Integer,
    Many,
    Name,
    Record,
    Row,
    SignedAmount,
    Value,
)
from comity.sdk.describe import page_of, shape_words
from comity.sdk.shape import shape_of
from tests.unit.sdk import tab


def test_the_page_of_the_tab_says_all_that_it_declares() -> None:
    """Tables, columns, actions with arguments and refusals, views and invariants stand on the page."""
    page = page_of(tab.app.declaration)
    for line in (
        "# tab",
        f"Version 1, declarations `{tab.app.declaration.schema_hash.hex()}`.",
        "## Table `tab__member`",
        "One row per member: added by `join`, never deleted.",
        "| `name` | text, 1 to 120 characters | key |",
        "- Key: name. History: all.",
        "## Actions",
        "### `tab.pay`",
        "- `amount_cents`: integer, from 1",
        "- returns a `Member`",
        "## Views",
        "- `limit`: integer, 1 to 1000 (default `50`)",
        "- `is_balanced`: No payment makes or loses money: all balances sum to zero.",
    ):
        assert line in page.split("\n"), line
    assert (
        "| 1 | `CreditExceeded` | The payment would take the payer past `CREDIT_LIMIT_CENTS`. |"
        in page
    )
    refusals = (
        "`RowNotFound` (comity 1)",
        "`BadArgument` (comity 12)",
        "`NotAuthorized` (comity 13)",
    )
    assert f"- refuses with {', '.join(refusals)}, `CreditExceeded` (tab 1)" in page
    assert "Timers" not in page


def test_everything_that_can_be_declared_is_shown() -> None:
    """Grants, open actions, timers, indexes, histories, columns that may be empty, and descriptions."""
    app = App("library", version=2, grants=("schema",))

    @app.table(key="isbn", unique=("shelf",), history=9)
    class Book(Row):
        """A book. It may be lent.

        Books are never sold.
        """

        isbn: Name
        shelf: Name | None = None

    @app.action(open=True)
    def lend(ctx: Context, isbn: Name = "x") -> None:
        """Lend a book.

        Only one at a time.

        Args:
            isbn: number on the cover

        """

    @app.timer
    def remind(ctx: Context) -> None:
        """Remind the reader."""

    lines = page_of(app.declaration).split("\n")
    for line in (
        "Its genesis must grant it: schema.",
        "It may be lent.",
        "Books are never sold.",
        "| `shelf` | text, 1 to 120 characters | may be empty |",
        "- Index `shelf`: shelf, unique.",
        "- Key: isbn. History: 9 heights.",
        "Open: an account that is no member yet may call it.",
        "Only one at a time.",
        "- `isbn`: text, 1 to 120 characters (default `x`); number on the cover",
        "- returns nothing",
        "## Timers",
        "### `library.remind`",
    ):
        assert line in lines, line
    assert "## Views" not in lines
    assert "## Refusals" not in lines


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (Amount, "integer, from 1"),
        (SignedAmount, "integer"),
        (Annotated[int, Integer(-(1 << 63), 5)], "integer, up to 5"),
        (Count | None, "integer, 1 to 1000, or nothing"),
        (Hash, "32 bytes"),
        (Annotated[bytes, Bytes(9)], "bytes, 0 to 9"),
        (Annotated[int, Decimal(2)], "decimal with 2 digits after the point"),
        (Flag, "boolean"),
        (Literal["open", "shut"], "one of `open`, `shut`"),
        (Annotated[list[Name], Many(3)], "list of at most 3: text, 1 to 120 characters"),
        (tab.Member, "a `Member`"),
        (Value, "any scalar"),
        (Record, "values by name"),
        (Document, "a document"),
    ],
)
def test_types_in_words(annotation: object, words: str) -> None:
    """A reader learns the bound without knowing Python."""
    assert shape_words(shape_of(annotation, "")) == words
