"""Offline proofs: making and checking bundles over the large table, and their size."""

import time
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import TypeVar
from unittest import mock

from benchmarks.bench import Bench
from benchmarks.ledger import ACCOUNTS, GENESIS, BenchLedger, verify_us
from benchmarks.result import Result
from comity.client import verify as verifier
from comity.crypto import cbor
from comity.crypto.ordered import decode_key, encode_key
from comity.limits import ENCODED_KEY_BYTES_MAX
from comity.model.bundle import Bundle, RowsClaim
from comity.query.prove import Prover
from comity.store import catalog, tree_proof

T = TypeVar("T")

_TURNS = 300
_RANGE_ROWS = 100
_HIGHEST = b"\xff" * (ENCODED_KEY_BYTES_MAX + 1)


def proving(bench: Bench) -> Iterator[Result]:
    """Measure proofs of one row and of a range: paths alone, whole bundles, and checking them."""
    ledger = bench.files.ledger(bench.rows_count)
    for _ in range(3):
        ledger.run(ledger.transfers(bench.block_transactions))
    yield from _one_row(ledger)
    yield _range(ledger)
    ledger.close()


def _one_row(ledger: BenchLedger) -> Iterator[Result]:
    store, names = ledger.store, ledger.names(_TURNS)
    tree, table, entries = store.trees[ACCOUNTS], store.tables[ACCOUNTS], None

    def row_hash(key: bytes) -> bytes:
        row = table.get(decode_key(key, (str,)))
        if row is None:
            raise RuntimeError("the tree has a row that the table lacks")
        return table.codec.row_hash(row)

    def paths(name: str) -> None:
        nonlocal entries
        key = encode_key((name,))
        tree_proof.prove_range(tree, key, key + _HIGHEST[len(key) :], row_hash)
        entries = catalog.entries(store.leaves, store.log_size, store.log.root(store.log_size))

    prover = Prover(store, GENESIS)
    bundles = [prover.row(ACCOUNTS, (name,)) for name in names]
    short = [prover.row(ACCOUNTS, (name,), is_writer_shown=False) for name in names]
    yield Result(
        case="proving",
        what=f"paths of one row of {ledger.rows_count:,}: state and catalog, made",
        value=_each_ms(names, lambda name: prover.row(ACCOUNTS, (name,), is_writer_shown=False)),
        unit="ms",
        bar=1.0,
        detail={
            "state path alone, ms": round(_each_ms(names, paths), 3),
            "one signature check, us": round(verify_us(), 1),
        },
    )
    sizes = [_paths_bytes(bundle) for bundle in short]
    yield Result(
        case="proving",
        what="paths of one row: bytes of state and catalog paths, the largest of a few hundred",
        value=max(sizes),
        unit="B",
        bar=1_200.0,
        detail={"mean, B": round(sum(sizes) / len(sizes))},
    )
    files = [bundle.encode() for bundle in short]
    whole = [bundle.encode() for bundle in bundles]
    signed = SimpleNamespace(verify=lambda *_: True)
    with mock.patch.object(verifier, "ed25519", signed):
        checked_ms = _each_ms(files, verifier.verify)
    yield Result(
        case="proving",
        what="bundle of one row: checked, signatures apart",
        value=checked_ms,
        unit="ms",
        bar=1.0,
        detail={
            "one signature check, us": round(verify_us(), 1),
            "with its signature, ms": round(_each_ms(files, verifier.verify), 3),
            "with who wrote it and his signature, ms": round(_each_ms(whole, verifier.verify), 3),
        },
    )
    yield Result(
        case="proving",
        what="bundle of one row with who wrote it: made from an open ledger",
        value=_each_ms(names, lambda name: Prover(store, GENESIS).row(ACCOUNTS, (name,)).encode()),
        unit="ms",
        detail={
            "its size, B": round(sum(map(len, whole)) / len(whole)),
            "without the writer, B": round(sum(map(len, files)) / len(files)),
            "genesis in it, B": len(GENESIS.encode()),
        },
    )


def _range(ledger: BenchLedger) -> Result:
    prover, beyond = Prover(ledger.store, GENESIS), []
    ordered = sorted(
        name for (name,) in ledger.store.connection.execute("SELECT id FROM bank__account")
    )
    starts = range(0, len(ordered) - _RANGE_ROWS, max(1, len(ordered) // 50))
    for start in starts:
        ends = ordered[start], ordered[start + _RANGE_ROWS - 1]
        bundle = prover.range(ACCOUNTS, ends[:1], ends[1:])
        claim = bundle.claim
        if not isinstance(claim, RowsClaim) or len(claim.rows) != _RANGE_ROWS:
            raise RuntimeError("the range has other rows than asked for")
        beyond.append(_paths_bytes(bundle))
    data = bundle.encode()
    return Result(
        case="proving",
        what=f"range of {_RANGE_ROWS} rows: bytes of state and catalog paths, the largest of 50",
        value=max(beyond),
        unit="B",
        bar=1_500.0,
        detail={
            "made, ms": round(_each_ms([ends] * 50, lambda both: _made(prover, both)), 2),
            "checked, ms": round(_each_ms([data] * 50, verifier.verify), 2),
        },
    )


def _made(prover: Prover, ends: tuple[str, str]) -> bytes:
    return prover.range(ACCOUNTS, ends[:1], ends[1:]).encode()


def _paths_bytes(bundle: Bundle) -> int:
    """Return the bytes that the state path of the claim's rows and its table's catalog path take in the file."""
    if not isinstance(bundle.claim, RowsClaim):
        raise TypeError("a claim about rows is needed")
    proof = bundle.claim.proof
    return sum(len(cbor.encode([list(items)])) - 1 for items in (proof.items, proof.catalog))


def _each_ms(things: Sequence[T], do: Callable[[T], object]) -> float:
    """Return milliseconds for each thing, of the best of three rounds."""
    rounds = []
    for _ in range(3):
        start = time.perf_counter()
        for thing in things:
            do(thing)
        rounds.append(time.perf_counter() - start)
    return min(rounds) / len(things) * 1e3
