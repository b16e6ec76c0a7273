"""Applications: an author's tables, actions, views and invariants, gathered by decorators.

Invariant: decorators hand back what they were given, so the code stays plain Python; everything is
checked at once, when ``declaration`` is first read, and nothing can be added after that.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, overload

from comity.errors import BadDeclaration, Malformed
from comity.model.names import check_name
from comity.model.schema import History, Index
from comity.sdk import compiler
from comity.sdk.context import R
from comity.sdk.declaration import Declaration

GRANTS = ("accounts", "schema")

F = TypeVar("F", bound=Callable[..., Any])


class App:
    """An application: ``app = App("tab", version=1)``, then decorate its parts.

    Args:
        name: small letters, digits, single underscores; tables are named ``<name>__<table>``.
        version: raised whenever rules or tables change; ledgers run the version in their state.
        grants: what genesis must grant: ``schema`` to make tables at run time, ``accounts`` to
            change accounts and keys.
        parameters: names of what a genesis may set for this app; ``db.parameter`` reads them.

    Raises:
        BadDeclaration: a name, version or grant that cannot be.

    """

    def __init__(
        self,
        name: str,
        *,
        version: int,
        grants: Sequence[str] = (),
        parameters: Sequence[str] = (),
    ) -> None:
        try:
            self.name = check_name(name, "app")
            self.parameters = tuple(check_name(item, "parameter") for item in parameters)
        except Malformed as error:
            raise BadDeclaration(str(error)) from error
        if type(version) is not int or version < 1:
            raise BadDeclaration(f"app {name}: version is a number from 1")
        if any(grant not in GRANTS for grant in grants):
            raise BadDeclaration(f"app {name}: grants are some of {', '.join(GRANTS)}")
        self.version = version
        self.grants = tuple(sorted(dict.fromkeys(grants)))
        self._parts = compiler.Parts()
        self._declaration: Declaration | None = None

    def __repr__(self) -> str:
        return f"App({self.name!r}, version={self.version})"

    @property
    def declaration(self) -> Declaration:
        """Return all that the application declares, checked. Raises: BadDeclaration."""
        if self._declaration is None:
            self._declaration = compiler.compile_app(
                self.name, self.version, self.grants, self.parameters, self._parts
            )
        return self._declaration

    def table(
        self,
        *,
        key: str | tuple[str, ...],
        indexes: Sequence[str | tuple[str, ...] | Index] = (),
        unique: Sequence[str | tuple[str, ...]] = (),
        history: History = "all",
        salted: bool = False,
    ) -> Callable[[type[R]], type[R]]:
        """Make a row class a table, named as the class: ``JobOffer`` makes ``job_offer``.

        Args:
            key: column, or columns in order, that name a row for ever.
            indexes: columns by which actions read ranges; the index of ``("a", "b")`` is ``a_b``.
            unique: the same, where no two rows may agree.
            history: versions kept: ``all``, those of the last N heights, or ``none``.
            salted: rows carry a salt, so that a hash shown in a proof cannot be guessed back.

        """

        def decorate(table: type[R]) -> type[R]:
            self._check_open(table.__name__)
            settings = compiler.TableSettings(
                key=(key,) if isinstance(key, str) else tuple(key),
                indexes=(
                    *(compiler.index_of(columns, is_unique=False) for columns in indexes),
                    *(compiler.index_of(columns, is_unique=True) for columns in unique),
                ),
                history=history,
                is_salted=salted,
            )
            self._parts.tables.append((table, settings))
            return table

        return decorate

    @overload
    def action(self, function: F, /) -> F: ...
    @overload
    def action(self, /, *, open: bool) -> Callable[[F], F]: ...
    def action(
        self,
        function: F | None = None,
        /,
        *,
        open: bool = False,  # noqa: A002 - the word of rule R2.4
    ) -> F | Callable[[F], F]:
        """Declare a function that writes: ``(ctx: Context, name: type, ...) -> result``.

        Args:
            open: who has no account yet may call it, to join; all other actions are for members.

        """
        decorate = self._add("action", is_open=open)
        return decorate if function is None else decorate(function)

    def timer(self, function: F, /) -> F:
        """Declare an action that nobody can call: ``ctx.timers.set`` has it run later."""
        return self._add("timer")(function)

    def genesis(self, function: F, /) -> F:
        """Declare what puts the first rows of a ledger: ``(ctx: Context, founders: Founders) -> None``.

        The founders' accounts exist already; a refusal stops ``comity init``.
        """
        return self._add("genesis")(function)

    def roles(self, function: F, /) -> F:
        """Declare whom quotas count as what: ``(db: Reader, account: AccountId) -> list[Name]``, sorted.

        The ledger asks every app that declares it; reads by key only, as in an action.
        """
        return self._add("roles")(function)

    def view(self, function: F, /) -> F:
        """Declare a function that reads: ``(db: Reader, name: type, ...) -> result``."""
        return self._add("view")(function)

    def invariant(self, function: F, /) -> F:
        """Declare what always holds, for tests to check: ``(db: Reader) -> bool``."""
        return self._add("invariant")(function)

    def _add(self, role: compiler.Role, *, is_open: bool = False) -> Callable[[F], F]:
        def decorate(function: F) -> F:
            self._check_open(function.__name__)
            self._parts.functions.append((role, function, is_open))
            return function

        return decorate

    def _check_open(self, name: str) -> None:
        if self._declaration is not None:
            raise BadDeclaration(
                f"app {self.name}: {name} is declared after the declaration was read; "
                "import all its modules first"
            )
