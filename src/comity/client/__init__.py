"""The Python client and the keys of its user."""
