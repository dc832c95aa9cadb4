"""How a label of hand was acquired: asked for by lot and with which chance, picked by a strategy, or neither.

Each key has a number for good, its lot (permanent random numbers: Ohlsson 1995, "Coordination of Samples Using
Permanent Random Numbers"). A draw asks about the decisions of a pool whose lot is below a limit, the lowest lot that it
leaves out; so a decision was asked about at random if its lot is below the highest limit of the draws from pools that
it was or could have been in, and that limit is its chance (weights of one over a limit that does not depend on a row's
own lot: Cohen and Kaplan 2007, "Summarizing Data Using Bottom-k Sketches"). What a strategy had picked before counts
among those as well, as lot would ask about it now: without, the random ones would lack just what strategies pick.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from setpoint.core.ports import Metadata
from setpoint.core.rng import seed_for
from setpoint.data.identity import mix, text_hashes
from setpoint.data.labels import AT_RANDOM, KNOWN, NATURAL, PICKED, Acquired, Labels

ERRORS = "errors"
"""The strategy that picks labels which are likely wrong: it asks again, and acquires no label that was not there."""


@dataclass(frozen=True)
class Draw:
    """A draw by lot, at a time: of the decisions taken from `start` to `end`, those whose lot is below `limit`."""

    at: int
    start: int
    end: int
    limit: float


@dataclass(frozen=True)
class Asked:
    """What people were asked about by a strategy: when each key was picked, when it was decided on, and all draws.

    `doubted` is when a key's label was first said to be likely wrong.
    """

    picked: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    doubted: Mapping[str, int] = field(default_factory=dict)
    draws: Sequence[Draw] = ()
    seed: int = 0

    def chances(self, key: str, since: int, until: int | None = None) -> list[tuple[int, float | None]]:
        """The chance with which a label known since a time was asked for, with each time from which it holds.

        It is None for a label that no strategy asked for, and 0 for one that was picked; a later draw may raise it.

        >>> asked = Asked({"a": (10, 5)}, draws=[Draw(10, 0, 9, 1.0)])
        >>> asked.chances("a", 12), asked.chances("b", 12)
        ([(12, 1.0)], [(12, None)])
        """
        at, decided = self.picked.get(key, (since + 1, 0))
        if at > since:
            return [(since, None)]
        lot = self._lots[key]
        steps: list[tuple[int, float | None]] = [(since, 0.0)]
        highest = 0.0
        for draw in self.draws:
            if draw.limit <= highest or not draw.start <= decided <= draw.end:
                continue
            if until is not None and draw.at >= until:
                break
            highest = draw.limit
            if lot < highest:
                here = max(draw.at, since)
                steps = [*[step for step in steps if step[0] < here], (here, highest)]
        return steps

    @cached_property
    def _lots(self) -> dict[str, float]:
        keys = list(self.picked)
        return dict(zip(keys, lots(keys, seed=self.seed).tolist(), strict=True))


def lots(keys: Sequence[str], *, seed: int) -> np.ndarray:
    """The lot of each key: a number from 0 to 1, even over all keys, that it has for good.

    >>> lots(["a", "b"], seed=1).tolist() == lots(["b", "a"], seed=1).tolist()[::-1]
    True
    """
    salt = np.uint64(seed_for(seed, "random labels"))
    return np.asarray((mix(text_hashes(pa.array(keys, pa.string())) ^ salt) >> np.uint64(11)) * 2.0**-53)


def lot_seed(name: str) -> int:
    """The seed of the lots of a queue: lots must stay what they are whatever the seed of a run is."""
    return seed_for(0, "lots", name)


def limit_of(keys: Sequence[str], drawn: int, *, seed: int) -> float:
    """The limit of a draw of so many of these keys: the lowest lot left out, 1 where none is.

    >>> limit_of(["a", "b"], 2, seed=1)
    1.0
    """
    every = np.sort(lots(keys, seed=seed))
    return float(every[drawn]) if drawn < every.size else 1.0


def remember(
    name: str,
    metadata: Metadata,
    picks: Iterable[Mapping[str, Any]],
    *,
    strategy: str,
    now: int,
    draw: Draw | None = None,
) -> None:
    """Record what was picked of a queue by which strategy, and what was drawn by lot beside it."""
    with metadata.transaction():
        metadata.append(_picks(name), [{**each, "strategy": strategy, "at": now} for each in picks])
        if draw is not None:
            metadata.append(_draws(name), [asdict(draw)])


def why_asked(name: str, metadata: Metadata, key: str) -> list[dict[str, Any]]:
    """Each time an item was picked to be labelled: by which strategy, why, and when; the last one last."""
    return metadata.find(_picks(name), key=key)


def asked_of(name: str, metadata: Metadata) -> Asked:
    """What was ever picked of a queue."""
    picked: dict[str, tuple[int, int]] = {}
    doubted: dict[str, int] = {}
    for each in metadata.find(_picks(name)):
        if each["strategy"] == ERRORS:
            doubted.setdefault(each["key"], each["at"])
        else:
            picked.setdefault(each["key"], (each["at"], each["decided"]))
    return Asked(picked, doubted, [Draw(**each) for each in metadata.find(_draws(name))], lot_seed(name))


def acquired(before: Labels, after: Labels, rows: np.ndarray, chance: np.ndarray, judged: np.ndarray) -> Labels:
    """The labels after some, at `rows`, were told, with how they were acquired; as they are where all are natural.

    `chance` is NaN where no strategy asked, and `judged` the value that a label had before it was doubted, NaN where it
    had none. A decision whose label is known without anybody being asked is judged by that one.
    """
    if np.isnan(chance).all() and (judged == after.value[rows]).all():
        return after
    size = before.state.size
    how, chances = np.full(size, NATURAL, dtype=np.int8), np.ones(size)
    state, value = after.state.copy(), after.value.copy()
    natural, known = np.isnan(chance), before.state[rows] == KNOWN
    how[rows] = np.where(natural | known, NATURAL, np.where(chance > 0, AT_RANDOM, PICKED))
    chances[rows] = np.where(natural | known, 1.0, chance)
    back = (~natural & (known | (chance <= 0))) | np.isnan(judged)
    state[rows] = np.where(back, before.state[rows], KNOWN)
    value[rows] = np.where(back, before.value[rows], judged)
    return replace(after, acquired=Acquired(how, chances, state, value))


def _picks(name: str) -> str:
    return f"label pick/{name}"


def _draws(name: str) -> str:
    return f"label draw/{name}"
