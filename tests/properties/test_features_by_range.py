"""Features over sources in pieces: the same bits as in memory, within a bounded memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setpoint.core.errors import DataError, NameUnknown
from setpoint.declare.expr import Neighbours
from setpoint.features.by_range import pieces_of, read_by_range
from setpoint.features.parity import compare
from setpoint.features.reader import FeatureReader
from tests.properties.worlds import World, big_world, worlds


def cut(rows: pa.Table, size: int) -> Callable[[Sequence[str]], Iterator[pa.Table]]:
    """A table in pieces."""

    def pieces(columns: Sequence[str]) -> Iterator[pa.Table]:
        there = rows.select([name for name in columns if name in rows.column_names])
        return (there.slice(start, size) for start in range(0, rows.num_rows, size))

    return pieces


def alone(world: World) -> World:
    """The world without features of neighbours."""
    inputs = tuple(one for one in world.plan.inputs if not isinstance(one.expr, Neighbours))
    return replace(world, plan=replace(world.plan, inputs=inputs))


@settings(max_examples=12)
@given(worlds(corrections=True), st.integers(1, 9), st.integers(1, 5), st.booleans(), st.data())
def test_ranges_of_keys_give_what_a_reader_in_memory_gives(
    world: World, size: int, ranges: int, seen: bool, data: st.DataObject
) -> None:
    """However many ranges and pieces there are, by time and by what was seen."""
    world = alone(world)
    rows, arrived = world.rows, None
    if seen:
        numbers = {
            name: st.lists(st.integers(0, table.num_rows), min_size=len(world.at), max_size=len(world.at))
            for name, table in rows.items()
        }
        arrived = {name: np.array(data.draw(drawn)) for name, drawn in numbers.items()}
    whole = FeatureReader(world.plan, rows).read(world.requests, world.times, arrived=arrived)
    sources = {"buys": cut(rows["buys"], size), "users": cut(rows["users"], size), "shops": rows["shops"]}
    with TemporaryDirectory() as folder:
        read = read_by_range(
            world.plan, sources, world.requests, world.times, folder=Path(folder), ranges=ranges, arrived=arrived
        )
        assert list(Path(folder).glob("*.arrow")) == []
    assert compare(read, whole.to_pylist()) == []


def test_a_source_in_pieces_is_read_beside_others(tmp_path: Path) -> None:
    """The others stay in memory, and who asks is told how far it is."""
    world = big_world(seed=5, rows=900, decisions=200, late=0.3)
    whole = FeatureReader(world.plan, world.rows).read(world.requests, world.times)
    pieces, told = pieces_of(world.rows["users"], most=6), []
    read = read_by_range(
        world.plan,
        {**world.rows, "users": pieces},
        world.requests,
        world.times,
        folder=tmp_path,
        ranges=3,
        progress=lambda *what: told.append(what),
    )
    assert compare(read, whole.to_pylist()) == []
    assert told[0] == ("sharing out users by user", 6, 0)
    assert told[-3:] == [("reading users by user", done, 3) for done in (1, 2, 3)]


def test_neighbours_need_their_source_in_memory(tmp_path: Path) -> None:
    """Any key may be a neighbour of any other, so no range of keys holds all that are needed."""
    world = big_world(seed=5, rows=10, decisions=2, late=0.0)
    with pytest.raises(DataError, match=r"neighbours over 'buys'"):
        read_by_range(
            world.plan, {**world.rows, "buys": cut(world.rows["buys"], 5)}, world.requests, world.times, folder=tmp_path
        )
    with pytest.raises(NameUnknown, match="shops"):
        read_by_range(alone(world).plan, {"buys": world.rows["buys"]}, world.requests, world.times, folder=tmp_path)


def test_memory_is_bounded_by_the_ranges(tmp_path: Path) -> None:
    """Rows ten times as large as what one range takes are read with little more than one range takes."""
    script = dedent(
        f"""
        import sys
        sys.path.insert(0, {str(Path.cwd())!r})
        import pyarrow as pa, pyarrow.parquet as pq
        from tests.properties.large import plan, requests, times, write
        from tests.unit.data.anonymous import anonymous_kb
        from setpoint.data.mapped import Spool, spooled
        from setpoint.features.by_range import pieces_of, read_by_range
        from pathlib import Path
        folder = Path({str(tmp_path)!r})
        def held(rows, asked, ranges):
            write(folder / "rows.parquet", rows)
            with Spool(folder / f"{{{{rows}}}}-{{{{ranges}}}}") as spool:
                for batch in pq.ParquetFile(folder / "rows.parquet", pre_buffer=False).iter_batches(1 << 16):
                    spool.write(pa.Table.from_batches([batch]))
            (mapped,) = spooled(folder / f"{{{{rows}}}}-{{{{ranges}}}}")
            told = []
            tell = lambda *_: told.append(anonymous_kb())
            sources = dict(events=pieces_of(mapped))
            read_by_range(plan(), sources, requests(asked), times(asked), folder=folder, ranges=ranges, progress=tell)
            return max(told)
        before = held(100_000, 100, 1)
        print(held({{rows}}, 1000, 32) - before)
        """
    )
    small, large = (
        int(subprocess.run([sys.executable, "-c", script.format(rows=rows)], check=True, capture_output=True).stdout)
        for rows in (300_000, 3_000_000)
    )
    assert large < small + 40 * 1024
