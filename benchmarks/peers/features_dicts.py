"""Plain Python: the tiles that windowed aggregates need, in dictionaries, as a careful team would write them.

python features_dicts.py FOLDER EVENTS
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from common.costs import peak_mb, spent, tell

SECOND = 1_000_000
LEVELS = (
    (15 * SECOND, 3600 * SECOND),
    (300 * SECOND, 86_400 * SECOND),
    (3600 * SECOND, 30 * 86_400 * SECOND),
)
"""Tile and reach of each level: 1h windows read the first, 1d the second, 7d and 30d the third."""

Event = tuple[int, int, float]
Tile = list[float]


class Tiles:
    """Count, sum, sum of squares, least, greatest, and time and value of the last, by card, level and tile.

    Sums are plain floats: they depend on the order of arrival, and a late event does not.
    """

    def __init__(self) -> None:
        self.cards: dict[int, tuple[dict[int, Tile], ...]] = {}

    def feed(self, events: Iterable[Event]) -> None:
        """Take in a batch; tiles beyond a level's reach go when a new one comes."""
        cards = self.cards
        for card, at, value in events:
            levels = cards.get(card)
            if levels is None:
                levels = cards[card] = tuple({} for _ in LEVELS)
            for (width, reach), tiles in zip(LEVELS, levels, strict=True):
                start = at - at % width
                tile = tiles.get(start)
                if tile is None:
                    oldest = next(iter(tiles), start)
                    while oldest < start - reach - width:
                        del tiles[oldest]
                        oldest = next(iter(tiles), start)
                    tiles[start] = [1, value, value * value, value, value, at, value]
                    continue
                tile[0] += 1
                tile[1] += value
                tile[2] += value * value
                tile[3] = min(tile[3], value)
                tile[4] = max(tile[4], value)
                if at >= tile[5]:
                    tile[5] = at
                    tile[6] = value


if __name__ == "__main__":
    folder, size = Path(sys.argv[1]), int(sys.argv[2])
    with np.load(folder / "stream.npz") as columns:
        events = list(zip(*[columns[name][:size].tolist() for name in ("card", "at", "amount")], strict=True))
    state = Tiles()
    gc.disable()  # nothing here is a cycle, and looking for them costs half as much again
    before = spent()
    for start in range(0, size, 10_000):
        state.feed(events[start : start + 10_000])
    tell(cpu=spent() - before, peak=peak_mb(), cards=len(state.cards))
