"""The genesis, and what follows from it."""

from comity.apps.members import app as members
from comity.apps.tables import app as tables
from tests.simulation.world import genesis_of


def test_the_directory_is_the_table_of_who_admits_accounts() -> None:
    """No program needs to know an application to tell a name: the genesis says which one admits."""
    assert genesis_of([tables, members]).directory == "members__member"
    assert genesis_of([tables]).directory is None


def test_members_keeps_to_the_convention_of_the_directory() -> None:
    """Its key is the account, and a name stands once."""
    name = genesis_of([members]).directory
    (schema,) = [one for one in members.declaration.tables.values() if one.name == name]
    assert schema.key == ("account",)
    assert [index.columns for index in schema.indexes if index.unique] == [("name",)]
