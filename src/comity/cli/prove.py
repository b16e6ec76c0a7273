"""``comity prove``: a file that shows a row, an absence, a range, a transaction or that nothing was rewritten.

Invariant: a proof is made from one snapshot of the file, under the signature that stands in it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import apsw
import click
import msgspec

from comity.cli import problems
from comity.cli.checkpoint import signed_head
from comity.cli.group import Command
from comity.cli.output_file import check_output, output_options, write_output
from comity.cli.row import key_from
from comity.cli.session import Session, current
from comity.client.checkpoints import origin_of, read_held
from comity.client.proofs import Proof as ProvedBundle
from comity.client.verdict import ProvedRows
from comity.crypto.cose_receipt import INCLUSION, Proof, ReceiptClaims
from comity.crypto.tlog_proof import TlogProof
from comity.errors import ConfigError, Malformed, QueryError
from comity.limits import SECOND_NS
from comity.model.bundle import Bundle
from comity.model.receipt import transaction_entry, unpack_stored
from comity.model.transaction import Transaction
from comity.node.transport import LocalTransport
from comity.query.prove import Prover
from comity.store.store import Store

_ID_DIGITS = 64
_ID_DIGITS_MIN = 8  # the log shows 12
_IDS = "SELECT id FROM comity_transaction WHERE id BETWEEN ? AND ? AND id IS NOT NULL LIMIT 2"
_ENTRY = "SELECT position, bytes, receipt FROM comity_transaction WHERE id = ?"


class _Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be proved, as the options say it."""

    table: str | None
    words: tuple[str, ...]
    absent: bool
    is_range: bool
    is_all: bool
    transaction: str | None
    since: int | None


@click.command(
    cls=Command,
    short_help="Write a proof that anybody can check offline.",
    examples="""
    comity prove suppliers MMM -o mmm.proof
    comity prove suppliers ZZZ --absent -o none.proof
    comity prove suppliers --range A B -o a-to-b.proof
    comity prove suppliers --all -o suppliers.proof
    comity prove --transaction 8f21... -o change.proof
    comity prove --since 12 -o grown.proof
    """,
)
@click.argument("table", required=False)
@click.argument("words", nargs=-1, metavar="[KEY]...")
@click.option("--absent", is_flag=True, help="That there is no such row.")
@click.option("--range", "is_range", is_flag=True, help="All rows between two keys: LOW HIGH.")
@click.option("--all", "is_all", is_flag=True, help="All rows of the table, and how many.")
@click.option("--transaction", metavar="ID", help="A transaction and its receipt.")
@click.option("--since", type=int, metavar="HEIGHT", help="That the log only grew since then.")
@click.option("--at", type=int, metavar="HEIGHT", help="As of this height; now by default.")
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="One that the reader holds, to connect the proof with.",
)
@output_options(required=True)
@click.option("--tlog-proof", "is_tlog", is_flag=True, help="A transaction, in C2SP's format.")
@click.option("--cose", "is_cose", is_flag=True, help="A transaction, as a COSE receipt.")
def prove(
    table: str | None,
    words: tuple[str, ...],
    absent: bool,
    is_range: bool,
    is_all: bool,
    transaction: str | None,
    since: int | None,
    at: int | None,
    checkpoint: Path | None,
    output: Path,
    force: bool,
    is_tlog: bool,
    is_cose: bool,
) -> None:
    """Prove the row KEY of TABLE, and who wrote it; or what an option says."""
    session = current()
    check_output(output, force=force)
    wanted = _Wanted(
        table=table, words=words, absent=absent, is_range=is_range, is_all=is_all,
        transaction=transaction, since=since,
    )  # fmt: skip
    if session.is_remote and at is None and checkpoint is None and not (is_tlog or is_cose):
        proof = _through_node(session, wanted)
        data, what, height = proof.data, _words(wanted), proof.verdict.height
    elif is_tlog or is_cose:
        transport = session.folder_transport()
        data = _log_proof(transport, wanted, is_cose=is_cose)
        what, height = "transaction in the log", transport.tip().height
    else:
        transport = session.folder_transport()
        note = None if checkpoint is None else read_held(checkpoint)
        with transport.connection:  # one snapshot
            store = Store.over(transport.connection, str(transport.folder.database))
            prover = Prover(store, transport.genesis, at, note)
            data, what = _bundle(transport, prover, wanted).encode(), _words(wanted)
            height = prover.height
    write_output(output, data)
    session.out.data(
        f"wrote {output}: {what}, height {height}, {len(data):,} bytes",
        {"file": str(output), "height": height, "bytes": len(data)},
    )
    if not (is_tlog or is_cose):
        session.out.words(f"next  comity verify {output}")


def _through_node(session: Session, wanted: _Wanted) -> ProvedBundle:
    """Return the proof of a row that a node makes, checked. Raises: ConfigError, ProofInvalid, QueryError."""
    is_row = wanted.table is not None and wanted.words and not (wanted.is_range or wanted.is_all)
    if not is_row or wanted.transaction is not None or wanted.since is not None:
        session.folder_transport()  # says what is needed
    transport = session.transport()
    schema = transport.schema(wanted.table)
    found: ProvedBundle = transport.prove_row(schema, key_from(schema, wanted.words))
    claim = found.verdict.claim
    has_row = isinstance(claim, ProvedRows) and bool(claim.rows)
    if has_row and wanted.absent:
        raise QueryError("row-exists", "there is such a row: leave --absent out")
    if not has_row and not wanted.absent:
        error = QueryError("row-not-found", f"there is no row {_shown(wanted.words)}")
        problems.attach(error, "", {}, "prove that there is none: --absent")
        raise error
    return found


def _bundle(transport: LocalTransport, prover: Prover, wanted: _Wanted) -> Bundle:
    if wanted.transaction is not None:
        return prover.transaction(_identifier(transport.connection, wanted.transaction))
    if wanted.since is not None:
        return prover.consistency(wanted.since)
    if wanted.table is None:
        raise ConfigError("say what to prove: TABLE KEY, --transaction ID or --since HEIGHT")
    schema = transport.schema_ever(wanted.table)
    if wanted.is_all:
        if wanted.words or wanted.is_range or wanted.absent:
            raise ConfigError(f"--all is of the whole table: leave out all but {wanted.table}")
        return prover.range(wanted.table, (), ())
    if wanted.is_range:
        middle, odd = divmod(len(wanted.words), 2)
        if odd or not middle:
            raise ConfigError(f"--range takes two keys of {wanted.table}: LOW and HIGH")
        low = key_from(schema, wanted.words[:middle])
        high = key_from(schema, wanted.words[middle:])
        return prover.range(wanted.table, low, high)  # type: ignore[arg-type]  # keys are never null
    key = key_from(schema, wanted.words)
    if wanted.absent:
        return prover.absent(wanted.table, key)  # type: ignore[arg-type]  # as above
    try:
        return prover.row(wanted.table, key)  # type: ignore[arg-type]  # as above
    except QueryError as error:
        if error.code == "row-not-found":
            problems.attach(error, "", {}, "prove that there is none: --absent")
        raise


def _words(wanted: _Wanted) -> str:
    if wanted.transaction is not None:
        return f"transaction {wanted.transaction[:12]}"
    if wanted.since is not None:
        return f"the log since height {wanted.since}"
    if wanted.is_all:
        return f"all rows of {wanted.table}"
    kind = "no row" if wanted.absent else "rows" if wanted.is_range else "row"
    return f"{kind} {wanted.table}[{_shown(wanted.words)}]"


def _shown(words: Sequence[str]) -> str:
    return ", ".join(words)


def _identifier(connection: apsw.Connection, text: str) -> bytes:
    """Return the id that ``text`` begins, as ``comity log`` shows it. Raises: Malformed, ConfigError."""
    digits = text.lower()
    if not _ID_DIGITS_MIN <= len(digits) <= _ID_DIGITS or digits.strip("0123456789abcdef"):
        raise Malformed(
            f"{text!r} is no transaction id: {_ID_DIGITS_MIN} to {_ID_DIGITS} hex digits are needed"
        )
    low, high = digits.ljust(_ID_DIGITS, "0"), digits.ljust(_ID_DIGITS, "f")
    bounds = (bytes.fromhex(low), bytes.fromhex(high))
    found = [bytes(row[0]) for row in connection.execute(_IDS, bounds)]
    if len(found) > 1:
        raise ConfigError(f"several transactions begin with {text}; give more digits")
    return found[0] if found else bytes.fromhex(low)


def _log_proof(transport: LocalTransport, wanted: _Wanted, *, is_cose: bool) -> bytes:
    """Return a proof, in a format of others, that the log has a transaction's entry."""
    if wanted.transaction is None:
        _refuse("--tlog-proof and --cose are of a transaction: give --transaction ID")
    identifier = _identifier(transport.connection, wanted.transaction or "")
    found = transport.connection.execute(_ENTRY, (identifier,)).fetchone()
    if found is None:
        _refuse(f"there is no transaction {identifier.hex()} in this ledger")
    position, data, stored = found
    log, envelope = transport.log(), Transaction.decode(data).envelope.encode()
    path = tuple(log.inclusion(position, log.size))
    if not is_cose:
        salt, receipt = unpack_stored(stored)
        entry = transaction_entry(identifier, envelope, salt, receipt)
        return TlogProof(position, path, signed_head(transport), extra=entry).to_bytes()
    claims = ReceiptClaims(
        issuer=origin_of(transport.genesis),
        subject=identifier.hex(),
        issued_at_s=transport.tip().time_ns // SECOND_NS,
    )
    proof = Proof(INCLUSION, (log.size, position), path)
    return transport.folder.read_key().issue_receipt(claims, proof, log.root(log.size))


def _refuse(words: str) -> NoReturn:
    raise ConfigError(words)
