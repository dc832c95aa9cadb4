from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest

import setpoint as sp
from setpoint.core.errors import DeclarationError, NameUnknown, WrongType
from setpoint.declare.plan import Profile, diff_declarations, make_plan
from tests.unit.declare.conftest import SCHEMAS, arrivals, planes

Declare = Callable[..., sp.System]


def _late(last: str = "7d", **more: object) -> sp.Expr:
    return sp.mean(arrivals.arr_delay > 15, by="carrier", last=last, **more)  # type: ignore[arg-type]


def _names(system: sp.System) -> list[str]:
    return [feature.name for feature in system.features]


def test_a_family_becomes_a_feature_for_each_window(declare: Declare) -> None:
    """The windows end the names, and another feature may refer to one of them."""
    counts = sp.count(arrivals, by="carrier", last=["1h", "1d"])
    system = declare(features={"n": counts, "burst": sp.feature("n_1h") / sp.feature("n_1d")})
    assert _names(system) == ["n_1h", "n_1d", "burst"]
    assert str(system.features[2].expr) == (
        "(count(arrivals, by=[carrier], last='1h') / count(arrivals, by=[carrier], last='1d'))"
    )


def test_families_of_the_same_windows_go_together(declare: Declare) -> None:
    """An expression of families is computed for each window."""
    delays = sp.sum(arrivals.arr_delay, by="carrier", last=["1h", "1d"])
    counts = sp.count(arrivals, by="carrier", last=["1h", "1d"])
    system = declare(features={"mean": delays / counts, "idle": sp.since(arrivals, by="carrier", last=["1d", "7d"])})
    assert _names(system) == ["mean_1h", "mean_1d", "idle_1d", "idle_7d"]
    assert str(system.features[1].expr) == (
        "(sum(arrivals.arr_delay, by=[carrier], last='1d') / count(arrivals, by=[carrier], last='1d'))"
    )
    with pytest.raises(DeclarationError, match="brings together the windows 1h, 1d and 7d"):
        declare(features={"mean": delays / sp.count(arrivals, by="carrier", last=["7d"])})


def test_a_family_is_no_feature_by_itself(declare: Declare) -> None:
    """Its name alone names nothing, and two features of one name are refused."""
    counts = sp.count(arrivals, by="carrier", last=["1h", "1d"])
    with pytest.raises(NameUnknown, match="one of double, n_1d, n_1h"):
        declare(features={"n": counts, "double": sp.feature("n") * 2})
    with pytest.raises(DeclarationError, match=r"are named 'n_1d'.*'n_1d' and 'n' both make it"):
        declare(features={"n_1d": _late(), "n": counts})
    with pytest.raises(DeclarationError, match="'n' and 'n_1d' both make it"):
        declare(features={"n": counts, "n_1d": _late()})


def test_a_feature_has_an_owner_that_is_no_part_of_its_version(declare: Declare) -> None:
    """Who answers for a feature may change without anything running again."""
    alone = declare(features={"late": _late(), "seats": planes.seats})
    shared = declare(
        features={"late": _late(), "seats": sp.owned(planes.seats, by="fleet", note="As registered.")}, owner="delays"
    )
    assert [(one.owner, one.note) for one in shared.features] == [("delays", ""), ("fleet", "As registered.")]
    assert [one.version for one in alone.features] == [one.version for one in shared.features]
    assert alone.digest == shared.digest
    assert diff_declarations(alone.to_dict(), shared.to_dict()) == ()


def test_the_members_of_a_family_have_its_owner(declare: Declare) -> None:
    """A family is owned as a whole."""
    owned = sp.owned(sp.count(arrivals, by="carrier", last=["1h", "1d"]), by="ops")
    assert {one.owner for one in declare(features={"n": owned}).features} == {"ops"}


@pytest.mark.parametrize(
    "build",
    [
        lambda: sp.owned("carrier", by="ops"),  # type: ignore[arg-type]
        lambda: sp.owned(planes.seats, by=7),  # type: ignore[arg-type]
        lambda: sp.owned(planes.seats, by="ops", note=None),  # type: ignore[arg-type]
    ],
)
def test_an_owner_is_a_text(build: Callable[[], object]) -> None:
    """So is what is owned an expression."""
    with pytest.raises(WrongType):
        build()


def test_an_owner_has_a_name(declare: Declare) -> None:
    """An empty name is nobody's."""
    with pytest.raises(DeclarationError, match="a team or a person"):
        sp.owned(planes.seats, by=" ")
    with pytest.raises(WrongType, match="owner="):
        declare(owner=7)


def test_a_version_is_of_the_definition_and_of_its_sources(declare: Declare) -> None:
    """Another window or another delay is another version; another place of the same file is not."""

    def version(delay: str, path: str, last: str) -> str:
        source = sp.events("landings", path, id="flight_id", at="landed_at", delay=delay)
        return declare(features={"n": sp.count(source, by="carrier", last=last)}).features[0].version

    first = version("0s", "a.parquet", "1d")
    assert first == version("0s", "b.parquet", "1d")
    assert len({first, version("1h", "a.parquet", "1d"), version("0s", "a.parquet", "2d")}) == 3
    assert len(first) == 12


def test_a_changed_feature_is_a_new_version_beside_the_old(declare: Declare) -> None:
    """The difference of two plans names both versions."""
    plans = [
        make_plan(declare(features={"late": one, "seats": planes.seats}), SCHEMAS, Profile({}, 1.0))
        for one in (_late(), _late("8d"))
    ]
    before, after = ({**plan.system.to_dict(), "versions": dict(plan.versions)} for plan in plans)
    (change,) = diff_declarations(before, after)
    assert (change.what, change.before, change.after) == (
        "feature late",
        plans[0].versions["late"],
        plans[1].versions["late"],
    )
    assert change.runs_again[0] == "new version beside the old"


def test_what_is_added_or_removed_is_no_new_version(declare: Declare) -> None:
    """There is nothing beside it."""
    one, two = declare(features={"late": _late()}), declare(features={"late": _late(), "seats": planes.seats})
    for before, after in ((one, two), (two, one)):
        changes = diff_declarations(before.to_dict(), after.to_dict())
        assert [change.what for change in changes] == ["source planes", "feature seats"]
        assert all("new version beside the old" not in change.runs_again for change in changes)


def test_a_system_survives_copying_and_pickling(declare: Declare) -> None:
    """A process of its own can be handed a declaration."""
    system = declare(features={"late": sp.owned(_late(), by="ops", note="Late."), "n": _late()}, owner="delays")
    again = pickle.loads(pickle.dumps(system))
    assert again.digest == system.digest
    assert [(one.name, one.owner, one.note) for one in again.features] == [
        ("late", "ops", "Late."),
        ("n", "delays", ""),
    ]
    assert again.owner == "delays"
    assert copy.copy(system) is system
    assert copy.deepcopy(system) is system
