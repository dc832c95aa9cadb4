"""What differs between runs: declaration, data, recipe, code, environment, hardware."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from setpoint.core.digest import digest
from setpoint.core.ports import Metadata
from setpoint.registry.lineage import SNAPSHOT
from setpoint.registry.runs import DECLARED

AREAS = ("declaration", "data", "recipe", "code", "environment", "hardware")
"""What two runs may differ in, in the order in which people ask."""

BRIEF = ("features", "sources", "contracts")
"""Parts of a declaration whose members are told by the digest of each: what is inside is the plan's to show."""


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same in all runs: where, its name, and its value in each run; None where it is not."""

    area: str
    name: str
    values: tuple[Any, ...]

    def to_dict(self) -> dict[str, Any]:
        """The difference as JSON-like data."""
        return {"area": self.area, "name": self.name, "values": list(self.values)}


def run_facts(run: Mapping[str, Any], metadata: Metadata) -> dict[tuple[str, str], Any]:
    """Everything that made a run what it is, by area and name, from the documents of its workspace."""
    declared = metadata.get(DECLARED, run.get("declaration", "")) or {}
    snapshot = metadata.get(SNAPSHOT, run["inputs"].get("snapshot", "")) or {}
    user_code, environment = run.get("user_code", {}), run["environment"]
    git = user_code.get("git") or {}
    parts: dict[str, Mapping[str, Any]] = {
        "declaration": {**_leaves(declared), "digest": run.get("declaration") or None},
        "data": {
            "snapshot": run["inputs"].get("snapshot"),
            "training set": run["inputs"].get("training_set"),
            **{f"source {name}": found for name, found in snapshot.get("sources", {}).items()},
        },
        "recipe": {
            "seed": run["seed"],
            **{name: value for name, value in run["parameters"].items() if name != "parameters"},
            **_leaves(run["parameters"].get("parameters", {})),
        },
        "code": {
            "setpoint": run["code"],
            **{f"file {name}": found for name, found in user_code.get("files", {}).items()},
            "git commit": git.get("commit"),
            "changed since the commit": git.get("changed"),
        },
        "environment": {
            **{name: value for name, value in environment.items() if name not in ("packages", "modules")},
            **{f"package {name}": version for name, version in environment.get("packages", {}).items()},
        },
        "hardware": run.get("hardware", {}),
    }
    return {(area, name): value for area in AREAS for name, value in parts[area].items()}


def differences(facts: Sequence[Mapping[tuple[str, str], Any]]) -> list[Difference]:
    """What is not the same in all runs, by area.

    >>> one = {("recipe", "rounds"): 40, ("recipe", "seed"): 0}
    >>> differences([one, {**one, ("recipe", "rounds"): 60}])
    [Difference(area='recipe', name='rounds', values=(40, 60))]
    """
    names = {name: None for each in facts for name in each}
    found = []
    for area, name in sorted(names, key=lambda pair: AREAS.index(pair[0])):
        values = tuple(each.get((area, name)) for each in facts)
        if any(value != values[0] for value in values):
            found.append(Difference(area, name, values))
    return found


def _leaves(value: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """What stands in a nested document, by path: `goal.cost.false_positive`."""
    found: dict[str, Any] = {}
    for name, part in value.items():
        here = f"{path}.{name}" if path else str(name)
        if isinstance(part, Mapping) and path not in BRIEF:
            found |= _leaves(part, here)
        elif isinstance(part, (Mapping, list, tuple)):
            found[here] = digest(part)[:8]
        else:
            found[here] = part
    return found
