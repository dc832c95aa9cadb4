"""A trained network of tables: its weights, scored by a few lines of numpy, so that serving it needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy.special import expit

from setpoint.backends.torch_design import Design
from setpoint.backends.torch_files import write_arrays
from setpoint.backends.torch_head import Head

NAME = "mlp"
CHUNK = 1 << 12
NODES, MOST_NODES, COMPLETE = 16, 256, 1e-7
"""Points along a path at first and at most, and how much of a score contributions may lack before there are more."""


@dataclass(frozen=True)
class Layers:
    """The weights of a network: vectors of the places of each category, matrices of the layers with their offsets."""

    vectors: tuple[np.ndarray, ...]
    weights: tuple[np.ndarray, ...]
    offsets: tuple[np.ndarray, ...]

    def forward(self, given: np.ndarray) -> np.ndarray:
        """The last numbers of rows; a row has the same bits alone and in any batch, since no sum depends on others."""
        values = given
        for depth, (weight, offset) in enumerate(zip(self.weights, self.offsets, strict=True)):
            values = np.einsum("ij,jk->ik", values, weight) + offset
            if depth < len(self.weights) - 1:
                values = values * expit(values)
        return values

    def slopes(self, given: np.ndarray, output: int) -> np.ndarray:
        """The slope of one of the last numbers in everything that rows are given as."""
        values, inner = given, []
        for weight, offset in zip(self.weights[:-1], self.offsets[:-1], strict=True):
            before = values @ weight + offset
            gate = expit(before)
            inner.append(gate * (1 + before * (1 - gate)))
            values = before * gate
        found = np.broadcast_to(self.weights[-1][:, output], (len(given), self.weights[-1].shape[0]))
        for slope, weight in zip(reversed(inner), reversed(self.weights[:-1]), strict=True):
            found = (found * slope) @ weight.T
        return np.asarray(found)


@dataclass(frozen=True, eq=False)
class MlpClasses:
    """A network that gives a probability for each class. `base` is what it is given of a row of means."""

    design: Design
    head: Head
    layers: Layers
    base: np.ndarray
    shares: np.ndarray
    curve: dict[str, Any] = field(default_factory=dict)
    row_exact = True

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """What its target asks of each row of a float64 matrix; NaN is NULL."""
        matrix = self.design.checked(rows)
        parts = [self._predict(matrix[start : start + CHUNK]) for start in range(0, max(len(matrix), 1), CHUNK)]
        return np.concatenate(parts)

    def _predict(self, matrix: np.ndarray) -> np.ndarray:
        return self.head.predict(self.layers.forward(given_of(self.design, self.layers.vectors, matrix)))

    def importances(self) -> np.ndarray:
        """The share of each input in the sizes of what inputs add to the scores of training rows."""
        return self.shares

    def save(self, folder: Path) -> None:
        """Write the weights as safetensors, and beside them the design and the digest that all is checked against."""
        arrays = {"base": self.base, "shares": self.shares}
        arrays |= {f"vectors.{i:03d}": each for i, each in enumerate(self.layers.vectors)}
        arrays |= {f"weights.{i:03d}": each for i, each in enumerate(self.layers.weights)}
        arrays |= {f"offsets.{i:03d}": each for i, each in enumerate(self.layers.offsets)}
        write_arrays(folder, arrays, {"learner": NAME, "design": self.design.to_dict(), "head": self.head.to_dict()})


class MlpModel(MlpClasses):
    """A network that gives one number for each row, and says what each input adds to it."""

    def contributions(self, rows: np.ndarray) -> np.ndarray:
        """What each input adds to the score of each row, and at the end the base: the score of a row of means.

        Integrated gradients (Sundararajan, Taly and Yan 2017, "Axiomatic Attribution for Deep Networks"): the slopes in
        an input are summed along the straight path from the row of means to the row. Their sum is the score less the
        base; the paths are given more points until it is to the seventh decimal, and the rest is shared in proportion.
        """
        return contributions_of(self.design, self.head, self.layers, self.base, self.design.checked(rows))


def given_of(design: Design, vectors: tuple[np.ndarray, ...], rows: np.ndarray) -> np.ndarray:
    """Rows as a network takes them: numbers, flags, and the vectors of their codes."""
    places = design.places(rows)
    return np.concatenate([design.numeric(rows), *(each[places[:, c]] for c, each in enumerate(vectors))], axis=1)


def contributions_of(
    design: Design, head: Head, layers: Layers, base: np.ndarray, rows: np.ndarray, *, output: int = 0
) -> np.ndarray:
    """What each input adds to one of the scores of each row, and at the end the score of `base`."""
    given = given_of(design, layers.vectors, rows)
    start = head.scores(layers.forward(base[None]))[0, output]
    whole = head.scores(layers.forward(given))[:, output] - start
    parts, nodes = np.zeros_like(given), NODES
    waiting = np.arange(len(rows))
    while waiting.size:
        parts[waiting] = head.unit * _along(layers, base, given[waiting], nodes, output)
        lacking = np.abs(parts[waiting].sum(axis=1) - whole[waiting])
        waiting = waiting[lacking > COMPLETE * np.maximum(1.0, np.abs(whole[waiting]))] if nodes < MOST_NODES else []
        waiting, nodes = np.asarray(waiting, dtype=np.intp), 2 * nodes
    size = np.abs(parts)
    total = size.sum(axis=1, keepdims=True)
    parts += (whole - parts.sum(axis=1))[:, None] * np.divide(size, total, where=total > 0, out=np.zeros_like(size))
    found = np.zeros((len(rows), design.inputs + 1))
    np.add.at(found.T, owners(design, layers.vectors), parts.T)
    found[:, -1] = start
    return found


def owners(design: Design, vectors: tuple[np.ndarray, ...]) -> np.ndarray:
    """The input that each number comes from that a network is given."""
    places = [np.full(each.shape[1], c.column) for c, each in zip(design.categories, vectors, strict=True)]
    return np.concatenate([design.numbers, design.flagged, *places]).astype(np.intp)


def _along(layers: Layers, base: np.ndarray, given: np.ndarray, nodes: int, output: int) -> np.ndarray:
    """The mean slope along the path from the base to each row, times the way: Gauss and Legendre's quadrature."""
    points, weight = leggauss(nodes)
    found, step = np.zeros_like(given), max(1, CHUNK // nodes)
    for first in range(0, len(given), step):
        way = given[first : first + step] - base
        path = base + (points[:, None, None] + 1) / 2 * way
        slope = layers.slopes(path.reshape(-1, base.size), output).reshape(path.shape)
        found[first : first + step] = way * np.einsum("m,mij->ij", weight / 2, slope)
    return found
