"""Days and moments: real ones only, in one form."""

import pytest

from comity.client.files.moments import day_reader, fraction_digits, is_day, utc_moment
from comity.errors import ConfigError, Malformed


@pytest.mark.parametrize(
    ("text", "is_real"),
    [
        ("2024-02-29", True),
        ("2023-02-29", False),
        ("0001-01-01", True),
        ("0000-01-01", False),
        ("2026-1-01", False),
        ("20261-1-01", False),
        ("２０２６-01-01", False),
        ("2026-W01-1", False),
        ("2026-W1-01", False),
        ("20261122  ", False),
    ],
)
def test_a_day_is_of_the_calendar(text: str, is_real: bool) -> None:
    """YYYY-MM-DD in ASCII digits and nothing else, not even other forms of ISO 8601."""
    assert is_day(text) is is_real


@pytest.mark.parametrize(
    ("pattern", "text", "day"),
    [
        ("DD.MM.YYYY", "3.11.2026", "2026-11-03"),
        ("MM/DD/YYYY", "11/03/2026", "2026-11-03"),
        ("YYYYMMDD", "20261103", "2026-11-03"),
        ("YYYYMMDD", "2026113", None),
        ("DD/MM/YYYY", "31/02/2026", None),
        ("DD/MM/YYYY", "31/01/26", None),
    ],
)
def test_a_pattern_reads_its_days_only(pattern: str, text: str, day: str | None) -> None:
    """Four digits for a year, one or two for day and month where a separator stands."""
    assert day_reader(pattern)(text) == day


@pytest.mark.parametrize("pattern", ["", "%d.%m.%Y", "DD.MM.YY", "DD.DD.YYYY", "DDxMMxYYYY"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    """With an example of one."""
    with pytest.raises(ConfigError, match=r"DD\.MM\.YYYY"):
        day_reader(pattern)


@pytest.mark.parametrize(
    ("text", "scale", "moment"),
    [
        ("2026-11-22T21:40:11Z", 0, "2026-11-22T21:40:11Z"),
        ("2026-11-22 21:40+01:00", 0, "2026-11-22T20:40:00Z"),
        ("2026-12-31T23:30:00.5-0130", 3, "2027-01-01T01:00:00.500Z"),
        ("2026-11-22T21:40:11.123456789Z", 6, None),
        ("2026-11-22T21:40:11.1000Z", 3, "2026-11-22T21:40:11.100Z"),
        ("2026-11-22T21:40:11.1Z", 0, None),
        ("2026-11-22T21:40:11", 0, None),
        ("2026-11-22T24:00:00Z", 0, None),
        ("2026-11-22T23:59:60Z", 0, None),
        ("2026-11-22T21:40:11+01:60", 0, None),
        ("0001-01-01T00:00:00+01:00", 0, None),
        ("9999-12-31T23:00:00-02:00", 0, None),
    ],
)
def test_a_moment_is_kept_in_utc(text: str, scale: int, moment: str | None) -> None:
    """The offset is taken off; no digit of a second is lost; no local time is guessed."""
    if moment is None:
        with pytest.raises(Malformed):
            utc_moment(text, scale)
    else:
        assert utc_moment(text, scale) == moment


@pytest.mark.parametrize(
    ("text", "digits"),
    [("T21:40:11Z", 0), ("T21:40:11.120Z", 2), ("T1:2:3.4567+01:00", 4), ("T1:2:3.5 -0100", 1)],
)
def test_fraction_digits_leave_zeros_out(text: str, digits: int) -> None:
    """Of a second only, not of the offset."""
    assert fraction_digits(f"2026-11-22{text}") == digits
