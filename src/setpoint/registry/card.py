"""The model card: what a model is for, what it was made from, how well it does and where not. No field is empty.

The sections follow Mitchell et al. (2019), "Model Cards for Model Reporting". Every field comes from the record of the
training, or says "unknown" and why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from setpoint.core.times import iso
from setpoint.declare.goal import Goal
from setpoint.declare.goal_kind import BINARY, SURVIVAL
from setpoint.declare.kind_choices import answer_of
from setpoint.declare.plan import Plan
from setpoint.declare.source import info

Card = dict[str, dict[str, Any]]
TOP = 10
"""Features that a card lists."""


CHOSEN = (
    "over days, of decisions that came about as these did; none follows from a design, since nobody knows the chance "
    "with which a row was chosen"
)
"""What the intervals of a model mean whose decisions are a sample that somebody chose."""


def make_card(
    model: Mapping[str, Any],
    plan: Plan,
    *,
    run: Mapping[str, Any] | None = None,
    acts: Sequence[Mapping[str, Any]] = (),
) -> Card:
    """The card of a model by section and field, from its document in the registry, its plan and its run.

    `acts` are those of the audit trail that are about it.
    """
    system, report = plan.system, model["report"]
    goal = system.goal
    return {
        "model": {
            "digest": model["model"],
            "system": system.name,
            "learner": model["recipe"]["learner"],
            "parameters": _parameters(model["settled"]["parameters"]),
            "judged procedure": f"{model['procedure']}, the same recipe on the older rows; every metric below is its",
            "calibration": _calibration(model["calibration"]["choice"]),
            "threshold": _threshold(model["threshold"]) if goal.acts else "none: the answer is the prediction",
            "seed": str(model["seed"]),
            "base weights": _weights(model.get("update")),
            **({"ensemble": _ensemble(model["ensemble"])} if "ensemble" in model else {}),
            "trained at": _known(run, "at", "no run is recorded", iso),
            "code": _known(run, "code", "no run is recorded"),
            "environment": _environment(run),
            "cost": _cost(run),
        },
        "use": {
            "decision": f"one per row of {info(system.decide.spine).name} at {system.decide.at}",
            "action": f"{goal.act.name} when the probability reaches the threshold"
            if goal.acts
            else f"none: it answers with {answer_of(goal, system.label)[0]}",
            "label": f"{system.label.value}, settled within the time the plan states as maturity",
            "worth": goal.business or "unknown: the goal names no unit",
            "costs": _costs(goal),
            "fallback": str(system.release.fallback.condition)
            if system.release.fallback.stated
            else "none, by declaration",
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
            **({"sample": _sample(model["sample"])} if "sample" in model else {}),
            **({"labels": _labels(model["labels"])} if "labels" in model else {}),
            "sources": ", ".join(f"{name} ({info(source).path})" for name, source in sorted(system.sources.items())),
            **({"base models": _bases(model["bases"])} if model.get("bases") else {}),
            "features": ", ".join(f"{name} ({kind})" for name, kind in plan.features.items()),
        },
        "evaluation data": {
            "span": _span(report["span"]),
            "rows": f"{report['rows']} decisions on {report['days']} days"
            + (f", {report['positives']} positive" if system.kind in (BINARY, SURVIVAL) else "")
            + (f", which weigh as {report['effective_rows']:.0f}" if "effective_rows" in report else ""),
            "split": "by time: every judged decision is newer than the training rows, with an embargo between",
            **({"intervals": CHOSEN} if "judged_by" in model.get("sample", {}) else {}),
        },
        "metrics": {name: _interval(found) for name, found in report["metrics"].items()},
        "gate": {
            "verdict": "passed" if report["passed"] else "held back: " + "; ".join(report["reasons"]),
            **({"use": f"{model['use']['verdict']}: {model['use']['reason']}"} if "use" in model else {}),
            **{rail["guardrail"]: f"{rail['verdict']}: {rail['reason']}" for rail in report["guardrails"]},
            **{f"against {each['against']}": each["reason"] for each in report["baselines"]},
            **{
                f"against {each['name']}": each["words"]
                for each in model.get("baselines", ())
                if each["name"] in ("random", "human") and "words" in each
            },
            "against champion": "unknown: there was no champion"
            if report["champion"] is None
            else report["champion"]["reason"],
            **({"training rows": report["plain"]["reason"]} if "plain" in report else {}),
            "approval": _approval(acts, plan),
            "leak audit": _findings([each for each in report["findings"] if each["level"] != "fault"]),
            "pre-flight": _findings(model["preflight"]["findings"])
            if "preflight" in model
            else "unknown: the training recorded none",
        },
        "slices": _slices(report["slices"]),
        "weak slices": _weak(report.get("weak")),
        **({"confidence": _confidence(report["confidence"])} if "confidence" in report else {}),
        "protected groups": _protected(model.get("bias"), goal),
        "fairness": {
            **_fairness(report.get("fairness"), goal),
            **({"mitigation": report["mitigated"]["words"]} if "mitigated" in report else {}),
        },
        "what it goes by": _goes_by(model["importances"], model.get("goes_by")),
        "limits": {
            "held-out time": "metrics hold for the time they were measured on; a later one may differ",
            "censoring": _censoring(model["rows"], plan),
            "calibration": _reliability(model["calibration"]["reliability"])
            if goal.acts
            else f"not judged on held-out rows; {model['calibration']['choice']['reason']}",
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


def _parameters(settled: Mapping[str, Any]) -> str:
    """What the model was trained with; of an ensemble each member's."""
    if "members" not in settled:
        return _pairs(settled)
    told = zip(settled["members"], settled["weights"], strict=True)
    return "; ".join(f"{weight:.3g} of {each['learner']} ({_pairs(each['parameters'])})" for each, weight in told)


def _ensemble(found: Mapping[str, Any]) -> str:
    """What became of several models as one, and what it costs beside the best single one."""
    return "; ".join(found["words"])


def _weights(update: Mapping[str, Any] | None) -> str:
    """What its weights began with: nothing, or those of the model that it was updated from."""
    if update is None:
        return "none: trained anew"
    if not update["taken"]:
        return f"none: {update['reason']}"
    return f"model {update['parent']}; update {update['updates']} of its weights, {update['reason']}"


def _approval(acts: Sequence[Mapping[str, Any]], plan: Plan) -> str:
    """Who approved the model, or overrode the gate's refusal of it, when and why."""
    words = {"approve": "approved", "decline": "declined", "override": "the gate's refusal overridden"}
    said = [f"{words[act['act']]} {iso(act['at'])} by {act['reason']}" for act in acts if act["act"] in words]
    if said:
        return "; ".join(said)
    if plan.system.release.approval is None:
        return "not asked for, by declaration"
    waits = any(act["act"] == "wait" for act in acts)
    return "waits until a person says yes" if waits else "none: it does not wait for one"


def _costs(goal: Goal) -> str:
    """What errors cost."""
    if goal.acts:
        return f"false positive {goal.cost.false_positive}, false negative {goal.cost.false_negative}"
    if goal.errors is None:
        return "unknown: the goal names none"
    told = goal.errors.to_dict().items()
    return ", ".join(f"{name} {_pairs(value) if isinstance(value, Mapping) else value}" for name, value in told)


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


def _labels(labels: Mapping[str, Mapping[str, int]]) -> str:
    """How the labels were acquired that what is released learned from, and those that judged the procedure."""
    words = {"natural": "natural", "at random": "asked for at random", "picked": "picked by a strategy"}
    every, judged = (
        ", ".join(f"{labels[side][way]} {said}" for way, said in words.items()) for side in ("released", "held_out")
    )
    return f"{every}; held out: {judged}. Picked ones train, and judge nothing"


def _sample(sample: Mapping[str, Any]) -> str:
    """How the rows were drawn; of those that somebody chose, who did, and how raking them went."""
    if "judged_by" not in sample:
        return _pairs(sample)
    why = f" ({sample['reason']})" if sample.get("reason") else ""
    words = f"{sample['kind']}, chosen by {sample['judged_by']}{why}: no row has a known chance"
    if "raked" not in sample:
        return f"{words}; as it is, since no share of the population is known"
    went = sample["raked"]["all rows"]
    words += f"; raked to known shares of {', '.join(sample['margins'])}: its {sample['rows']} rows weigh as "
    words += f"{sample['effective_size']:.0f}"
    trimmed = sum(each["trimmed"] for name, each in sample["raked"].items() if name != "all rows")
    if not all(each["converged"] for each in sample["raked"].values()):
        words += f", shares are up to {max(each['apart'] for each in sample['raked'].values()):.2g} off"
    return words + (f", {trimmed} weights trimmed" if went["trimmed"] or trimmed else "")


def _protected(bias: Mapping[str, Any] | None, goal: Goal) -> dict[str, str]:
    """What the training set said of the groups of protected attributes, as it was when the model learned from it."""
    if bias is None:
        return {"attributes": "unknown: the training recorded none" if goal.protect else "none, by declaration"}
    found = {"measured on": f"{bias['rows']} decisions of the training set, when the model learned from it"}
    for attribute, groups in bias["facts"].items():
        for each in groups:
            found[f"{attribute} = {each['group']}"] = _group(each)
    told = [f"{each['attribute']} {each['group']}, {each['source']}: {each['evidence']}" for each in bias["findings"]]
    found["where bias enters"] = "; ".join(told) or f"nothing found in {bias['tests']} differences"
    return found


def _fairness(found: Sequence[Mapping[str, Any]] | None, goal: Goal) -> dict[str, str]:
    """How the model treats the groups on the held-out rows: the gaps, as the guardrails read them."""
    if not found:
        return {"gaps": "unknown: the model was judged before they were" if goal.protect else "none, by declaration"}
    told: dict[str, str] = {}
    for each in found:
        told |= {f"{each['attribute']}, {gap['criterion'].replace('_', ' ')}": gap["words"] for gap in each["gaps"]}
        if each["left_out"]:
            told[f"{each['attribute']}, too few rows to compare"] = ", ".join(each["left_out"])
    return told


def _group(group: Mapping[str, Any]) -> str:
    words = [f"{group['share']:.1%} of the decisions"]
    if group["weighed"] is not None:
        words.append(f"{group['weighed']:.1%} as training weighs them")
    if group["margin"] is not None:
        words.append(f"{group['margin']:.1%} of the population")
    words.append(f"positive {_bounded(group['rate'])} of {group['labelled']} labels")
    if group["looked_at"]:
        words.append(f"contested {_bounded(group['contested'])} of {group['looked_at']} items")
    empty = max(group["missing"].items(), key=lambda pair: (pair[1], pair[0]), default=None)
    if empty is not None and empty[1] > 0:
        words.append(f"most missing: {empty[0]} ({empty[1]:.1%})")
    best = max(group["tells"].items(), key=lambda pair: (pair[1], pair[0]), default=None)
    if best is not None:
        words.append(f"told best by {best[0]} (AUC {best[1]:.2f})")
    return ", ".join(words)


def _bounded(share: Sequence[float | None]) -> str:
    value, low, high = share
    if value is None:
        return "unknown"
    return f"{value:.1%}" + (
        f" (95 % interval {low:.1%} to {high:.1%})" if low is not None and high is not None else ""
    )


def _bases(bases: Mapping[str, Mapping[str, str]]) -> str:
    """Which frozen base models' numbers are among its features."""
    told = [f"{name}, {one['package']} {one['version']}, weights {one['digest'][:12]}" for name, one in bases.items()]
    return f"{'; '.join(told)}: frozen, and trained by others on texts that are not recorded here"


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
    told = run.get("forecast")
    expected = "" if told is None else f" ({told['cpu_seconds']:.1f} expected by {told['runs']} earlier runs)"
    return f"{run['cpu_seconds']:.1f} CPU seconds{expected}, {memory}"


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


def _weak(found: Mapping[str, Any] | None) -> dict[str, str]:
    """The slices in which it loses more than it expects, among all that were looked at."""
    if found is None:
        return {"looked at": "unknown: the model was judged before slices were looked for"}
    judged = sum(each["p_value"] is not None for each in found["slices"])
    looked = (
        f"{found['looked_at']} slices of the validation rows; {judged} judged on {found['rows']} newer, held-out ones, "
        f"with {100 * found['level']:.0f} % certainty of no false alarm"
    )
    weak = {f"weak: {each['name']}": each["words"] for each in found["slices"] if each["worse"]}
    return {"looked at": looked, **(weak or {"weak": "none is shown to lose more than the model expects"})}


def _confidence(found: Mapping[str, Any]) -> dict[str, str]:
    """Whether sets and intervals hold what was promised on later rows, and what handing decisions over saves."""
    told = {}
    if found["check"] is not None:
        size = "" if found["size"] is None else f" Mean {found['of']}: {found['size']:.4g}."
        told["all rows"] = found["check"]["told"] + size
        told |= {f"{found['by']} {name}": each["told"] for name, each in found["groups"].items()}
    if found["saved"] is not None:
        saved = found["saved"]["saved"]
        told["handing over"] = (
            f"{found['saved']['asked']:.1%} of decisions, which saves {saved['estimate']:.4g} per decision "
            f"(95 % interval {saved['low']:.4g} to {saved['high']:.4g})"
        )
    return told


def _goes_by(pairs: Sequence[Sequence[Any]], found: Mapping[str, Any] | None) -> dict[str, str]:
    """The features with the greatest shares, what the loss on held-out rows is without each, and what is never read."""
    rises = {} if found is None else {each["feature"]: each["rise"] for each in found["inputs"]}
    told = {str(name): f"{100 * share:.1f} %" + _rise(rises.get(name), found) for name, share in pairs[:TOP]}
    if found is None:
        return {**told, "without a feature": "unknown: the training did not ask what it loses without each"}
    return {
        **told,
        "without a feature": f"values shuffled among {found['rows']} held-out rows on {found['days']} days, "
        f"{found['repeats']} times; the {found['loss'].replace('_', ' ')} was {found['before']:.4g} before",
        "never read": ", ".join(found["unread"]) or "none: each feature changes some score",
    }


def _rise(rise: Mapping[str, Any] | None, found: Mapping[str, Any] | None) -> str:
    if rise is None or found is None:
        return ""
    return f"; without it the {found['loss'].replace('_', ' ')} rises by {_interval(rise)}"


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
