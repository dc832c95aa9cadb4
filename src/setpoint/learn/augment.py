"""Made-up rows to train on: copies of the training rows, each changed as the declaration says.

Only rows of the training side come here, after the split and after encodings were fitted; a made-up row has the time
and the weight of the row that it was made from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from setpoint.core.errors import DeclarationError, NameUnknown
from setpoint.core.rng import seed_for
from setpoint.data.arrays import to_array, to_arrow
from setpoint.data.rows import kinds
from setpoint.declare.augment import Augment, Crop, Mixup, Noise, Shift, Substitute
from setpoint.declare.kinds import NUMBER, TEXT
from setpoint.learn.sides import Examples
from setpoint.measure.rows import Array


def augmented(augment: Augment, rows: Examples, *, seed: int) -> Examples:
    """The made-up rows alone, `copies` times as many as the rows given; with mixup twice that.

    A mixed label p becomes two rows, a positive of p times the weight and a negative of the rest, which is the same to
    a log loss. The same rows and seed give the same made-up rows. Raises NameUnknown or DeclarationError for a feature
    that is not there or of another kind.

    >>> features = pa.table({"total": [1.0, 2.0, 3.0], "city": ["Rome", None, "Oslo"]})
    >>> rows = Examples(features, features, np.array([1.0, 0.0, 0.0]), np.array([1, 2, 3]))
    >>> changes = Noise(("total",), 0.1), Substitute("city", (("Rome", ("Roma",)),), 1.0)
    >>> made = augmented(Augment(changes, 1), rows, seed=0)
    >>> made.features["city"].to_pylist(), bool(np.abs(made.features["total"].to_numpy() - [1, 2, 3]).max() < 0.5)
    (['Roma', None, 'Oslo'], True)
    """
    check_changes(augment, rows.features)
    rng = np.random.default_rng(seed_for(seed, "augment"))
    copies = rows.take(np.tile(np.arange(rows.y.size), augment.copies))
    for change in augment.changes:
        if isinstance(change, Mixup):
            copies = _mixed(change, copies, rng)
        elif isinstance(change, Noise):
            copies = _noisy(change, copies, rows, rng)
        elif isinstance(change, Substitute):
            copies = _reworded(change, copies, rng)
        else:
            copies = _moved(change, copies, rng)
    return copies


def check_changes(augment: Augment, features: pa.Table) -> None:
    """Raises NameUnknown or DeclarationError for a change of a feature that is not there, or of another kind."""
    there = kinds(features)
    for change in augment.changes:
        wanted = TEXT if isinstance(change, Substitute) else NUMBER
        for name in change.features:
            if name not in there:
                raise NameUnknown("feature", name, there, where="The training set")
            if there[name] != wanted:
                raise DeclarationError(
                    f"augment() changes {name!r}, which is a {there[name]}.", expected=f"a feature that is a {wanted}"
                )


def together(rows: Examples, made: Examples) -> Examples:
    """Real and made-up rows as one."""
    joined = {name: np.concatenate([values, made.outcome[name]]) for name, values in rows.outcome.items()}
    return Examples(
        pa.concat_tables([rows.features, made.features]),
        pa.concat_tables([rows.fields, made.fields]),
        np.concatenate([rows.y, made.y]),
        np.concatenate([rows.at, made.at]),
        joined,
        np.concatenate([rows.weight, made.weight]),
    )


def _noisy(change: Noise, copies: Examples, rows: Examples, rng: np.random.Generator) -> Examples:
    def noisy(name: str, values: Array) -> Array:
        real = to_array(rows.features[name], NUMBER)
        finite = real[np.isfinite(real)]
        deviation = float(finite.std()) if finite.size else 0.0
        return values + rng.normal(0.0, change.by * deviation, values.size)

    return _changed(copies, change.features, noisy)


def _reworded(change: Substitute, copies: Examples, rng: np.random.Generator) -> Examples:
    """Each word of the list replaced at its rate; different texts are reworded once for each way it falls out."""
    others = {word.lower(): choices for word, choices in change.words}
    longest_first = sorted(others, key=len, reverse=True)
    pattern = re.compile(rf"(?<!\w)({'|'.join(map(re.escape, longest_first))})(?!\w)", re.IGNORECASE)
    texts = to_array(copies.features[change.feature], TEXT)
    has = np.array([text is not None and pattern.search(text) is not None for text in texts], dtype=bool)

    def other(found: re.Match[str]) -> str:
        if rng.random() >= change.rate:
            return found[0]
        choices = others[found[0].lower()]
        word = choices[int(rng.integers(len(choices)))]
        return word.capitalize() if found[0][0].isupper() and not found[0].isupper() else word

    reworded = texts.copy()
    reworded[has] = [pattern.sub(other, text) for text in texts[has]]
    column = pa.array(reworded, pa.string())
    place = copies.features.column_names.index(change.feature)
    return replace(copies, features=copies.features.set_column(place, change.feature, column))


def _moved(change: Shift | Crop, copies: Examples, rng: np.random.Generator) -> Examples:
    """Images through a choice of pixels: each pixel of the new image is one of the old, or the fill."""
    width, height = change.width, len(change.features) // change.width
    images = np.stack([to_array(copies.features[name], NUMBER) for name in change.features], axis=1)
    n, rows, columns = images.shape[0], np.arange(height), np.arange(width)
    if isinstance(change, Shift):
        down, right = rng.integers(-change.by, change.by + 1, (2, n))
        from_row, from_column = rows[None] - down[:, None], columns[None] - right[:, None]
        fill = change.fill
    else:
        from_row, from_column = (_cropped(side, change.keep, n, rng) for side in (height, width))
        fill = 0.0
    inside = ((from_row >= 0) & (from_row < height))[:, :, None] & ((from_column >= 0) & (from_column < width))[:, None]
    pixel = np.clip(from_row, 0, height - 1)[:, :, None] * width + np.clip(from_column, 0, width - 1)[:, None]
    moved = np.where(inside, images[np.arange(n)[:, None, None], pixel], fill).reshape(n, -1)
    place = {name: i for i, name in enumerate(change.features)}
    return _changed(copies, change.features, lambda name, _: moved[:, place[name]])


def _cropped(side: int, keep: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """Which old line each new line of a side shows, for each image."""
    part = rng.uniform(keep, 1.0, n) * side
    start = rng.uniform(0.0, side - part)
    middles = (np.arange(side) + 0.5) / side
    return np.asarray(np.floor(start[:, None] + middles[None] * part[:, None]), dtype=np.intp)


def _mixed(change: Mixup, copies: Examples, rng: np.random.Generator) -> Examples:
    """Each row mixed with a partner; the larger part is its own, so that what cannot be mixed stays."""
    part = rng.beta(change.alpha, change.alpha, copies.y.size)
    part = np.maximum(part, 1.0 - part)
    partner = rng.permutation(copies.y.size)

    def mix(_: str, values: Array) -> Array:
        mixed = part * values + (1.0 - part) * values[partner]
        return np.where(np.isnan(mixed), values, mixed)

    numbers = [name for name, kind in kinds(copies.features).items() if kind == NUMBER]
    mixed = _changed(copies, numbers, mix)
    p = part * copies.y + (1.0 - part) * copies.y[partner]
    yes, no = np.flatnonzero(p > 0), np.flatnonzero(p < 1)
    doubled = mixed.take(np.concatenate([yes, no]))
    return replace(
        doubled,
        y=np.concatenate([np.ones(yes.size), np.zeros(no.size)]),
        weight=doubled.weight * np.concatenate([p[yes], 1.0 - p[no]]),
    )


def _changed(copies: Examples, names: Sequence[str], change: Callable[[str, Array], Array]) -> Examples:
    """The rows with some numbers changed; NULL stays NULL."""
    features = copies.features
    for name in names:
        values: Any = to_array(features[name], NUMBER)
        changed = np.where(np.isnan(values), np.nan, change(name, values))
        features = features.set_column(features.column_names.index(name), name, to_arrow(changed, NUMBER))
    return replace(copies, features=features)
