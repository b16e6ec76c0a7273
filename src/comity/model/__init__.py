"""Frozen records and their canonical bytes."""
