"""The training set: exactly one row per decision, in order, with what it saw and what is known of its label."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa

from setpoint.core.digest import digest
from setpoint.core.errors import DataError
from setpoint.data.labels import Labels
from setpoint.data.snapshots.snapshot import ContentDigests
from setpoint.declare.plan import Plan


@dataclass(frozen=True)
class TrainingSet:
    """Decisions as training sees them, a row each: key, time, request fields, features and label.

    `snapshot_digest` names the rows that the features were computed from. `weight` says how much each decision counts
    (a sample's one over its chance of being in it, the confidence of a label); None: each counts once.
    """

    keys: pa.Array
    at: np.ndarray
    fields: pa.Table
    features: pa.Table
    labels: Labels
    snapshot_digest: str
    weight: np.ndarray | None = None

    @property
    def usable(self) -> np.ndarray:
        """True for decisions that may train or judge: their label is mature and known."""
        return self.labels.usable

    def weigh(self, weight: np.ndarray) -> TrainingSet:
        """The same decisions with these weights; weights that are all 1 are none.

        Raises DataError for weights that are negative, not finite, or of another number than the decisions.
        """
        each = np.asarray(weight, dtype=np.float64)
        if each.shape != self.at.shape:
            raise DataError(
                f"There are {self.at.size} decisions and weights of the shape {each.shape}.",
                expected="one per decision",
            )
        if not np.isfinite(each).all() or (each < 0).any():
            strange = each[~np.isfinite(each) | (each < 0)][0]
            raise DataError(f"The weight of a decision is {strange}.", expected="zero or more, and finite")
        return replace(self, weight=None if (each == 1).all() else each)

    @cached_property
    def digest(self) -> str:
        """The identity of the content: equal rows in equal order, equal digest."""
        told = {
            "__key": self.keys,
            "__at": pa.array(self.at),
            "__state": pa.array(self.labels.state),
            "__value": pa.array(self.labels.value),
            "__settled_at": pa.array(self.labels.settled_at),
            "__mature": pa.array(self.labels.mature),
            **{f"__outcome.{name}": pa.array(values) for name, values in self.labels.outcome.items()},
            **{f"__field.{name}": self.fields[name] for name in self.fields.column_names},
            **{name: self.features[name] for name in self.features.column_names},
            **({} if self.weight is None else {"__weight": pa.array(self.weight)}),
            **self._acquired(),
        }
        return digest([self.snapshot_digest, ContentDigests().of(pa.table(told))])

    def _acquired(self) -> dict[str, pa.Array]:
        """How labels were acquired; nothing where all are natural."""
        found = self.labels.acquired
        if found is None:
            return {}
        return {f"__acquired.{name}": pa.array(getattr(found, name)) for name in ("how", "chance", "state", "value")}

    def take(self, index: np.ndarray) -> TrainingSet:
        """The training set of some of the decisions, by their places."""
        rows = pa.array(index)
        return TrainingSet(
            keys=self.keys.take(rows),
            at=self.at[index],
            fields=self.fields.take(rows),
            features=self.features.take(rows),
            labels=self.labels.take(index),
            snapshot_digest=self.snapshot_digest,
            weight=None if self.weight is None else self.weight[index],
        )


def build_training_set(
    plan: Plan,
    requests: pa.Table,
    at: np.ndarray,
    features: pa.Table,
    labels: Labels,
    snapshot_digest: str,
) -> TrainingSet:
    """The training set of these decisions; raises DataError unless there is one of everything for each.

    `requests` has the plan's fields, `features` one column per feature.
    """
    sizes = {
        "requests": requests.num_rows,
        "times": at.size,
        "features": features.num_rows,
        "labels": labels.state.size,
    }
    if len(set(sizes.values())) != 1:
        raise DataError(f"The parts of a training set have {sizes} rows.", expected="one of each per decision")
    keys = requests[plan.system.decide.key]
    return TrainingSet(
        keys=keys.combine_chunks() if isinstance(keys, pa.ChunkedArray) else keys,
        at=at,
        fields=requests.select(list(plan.fields)),
        features=features.select([feature.name for feature in plan.inputs]),
        labels=labels,
        snapshot_digest=snapshot_digest,
    )
