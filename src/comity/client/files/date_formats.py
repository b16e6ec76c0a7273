"""How a file writes the days of columns that are declared as days.

A table's schema keeps days as YYYY-MM-DD and does not know how files write them; each file is asked anew.

Invariant: a pattern is taken only if each day of the column fits it and fits no other.
"""

from collections.abc import Mapping
from itertools import islice

from comity.client.files.profile import Profile
from comity.client.files.row_file import RowFile
from comity.client.files.texts import shown
from comity.errors import ConfigError
from comity.model.schema import TableSchema

_BATCH_ROWS = 4_096


def find_date_formats(
    file: RowFile, schema: TableSchema, given: str | None = None
) -> Mapping[str, str]:
    """Return the pattern of days by column, for ``TypedRows``; YYYY-MM-DD is left out.

    Args:
        given: pattern that the reader gave, for all columns of days.

    Raises:
        ConfigError: all days of a column fit several patterns.
    Cost: one reading of the file, if it has such columns.
    """
    days = [c.name for c in schema.columns if c.type.kind == "date" and c.name in file.names]
    if given is not None:
        return dict.fromkeys(days, given)
    profiles = {name: Profile() for name in days}
    records = file.records() if days else iter(())
    while batch := [fields for _, fields in islice(records, _BATCH_ROWS)]:
        for name, profile in profiles.items():
            at = file.names.index(name)
            profile.add([fields[at] for fields in batch])
    found = {name: _pattern(name, profile) for name, profile in profiles.items()}
    return {name: pattern for name, pattern in found.items() if pattern is not None}


def _pattern(name: str, profile: Profile) -> str | None:
    """Return the one pattern that fits; None where days are as the table has them, or fit nothing."""
    if not profile.looks["day"] or profile.looks["day"] < profile.filled:
        return None
    fitting = list(profile.date_formats)
    if len(fitting) > 1:
        raise ConfigError(
            f"column {name}: days such as {shown(profile.samples['day'])} may be"
            f" {' or '.join(fitting)}; say which with --date-format"
        )
    return fitting[0] if fitting else None
