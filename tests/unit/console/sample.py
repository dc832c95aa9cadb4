"""A results document as a replay of a year of flights gives it, drawn from a seed."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from setpoint.core.times import DAY, HOUR, WEEK, iso, time

START, END = time("2013-01-01"), time("2014-01-01")
LIVE = (None, 0.706, 0.731, 0.742, 0.738, 0.752, 0.757, 0.741, 0.722, 0.734, 0.739, 0.751)
FROZEN = (None, 0.704, 0.722, 0.725, 0.712, 0.716, 0.705, 0.701, 0.683, 0.694, 0.697, 0.703)
FEATURES = (
    "hour", "left_late_origin_2h", "overdue_origin_6h", "arr_delay_plane", "arr_delay_1d", "pressure", "dewp",
    "left_late_carrier_2h", "late_flight_30d", "wind_speed", "dep_delay_hub_2h", "made_up_lane_1d", "precip",
    "arr_delay_lane_1d", "made_up_dest_6h", "carrier", "visib", "dest", "spare_route_1d", "temp", "wind_dir",
    "weekday", "minutes", "since_plane_left", "seats", "pressure_change", "left_carrier_12h", "origin",
)  # fmt: skip
CARRIERS = ("9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "UA", "US", "VX", "WN", "YV")
WEAK = "ece() <= 0.1 lacks evidence: 0.09 with the bound 0.112; about 410 more labels would settle it"
UNIT = "minutes of delay warned of, net of false warnings"


def digest_of(name: str) -> str:
    """A stable digest for a name."""
    return hashlib.sha256(name.encode()).hexdigest()


def sample(seed: int = 7) -> dict[str, Any]:
    """A whole document, the same for the same seed."""
    rng = np.random.default_rng(seed)
    trained = [START + 31 * DAY + index * 30 * DAY for index in range(11)]
    models = [digest_of(f"model {index}") for index in range(11)]
    acts, reigns = _acts(trained, models)
    incidents = _incidents(rng)
    months = _months(rng, acts, incidents, reigns)
    return {
        "system": "flights",
        "digest": digest_of("replay"),
        "start": iso(START),
        "end": iso(END),
        "unit": UNIT,
        "metric": "auc",
        "months": months,
        "weeks": _weeks(rng),
        "acts": acts,
        "incidents": incidents,
        "maturity": _maturity(),
        "calibration": _calibration(rng),
        "slices": _slices(rng),
        "importances": _importances(),
        "goes_by": _goes_by(),
        "models": _models(trained, models, reigns),
        "gates": _gates(rng, trained, models),
        "time_split": {
            "auc": 0.7391, "auc_low": 0.7329, "auc_high": 0.7453, "average_precision": 0.4983, "log_loss": 0.4571,
            "brier": 0.1458, "ece": 0.0112, "ece_low": 0.0078, "ece_high": 0.0169, "rows_trained": 216_430,
            "rows_tested": 82_599, "random_split_auc": 0.7934, "flattery": 0.0543,
        },
        "parity": {"sampled": 3368, "compared_values": 141_456, "mismatches": 0},
        "steps": [
            {"step": step, "cpu_seconds": seconds}
            for step, seconds in (
                ("train", 41.2), ("features", 17.9), ("decide", 9.4), ("online sample", 8.1), ("watch", 6.6),
                ("labels", 4.9), ("prepare features", 3.8), ("log", 3.1), ("scores", 2.2), ("release", 1.4),
            )
        ],
        "summary": {
            "decisions": 336_776, "matured": 327_346, "void": 9_430, "auc_time_split": 0.7391, "auc": 0.7384,
            "auc_frozen": 0.7043, "business": 1873.4, "ece": 0.0131, "alarms": len(incidents), "retrainings": 11,
            "promotions": sum(act["act"] == "promote" for act in acts), "rollbacks": 1,
            "online_offline_mismatches": 0, "cpu_seconds": 98.6, "peak_rss_mb": 1420.0, "digest": digest_of("replay"),
        },
    }  # fmt: skip


def empty() -> dict[str, Any]:
    """A document of a replay in which nothing could be judged."""
    names = ("months", "weeks", "acts", "incidents", "maturity", "calibration", "slices", "importances", "models",
             "gates", "steps")  # fmt: skip
    facts = dict.fromkeys(sample()["summary"], None)
    return {
        "system": "flights", "digest": digest_of("empty"), "start": iso(START), "end": iso(START + DAY), "unit": UNIT,
        "metric": "auc", **{name: [] for name in names}, "time_split": None, "parity": None, "summary": facts,
    }  # fmt: skip


def _acts(trained: list[int], models: list[str]) -> tuple[list[dict[str, Any]], dict[str, tuple[int, int]]]:
    acts: list[tuple[int, str, str, str]] = []
    reigns: dict[str, list[int]] = {}
    champion = None
    for index, (at, model) in enumerate(zip(trained, models, strict=True)):
        why = "first training" if index == 0 else "30d since the last training"
        acts.append((at, "train", model, f"{why}; {18_000 + 24_000 * index:,} mature rows"))
        if index == 4:
            acts.append((at, "gate", model, "refused: ece() <= 0.1 lacks evidence: 0.09, bound 0.112; 410 more labels"))
            continue
        acts.append((at, "gate", model, "passed: 3 guardrails hold; better than every baseline"))
        if champion is None:
            acts.append((at, "promote", model, "passed the gate, which compared it with the rule that decided"))
            champion, reigns[model] = model, [at]
            continue
        acts.append((at, "start_shadow", model, f"passed the gate; shadows the champion {champion[:8]}"))
        look = at + 9 * DAY
        if index == 6:
            acts.append((look, "hold", model, "not enough evidence at look 1 of 3: auc +0.001 [-0.004, +0.006]"))
            acts.append((look + 7 * DAY, "reject", model, f"shown to be worse than {champion[:8]}: auc -0.006"))
            continue
        if look >= END:
            continue
        acts.append((look, "promote", model, f"shown to be better than {champion[:8]}: auc +0.011 [+0.004, +0.018]"))
        reigns[champion].append(look)
        reigns[model] = [look]
        if index == 8:
            back = look + 9 * DAY
            acts.append((back, "rollback", model, f"shown to be worse than {champion[:8]}, which decides again"))
            reigns[model].append(back)
            reigns[champion] = [reigns[champion][0]]
        else:
            acts.append((look + 16 * DAY, "end_watch", champion, f"its successor {model[:8]} is not worse"))
            champion = model
    acts.sort()
    told = [
        {"at": iso(at), "act": act, "subject": subject[:8], "reason": reason}
        for at, act, subject, reason in acts
        if at < END
    ]
    return told, {model: (span[0], span[1] if len(span) > 1 else END) for model, span in reigns.items()}


def _incidents(rng: np.random.Generator) -> list[dict[str, Any]]:
    kinds = (
        ("feature", "page", ["wind_speed"], "weather", "Look at the rows of weather: wind_speed reached 1,048."),
        ("feature", "digest", ["temp", "dewp"], "world", "Season: a retraining on newer rows takes it up."),
        ("feature", "digest", ["arr_delay_1d", "left_late_origin_2h", "overdue_6h"], "world", "Wait for labels."),
        ("prediction", "digest", ["score"], "model", "Compare with the challenger once its labels are mature."),
        ("label", "digest", ["auc"], "world", "A retraining is due; see the audit trail."),
        ("input", "page", ["weather"], "weather", "No rows since 6 hours: ask who delivers them."),
        ("feature", "digest", ["pressure"], "world", "Nothing: it passed with the weather."),
    )
    found = []
    for index in range(23):
        level, severity, subjects, cause, step = kinds[int(rng.integers(len(kinds)))]
        opened = START + 40 * DAY + int(rng.integers(320)) * DAY
        last = min(END, opened + int(rng.gamma(1.5, 5)) * DAY)
        found.append(
            {
                "opened": iso(opened), "last": iso(last), "severity": severity, "level": level, "subjects": subjects,
                "cause": cause, "next_step": step, "findings": 1 + index % 6,
            }
        )  # fmt: skip
    return sorted(found, key=lambda each: each["opened"])


def _months(
    rng: np.random.Generator,
    acts: list[dict[str, Any]],
    incidents: list[dict[str, Any]],
    reigns: dict[str, tuple[int, int]],
) -> list[dict[str, Any]]:
    found = []
    rates = (0.225, 0.248, 0.214, 0.262, 0.211, 0.311, 0.306, 0.222, 0.151, 0.176, 0.173, 0.324)
    for index in range(12):
        name = f"2013-{index + 1:02d}"
        decisions = int(27_000 + rng.integers(-2_000, 2_300))
        void = int(rng.integers(300, 1_400))
        auc, frozen = LIVE[index], FROZEN[index]
        inside = [act for act in acts if act["at"].startswith(name)]
        middle = time(f"{name}-15")
        champion = next((m[:8] for m, (first, last) in reversed(reigns.items()) if first <= middle < last), "rule")
        found.append(
            {
                "month": name, "decisions": decisions, "known": decisions - void, "void": void, "unknown": 0,
                "coverage": 1.0, "degraded": decisions if index == 0 else 0, "base_rate": rates[index],
                "acted": 0.09 + 0.3 * (rates[index] - 0.15), "auc": auc,
                "auc_low": None if auc is None else auc - 0.009, "auc_high": None if auc is None else auc + 0.009,
                "auc_frozen": frozen, "log_loss": None if auc is None else 0.46 + 0.02 * float(rng.normal()),
                "ece": None if auc is None else 0.015 + 0.004 * float(rng.random()),
                "business": 900.0 + 6_500 * (rates[index] - 0.15) + (-1_150 if index == 8 else 0),
                "alarms": sum(each["opened"].startswith(name) for each in incidents),
                "retrainings": sum(act["act"] == "train" for act in inside),
                "promotions": sum(act["act"] == "promote" for act in inside),
                "rollbacks": sum(act["act"] == "rollback" for act in inside),
                "champion": champion,
            }
        )  # fmt: skip
    return found


def _weeks(rng: np.random.Generator) -> list[dict[str, Any]]:
    found = []
    first = time("2012-12-31")
    middles = [index * 30.4 + 15 for index in range(12)]
    for index in range(53):
        day = (first - START) / DAY + 7 * index + 3
        known = index > 4 and index not in (20, 21, 45)
        live = float(np.interp(day, middles[1:], LIVE[1:])) + 0.011 * float(rng.normal())
        frozen = float(np.interp(day, middles[1:], FROZEN[1:])) + 0.009 * float(rng.normal())
        half = 0.014 + 0.006 * float(rng.random())
        found.append(
            {
                "week": iso(first + index * WEEK)[:10], "decisions": int(6_400 + rng.integers(-300, 300)),
                "auc": live if known else None, "auc_low": live - half if known else None,
                "auc_high": live + half if known else None, "auc_frozen": frozen if known else None,
                "base_rate": 0.23 + 0.05 * float(rng.normal()),
            }
        )  # fmt: skip
    return found


def _maturity() -> list[dict[str, Any]]:
    shares = (0, 0.0, 0.012, 0.118, 0.301, 0.532, 0.694, 0.788, 0.871, 0.911, 0.934, 0.951, 0.962, 0.967, 0.9705,
              0.971, 0.972)  # fmt: skip
    hours = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 20, 24, 36)
    return [{"hours": h, "share": s} for h, s in zip(hours, shares, strict=True)] + [{"hours": 48, "share": 1.0}]


def _calibration(rng: np.random.Generator) -> list[dict[str, Any]]:
    found = []
    for mean in np.concatenate([np.linspace(0.052, 0.3, 11), [0.345, 0.41, 0.51, 0.69]]):
        rate = float(mean + 0.008 * rng.normal() - 0.02 * (mean > 0.45))
        half = float(1.96 * np.sqrt(rate * (1 - rate) / 1_800))
        found.append({"mean_score": float(mean), "rate": rate, "low": rate - half, "high": rate + half, "n": 5_506})
    return found


def _slices(rng: np.random.Generator) -> list[dict[str, Any]]:
    found = []
    for name, values in (("origin", ("EWR", "JFK", "LGA")), ("carrier", CARRIERS)):
        for index, value in enumerate(values):
            n = int(110_000 / (1 + index)) if name == "origin" else int(58_000 / (1 + index) ** 1.7)
            auc = 0.735 + 0.02 * float(rng.normal())
            half = min(0.09, 1.4 / np.sqrt(n))
            found.append(
                {
                    "slice": name, "value": value, "n": n, "auc": auc, "low": auc - half, "high": auc + half,
                    "base_rate": 0.2 + 0.08 * float(rng.random()),
                }
            )  # fmt: skip
    return sorted(found, key=lambda each: each["auc"])


def _importances() -> list[dict[str, Any]]:
    weights = np.exp(-np.arange(len(FEATURES)) / 7)
    shares = weights / weights.sum()
    return [{"feature": name, "share": float(part)} for name, part in zip(FEATURES, shares, strict=True)]


def _goes_by() -> dict[str, Any]:
    inputs = [
        {
            "feature": name,
            "rise": {"estimate": 0.02 / (1 + j), "low": 0.02 / (1 + j) - 0.002, "high": 0.02 / (1 + j) + 0.002},
        }
        for j, name in enumerate(FEATURES[:-1])
    ]
    idle = {"feature": FEATURES[-1], "rise": {"estimate": 0.0, "low": 0.0, "high": 0.0}}
    return {
        "loss": "log_loss", "before": 0.4321, "rows": 2000, "days": 61, "repeats": 3, "inputs": [*inputs, idle],
        "unread": [FEATURES[-1]], "effects": [_effect(name, j) for j, name in enumerate(FEATURES[:5])],
    }  # fmt: skip


def _effect(name: str, place: int) -> dict[str, Any]:
    at = np.linspace(0, 10 * (place + 1), 12)
    effect = 0.1 / (place + 1) * np.sin(at / at[-1] * 3 - 1.5)
    bounds = {"low": (effect - 0.01).tolist(), "high": (effect + 0.01).tolist()}
    return {"feature": name, "at": at.tolist(), "effect": effect.tolist(), **bounds}


def _models(trained: list[int], models: list[str], reigns: dict[str, tuple[int, int]]) -> list[dict[str, Any]]:
    found = []
    for index, (at, model) in enumerate(zip(trained, models, strict=True)):
        auc = 0.712 + 0.003 * index
        span = reigns.get(model)
        found.append(
            {
                "digest": model, "trained_at": iso(at), "rows": 18_000 + 24_000 * index,
                "gate": "refused" if index == 4 else "passed", "auc": auc, "low": auc - 0.012, "high": auc + 0.012,
                "reasons": [WEAK] if index == 4 else [],
                "live_from": iso(span[0]) if span else None,
                "live_to": iso(span[1]) if span and span[1] < END else None,
            }
        )  # fmt: skip
    return found


def _weak() -> dict[str, Any]:
    shown = (("carrier = MQ and dest = DCA", True, True, 0.94, 0.47, 1.83, 1.31, 2.35, 0.021),
             ("origin = LGA", False, False, 0.49, 0.47, 1.04, 0.97, 1.11, 0.311))  # fmt: skip
    slices = [
        {
            "name": name, "found": found, "worse": worse, "loss": loss, "others": 0.46, "expected": expected,
            "times": {"estimate": times, "low": low, "high": high}, "share": share, "p_value": 0.001 if worse else 1.0,
            "words": f"{name}: log loss {loss} against 0.46 of the others; {times} times what was expected",
        }
        for name, found, worse, loss, expected, times, low, high, share in shown
    ]  # fmt: skip
    return {"loss": "log_loss", "looked_at": 2_814, "rows": 31_507, "level": 0.95, "slices": slices}


def _fairness() -> list[dict[str, Any]]:
    groups = []
    for name, n, rates in (
        ("f", 9_000, (0.12, 0.55, 0.04)),
        ("m", 21_000, (0.29, 0.61, 0.09)),
        ("x", 31, (0.2, 0.5, 0.1)),
    ):
        wide = 0.01 if n > 50 else 0.15
        found = {
            rate: {"estimate": value, "low": value - wide, "high": value + wide}
            for rate, value in zip(("selection_rate", "recall", "false_positive_rate"), rates, strict=True)
        }
        groups.append({"group": name, "n": n, "judged": n > 50, "rates": found})
    gaps = [
        {
            "criterion": criterion, "lowest": "f", "highest": "m", "by_chance": 0.008, "corrected": apart - 0.001,
            "difference": {"estimate": apart, "low": apart - 0.03, "high": apart + 0.02},
            "ratio": {"estimate": ratio, "low": ratio - 0.05, "high": ratio + 0.05}, "p_value": p, "shown": p < 0.05,
            "words": f"{criterion}: {apart} between f (lowest) and m (highest)",
        }
        for criterion, apart, ratio, p in (
            ("demographic_parity", 0.17, 0.41, 0.002), ("equal_opportunity", 0.06, 0.9, 0.2),
        )
    ]  # fmt: skip
    return [{"attribute": "sex", "groups": groups, "gaps": gaps, "left_out": ["x"]}]


def _gates(rng: np.random.Generator, trained: list[int], models: list[str]) -> list[dict[str, Any]]:
    found = []
    for index, (at, model) in enumerate(zip(trained, models, strict=True)):
        auc = 0.712 + 0.003 * index
        weak = index == 4
        gain = 40 + 30 * float(rng.normal())
        found.append(
            {
                "model": model, "at": iso(at + HOUR),
                "guardrails": [
                    {"name": "auc() >= 0.6", "value": auc, "bound": auc - 0.01, "verdict": "holds"},
                    {"name": "ece() <= 0.1", "value": 0.09 if weak else 0.021, "bound": 0.112 if weak else 0.03,
                     "verdict": "not enough evidence" if weak else "holds"},
                    {"name": "latency(99) <= 50ms", "value": 2140.0, "bound": None, "verdict": "reported"},
                    {"name": "size() <= 5", "value": 1.2, "bound": 1.2, "verdict": "holds"},
                ],
                "baselines": [
                    {"name": "prior", "value": 0.5}, {"name": "best feature: left_late_origin_2h", "value": 0.631},
                    *([] if index == 0 else [{"name": "champion", "value": auc - 0.004}]),
                ],
                "weak": _weak(), "fairness": _fairness(),
                "proxies": [{"attribute": "sex", "group": "f", "feature": "occupation", "auc": 0.76}],
                "business": {
                    "unit": UNIT, "per_1000": 1_700 + 40 * index, "difference": None if index == 0 else gain,
                    "low": None if index == 0 else gain - 55, "high": None if index == 0 else gain + 55,
                },
            }
        )  # fmt: skip
    return found
