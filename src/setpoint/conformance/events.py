"""The laws of the Events port, as tests to inherit."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import pyarrow as pa
import pytest

from setpoint.core.errors import NameUnknown
from setpoint.core.ports import Events

_POSITION, _KNOWN_AT, _SIGN, _ENDS = "__position", "__known_at", "__sign", "__ends"


class EventsLaws:
    """Inherit, say what has events, and pytest runs every law against it.

    `opened` gives a port with a source `source` of at least ten rows that became known at five times or more, of which
    some may take others back; nothing is added while a law is tested.
    """

    source: str

    @abstractmethod
    def opened(self) -> Events:
        """The port, open and filled."""

    @pytest.fixture
    def events(self) -> Any:
        """The port of a test."""
        return self.opened()

    @pytest.fixture
    def whole(self, events: Events) -> pa.Table:
        """All rows of the source."""
        return events.read(self.source, after=-1, until=2**62)

    def test_there_is_something_to_read(self, events: Events, whole: pa.Table) -> None:
        """The laws below have something to check."""
        assert self.source in events.sources()
        assert whole.num_rows >= 10
        assert len(set(whole[_KNOWN_AT].to_pylist())) >= 5

    def test_positions_count_the_order_in_which_rows_became_known(self, whole: pa.Table) -> None:
        """From 0, each once."""
        assert whole[_POSITION].to_pylist() == list(range(whole.num_rows))
        known = whole[_KNOWN_AT].to_pylist()
        assert known == sorted(known)

    def test_reading_goes_on_behind_a_position(self, events: Events, whole: pa.Table) -> None:
        """Also behind the last one, where nothing is."""
        for after in (-1, 0, 4, whole.num_rows - 1, whole.num_rows + 5):
            assert events.read(self.source, after=after, until=2**62).equals(whole.slice(after + 1))

    def test_nothing_is_read_before_it_became_known(self, events: Events, whole: pa.Table) -> None:
        """And all that is known by a time is read; before the first row, none."""
        known = whole[_KNOWN_AT].to_pylist()
        for until in [known[0] - 1, *sorted(set(known))]:
            read = events.read(self.source, after=-1, until=until)
            assert read.num_rows == sum(each <= until for each in known)
            assert all(each <= until for each in read[_KNOWN_AT].to_pylist())

    def test_reading_in_steps_is_reading_at_once(self, events: Events, whole: pa.Table) -> None:
        """Whatever the steps in time: the same rows, none twice and none left out."""
        parts, position = [], -1
        for until in sorted(set(whole[_KNOWN_AT].to_pylist())):
            part = events.read(self.source, after=position, until=until)
            position += part.num_rows
            parts.append(part)
        names = [name for name in whole.column_names if name != _ENDS]
        assert pa.concat_tables(parts).select(names).equals(whole.select(names))

    def test_reading_again_gives_equal_rows(self, events: Events, whole: pa.Table) -> None:
        """Now, and after more was read."""
        middle = whole[_KNOWN_AT][whole.num_rows // 2].as_py()
        first = events.read(self.source, after=1, until=middle)
        events.read(self.source, after=-1, until=2**62)
        assert events.read(self.source, after=1, until=middle).equals(first)

    def test_a_row_ends_where_a_row_that_is_read_takes_it_back(self, events: Events, whole: pa.Table) -> None:
        """What comes after `until` is not told ahead."""
        if _SIGN not in whole.column_names:
            assert _ENDS not in whole.column_names
            return
        for until in sorted(set(whole[_KNOWN_AT].to_pylist())):
            read = events.read(self.source, after=-1, until=until)
            signs, ends = read[_SIGN].to_pylist(), read[_ENDS].to_pylist()
            back = [place for place, sign in enumerate(signs) if sign < 0]
            assert sorted(end for end in ends if end < 2**62) == back

    def test_a_source_that_there_is_not_is_refused(self, events: Events) -> None:
        """With the names of those that there are."""
        with pytest.raises(NameUnknown):
            events.read(f"{self.source}-not", after=-1, until=0)
