"""What `import setpoint` and `setpoint --help` cost, measured in a fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {"numpy", "pandas", "pyarrow", "duckdb", "sklearn", "lightgbm", "scipy", "sqlalchemy", "msgspec"}
LEARNERS = {"pandas", "sklearn", "lightgbm", "scipy", "duckdb"}

PROBE = """
import json, sys, time
before = time.process_time()
import {module}
print(json.dumps([time.process_time() - before, sorted({{name.split(".")[0] for name in sys.modules}})]))
"""


def cost(module: str) -> tuple[float, set[str]]:
    """CPU seconds of one import in a fresh interpreter, and the top-level packages loaded after it."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(module=module)], capture_output=True, text=True, check=True
    )
    seconds, loaded = json.loads(done.stdout)
    return seconds, set(loaded)


def test_importing_setpoint_costs_little_and_loads_nothing_heavy() -> None:
    """A quarter of a CPU second at most, and no engine, store or learner."""
    runs = [cost("setpoint") for _ in range(3)]
    assert runs[0][1] & HEAVY == set()
    assert min(seconds for seconds, _ in runs) <= 0.25


@pytest.mark.parametrize("module", ["setpoint.cli.main"])
def test_a_command_line_starts_without_the_learners(module: str) -> None:
    """`setpoint --help` waits for no learner and no statistics package."""
    assert cost(module)[1] & LEARNERS == set()
