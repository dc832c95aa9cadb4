"""Lineage through what is stored: down to contracts, files and batches, back up to models, and what is needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from setpoint.backends.metadata import SqlMetadata
from setpoint.backends.parquet import ParquetTables
from setpoint.core.errors import DataError, NameUnknown
from setpoint.core.ports import Metadata
from setpoint.core.times import DAY
from setpoint.data.rows import KNOWN_AT
from setpoint.data.snapshots.collect import collect
from setpoint.data.snapshots.hold import hold_snapshot
from setpoint.data.snapshots.manifest import Provenance, store_snapshot
from setpoint.data.snapshots.snapshot import take_snapshot
from setpoint.registry import lineage

ORIGIN = Provenance(
    contract="c0ffee",
    files={"data/sales.csv": "f11e"},
    batches=({"part": "000000", "rows": 2, "taken_at": None}, {"part": "000001", "rows": 1, "taken_at": DAY}),
)


@pytest.fixture
def stored() -> Iterator[Metadata]:
    """The documents of what is stored."""
    metadata = SqlMetadata("sqlite://")
    yield metadata
    metadata.close()


@pytest.fixture
def registry() -> Iterator[Metadata]:
    """The documents of a workspace."""
    metadata = SqlMetadata("sqlite://")
    yield metadata
    metadata.close()


def put(folder: Path, stored: Metadata, prices: list[int]) -> str:
    """Store the snapshot of some sales; gives its digest."""
    snapshot = take_snapshot({"sales": pa.table({"price": prices, KNOWN_AT: range(len(prices))})}, 9)
    tables = ParquetTables(folder)
    return store_snapshot(snapshot, tables, metadata=stored, now=0, provenance={"sales": ORIGIN}).snapshot


def register(registry: Metadata, model: str, snapshot: str, *, source: str = "s") -> None:
    """Register a model that learned from a snapshot."""
    body = {"model": model, "recipe": {"learner": "logistic"}, "trained": [0, DAY], "seed": 0, "importances": []}
    registry.put("model", model, {**body, "training_set": f"t-{model}", "snapshot": snapshot})
    lineage.put_inputs(
        registry, training_set=f"t-{model}", snapshot=snapshot, as_of=9, sources={"sales": source}, plan="p", rows=3
    )


def test_a_source_is_followed_by_its_contract_files_and_batches(
    registry: Metadata, stored: Metadata, tmp_path: Path
) -> None:
    """As they were when the snapshot was stored; without what is stored, the trace ends at the sources."""
    snapshot = put(tmp_path, stored, [5, 6, 7])
    register(registry, "m1", snapshot)
    found = lineage.trace_model(registry, "m1", stored=stored)
    assert [(link.what, link.digest) for link in found[2:]] == [
        ("snapshot", snapshot),
        ("source", "s"),
        ("contract", "c0ffee"),
        ("file", "f11e"),
        ("batch", "000000"),
        ("batch", "000001"),
    ]
    assert found[2].detail.endswith("; 3 rows stored in 1 block")
    assert found[-1].detail == "1 rows of sales, taken in 1970-01-02T00:00:00Z"
    assert [link.what for link in lineage.trace_model(registry, "m1")][-1] == "source"


def test_what_is_not_stored_is_said(registry: Metadata, stored: Metadata, tmp_path: Path) -> None:
    """Never stored, or collected since."""
    register(registry, "m1", "never")
    assert lineage.trace_model(registry, "m1", stored=stored)[2].detail.endswith("; its rows are not stored")
    snapshot = put(tmp_path, stored, [5])
    register(registry, "m2", snapshot)
    collect(ParquetTables(tmp_path), stored, needs=dict, now=9 * DAY)
    assert lineage.trace_model(registry, "m2", stored=stored)[2].detail.endswith("; its rows are no longer stored")


@pytest.mark.parametrize("subject", ["c0ff", "f11e", "data/sales.csv"])
def test_a_contract_or_a_file_leads_to_all_models_that_learned_from_it(
    registry: Metadata, stored: Metadata, tmp_path: Path, subject: str
) -> None:
    """Over every snapshot that has it."""
    for model, prices in (("m1", [5]), ("m2", [5, 6])):
        register(registry, model, put(tmp_path, stored, prices))
    found = lineage.trace_uses(registry, stored, subject)
    assert [link.digest for link in found if link.what == "model"] == ["m1", "m2"]
    assert found[0].digest.startswith(subject) or found[0].detail == f"{subject} of sales"
    assert lineage.trace_uses(registry, stored, "data/sales") == ()


def test_a_snapshot_leads_to_its_own_models_only(registry: Metadata, stored: Metadata, tmp_path: Path) -> None:
    """And one that no model learned from to none."""
    one, two = put(tmp_path, stored, [5]), put(tmp_path, stored, [5, 6])
    register(registry, "m1", one)
    assert [link.digest for link in lineage.trace_uses(registry, stored, one) if link.what == "model"] == ["m1"]
    assert [link.what for link in lineage.trace_uses(registry, stored, two)] == ["snapshot"]


def test_a_snapshot_is_found_by_hold_digest_and_model(registry: Metadata, stored: Metadata, tmp_path: Path) -> None:
    """What could be several is nobody's name."""
    one, two = put(tmp_path, stored, [5]), put(tmp_path, stored, [5, 6])
    register(registry, "model-1", one)
    register(registry, "model-2", two)
    hold_snapshot(stored, "best", snapshot=two, at=0)
    names = {"best": two, one[:8]: one, "model-1": one, "model-2": two}
    assert {name: lineage.snapshot_named([registry], stored, name) for name in names} == names
    for unknown in ("model-", "", "nothing"):
        with pytest.raises(NameUnknown, match="no snapshot"):
            lineage.snapshot_named([registry], stored, unknown)


def test_what_a_loop_needs_a_model_for_is_told(registry: Metadata) -> None:
    """The champion, the challenger and the others; the rule is no model."""
    for number in range(4):
        register(registry, f"m{number}", f"s{number}")
    release = {"champion": "m1", "challenger": "m2", "previous": "rule", "last_training": 5}
    registry.put("loop", "shop", {"release": release, "frozen": "m1", "reference": "m3", "tick": 3})
    needed = lineage.needed_snapshots([registry])
    assert {snapshot: words.partition(",")[2] for snapshot, words in needed.items()} == {
        "s0": "",
        "s1": " which decides, learned from it",
        "s2": " which wants to decide, learned from it",
        "s3": " which is what monitors compare with, learned from it",
    }


def test_nothing_is_collected_while_a_release_names_an_unknown_model(
    registry: Metadata, stored: Metadata, tmp_path: Path
) -> None:
    """Half a registry is no ground for removing anything."""
    put(tmp_path, stored, [5])
    registry.put("loop", "shop", {"release": {"champion": "lost"}, "frozen": None, "reference": None})
    with pytest.raises(DataError, match="The model lost decides, but is not registered"):
        collect(ParquetTables(tmp_path), stored, needs=lambda: lineage.needed_snapshots([registry]), now=9 * DAY)
    assert len(ParquetTables(tmp_path).parts("snapshots")) == 1
