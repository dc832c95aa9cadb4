"""The 64 bits that stand for one value, as `identity` gives them for arrays."""

from __future__ import annotations

from functools import lru_cache
from struct import Struct

import pyarrow as pa

from setpoint.data.identity import text_hashes

_MASK = 2**64 - 1
_BITS, _WORD = Struct("<d").pack, Struct("<Q").unpack


def mix(word: int) -> int:
    """`identity.mix` of one word; of more than 64 bits the lowest count.

    >>> mix(0)
    16294208416658607535
    """
    word = (word + 0x9E3779B97F4A7C15) & _MASK
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & _MASK
    return word ^ (word >> 31)


def word_of(value: float | str) -> int:
    """The 64 bits that stand for a number (its own, -0.0 as 0.0) or a text (`identity.text_hashes`).

    >>> word_of(-0.0), f"{word_of('a'):016x}"
    (0, 'd442dd5b42960211')
    """
    if isinstance(value, str):
        return _text_word(value)
    return int(_WORD(_BITS(value + 0.0))[0])


@lru_cache(maxsize=1 << 16)
def _text_word(text: str) -> int:
    return int(text_hashes(pa.array([text], pa.string()))[0])
