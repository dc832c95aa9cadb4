"""The runs of a declaration: listed, one in full, and several side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from setpoint.core.errors import NameUnknown, NothingYet
from setpoint.core.ports import Metadata
from setpoint.core.times import iso
from setpoint.declare.goal import Metric
from setpoint.learn.gate import ALWAYS
from setpoint.learn.judged import load_judged, same_rows
from setpoint.measure.intervals import against_margin
from setpoint.registry import models, runs
from setpoint.registry.lineage import models_in_use
from setpoint.registry.marks import Marks, marks_of
from setpoint.registry.run_diff import AREAS, differences, run_facts
from setpoint.registry.where import check_names, conditions, meets
from setpoint.system.opened import Opened
from setpoint.system.workspaces import REPLAY

DRAWS = 500
"""Resamplings behind the interval of a difference."""

PRICES = ("goal.cost", "goal.business")
"""What a declaration says of worth: values of a decision by other prices are no difference of models."""


@dataclass(frozen=True)
class Recorded:
    """A run where it was recorded: its document, its model's, the workspace's name, and what the model does there."""

    run: dict[str, Any]
    model: dict[str, Any]
    workspace: str
    role: str
    metadata: Metadata
    judged: pa.Table | None = None
    marks: Marks = field(default_factory=Marks)

    @property
    def tags(self) -> tuple[str, ...]:
        """What people call runs of its kind."""
        return self.marks.tags.get(self.run["model"], ())

    @property
    def aliases(self) -> tuple[str, ...]:
        """The names that point to its model."""
        return self.marks.names_of(self.run["model"])

    @property
    def archived(self) -> bool:
        """Whether its model's files are in the archive."""
        return self.run["model"] in self.marks.archived

    def facts(self, metric: str) -> dict[str, Any]:
        """What it can be searched by: its line in a list, its metrics, its parameters, and what people say of it."""
        told = self.summary(metric)
        metrics = {name: found["estimate"] for name, found in self.run["metrics"].items()}
        return {
            **self.run["parameters"].get("parameters", {}),
            **metrics,
            **{name: value for name, value in told.items() if name not in ("tags", "aliases", "metric")},
            **{name: self.run.get(name) for name in ("at", "seed", "code", "declaration")},
            "commit": (self.run.get("user_code", {}).get("git") or {}).get("commit"),
            "tag": self.tags,
            "alias": self.aliases,
            "archived": self.archived,
        }

    def summary(self, metric: str) -> dict[str, Any]:
        """The run in a line of a list."""
        found = self.run["metrics"].get(metric) or {}
        return {
            "run": self.run["run"],
            "model": self.run["model"],
            "workspace": self.workspace,
            "at": iso(self.run["at"]),
            "learner": self.run["parameters"].get("learner"),
            "passed": self.model["report"]["passed"],
            "does": self.role,
            "rows": self.model["rows"]["usable"],
            "metric": metric,
            **{name: found.get(name) for name in ("estimate", "low", "high")},
            "cpu_seconds": self.run["cpu_seconds"],
            "peak_mb": self.run["peak_mb"],
            "tags": list(self.tags),
            "aliases": list(self.aliases),
            "archived": self.archived,
        }


def list_runs(
    opened: Opened, *, passed: bool = False, since: int | None = None, where: str = "", archived: bool = False
) -> dict[str, Any]:
    """Every training that was recorded, newest first; only those that passed the gate, ran since a time, or meet all.

    `where` is conditions such as "auc > 0.7 and tag = easter". Those whose model is in the archive are left out and
    counted, unless `archived`.
    """
    wanted, metric = conditions(where) if where else (), _goal_metric(opened)
    archived = archived or any(each.name == "archived" for each in wanted)
    with _recorded(opened) as found:
        facts = {each.run["run"]: each.facts(metric) for each in found} if wanted else {}
        if facts:
            check_names(wanted, {name for told in facts.values() for name in told})
        kept = [
            each
            for each in found
            if (each.model["report"]["passed"] or not passed)
            and (since is None or each.run["at"] >= since)
            and (not wanted or meets(facts[each.run["run"]], wanted))
        ]
        shown = [each for each in kept if archived or not each.archived]
        told = [each.summary(metric) for each in shown]
        return {"system": opened.declared.name, "runs": told, "in_archive": len(kept) - len(shown)}


def find_run(opened: Opened, which: str) -> Recorded:
    """The run that a name, the beginning of its id, or that of its model's digest says; its documents are closed."""
    with _recorded(opened) as found:
        return _named(found, which)


def show_run(opened: Opened, which: str) -> dict[str, Any]:
    """All that was recorded of one run, which the beginning of its id or of its model's digest names."""
    with _recorded(opened) as found:
        one = _named(found, which)
        report = one.model["report"]
        return {
            "system": opened.declared.name,
            **one.summary(_goal_metric(opened)),
            "reasons": report["reasons"],
            "trials": one.model["trials"],
            **({"search": one.model["search"]} if "search" in one.model else {}),
            **{name: value for name, value in one.run.items() if name not in ("run", "model", "system", "at")},
        }


def compare_runs(opened: Opened, names: Sequence[str]) -> dict[str, Any]:
    """What differs between runs, and their metrics side by side.

    Each run is compared with the first: on the decisions that both were judged on, the difference of each metric with
    its 95 % interval, clustered by day. Where they share none, nothing is compared: intervals of different rows may
    not be subtracted.
    """
    with _recorded(opened) as found:
        chosen = [_with_judged(opened, _named(found, name)) for name in names]
        differing = differences([run_facts(each.run, each.metadata) for each in chosen])
        prices = {each.name: each.values for each in differing if each.name.startswith(PRICES)}
        repriced = [any(values[0] != values[at] for values in prices.values()) for at in range(1, len(chosen))]
        pairs = [
            _against_first(opened, chosen[0], each, repriced=other)
            for each, other in zip(chosen[1:], repriced, strict=True)
        ]
        metrics = list(dict.fromkeys(name for each in chosen for name in each.run["metrics"]))
        return {
            "system": opened.declared.name,
            "runs": [each.summary(_goal_metric(opened)) for each in chosen],
            "same": [area for area in AREAS if all(each.area != area for each in differing)],
            "differs": [each.to_dict() for each in differing],
            "metrics": [
                {
                    "metric": name,
                    "values": [each.run["metrics"].get(name) for each in chosen],
                    "differences": [pair["metrics"].get(name) for pair in pairs],
                }
                for name in metrics
            ],
            "judged": [{key: value for key, value in pair.items() if key != "metrics"} for pair in pairs],
            "cost": [
                {"cpu_seconds": each.run["cpu_seconds"], "peak_mb": each.run["peak_mb"], "steps": each.run.get("steps")}
                for each in chosen
            ],
        }


def _against_first(opened: Opened, first: Recorded, other: Recorded, *, repriced: bool) -> dict[str, Any]:
    """The paired differences of a run with the first, on the decisions that both were judged on.

    Of the business value there is none where it is `repriced`, since the two were counted in other prices.
    """
    told: dict[str, Any] = {
        "run": other.run["run"],
        "rows": 0,
        "days": 0,
        "relabelled": 0,
        "repriced": repriced,
        "metrics": {},
    }
    if first.judged is None or other.judged is None:
        return {**told, "because": "what one of them was judged on was not kept"}
    pair = same_rows(first.judged, other.judged)
    if pair is None:
        return {**told, "because": "no decision judged both"}
    goal = opened.declared.goal.metric
    metrics = {name: Metric(name) for name in ALWAYS} | {_goal_metric(opened): goal}
    common = first.run["metrics"].keys() & other.run["metrics"].keys() - ({"business"} if repriced else set())
    shared = {name: each for name, each in metrics.items() if name in common}
    found = pair.differences(shared, draws=DRAWS, seed=opened.settings.seed)
    verdicts = {
        name: against_margin(gained, greater_is_better=shared[name].greater_is_better) for name, gained in found.items()
    }
    return {
        **told,
        "rows": int(pair.rows.at.size),
        "days": len(set(pair.rows.days.tolist())),
        "relabelled": pair.relabelled,
        "because": "",
        "metrics": {name: {**gained.to_dict(), "verdict": verdicts[name]} for name, gained in found.items()},
    }


def _goal_metric(opened: Opened) -> str:
    """The name that reports have for the goal's metric."""
    return str(opened.declared.goal.metric).removesuffix("()")


@contextmanager
def _recorded(opened: Opened) -> Iterator[list[Recorded]]:
    """The runs of every workspace, newest first; one that the live system took over from a replay is told once."""
    found: dict[str, Recorded] = {}
    marks = marks_of(opened.metadata)
    with ExitStack() as stack:
        for folders, settings in reversed(opened.workspaces.every()):
            metadata = folders.open_metadata(settings)
            stack.callback(metadata.close)
            home = folders.home
            where = "live" if home == opened.workspaces.live.home else f"{REPLAY} {home.name}"
            roles = dict(models_in_use(metadata))
            for run in reversed(metadata.find(runs.NOUN, system=opened.declared.name)):
                model = run["model"]
                body = models.get(metadata, model)
                one = Recorded(run, body, where, roles.get(model, ""), metadata, marks=marks)
                found.setdefault(run["run"], one)
        yield sorted(found.values(), key=lambda each: -each.run["at"])


def _named(found: Sequence[Recorded], which: str) -> Recorded:
    """The run that an id, or a model's digest, begins like, or an alias points to; the newest of a model's."""
    if not found:
        raise NothingYet(
            "No training has been recorded.", expected="a run", hint="Run `setpoint train` or `setpoint replay` first."
        )
    which = found[0].marks.aliases.get(which, which)
    by_run = [each for each in found if each.run["run"].startswith(which)]
    by_model = [each for each in found if each.run["model"].startswith(which)]
    if which and len(by_run) == 1:
        return by_run[0]
    if which and by_model and not by_run and len({each.run["model"] for each in by_model}) == 1:
        return by_model[0]
    raise NameUnknown("run", which, [each.run["run"] for each in found], where="What is recorded")


def _with_judged(opened: Opened, one: Recorded) -> Recorded:
    """The run with the rows that it was judged on, if they were kept."""
    folders, _ = opened.workspaces.of(one.workspace)
    judged = load_judged(folders.open_tables(), one.run["run"])
    return replace(one, judged=judged)
