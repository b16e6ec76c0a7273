"""What is generated from docstrings."""

import pytest

from comity.sdk.docstring import arguments_of, description_of, raises_of, summary_of

FULL = """Sell ``one`` seat. Only while
    seats are left.

    It never sells two.

    Args:
        seat, row: where it is,
            counted from 1
        price_cents: what it costs
    Returns: the ticket.
    Raises:
        RowNotFound: no such seat, or row
        SeatTaken: somebody. Was faster
    """


def test_the_parts_of_a_full_docstring() -> None:
    """Sentence, paragraphs, arguments and refusals are told apart."""
    assert summary_of(FULL) == "Sell `one` seat."
    assert description_of(FULL) == "Only while seats are left.\n\nIt never sells two."
    assert arguments_of(FULL) == {
        "seat": "where it is, counted from 1",
        "row": "where it is, counted from 1",
        "price_cents": "what it costs",
    }
    assert raises_of(FULL) == ("RowNotFound", "SeatTaken")


@pytest.mark.parametrize("doc", [None, "", "   \n  "])
def test_no_docstring_says_nothing(doc: str | None) -> None:
    """``python -OO`` removes docstrings; everything generated is then empty, not wrong."""
    assert summary_of(doc) == description_of(doc) == ""
    assert arguments_of(doc) == {}
    assert raises_of(doc) == ()


@pytest.mark.parametrize(
    ("doc", "names"),
    [
        ("Open. Raises: RowExists.", ("RowExists",)),
        (
            "Open.\n\nRaises: RowNotFound, BadArgument,\nNotAuthorized.",
            ("RowNotFound", "BadArgument", "NotAuthorized"),
        ),
        ("Open. Raises: RowExists when taken; BadRow, sometimes. More.", ("RowExists", "BadRow")),
        ("Open. Raises: RowExists, RowExists.", ("RowExists",)),
        ("It Raises:nothing.", ()),
        ("Open. Raises: nothing.", ()),
    ],
)
def test_refusals_are_found_in_a_line(doc: str, names: tuple[str, ...]) -> None:
    """Names follow ``Raises:`` in order, with or without their reasons, each once."""
    assert raises_of(doc) == names


def test_a_sentence_ends_with_one_full_stop() -> None:
    """The sentence reads the same whether its author ended it or not."""
    assert summary_of("Pay") == summary_of("Pay.") == "Pay."
