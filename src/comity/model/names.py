"""Names of ledgers, apps, tables, columns and actions: one grammar, checked before anything is made (rule R4.3).

Invariant: a name is ``[a-z][a-z0-9]*(_[a-z0-9]+)*``, so no two names collide in SQLite and none needs quoting.
"""

from comity.errors import Malformed
from comity.limits import ACTION_NAME_CHARS_MAX, LEDGER_NAME_CHARS_MAX, NAME_CHARS_MAX

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_LETTERS_DIGITS = _LETTERS + "0123456789"
_RESERVED = ("h", "rowid", "oid")
_RESERVED_PREFIXES = ("comity", "sqlite")


def check_name(name: str, what: str, *, chars_max: int = NAME_CHARS_MAX) -> str:
    """Return ``name``, or refuse it.

    Args:
        what: noun for the message, such as ``table`` or ``column``.
    Raises: Malformed, telling what is wrong and what a name looks like.

    """
    if not 1 <= len(name) <= chars_max:
        raise Malformed(
            f"{what} name {name[:60]!a}: 1 to {chars_max} characters are allowed, not {len(name)}"
        )
    words = name.split("_")
    if name[0] not in _LETTERS or any(not word or word.strip(_LETTERS_DIGITS) for word in words):
        raise Malformed(
            f"{what} name {name!a}: small letters a-z, digits and single underscores, a letter first"
        )
    if name in _RESERVED or any(name.startswith(prefix) for prefix in _RESERVED_PREFIXES):
        raise Malformed(f"{what} name {name!a} is reserved; choose another")
    return name


def check_ledger_name(name: str) -> str:
    """Return ``name`` of a ledger, which may hold dashes too, or refuse it. Raises: Malformed."""
    plain = name.replace("-", "_")
    check_name(plain, "ledger", chars_max=LEDGER_NAME_CHARS_MAX)
    return name


def split_action(action: str) -> tuple[str, str]:
    """Return (app, name) of ``app.name``. Raises: Malformed."""
    if len(action) > ACTION_NAME_CHARS_MAX:
        raise Malformed(f"action: at most {ACTION_NAME_CHARS_MAX} characters")
    app, dot, name = action.partition(".")
    if not dot or "." in name:
        raise Malformed(f"action {action!a}: write APP.ACTION")
    return app, name
