"""The pages of the documentation, read as headings and sections."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "AGENTS.md", *sorted(DOCS.rglob("*.md"))]


def sections(page: str) -> dict[str, str]:
    """The text under each heading of a page; the words of a heading stand without its code marks."""
    found: dict[str, str] = {}
    heading, fenced = "", False
    for line in (DOCS / page).read_text().splitlines():
        fenced ^= line.startswith("```")
        match = None if fenced else re.fullmatch(r"#+ (.+)", line)
        if match:
            heading = match[1].replace("`", "").strip()
        found[heading] = found.get(heading, "") + ("" if match else line + "\n")
    return found
