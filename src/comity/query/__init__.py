"""Bounded read-only SQL and views at a height, with proofs."""
