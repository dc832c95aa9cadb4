"""A network with a planted bug is found by one short training; a healthy one is not blamed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from setpoint.backends.torch_fit import Given, MakeOptimizer, Step, Way, adam, plain_step, steady, tensors
from setpoint.backends.torch_head import Head
from setpoint.backends.torch_trace import trace_of
from setpoint.learn.preflight_gradients import judge_trace
from setpoint.learn.preflight_task import BINARY

torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")

HEAD = Head("binary", (0.0,))


def network(bug: str) -> Any:
    """A small network, with a bug in how it starts or computes."""
    nn = torch.nn

    class Small(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(5, 32), nn.Linear(32, 32)
            self.last = nn.Linear(32, 1)
            with torch.no_grad():
                if bug == "bad init":
                    self.last.weight *= 200
                if bug == "dead relu":
                    self.second.bias -= 1000

        def forward(self, rows: Any) -> Any:
            if bug == "batch mixing by centring":
                rows = rows - rows.mean(dim=0)
            if bug == "unscaled input":
                rows = rows * 1e5
            if bug == "nan input":
                rows = torch.sqrt(rows)
            inner = torch.relu(self.first(rows))
            if bug == "detach":
                inner = inner.detach()
            inner = torch.relu(self.second(inner))
            if bug == "batch mixing by softmax":
                inner = torch.softmax(inner, dim=0) * 10
            scores = self.last(inner)
            return torch.sigmoid(scores) if bug == "double link" else scores

    return Small()


def optimizer(bug: str) -> MakeOptimizer:
    """How it is optimized, with a bug."""
    if bug == "layers missing":
        return lambda net: torch.optim.AdamW(net.last.parameters(), lr=1e-3)
    return adam({"lr too high": 30.0, "lr near zero": 1e-12}.get(bug, 1e-3), 0.01)


def step(bug: str) -> Step:
    """One step, with a bug."""
    plain = plain_step(HEAD)

    def changed(net: Any, optim: Any, rows: Given) -> None:
        if bug == "shuffled labels":
            rows = rows._replace(labels=rows.labels[torch.randperm(len(rows.labels))])
        if bug != "no zero_grad":
            plain(net, optim, rows)
            return
        HEAD.loss(net(*rows.inputs), rows.labels, weight=None, query=None).backward()
        optim.step()

    return changed


def found(bug: str, *, seed: int = 0) -> set[str]:
    """The kinds of what is found in a network with a bug."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(64, 5))
    y = (rows @ np.array([1.0, -1.0, 1.0, 0.5, -0.5]) > 0).astype(np.float64)
    with steady(seed):
        given = tensors((rows,), HEAD, y, None, None)
        trace = trace_of(network(bug), Way(HEAD, optimizer(bug), step(bug)), given, seed=seed)
    findings = judge_trace(trace, y, task=BINARY, who="The network")
    assert all(each.evidence and each.hint for each in findings)
    return {each.kind for each in findings}


BUGS = {
    "bad init": {"loss-at-start"},
    "dead relu": {"no-gradient"},
    "detach": {"no-gradient"},
    "batch mixing by centring": {"mixes-rows"},
    "batch mixing by softmax": {"mixes-rows"},
    "double link": {"cannot-overfit"},
    "lr too high": {"cannot-overfit", "no-gradient"},
    "lr near zero": {"not-moved", "cannot-overfit"},
    "layers missing": {"not-moved"},
    "shuffled labels": {"cannot-overfit"},
    "nan input": {"loss-at-start", "cannot-overfit"},
    "unscaled input": {"loss-at-start"},
    "no zero_grad": {"gradients-kept"},
}


@pytest.mark.parametrize("bug", sorted(BUGS))
def test_a_planted_bug_of_a_network_is_found(bug: str) -> None:
    """Each shows in a check that names it."""
    assert found(bug) & BUGS[bug]


def test_a_healthy_network_is_not_blamed() -> None:
    """Of twenty seeds none raises an alarm."""
    assert [found("", seed=seed) for seed in range(20)] == [set()] * 20
