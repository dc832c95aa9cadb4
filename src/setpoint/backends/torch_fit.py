"""The training of a network: batches in an order that the seed gives, stopped by newer rows; always the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from setpoint.backends.torch_head import Head
from setpoint.core.errors import MissingExtra

if TYPE_CHECKING:
    from torch import Generator, Tensor
    from torch.nn import Module
    from torch.optim import Optimizer

EXTRA = "torch"
PATIENCE = 6
"""Passes over the rows without a lower loss on the newer rows after which a training stops."""
LEAST_BATCH, MOST_BATCH, STEPS = 32, 1024, 24
"""A batch is a 24th of the rows, within these bounds: enough steps in each pass on few rows, few on many."""


class Given(NamedTuple):
    """Rows as a network takes them, their labels as its head takes them, and how much each counts: 1 on average."""

    inputs: tuple[Tensor, ...]
    labels: Tensor
    weight: Tensor | None = None
    query: Tensor | None = None

    def take(self, places: Tensor) -> Given:
        """Some of the rows."""
        weight = None if self.weight is None else self.weight[places]
        query = None if self.query is None else self.query[places]
        return Given(tuple(each[places] for each in self.inputs), self.labels[places], weight, query)


Step: TypeAlias = "Callable[[Module, Optimizer, Given], None]"
"""Changes a network by one batch."""
MakeOptimizer: TypeAlias = "Callable[[Module], Optimizer]"


@dataclass(frozen=True)
class Way:
    """How a network is trained."""

    head: Head
    make_optimizer: MakeOptimizer
    step: Step

    def loss(self, network: Module, rows: Given) -> Tensor:
        """The mean loss of the network on rows."""
        return self.head.loss(network(*rows.inputs), rows.labels, weight=rows.weight, query=rows.query)


@dataclass
class Course:
    """What a training came to: the pass whose weights were kept, and the loss of the newer rows after each."""

    epochs: int
    losses: list[float] = field(default_factory=list)


def need_torch() -> None:
    """Raises MissingExtra where torch is not installed."""
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtra("torch", EXTRA) from error


@contextmanager
def steady(seed: int) -> Iterator[None]:
    """Everything random in torch comes from this seed, on one thread and by methods that repeat; then as it was."""
    import torch

    threads, repeating = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.use_deterministic_algorithms(repeating)
        torch.set_num_threads(threads)


def plain_step(head: Head) -> Step:
    """One step of the optimizer down the loss of the head."""

    def step(network: Module, optimizer: Optimizer, rows: Given) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss = head.loss(network(*rows.inputs), rows.labels, weight=rows.weight, query=rows.query)
        loss.backward()
        optimizer.step()

    return step


def adam(learning_rate: float, decay: float) -> MakeOptimizer:
    """AdamW (Loshchilov and Hutter 2019), "Decoupled Weight Decay Regularization"."""

    def make(network: Module) -> Optimizer:
        import torch

        known = [each for each in network.parameters() if each.requires_grad]
        return torch.optim.AdamW(known, lr=learning_rate, weight_decay=decay, fused=True)

    return make


def fit_network(network: Module, way: Way, older: Given, newer: Given | None, *, epochs: int, seed: int) -> Course:
    """Train a network in place; with newer rows it has the weights of the pass that was best on them, or of the start.

    Call it inside `steady`.
    """
    import torch

    optimizer, order = way.make_optimizer(network), torch.Generator().manual_seed(seed)
    least, course, best = _judge(network, way, newer), Course(0 if newer else epochs), _weights(network)
    for epoch in range(1, epochs + 1):
        network.train()
        for places in batches(older, order):
            way.step(network, optimizer, older.take(places))
        if newer is None:
            continue
        loss = _judge(network, way, newer)
        course.losses.append(loss)
        if loss < least:
            least, best, course.epochs = loss, _weights(network), epoch
        elif epoch - course.epochs >= PATIENCE:
            break
    if newer is not None:
        network.load_state_dict(best)
    network.eval()
    return course


def batches(rows: Given, order: Generator) -> list[Tensor]:
    """The places of the rows of each batch of one pass; the rows of a query stay together."""
    import torch

    n = len(rows.labels)
    size = min(max(n // STEPS, LEAST_BATCH), MOST_BATCH)
    if rows.query is None:
        return list(torch.tensor_split(torch.randperm(n, generator=order), max(1, -(-n // size))))
    _, place, counts = torch.unique(rows.query, return_inverse=True, return_counts=True)
    turn = torch.randperm(len(counts), generator=order)
    by_turn = torch.argsort(turn[place], stable=True)
    ends = torch.cumsum(counts[torch.argsort(turn)], dim=0)
    cuts = torch.searchsorted(ends, torch.arange(size, n, size))
    return list(torch.tensor_split(by_turn, torch.unique(ends[cuts])[:-1])) if len(cuts) else [by_turn]


def tensors(
    inputs: tuple[np.ndarray, ...], head: Head, labels: np.ndarray, weight: np.ndarray | None, query: np.ndarray | None
) -> Given:
    """Arrays as a network takes them: numbers as float32, places as they are."""
    import torch

    def told(array: np.ndarray) -> Tensor:
        whole = np.issubdtype(array.dtype, np.integer)
        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.int64 if whole else np.float32))

    return Given(
        tuple(told(each) for each in inputs),
        told(np.asarray(head.given(labels), dtype=np.float64)),
        None if weight is None else told(weight / weight.mean()),
        None if query is None else told(np.unique(query, return_inverse=True)[1]),
    )


def _judge(network: Module, way: Way, rows: Given | None) -> float:
    import torch

    if rows is None:
        return float("inf")
    network.eval()
    with torch.no_grad():
        return float(way.loss(network, rows))


def _weights(network: Module) -> dict[str, Tensor]:
    return {name: each.detach().clone() for name, each in network.state_dict().items()}
