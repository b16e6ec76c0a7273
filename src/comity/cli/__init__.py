"""One command, ``comity``, with nouns and verbs."""

from comity.cli.main import main

__all__ = ["main"]
