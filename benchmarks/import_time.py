"""What an import costs, in CPU seconds of a fresh interpreter, and which heavy packages it loads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from common import Row, main, peer_python

HEAVY = ("numpy", "pandas", "pyarrow", "duckdb", "sklearn", "lightgbm", "scipy", "sqlalchemy", "msgspec")
PEERS = ("mlflow", "feast")

PROBE = """
import json, sys, time
before = time.process_time()
import {module}
print(json.dumps([time.process_time() - before, sorted({{name.split(".")[0] for name in sys.modules}})]))
"""


def probe(python: Path, module: str, *, runs: int) -> tuple[float, set[str]]:
    """The least CPU seconds that importing a module took, and the top-level packages loaded after it."""
    costs, loaded = [], set()
    for _ in range(runs):
        done = subprocess.run(
            [python, "-W", "ignore", "-c", PROBE.format(module=module)], capture_output=True, text=True, check=True
        )
        seconds, names = json.loads(done.stdout.splitlines()[-1])
        costs.append(seconds)
        loaded = set(names)
    return min(costs), loaded


def measure(*, quick: bool) -> list[Row]:
    """`import setpoint` against the imports of what it replaces; the same size in both forms."""
    runs = 2 if quick else 10
    ours, loaded = probe(Path(sys.executable), "setpoint", runs=runs)
    peers: dict[str, float | None] = {}
    for name in PEERS:
        python = peer_python(name)
        peers[name] = None if python is None else probe(python, name, runs=runs)[0]
    heavy = sorted(loaded & set(HEAVY))
    return [
        Row("import", ours, "CPU s", f"best of {runs} fresh interpreters", peers, most=0.25),
        Row("heavy packages loaded", len(heavy), "", ", ".join(heavy) or f"none of {', '.join(HEAVY)}", most=0),
    ]


if __name__ == "__main__":
    main(__doc__ or "", measure)
