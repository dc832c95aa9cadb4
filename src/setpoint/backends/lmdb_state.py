"""Online state on LMDB: a map of a file in memory, which any number of processes read without waiting."""

from __future__ import annotations

import contextlib
import functools
import itertools
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from setpoint.core.errors import MissingExtra, SettingInvalid, StateUnavailable
from setpoint.core.ports import Mark

if TYPE_CHECKING:
    import lmdb

MAP_SIZE = 1 << 30
"""How many bytes of addresses the file has at first. It grows when it is full; only what is used takes disk."""

_VERSION = b"setpoint online state 1"
_LONGEST = 511
"""The longest id that LMDB takes."""
_PAGE = 10_000

# The id of a mark is "=<group>", that of a group's number "#<group>", that of a blob "b<number><key>". An id that would
# be too long holds a byte that no text has, and a digest of the text; the text then stands before the content.
_MARK = struct.Struct("<qq")
_NUMBER = struct.Struct(">I")
_HASHED = b"\xff"

_T = TypeVar("_T")


class LmdbState:
    """The OnlineState port on an LMDB folder named by a URL: `lmdb:///path/to/folder`; needs `setpoint[lmdb]`.

    What was applied survives kill -9 of the process; a power cut can undo the newest call but not tear one. Reads wait
    for no writer and copy nothing but what they give. The folder is on a disk of this machine. An object belongs to
    the process that made it: open another one after a fork.

    >>> import tempfile
    >>> state = LmdbState(f"lmdb:///{tempfile.mkdtemp()}")
    >>> state.apply({"buys": (None, Mark(0, 5))}, [("buys", "u1", b"one")])
    True
    >>> state.read(["buys"], [("buys", "u1"), ("buys", "u2")])
    ([Mark(position=0, known_at=5)], [b'one', None])
    >>> state.close()
    """

    def __init__(self, url: str, *, map_size: int = MAP_SIZE) -> None:
        folder = _folder(url)
        self._url = url
        self._lmdb = _library()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = _opened(self._lmdb, folder.resolve(), map_size)
        except (self._lmdb.Error, OSError) as error:
            raise SettingInvalid(
                f"The online state {url!r} cannot be used ({error}).",
                expected="an LMDB folder of its own that can be written",
            ) from error
        self._closed = False

    def apply(self, moves: Mapping[str, tuple[Mark | None, Mark]], blobs: Sequence[tuple[str, str, bytes]]) -> bool:
        """Write blobs (group, key, bytes) and move groups from one mark to another; False when one has moved."""

        def write(txn: lmdb.Transaction[bytes]) -> bool:
            if any(_mark(_get(txn, b"=", group)) != before for group, (before, _) in moves.items()):
                return False
            groups = dict.fromkeys(group for group, _, _ in blobs)
            prefixes = {group: _prefix(txn, group) or _new_prefix(txn, group) for group in groups}
            last = {(group, key): content for group, key, content in blobs}
            rows = dict(_row(prefixes[group], key, content) for (group, key), content in last.items())
            rows.update(_row(b"=", group, _MARK.pack(*after)) for group, (_, after) in moves.items())
            with txn.cursor() as cursor:
                cursor.putmulti(sorted(row for row in rows.items() if row[1]))
            for row in sorted(row for row, content in rows.items() if not content):
                txn.delete(row)
            return True

        return self._write(write)

    def read(
        self, groups: Sequence[str], keys: Sequence[tuple[str, str]]
    ) -> tuple[list[Mark | None], list[bytes | None]]:
        """The marks of groups, and the blobs of (group, key) pairs."""

        def find(txn: lmdb.Transaction[bytes]) -> tuple[list[Mark | None], list[bytes | None]]:
            prefixes = self._file.prefixes
            found: list[bytes | None]
            try:
                ids = [b"=" + group.encode() for group in groups]
                ids += [prefixes[group] + key.encode() for group, key in keys]
                plain = not ids or max(map(len, ids)) <= _LONGEST
            except (KeyError, UnicodeEncodeError):
                plain = False
            if plain:
                found = list(map(txn.get, ids))
                marks, found = found[: len(groups)], found[len(groups) :]
            else:
                known = {group: _prefix(txn, group) for group in dict.fromkeys(group for group, _ in keys)}
                prefixes.update({group: prefix for group, prefix in known.items() if prefix is not None})
                marks = [_get(txn, b"=", group) for group in groups]
                found = [_get(txn, known[group], key) for group, key in keys]
            return [_mark(content) for content in marks], found

        return self._read(find)

    def marks(self) -> dict[str, Mark]:
        """The mark of every group."""

        def find(txn: lmdb.Transaction[bytes]) -> dict[str, Mark]:
            with txn.cursor() as cursor:
                cursor.set_range(b"=")
                found = [_named(b"=", *row) for row in _while(cursor, b"=")]
            return {group: Mark._make(_MARK.unpack(content)) for group, content in found}

        return self._read(find)

    def keys(self, group: str) -> Iterator[str]:
        """The keys of a group, in any order; what is written meanwhile may be among them or not."""
        prefix = self._read(lambda txn: _prefix(txn, group))
        last: bytes | None = b""
        while prefix is not None and last is not None:
            names, last = self._read(functools.partial(_page, prefix=prefix, last=last))
            yield from names

    def forget(self, group: str) -> int:
        """Drop a group; gives how many blobs went."""

        def drop(txn: lmdb.Transaction[bytes]) -> int:
            txn.delete(_id(b"=", group))
            prefix = _prefix(txn, group)
            gone = 0
            with txn.cursor() as cursor:
                while prefix is not None and cursor.set_range(prefix) and cursor.key().startswith(prefix):
                    cursor.delete()
                    gone += 1
            return gone

        return self._write(drop)

    def close(self) -> None:
        """Let go of the folder."""
        if not self._closed:
            self._closed = True
            _let_go(self._file)

    def _read(self, work: Callable[[lmdb.Transaction[bytes]], _T]) -> _T:
        file = self._file
        self._check()
        try:
            with file.reading:
                try:
                    txn = file.environment.begin()
                except self._lmdb.MapResizedError:  # another process made it larger
                    file.environment.set_mapsize(0)
                    txn = file.environment.begin()
                with txn:
                    return work(txn)
        except self._lmdb.Error as error:
            raise self._failed(error) from error

    def _write(self, work: Callable[[lmdb.Transaction[bytes]], _T]) -> _T:
        file = self._file
        self._check()
        try:
            with file.writing:
                while True:
                    try:
                        with file.environment.begin(write=True) as txn:
                            return work(txn)
                    except self._lmdb.MapResizedError:
                        with file.reading:
                            file.environment.set_mapsize(0)
                    except self._lmdb.MapFullError:
                        self._make_room()
        except self._lmdb.Error as error:
            raise self._failed(error) from error

    def _make_room(self) -> None:
        """Free the pages that killed readers hold, or else double the map, while nobody here is reading."""
        environment = self._file.environment
        if not environment.reader_check():
            with self._file.reading:
                environment.set_mapsize(2 * environment.info()["map_size"])

    def _check(self) -> None:
        if self._closed:
            raise StateUnavailable(f"The online state {self._url!r} is closed.", expected="an open state")

    def _failed(self, error: Exception) -> StateUnavailable:
        return StateUnavailable(
            f"The online state {self._url!r} failed ({error}).", expected="a sound file and room on its disk"
        )


class _File:
    """A folder that this process has open: once, as LMDB wants it, however many objects use it."""

    def __init__(self, path: Path, environment: lmdb.Environment) -> None:
        self.path, self.environment = path, environment
        self.users = 1
        self.prefixes: dict[str, bytes] = {}
        self.reading = threading.Lock()
        """Held while reading: the map may move only when nobody in this process looks at it."""
        self.writing = threading.Lock()


_files: dict[Path, _File] = {}
_files_lock = threading.Lock()


def _opened(library: Any, path: Path, map_size: int) -> _File:
    """The folder, opened now or shared with who has it open already in this process."""
    with _files_lock:
        file = _files.get(path)
        if file is not None:
            file.users += 1
            return file
        with contextlib.ExitStack() as opened:
            environment = opened.enter_context(
                library.open(str(path), map_size=map_size, metasync=False, max_readers=1024, max_spare_txns=4)
            )
            environment.reader_check()
            with environment.begin(write=True) as txn:
                version = txn.get(b"!")
                if version is None and txn.stat()["entries"] == 0:
                    txn.put(b"!", _VERSION)
                elif version != _VERSION:
                    found = "something else" if version is None else repr(version)
                    raise SettingInvalid(
                        f"The LMDB folder {str(path)!r} holds {found}.",
                        expected=f"nothing, or {_VERSION!r}",
                        hint="Name another folder, or delete this one: a state is built again from the log.",
                    )
            file = _files[path] = _File(path, environment)
            opened.pop_all()
            return file


def _let_go(file: _File) -> None:
    with _files_lock:
        file.users -= 1
        if file.users == 0:
            del _files[file.path]
            with file.writing, file.reading:
                file.environment.close()


def _id(prefix: bytes, text: str) -> bytes:
    """Under what a text stands: itself, or its digest where it is too long."""
    raw = _bytes(text)
    if len(prefix) + len(raw) <= _LONGEST:
        return prefix + raw
    return prefix + _HASHED + blake2b(raw, digest_size=32).digest()


def _row(prefix: bytes, text: str, content: bytes) -> tuple[bytes, bytes]:
    """An id and what is stored there: the content, after the text where the id holds only its digest."""
    row = _id(prefix, text)
    if content and row[len(prefix) : len(prefix) + 1] == _HASHED:
        raw = _bytes(text)
        content = _NUMBER.pack(len(raw)) + raw + content
    return row, content


def _named(prefix: bytes, row: bytes, stored: bytes) -> tuple[str, bytes]:
    """The text and the content of a row."""
    raw = row[len(prefix) :]
    if raw[:1] == _HASHED:
        end = _NUMBER.size + _NUMBER.unpack_from(stored)[0]
        raw, stored = stored[_NUMBER.size : end], stored[end:]
    return raw.decode("utf-8", "surrogatepass"), stored


def _get(txn: lmdb.Transaction[bytes], prefix: bytes | None, text: str) -> bytes | None:
    """What stands under a text; None without a prefix, when nothing does, or when it belongs to another text."""
    row = None if prefix is None else _id(prefix, text)
    stored = None if row is None else txn.get(row)
    if prefix is None or row is None or stored is None:
        return None
    name, content = _named(prefix, row, stored)
    return content if name == text else None


def _prefix(txn: lmdb.Transaction[bytes], group: str) -> bytes | None:
    """What the ids of a group's blobs begin with; None for a group that never had one."""
    number = _get(txn, b"#", group)
    return None if number is None else b"b" + number


def _new_prefix(txn: lmdb.Transaction[bytes], group: str) -> bytes:
    """Give a group the next number, which it keeps for ever."""
    (last,) = _NUMBER.unpack(txn.get(b"$", b"\0" * _NUMBER.size))
    number = _NUMBER.pack(last + 1)
    txn.put(b"$", number)
    txn.put(*_row(b"#", group, number))
    return b"b" + number


def _while(cursor: lmdb.Cursor[bytes], prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The rows from where the cursor stands, as long as their ids begin with this."""
    return itertools.takewhile(lambda row: row[0].startswith(prefix), cursor.iternext())


def _page(txn: lmdb.Transaction[bytes], *, prefix: bytes, last: bytes) -> tuple[list[str], bytes | None]:
    """Keys of a group after one id, and the id to go on after; None when there are no more."""
    with txn.cursor() as cursor:
        if not cursor.set_range(last or prefix) or (cursor.key() == last and not cursor.next()):
            return [], None
        rows = list(itertools.islice(_while(cursor, prefix), _PAGE))
    return [_named(prefix, *row)[0] for row in rows], rows[-1][0] if rows else None


def _mark(content: bytes | None) -> Mark | None:
    return None if content is None else Mark._make(_MARK.unpack(content))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _library() -> Any:
    try:
        import lmdb
    except ImportError as error:
        raise MissingExtra("lmdb", "lmdb") from error
    return lmdb


def _folder(url: str) -> Path:
    """The folder that a URL names."""
    if not url.startswith("lmdb:///") or len(url) <= len("lmdb:///"):
        raise SettingInvalid(
            f"The online state is at {url!r}.", expected='an LMDB folder, such as "lmdb:///folder/online"'
        )
    return Path(url.removeprefix("lmdb:///"))
