"""A Redis server of our own for the length of a measurement."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def redis_server() -> Iterator[int | None]:
    """The port of a Redis server that keeps everything in memory; None where there is no redis-server."""
    program = shutil.which("redis-server")
    if program is None:
        yield None
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        words = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder]
        with subprocess.Popen([program, *words], stdout=subprocess.DEVNULL) as process:
            try:
                _wait(port)
                yield port
            finally:
                process.terminate()


def _wait(port: int) -> None:
    """Return when the server answers."""
    for _ in range(200):
        try:
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(b"PING\r\n")
                if client.recv(16).startswith(b"+PONG"):
                    return
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"redis-server does not answer at port {port}")
