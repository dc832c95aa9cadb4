"""Documents of the registry and the audit trail as rows that a person reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from setpoint.core.times import iso
from setpoint.learn.promise import tell_promise
from setpoint.watch.incidents import Incident

COUNTED = {"alarms": "alarm", "retrainings": "train", "promotions": "promote", "rollbacks": "rollback"}


def told_act(act: Mapping[str, Any]) -> dict[str, Any]:
    """An act of the audit trail."""
    return {"at": iso(act["at"]), "act": act["act"], "subject": act["subject"], "reason": act["reason"]}


def count_acts(acts: Sequence[Mapping[str, Any]], month: str, *, last: bool) -> dict[str, int]:
    """How many alarms, retrainings, promotions and rollbacks there were in a month; the last one has all that follow.

    >>> count_acts([{"at": "2013-08-02T00:00:00Z", "act": "train"}], "2013-07", last=True)["retrainings"]
    1
    """
    kinds = [act["act"] for act in acts if act["at"][:7] == month or (last and act["at"][:7] > month)]
    return {name: kinds.count(kind) for name, kind in COUNTED.items()}


def told_incident(incident: Incident) -> dict[str, Any]:
    """An incident: what, since when, why and what to do."""
    return {
        "id": incident.id,
        "opened": iso(incident.opened_at),
        "first_bad": iso(incident.first_bad),
        "last": iso(incident.seen_at),
        "open": incident.open,
        "severity": incident.severity,
        "level": incident.level,
        "subjects": [subject.name for subject in incident.subjects],
        "findings": len(incident.subjects),
        "cause": incident.cause,
        "title": incident.title,
        "next_step": incident.next_step,
    }


def told_model(
    document: Mapping[str, Any], acts: Sequence[Mapping[str, Any]], *, metric: str | None = None
) -> dict[str, Any]:
    """A model: when and on what it was trained, what the gate said, and when it was live.

    `metric` is that of a goal which takes no action; others are told by their AUC.
    """
    report, model = document["report"], document["model"]
    judged = report["metrics"]["auc" if metric is None else metric]
    begins = [act["at"] for act in acts if act["act"] == "promote" and act["subject"] == model]
    return {
        "digest": model,
        "trained_at": iso(document["trained_at"]),
        "rows": document["rows"]["usable"],
        "learner": document["recipe"]["learner"],
        "gate": "passed" if report["passed"] else "refused",
        "auc" if metric is None else "metric": judged["estimate"],
        "low": judged["low"],
        "high": judged["high"],
        "reasons": list(report["reasons"]),
        "live_from": begins[0] if begins else None,
        "live_to": _ended(acts, model) if begins else None,
    }


def _ended(acts: Sequence[Mapping[str, Any]], model: str) -> str | None:
    """When a model that was promoted stopped deciding: rolled back or retired, or another one was promoted."""
    live = False
    for act in acts:
        if act["act"] == "promote" and act["subject"] == model:
            live = True
        elif live and (act["act"] == "promote" or (act["act"] in ("rollback", "retire") and act["subject"] == model)):
            return str(act["at"])
    return None


def _proxies(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The feature that tells the groups of each protected attribute best, as the training set had it."""
    facts = (document.get("bias") or {}).get("facts") or {}
    told = [
        (name, each["group"], *pair)
        for name, groups in facts.items()
        for each in groups
        for pair in each["tells"].items()
    ]
    best: dict[tuple[str, str], dict[str, Any]] = {}
    for attribute, group, feature, auc in sorted(told, key=lambda one: (one[3], one[2])):
        best[attribute, group] = {"attribute": attribute, "group": group, "feature": feature, "auc": auc}
    return [best[key] for key in sorted(best)]


def told_baselines(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every baseline beside the model; of a training of before all were kept, those that the gate compared."""
    kept = [dict(each) for each in document.get("baselines", ()) if "value" in each]
    return kept or [{"name": each["against"], "value": each["theirs"]} for each in document["report"]["baselines"]]


def told_gate(document: Mapping[str, Any], *, metric: str, unit: str) -> dict[str, Any]:
    """A gate report: guardrails, baselines and the business value."""
    report = document["report"]
    value = report["metrics"].get("business") or {}
    champion = report.get("champion") or {}
    moved = champion.get("value_difference") or {}
    return {
        "model": document["model"],
        "at": iso(document["trained_at"]),
        "passed": report["passed"],
        "reasons": list(report["reasons"]),
        "metric": metric,
        "guardrails": [
            {"name": each["guardrail"], "value": each["estimate"], "bound": each["bound"], "verdict": each["verdict"]}
            for each in report["guardrails"]
        ],
        "baselines": told_baselines(document),
        "findings": list(report["findings"]),
        **({"preflight": list(document["preflight"]["findings"])} if "preflight" in document else {}),
        **({"weak": dict(report["weak"])} if "weak" in report else {}),
        **({"behaviours": list(report["behaviours"])} if "behaviours" in report else {}),
        **({"confidence": tell_promise(report["confidence"])} if "confidence" in report else {}),
        **({"fairness": list(report["fairness"]), "proxies": _proxies(document)} if "fairness" in report else {}),
        **({"use": dict(document["use"])} if "use" in document else {}),
        **({"update": dict(document["update"])} if "update" in document else {}),
        **({"ensemble": dict(document["ensemble"])} if "ensemble" in document else {}),
        **({"mitigated": dict(report["mitigated"])} if "mitigated" in report else {}),
        **({"training_rows": report["plain"]["reason"]} if "plain" in report else {}),
        "business": {
            "unit": unit,
            "per_1000": value.get("estimate"),
            "difference": moved.get("estimate"),
            "low": moved.get("low"),
            "high": moved.get("high"),
        },
    }
