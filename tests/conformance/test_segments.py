"""FileSegments against the laws of the Segments port, and what is its own: torn tails, damage, full disks."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from collections import deque
from pathlib import Path

import pytest

from setpoint.backends.segments import LONGEST, FileSegments
from setpoint.conformance.segments import SegmentsLaws
from setpoint.core.errors import Busy, DataError, LogUnavailable, WrongType

ROTATE = 2000


class TestFileSegments(SegmentsLaws):
    code = """
from pathlib import Path
from setpoint.backends.segments import FileSegments
opened = lambda folder: FileSegments(Path(folder), rotate=2000)
"""

    def opened(self, folder: Path, *, quota: int = 10**9) -> FileSegments:
        return FileSegments(folder, quota=quota, rotate=ROTATE)


def filled(folder: Path, count: int) -> list[Path]:
    """A closed log of `count` records of 100 bytes; its files."""
    log = FileSegments(folder, rotate=ROTATE, sync_every=0)
    for number in range(count):
        log.append(b"%04d" % number * 25)
    log.close()
    return sorted(folder.glob("*.log"))


@pytest.mark.parametrize("missing", range(1, 109))
def test_a_torn_tail_is_cut_wherever_it_tore(tmp_path: Path, missing: int) -> None:
    """Of a record that lost its last bytes nothing is returned; the bytes left are kept aside and reported."""
    last = filled(tmp_path, 30)[-1]
    whole = last.read_bytes()
    last.write_bytes(whole[:-missing])
    log = FileSegments(tmp_path, rotate=ROTATE)
    assert [position for position, _ in log.read()] == list(range(29))
    if missing == 108:
        assert log.torn is None
    else:
        assert log.torn is not None
        assert (log.torn.file, log.torn.after, log.torn.cut) == (last.name, 28, 108 - missing)
        assert (tmp_path / log.torn.kept_in).read_bytes() == whole[-108:-missing]
    assert log.append(b"again") == 29
    assert list(log.read(after=28)) == [(29, b"again")]
    log.close()


def test_files_that_could_not_be_forced_to_the_disk_end_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows what is on the disk then, so nothing more is taken; every file that was open is closed."""

    def broken(_: int) -> None:
        raise OSError(5, "Input/output error")

    files = Path("/proc/self/fd")
    before = len(list(files.iterdir()))
    log = FileSegments(tmp_path, rotate=ROTATE, sync_every=0)
    monkeypatch.setattr("os.fdatasync", broken)
    with pytest.raises(LogUnavailable, match="Input/output error"):
        deque((log.append(b"x" * 500) for _ in range(1000)), maxlen=0)
    monkeypatch.undo()
    with pytest.raises(LogUnavailable, match="could not be forced to the disk"):
        log.append(b"more")
    log.close()
    assert len(list(files.iterdir())) == before


@pytest.mark.parametrize("tail", [b"\x00" * 4096, b"\xff" * 50, b"\x05\x00\x00\x00\x00\x00\x00\x00hello"])
def test_a_tail_that_is_no_record_is_cut(tmp_path: Path, tail: bytes) -> None:
    """Zeros that a power cut left, impossible lengths and wrong checksums are not mistaken for records."""
    last = filled(tmp_path, 5)[-1]
    with last.open("ab") as stream:
        stream.write(tail)
    log = FileSegments(tmp_path, rotate=ROTATE)
    assert len(list(log.read())) == 5
    assert log.torn is not None
    assert log.torn.cut == len(tail)
    log.close()


def test_damage_in_an_older_file_names_the_records_lost(tmp_path: Path) -> None:
    """Reading gives what stands before it, says which records cannot be read, and goes on behind them if asked."""
    files = filled(tmp_path, 60)
    data = bytearray(files[1].read_bytes())
    data[108 * 2 + 50] ^= 1
    files[1].write_bytes(data)
    log = FileSegments(tmp_path, rotate=ROTATE)
    reading = log.read()
    assert [next(reading)[0] for _ in range(20)] == list(range(20))
    with pytest.raises(DataError, match="records 20 to 35") as raised:
        next(reading)
    assert raised.value.hint == "read(after=35) goes on behind them."
    assert [position for position, _ in log.read(after=35)] == list(range(36, 60))
    log.close()


def test_damage_in_the_file_being_written_is_not_silent(tmp_path: Path) -> None:
    """A record that was acknowledged and cannot be read any more is an error, not the end of the log."""
    log = FileSegments(tmp_path, sync_every=0)
    for _ in range(5):
        log.append(b"x" * 100)
    path = next(tmp_path.glob("*.log"))
    data = bytearray(path.read_bytes())
    data[108 + 20] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match="records 1 to 4"):
        list(log.read())
    log.close()


def test_files_are_left_at_their_size_and_named_by_their_first_record(tmp_path: Path) -> None:
    """Records never span files."""
    names = [int(path.stem) for path in filled(tmp_path, 40)]
    assert names == [0, 18, 36]
    assert all(path.stat().st_size <= ROTATE for path in tmp_path.glob("*.log"))


def test_a_folder_has_one_writer(tmp_path: Path) -> None:
    """A second writer is refused until the first is closed; a reader is not."""
    log = FileSegments(tmp_path)
    log.append(b"one")
    with pytest.raises(Busy, match="Another process writes"):
        FileSegments(tmp_path)
    reader = FileSegments(tmp_path, writer=False)
    assert list(reader.read()) == [(0, b"one")]
    with pytest.raises(LogUnavailable, match="opened for reading"):
        reader.append(b"two")
    reader.close()
    log.close()
    FileSegments(tmp_path).close()


def test_a_reader_stops_before_a_record_that_is_still_being_written(tmp_path: Path) -> None:
    """It neither cuts nor complains: the writer may be in the middle of it."""
    last = filled(tmp_path, 5)[-1]
    last.write_bytes(last.read_bytes()[:-10])
    reader = FileSegments(tmp_path, writer=False)
    assert [position for position, _ in reader.read()] == [0, 1, 2, 3]
    assert last.stat().st_size == 108 * 5 - 10
    reader.close()


def test_a_full_disk_refuses_the_record_and_takes_half_of_it_away() -> None:
    """When the system takes half a record, the half is removed, the caller is told, and the log goes on later.

    A limit on the size of files stands for the full disk: the write that crosses it is cut short, the next one fails.
    """
    code = """
import resource, signal, sys, tempfile
from pathlib import Path
from setpoint.backends.segments import FileSegments
from setpoint.core.errors import LogUnavailable
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = Path(tempfile.mkdtemp())
log = FileSegments(folder, sync_every=0)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
taken, told = 0, []
for number in range(12):
    try:
        log.append(b"x" * 100)
        taken += 1
    except LogUnavailable as error:
        told.append(str(error))
size = sum(path.stat().st_size for path in folder.glob("*.log"))
assert (taken, size, len(told)) == (9, 9 * 108, 3), (taken, size, told)
assert "28 of 108 bytes" in told[0], told
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert log.append(b"y" * 100) == 9
assert [len(record) for _, record in log.read()] == [100] * 10
log.close()
"""
    assert hasattr(resource, "RLIMIT_FSIZE")
    assert hasattr(signal, "SIGXFSZ")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file where the folder should be is no log."""
    (tmp_path / "log").write_text("a file")
    with pytest.raises(LogUnavailable, match="log"):
        FileSegments(tmp_path / "log")


def test_an_endless_record_is_refused(tmp_path: Path) -> None:
    """A record longer than the format allows is the caller's error."""
    log = FileSegments(tmp_path)
    with pytest.raises(WrongType, match="at most"):
        log.append(bytes(LONGEST + 1))
    log.close()


def test_a_reader_goes_on_where_it_stopped_and_may_go_back(tmp_path: Path) -> None:
    """Following a writer over several files, what was read is not read again: its bytes may be gone by then."""
    writer, reader = FileSegments(tmp_path, rotate=ROTATE, sync_every=0), FileSegments(tmp_path, writer=False)
    followed: list[int] = []
    for number in range(100):
        writer.append(b"%04d" % number * 25)
        if number % 7 == 0:
            followed += [position for position, _ in reader.read(after=len(followed) - 1)]
    assert followed == list(range(99))
    assert [position for position, _ in reader.read(after=-1)] == list(range(100))
    assert next(iter(reader.read(after=50))) == (51, b"0051" * 25)
    assert [position for position, _ in reader.read(after=97)] == [98, 99]
    newest = max(tmp_path.glob("*.log"))
    content = newest.read_bytes()
    newest.write_bytes(b"\x00" * 108 + content[108:])
    writer.append(b"last")
    assert list(reader.read(after=99)) == [(100, b"last")]
    assert list(FileSegments(tmp_path, writer=False).read(after=99)) == []
    writer.close()
