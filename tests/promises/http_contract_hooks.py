"""What Schemathesis has to be told of this interface: bodies that are not JSON, and that streams have an end.

Schemathesis loads this by its name (``SCHEMATHESIS_HOOKS``) in a process of its own.
"""

import os
from pathlib import Path
from typing import Any

import msgspec
import schemathesis
from hypothesis import strategies as st

from comity.crypto import cbor
from tests.promises.http_contract import DATA_VARIABLE, Data
from tests.shared_ledger import ANA

DATA = msgspec.json.decode(Path(os.environ[DATA_VARIABLE]).read_bytes(), type=Data)
SIGNED = [bytes.fromhex(text) for text in DATA.transactions]


def _one_byte_changed(data: bytes, at: int, mask: int) -> bytes:
    at %= len(data)
    return data[:at] + bytes((data[at] ^ mask,)) + data[at + 1 :]


_signed = st.sampled_from(SIGNED)
_changed = st.builds(_one_byte_changed, _signed, st.integers(0, 4_000), st.integers(1, 255))
_lists = st.lists(_signed | _changed, min_size=1, max_size=4).map(cbor.encode)
schemathesis.openapi.media_type(
    "application/cbor", _signed | _lists | _changed | st.binary(max_size=100)
)

_words = st.sampled_from([*DATA.values["path.table"], "n003", "SELECT * FROM stock WHERE name = ?"])
_values: Any = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 63), 1 << 63),
    st.floats(),
    st.binary(max_size=20),
    st.text(max_size=20),
    _words,
    st.lists(_words, max_size=3),
)
_names = st.sampled_from(["table", "key", "name", "account", "limit", "after", "sql", "parameters"])
_real = st.sampled_from(
    [
        {"table": "stock", "key": ["n001"]},
        {"table": "stock"},
        {"name": "ana"},
        {"account": ANA.account_id},
        {"sql": "SELECT * FROM stock WHERE name = ?", "parameters": [b"n001"]},
        {},
    ]
)
schemathesis.openapi.media_type(
    "application/vnd.msgpack",
    (_real | st.dictionaries(_names | st.text(max_size=8), _values, max_size=4)).map(
        msgspec.msgpack.encode
    )
    | st.binary(max_size=40),
)


@schemathesis.hook
def before_load_schema(_: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Give parameters examples that are on the ledger: the phase of examples asks for them."""
    for path, methods in raw_schema["paths"].items():
        for method, operation in methods.items():
            examples = {**DATA.examples[""], **DATA.examples.get(f"{method.upper()} {path}", {})}
            for parameter in operation.get("parameters", ()):
                if parameter["name"] in examples:
                    parameter["example"] = examples[parameter["name"]]
            if "body" in examples:
                operation["requestBody"]["content"]["application/json"]["example"] = examples[
                    "body"
                ]


@schemathesis.hook
def before_call(
    _: schemathesis.HookContext, case: schemathesis.Case[Any], __: dict[str, Any]
) -> None:
    """Let a stream of events end at a height that is there; what is no height stays as it is."""
    if not case.path.endswith("/events"):
        return
    query = dict(case.query or {})
    given = query.get("until", DATA.height)
    if isinstance(given, str) and given.isdecimal():
        given = int(given)
    if isinstance(given, int) and not isinstance(given, bool) and given >= 0:
        query["until"] = min(given, DATA.height)
        case.query = query
