"""Optuna: proposes recipes by tree-structured Parzen estimators, in memory; trials are kept elsewhere."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

from setpoint.core.errors import DataError
from setpoint.core.ports import Span

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
    from optuna.trial import Trial

STARTUP = 8
"""Points that are known before any is proposed by what they gave; those before are drawn at random."""


class TpeSampler:
    """Points by tree-structured Parzen estimators: Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization".

    >>> sampler = TpeSampler({"c": Span(0.01, 10.0, log=True)}, 1)
    >>> point = sampler.ask()
    >>> sampler.tell(0.4)
    >>> point == TpeSampler({"c": Span(0.01, 10.0, log=True)}, 1).ask()
    True
    """

    def __init__(self, space: Mapping[str, Span], seed: int) -> None:
        import optuna

        self._spans = dict(space)
        self._space: dict[str, BaseDistribution] = {name: _distribution(span) for name, span in space.items()}
        said = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            self._study = optuna.create_study(
                sampler=optuna.samplers.TPESampler(seed=seed % 2**31, n_startup_trials=STARTUP)
            )
        finally:
            optuna.logging.set_verbosity(said)
        self._open: deque[Trial] = deque()

    def ask(self) -> dict[str, float | int]:
        """The next point."""
        trial = self._study.ask(self._space)
        self._open.append(trial)
        return dict(trial.params)

    def tell(self, value: float | None, *, early: bool = False) -> None:
        """What the oldest open point gave; one that was given up counts as worse than any that was not."""
        import optuna

        if not self._open:
            raise DataError("No point was asked for.", expected="ask before tell")
        trial = self._open.popleft()
        if value is None or early:
            if value is not None:
                trial.report(value, 1)
            self._study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            self._study.tell(trial, value)

    def learn(self, point: Mapping[str, float | int], value: float) -> None:
        """What another point gave."""
        import optuna

        inside = {name: _inside(span, point[name]) for name, span in self._spans.items()}
        self._study.add_trial(optuna.trial.create_trial(params=inside, distributions=self._space, value=value))


def _distribution(span: Span) -> FloatDistribution | IntDistribution:
    import optuna

    if span.whole:
        return optuna.distributions.IntDistribution(int(span.low), int(span.high), log=span.log)
    return optuna.distributions.FloatDistribution(span.low, span.high, log=span.log)


def _inside(span: Span, value: float) -> float | int:
    held = min(max(value, span.low), span.high)
    return round(held) if span.whole else float(held)
