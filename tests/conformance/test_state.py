"""Online states against the laws of their port, and what is each backend's own."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import lmdb
import pytest
from redis import Redis

from setpoint.backends.lmdb_state import LmdbState
from setpoint.backends.memory_state import MemoryState
from setpoint.backends.redis_state import RedisState
from setpoint.backends.sqlite_state import SqliteState
from setpoint.conformance.child import child
from setpoint.conformance.state import DurableStateLaws, OnlineStateLaws
from setpoint.core.errors import Busy, MissingExtra, SettingInvalid, StateUnavailable
from setpoint.core.ports import Mark
from tests.servers import RedisServer, free_port, redis_server


class TestMemoryState(OnlineStateLaws):
    def opened(self, folder: Path) -> MemoryState:
        return MemoryState("memory://")


class TestSqliteStateInMemory(OnlineStateLaws):
    def opened(self, folder: Path) -> SqliteState:
        return SqliteState("sqlite://")


class TestSqliteState(DurableStateLaws):
    code = """
from setpoint.backends.redis_state import RedisState
from setpoint.backends.sqlite_state import SqliteState
opened = lambda folder: SqliteState(f"sqlite:///{folder}/online.db")
"""

    def opened(self, folder: Path) -> SqliteState:
        return SqliteState(f"sqlite:///{folder}/online.db")


class TestLmdbState(DurableStateLaws):
    code = """
from setpoint.backends.lmdb_state import LmdbState
opened = lambda folder: LmdbState(f"lmdb:///{folder}/online")
"""

    def opened(self, folder: Path) -> LmdbState:
        return LmdbState(f"lmdb:///{folder}/online")


class TestRedisState(DurableStateLaws):
    @pytest.fixture(autouse=True)
    def _server(self, redis: RedisServer) -> None:
        self.url = redis.url

    @property
    def code(self) -> str:
        return f"""
from setpoint.backends.redis_state import RedisState
opened = lambda folder: RedisState(f"{self.url}/0?prefix={{folder}}:")
"""

    def opened(self, folder: Path) -> RedisState:
        return RedisState(f"{self.url}/0?prefix={folder}:")


@pytest.mark.parametrize("bad", ["", "memory", "memory://x", "sqlite://"])
def test_a_url_that_is_not_memory_is_refused_by_the_state_in_memory(bad: str) -> None:
    """The message shows the one URL there is."""
    with pytest.raises(SettingInvalid, match="memory://"):
        MemoryState(bad)


@pytest.mark.parametrize("bad", ["", "redis://host", "online.db", "sqlite:///"])
def test_a_url_of_another_store_is_refused_by_sqlite(bad: str) -> None:
    """The message shows how a URL of SQLite is written."""
    with pytest.raises(SettingInvalid, match="sqlite:///"):
        SqliteState(bad)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """It is named and left as it is."""
    (tmp_path / "online.db").write_bytes(b"this is a letter, not a database" * 200)
    with pytest.raises(SettingInvalid, match="not a database"):
        SqliteState(f"sqlite:///{tmp_path}/online.db")
    assert (tmp_path / "online.db").read_bytes() == b"this is a letter, not a database" * 200


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    """Tables of others are left as they are, whatever version they carry."""
    with contextlib.closing(sqlite3.connect(tmp_path / "online.db")) as connection:
        connection.execute("CREATE TABLE theirs (x)")
        connection.execute("PRAGMA user_version = 1")
    with pytest.raises(SettingInvalid, match="something else"):
        SqliteState(f"sqlite:///{tmp_path}/online.db")
    with contextlib.closing(sqlite3.connect(tmp_path / "online.db")) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]


@pytest.mark.parametrize("version", [0, 99])
def test_a_state_of_another_version_is_refused(tmp_path: Path, version: int) -> None:
    """Setpoint does not touch what it cannot understand, and says that the log has it all."""
    SqliteState(f"sqlite:///{tmp_path}/online.db").close()
    with contextlib.closing(sqlite3.connect(tmp_path / "online.db")) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    with pytest.raises(SettingInvalid, match=f"version {version}.*built again from the log"):
        SqliteState(f"sqlite:///{tmp_path}/online.db")


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    """The state's folder is its own business."""
    state = SqliteState(f"sqlite:///{tmp_path}/a/b/online.db")
    assert state.marks() == {}
    state.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """Where a file stands in the way there is no state."""
    (tmp_path / "a").write_text("a file")
    with pytest.raises(SettingInvalid, match="cannot be used"):
        SqliteState(f"sqlite:///{tmp_path}/a/online.db")


def test_a_call_that_fails_half_way_applies_nothing(tmp_path: Path) -> None:
    """When one blob of a call cannot be stored, none of the others is there and the mark stays."""
    state = SqliteState(f"sqlite:///{tmp_path}/online.db")
    with pytest.raises(StateUnavailable, match="failed"):
        state.apply({"g": (None, Mark(0, 0))}, [("g", "k", b"fine"), ("g", "l", 7.5j)])  # type: ignore[list-item]
    assert state.read(["g"], [("g", "k")]) == ([None], [None])
    assert state.apply({"g": (None, Mark(0, 0))}, [("g", "k", b"fine")])
    state.close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///{}/online.db"])
def test_keys_that_share_an_id_are_kept_apart(tmp_path: Path, url: str) -> None:
    """SQLite finds a key by 32 bits of its hash; these three have the same."""
    state, texts = SqliteState(url.format(tmp_path)), ["qmsos", "ijdchjoq", "stipzlci"]
    keys, mark = [("g", text) for text in texts], Mark(0, 0)

    def there() -> list[bytes | None]:
        found = state.read(["g"], [*keys, keys[0]])[1]
        assert sorted(state.keys("g")) == sorted(
            text for text, blob in zip(texts, found[:3], strict=True) if blob is not None
        )
        return found

    assert state.apply({"g": (None, mark)}, [(*keys[1], b"1"), ("h", "qmsos", b"h"), ("g", "other", b"")])
    assert there() == [None, b"1", None, None]
    assert state.apply({"g": (mark, mark)}, [(*key, b"%d" % place) for place, key in enumerate(keys)])
    assert there() == [b"0", b"1", b"2", b"0"]
    assert state.apply({"g": (mark, mark)}, [(*keys[1], b""), (*keys[0], b"new")])
    assert there() == [b"new", None, b"2", b"new"]
    assert state.apply({"g": (mark, mark)}, [(*keys[2], b""), (*keys[1], b"")])
    assert there() == [b"new", None, None, b"new"]
    assert state.apply({"g": (mark, mark)}, [(*key, b"again") for key in keys])
    assert state.forget("g") == 3
    assert there() == [None] * 4
    assert state.read(["g"], [("h", "qmsos")]) == ([None], [b"h"])
    state.close()


def test_redis_reads_the_same_groups_again(redis: RedisServer, tmp_path: Path) -> None:
    """Whatever happened to them in between: they moved, were forgotten, began anew, or have keys of other alphabets."""
    state, other = (RedisState(f"{redis.url}/0?prefix={tmp_path}:") for _ in range(2))
    keys = [("g", "k"), ("g", "é"), ("h", "k"), ("x", "k")]
    assert state.read(["g", "h"], keys) == ([None, None], [None] * 4)
    assert other.apply({"g": (None, Mark(0, 0))}, [("g", "k", b"1"), ("g", "é", b"2"), ("x", "k", b"3")])
    for _ in range(3):
        assert state.read(["g", "h"], keys[:1]) == ([Mark(0, 0), None], [b"1"])
        assert state.read(["g", "h"], keys) == ([Mark(0, 0), None], [b"1", b"2", None, b"3"])
    assert other.apply({"g": (Mark(0, 0), Mark(1, 1)), "h": (None, Mark(5, 5))}, [("h", "k", b"4")])
    for _ in range(3):
        assert state.read(["g", "h"], [keys[0], keys[2]]) == ([Mark(1, 1), Mark(5, 5)], [b"1", b"4"])
    assert other.forget("g") == 2
    assert other.apply({"g": (None, Mark(2, 2))}, [])
    for _ in range(3):
        assert state.read(["g", "h"], keys[:1]) == ([Mark(2, 2), Mark(5, 5)], [None])
    assert state.read([], []) == ([], [])
    assert state.read(["g"], []) == ([Mark(2, 2)], [])
    for one in (state, other):
        one.close()


def test_a_writer_that_waits_too_long_says_so(tmp_path: Path) -> None:
    """Another process holds the right to write; what is there can be read all the same."""
    state = SqliteState(f"sqlite:///{tmp_path}/online.db", patience=0.05)
    assert state.apply({"g": (None, Mark(0, 0))}, [("g", "k", b"x")])
    with contextlib.closing(sqlite3.connect(tmp_path / "online.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Busy, match="Another process"):
            state.apply({"g": (Mark(0, 0), Mark(1, 1))}, [])
        assert state.read(["g"], [("g", "k")]) == ([Mark(0, 0)], [b"x"])
    assert state.apply({"g": (Mark(0, 0), Mark(1, 1))}, [])
    state.close()


def test_a_state_that_was_closed_says_that_it_failed(tmp_path: Path) -> None:
    """Neither reading nor writing comes to nothing silently."""
    state = SqliteState(f"sqlite:///{tmp_path}/online.db")
    state.close()
    with pytest.raises(StateUnavailable, match="failed"):
        state.read(["g"], [])
    with pytest.raises(StateUnavailable, match="failed"):
        state.apply({"g": (None, Mark(0, 0))}, [])


@pytest.mark.parametrize("bad", ["", "lmdb:///", "lmdb://online", "sqlite:///online"])
def test_a_url_of_another_store_is_refused_by_lmdb(bad: str) -> None:
    """The message shows how a URL of LMDB is written."""
    with pytest.raises(SettingInvalid, match="lmdb:///folder"):
        LmdbState(bad)


def test_a_file_of_something_else_is_no_lmdb_folder(tmp_path: Path) -> None:
    """A folder whose data file LMDB did not write is refused and left as it is."""
    (tmp_path / "data.mdb").write_bytes(b"this is a letter, not a database" * 1000)
    with pytest.raises(SettingInvalid, match="cannot be used"):
        LmdbState(f"lmdb:///{tmp_path}")
    assert (tmp_path / "data.mdb").read_bytes() == b"this is a letter, not a database" * 1000


@pytest.mark.parametrize("theirs", [(b"k", b"theirs"), (b"!", b"setpoint online state 99")])
def test_an_lmdb_folder_of_something_else_is_refused(tmp_path: Path, theirs: tuple[bytes, bytes]) -> None:
    """Entries of others, and those of another version, are left as they are."""
    with lmdb.open(str(tmp_path)) as environment, environment.begin(write=True) as txn:
        txn.put(*theirs)
    with pytest.raises(SettingInvalid, match=r"holds (something else|b'setpoint online state 99')"):
        LmdbState(f"lmdb:///{tmp_path}")
    with lmdb.open(str(tmp_path)) as environment, environment.begin() as txn:
        assert list(txn.cursor()) == [theirs]


def test_an_lmdb_map_grows_when_it_is_full(tmp_path: Path) -> None:
    """What does not fit makes it larger, while other threads and another process go on reading."""
    state = LmdbState(f"lmdb:///{tmp_path}/online", map_size=1 << 16)
    watching = f"""
import sys
from setpoint.backends.lmdb_state import LmdbState
state = LmdbState("lmdb:///{tmp_path}/online", map_size=1 << 16)
for line in sys.stdin:
    print(state.read(["g"], [("g", line.strip())])[1][0] == line.strip().encode() * 9000, flush=True)
"""
    done = threading.Event()
    torn: list[object] = []

    def watch() -> None:
        while not done.is_set():
            (mark,), (found,) = state.read(["g"], [("g", "k")])
            if mark is not None and found != b"%d" % mark.position:
                torn.append((mark, found))

    watcher = threading.Thread(target=watch)
    watcher.start()
    command = [sys.executable, "-c", watching]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        before = None
        for number in range(60):
            blobs = [("g", "k", b"%d" % number), ("g", f"n{number}", b"n%d" % number * 9000)]
            assert state.apply({"g": (before, Mark(number, 0))}, blobs)
            before = Mark(number, 0)
            if number % 10 == 9:
                other.stdin.write(f"n{number}\n")
                other.stdin.flush()
                assert other.stdout.readline() == "True\n"
        other.kill()
    done.set()
    watcher.join()
    assert torn == []
    assert state.read([], [("g", "n0"), ("g", "n59")]) == ([], [b"n0" * 9000, b"n59" * 9000])
    state.close()


def test_a_killed_reader_does_not_make_an_lmdb_folder_grow(tmp_path: Path) -> None:
    """Pages that a killed process was reading are used again once the map is full."""
    state = LmdbState(f"lmdb:///{tmp_path}/online", map_size=1 << 20)
    assert state.apply({"g": (None, Mark(0, 0))}, [("g", "k", b"x" * 100_000)])
    reading = """
import lmdb, sys, time
txn = lmdb.open(sys.argv[1], map_size=1 << 20).begin()
print("reading", flush=True)
time.sleep(60)
"""
    with child(reading, tmp_path / "online") as lines:
        assert lines.readline() == "reading\n"
    for number in range(40):
        assert state.apply({"g": (Mark(number, 0), Mark(number + 1, 0))}, [("g", "k", bytes([number]) * 100_000)])
    assert (tmp_path / "online" / "data.mdb").stat().st_size <= 1 << 20
    state.close()


def test_an_lmdb_folder_has_room_for_readers_after_many_were_killed(tmp_path: Path) -> None:
    """Who opens it frees the places of readers that are no more, while others have it open."""
    state = LmdbState(f"lmdb:///{tmp_path}")
    assert state.marks() == {}
    reading = """
import sys, time
from setpoint.backends.lmdb_state import LmdbState
environment = LmdbState(f"lmdb:///{sys.argv[1]}")._file.environment
txn = environment.begin()
print(environment.readers().count("\\n"), flush=True)
time.sleep(60)
"""
    found = []
    for _ in range(3):
        with child(reading, tmp_path) as lines:
            found.append(int(lines.readline()))
    assert found[0] == found[1] == found[2]
    state.close()


def test_an_lmdb_text_of_the_same_digest_is_not_taken_for_another(tmp_path: Path) -> None:
    """Long keys stand under their digest with the whole text beside the blob, which has to be the one asked for."""
    state = LmdbState(f"lmdb:///{tmp_path}")
    assert state.apply({}, [("g", "k" * 1000, b"x")])
    assert state.read([], [("g", "k" * 1000)]) == ([], [b"x"])
    state.close()
    with lmdb.open(str(tmp_path)) as environment, environment.begin(write=True) as txn:
        (row,) = [row for row, _ in txn.cursor() if b"\xff" in row]
        txn.put(row, txn.get(row).replace(b"k" * 1000, b"l" * 1000))
    state = LmdbState(f"lmdb:///{tmp_path}")
    assert state.read([], [("g", "k" * 1000)]) == ([], [None])
    assert list(state.keys("g")) == ["l" * 1000]
    state.close()


def test_a_second_object_on_an_lmdb_folder_outlives_the_first(tmp_path: Path) -> None:
    """Closing one of two takes nothing from the other, and what is closed says so."""
    first, second = (LmdbState(f"lmdb:///{tmp_path}/online") for _ in range(2))
    first.close()
    first.close()
    assert second.apply({"g": (None, Mark(0, 0))}, [("g", "k", b"x")])
    with pytest.raises(StateUnavailable, match="closed"):
        first.read(["g"], [])
    with pytest.raises(StateUnavailable, match="closed"):
        first.apply({"g": (Mark(0, 0), Mark(1, 1))}, [])
    second.close()


@pytest.mark.parametrize(
    "bad",
    ["", "sqlite://", "redis", "http://host:1", "redis://host/one", "redis://host:port/0", "unix:///socket?db=zero"],
)
def test_a_url_of_another_store_is_refused_by_redis(bad: str) -> None:
    """The message shows how a URL of Redis is written."""
    with pytest.raises(SettingInvalid, match="redis://localhost:6379/0"):
        RedisState(bad)


def test_an_option_that_no_connection_has_is_refused(redis: RedisServer) -> None:
    """A mistyped option is not left out silently."""
    with pytest.raises(SettingInvalid, match="soket_timeout"):
        RedisState(f"{redis.url}/0?soket_timeout=1")


def test_redis_states_share_a_database_by_prefix(redis: RedisServer) -> None:
    """Neither sees, lists or forgets what is the other's, whatever characters the prefixes have."""
    names = ["p[a-z]*:", "pb:", "", "p?\\:"]
    states = [RedisState(f"{redis.url}/3?prefix={quote(name)}") for name in names]
    for number, state in enumerate(states):
        assert state.apply({"g": (None, Mark(number, 0))}, [("g", f"k{number}", b"x"), ("g", "l", b"%d" % number)])
    for number, state in enumerate(states):
        assert state.read(["g"], [("g", "l")]) == ([Mark(number, 0)], [b"%d" % number])
        assert sorted(state.keys("g")) == [f"k{number}", "l"]
    assert states[0].forget("g") == 2
    assert [list(state.marks()) for state in states] == [[], ["g"], ["g"], ["g"]]
    assert [len(list(state.keys("g"))) for state in states] == [0, 2, 2, 2]
    for state in states:
        assert state.forget("g") == (0 if state is states[0] else 2)
        state.close()


def test_a_redis_socket_and_a_database_number_are_taken(redis: RedisServer) -> None:
    """The socket and the port lead to one server, and each database is a state of its own."""
    one, same, other = (
        RedisState(f"{redis.url}/5"),
        RedisState(f"unix://{redis.socket}?db=5"),
        RedisState(f"unix://{redis.socket}?db=6"),
    )
    assert one.apply({"g": (None, Mark(0, 0))}, [("g", "k", b"x")])
    assert same.read(["g"], [("g", "k")]) == ([Mark(0, 0)], [b"x"])
    assert other.read(["g"], [("g", "k")]) == ([None], [None])
    for state in (one, same, other):
        state.close()


def test_a_redis_state_of_another_version_is_refused(redis: RedisServer) -> None:
    """Setpoint does not touch what it cannot understand."""
    client = Redis(port=redis.port, db=7)
    client.set("new:version", b"99")
    with pytest.raises(SettingInvalid, match="another version"):
        RedisState(f"{redis.url}/7?prefix=new:")
    client.close()


def test_a_redis_connection_that_died_is_replaced(redis: RedisServer, tmp_path: Path) -> None:
    """The server may close what was idle for long: nobody notices."""
    state = RedisState(f"{redis.url}/0?prefix={tmp_path}:")
    client = Redis(port=redis.port)
    for number in range(3):
        client.client_kill_filter(_type="normal", skipme=True)
        assert state.apply({"g": (Mark(number - 1, 0) if number else None, Mark(number, 0))}, [("g", "k", b"x")])
        client.client_kill_filter(_type="normal", skipme=True)
        assert state.read(["g"], [("g", "k")]) == ([Mark(number, 0)], [b"x"])
    client.close()
    state.close()


def test_a_redis_server_that_is_slow_is_an_error_and_its_late_answer_is_dropped(
    redis: RedisServer, tmp_path: Path
) -> None:
    """After the time the URL gives, the call fails; the next one gets its own answer."""
    state = RedisState(f"{redis.url}/0?prefix={tmp_path}:&socket_timeout=0.05")
    assert state.apply({"g": (None, Mark(0, 0))}, [("g", "k", b"k"), ("g", "l", b"l")])
    client = Redis(port=redis.port)
    client.client_pause(400)
    with pytest.raises(StateUnavailable, match="Timeout"):
        state.read(["g"], [("g", "k")])
    with pytest.raises(StateUnavailable, match="Timeout"):
        state.apply({"g": (Mark(0, 0), Mark(1, 1))}, [("g", "k", b"new")])
    client.ping()  # answered when the pause is over
    assert state.read(["g"], [("g", "l")]) == ([Mark(0, 0)], [b"l"])
    client.close()
    state.close()


def test_a_redis_server_that_is_gone_is_an_error_until_it_is_back(tmp_path: Path) -> None:
    """Reading and writing say so at once; the same object works when the server does, with what it had kept."""
    kept = ("--appendonly", "yes", "--appendfsync", "always")
    with redis_server(tmp_path, *kept) as server:
        state = RedisState(f"{server.url}/0")
        assert state.apply({"g": (None, Mark(0, 0))}, [("g", "k", b"x")])
    for _ in range(2):
        with pytest.raises(StateUnavailable, match=rf"redis://127.0.0.1:{server.port}/0"):
            state.read(["g"], [("g", "k")])
        with pytest.raises(StateUnavailable, match="does not answer"):
            state.apply({"g": (Mark(0, 0), Mark(1, 1))}, [])
    with pytest.raises(StateUnavailable, match="does not answer"):
        RedisState(f"{server.url}/0")
    with redis_server(tmp_path, *kept, port=server.port):
        assert state.read(["g"], [("g", "k")]) == ([Mark(0, 0)], [b"x"])
        assert state.apply({"g": (Mark(0, 0), Mark(1, 1))}, [])
        state.close()


def test_kill_9_of_a_redis_server_that_keeps_everything_loses_nothing(tmp_path: Path) -> None:
    """The server is killed while a process applies: what comes back is one whole call, no older than those told."""
    code = """
import sys
from setpoint.backends.redis_state import RedisState
from setpoint.core.errors import StateUnavailable
from setpoint.core.ports import Mark
state = RedisState(sys.argv[1])
mark = state.marks().get("g")
try:
    while True:
        after = Mark(mark.position + 1 if mark else 0, 0)
        assert state.apply({"g": (mark, after)}, [("g", f"k{place}", b"%d" % after.position) for place in range(50)])
        print(after.position, flush=True)
        mark = after
except StateUnavailable:
    print("gone", flush=True)
"""
    kept = ("--appendonly", "yes", "--appendfsync", "always")
    asked = [("g", f"k{place}") for place in range(50)]
    told, port = -1, free_port()
    for _ in range(2):
        with redis_server(tmp_path, *kept, port=port) as server, child(code, f"{server.url}/0") as lines:
            told = [int(lines.readline()) for _ in range(20)][-1]
            server.process.kill()
            rest = lines.read().split()
        assert rest.pop() == "gone"
        told = max([told, *map(int, rest)])
        with redis_server(tmp_path, *kept, port=port) as server:
            state = RedisState(f"{server.url}/0")
            (mark,), blobs = state.read(["g"], asked)
            assert mark is not None
            assert told <= mark.position <= told + 1
            assert blobs == [b"%d" % mark.position] * 50
            state.close()


def test_a_redis_server_that_is_full_refuses_a_call_whole(tmp_path: Path) -> None:
    """Nothing of it is applied, and what was there can be read."""
    with redis_server(tmp_path, "--maxmemory-policy", "noeviction") as server:
        state = RedisState(f"{server.url}/0")
        client = Redis(port=server.port)
        assert state.apply({"g": (None, Mark(0, 0))}, [("g", "k", b"x")])
        client.config_set("maxmemory", 1)
        with pytest.raises(StateUnavailable, match="maxmemory"):
            state.apply({"g": (Mark(0, 0), Mark(1, 1))}, [("g", "k", b"new"), ("new", "k", b"new")])
        with pytest.raises(StateUnavailable, match="maxmemory"):
            state.apply({"g": (Mark(0, 0), Mark(1, 1))}, [("g", "k", b"new")])
        assert state.read(["g"], [("g", "k"), ("new", "k")]) == ([Mark(0, 0)], [b"x", None])
        assert not state.apply({"g": (None, Mark(0, 0))}, [])
        client.config_set("maxmemory", 0)
        assert state.apply({"g": (Mark(0, 0), Mark(1, 1))}, [("g", "k", b"new")])
        client.close()
        state.close()


def test_a_redis_server_with_a_password_is_opened_with_it_and_no_message_shows_it(tmp_path: Path) -> None:
    """User and password come from the URL; a wrong one is a setting to mend."""
    with redis_server(tmp_path, "--requirepass", "open sesame") as server:
        state = RedisState(f"redis://default:open%20sesame@127.0.0.1:{server.port}/0")
        assert state.apply({"g": (None, Mark(0, 0))}, [])
        state.close()
        with pytest.raises(SettingInvalid, match="cannot be used") as refused:
            RedisState(f"redis://default:shut%20sesame@127.0.0.1:{server.port}/0")
        assert "sesame" not in str(refused.value)
        with pytest.raises(SettingInvalid, match="Authentication"):
            RedisState(f"{server.url}/0")


def test_what_a_killed_process_left_of_a_forgotten_group_is_swept_away(redis: RedisServer) -> None:
    """The next one that forgets anything removes it, without counting it."""
    state = RedisState(f"{redis.url}/8?prefix=s:")
    client = Redis(port=redis.port, db=8)
    assert state.apply({"g": (None, Mark(0, 0))}, [("g", f"k{place}", b"x") for place in range(100)])
    number = client.get("s:=g").split()[0]
    with client.pipeline() as pipeline:  # what a call to forget does first
        pipeline.unlink("s:=g").srem("s:groups", "g").sadd("s:gone", number).execute()
    assert (state.read(["g"], [("g", "k1")]), list(state.keys("g")), state.marks()) == (([None], [None]), [], {})
    assert state.apply({"g": (None, Mark(1, 1))}, [("g", "k0", b"new")])
    assert state.read(["g"], [("g", "k0"), ("g", "k1")]) == ([Mark(1, 1)], [b"new", None])
    assert state.forget("other") == 0
    assert sorted(client.keys()) == [b"s:2:k0", b"s:=g", b"s:groups", b"s:numbers", b"s:version"]
    client.close()
    state.close()


def test_a_redis_state_that_was_closed_says_so(redis: RedisServer, tmp_path: Path) -> None:
    """Neither reading nor writing opens it again."""
    state = RedisState(f"{redis.url}/0?prefix={tmp_path}:")
    state.close()
    with pytest.raises(StateUnavailable, match="closed"):
        state.read(["g"], [])
    with pytest.raises(StateUnavailable, match="closed"):
        state.apply({"g": (None, Mark(0, 0))}, [])


@pytest.mark.parametrize(
    ("package", "store", "url"), [("lmdb", LmdbState, "lmdb:///x"), ("redis", RedisState, "redis://")]
)
def test_a_store_whose_package_is_missing_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, package: str, store: Callable[[str], object], url: str
) -> None:
    """The message has the exact line."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=rf"pip install 'setpoint\[{package}\]'"):
        store(url)
