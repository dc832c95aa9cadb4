"""The laws of the Blobs port, as tests to inherit."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

import pytest

from setpoint.core.ports import Blobs


class BlobsLaws:
    """Inherit, say how to open one in a folder, and pytest runs every law against it."""

    @abstractmethod
    def opened(self, folder: Path) -> Blobs:
        """One that lives in this folder; opening it again has the same blobs."""

    @pytest.fixture
    def blobs(self, tmp_path: Path) -> Blobs:
        """An empty one."""
        return self.opened(tmp_path)

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

    def test_they_outlive_the_process(self, tmp_path: Path) -> None:
        """Opened again, they are there."""
        first = self.opened(tmp_path)
        first.put({"a": b"1"})
        first.close()
        again = self.opened(tmp_path)
        assert again.get(["a"]) == [b"1"]
        again.close()
