"""Every Python block of the documentation runs, the blocks of a page in order and sharing their names."""

from __future__ import annotations

from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

from tests.docs.pages import PAGES, ROOT

SYBIL = Sybil(parsers=[PythonCodeBlockParser()])
WITH_CODE = [page for page in PAGES if "```python" in page.read_text()]


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_examples_of_a_page_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader who types a page from top to bottom gets no error, and every assertion on it holds."""
    monkeypatch.chdir(tmp_path)
    examples = list(SYBIL.parse(page).examples())
    assert len(examples) == page.read_text().count("```python")
    for example in examples:
        example.evaluate()
