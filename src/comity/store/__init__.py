"""Rows in SQLite, state tree, history and log."""
