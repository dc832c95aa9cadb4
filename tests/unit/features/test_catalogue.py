from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.core.times import HOUR
from setpoint.features.catalogue import ENOUGH, Entry, Facts, counted, make_catalogue
from setpoint.features.freshness import Freshness
from tests.unit.features.small import buys, plan_of, users

N = sp.count(buys, by="user", last="1d")
PLAN = plan_of(n=N, again=N + 0, text=users.tier, copied=users.tier, limit=users.limit, user=sp.field("user"))


def log(rows: int = ENOUGH, **columns: object) -> pa.Table:
    """Newest decisions in which every feature has a use."""
    rng = np.random.default_rng(0)
    usual = {
        "n": rng.integers(0, 9, rows).astype(float),
        "again": rng.integers(0, 9, rows).astype(float),
        "text": pa.array([None, "a", "b", "c"] * (rows // 4)),
        "copied": pa.array(["a", "b", "c", "d"] * (rows // 4)),
        "limit": rng.random(rows),
        "user": pa.array([f"u{row}" for row in range(rows)]),
    }
    return pa.table({f"feature.{name}": values for name, values in (usual | columns).items()})


def entries(facts: Facts) -> dict[str, Entry]:
    """The catalogue by name."""
    return {entry.name: entry for entry in make_catalogue(PLAN, facts)}


def proposed(facts: Facts) -> dict[str, str]:
    """What is proposed for removal, and why."""
    return {name: entry.proposal for name, entry in entries(facts).items() if entry.proposal}


def test_an_entry_tells_what_is_known() -> None:
    """From the declaration, from the newest decisions, and from the record."""
    version = PLAN.versions["text"]
    facts = Facts(log(), importances=[{"text": 0.5}], users={version: ["system small"]}, sizes={"text": 4_000})
    entry = entries(facts)["text"]
    assert (entry.kind, entry.definition, entry.sources) == ("text", "users.tier", ("users",))
    assert (entry.coverage, entry.distinct, entry.importance) == (0.75, 3, 0.5)
    assert (entry.version, entry.used_by, entry.state_bytes) == (version, ("system small",), 4_000)
    assert entry.to_dict()["used_by"] == ["system small"]


def test_a_feature_is_as_old_as_its_oldest_source() -> None:
    """In words, when it is printed."""
    fresh = [Freshness("n", "buys", HOUR, 2 * HOUR, False, 0), Freshness("n", "users", 3 * HOUR, HOUR, True, 0)]
    entry = entries(Facts(fresh=fresh))["n"]
    assert (entry.age, entry.limit, entry.stale) == (3 * HOUR, HOUR, True)
    assert (entry.to_dict()["age"], entries(Facts())["n"].to_dict()["age"]) == ("3h", None)


@pytest.mark.parametrize(
    ("columns", "name", "because"),
    [
        ({"limit": np.full(ENOUGH, np.nan)}, "limit", "it has no value in the newest 1,000 decisions"),
        ({"limit": np.full(ENOUGH, 2.5)}, "limit", "it is always 2.5 in the newest 1,000 decisions"),
        ({"copied": pa.array([None, "a", "b", "c"] * 250)}, "copied", "it has the values of text in the newest"),
    ],
)
def test_a_dead_feature_is_proposed_for_removal(columns: dict[str, object], name: str, because: str) -> None:
    """Empty, constant, or a copy: of two the later one goes."""
    found = proposed(Facts(log(**columns)))
    assert list(found) == [name]
    assert found[name].startswith(because)


def test_a_feature_without_importance_is_proposed_unless_it_is_read_elsewhere() -> None:
    """In none of the newest champions; one that has some in an older one stays, and so does one that a slice reads."""
    all_but = {name: 0.2 for name in PLAN.features if name not in {"n", "again"}}
    found = proposed(Facts(log(), importances=[all_but, {**all_but, "n": 0.1}]))
    assert found == {"again": "it has no importance in the last 2 champions"}


def test_the_fallbacks_features_stay() -> None:
    """Whatever the model makes of them."""
    plan = plan_of(fallback=sp.rule(sp.feature("n") > 3), n=N, m=N * 2)
    facts = Facts(importances=[{}])
    assert [entry.proposal for entry in make_catalogue(plan, facts)] == ["", "it has no importance in the champion"]


def test_few_decisions_prove_nothing() -> None:
    """A hundred times the same value may be chance."""
    assert proposed(Facts(log(100, limit=np.full(100, 2.5)))) == {}


def test_nothing_known_is_none() -> None:
    """A plan that never ran has a catalogue too."""
    entry = entries(Facts())["n"]
    assert (entry.coverage, entry.distinct, entry.importance, entry.age, entry.proposal) == (None, None, None, None, "")
    assert counted(list(entries(Facts()).values())) == {"features": 6, "proposed for removal": 0, "stale": 0}
