"""Metrics of goals beyond one yes or no, as a goal of that kind names them."""

from __future__ import annotations

from setpoint.core.errors import DeclarationError
from setpoint.declare.goal import Metric


def precision_at(*, k: int | None = None, rate: float | None = None) -> Metric:
    """Share of positives among the `k` rows with the highest scores, or among this share of all rows.

    >>> str(precision_at(rate=0.1) >= 0.5)
    'precision_at_rate(0.1) >= 0.5'
    """
    return _at_top("precision_at", k, rate)


def recall_at(*, k: int | None = None, rate: float | None = None) -> Metric:
    """Share of all positives that are among the `k` rows with the highest scores, or among this share of all rows."""
    return _at_top("recall_at", k, rate)


def lift_at(*, k: int | None = None, rate: float | None = None) -> Metric:
    """How many times as frequent positives are at the top as among all rows."""
    return _at_top("lift_at", k, rate)


def cost_area() -> Metric:
    """Area under the cost curve: the mean cost over all ratios of costs."""
    return Metric("cost_area")


def mae() -> Metric:
    """Mean absolute error, in the outcome's unit.

    >>> str(mae() <= 12)
    'mae() <= 12'
    """
    return Metric("mae")


def rmse() -> Metric:
    """Root of the mean squared error, in the outcome's unit."""
    return Metric("rmse")


def bias() -> Metric:
    """How far the mean prediction is from the mean outcome, in the outcome's unit."""
    return Metric("bias")


def mape(*, least: float | None = None) -> Metric:
    """Mean of each error's share of its outcome; outcomes nearer to 0 than `least` are taken as that large."""
    if least is not None and not least > 0:
        raise DeclarationError(f"mape(least={least!r}).", expected="more than 0")
    return Metric("mape", least)


def wape() -> Metric:
    """Sum of absolute errors over the sum of absolute outcomes."""
    return Metric("wape")


def r2() -> Metric:
    """Share of the outcomes' variance that predictions explain."""
    return Metric("r2")


def pinball(*, quantile: float) -> Metric:
    """Loss of a predicted quantile, in the outcome's unit.

    >>> str(pinball(quantile=0.9))
    'pinball(0.9)'
    """
    return Metric("pinball", _inside("pinball", "quantile", quantile))


def coverage() -> Metric:
    """Share of outcomes inside their predicted intervals."""
    return Metric("coverage")


def interval_score(*, level: float) -> Metric:
    """Mean width of intervals and what it costs that outcomes lie outside."""
    return Metric("interval_score", _inside("interval_score", "level", level))


def poisson_deviance() -> Metric:
    """Mean Poisson deviance of counts."""
    return Metric("poisson_deviance")


def poisson_explained() -> Metric:
    """Share of the counts' deviance that predictions explain."""
    return Metric("poisson_explained")


def ndcg(*, k: int | None = None) -> Metric:
    """Normalised discounted cumulative gain of the first `k` items of a query."""
    return Metric("ndcg", _whole("ndcg", k))


def mean_average_precision() -> Metric:
    """Mean over queries of the average precision of their items."""
    return Metric("mean_average_precision")


def mrr(*, k: int | None = None) -> Metric:
    """Mean over queries of one over the place of the first relevant item; 0 beyond `k`."""
    return Metric("mrr", _whole("mrr", k))


def concordance() -> Metric:
    """How often the row with the greater risk has its event first (Harrell)."""
    return Metric("concordance")


def uno_concordance(*, until: float | None = None) -> Metric:
    """Concordance that does not depend on how much is cut off (Uno), of events before `until`."""
    if until is not None and not until > 0:
        raise DeclarationError(f"uno_concordance(until={until!r}).", expected="more than 0")
    return Metric("uno_concordance", until)


def integrated_brier() -> Metric:
    """Mean squared error of predicted survival over time."""
    return Metric("integrated_brier")


def micro_f1(*, threshold: float | None = None) -> Metric:
    """F1 of all labels of all rows together."""
    return Metric("micro_f1", threshold)


def macro_f1(*, threshold: float | None = None) -> Metric:
    """Mean over labels of their F1."""
    return Metric("macro_f1", threshold)


def hamming(*, threshold: float | None = None) -> Metric:
    """Share of all labels of all rows that are wrong."""
    return Metric("hamming", threshold)


def macro_average_precision() -> Metric:
    """Mean over labels of their average precision."""
    return Metric("macro_average_precision")


def _at_top(name: str, k: int | None, rate: float | None) -> Metric:
    if (k is None) == (rate is None):
        raise DeclarationError(f"{name}(k={k!r}, rate={rate!r}).", expected="one of the two")
    if rate is not None:
        if not 0 < rate <= 1:
            raise DeclarationError(f"{name}(rate={rate!r}).", expected="a share above 0 and up to 1")
        return Metric(f"{name}_rate", rate)
    return Metric(f"{name}_k", _whole(name, k))


def _whole(name: str, k: int | None) -> float | None:
    if k is not None and not (isinstance(k, int) and k >= 1):
        raise DeclarationError(f"{name}(k={k!r}).", expected="a whole number from 1")
    return None if k is None else float(k)


def _inside(name: str, option: str, value: float) -> float:
    if not 0 < value < 1:
        raise DeclarationError(f"{name}({option}={value!r}).", expected="a number between 0 and 1")
    return float(value)
