"""The model card: what a model is for, what it was made from, how well it does and where not. No field is empty.

The sections follow Mitchell et al. (2019), "Model Cards for Model Reporting". Every field comes from the record of the
training, or says "unknown" and why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from setpoint.core.times import iso
from setpoint.declare.plan import Plan
from setpoint.declare.source import info

Card = dict[str, dict[str, Any]]
TOP = 10
"""Features that a card lists."""


def make_card(model: Mapping[str, Any], plan: Plan, *, run: Mapping[str, Any] | None = None) -> Card:
    """The card of a model by section and field, from its document in the registry, its plan and its run."""
    system, report = plan.system, model["report"]
    goal = system.goal
    return {
        "model": {
            "digest": model["model"],
            "system": system.name,
            "learner": model["recipe"]["learner"],
            "parameters": _pairs(model["settled"]["parameters"]),
            "judged procedure": f"{model['procedure']}, the same recipe on the older rows; every metric below is its",
            "calibration": _calibration(model["calibration"]["choice"]),
            "threshold": _threshold(model["threshold"]),
            "seed": str(model["seed"]),
            "trained at": _known(run, "at", "no run is recorded", iso),
            "code": _known(run, "code", "no run is recorded"),
            "environment": _environment(run),
            "cost": _cost(run),
        },
        "use": {
            "decision": f"one per row of {info(system.decide.spine).name} at {system.decide.at}",
            "action": f"{goal.act.name} when the probability reaches the threshold",
            "label": f"{system.label.value}, settled within the time the plan states as maturity",
            "worth": goal.business,
            "costs": f"false positive {goal.cost.false_positive}, false negative {goal.cost.false_negative}",
            "fallback": str(system.release.fallback.condition),
            "not for": "decisions whose features or label mean something else than declared; populations other than "
            "the training rows'",
        },
        "training data": {
            "span": _span(model["trained"]),
            "rows": _pairs(model["rows"]),
            "training set": model["training_set"],
            "snapshot": model["snapshot"],
            **({"rare class": _pairs(model["imbalance"])} if "imbalance" in model else {}),
            **({"added rows": _added(model["added"])} if "added" in model else {}),
            **({"sample": _pairs(model["sample"])} if "sample" in model else {}),
            "sources": ", ".join(f"{name} ({info(source).path})" for name, source in sorted(system.sources.items())),
            "features": ", ".join(f"{name} ({kind})" for name, kind in plan.features.items()),
        },
        "evaluation data": {
            "span": _span(report["span"]),
            "rows": f"{report['rows']} decisions on {report['days']} days, {report['positives']} positive"
            + (f", which weigh as {report['effective_rows']:.0f}" if "effective_rows" in report else ""),
            "split": "by time: every judged decision is newer than the training rows, with an embargo between",
        },
        "metrics": {name: _interval(found) for name, found in report["metrics"].items()},
        "gate": {
            "verdict": "passed" if report["passed"] else "held back: " + "; ".join(report["reasons"]),
            **{rail["guardrail"]: f"{rail['verdict']}: {rail['reason']}" for rail in report["guardrails"]},
            **{f"against {each['against']}": each["reason"] for each in report["baselines"]},
            "against champion": "unknown: there was no champion"
            if report["champion"] is None
            else report["champion"]["reason"],
            **({"training rows": report["plain"]["reason"]} if "plain" in report else {}),
            "leak audit": _findings(report["findings"]),
        },
        "slices": _slices(report["slices"]),
        "what it goes by": _importances(model["importances"]),
        "limits": {
            "held-out time": "metrics hold for the time they were measured on; a later one may differ",
            "censoring": _censoring(model["rows"], plan),
            "calibration": _reliability(model["calibration"]["reliability"]),
        },
    }


def to_markdown(card: Card) -> str:
    """The card as a page.

    >>> print(to_markdown({"model": {"digest": "0a1b"}}))
    # Model card
    <BLANKLINE>
    ## Model
    <BLANKLINE>
    - **digest**: 0a1b
    <BLANKLINE>
    """
    lines = ["# Model card", ""]
    for section, fields in card.items():
        lines += [f"## {section.capitalize()}", ""]
        lines += [f"- **{name}**: {value}" for name, value in fields.items()]
        lines.append("")
    return "\n".join(lines)


def _known(run: Mapping[str, Any] | None, name: str, reason: str, show: Any = str) -> str:
    value = None if run is None else run.get(name)
    return f"unknown: {reason}" if value is None else str(show(value))


def _pairs(values: Mapping[str, Any]) -> str:
    shown = [f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in values.items()]
    return ", ".join(shown) or "unknown: the record lists none"


def _added(added: Mapping[str, Any]) -> str:
    """How many rows without a truth of their own the judged procedure learned from, and who labelled them."""
    told = added.get("programs")
    parts = []
    if told is not None and told.get("refused"):
        parts.append(f"none by label programs: {told['refused']}")
    elif told is not None:
        worth = _interval(told["worth"])
        parts.append(f"{added['labelled']} decisions by label programs ({told['metric']} on gold rows {worth})")
    if added["made_up"]:
        parts.append(f"{added['made_up']} made-up rows")
    if added.get("self_labelled"):
        parts.append(f"{added['self_labelled']} self-labelled rows")
    return "; ".join([*parts, *([added["dropped"]] if added["dropped"] else [])])


def _span(span: Sequence[int]) -> str:
    return f"{iso(span[0])} to {iso(span[1])}"


def _interval(found: Mapping[str, Any]) -> str:
    if found["estimate"] is None:
        return "unknown: it has no value on these rows"
    if found["low"] is None or found["high"] is None:
        return f"{found['estimate']:.4g} (interval unknown: {found['clusters']} day(s) cannot bound it)"
    return f"{found['estimate']:.4g} ({100 * found['level']:.0f} % interval {found['low']:.4g} to {found['high']:.4g})"


def _calibration(choice: Mapping[str, Any]) -> str:
    return f"{choice['map']['kind']}: {choice['reason']}"


def _threshold(threshold: Mapping[str, Any]) -> str:
    if threshold["fixed"] is not None:
        return f"{threshold['fixed']:g}, declared"
    words = []
    for name in ("false_positive", "false_negative"):
        price = threshold[name]
        mean = f"{price['mean']:.4g}"
        words.append(f"{name.replace('_', ' ')} " + (mean if price["field"] is None else f"{price['field']} ({mean})"))
    return "where acting and not acting cost the same: " + ", ".join(words)


def _environment(run: Mapping[str, Any] | None) -> str:
    if run is None:
        return "unknown: no run is recorded"
    found = run["environment"]
    shown = ("numpy", "pyarrow", "lightgbm", "scikit-learn", "setpoint")
    packages = [f"{name} {found['packages'][name]}" for name in shown if name in found["packages"]]
    return f"Python {found['python']} on {found['platform']} {found['machine']}; {', '.join(packages)}"


def _cost(run: Mapping[str, Any] | None) -> str:
    if run is None or run["cpu_seconds"] is None:
        return "unknown: not measured"
    memory = "memory unknown: not measured" if run["peak_mb"] is None else f"peak memory {run['peak_mb']:.0f} MB"
    return f"{run['cpu_seconds']:.1f} CPU seconds, {memory}"


def _findings(findings: Sequence[Mapping[str, Any]]) -> str:
    if not findings:
        return "nothing found"
    return "; ".join(f"{each['level']} ({each['kind']}): {each['evidence']}" for each in findings)


def _slices(slices: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, str]:
    if not slices:
        return {"slices": "unknown: the goal names none"}
    found = {}
    for name, parts in slices.items():
        for part in parts:
            worse = part["p_value"] is not None and part["p_value"] < 0.05
            mark = "; worse than the rest (p < 0.05, Holm)" if worse else ""
            found[f"{name} = {part['group']}"] = f"{part['n']} rows, {_interval(part)}{mark}"
    return found


def _importances(pairs: Sequence[Sequence[Any]]) -> dict[str, str]:
    return {str(name): f"{100 * share:.1f} %" for name, share in pairs[:TOP]}


def _censoring(rows: Mapping[str, int], plan: Plan) -> str:
    if plan.system.label.censored_when is None:
        return "no action prevents a label from showing, by declaration"
    return f"{rows['censored']} decisions have no label because of the action; the model knows nothing of them"


def _reliability(table: Sequence[Mapping[str, Any]]) -> str:
    if not table:
        return "unknown: not judged on held-out rows"
    worst = max(table, key=lambda row: abs(row["rate"] - row["mean_p"]))
    return (
        f"over {len(table)} bins of held-out scores the rate is furthest from the score at {worst['mean_p']:.3f}: "
        f"{worst['rate']:.3f} (95 % interval {worst['low']:.3f} to {worst['high']:.3f})"
    )
