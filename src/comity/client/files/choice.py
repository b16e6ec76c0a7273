"""The type that a column's profile allows, and the sentence that says why.

Invariant: ``choose`` is a pure function; each column is given a type that takes every one of its
plain texts.
"""

import msgspec

from comity.client.files.profile import Profile
from comity.client.files.texts import counted, shown
from comity.errors import Malformed
from comity.limits import (
    DECIMAL_DIGITS_MAX,
    DECIMAL_SCALE_MAX,
    INFERRED_ENUM_ROWS_PER_VALUE_MIN,
    INFERRED_INTEGER_DIGITS_MAX,
    INFERRED_SCALE_WARNED,
    KEY_TEXT_CHARS_DEFAULT,
    TEXT_CHARS_MAX,
)
from comity.model.column import Column, ColumnType, check_column

_NUMBERS = ("integer", "decimal")
_ARE = {  # what texts that look so are not, when most of a column is: of one, of several
    "number": ("is not a number", "are not numbers"),
    "boolean": ("is not true or false", "are not true or false"),
    "date": ("is not a day YYYY-MM-DD", "are not days YYYY-MM-DD"),
    "datetime": ("is not a moment with an offset", "are not moments with an offset"),
}
_HAVE = {  # what keeps a text that looks nearly right from being typed
    "zero": ("has a leading zero", "have a leading zero"),
    "plus": ("starts with +", "start with +"),
    "long": tuple(f"{v} more than {INFERRED_INTEGER_DIGITS_MAX} digits" for v in ("has", "have")),
    "comma": tuple(f"{v} a comma where a number has a point" for v in ("has", "have")),
    "space": ("has spaces around a number", "have spaces around a number"),
    "local": ("has no offset from UTC", "have no offset from UTC"),
}
_NEAR_NUMBERS = ("zero", "plus", "long", "comma", "space")
_SHOWN_VALUES_CHARS = 60


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """A type, why it was chosen, how values are written otherwise, and what the reader should know.

    ``is_broken`` tells that a text column is mostly something else, so that it makes no key.
    """

    type: ColumnType
    why: str
    changes: str = ""
    warning: str = ""
    date_format: str | None = None
    is_broken: bool = False


def choose(profile: Profile, date_format: str | None = None) -> Choice:
    """Return the narrowest type that takes every text of the column.

    Args:
        date_format: pattern that the reader gave, for columns that it fits whole.
    """
    looks = [look for look, count in profile.looks.items() if count]
    if not looks:
        return _text(profile, "every row is empty", "")
    if date_format is not None and date_format in profile.date_formats and looks != ["date"]:
        return _days(profile, date_format)
    if all(look in _NUMBERS for look in looks):
        return _number(profile)
    if looks == ["boolean"]:
        changes = (
            f"{profile.reshaped_count:,} of them written in small letters"
            if profile.reshaped_count
            else ""
        )
        return Choice(
            type=ColumnType(kind="boolean"),
            why=_share(profile, "are true or false"),
            changes=changes,
        )
    if looks == ["date"]:
        return Choice(type=ColumnType(kind="date"), why=_share(profile, "are YYYY-MM-DD"))
    if looks == ["datetime"]:
        return _moment(profile)
    if looks == ["day"] and len(profile.date_formats) == 1:
        return _days(profile, next(iter(profile.date_formats)))
    return _enum(profile) or _words(profile)


def _number(profile: Profile) -> Choice:
    scale = max(profile.scales)
    if scale == 0:
        return Choice(type=ColumnType(kind="integer"), why=_share(profile, "are whole numbers"))
    if scale > DECIMAL_SCALE_MAX or profile.whole_digits + scale > DECIMAL_DIGITS_MAX:
        digits = f"{profile.whole_digits} digits before and {scale} after the point"
        warning = (
            f"{digits}: kept as text; round in the file to at most {DECIMAL_SCALE_MAX}"
            f" after the point, {DECIMAL_DIGITS_MAX} in all"
        )
        return _text(
            profile, f"numbers of up to {digits}, too many for a decimal", warning, is_broken=True
        )
    minus = f"{counted(profile.minus_zeros, 'minus zero')} made zero" if profile.minus_zeros else ""
    padded = sum(count for digits, count in profile.scales.items() if digits < scale)
    zeros = f"{padded:,} of them written with zeros to {counted(scale, 'digit')}" if padded else ""
    return Choice(
        type=ColumnType(kind="decimal", scale=scale),
        why=_share(profile, f"are numbers with up to {counted(scale, 'digit')} after the point"),
        changes="; ".join(filter(None, (zeros, minus))),
        warning=f"{scale} digits after the point look like noise"
        if scale > INFERRED_SCALE_WARNED
        else "",
    )


def _moment(profile: Profile) -> Choice:
    if profile.second_digits > 6:
        return _text(
            profile,
            f"moments with {profile.second_digits} digits of a second, at most 6 are kept",
            "",
        )
    scale = next(scale for scale in (0, 3, 6) if scale >= profile.second_digits)
    changes = f"{profile.reshaped_count:,} of them written in UTC" if profile.reshaped_count else ""
    why = _share(profile, "are moments with an offset")
    return Choice(type=ColumnType(kind="datetime", scale=scale), why=why, changes=changes)


def _days(profile: Profile, pattern: str) -> Choice:
    sample = next(iter(profile.samples.values()))
    return Choice(
        type=ColumnType(kind="date"),
        why=_share(profile, f"are {pattern}"),
        changes=f"written YYYY-MM-DD instead of {shown(sample)}",
        date_format=pattern,
    )


def _enum(profile: Profile) -> Choice | None:
    codes = sorted(profile.codes or ())
    if (
        len(codes) < 2
        or profile.filled < INFERRED_ENUM_ROWS_PER_VALUE_MIN * len(codes)
        or _broken_look(profile)
    ):
        return None
    type_ = ColumnType(kind="enum", values=tuple(codes))
    try:
        check_column(Column(name="value", type=type_))
    except Malformed:
        return None
    listed = ", ".join(codes)
    cut = (
        listed if len(listed) <= _SHOWN_VALUES_CHARS else listed[: _SHOWN_VALUES_CHARS - 3] + "..."
    )
    why = f"{len(codes)} values: {shown(cut, _SHOWN_VALUES_CHARS)[1:-1]}"
    return Choice(type=type_, why=why + _empties(profile), changes=_normalised(profile))


def _words(profile: Profile) -> Choice:
    looks, samples = profile.looks, profile.samples
    if "day" in looks and len(profile.date_formats) > 1 and looks["day"] == profile.filled:
        fitting = " or ".join(profile.date_formats)
        warning = (
            f"days that fit {fitting}: kept as text; tell the date format to keep them as days"
        )
        return _text(
            profile,
            f"days such as {shown(samples['day'])} may be {fitting}",
            warning,
            is_broken=True,
        )
    broken = _broken_look(profile)
    if broken:
        count, reason = broken
        sample = samples[reason] if reason in _HAVE else _misfit(profile, reason)
        one, several = (_HAVE | _ARE)[reason]
        why = f"{count:,} values such as {shown(sample)} {several}"
        if count == 1:
            why = f"1 value, {shown(sample)}, {one}"
        # A code with leading zeros is what it should be; a column that is nearly numbers is not.
        return _text(profile, why, "", is_broken=reason != "zero")
    longest = f"{counted(profile.chars, 'character')} at most"
    return _text(profile, f"words such as {shown(next(iter(samples.values())))}, {longest}", "")


def _broken_look(profile: Profile) -> tuple[int, str] | None:
    """Return how many texts keep a column from the type that most have, and what is wrong."""
    looks = profile.looks
    groups = {
        "number": sum(looks[look] for look in (*_NUMBERS, *_NEAR_NUMBERS)),
        "boolean": looks["boolean"],
        "date": looks["date"],
        "datetime": looks["datetime"] + looks["local"],
    }
    group = max(groups, key=lambda name: groups[name])
    if groups[group] * 2 < profile.filled or groups[group] == 0:
        return None
    near = [look for look in (_NEAR_NUMBERS if group == "number" else ("local",)) if looks[look]]
    if near:
        worst = max(near, key=lambda look: looks[look])
        return looks[worst], worst
    return profile.filled - groups[group], group


def _misfit(profile: Profile, group: str) -> str:
    own = _NUMBERS if group == "number" else (group,)
    return next(text for look, text in profile.samples.items() if look not in own)


def _text(profile: Profile, why: str, warning: str, *, is_broken: bool = False) -> Choice:
    # Twice what was seen, so that the next rows fit too.
    chars = min(max(-(-profile.chars * 2 // 10) * 10, KEY_TEXT_CHARS_DEFAULT), TEXT_CHARS_MAX)
    return Choice(
        type=ColumnType(kind="text", minimum=1, maximum=chars),
        why=why + _empties(profile),
        changes=_normalised(profile),
        warning=warning,
        is_broken=is_broken,
    )


def _share(profile: Profile, what: str) -> str:
    return f"{profile.filled:,}/{profile.filled:,} {what}{_empties(profile)}"


def _empties(profile: Profile) -> str:
    return f", {profile.empties:,} empty" if profile.empties else ""


def _normalised(profile: Profile) -> str:
    return (
        f"{profile.normalised_count:,} of them written in NFC and with plain line ends"
        if profile.normalised_count
        else ""
    )
