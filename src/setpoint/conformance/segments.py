"""The laws of the Segments port, as tests to inherit."""

from __future__ import annotations

import threading
from abc import abstractmethod
from pathlib import Path
from typing import Any

import pytest

from setpoint.conformance.child import child
from setpoint.core.errors import LogUnavailable
from setpoint.core.ports import Segments

_APPENDS = """
log = opened(sys.argv[1])
for _ in range(10_000_000):
    position = log.append(b"")
    position = log.append(b"record %d" % (position + 1))
    sys.stdout.write(f"{position}\\n")
    sys.stdout.flush()
"""


class SegmentsLaws:
    """Inherit, say how to open a log in a folder, and pytest runs every law against it.

    `opened` gives a log that takes at most about `quota` bytes. `code` defines the function `opened(folder: str)` for
    the processes that are killed.
    """

    code: str

    @abstractmethod
    def opened(self, folder: Path, *, quota: int = 10**9) -> Segments:
        """A log that lives in this folder; opening it again goes on with the same log."""

    @pytest.fixture
    def log(self, tmp_path: Path) -> Any:
        """An empty log, closed when the test is over."""
        segments = self.opened(tmp_path)
        yield segments
        segments.close()

    def test_records_come_back_in_order_with_their_positions(self, log: Segments) -> None:
        """Positions count from 0, and every record is what was appended, whatever its bytes."""
        records = [b"", b"\x00" * 100, bytes(range(256)) * 50, b"last"]
        assert [log.append(record) for record in records] == [0, 1, 2, 3]
        assert list(log.read()) == list(enumerate(records))

    def test_an_empty_log_has_nothing_to_read(self, log: Segments) -> None:
        """Reading what was never written gives nothing, not an error."""
        assert list(log.read()) == list(log.read(after=10)) == []

    @pytest.mark.parametrize("after", [-1, 0, 41, 498, 499, 5000])
    def test_reading_begins_behind_a_position(self, log: Segments, after: int) -> None:
        """`after` is the last position already read."""
        for number in range(500):
            log.append(b"%d" % number)
        assert [position for position, _ in log.read(after=after)] == list(range(after + 1, 500))

    def test_a_log_goes_on_where_it_ended(self, tmp_path: Path) -> None:
        """Opened again, it gives the next positions and still has the old records."""
        for start in (0, 3, 6):
            log = self.opened(tmp_path)
            assert [log.append(b"x%d" % start) for _ in range(3)] == [start, start + 1, start + 2]
            log.close()
        log = self.opened(tmp_path)
        assert [record for _, record in log.read()] == [b"x0"] * 3 + [b"x3"] * 3 + [b"x6"] * 3
        log.close()

    def test_a_reader_sees_what_was_there_when_it_began(self, log: Segments) -> None:
        """Appending while somebody reads disturbs neither."""
        log.append(b"one")
        reading = log.read()
        assert next(reading) == (0, b"one")
        log.append(b"two")
        assert list(reading) == []
        assert list(log.read(after=0)) == [(1, b"two")]

    def test_threads_append_to_one_log(self, log: Segments) -> None:
        """No record of eight threads is lost, torn or given the position of another."""
        given: list[tuple[int, bytes]] = []

        def work(name: int) -> None:
            for number in range(200):
                record = b"%d-%d" % (name, number) * 20
                given.append((log.append(record), record))

        threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert list(log.read()) == sorted(given)

    def test_a_full_log_refuses_and_keeps_what_it_has(self, tmp_path: Path) -> None:
        """Beyond its quota a record is refused whole; smaller ones that still fit are taken."""
        log = self.opened(tmp_path, quota=10_000)
        records: list[bytes] = []
        while len(records) < 8:
            records.append(b"%02d" % len(records) * 500)
            log.append(records[-1])
        with pytest.raises(LogUnavailable):
            log.append(b"x" * 3_000)
        assert list(log.read()) == list(enumerate(records))
        assert log.append(b"small") == len(records)
        log.close()

    def test_syncing_can_be_asked_for_at_any_time(self, log: Segments) -> None:
        """Syncing an empty log, twice, or from threads at once changes nothing that is read."""
        log.sync()
        log.append(b"one")
        threads = [threading.Thread(target=log.sync) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert list(log.read()) == [(0, b"one")]

    def test_forgetting_drops_only_what_stands_before(self, log: Segments) -> None:
        """What is forgotten is a stretch at the beginning; positions do not change."""
        for number in range(1000):
            log.append(b"%d" % number * 100)
        gone = log.forget(600)
        assert 0 <= gone <= 600
        assert [position for position, _ in log.read()] == list(range(gone, 1000))
        assert log.append(b"next") == 1000
        assert log.forget(0) == 0

    def test_a_closed_log_takes_nothing(self, tmp_path: Path) -> None:
        """Appending after `close` is refused, and closing twice is closing once."""
        log = self.opened(tmp_path)
        log.append(b"one")
        log.close()
        log.close()
        with pytest.raises(LogUnavailable):
            log.append(b"two")

    def test_kill_9_loses_nothing_that_was_acknowledged(self, tmp_path: Path) -> None:
        """Five times: a process that appends is killed; every position it told is there, in order and whole."""
        for _ in range(5):
            with child(f"import sys\n{self.code}\n{_APPENDS}", tmp_path) as lines:
                told = [int(lines.readline()) for _ in range(200)]
            log = self.opened(tmp_path)
            found = dict(log.read())
            log.close()
            assert list(found) == list(range(len(found)))
            assert len(found) > told[-1]
            assert all(record in (b"", b"record %d" % position) for position, record in found.items())
            assert all(found[position] == b"record %d" % position for position in told)
