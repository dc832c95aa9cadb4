"""Serves label pages, each of a queue of its own, from a folder: `python -m tests.e2e.label_server FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from setpoint.api.app import App
from setpoint.api.label_page import label_routes
from setpoint.api.server import serve_http
from setpoint.backends.metadata import SqlMetadata
from setpoint.core.clock import SystemClock
from setpoint.declare.hand import Hand, hand
from setpoint.labels.items import Item
from setpoint.labels.queue import Queue

EVIL = "<script>document.title = 'taken over'</script><img src=x onerror=\"document.title = 'taken over'\">"

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000"
    "000c49444154789c63304e9b0900020201335687e2540000000049454e44ae426082"
)

GUIDELINES = f"# What is fraud\n\n- a **stolen** card\n- {EVIL}\n\nSee [the law](https://example.org/law)."


NAMES = tuple(f"shop{number}" for number in range(20))
"""The queues, of which each test takes one."""


def open_store(folder: Path) -> SqlMetadata:
    """The store in a folder."""
    return SqlMetadata(f"sqlite:///{folder / 'metadata.db'}")


def label_queue(name: str, store: SqlMetadata) -> Queue:
    """A queue that wants two votes of each item."""
    return Queue(name, declared(), store, clock=SystemClock())


def declared() -> Hand:
    """How these items are labelled."""
    return hand(["fraud", "fine", "unclear"], guidelines=GUIDELINES, votes=2, repeat=0.0)


def items() -> list[Item]:
    """Items with all that can be shown of one."""
    return [
        Item("a", {"words": EVIL, EVIL: 3, "scan": PNG, "letter": "Grüße\n<b>".encode(), "blob": b"\0\xff" * 9}),
        Item("b", {"total": 20.5, "member": None, "nested": {"x": [1, 2]}}, {"n_3d": 2.0}, score=0.75),
        Item(EVIL, {"words": "x" * 400}),
    ]


def main(folder: Path) -> None:
    """Serve until told to end; the first line printed is the URL."""
    store = open_store(folder)
    pages = {}
    for name in NAMES:
        queue = label_queue(name, store)
        queue.add(items())
        pages.update(label_routes(name, queue))
    serve_http(App({}, pages=pages), host="127.0.0.1", port=0, announce=lambda url: print(url, flush=True))
    store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
