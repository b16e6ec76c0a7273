"""Functions that a query may call: the ones whose answer depends on their arguments alone.

Invariant: no allowed function reads a clock, chance, a file, the environment or the connection's
own state, so the same query over the same height gives the same answer everywhere (but for the last
digits of floating point).
"""

from typing import Final, TypeAlias

import apsw

from comity.errors import QueryError
from comity.limits import DECIMAL_DIGITS_MAX
from comity.store.ddl import quote

SqlValue: TypeAlias = int | float | str | bytes | None

_AGGREGATES = """
avg count group_concat json_group_array json_group_object max median min percentile percentile_cont
percentile_disc string_agg sum total
"""
_WINDOWS = """
cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number
"""
_SCALARS = """
abs char coalesce concat concat_ws format glob hex if ifnull iif instr length like likelihood likely
lower ltrim nullif octet_length printf quote replace rtrim substr substring trim typeof unhex
unicode unlikely upper
"""
_JSON = """
-> ->> json json_array json_array_length json_error_position json_extract json_insert json_object
json_patch json_pretty json_quote json_remove json_replace json_set json_type json_valid
"""
_MATH = """
acos acosh asin asinh atan atan2 atanh ceil ceiling cos cosh degrees exp floor ln log log10 log2 mod
pi pow power radians round sign sin sinh sqrt tan tanh trunc
"""
_CALENDAR: Final = {  # name -> index of the argument that is the time
    "date": 0,
    "time": 0,
    "datetime": 0,
    "julianday": 0,
    "unixepoch": 0,
    "strftime": 1,
}
_CLOCK_WORDS = ("now", "subsec", "subsecond")  # as the time itself, each means the clock's
_ZONE_WORDS = ("localtime", "utc")  # these read the machine's time zone
_OWN = "decimal"

ALLOWED: Final = frozenset(
    (*(_AGGREGATES + _WINDOWS + _SCALARS + _JSON + _MATH).split(), *_CALENDAR, _OWN)
)


def register(connection: apsw.Connection) -> None:
    """Give ``connection`` the calendar functions without clock, and ``decimal(units, scale)``."""
    calendar = apsw.Connection(":memory:")
    for name, time_at in _CALENDAR.items():
        function = _Calendar(calendar, name, time_at)
        connection.create_scalar_function(name, function, -1, deterministic=True)
    connection.create_scalar_function(_OWN, _decimal, 2, deterministic=True)


def decimal(units: SqlValue, scale: SqlValue) -> str | None:
    """Return whole ``units`` of 10^-scale with a point: ``decimal(1250, 2)`` is ``12.50``."""
    if units is None or scale is None:
        return None
    if type(units) is not int or type(scale) is not int or not 0 <= scale <= DECIMAL_DIGITS_MAX:
        raise QueryError(
            "arguments",
            f"decimal(units, scale) takes whole units and a scale of 0 to {DECIMAL_DIGITS_MAX},"
            f" not {units!r} and {scale!r}",
        )
    if scale == 0:
        return str(units)
    whole, rest = divmod(abs(units), 10**scale)
    sign = "-" if units < 0 else ""
    return f"{sign}{whole}.{rest:0{scale}}"


def _decimal(*arguments: SqlValue) -> SqlValue:
    return decimal(arguments[0], arguments[1])


class _Calendar:
    """One of SQLite's calendar functions, refusing what would read the clock or the time zone."""

    def __init__(self, calendar: apsw.Connection, name: str, time_at: int) -> None:
        self._calendar = calendar
        self._name = name
        self._time_at = time_at

    def __call__(self, *arguments: SqlValue) -> SqlValue:
        texts = [_c_text(argument) for argument in arguments]
        times = texts[self._time_at : self._time_at + 1]
        if not times or times[0] in _CLOCK_WORDS:
            raise QueryError(
                "refused",
                f"{self._name} of the current time is not allowed, it differs on each reading:"
                " write the time, or take it from comity_chain",
            )
        if any(text in _ZONE_WORDS for text in texts):
            raise QueryError(
                "refused", f"{self._name} with localtime or utc is not allowed: all times are UTC"
            )
        holes = ", ".join("?" * len(arguments))
        call = " ".join(("SELECT", quote(self._name), "(", holes, ")"))
        rows = self._calendar.execute(call, arguments).fetchall()
        value: SqlValue = rows[0][0]
        return value


def _c_text(value: SqlValue) -> str:
    """Return the text that SQLite's C code sees.

    Bytes count as text, a NUL ends it, and case does not matter.
    """
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.partition("\0")[0].lower()
