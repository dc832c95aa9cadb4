from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from setpoint.console.report import SECTIONS, render, write_report
from setpoint.core.times import DAY, WEEK, iso, time
from tests.unit.console.parsed import Page
from tests.unit.console.sample import empty, sample

HOSTILE = "<script>alert(1)</script>\"'&</svg></style><img src=x onerror=alert(2)>"
TIMES = re.compile(r"\d{4}-\d\d(-\d\d(T[\d:.]+Z)?)?$")
ALLOWED = {
    "a", "body", "caption", "circle", "code", "dd", "desc", "details", "div", "dl", "dt", "figure", "g", "h1", "h2",
    "head", "header", "html", "li", "main", "meta", "nav", "ol", "p", "path", "rect", "script", "section", "span",
    "style", "summary", "svg", "table", "tbody", "td", "text", "th", "thead", "title", "tr", "ul",
}  # fmt: skip


def hostile(value: Any, key: str = "") -> Any:
    """The document with every name and sentence replaced by an attack; words with a meaning are kept."""
    if isinstance(value, dict):
        return {name: hostile(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [hostile(each, key) for each in value]
    kept = key in ("act", "verdict", "severity", "gate") or not isinstance(value, str) or TIMES.match(value)
    return value if kept else HOSTILE


def section_of(html: str, name: str) -> str:
    """The text of one section, as a reader sees it."""
    found = re.search(rf'<section id="{name}".*?</section>', html, re.DOTALL)
    assert found is not None
    return Page(found[0]).text


def changed(change: Callable[[dict[str, Any]], object]) -> str:
    """The report of the sample after a change."""
    results = sample()
    change(results)
    return render(results)


def test_the_file_is_whole_and_small(tmp_path: Path) -> None:
    """One file, under 1.5 MB, in a folder that is made on the way."""
    write_report(sample(), tmp_path / "deep" / "report.html")
    assert [file.name for file in tmp_path.rglob("*.*")] == ["report.html"]
    assert (tmp_path / "deep" / "report.html").stat().st_size < 400_000


def test_the_same_document_gives_the_same_bytes() -> None:
    """Nothing in a report depends on when, where or how often it is written, nor does it change its document."""
    results = sample()
    before = json.dumps(results)
    assert render(results) == render(sample())
    assert json.dumps(results) == before


@pytest.mark.parametrize("results", [sample(), empty(), hostile(sample())], ids=["sample", "empty", "hostile"])
def test_the_page_is_well_formed(results: dict[str, Any]) -> None:
    """Every element is closed, every id unique, every reference kept, and no element is one we do not use."""
    page = Page(render(results))
    ids = page.values("id")
    assert page.unclosed == []
    assert set(page.tags) <= ALLOWED
    assert len(ids) == len(set(ids))
    references = [*page.values("aria-labelledby"), *page.values("aria-describedby")]
    assert set(references + [href[1:] for href in page.values("href")]) <= set(ids)


def test_nothing_is_asked_of_the_network() -> None:
    """No address, no import, no font; and the page forbids itself to ask."""
    html = render(sample())
    assert re.findall(r"https?:|//[a-z]|@import|url\(|src=", html) == []
    assert Page(html).values("content")[0].startswith("default-src 'none';")


def test_names_from_the_data_are_text_and_nothing_else() -> None:
    """A feature, a model or a reason that looks like a script is shown, not run."""
    html = render(hostile(sample()))
    page = Page(html)
    assert page.tags["script"] == 1
    assert page.tags["img"] == 0
    assert [name for _, attrs in page.elements for name in attrs if name.startswith("on")] == []
    assert "<script>alert(1)</script>" in section_of(html, "importances")


def test_a_lone_surrogate_does_not_break_the_file(tmp_path: Path) -> None:
    """Text that UTF-8 cannot hold is written as its number."""
    results = sample()
    results["system"] = "odd\ud800"
    write_report(results, tmp_path / "report.html")
    assert "odd\\ud800" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("make", SECTIONS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("gone", ["empty", "none", "absent"])
def test_a_part_that_is_missing_says_why(make: Callable[[dict[str, Any]], Any], gone: str) -> None:
    """A section never vanishes: without data it gives its reason."""
    results = empty()
    about = {name: results[name] for name in ("system", "start", "end")}
    if gone == "none":
        results = {**dict.fromkeys(results), **about}
    elif gone == "absent":
        results = about
    section = make(results)
    html = section.html()
    assert section.empty
    assert len(section.lead) > 20
    assert section.lead in Page(html).text


def leaves(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where the numbers of a document stand; one row of each list is enough."""
    if isinstance(value, dict):
        return [found for name, each in value.items() for found in leaves(each, (*at, name))]
    if isinstance(value, list):
        return leaves(value[-1], (*at, -1)) if value else []
    return [at] if isinstance(value, (int, float)) else []


@pytest.mark.parametrize("at", leaves(sample()), ids=lambda at: ".".join(map(str, at)))
@pytest.mark.parametrize("how", ["none", "absent"])
def test_any_number_may_be_unknown(at: tuple[Any, ...], how: str) -> None:
    """A value that is None, or not there at all, costs a dash or a dot, never the report."""
    results = {name: part[-3:] if isinstance(part, list) else part for name, part in sample().items()}
    part: Any = results
    for step in at[:-1]:
        part = part[step]
    if how == "none":
        part[at[-1]] = None
    else:
        del part[at[-1]]
    page = Page(render(results))
    assert page.unclosed == []
    assert not re.search(r"\b(None|nan)\b", page.text + " ".join(page.values("data-tip")))


def test_every_section_stands_in_the_contents() -> None:
    """The navigation leads to each section, in order."""
    page = Page(render(sample()))
    sections = [attrs["id"] for tag, attrs in page.elements if tag == "section"]
    links = [href[1:] for href in page.values("href") if href != "#report"]
    assert links == sections
    assert len(sections) == len(SECTIONS)


def test_pictures_and_tables_speak() -> None:
    """Each picture has a title and a description, each table a caption and headed columns and rows."""
    page = Page(render(sample()))
    pictures = [attrs for tag, attrs in page.elements if tag == "svg" and not attrs.get("aria-hidden")]
    assert len(pictures) == page.tags["desc"] > 8
    assert all(attrs["role"] == "img" for attrs in pictures)
    assert page.tags["caption"] == page.tags["table"]
    assert {attrs.get("scope") for tag, attrs in page.elements if tag == "th"} == {"col", "row"}


def test_the_tiles_hold_the_summary() -> None:
    """What counts stands at the top, with what to compare it to."""
    text = Page(render(sample())).text
    for words in (
        "AUC, live 0.738 first model left alone 0.704 (−0.034)",
        "AUC, split by time 0.739 a random split would claim 0.793 (+0.054)",
        "Calibration error (ECE) 0.013 on held-out time 0.011 (0.008–0.017)",
        "Value per 1,000 decisions 1,873 minutes of delay warned of, net of false warnings",
        "Decisions 336,776 Labels matured 327,346 Void 9,430 2.8 %",
        "Online/offline differences 0 in 141,456 values",
    ):
        assert words in text


def test_quality_says_what_retraining_was_worth() -> None:
    """The sentence names the month of the widest gap, from the document."""
    text = section_of(render(sample()), "quality")
    assert "Retraining was worth most in July: an AUC of 0.757 live against 0.705" in text
    assert "missing in 8 weeks" in text


def test_quality_says_what_the_first_model_lost() -> None:
    """Where the first model fell and the retrained ones did not, that is the story."""

    def fall(results: dict[str, Any]) -> None:
        results["months"][1]["auc_frozen"] = 0.755

    text = section_of(changed(fall), "quality")
    assert "lost 0.050 of AUC from February to July; the retrained ones did not: 0.757 live against 0.705." in text


def test_quality_says_so_when_retraining_made_no_difference() -> None:
    """A report does not praise what did not help."""

    def level(results: dict[str, Any]) -> None:
        for month in results["months"]:
            month["auc_frozen"] = month["auc"]

    assert "Retraining made no difference worth the name" in section_of(changed(level), "quality")


def test_quality_without_a_first_model_says_how_far_the_weeks_ran() -> None:
    """Nothing is compared with what is not there."""

    def alone(results: dict[str, Any]) -> None:
        for row in (*results["months"], *results["weeks"]):
            row["auc_frozen"] = None

    text = section_of(changed(alone), "quality")
    assert text.startswith("Quality over time The weekly AUC of live decisions ran between 0.683 (week of 4 Feb 2013)")
    assert "never retrained" not in text


def test_months_without_quality_keep_their_row() -> None:
    """A month that could not be judged shows dashes, not nothing."""
    text = section_of(render(sample()), "months")
    assert text.startswith("Month by month 12 months, 11 of them with enough settled labels to judge quality.")
    assert re.search(r"January 2013 22\.5 % – – –", text)


def test_slices_name_the_weakest_and_those_surely_below() -> None:
    """The worst slice is marked; one whose interval lies below all decisions is named."""

    def plant(results: dict[str, Any]) -> None:
        results["slices"] = [
            {"slice": "origin", "value": "EWR", "n": 10, "auc": 0.60, "low": 0.5, "high": 0.8, "base_rate": 0.2},
            {"slice": "origin", "value": "JFK", "n": 9000, "auc": 0.70, "low": 0.69, "high": 0.71, "base_rate": 0.2},
            {"slice": "origin", "value": "LGA", "n": 9000, "auc": 0.75, "low": 0.74, "high": 0.76, "base_rate": 0.2},
        ]

    html = changed(plant)
    text = section_of(html, "slices")
    assert "Ranking is weakest for origin EWR (AUC 0.600, 0.500–0.800) and strongest for origin LGA (0.750)." in text
    assert "Wholly below the 0.738 of all decisions lies origin JFK." in text
    assert html.count('<g class="hit" data-tip="origin EWR') == 1
    inside = html.split('id="slices"')[1].split("</section>")[0]
    assert inside.count('class="whisker worst"') == 2  # the legend and the one slice


def test_calibration_names_where_scores_are_farthest_off() -> None:
    """The worst bin is said in words."""
    text = section_of(render(sample()), "calibration")
    assert re.search(r"Scores agree with what happened in \d+ of 15 bins; they are farthest off at a score of", text)


def test_maturity_says_how_long_labels_take() -> None:
    """Half, nearly all, all: each with its age."""
    text = section_of(render(sample()), "maturity")
    assert "Half of the labels are settled within 5 hours, 95 % within 12 hours and 100 % within 2 days." in text


def test_maturity_says_how_long_the_feedback_loop_is() -> None:
    """With the interval of its middle, where positives were watched to the end; else nothing is said of it."""
    hour = 3_600_000_000
    known = [
        {"share": 0.5, "age": 5 * hour, "low": 4 * hour, "high": 6 * hour},
        {"share": 0.95, "age": 72 * hour, "low": None, "high": None},
    ]
    loop = {"of": "positives", "usable_after": {"": 96 * hour}, "segments": {}, "all": {"known_by": known}}
    text = section_of(render({**sample(), "feedback_loop": loop}), "maturity")
    assert "half of the positives are known after 5 hours (95 % interval 4 hours to 6 hours)" in text
    assert "95 % after 3 days." in text
    assert "feedback loop" not in section_of(
        render({**sample(), "feedback_loop": {**loop, "all": {"known_by": []}}}), "maturity"
    )


def test_business_says_the_unit_and_the_losses() -> None:
    """The best and the worst month, and how often acting did harm."""
    text = section_of(render(sample()), "business")
    assert "the worst. In 1 month acting did more harm than good." in text
    assert "In minutes of delay warned of, net of false warnings, per 1,000 decisions" in text


def test_alarms_count_faults_and_name_the_commonest_cause() -> None:
    """Incidents by severity, level and cause, in a sentence."""

    def plant(results: dict[str, Any]) -> None:
        base = {"opened": "2013-02-01T00:00:00Z", "last": "2013-02-03T00:00:00Z", "next_step": "look", "findings": 1}
        results["incidents"] = [
            {**base, "severity": "page", "level": "input", "subjects": [""], "cause": "weather"},
            {**base, "severity": "digest", "level": "input", "subjects": ["temp", "dewp"], "cause": "weather"},
            {**base, "severity": "digest", "level": "label", "subjects": ["auc"], "cause": "world"},
        ]

    text = section_of(changed(plant), "alarms")
    assert "3 incidents, 1 of them a fault to look at now; most, 2, on the input level." in text
    assert "Suspected cause of 2 of them: weather." in text
    assert "temp and dewp" in text
    assert "all rows" in text


def test_models_show_verdict_and_reasons() -> None:
    """A refused model stands there with its reason, and who decides at the end is named."""
    text = section_of(render(sample()), "models")
    assert "11 models trained; 10 passed the gate, 9 came to decide." in text
    assert "✗ refused ece() <= 0.1 lacks evidence: 0.09 with the bound 0.112" in text


def test_gates_show_each_guardrail_with_its_bound() -> None:
    """Value, bound and verdict of every guardrail, times in milliseconds."""
    text = section_of(render(sample()), "gates")
    assert "44 guardrails in all: 32 hold, 11 are only reported and 1 lacks evidence." in text
    assert "latency(99) <= 50ms ○ reported 2.14 ms –" in text
    assert "ece() <= 0.1 ? not enough evidence 0.09 0.112" in text


def test_differences_between_online_and_offline_are_not_hidden() -> None:
    """A fault in the online path is told in words, at the top and in its section."""

    def differ(results: dict[str, Any]) -> None:
        results["parity"]["mismatches"] = results["summary"]["online_offline_mismatches"] = 12

    html = changed(differ)
    assert "✗ Values differ between online and offline" in section_of(html, "parity")
    assert 'class="figure bad">12<' in html


def test_time_outside_the_steps_is_shown() -> None:
    """What the steps do not account for is a bar of its own."""

    def more(results: dict[str, Any]) -> None:
        results["summary"]["cpu_seconds"] = 120.0

    text = section_of(changed(more), "cpu")
    assert "120 CPU seconds in all; the step that took most is train, with 34 %." in text
    assert "everything else 21.4 s" in text


def test_the_audit_trail_has_every_act() -> None:
    """When, what, whom and why, folded until asked for."""
    results = sample()
    text = section_of(render(results), "audit")
    assert text.startswith(f"Audit trail {len(results['acts'])} acts: 11\u00a0judgements".replace("\u00a0", " "))
    assert all(act["reason"] in text for act in results["acts"])


def test_a_long_life_still_fits() -> None:
    """Ten years with thousands of acts and incidents stay under 1.5 MB, and what is left out is said."""
    results = sample()
    results["end"] = "2023-01-01T00:00:00Z"
    results["weeks"] = [
        {**results["weeks"][10 + index % 9], "week": iso(time("2013-01-07") + index * WEEK)[:10]}
        for index in range(520)
    ]
    results["months"] = [
        {**copy.copy(results["months"][1 + index % 11]), "month": f"{2013 + index // 12}-{1 + index % 12:02d}"}
        for index in range(120)
    ]
    for name, count in (("acts", 5000), ("incidents", 3000), ("models", 400), ("gates", 400), ("slices", 900)):
        results[name] = [results[name][index % len(results[name])] for index in range(count)]
    html = render(results)
    assert len(html.encode()) < 1_500_000
    assert "The first 4,000 of 5,000 acts are left out here" in html
    assert "more than there is room for" in html
    assert "Too many to be drawn: what was promoted, rejected and trained." in html


def test_a_short_life_reads_as_well() -> None:
    """Two weeks: ticks by the day, one month, no model."""
    results = sample()
    results["end"] = iso(time(results["start"]) + 14 * DAY)
    for name in ("acts", "models", "gates", "incidents", "importances", "slices"):
        results[name] = []
    results["weeks"], results["months"] = results["weeks"][5:7], results["months"][:1]
    for index, week in enumerate(results["weeks"]):
        week["week"] = iso(time(results["start"]) + index * WEEK)[:10]
    html = render(results)
    assert "1 January 2013 to 14 January 2013, UTC" in html
    assert ">8 Jan<" in html
    assert "nan" not in Page(html).text
