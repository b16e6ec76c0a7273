"""Processes that end with this one, however it ends, so that no benchmark leaves any behind."""

import shutil


def bound(*command: str) -> list[str]:
    """Return the command that runs ``command`` so; where the system has no ``setpriv``, as it is."""
    prefix = ["setpriv", "--pdeathsig", "INT"] if shutil.which("setpriv") else []
    return [*prefix, *command]
