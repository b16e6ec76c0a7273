"""Audit: replay a ledger from its genesis and name whatever its file says otherwise."""
