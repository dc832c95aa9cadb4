"""Hashes of many texts at once, for counting: quicker than those that identities are made of."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from setpoint.data.identity import mix

Hashes = npt.NDArray[np.uint64]

_PLACES = 256
_TABLE: Hashes = mix(np.arange(_PLACES * 256, dtype=np.uint64)).ravel()


def quick_hashes(texts: pa.Array) -> Hashes:
    """A hash for each text of an array without NULL: equal texts, equal hashes.

    Tabulation hashing (Zobrist 1970; Patrascu and Thorup 2012): the sum of a random word for each byte at its place.

    >>> one, two, three = quick_hashes(pa.array(["a", "b", "a"])).tolist()
    >>> one == three, one == two
    (True, False)
    """
    size = len(texts)
    ends = np.frombuffer(texts.buffers()[1], dtype=np.int32)[texts.offset : texts.offset + size + 1].astype(np.int64)
    lengths = np.diff(ends)
    hashes = mix(lengths.astype(np.uint64))
    if not size or ends[-1] == ends[0]:
        return mix(hashes)
    data = np.frombuffer(texts.buffers()[2], dtype=np.uint8)[ends[0] : ends[-1]]
    starts = ends[:-1] - ends[0]
    place = np.arange(data.size) - np.repeat(starts, lengths)
    words = _TABLE[(place % _PLACES) * 256 + data]
    if int(lengths.max()) > _PLACES:
        words *= (2 * (place // _PLACES) + 1).astype(np.uint64)
    filled = lengths > 0
    hashes[filled] += np.add.reduceat(words, starts[filled])
    return mix(hashes)
