"""Comity: a database that organisations and people share without having to trust one another."""

__version__ = "0.1.0"
