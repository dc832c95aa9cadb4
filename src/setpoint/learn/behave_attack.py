"""Edits that look for the worst: a few values of each row, changed so that its score moves most against its label."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from setpoint.declare.behaviour import SteadyUnderAttack
from setpoint.declare.kinds import TEXT
from setpoint.declare.plan import Plan
from setpoint.learn.behave_change import alter, kind_of_name, values_of
from setpoint.learn.behave_faults import mistype
from setpoint.learn.sides import Examples

STEPS = (-1.0, -0.5, 0.5, 1.0)
"""How far a number is moved, in the size that an edit may have."""
DRAWS = 4
"""Typos of a text that are tried for each edit; one more is a letter that looks alike."""
ALIKE = str.maketrans("aceiopsxyACEHKMOPTX01", "асеіорѕхуАСЕНКМОРТХOl")
"""Letters, and others that look the same: Cyrillic ones, and letters like digits."""


def attack(
    plan: Plan,
    rows: Examples,
    seen: Examples,
    expected: SteadyUnderAttack,
    *,
    score: Callable[[Examples], np.ndarray],
    seed: int,
) -> Examples:
    """The rows after so many edits, each the one that moves the score most against the row's label, if any does.

    A positive row is edited for a lower score and a negative one for a higher. A number is edited once, within what
    training has seen; a text as often as there are edits. What follows from a name follows.
    """
    rng, against = np.random.default_rng(seed), np.where(rows.y > 0, -1.0, 1.0)
    free = {name: np.ones(rows.y.shape[0], dtype=bool) for name in expected.on}
    reached = against * score(rows)
    for _ in range(expected.edits):
        best, chosen = reached.copy(), np.full(rows.y.shape[0], None, dtype=object)
        told: dict[str, np.ndarray] = {}
        for name in expected.on:
            told[name] = values_of(plan, rows, name).copy()
            for values in _edits(plan, rows, seen, name, expected.size, rng=rng):
                moved = against * score(alter(plan, rows, name, values))
                better = (moved > best) & free[name]
                best[better], chosen[better] = moved[better], name
                told[name][better] = values[better]
        for name in expected.on:
            mine = chosen == name
            if not mine.any():
                continue
            rows = alter(plan, rows, name, np.where(mine, told[name], values_of(plan, rows, name)))
            if kind_of_name(plan, name) != TEXT:
                free[name] &= ~mine
        reached = best
    return rows


def look_alike(text: str, at: float) -> str:
    """A text with one of its letters replaced by another that looks alike; as it is where it has none.

    >>> look_alike("vienna", 0.0) == "vienna", look_alike("vienna", 0.0).isascii(), look_alike("", 0.5)
    (False, False, '')
    """
    places = [place for place, letter in enumerate(text) if letter.translate(ALIKE) != letter]
    if not places:
        return text
    place = places[int(at * len(places))]
    return text[:place] + text[place].translate(ALIKE) + text[place + 1 :]


def _edits(
    plan: Plan, rows: Examples, seen: Examples, name: str, size: float, *, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Values that a field or feature may be edited to, for all rows at once."""
    values = values_of(plan, rows, name)
    if kind_of_name(plan, name) != TEXT:
        known = values_of(plan, seen, name)
        known = known[~np.isnan(known)]
        if known.size:
            for step in STEPS:
                yield np.clip(values + step * size * float(known.std()), known.min(), known.max())
        return
    for _ in range(DRAWS):
        yield mistype(values, rng=rng)
    yield _look_alikes(values, rng=rng)


def _look_alikes(values: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """Each different text with one letter that looks alike, at a place by chance; None stays None."""
    known = np.array([text is not None for text in values], dtype=bool)
    names, codes = np.unique(values[known].astype(str), return_inverse=True)
    edited: list[Any] = [
        look_alike(str(name), float(at)) for name, at in zip(names, rng.random(names.size), strict=True)
    ]
    found = values.copy()
    if names.size:
        found[known] = np.array(edited, dtype=object)[codes]
    return found
