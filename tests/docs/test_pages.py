"""The pages of docs/ against what they describe: metrics, ports, links, changelog fragments."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from setpoint.core import ports
from setpoint.declare.goal import RANGES
from tests.docs.pages import DOCS, PAGES, ROOT, sections


def test_every_metric_is_explained_and_no_other() -> None:
    """docs/metrics.md has a heading for each metric of the language, and for the gap between groups."""
    explained = {heading for heading in sections("metrics.md") if re.fullmatch(r"[a-z_0-9]+", heading)}
    assert explained == {*RANGES, "gap"}


def test_every_port_is_explained_and_no_other() -> None:
    """docs/ports.md has a heading for each port."""
    protocols = {
        name
        for name, value in inspect.getmembers(ports, inspect.isclass)
        if value.__module__ == ports.__name__ and getattr(value, "_is_protocol", False)
    }
    assert {heading for heading in sections("ports.md") if heading not in ("", "Ports")} == protocols


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    """A page links only to files that exist."""
    targets = re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_decision_on_the_design_has_its_four_parts_and_is_listed() -> None:
    """An ADR says context, decision, consequences and alternatives, on one page that the index names."""
    index = (DOCS / "adr" / "README.md").read_text()
    for page in sorted((DOCS / "adr").glob("0*.md")):
        headings = re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences", "Alternatives"], page.name
        assert f"({page.name})" in index
        assert len(page.read_text().split()) < 600


def test_every_changelog_fragment_has_a_kind_and_words() -> None:
    """A fragment is named slug.kind.md and says something."""
    for fragment in (ROOT / "changelog.d").iterdir():
        if fragment.name != "README.md":
            assert re.fullmatch(r"[a-z0-9-]+\.(added|changed|fixed|removed)\.md", fragment.name)
            assert len(fragment.read_text().split()) >= 5
