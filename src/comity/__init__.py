"""Comity: a database that organisations and people share without having to trust one another.

This module holds the version and nothing else, so that importing it costs nothing.
"""

__version__ = "0.1.0"
