"""The laws of the Blobs port, as tests to inherit."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

import pytest

from setpoint.core.clock import SimulatedClock
from setpoint.core.ports import Blobs, Clock


class BlobsLaws:
    """Inherit, say how to open one in a folder, and pytest runs every law against it."""

    @abstractmethod
    def opened(self, folder: Path, clock: Clock) -> Blobs:
        """One that lives in this folder and knows the time by this clock; opening it again has the same blobs."""

    @pytest.fixture
    def clock(self) -> SimulatedClock:
        """The clock of every one that a test opens."""
        return SimulatedClock(100)

    @pytest.fixture
    def blobs(self, tmp_path: Path, clock: SimulatedClock) -> Blobs:
        """An empty one."""
        return self.opened(tmp_path, clock)

    def test_what_was_put_is_got_in_the_order_asked_for(self, blobs: Blobs) -> None:
        """Twice where it is asked for twice, and nothing where there is nothing."""
        blobs.put({"a": b"\x00first", "b": b""})
        assert blobs.get(["b", "missing", "a", "b"]) == [b"", None, b"\x00first", b""]
        assert blobs.get([]) == []
        blobs.close()

    def test_a_blob_is_kept_once(self, blobs: Blobs) -> None:
        """Putting says how many are new."""
        assert blobs.put({"a": b"1", "b": b"2"}) == 2
        assert blobs.put({"a": b"1", "c": b"3"}) == 1
        assert blobs.put({}) == 0
        blobs.close()

    def test_many_are_got_at_once(self, blobs: Blobs) -> None:
        """More than any engine takes in one question."""
        every = {f"{number:05d}": str(number).encode() for number in range(2500)}
        blobs.put(every)
        assert blobs.get(list(every)) == list(every.values())
        blobs.close()

    def test_sizes_are_of_those_put_last_before_a_time(self, blobs: Blobs, clock: SimulatedClock) -> None:
        """Putting one again makes it young; an empty one has no bytes."""
        blobs.put({"a": b"123", "b": b"", "c": b"1"})
        clock.advance_to(200)
        blobs.put({"c": b"1"})
        assert blobs.sizes(before=100) == {}
        assert blobs.sizes(before=101) == {"a": 3, "b": 0}
        assert blobs.sizes(before=201) == {"a": 3, "b": 0, "c": 1}
        blobs.close()

    def test_what_was_put_again_meanwhile_is_not_removed(self, tmp_path: Path, clock: SimulatedClock) -> None:
        """By another process, between the look and the removal; what is unknown is none of those removed."""
        ours, theirs = self.opened(tmp_path, clock), self.opened(tmp_path, clock)
        ours.put({"a": b"1", "b": b"2"})
        clock.advance_to(1000)
        old = ours.sizes(before=500)
        assert theirs.put({"a": b"1"}) == 0
        assert ours.delete([*old, "unknown"], before=500) == ["b"]
        assert theirs.get(["a", "b"]) == [b"1", None]
        assert theirs.put({"b": b"2"}) == 1
        assert ours.get(["b"]) == [b"2"]
        assert ours.sizes(before=1001) == {"a": 1, "b": 1}
        ours.close()
        theirs.close()

    def test_many_are_removed_at_once(self, blobs: Blobs, clock: SimulatedClock) -> None:
        """Each is named once."""
        every = {f"{number:05d}": str(number).encode() for number in range(1500)}
        blobs.put(every)
        removed = blobs.delete(list(every)[:1400], before=clock.now() + 1)
        assert removed == list(every)[:1400]
        assert sorted(blobs.sizes(before=1000)) == list(every)[1400:]
        assert blobs.delete(list(every)[:1400], before=1000) == []
        blobs.close()

    def test_they_outlive_the_process(self, tmp_path: Path, clock: SimulatedClock) -> None:
        """Opened again, they are there."""
        first = self.opened(tmp_path, clock)
        first.put({"a": b"1"})
        first.close()
        again = self.opened(tmp_path, clock)
        assert again.get(["a"]) == [b"1"]
        again.close()
