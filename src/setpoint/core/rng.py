"""Seeds: every random choice is derived from one seed and the names of what it is for."""

from __future__ import annotations

import hashlib


def seed_for(seed: int, *names: str) -> int:
    """A 63-bit seed for one purpose, independent of every other purpose's.

    >>> seed_for(1, "bootstrap") == seed_for(1, "bootstrap") != seed_for(1, "search")
    True
    """
    text = "\x1f".join([str(seed), *names]).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1
