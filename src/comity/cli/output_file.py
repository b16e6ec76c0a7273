"""``-o FILE``: where a command writes a proof or a checkpoint.

What was written before is evidence that perhaps nobody can make again, so it is kept unless the user says
otherwise; a pipe or a device is written as it is.

Invariant: what cannot be written is told before any work is done.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from comity.errors import ConfigError

F = TypeVar("F", bound=Callable[..., Any])


def output_options(*, required: bool = False) -> Callable[[F], F]:
    """Give a command ``-o FILE`` and ``--force``."""

    def decorate(function: F) -> F:
        function = click.option("--force", is_flag=True, help="Replace FILE if it exists.")(
            function
        )
        return click.option(
            "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", required=required,
            help="Where to.",
        )(function)  # fmt: skip

    return decorate


def check_output(path: Path, *, force: bool) -> None:
    """Refuse a file that exists, or whose folder does not. Raises: ConfigError."""
    if path.is_dir():
        raise ConfigError(f"{path} is a directory; name a file in it")
    if not path.parent.is_dir():
        raise ConfigError(f"{path}: there is no folder {path.parent}; make it, or name another")
    if path.is_file() and not force:
        raise ConfigError(f"{path} exists; name another file, or replace it with --force")


def write_output(path: Path, data: bytes) -> None:
    """Write what was made. Raises: ConfigError, where that is not permitted; OSError, such as a full disk."""
    try:
        path.write_bytes(data)
    except PermissionError as error:
        raise ConfigError(f"{path}: {error.strerror}; name a file in another folder") from error
