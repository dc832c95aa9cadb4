"""A small shop whose checkouts are decided on, with models that are formulas: what the tests of serving share."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

import setpoint as sp
from setpoint.core.times import time
from setpoint.declare.plan import Plan, Profile, make_plan
from setpoint.features.online_seen import Seen
from setpoint.features.reader import FeatureReader

NOON = time("2024-05-01T12:00:00Z")

checkouts = sp.events("checkouts", "checkouts.parquet", key="checkout_id", at="ts")
returns = sp.events("returns", "returns.parquet", id="return_id", at="ts", delay="0s")
users = sp.table("users", "users.parquet", key="user_id", valid_from=sp.always)


def shop(*, must: tuple[Any, ...] = (), name: str = "shop", fallback: Any = None, act: Any = "cost") -> Plan:
    """The plan of the shop's system, with these guardrails."""
    system = sp.System(
        name,
        decide=sp.decide(checkouts, fields=["user_id", "total", "member", "created"]),
        features={
            "total": sp.field("total"),
            "member": sp.field("member"),
            "country": users.country,
            "returned": sp.count(returns, by="user_id", last="30d"),
            "age": sp.now - sp.field("created"),
        },
        label=sp.label(returns.fraud, on="checkout_id", within="30d"),
        goal=sp.goal(
            sp.auc(),
            business="eur",
            act=sp.act("block", by=act),
            cost=sp.cost(false_positive=2, false_negative=sp.field("total")),
            must=list(must),
        ),
        release=sp.release(sp.shadow("1d"), fallback=fallback or sp.rule(sp.field("total") > 50)),
    )
    schemas = {
        "checkouts": {
            "checkout_id": "text",
            "ts": "time",
            "user_id": "text",
            "total": "number",
            "member": "bool",
            "created": "time",
        },
        "returns": {"return_id": "text", "checkout_id": "text", "user_id": "text", "ts": "time", "fraud": "bool"},
        "users": {"user_id": "text", "country": "text"},
    }
    return make_plan(system, schemas, Profile({}, 100.0))


def rows() -> dict[str, pa.Table]:
    """Three returns of two users, of whom one has no country."""
    moments = [NOON - 3 * 86_400_000_000, NOON - 2 * 86_400_000_000, NOON - 86_400_000_000]
    stamp = pa.timestamp("us", tz="UTC")
    return {
        "returns": pa.table(
            {
                "return_id": ["r1", "r2", "r3"],
                "checkout_id": ["x1", "x2", "x3"],
                "user_id": ["ann", "ann", "bob"],
                "ts": pa.array(moments, stamp),
                "fraud": [True, False, False],
                "__at": moments,
                "__known_at": moments,
                "__id": ["r1", "r2", "r3"],
                "__position": [0, 1, 2],
            }
        ),
        "users": pa.table(
            {
                "user_id": ["ann", "bob"],
                "country": ["NZ", None],
                "__at": [-(2**62)] * 2,
                "__known_at": [-(2**62)] * 2,
                "__id": ["ann", "bob"],
                "__position": [0, 1],
            }
        ),
    }


class ReadFeatures:
    """Feature values of one request, by the reader that batches use."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.reader = plan, FeatureReader(plan, rows())

    def see(self, fields: Mapping[str, Any], at: int) -> Seen:
        """The value of each feature, and where the sources stand."""
        found: dict[str, Any] = self.reader.read(requests(self.plan, [fields]), np.array([at])).to_pylist()[0]
        return Seen(found, {"returns": 2, "users": 1}, at)


TYPES = {"number": pa.float64(), "text": pa.string(), "bool": pa.bool_(), "time": pa.timestamp("us", tz="UTC")}


def requests(plan: Plan, fields: list[Mapping[str, Any]]) -> pa.Table:
    """Canonical request fields as the table that batches take."""
    return pa.table(
        {name: pa.array([each[name] for each in fields], TYPES[kind]) for name, kind in plan.fields.items()}
    )


def request(**changes: Any) -> dict[str, Any]:
    """A request as the product's code would send it."""
    body = {
        "checkout_id": "c1",
        "user_id": "ann",
        "total": 20,
        "member": True,
        "created": "2024-04-30T12:00:00Z",
    }
    return {**body, **changes}


@dataclass(frozen=True)
class FieldThreshold:
    """Acting pays from 2 / (2 + total): the shop's declared costs; a total that is NULL counts as 8."""

    constant: None = None

    def of(self, fields: pa.Table | None, n: int) -> np.ndarray:
        """The threshold of each row."""
        assert fields is not None
        return np.array([self.of_one(row) for row in fields.to_pylist()])

    def of_one(self, fields: Mapping[str, Any]) -> float:
        """The threshold of one request."""
        total = fields["total"]
        return 2.0 / (2.0 + (8.0 if total is None else max(0.0, total)))


@dataclass(frozen=True)
class FixedThreshold:
    """The same threshold for every request."""

    constant: float

    def of(self, fields: pa.Table | None, n: int) -> np.ndarray:
        """The threshold of each row."""
        return np.full(n, self.constant)

    def of_one(self, fields: Mapping[str, Any]) -> float:
        """The threshold of one request."""
        return self.constant


@dataclass(frozen=True)
class Formula:
    """A model that is a formula: a growing function of the total; it fails where the total is `fails_on`."""

    digest: str = "f0123456789abcdef"
    threshold: FieldThreshold | FixedThreshold = field(default_factory=FieldThreshold)
    fails_on: float = math.inf
    gives: float | None = None

    def score(self, features: pa.Table) -> np.ndarray:
        """The score of each row."""
        return np.array([self.score_row(row) for row in features.to_pylist()], dtype=np.float64)

    def score_row(self, values: Mapping[str, Any]) -> float:
        """The score of one row."""
        total = values["total"]
        if total == self.fails_on:
            raise RuntimeError("planted")
        if self.gives is not None:
            return self.gives
        total = 0.0 if total is None or math.isnan(total) else max(0.0, total)
        return total / (total + 10.0) * (0.5 if values["country"] == "NZ" else 1.0)


class Stuck(Formula):
    """A model that never comes back while its gate is closed."""

    def __init__(self, digest: str = "stuck") -> None:
        super().__init__(digest)
        object.__setattr__(self, "gate", threading.Event())
        object.__setattr__(self, "calls", [])

    gate: threading.Event
    calls: list[int]

    def score_row(self, values: Mapping[str, Any]) -> float:
        """The score, when the gate is open."""
        self.calls.append(1)
        self.gate.wait()
        return super().score_row(values)
