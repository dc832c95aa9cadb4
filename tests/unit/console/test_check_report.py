"""The report of a check: what its document says stands in the page."""

from __future__ import annotations

import re
from pathlib import Path

from setpoint.console.charts_days import buckets
from setpoint.console.check_report import render_check, write_check
from setpoint.core.times import DAY
from setpoint.learn.bias_groups import GroupFacts
from setpoint.learn.bias_sources import BiasAudit, BiasFinding
from tests.unit.console.checked import checked


def words(html: str) -> str:
    """The text of a page, without its marks."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_every_part_is_told_in_words() -> None:
    """Sources, gaps, contracts with what was seen, missing values, and rules that were broken."""
    told = words(render_check(checked()))
    for sentence in (
        "The check did not pass.",
        "sales is 1 day old Ask who delivers it.",
        "Days without any row, between the first and the last: sales (2 days).",
        "In sales the same in every row: same.",
        "In sales equal in every row: shop = again.",
        "0 to 90",
        "one of a, b",
        "true in 75.0",
        "1 column with empty cells: sales.price (",
        "45 rows set aside: 44 open and 1 admitted.",
        "row 30: shop is odd",
        "told, row 1",
    ):
        assert sentence in told, sentence


def test_what_data_hold_is_text_and_never_markup() -> None:
    """Values of rows, and names, cannot become elements."""
    page = render_check(checked())
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<b>one</b>" not in page


def test_the_page_asks_nothing_of_a_network(tmp_path: Path) -> None:
    """No address, no file beside it; the same document gives the same bytes."""
    write_check(checked(), tmp_path / "a" / "one.html")
    write_check(checked(), tmp_path / "two.html")
    page = (tmp_path / "a" / "one.html").read_bytes()
    assert page == (tmp_path / "two.html").read_bytes()
    assert re.findall(rb"(?:src|href)=\"(?!#)[^\"]*", page) == []
    assert b"default-src &#x27;none&#x27;" in page


def test_examples_of_each_rule_are_few() -> None:
    """Three of each; the pictures count all of them."""
    page = render_check(checked())
    assert page.count("<td>not-allowed</td>") == 3
    assert "sales: not-allowed\n39 rows" in page


def test_a_system_without_anything_to_show_has_a_page() -> None:
    """Each part says why it is empty."""
    told = words(render_check({"system": "new", "at": "2026-03-02T10:00:00Z", "passed": True}))
    for sentence in ("Nothing to object", "The declaration has no source", "No row was ever set aside"):
        assert sentence in told


def test_spans_of_days_have_every_row() -> None:
    """However many they are; the last may be shorter."""
    days = [(day * DAY, day + 1) for day in range(100) if day % 7]
    for most in (1, 3, 48, 100, 1000):
        found = buckets(days, 0, 100 * DAY, most=most)
        assert len(found) <= most
        assert sum(each.count for each in found) == sum(count for _, count in days)
        assert (found[0].start, found[-1].end) == (0, 100 * DAY)


def test_groups_of_protected_attributes_have_a_picture() -> None:
    """Shares beside the margins, rates with intervals, what is missing, what is contested and what tells a group."""
    facts = [
        GroupFacts(
            "<i>f</i>", 300, 0.3, 0.5, 0.5, 280, (0.2, 0.15, 0.25), 90, (0.1, 0.05, 0.2), {"pay": 0.4}, {"job": 0.8}
        ),
        GroupFacts("m", 700, 0.7, 0.5, 0.5, 690, (0.4, 0.35, 0.45), 0, (None, None, None), {"pay": 0.1}, {"job": 0.8}),
    ]
    share = BiasFinding("sampling", "statistical", "share", "sex", "<i>f</i>", "", -0.2, 0.0, "30.0% of all", "Rake.")
    page = render_check({**checked(), "bias": BiasAudit((share,), {}, 40, 1000, {"sex": tuple(facts)}).to_dict()})
    told = words(page)
    for sentence in (
        "1 of 40 differences between groups of sex is beyond chance and large enough to matter, in 1,000 decisions.",
        "30.0% of all Rake.",
        "share of the population",
        "positive outcomes, of known labels",
        "items that annotators disagree on",
        "missing values of pay",
        "Features that tell who belongs to a group:",
        "m 700 70.0",
    ):
        assert sentence in told, sentence
    assert page.count('class="expected"') == 9
    assert "<i>f</i>" not in page
    assert "The goal protects no attribute" in words(render_check(checked()))
