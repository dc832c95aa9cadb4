"""Online state on a Redis server: a string for each blob and each group, read by one MGET."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from setpoint.core.errors import MissingExtra, SetpointError, SettingInvalid, StateUnavailable
from setpoint.core.ports import Mark

PREFIX = "setpoint:"
"""What every name in the database begins with, unless the URL says `?prefix=`."""

SECONDS = 5.0
"""How long to wait for the server, unless the URL says `?socket_timeout=` or `?socket_connect_timeout=`."""

VERSION = b"1"
_CUT = 10_000
"""How many names a command holds at most; what is longer is cut and sent as one transaction."""

# Names, each after the prefix: "=<group>" holds "<number>" or "<number> <position> <known_at>", "<number>:<key>" a
# blob, "groups" the groups there are, "numbers" the last number given, "gone" numbers whose blobs are being swept away.
# A group that is forgotten and comes back has another number: what is left of the old one is never read.
_OPTIONS = {"socket_timeout": SECONDS, "socket_connect_timeout": SECONDS, "protocol": 2}


class _Known(NamedTuple):
    """Groups that were read, what their records held, the marks in them, and the records and blobs as MGET asks for.

    `records` is the part of the command that asks for the records; `names` has, of groups that are there, what the
    names of blobs begin with, and its length.
    """

    groups: list[str]
    contents: list[bytes | None]
    marks: list[Mark | None]
    records: str
    names: dict[str, tuple[str, int]]


class RedisState:
    """The OnlineState port on one Redis server, `redis://host:port/db`; needs `setpoint[redis]`.

    Also `redis://user:password@host`, `rediss://...` with TLS and `unix:///path/to/socket?db=0`; `?prefix=` sets this
    state apart from others in the same database. What was applied survives kill -9 of the client; what survives the
    end of the server is up to its own persistence, and blobs and marks come back together. A call that raises
    StateUnavailable may have been applied all the same: the marks tell, and delivering it again is harmless. `keys`
    and `forget` walk through every name of the database. An object belongs to the process that made it: open another
    one after a fork.

    >>> RedisState("redis://localhost/zero")
    Traceback (most recent call last):
    setpoint.core.errors.SettingInvalid: The online state is at 'redis://localhost/zero'. Expected: ...
    """

    def __init__(self, url: str) -> None:
        self._library = _library()
        self._shown, self._options, prefix = _parsed(self._library, url)
        self._prefix = _bytes(prefix)
        self._names: dict[str, bytes] = {}
        self._known = _Known([], [], [], "", {})
        self._idle: list[Any] = []
        self._closed = False
        name = self._prefix + b"version"
        try:
            _, version = self._ask(_packed([b"SETNX", name, VERSION], [b"GET", name]), 2)
        except TypeError as error:  # an option that a connection does not have
            raise self._invalid(str(error)) from error
        if version != VERSION:
            self.close()
            raise self._invalid(f"it was written by another version, {version!r}")

    def apply(self, moves: Mapping[str, tuple[Mark | None, Mark]], blobs: Sequence[tuple[str, str, bytes]]) -> bool:
        """Write blobs (group, key, bytes) and move groups from one mark to another; False when one has moved."""
        rows = {(group, key): content for group, key, content in blobs}
        groups = list(dict.fromkeys([*moves, *(group for group, _ in rows)]))
        if not groups:
            return True
        records = [self._record(group) for group in groups]
        while True:
            connection, (_, found) = self._begin(_packed([b"WATCH", *records], [b"MGET", *records]), 2)
            numbers, marks = _unpacked(groups, found)
            if any(marks[group] != before for group, (before, _) in moves.items()):
                self._go_on(connection, _packed([b"UNWATCH"]), 1)
                self._idle.append(connection)
                return False
            new = [group for group in groups if group not in numbers]
            if new:
                (last,) = self._go_on(connection, _packed([b"INCRBY", self._prefix + b"numbers", b"%d" % len(new)]), 1)
                numbers |= {group: b"%d" % (last - place) for place, group in enumerate(new)}
            after = dict.fromkeys(new) | {group: mark for group, (_, mark) in moves.items()}
            names = {group: self._blobs(number) for group, number in numbers.items()}
            put = {self._record(group): _record(numbers[group], mark) for group, mark in after.items()}
            put |= {names[group] + _bytes(key): content for (group, key), content in rows.items() if content}
            removed = [names[group] + _bytes(key) for (group, key), content in rows.items() if not content]
            commands = [[b"MSET", *some] for some in _cut([part for row in put.items() for part in row])]
            commands += [[b"UNLINK", *some] for some in _cut(removed)]
            commands += [[b"SADD", self._prefix + b"groups", *map(_bytes, new)]] if new else []
            if self._commit(connection, commands):
                self._names.update(names)
                return True

    def read(
        self, groups: Sequence[str], keys: Sequence[tuple[str, str]]
    ) -> tuple[list[Mark | None], list[bytes | None]]:
        """The marks of groups, and the blobs of (group, key) pairs."""
        known = self._known
        if not groups or groups != known.groups or len(keys) > _CUT - len(groups):
            return self._read_anew(groups, keys)
        count, names = len(groups), known.names
        parts = [f"*{1 + count + len(keys)}\r\n$4\r\nMGET\r\n", known.records]
        try:
            for group, key in keys:
                name, length = names[group]
                parts.append(f"${length + len(key)}\r\n{name}{key}\r\n")
            packed = "".join(parts).encode("ascii")
        except (KeyError, UnicodeEncodeError):  # groups that were not there, and keys whose length is not their bytes'
            return self._read_anew(groups, keys)
        (found,) = self._ask(packed, 1)
        contents, blobs = found[:count], found[count:]
        if contents != known.contents:
            numbers, marks = _unpacked(groups, contents)
            if self._spelled(numbers) != names:
                return self._read_anew(groups, keys)
            known = self._known = known._replace(contents=contents, marks=[marks[group] for group in groups])
        return known.marks.copy(), blobs

    def _read_anew(
        self, groups: Sequence[str], keys: Sequence[tuple[str, str]]
    ) -> tuple[list[Mark | None], list[bytes | None]]:
        """A read that knows nothing of the groups."""
        owners = list(dict.fromkeys([*groups, *[group for group, _ in keys]]))
        records = [self._record(group) for group in owners]
        while True:
            names = {group: self._names.get(group) for group in owners}
            asked = [name + _bytes(key) for group, key in keys if (name := names[group]) is not None]
            found = self._values(records + asked)
            numbers, marks = _unpacked(owners, found)
            there = {group: self._blobs(number) for group, number in numbers.items()}
            if groups and owners == [*groups]:
                held = [marks[group] for group in groups]
                asked_for = "".join([f"${len(one)}\r\n{_escaped(one)}\r\n" for one in records])
                self._known = _Known(owners, found[: len(owners)], held, asked_for, self._spelled(numbers))
            if names == there:
                return [marks[group] for group in groups], found[len(owners) :]
            if all(names[group] == name for group, name in there.items()):  # the others are not there
                rest = iter(found[len(owners) :])
                aligned = [(group, None if names[group] is None else next(rest)) for group, _ in keys]
                blobs = [content if group in there else None for group, content in aligned]
                return [marks[group] for group in groups], blobs
            self._names.update(there)  # groups met for the first time, or forgotten and begun anew

    def marks(self) -> dict[str, Mark]:
        """The mark of every group."""
        groups = [_text(name) for name in self._ask(_packed([b"SMEMBERS", self._prefix + b"groups"]), 1)[0]]
        _, marks = _unpacked(groups, self._values([self._record(group) for group in groups]))
        return {group: mark for group, mark in marks.items() if mark is not None}

    def keys(self, group: str) -> Iterator[str]:
        """The keys of a group, in any order; what is written meanwhile may be among them or not."""
        (record,) = self._values([self._record(group)])
        if record is not None:
            names = self._blobs(record.split()[0])
            given: set[bytes] = set()
            for page in self._scan(names):
                yield from (_text(name[len(names) :]) for name in page if name not in given)
                given.update(page)

    def forget(self, group: str) -> int:
        """Drop a group; gives how many blobs went."""
        record, gone = self._record(group), self._prefix + b"gone"
        own = b""
        while True:
            connection, (_, found) = self._begin(_packed([b"WATCH", record], [b"GET", record]), 2)
            own = b"" if found is None else found.split()[0]
            commands = [[b"UNLINK", record], [b"SREM", self._prefix + b"groups", _bytes(group)]]
            if self._commit(connection, commands + ([[b"SADD", gone, own]] if own else [])):
                break
        counted = 0
        for number in self._ask(_packed([b"SMEMBERS", gone]), 1)[0]:  # also of who was killed while forgetting
            for page in self._scan(self._blobs(number)):
                (went,) = self._ask(_packed([b"UNLINK", *page]), 1)
                counted += went if number == own else 0
            self._ask(_packed([b"SREM", gone, number]), 1)
        return counted

    def close(self) -> None:
        """Let go of the connections."""
        self._closed = True
        self._hang_up()

    def _record(self, group: str) -> bytes:
        return self._prefix + b"=" + _bytes(group)

    def _blobs(self, number: bytes) -> bytes:
        """What the names of a group's blobs begin with."""
        return self._prefix + number + b":"

    def _spelled(self, numbers: Mapping[str, bytes]) -> dict[str, tuple[str, int]]:
        """What the names of the blobs of groups begin with, and its length."""
        names = {group: self._blobs(number) for group, number in numbers.items()}
        return {group: (_escaped(name), len(name)) for group, name in names.items()}

    def _values(self, names: Sequence[bytes]) -> list[bytes | None]:
        """What stands under names, all of one moment."""
        if len(names) <= _CUT:
            return self._ask(_packed([b"MGET", *names]), 1)[0] if names else []
        commands = [[b"MGET", *some] for some in _cut(names)]
        replies = self._ask(_packed([b"MULTI"], *commands, [b"EXEC"]), len(commands) + 2)
        return [content for some in self._sound(replies[-1]) for content in some]

    def _scan(self, start: bytes) -> Iterator[list[bytes]]:
        """The names that begin with this, a page at a time; a name may come twice."""
        pattern = re.sub(rb"([*?\[\]\\^-])", rb"\\\1", start) + b"*"
        cursor = b"0"
        while True:
            cursor, page = self._ask(_packed([b"SCAN", cursor, b"MATCH", pattern, b"COUNT", b"%d" % _CUT]), 1)[0]
            if page:
                yield page
            if int(cursor) == 0:
                return

    def _commit(self, connection: Any, commands: Sequence[Sequence[bytes]]) -> bool:
        """All the commands as one; False, and nothing done, when a name that is watched has changed."""
        replies = self._go_on(connection, _packed([b"MULTI"], *commands, [b"EXEC"]), len(commands) + 2)
        self._idle.append(connection)
        return replies[-1] is not None and bool(self._sound(replies[-1]))

    def _ask(self, packed: bytes, count: int) -> list[Any]:
        """The replies to commands, by a connection that is free again afterwards."""
        connection, replies = self._begin(packed, count)
        self._idle.append(connection)
        return replies

    def _begin(self, packed: bytes, count: int) -> tuple[Any, list[Any]]:
        """A connection and its replies to commands that can be sent twice: an idle connection may have died."""
        if self._closed:
            raise StateUnavailable(f"The online state {self._shown!r} is closed.", expected="an open state")
        try:
            connection = self._idle.pop()
        except IndexError:
            return (connection := self._connected()), self._go_on(connection, packed, count)
        try:
            return connection, _replies(connection, packed, count)
        except self._library.ConnectionError:  # the server closed what was idle, or was away
            connection.disconnect()
            self._hang_up()
        except self._library.RedisError as error:
            connection.disconnect()
            raise self._failed(error) from error
        return (connection := self._connected()), self._go_on(connection, packed, count)

    def _go_on(self, connection: Any, packed: bytes, count: int) -> list[Any]:
        """Replies to further commands on a connection: sent once."""
        try:
            return _replies(connection, packed, count)
        except self._library.RedisError as error:
            connection.disconnect()
            raise self._failed(error) from error

    def _connected(self) -> Any:
        options = dict(self._options)
        connection = options.pop("connection_class", self._library.Connection)(**options)
        try:
            connection.connect()
        except self._library.RedisError as error:
            raise self._failed(error) from error
        return connection

    def _hang_up(self) -> None:
        while self._idle:
            self._idle.pop().disconnect()

    def _sound(self, replies: list[Any]) -> list[Any]:
        for reply in replies:
            if isinstance(reply, Exception):
                raise self._failed(reply) from reply
        return replies

    def _failed(self, error: Exception) -> SetpointError:
        if isinstance(error, (self._library.AuthenticationError, self._library.exceptions.AuthorizationError)):
            return self._invalid(str(error))
        return StateUnavailable(
            f"The online state {self._shown!r} does not answer or refuses ({error}).",
            expected="a Redis server that answers",
            hint="Nothing has to be restarted once it does.",
        )

    def _invalid(self, why: str) -> SettingInvalid:
        return SettingInvalid(
            f"The online state {self._shown!r} cannot be used ({why}).",
            expected="a Redis server of one's own, or a ?prefix= of one's own",
        )


def _replies(connection: Any, packed: bytes, count: int) -> list[Any]:
    connection.send_packed_command([packed], check_health=False)
    return [connection.read_response() for _ in range(count)]


def _packed(*commands: Sequence[bytes]) -> bytes:
    """Commands as they go over the wire."""
    parts = []
    for command in commands:
        parts.append(b"*%d\r\n" % len(command))
        parts += [b"$%d\r\n%b\r\n" % (len(part), part) for part in command]
    return b"".join(parts)


def _record(number: bytes, mark: Mark | None) -> bytes:
    """What is stored for a group: its number, and its mark when it has one."""
    return number if mark is None else b"%b %d %d" % (number, *mark)


def _unpacked(
    groups: Sequence[str], records: Sequence[bytes | None]
) -> tuple[dict[str, bytes], dict[str, Mark | None]]:
    """The numbers of the groups that have a record, and the mark of each, or None; records may be followed by more."""
    numbers: dict[str, bytes] = {}
    marks: dict[str, Mark | None] = dict.fromkeys(groups)
    for group, record in zip(groups, records, strict=False):
        if record is not None:
            number, *mark = record.split()
            numbers[group] = number
            if mark:
                marks[group] = Mark(int(mark[0]), int(mark[1]))
    return numbers, marks


def _cut(parts: Sequence[bytes]) -> list[Sequence[bytes]]:
    """Pieces of an even number of parts, each short enough for a command."""
    return [parts[start : start + _CUT] for start in range(0, len(parts), _CUT)]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _escaped(text: bytes) -> str:
    """Text that is ASCII where the bytes are, and cannot be made ASCII where they are not."""
    return text.decode("ascii", "surrogateescape")


def _text(stored: bytes) -> str:
    return stored.decode("utf-8", "surrogatepass")


def _library() -> Any:
    try:
        import redis
    except ImportError as error:
        raise MissingExtra("redis", "redis") from error
    return redis


def _parsed(library: Any, url: str) -> tuple[str, dict[str, Any], str]:
    """What may be shown of a URL, the options of its connections, and the prefix."""
    try:
        split = urlsplit(url)
        query = dict(parse_qsl(split.query, keep_blank_values=True))
        prefix = query.pop("prefix", PREFIX)
        shown = f"{split.scheme}://{split.netloc.rpartition('@')[2]}{split.path}"
        database = "0" if split.scheme == "unix" else split.path.strip("/") or "0"
        options = library.connection.parse_url(f"{split.scheme}://{split.netloc}{split.path}?{urlencode(query)}")
        options.setdefault("db", int(database))
    except ValueError as error:
        raise SettingInvalid(
            f"The online state is at {url.rpartition('@')[2]!r}.",
            expected='a Redis server, such as "redis://localhost:6379/0" or "unix:///run/redis.sock?db=0"',
        ) from error
    return shown, _OPTIONS | options, prefix
