"""Configuration, wiring and lifecycle of one node."""
