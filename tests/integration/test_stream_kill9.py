"""A stream that is killed with SIGKILL anywhere loses and doubles no row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from setpoint.backends.memory_state import MemoryState
from setpoint.backends.sqlite_state import SqliteState
from setpoint.conformance.child import child
from setpoint.core.ports import OnlineState
from setpoint.data.log.feed import RowsFeed
from setpoint.features.online import OnlineFeatures
from setpoint.features.stream import Stream, log_of
from tests.properties.test_features_state import World, long_world

STREAMS = """
import sys
from tests.integration.test_stream_kill9 import streams
streams(sys.argv[1], batch=int(sys.argv[2]))
"""


def opened(world: World, state: OnlineState) -> OnlineFeatures:
    """Online features of a world over a state."""
    return OnlineFeatures(world.plan, state, history=log_of(RowsFeed(world.rows)))


def streams(url: str, *, batch: int) -> None:
    """Take in a world in small steps of time, and say so after each; 0: fill it key by key."""
    world = long_world()
    online = opened(world, SqliteState(url))
    print("ready", flush=True)
    if not batch:
        for source, rows in world.rows.items():
            online.backfill(source, rows, progress=lambda *, done, of: print(done, of, flush=True))
    stream = Stream(online, RowsFeed(world.rows))
    times = np.unique(np.concatenate([rows["__known_at"].to_numpy() for rows in world.rows.values()]))
    for until in times[:: max(1, batch)].tolist():
        stream.advance(until)
        print(until, flush=True)
    stream.advance(int(times[-1]))
    print("done", flush=True)


def blobs(state: OnlineState) -> dict[tuple[str, str], bytes | None]:
    """Everything a state keeps."""
    names = [(name, key) for name in [*state.marks(), "text"] for key in sorted(state.keys(name))]
    return dict(zip(names, state.read([], names)[1], strict=True))


@pytest.mark.parametrize("batch", [7, 0])
def test_a_killed_stream_goes_on_as_if_nothing_had_been(tmp_path: Path, batch: int) -> None:
    """Killed three times, each time after some more steps, it ends with the bytes of one that never was."""
    url, world = f"sqlite:///{tmp_path}/online.db", long_world()
    for steps in (0, 4, 21):
        with child(STREAMS, url, str(batch)) as lines:
            for _ in range(steps + 1):
                lines.readline()
    with child(STREAMS, url, str(batch)) as lines:
        assert list(lines)[-1] == "done\n"
    killed, calm = SqliteState(url), MemoryState()
    Stream(opened(world, calm), RowsFeed(world.rows)).advance(10**17)
    assert killed.marks() == calm.marks()
    assert blobs(killed) == blobs(calm)
    killed.close()
