"""The learning curve: the loss on newer rows after each round of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class LearnedByRounds(Protocol):
    """A model fresh from a training by rounds that newer rows stopped.

    `curve` has the name of each loss and its value on the newer rows after each round. It is about the training, not
    the model: it is no part of what is saved, and a model that was loaded has none.
    """

    curve: Mapping[str, Sequence[float]]


def curve_of(model: object) -> dict[str, Any] | None:
    """The curve of a fresh model as JSON-like data, with its best round; None where it did not learn by rounds.

    >>> from types import SimpleNamespace
    >>> curve_of(SimpleNamespace(curve={"binary_logloss": [0.61, 0.55, 0.58]}))
    {'loss': 'binary_logloss', 'values': [0.61, 0.55, 0.58], 'best_round': 2}
    """
    if not isinstance(model, LearnedByRounds) or not model.curve:
        return None
    loss, values = next(iter(model.curve.items()))
    shown = [round(float(value), 6) for value in values]
    return {"loss": loss, "values": shown, "best_round": 1 + shown.index(min(shown))}
