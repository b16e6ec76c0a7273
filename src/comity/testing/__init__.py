"""For application authors: a ledger in memory, strategies, a pytest plugin."""
