"""A server in a process of its own, for tests that speak real HTTP to it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]


class Server:
    """A running server: its URL and its process."""

    def __init__(self, folder: Path, *words: str) -> None:
        command = [sys.executable, "-m", "tests.integration.shop_server", str(folder), *words]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            raise AssertionError(self.process.communicate()[1])
        self.client = httpx.Client(base_url=self.url, timeout=20)

    @property
    def port(self) -> int:
        """The port it took."""
        return int(self.url.rpartition(":")[2])

    def post(self, name: str, body: Any) -> httpx.Response:
        """The answer to a request of the shop."""
        return self.client.post(f"/v1/shop/{name}", json=body)

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.process.kill()
        self.process.communicate()

    def stop(self) -> tuple[int, str, str]:
        """End it with SIGTERM; its status and what it said."""
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.kill()


@contextmanager
def served(folder: Path, *words: str) -> Iterator[Server]:
    """A server of the shop whose logs are in a folder; killed at the end if it still runs."""
    with Server(folder, *words) as server:
        yield server
