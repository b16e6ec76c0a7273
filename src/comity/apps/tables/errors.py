"""How the rules of shared tables say no.

Invariant: each refusal names the table, the rule in the words of a table file, and who may.
"""

from comity.sdk import AccountId, Refusal


class NotRowOwner(Refusal, code=1, fix="Ask the row's owner to sign the change."):
    """The row belongs to somebody else."""

    table: str
    key: str
    owner: AccountId
    rule: str  # such as change = "owner"


class RuleRefused(Refusal, code=2, fix="Ask who may, or add a row that says what is new."):
    """The table's rules do not permit this to you."""

    table: str
    preset: str
    rule: str  # such as remove = "nobody"
    may: AccountId | None  # who may, or none


class NotTableCreator(Refusal, code=3, fix="Ask the table's creator to sign."):
    """Only the table's creator may do this."""

    table: str
    creator: AccountId


class NumberTooHigh(Refusal, code=4, fix="Leave the key out: the ledger numbers the row."):
    """A row's number runs too far ahead of the highest one so far."""

    table: str
    number: int
    number_max: int


class MemberHasTablesEnough(Refusal, code=5, fix="Drop a table that you no longer need."):
    """You have as many tables as a member may."""

    tables_max: int


class MemberMadeTablesEnough(Refusal, code=6, fix="Alter a table that you have."):
    """You have made as many tables as a member ever may, dropped ones included."""

    tables_max: int
