"""Words of a verdict: people read them, so nothing in them may mislead."""

import msgspec
import pytest

from comity.client.verdict import Cell, ProvedRows, age_text, printable, time_text
from comity.client.verify import verify
from tests.bundle_ledger import ANA, START_NS, good_bundles, made

GENESIS_HASH = made()[0].genesis.hash
SECOND_NS = 10**9


def words(name: str, *, is_anchored: bool = True, later_s: int = 0) -> list[str]:
    """Return the lines about a good bundle, read ``later_s`` seconds after its block."""
    verdict = verify(good_bundles()[name], genesis_hash=GENESIS_HASH if is_anchored else None)
    return verdict.to_lines(verdict.time_ns + later_s * SECOND_NS)


@pytest.mark.parametrize(
    ("name", "beginning"),
    [
        ("row", "valid  shop__item[1, bolt] at block 8, "),
        ("absent", "valid  shop__item[1, cog] is absent at block 8, "),
        ("range", "valid  1 row, all of shop__item from [1, a] to [1, c], at block 8, "),
        ("range-whole", "valid  2 rows, all of suppliers, at block 8, "),
        ("range-empty", "valid  0 rows, all of shop__item from [2] to [9], at block 8, "),
        ("range-past", "valid  3 rows, all of shop__item to [1], at block 1, "),
        ("transaction", "valid  transaction 5d9ba1e3e462"),
        ("consistency", "valid  the log only grew, from 5 entries at block 2 to 17 at block 8, "),
    ],
)
def test_the_first_line_tells_claim_and_block(name: str, beginning: str) -> None:
    """What is proved and at which block stands first; then the ledger, and who signed."""
    first = words(name)[0]
    assert first.startswith(beginning)
    assert f", ledger {made()[0].genesis.chain_id}" in first
    assert first.endswith("; app hash signed by 1 of 1 nodes")


def test_who_changed_a_row_is_told_where_it_is_shown() -> None:
    """By an account in a transaction, by a timer, or not at all."""
    assert ", changed by cm1" in words("row")[0]
    assert " in transaction 5d9ba1e3e462" in words("row")[0]
    assert ", changed by a timer in block 5;" in words("row-timer")[0]
    assert "changed" not in words("row-short")[0]


def test_outcomes_of_transactions_are_told() -> None:
    """Executed, or refused with app and number."""
    assert ", executed, at log position 2 at block 8" in words("transaction")[0]
    assert ", refused by shop with number 1, at log position 4" in words("transaction-refused")[0]


def test_columns_of_one_row_are_listed() -> None:
    """Decimals with their point, accounts as people know them."""
    lines = words("row")
    assert {"  price = 2.50", "  is_open = true", "  note = null"} <= set(lines)
    assert any(line.startswith("  keeper = cm1") for line in lines)
    assert not any(line.startswith("  ") for line in words("range-whole"))


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (Cell("a", "decimal", 2, -5), "-0.05"),
        (Cell("a", "decimal", 3, 1234567), "1234.567"),
        (Cell("a", "decimal", 0, 5), "5"),
        (Cell("a", "decimal", 10, 5), "5"),
        (Cell("a", "decimal", 2, "odd"), "odd"),
        (Cell("a", "bytes", 0, b"\x00\xff"), "00ff"),
        (Cell("a", "account", 0, b"\x00\xff"), "00ff"),
        (Cell("a", "account", 0, "odd"), "odd"),
        (Cell("a", "text", 0, "\x1b[2J\u202e"), "\\u001b[2J\\u202e"),
        (Cell("a", "boolean", 0, False), "false"),
    ],
)
def test_a_value_is_shown_in_printable_characters(cell: Cell, text: str) -> None:
    """Whatever a row holds, it neither steers a terminal nor hides."""
    assert cell.to_text() == text


def test_the_age_of_what_is_shown_is_told() -> None:
    """An old height is not shown as new (fault P26)."""
    ages = {0: "0 s", 119: "119 s", 120: "2 minutes", 7200: "2 hours", 86400 * 400: "400 days"}
    for later_s, age in ages.items():
        assert f"({age} ago)" in words("row-past", later_s=later_s)[0]
    assert "(in your clock's future)" in words("row-past", later_s=-1)[0]
    assert age_text(0) == "0 s ago"
    assert time_text(START_NS) == "2026-11-18T11:06:40Z"


def test_a_verdict_without_an_anchor_says_so() -> None:
    """The first word tells, and the last line what to compare."""
    lines = words("row", is_anchored=False)
    assert lines[0].startswith("unanchored  ")
    assert GENESIS_HASH.hex() in lines[-1]
    assert not verify(good_bundles()["row"]).is_anchored


def test_a_checkpoint_that_fits_is_told() -> None:
    """Which came first is told as well."""
    assert any("size 7, which this log continues" in line for line in words("row-checkpoint-older"))
    assert any(
        "size 17, which contains this block" in line for line in words("row-checkpoint-newer")
    )


def test_what_one_node_proves_is_told() -> None:
    """Each verdict ends in what it does not prove."""
    for name in good_bundles():
        assert any(
            line.startswith("note   1 node: this proves what that node") for line in words(name)
        )


def test_text_cannot_steer_a_terminal() -> None:
    """Escapes are written out."""
    assert printable('a"\x1b\u202e\n') == 'a\\"\\u001b\\u202e\\n'
    verdict = verify(good_bundles()["absent"])
    assert isinstance(verdict.claim, ProvedRows)
    odd = msgspec.structs.replace(verdict.claim, low=(1, "\x1b"), rows=())
    assert "\\u001b" in odd.to_text()
    assert ANA.account_id.hex() in words("row-genesis")[0]
