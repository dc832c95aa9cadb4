"""Identities: new ones that sort by time, and derived ones that replay gives again."""

from __future__ import annotations

import hashlib
import os
import threading
import time as _time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


class _Ticker:
    """Microseconds that never repeat within a process."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def next(self) -> int:
        with self._lock:
            self._last = max(self._last + 1, _time.time_ns() // 1000)
            return self._last


_ticker = _Ticker()


def _spell(number: int, length: int) -> str:
    text = []
    for _ in range(length):
        number, digit = divmod(number, 32)
        text.append(_ALPHABET[digit])
    return "".join(reversed(text))


def new(prefix: str) -> str:
    """A new identity, unique across processes, in order of creation within one.

    >>> new("d") < new("d")
    True
    """
    return f"{prefix}_{_spell(_ticker.next(), 11)}{_spell(int.from_bytes(os.urandom(8), 'big') >> 4, 12)}"


def derived(prefix: str, *names: str) -> str:
    """The identity of something named by what it is; the same names give the same identity.

    >>> derived("d", "flights", "UA1545") == derived("d", "flights", "UA1545")
    True
    """
    text = "\x1f".join(names).encode()
    return f"{prefix}_{_spell(int.from_bytes(hashlib.blake2b(text, digest_size=14).digest(), 'big') >> 2, 22)}"
