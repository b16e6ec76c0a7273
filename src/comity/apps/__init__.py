"""The applications that ship; each is loaded by entry point, like a stranger's."""
