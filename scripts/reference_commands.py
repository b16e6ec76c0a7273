"""The page of commands, from the commands themselves: what --help says, in one place.

Invariant: every command that ``comity`` knows is on the page.
"""

from collections.abc import Iterable, Iterator
from inspect import cleandoc

import click

from comity.cli.group import Command, LazyGroup
from comity.cli.main import cli

_EXIT_CODES = """| exit code | meaning |
|---:|---|
| 0 | done |
| 1 | refused by a rule, or lines of a file were rejected |
| 2 | usage, file or configuration |
| 3 | proof or audit failed |
| 4 | unavailable |
| 5 | the row changed meanwhile |
| 70 | fault |
| 130 | stopped |"""


def commands_page() -> Iterator[str]:
    """Yield the page of commands, line by line."""
    yield "# Commands"
    yield ""
    yield "`comity COMMAND --help` says the same. Data goes to standard output, words to standard error."
    yield ""
    yield _EXIT_CODES
    context = click.Context(cli, info_name="comity")
    commands = list(_all(cli, context))
    everywhere = next(one.params[one.own :] for one, _ in commands if _writes(one))
    yield from ("", "## Options of every command", "")
    yield from _options(everywhere, context)
    yield from ("", "`--dry-run` only where something is written.")
    for command, where in commands:
        yield from _command(command, where)


def _all(group: click.Group, context: click.Context) -> Iterator[tuple[Command, click.Context]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        inner = click.Context(command or group, parent=context, info_name=name)
        if isinstance(command, LazyGroup):
            yield from _all(command, inner)
        elif isinstance(command, Command):
            yield command, inner
        else:
            raise TypeError(f"{inner.command_path} is no command of ours")


def _writes(command: Command) -> bool:
    return any("--dry-run" in one.opts for one in command.params[command.own :])


def _command(command: Command, context: click.Context) -> Iterator[str]:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield from ("", f"## `{context.command_path}`", "")
    yield from cleandoc(command.help or "").replace("\b\n", "").split("\n")
    yield from ("", "```text", usage, "```")
    own = [one for one in command.params[: command.own] if isinstance(one, click.Option)]
    if own:
        yield ""
        yield from _options(own, context)
    if command.examples:
        yield from ("", "```text", *command.examples.split("\n"), "```")


def _options(params: Iterable[click.Parameter], context: click.Context) -> Iterator[str]:
    yield from ("| option | |", "|---|---|")
    for param in params:
        record = param.get_help_record(context)
        if record is not None:
            names, words = (text.replace("|", "\\|").replace("\n", " ") for text in record)
            yield f"| `{names}` | {words} |"
