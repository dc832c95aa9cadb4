"""What is made of the last numbers of a network: a probability, one for each class, a number or a count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit

from setpoint.core.target import Target

if TYPE_CHECKING:
    from torch import Tensor

MOST_LOG = 50.0
"""The logarithm of a count is kept this near to 0: e to its power is a number, above 0."""
_NUMBERS = ("regression", "quantile")


@dataclass(frozen=True)
class Head:
    """A target, and the prediction where a network says 0: that of knowing no input. `unit` is what its 1 stands for.

    So a network that starts at 0 starts from the prior, and numbers of any size are learned at one rate.
    """

    kind: str
    start: tuple[float, ...]
    unit: float = 1.0
    quantile: float = 0.5

    @property
    def outputs(self) -> int:
        """How many numbers a network has to give."""
        return len(self.start)

    def scores(self, raw: np.ndarray) -> np.ndarray:
        """The scores of rows on the scale where inputs add up: log odds, logarithms, or the numbers themselves."""
        return np.asarray(np.array(self.start) + self.unit * raw)

    def predict(self, raw: np.ndarray) -> np.ndarray:
        """What the target asks of each row.

        >>> Head("binary", (0.0,)).predict(np.array([[0.0], [1.0]])).round(3)
        array([0.5  , 0.731])
        """
        scores = self.scores(raw)
        if self.kind == "multiclass":
            sized = np.exp(scores - scores.max(axis=1, keepdims=True, initial=-np.inf))
            return np.asarray(sized / np.cumsum(sized, axis=1)[:, -1:])
        one = scores[:, 0]
        if self.kind == "binary":
            return np.asarray(expit(one))
        return np.exp(np.clip(one, -MOST_LOG, MOST_LOG)) if self.kind == "count" else np.array(one)

    def loss(self, raw: Tensor, labels: Tensor, *, weight: Tensor | None, query: Tensor | None) -> Tensor:
        """The mean loss of a network's numbers: what its training lowers. The mean of all weights has to be 1."""
        import torch

        if self.kind in _NUMBERS:
            off = labels - raw[:, 0]
            if self.kind == "quantile":
                return _mean(torch.maximum(self.quantile * off, (self.quantile - 1) * off), weight)
            return _mean(off**2, weight)
        scores = raw + torch.tensor(self.start, dtype=raw.dtype)
        if self.kind == "ranking":
            assert query is not None, "a ranking has queries"
            return _ranking_loss(scores[:, 0], labels, weight, query)
        if self.kind == "multiclass":
            return _mean(torch.nn.functional.cross_entropy(scores, labels.long(), reduction="none"), weight)
        one = scores[:, 0]
        if self.kind == "binary":
            two = torch.nn.functional.binary_cross_entropy_with_logits
            return _mean(two(one, labels, reduction="none"), weight)
        return _mean(torch.exp(one.clamp(max=MOST_LOG)) - labels * one, weight)

    def given(self, labels: np.ndarray) -> np.ndarray:
        """Labels as `loss` takes them: numbers by their distance from the start, in units."""
        return np.asarray((labels - self.start[0]) / self.unit) if self.kind in _NUMBERS else labels

    def to_dict(self) -> dict[str, Any]:
        """The head as JSON-like data."""
        return {"kind": self.kind, "start": list(self.start), "unit": self.unit, "quantile": self.quantile}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Head:
        """The head that `to_dict` told."""
        return Head(data["kind"], tuple(data["start"]), data["unit"], data["quantile"])


def head_of(target: Target, labels: np.ndarray, weight: np.ndarray | None) -> Head:
    """The head whose start is the best prediction that is the same for every row.

    A share is that of the labels with half a row of each class more, so that it is never 0 or 1.

    >>> head_of(Target("regression"), np.array([1.0, 3.0]), None)
    Head(kind='regression', start=(2.0,), unit=1.0, quantile=0.5)
    """
    each = np.ones(labels.size) if weight is None else weight
    if target.kind == "multiclass":
        counts = np.bincount(labels.astype(np.intp), weights=each, minlength=target.classes) + 0.5
        return Head("multiclass", tuple(np.log(counts / counts.sum()).tolist()))
    mean = float(np.average(labels, weights=each))
    if target.kind == "binary":
        rate = (mean * each.sum() + 0.5) / (each.sum() + 1)
        return Head("binary", (float(np.log(rate / (1 - rate))),))
    if target.kind == "count":
        return Head("count", (float(np.log(max(mean, 0.5 / each.sum()))),))
    if target.kind == "ranking":
        return Head("ranking", (0.0,))
    spread = float(np.sqrt(np.average((labels - mean) ** 2, weights=each)))
    unit = spread if np.isfinite(spread) and spread > 0 else 1.0
    if target.kind == "quantile" or target.robust:
        level = target.quantile if target.kind == "quantile" else 0.5
        order = np.argsort(labels, kind="stable")
        reached = np.searchsorted(np.cumsum(each[order]), level * each.sum())
        return Head("quantile", (float(labels[order][min(int(reached), labels.size - 1)]),), unit, level)
    return Head("regression", (mean,), unit)


def _mean(each: Tensor, weight: Tensor | None) -> Tensor:
    return each.mean() if weight is None else (each * weight).mean()


def _ranking_loss(scores: Tensor, labels: Tensor, weight: Tensor | None, query: Tensor) -> Tensor:
    """The cross entropy between the gains of a query's items and the softmax of their scores, over all queries.

    Bruch et al. (2019), "An Analysis of the Softmax Cross Entropy Loss for Learning-to-Rank with Binary Relevance"; a
    bound on NDCG. An item's gain is that of NDCG, 2 to the power of its label less 1.
    """
    import torch

    _, place = torch.unique(query, return_inverse=True)
    many = int(place.max()) + 1
    gain = torch.pow(2.0, labels) - 1
    if weight is not None:
        gain = gain * weight
    most = torch.full((many,), -torch.inf).scatter_reduce(0, place, scores.detach(), "amax")
    shifted = scores - most[place]
    total = torch.zeros(many).index_add(0, place, torch.exp(shifted))
    gains = torch.zeros(many).index_add(0, place, gain)
    share = gain / gains.clamp(min=1e-12)[place]
    told = (gains > 0).sum().clamp(min=1)
    return -(share * (shifted - torch.log(total)[place])).sum() / told
