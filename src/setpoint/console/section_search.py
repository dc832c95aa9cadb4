"""What a search tried: every trial, the best so far, and which recipe won."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from setpoint.console.charts_trials import Tried, trials_chart
from setpoint.console.markup import Markup, el
from setpoint.console.section import Row, Section, both_widths, folded, part_of, rows_of, table
from setpoint.console.words import DASH, count, number
from setpoint.declare.goal import RANGES

TITLE = "Which recipes were tried"
BY_ERROR = "One replaces another only when it is better by more than a standard error."
BEST = "A cross was cut: it was worse than most on an older stretch of time, or on fewer rows, and not fitted further."


def search(results: Mapping[str, Any]) -> list[Section]:
    """The section of the trials: none where a stored recipe was taken."""
    trials = rows_of(results, "trials", "recipe")
    if len(trials) < 2:
        return []
    metric = next((str(each["metric"]) for each in trials if each["metric"]), "")
    greater = RANGES[metric.partition("(")[0]][2]
    won = next((place for place, each in enumerate(trials) if each["recipe"] == results.get("recipe")), None)
    tried = [
        Tried(each["value"], place == won, _tip(place, each, metric))
        for place, each in enumerate(trials)
    ]  # fmt: skip
    cut = sum(bool(each["cut"]) for each in trials)
    lead = f"{count(len(trials))} recipes were tried"
    lead += f", {count(cut)} of them cut." if cut else "."
    if won is not None:
        best = trials[won]
        lead += f" Trial {won + 1} won: {_learner(best)}, {metric} {number(best['value'], 4)}."

    def draw(width: float, name: str) -> Markup:
        return trials_chart(
            tried, greater_is_better=greater, width=width, name=name, title=TITLE, description=lead
        )  # fmt: skip

    how = (
        f"Each recipe was fitted on older rows of the training side and compared by {metric} on newer ones; the line "
        f"is the best so far, the full dot the recipe that won. {BEST if results.get('search') else BY_ERROR}"
    )
    rows = [
        (
            str(place),
            DASH if each["value"] is None else number(each["value"], 5),
            DASH if each["log_loss"] is None else number(each["log_loss"], 5),
            _learner(each) + (", cut" if each["cut"] else ""),
            _parameters(each),
        )
        for place, each in enumerate(trials, 1)
    ]
    columns = ("Trial", metric, "log loss", "Learner", "Parameters")
    numbers = folded("The numbers", table(columns, rows, caption=TITLE, tail=2), _budget(part_of(results, "search")))
    return [Section("search", TITLE, lead, both_widths(draw, "search-chart"), how, more=numbers)]


def _budget(found: Row) -> Markup | None:
    """How the budget was found, and how far it came."""
    told = [f"{name.replace('_', ' ')}: {value}" for name, value in found.items()]
    return el("ul", [el("li", each) for each in told]) if told else None


def _tip(place: int, trial: Row, metric: str) -> str:
    gave = "cut" if trial["cut"] else f"{metric} {DASH if trial['value'] is None else number(trial['value'], 5)}"
    return f"trial {place + 1}, {_learner(trial)}: {gave}\n{_parameters(trial)}"


def _learner(trial: Row) -> str:
    return str(part_of(trial, "recipe")["learner"])


def _parameters(trial: Row) -> str:
    given = part_of(trial, "recipe")["parameters"] or {}
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in given.items()
    )
