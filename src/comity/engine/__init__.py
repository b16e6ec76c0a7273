"""The port Engine and its adapters."""
