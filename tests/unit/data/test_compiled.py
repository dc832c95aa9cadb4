"""Compiled functions: what is kept on disk is what would be compiled now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CALLEE = """
from setpoint.data.compiled import compiled

@compiled
def step(number):
    return number + {step}
"""
CALLER = """
from setpoint.data.compiled import compiled
from callee import step

@compiled
def twice(number):
    return step(step(number))
"""


def _answer(folder: Path) -> int:
    asked = "from caller import twice; print(twice(10))"
    found = subprocess.run([sys.executable, "-c", asked], cwd=folder, capture_output=True, text=True, check=True)
    return int(found.stdout)


def test_a_changed_callee_is_seen_by_functions_of_other_files(tmp_path: Path) -> None:
    """Machine code on disk holds the functions that it calls: it is not used once one of them has changed."""
    (tmp_path / "callee.py").write_text(CALLEE.format(step=1))
    (tmp_path / "caller.py").write_text(CALLER)
    assert _answer(tmp_path) == 12
    kept = sorted(path.name for path in (tmp_path / "__pycache__").glob("caller.twice*.nbc"))
    assert kept
    assert _answer(tmp_path) == 12
    (tmp_path / "callee.py").write_text(CALLEE.format(step=5))
    assert _answer(tmp_path) == 20
