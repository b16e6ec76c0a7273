"""Hashes, signatures, Merkle structures and their proofs; no I/O."""
