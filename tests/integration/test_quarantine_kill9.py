"""kill -9 while rows of the quarantine are taken in: each is there once, with its lineage, or waits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.test_live_events import sum_seen
from tests.integration.test_quarantine_mended import WRONG, deliver, edit, records, run, shop, states

CHILD = """
import os, signal, sys
from pathlib import Path
from setpoint.backends.segments import FileSegments
from tests.integration.test_quarantine_mended import shop

folder, when, write = Path(sys.argv[1]), sys.argv[2], FileSegments.append

def die(self, record):
    if when == "after":
        write(self, record)
    os.kill(os.getpid(), signal.SIGKILL)

FileSegments.append = die
shop(folder)[0].fix(folder / "bad.csv", by="ada")
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_killed_command_is_finished_by_the_next(tmp_path: Path, when: str) -> None:
    """Whether it died before the log had the rows, or before it was written down that it has them."""
    deliver(tmp_path, *WRONG)
    live, _ = shop(tmp_path)
    run(live, tmp_path, "--export", str(tmp_path / "bad.csv"))
    edit(tmp_path / "bad.csv", w1={"amount": "5"}, w2={"amount": "6"})
    live.close()
    child = subprocess.run([sys.executable, "-c", CHILD, str(tmp_path), when], check=False, cwd=Path.cwd(), timeout=60)
    assert child.returncode == -9
    later, _ = shop(tmp_path, hours=1)
    assert len(later.fix(tmp_path / "bad.csv", by="ada")["admitted"]) == 2
    with later.session() as session:
        session.mend()
        assert sum_seen(later, session, "x") == 11.0
    assert states(later) == [("range", "admitted", "ada"), ("wrong-kind", "admitted", "ada")]
    assert records(later) == 1
