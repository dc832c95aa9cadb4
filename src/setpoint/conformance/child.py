"""A Python child process that the kits kill -9 in the middle of its work."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def child(code: str, *arguments: str | Path) -> Iterator[IO[str]]:
    """The lines that a fresh interpreter running `code` prints; it is killed with SIGKILL at the end.

    >>> with child("import sys; print('hello', sys.argv[1])", "you") as lines:
    ...     lines.readline().strip()
    'hello you'
    """
    command = [sys.executable, "-c", code, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 the kits' own code
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            process.kill()
