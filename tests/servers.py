"""Servers that tests talk to: started on a free port of this machine, ended with the test session."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

WITHOUT_REDIS = "SETPOINT_TEST_WITHOUT_REDIS"


@dataclass(frozen=True)
class RedisServer:
    """A running server: its process, its TCP port, the path of its socket."""

    process: subprocess.Popen[str]
    port: int
    socket: Path

    @property
    def url(self) -> str:
        """Its address without a database: `redis://127.0.0.1:port`."""
        return f"redis://127.0.0.1:{self.port}"


@contextmanager
def redis_server(folder: Path, *options: str, port: int | None = None) -> Iterator[RedisServer]:
    """A Redis server with its files in a folder and nothing kept on disk unless the options say so; killed at the end.

    A machine without the binary fails the test, or skips it where SETPOINT_TEST_WITHOUT_REDIS is set.
    """
    binary = shutil.which("redis-server")
    if binary is None:
        if os.environ.get(WITHOUT_REDIS):
            pytest.skip(f"redis-server is missing and {WITHOUT_REDIS} is set")
        pytest.fail(
            f"redis-server is missing: apt-get install redis-server, or leave its tests out with {WITHOUT_REDIS}=1",
            pytrace=False,
        )
    chosen = port or free_port()
    path = folder / "redis.sock"
    command: list[Any] = [binary, "--port", chosen, "--bind", "127.0.0.1", "--unixsocket", path, "--dir", folder]
    command += ["--save", "", "--appendonly", "no", *options]
    with subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            log = []
            for line in process.stdout:
                log.append(line)
                if "eady to accept connections" in line:
                    break
            else:
                raise RuntimeError("redis-server did not start:\n" + "".join(log))
            yield RedisServer(process, chosen, path)
        finally:
            process.kill()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
