"""Answers as Arrow, and Arrow as rows. Imported only when it is asked for."""
