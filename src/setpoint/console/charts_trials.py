"""The picture of a search: what every trial gave, and the best so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from setpoint.console.markup import Markup, el
from setpoint.console.scale import Scale, domain
from setpoint.console.svg import Box, bottom_axis, line_path, mark, picture, text, value_axis

BEYOND = 4.0
"""A trial worse than the median by more than so many times what the best is better lies at the edge."""


@dataclass(frozen=True)
class Tried:
    """One trial: its value, None where it was cut or has none; whether it won; and what is said of it."""

    value: float | None
    won: bool
    tip: str


def trials_chart(
    trials: Sequence[Tried], *, greater_is_better: bool, width: float, name: str, title: str, description: str
) -> Markup:
    """Trials from left to right, one that was cut as a cross below, and a line of the best so far."""
    box = Box(64, 14, width - 16, 250)
    values = [each.value for each in trials if each.value is not None]
    low, high = domain(_near(values, greater_is_better=greater_is_better), most=5)
    x, y = Scale(0, len(trials) + 1, box.left, box.right), Scale(low, high, box.bottom, box.top)
    floor = box.bottom if greater_is_better else box.top
    dots: list[Markup] = []
    for number, each in enumerate(trials, 1):
        if each.value is None:
            dots.append(mark("reject", x(number), floor, tip=each.tip))
            continue
        at = y(min(max(each.value, low), high))
        dots.append(
            el("circle", cx=x(number), cy=at, r=5 if each.won else 3, class_="dot" if each.won else "dot hollow")
        )
        dots.append(el("circle", cx=x(number), cy=at, r=9, class_="catch", data_tip=each.tip))
    so_far = best_so_far([each.value for each in trials], greater_is_better=greater_is_better)
    best = [
        None if value is None else (x(number), y(min(max(value, low), high))) for number, value in enumerate(so_far, 1)
    ]
    return picture(
        name,
        title,
        description,
        value_axis(y, box, most=5),
        bottom_axis(x, box, most=8),
        el("path", d=line_path(best), class_="line live"),
        dots,
        text((box.left + box.right) / 2, box.bottom + 38, "trial", "axis middle"),
        width=width,
        height=box.bottom + 46,
    )


def best_so_far(values: Sequence[float | None], *, greater_is_better: bool) -> list[float | None]:
    """The best value up to each place; None before the first.

    >>> best_so_far([None, 0.6, 0.5, None, 0.7], greater_is_better=True)
    [None, 0.6, 0.6, 0.6, 0.7]
    """

    def better(first: float | None, second: float | None) -> float | None:
        if first is None or second is None:
            return second if first is None else first
        return max(first, second) if greater_is_better else min(first, second)

    return list(accumulate(values, better))


def _near(values: Sequence[float], *, greater_is_better: bool) -> list[float]:
    """The values without those so bad that the others could not be told apart beside them."""
    if not values:
        return []
    ordered = sorted(values, reverse=greater_is_better)
    best, middle = ordered[0], ordered[len(ordered) // 2]
    edge = middle + BEYOND * (middle - best)
    return [value for value in values if (value >= edge if greater_is_better else value <= edge)]
