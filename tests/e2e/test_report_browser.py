"""The report in a real browser."""

from __future__ import annotations

import html
import re
import subprocess
from pathlib import Path

import pytest

from setpoint.console.report import render, write_report
from tests.e2e.browser import PROGRAM
from tests.unit.console.sample import empty, sample

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no chromium")

MEASURE = """
const frame = document.querySelector("iframe");
frame.addEventListener("load", () => {
  document.body.dataset.width = frame.contentDocument.documentElement.scrollWidth;
});
"""


def visit(page: Path, profile: Path) -> subprocess.CompletedProcess[str]:
    """The page's elements after its script has run (standard output), and what the browser complained about."""
    command = [
        str(PROGRAM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--enable-logging=stderr", "--v=0", "--virtual-time-budget=2000", f"--user-data-dir={profile}", "--dump-dom",
        page.as_uri(),
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)


def test_the_script_runs_and_nothing_is_complained_about(tmp_path: Path) -> None:
    """The page's own script passes its own policy: the tooltip is there, and the console is silent."""
    results = sample()
    results["importances"][0]["feature"] = "<script>document.title = 'taken over'</script>"
    write_report(results, tmp_path / "report.html")
    seen = visit(tmp_path / "report.html", tmp_path / "profile")
    assert '<div class="tip" role="tooltip" hidden=""></div>' in seen.stdout
    assert "<title>flights: replay report, 1 January 2013 to 31 December 2013, UTC</title>" in seen.stdout
    assert re.findall(r"CONSOLE.*", seen.stderr) == []


@pytest.mark.parametrize(("content", "width"), [("sample", 360), ("sample", 800), ("sample", 1280), ("empty", 360)])
def test_nothing_sticks_out_of_the_page(tmp_path: Path, content: str, width: int) -> None:
    """From a phone to a desk, the page never has to be scrolled sideways."""
    report = html.escape(render(sample() if content == "sample" else empty()))
    page = f'<body><iframe width="{width}" height="900" srcdoc="{report}"></iframe><script>{MEASURE}</script></body>'
    (tmp_path / "frame.html").write_text(f"<!doctype html>{page}", encoding="utf-8")
    seen = visit(tmp_path / "frame.html", tmp_path / "profile")
    (measured,) = re.findall(r'data-width="(\d+)"', seen.stdout)
    assert int(measured) <= width
