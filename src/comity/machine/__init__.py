"""The state machine: checks, executes and commits blocks."""
