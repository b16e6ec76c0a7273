"""Commands and groups: examples first in the help, options that are everywhere, modules imported late.

Invariant: every command takes the options of ``session``, whose values one ``Session`` holds.
"""

from importlib import import_module
from textwrap import dedent
from typing import Any

import click

from comity.cli import session


class Command(click.Command):
    """A command with examples and the options that are everywhere.

    Args:
        examples: lines of a terminal.
        writes: it takes ``--dry-run`` too.

    """

    def __init__(
        self, *args: Any, examples: str = "", writes: bool = False, **settings: Any
    ) -> None:
        super().__init__(*args, **settings)
        self.examples = dedent(examples).strip("\n")
        self.own = len(self.params)
        self.params += session.options(writes=writes)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help: examples, usage, text, options."""
        write_examples(self.examples, formatter)
        super().format_help(ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options, then those that are everywhere."""
        for title, params in (
            ("Options", self.params[: self.own]),
            ("Everywhere", self.params[self.own :]),
        ):
            records = [record for param in params if (record := param.get_help_record(ctx))]
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


class LazyGroup(click.Group):
    """A group whose commands are imported when they run.

    Args:
        lazy: (module:attribute, short help) by name.

    """

    def __init__(
        self,
        *args: Any,
        lazy: dict[str, tuple[str, str]] | None = None,
        examples: str = "",
        **settings: Any,
    ) -> None:
        super().__init__(*args, **settings)
        self.lazy = lazy or {}
        self.examples = dedent(examples).strip("\n")

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which people need them."""
        return [*self.lazy, *self.commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported now if need be."""
        if cmd_name in self.lazy:
            module, _, name = self.lazy[cmd_name][0].partition(":")
            found: click.Command = getattr(import_module(module), name)
            return found
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command, or name the nearest."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            matches = import_module("difflib").get_close_matches(
                args[0], self.list_commands(ctx), 1
            )
            hint = f" Did you mean {matches[0]}?" if matches else ""
            known = ", ".join(self.list_commands(ctx))
            raise click.UsageError(
                f"there is no command {args[0]!r}.{hint} Commands are: {known}", ctx
            ) from error

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help: examples, usage, text, commands."""
        write_examples(self.examples, formatter)
        super().format_help(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands without importing them."""
        rows = [(name, summary) for name, (_, summary) in self.lazy.items()]
        rows += [(name, one.get_short_help_str(80)) for name, one in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def write_examples(examples: str, formatter: click.HelpFormatter) -> None:
    """Write examples, each on a line."""
    if not examples:
        return
    formatter.write("Examples:\n")
    for line in examples.splitlines():
        formatter.write(f"  {line}\n")
    formatter.write("\n")
