"""Receipts have one encoding each."""

import pytest

from comity.crypto import cbor
from comity.errors import Malformed
from comity.model.receipt import Receipt

NOT_RECEIPTS = [
    pytest.param(cbor.encode([False, []]), id="false is not 0"),
    pytest.param(cbor.encode([True, 0, "tab", 1, {}]), id="true is not 1"),
    pytest.param(cbor.encode([1, 0, "tab", True, {}]), id="nor is it a code"),
    pytest.param(cbor.encode([1, -1, "tab", 1, {}]), id="calls count from 0"),
    pytest.param(cbor.encode([1, 0, "tab", 1, {0: 1}]), id="fields have names"),
    pytest.param(b"\x82\x00" + b"\x81" * 17 + b"\x00", id="nested deeper than is written"),
    pytest.param(cbor.encode([2, []]), id="a third kind"),
]


@pytest.mark.parametrize("data", NOT_RECEIPTS)
def test_what_no_receipt_is_written_as_is_no_receipt(data: bytes) -> None:
    """Two byte strings for one receipt would have two hashes."""
    with pytest.raises(Malformed, match=r"receipt|nested|Error"):
        Receipt.decode(data)


def test_receipts_come_back() -> None:
    """Executed or refused, as deep as one may be."""
    deep: cbor.Value = 1
    for _ in range(15):
        deep = [deep]
    for receipt in (
        Receipt(results=(None, True, deep)),
        Receipt(call_index=0, app="tab", code=7, fields={"who": b"x"}),
    ):
        assert Receipt.decode(receipt.encode()) == receipt
