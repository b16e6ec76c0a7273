"""What the presets permit, and the checks of it.

Invariant: every preset says of every verb who may, and in one sentence each.
"""

from collections.abc import Mapping
from typing import Literal

from comity.apps.tables.errors import NotRowOwner, NotTableCreator, RuleRefused
from comity.apps.tables.tables import Rule
from comity.sdk import (  # fmt: skip
    BadArgument,
    ColumnValue,
    Reader,
    RowChanged,
    RowNotFound,
    SharedRow,
    SharedTable,
    TableNotFound,
    require,
)

Verb = Literal["add", "change", "remove"]
Who = Literal["member", "owner", "creator", "nobody"]

VERBS: tuple[Verb, ...] = ("add", "change", "remove")
RIGHTS: Mapping[str, Mapping[Verb, Who]] = {
    "open": {"add": "member", "change": "member", "remove": "member"},
    "own-rows": {"add": "member", "change": "owner", "remove": "nobody"},
    "append-only": {"add": "member", "change": "nobody", "remove": "nobody"},
    "read-only": {"add": "creator", "change": "creator", "remove": "creator"},
}
_SENTENCES: Mapping[Who, str] = {
    "member": "Every member may {} rows.",
    "owner": "A row's owner, who added it, may {} it.",
    "creator": "The table's creator may {} rows, nobody else.",
    "nobody": "Nobody may {} rows.",
}
_HASH_SIZES = (8, 32)


def rule_of(db: Reader, table: str) -> Rule:
    """Return the rule of a shared table. Raises: TableNotFound."""
    rule = db.find(Rule, table)
    if rule is None:
        raise TableNotFound(table=table)
    return rule


def check_right(rule: Rule, verb: Verb, sender: bytes) -> Who:
    """Return who may, unless ``sender`` may not whatever the row. Raises: RuleRefused."""
    who = RIGHTS[rule.preset][verb]
    if who == "nobody" or (who == "creator" and rule.creator != sender):
        may = rule.creator if who == "creator" else None
        raise RuleRefused(table=rule.name, preset=rule.preset, rule=_words(verb, who), may=may)
    return who


def check_creator(rule: Rule, sender: bytes) -> None:
    """Refuse all but the table's creator. Raises: NotTableCreator."""
    require(sender == rule.creator, NotTableCreator(table=rule.name, creator=rule.creator))


def check_hashes(hashes: list[bytes], count: int) -> None:
    """Refuse row hashes that are not one for each row, whole or the first 8 bytes. Raises: BadArgument."""
    if len(hashes) != count:
        raise BadArgument(argument="seen", problem=f"{count} rows need as many row hashes")
    if any(len(row_hash) not in _HASH_SIZES for row_hash in hashes):
        raise BadArgument(argument="seen", problem="a row hash has 32 bytes; 8 are enough")


class Guard:
    """Finds the rows that a call changes, as the sender saw them and may change them.

    Raises:
        RuleRefused: the table's rule refuses the verb to the sender, whatever the row.

    """

    def __init__(self, rule: Rule, shared: SharedTable, verb: Verb, sender: bytes) -> None:
        self.rule = rule
        self.shared = shared
        self.verb = verb
        self.who = check_right(rule, verb, sender)
        self.sender = sender

    def row(self, key: list[ColumnValue], seen: bytes) -> SharedRow:
        """Return the row with ``key``. Raises: RowNotFound, NotRowOwner, RowChanged."""
        row = self.shared.get(key)
        if row is None:
            raise RowNotFound(table=self.rule.name, key=key_text(key))
        if self.who == "owner" and row.owner != self.sender:
            raise NotRowOwner(
                table=self.rule.name,
                key=key_text(key),
                owner=row.owner,
                rule=_words(self.verb, self.who),
            )
        now = row.row_hash
        if now[: len(seen)] != seen:
            raise RowChanged(table=self.rule.name, key=key_text(key), seen=seen, now=now)
        return row


def sentences(rule: Rule) -> list[str]:
    """Return what the rule says, a sentence for each verb."""
    rights = RIGHTS[rule.preset]
    said = [_SENTENCES[rights[verb]].replace("{}", verb) for verb in VERBS]
    return [*said, "The table's creator may alter it, and drop it when it is empty."]


def _words(verb: Verb, who: Who) -> str:
    return f'{verb} = "{who}"'


def key_text(key: list[ColumnValue]) -> str:
    """Return a key for people to read, in a refusal."""
    return ", ".join([value.hex() if isinstance(value, bytes) else str(value) for value in key])
