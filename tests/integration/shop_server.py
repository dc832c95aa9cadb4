"""Serves the shop over HTTP from a folder: `python -m tests.integration.shop_server FOLDER [hang]`."""

from __future__ import annotations

import sys
from pathlib import Path

import setpoint as sp
from setpoint.api.app import App
from setpoint.api.server import serve_http
from setpoint.backends.segments import FileSegments
from setpoint.core.clock import SystemClock
from setpoint.serve.desk import Desk
from setpoint.serve.outcomes import Outcomes
from setpoint.serve.snapshot import Serving
from tests.unit.api.client import event_log
from tests.unit.serve.shop import Formula, ReadFeatures, Stuck, shop


def main(folder: Path, *, hang: bool) -> None:
    """Serve until told to end; the first line printed is the URL, the last one says that the logs are closed."""
    plan = shop(must=(sp.latency(p=99) <= "30ms",))
    log, told, events = (FileSegments(folder / name) for name in ("log", "told", "events"))
    desk = Desk(
        Serving(plan, Stuck() if hang else Formula()),
        features=ReadFeatures(plan),
        clock=SystemClock(),
        log=log,
        outcomes=Outcomes("shop", told),
        told=event_log(events, SystemClock()),
    )
    serve_http(
        App({"shop": desk}),
        host="127.0.0.1",
        port=0,
        announce=lambda url: print(url, flush=True),
        head_seconds=2.0,
    )
    desk.close()
    log.close()
    told.close()
    events.close()
    print("closed", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), hang="hang" in sys.argv)
