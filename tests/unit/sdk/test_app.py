"""Applications, from decorators to declarations."""

import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Annotated, Any

import pytest

from comity.errors import BadDeclaration
from comity.model.schema import Index
from comity.sdk import (
    AccountId,
    Amount,
    App,
    BadArgument,
    Context,
    Count,
    Founders,
    Integer,
    Many,
    Name,
    NotAuthorized,
    Reader,
    Row,
    RowExists,
    RowNotFound,
)
from comity.sdk.compiler import table_name
from tests.unit.sdk import tab

ROOT = Path(__file__).parents[3]
TAB = tab.app.declaration


def test_the_tab_declares_what_its_author_wrote() -> None:
    """Tables, actions, views, invariants and words come from the declarations alone."""
    assert (TAB.name, TAB.version, TAB.grants) == ("tab", 1, ())
    assert TAB.doc.startswith("Tab: members pay one another")
    schema = TAB.tables[tab.Member]
    assert (schema.name, schema.key, schema.history) == ("tab__member", ("name",), "all")
    assert list(TAB.actions) == ["join", "pay"]
    assert list(TAB.views) == ["debtors"]
    assert [one.name for one in TAB.invariants] == ["is_balanced"]
    pay = TAB.actions["pay"]
    assert pay.function is tab.pay
    assert pay.doc == "Move `amount_cents` from one tab to another; return the payer's new row."
    assert pay.raises == (RowNotFound, BadArgument, NotAuthorized, tab.CreditExceeded)
    assert TAB.actions["join"].raises == (RowExists,)
    assert [item.name for item in pay.parameters] == ["source", "target", "amount_cents"]
    limit = TAB.views["debtors"].parameters[0]
    assert (limit.is_required, limit.default) == (False, 50)
    assert pay.returns is not None
    assert pay.returns.row is tab.Member


def test_decorators_hand_back_what_they_were_given() -> None:
    """An action stays a plain function that a test can call."""
    app = App("plain", version=1)

    def act(ctx: Context) -> None:
        """Do nothing."""

    assert app.action(act) is act
    assert app.action(open=True)(act) is act
    assert app.timer(act) is act


def _library() -> App:
    app = App("library", version=3, grants=("schema", "accounts", "schema"))

    @app.table(
        key=("shelf", "place"),
        indexes=("owner", ("shelf", "isbn"), Index(name="by_isbn", columns=("isbn",))),
        unique=("isbn",),
        history=100,
        salted=True,
    )
    class RareBook(Row):
        """A book."""

        shelf: Name
        place: Count
        isbn: Name
        owner: AccountId | None = None

    @app.action(open=True)
    def lend(ctx: Context, isbn: Name, days: Annotated[int, Integer(1, 30)] = 14) -> None:
        """Lend a book.

        Args:
            isbn: number on the cover

        """

    @app.timer
    def remind(ctx: Context, isbn: Name) -> None:
        """Remind the reader."""

    @app.genesis
    def found(ctx: Context, founders: Founders) -> None:
        """Put the first shelves."""

    return app


def test_all_settings_of_a_table() -> None:
    """Composite keys, indexes named after their columns, unique ones, history and salt."""
    library = _library().declaration
    (schema,) = library.tables.values()
    assert schema.name == "library__rare_book"
    assert schema.key == ("shelf", "place")
    assert [(index.name, index.columns, index.unique) for index in schema.indexes] == [
        ("owner", ("owner",), False),
        ("shelf_isbn", ("shelf", "isbn"), False),
        ("by_isbn", ("isbn",), False),
        ("isbn", ("isbn",), True),
    ]
    assert (schema.history, schema.is_salted) == (100, True)
    assert library.grants == ("accounts", "schema")


def test_actions_are_for_members_unless_open_and_timers_for_the_machine() -> None:
    """What may be called by whom is part of the declaration."""
    actions = _library().declaration.actions
    assert [(one.is_open, one.is_timer) for one in actions.values()] == [
        (True, False),
        (False, True),
    ]
    assert actions["lend"].parameters[0].doc == "number on the cover"
    assert _library().declaration.genesis is not None


def _changed(**changes: Any) -> bytes:
    """Return the hash of a small app, with one thing about it changed."""
    app = App(
        changes.get("name", "small"),
        version=changes.get("version", 1),
        grants=changes.get("grants", ()),
    )
    body = {
        "__annotations__": {"id": changes.get("column", Name)},
        "__doc__": changes.get("doc", "A thing."),
    }
    thing = types.new_class("Thing", (Row,), exec_body=lambda space: space.update(body))
    app.table(key="id", history=changes.get("history", "all"))(thing)

    def act(ctx: Context, thing: Any = "x") -> None:
        pass

    act.__annotations__["thing"] = changes.get("argument", Name)
    act.__doc__ = changes.get("doc", "Act.")
    act.__name__ = changes.get("action", "act")
    act.__defaults__ = (changes.get("default", "x"),)
    app.action(open=changes.get("open", False))(act)
    return app.declaration.schema_hash


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"version": 2},
        {"grants": ("schema",)},
        {"column": Name | None},
        {"column": Amount},
        {"history": "none"},
        {"argument": Name | None},
        {"action": "acts"},
        {"default": "y"},
        {"open": True},
    ],
)
def test_the_hash_covers_what_nodes_must_agree_on(change: dict[str, Any]) -> None:
    """Two nodes whose declarations differ in any rule refuse to run one ledger."""
    if change.get("column") == Name | None:
        with pytest.raises(BadDeclaration, match="required"):  # a key column may not be absent
            _changed(**change)
        return
    assert _changed(**change) != _changed()


def test_the_hash_covers_no_words() -> None:
    """``python -OO`` removes docstrings and must not change the ledger."""
    assert _changed(doc=None) == _changed() == _changed(doc="Other words.")


def test_the_hash_is_the_same_in_every_process() -> None:
    """Hash seed and removed docstrings leave the declaration's hash as it is."""
    code = "from tests.unit.sdk.tab import app; print(app.declaration.schema_hash.hex())"
    for options, seed in (([], "1"), (["-OO"], "2")):
        command = [sys.executable, *options, "-c", code]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        )
        assert done.stdout.strip() == TAB.schema_hash.hex()


@pytest.mark.parametrize("name", ["", "Tab", "comity", "tab-1", "a" * 41, "1tab", "h", "sqlite_x"])
def test_an_app_name_follows_the_grammar(name: str) -> None:
    """A name that a table or an action could not carry is refused at once."""
    with pytest.raises(BadDeclaration):
        App(name, version=1)


@pytest.mark.parametrize(
    "settings", [{"version": 0}, {"version": True}, {"version": 1, "grants": ("root",)}]
)
def test_versions_and_grants_are_checked(settings: dict[str, Any]) -> None:
    """Versions count from 1, and only what exists can be granted."""
    with pytest.raises(BadDeclaration):
        App("tab", **settings)


def _no_context(name: Name) -> None: ...
def _no_type(ctx: Context, name) -> None: ...  # type: ignore[no-untyped-def]  # refused below
def _no_result(ctx: Context): ...  # type: ignore[no-untyped-def]  # refused below
def _loose(ctx: Context, words: str) -> None: ...
def _many(ctx: Context, *names: Name) -> None: ...
def _any_named(ctx: Context, **names: Name) -> None: ...
def _by_place(ctx: Context, name: Name, /) -> None: ...
def _bad_default(ctx: Context, count: Count = 0) -> None: ...
def _list_default(ctx: Context, names: Annotated[list[Name], Many(3)] = []) -> None: ...  # noqa: B006 - refused below
def _null_default(ctx: Context, name: Name = None) -> None: ...  # type: ignore[assignment]  # refused below
def _loose_result(ctx: Context) -> int: ...  # type: ignore[empty-body]  # refused below
def _unknown_type(ctx: Context, name: Any) -> None: ...
def _unknown_refusal(ctx: Context) -> None:
    """Act. Raises: RowNotFuond."""


_unknown_type.__annotations__["name"] = "Nmae"


def _no_refusal(ctx: Context) -> None:
    """Act. Raises: ValueError."""


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (_no_context, "must be annotated Context"),
        (_no_type, "`name` has no type"),
        (_no_result, "annotate what it returns"),
        (_loose, "Annotated[str, Text(80)]"),
        (_many, "passed by name"),
        (_any_named, "passed by name"),
        (_by_place, "passed by name"),
        (_bad_default, "default 0 is not permitted: outside 1..1000"),
        (_list_default, "default [] is not permitted"),
        (_null_default, "a value is required"),
        (_loose_result, "result: int has no bound"),
        (_unknown_type, "cannot be read"),
        (_unknown_refusal, "raises RowNotFuond, which is no refusal"),
        (_no_refusal, "raises ValueError, which is no refusal"),
    ],
)
def test_mistakes_in_an_action_are_named(function: Any, words: str) -> None:
    """Each message says which action and argument it is about, and what to write."""
    app = App("odd", version=1)
    function.__name__ = "act"
    app.action(function)
    with pytest.raises(BadDeclaration) as refusal:
        _ = app.declaration
    assert str(refusal.value).startswith("odd.act")
    assert words in str(refusal.value)


def _declares(words: str, **parts: Any) -> None:
    app = App("odd", version=1)
    for role, items in parts.items():
        for item in items:
            getattr(app, role)(item)
    with pytest.raises(BadDeclaration, match=words):
        _ = app.declaration


def act(ctx: Context) -> None:
    """Act."""


def see(db: Reader) -> None:
    """See."""


def holds(db: Reader) -> bool:
    """Hold."""
    return not db.exists(tab.Member, "nobody")


def found(ctx: Context, founders: Founders) -> None:
    """Found."""


def Loud(ctx: Context) -> None:  # noqa: N802 - refused below
    """Shout."""


@pytest.mark.parametrize("count", [32, 33])
def test_the_number_of_arguments_is_bounded(count: int) -> None:
    """An action takes at most 32 arguments besides its context."""
    text = (
        "def wide(ctx: Context, "
        + ", ".join(f"a{at}: Name" for at in range(count))
        + ") -> None: ..."
    )
    space: dict[str, Any] = {"Context": Context, "Name": Name}
    exec(text, space)  # noqa: S102 - a signature too long to write out
    if count == 33:
        _declares("at most 32 arguments", action=[space["wide"]])
        return
    app = App("odd", version=1)
    app.action(space["wide"])
    assert len(app.declaration.actions["wide"].parameters) == count
    assert repr(app) == "App('odd', version=1)"


def test_names_stand_once() -> None:
    """Actions, timers, views and invariants share one space of names."""
    _declares("odd.act is declared twice", action=[act], timer=[act])
    _declares("odd.see is declared twice", view=[see, see])
    _declares("one genesis", genesis=[found, found])
    _declares("small letters", action=[Loud])


def test_each_role_has_its_first_argument() -> None:
    """A view gets a ``Reader``, which cannot write; an action gets a ``Context``."""
    _declares("must be annotated Reader", view=[act])
    _declares("must be annotated Context", action=[see])
    _declares("takes one argument", invariant=[act])
    _declares("returns bool", invariant=[see])
    _declares("founders: Founders", genesis=[act])
    app = App("odd", version=1)
    app.invariant(holds)
    assert [one.name for one in app.declaration.invariants] == ["holds"]


def test_a_table_that_cannot_be_made_is_refused() -> None:
    """A key or index that names no column, and a table declared twice, are told by name."""

    class Thing(Row):
        """A thing."""

        id: Name
        size: Amount | None = None

    for settings, words in (
        ({"key": "ide"}, "ide"),
        ({"key": ()}, "key of 1 to 8"),
        ({"key": "size"}, "must be required"),
        ({"key": "id", "indexes": ("sise",)}, "sise"),
        ({"key": "id", "history": 0}, "history"),
        ({"key": "id", "indexes": ("size", "size")}, "stands twice"),
    ):
        app = App("odd", version=1)
        app.table(**settings)(Thing)
        with pytest.raises(BadDeclaration, match=words):
            _ = app.declaration
    app = App("odd", version=1)
    app.table(key="id")(Thing)
    app.table(key="id")(Thing)
    with pytest.raises(BadDeclaration, match="declared twice"):
        _ = app.declaration


def test_nothing_is_added_after_the_declaration_was_read() -> None:
    """A module that is imported too late is told so, rather than silently left out."""
    app = App("late", version=1)
    assert app.declaration is app.declaration
    with pytest.raises(BadDeclaration, match="import all its modules first"):
        app.action(act)
    with pytest.raises(BadDeclaration, match="import all its modules first"):
        app.table(key="name")(tab.Member)


@pytest.mark.parametrize(
    ("class_name", "name"),
    [
        ("Member", "member"),
        ("JobOffer", "job_offer"),
        ("HTTPLog", "httplog"),
        ("A1", "a1"),
        ("AB", "ab"),
    ],
)
def test_table_names_are_class_names_in_small_letters(class_name: str, name: str) -> None:
    """A table is named after its class, word by word."""
    assert table_name(class_name) == name
