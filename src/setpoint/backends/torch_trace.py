"""A short training of one batch, seen from within: gradients, what moves, what rows see of each other."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from setpoint.backends.torch_fit import Given, Way
from setpoint.core.ports import Trace, TracedParameter

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

STEPS, LOOK, ENOUGH = 600, 25, 0.05
"""Steps of the short training at most, how often its loss is looked at, and the share of the first that is enough."""


def trace_of(network: Module, way: Way, rows: Given, *, seed: int) -> Trace:
    """What a short training of these rows shows; the network is trained by it. Call it inside `steady`."""
    kept = _keeps_gradients(network, way, rows, seed=seed)
    trained = {name: each for name, each in network.named_parameters() if each.requires_grad}
    before = {name: each.detach().clone() for name, each in trained.items()}
    first, mixing = _predict(network, way, rows), 0.0
    most = dict.fromkeys(trained, 0.0)
    optimizer, start = way.make_optimizer(network), None
    for step in range(1, STEPS + 1):
        network.train()
        way.step(network, optimizer, rows)
        if step <= LOOK or step % LOOK == 0:
            for name, each in trained.items():
                most[name] = max(most[name], _largest(each.grad))
            mixing = max(mixing, _mixing(network, rows))
        if step % LOOK == 0:
            loss = _loss(network, way, rows)
            start = loss if start is None else max(start, loss)
            if not np.isfinite(loss) or (start > 0 and 0 <= loss < ENOUGH * start):
                break
    found = [
        TracedParameter(name, most[name], _largest(each.detach() - before[name]), _largest(before[name]))
        for name, each in trained.items()
    ]
    return Trace(tuple(found), first, _predict(network, way, rows), mixing, kept)


def _predict(network: Module, way: Way, rows: Given) -> np.ndarray:
    import torch

    network.eval()
    with torch.no_grad():
        return way.head.predict(np.asarray(network(*rows.inputs).numpy(), dtype=np.float64))


def _loss(network: Module, way: Way, rows: Given) -> float:
    import torch

    network.eval()
    with torch.no_grad():
        return float(way.loss(network, rows))


def _mixing(network: Module, rows: Given) -> float:
    """How far the score of the first row hangs on the other rows, as a share of how far it hangs on its own.

    Seen as it is served: what is normalised over a batch in training alone mixes nothing.
    """
    import torch

    network.eval()
    inputs = [each.detach().clone().requires_grad_(each.is_floating_point()) for each in rows.inputs]
    told = [each for each in inputs if each.requires_grad]
    scores = network(*inputs)[0].sum()
    if not scores.requires_grad:
        return 0.0
    found = [each for each in torch.autograd.grad(scores, told, allow_unused=True) if each is not None]
    others = max((_largest(each[1:]) for each in found), default=0.0)
    own = max((_largest(each[:1]) for each in found), default=0.0)
    return others / own if own > 0 else float(others > 0)


def _keeps_gradients(network: Module, way: Way, rows: Given, *, seed: int) -> bool:
    """Whether a step adds to the gradients that the step before left over.

    Two steps are taken twice, the second time without what the first one left.
    """
    import torch

    half = max(1, len(rows.labels) // 2)
    parts = [rows.take(torch.arange(half)), rows.take(torch.arange(half, len(rows.labels)))]
    ends = []
    for cleared in (False, True):
        torch.manual_seed(seed)
        other = copy.deepcopy(network)
        other.train()
        optimizer, before = way.make_optimizer(other), [each.detach().clone() for each in other.parameters()]
        way.step(other, optimizer, parts[0])
        still = all(torch.equal(each, old) for each, old in zip(other.parameters(), before, strict=True))
        if still:
            return False
        if cleared:
            for each in other.parameters():
                each.grad = None
        way.step(other, optimizer, parts[1])
        ends.append([each.detach().clone() for each in other.parameters()])
    return not all(torch.equal(a, b) for a, b in zip(*ends, strict=True))


def _largest(values: Tensor | None) -> float:
    return 0.0 if values is None or values.numel() == 0 else float(values.abs().max())
