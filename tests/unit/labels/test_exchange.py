"""Items and votes to and from Label Studio and CSV."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from setpoint.core.errors import DataError
from setpoint.declare.hand import hand
from setpoint.labels.exchange import (
    label_config,
    read_csv,
    read_label_studio,
    write_csv,
    write_label_studio,
)
from setpoint.labels.items import Item
from setpoint.labels.votes import DECIDING, SKIP, Vote

ITEMS = [
    Item("a", {"words": 'say "hi",\nand <b>bye</b>', "total": 3}),
    Item("b", {"words": "ünïcödé"}),
    Item("c", {"words": "nobody voted"}),
]
VOTES = [
    Vote("a", "ann@x.org", "yes", 1_700_000_000_000_000, note="sure; really,\n2 lines", seconds=2.5),
    Vote("a", "ann@x.org", "no", 1_700_000_900_000_000, look=1),
    Vote("a", "bob", "no", 1_700_000_100_000_001),
    Vote("a", "cy", "yes", 1_700_001_000_000_000, look=DECIDING),
    Vote("b", "bob", None, 1_700_000_200_000_000, kind=SKIP),
]

DOCUMENTED = """[{"id": 1, "data": {"text": "To have faith is to trust yourself to the water"},
"annotations": [{"id": 1001, "completed_by": {"id": 5, "email": "ann@x.org", "first_name": "Ann"},
"result": [{"from_name": "sentiment", "to_name": "text", "type": "choices", "value": {"choices": ["Positive"]},
"id": "WRp1Sev1RO", "origin": "manual"}], "was_cancelled": false, "ground_truth": false,
"created_at": "2021-03-09T22:16:08.728353Z", "updated_at": "2021-03-09T22:16:08.728378Z", "lead_time": 4.288,
"prediction": {}, "result_count": 0, "task": 1},
{"id": 1002, "completed_by": 7, "result": [], "was_cancelled": true, "created_at": "2021-03-10T00:00:00Z"}],
"predictions": [], "meta": {}, "project": 1}]"""
"""A task as the manual of Label Studio shows its JSON export, with a second annotator who skipped it."""


def in_order(votes: list[Vote]) -> list[Vote]:
    """Votes in an order of their own."""
    return sorted(votes, key=lambda vote: (vote.item, vote.annotator, vote.look))


def test_label_studio_gives_back_what_it_was_given() -> None:
    """Items, choices, skips, notes, decisions, second looks, times and durations survive the way there and back."""
    items, votes = read_label_studio(write_label_studio(ITEMS, VOTES))
    assert items == ITEMS
    assert in_order(votes) == in_order(VOTES)


def test_csv_gives_back_what_it_was_given() -> None:
    """All of a vote survives; the fields of items come back as texts."""
    items, votes = read_csv(write_csv(ITEMS, VOTES))
    assert [item.key for item in items] == ["a", "b", "c"]
    assert items[0].fields == {"words": ITEMS[0].fields["words"], "total": "3"}
    assert in_order(votes) == in_order(VOTES)


def test_a_documented_export_of_label_studio_is_read() -> None:
    """Annotators given as objects or numbers, cancelled annotations and lead times are understood."""
    items, votes = read_label_studio(DOCUMENTED)
    assert items == [Item("1", {"text": "To have faith is to trust yourself to the water"})]
    assert [(vote.annotator, vote.value, vote.kind, vote.seconds) for vote in votes] == [
        ("ann@x.org", "Positive", "vote", 4.288),
        ("7", None, "skip", None),
    ]
    assert votes[0].at == 1_615_328_168_728_353


def test_completions_of_older_exports_are_read() -> None:
    """Before version 1 annotations were called completions, and their times counted seconds."""
    task = {
        "id": 3,
        "data": {},
        "completions": [
            {"created_at": 1600000000, "result": [{"type": "choices", "value": {"choices": ["yes"]}}]},
        ],
    }
    (vote,) = read_label_studio(json.dumps([task]))[1]
    assert (vote.item, vote.annotator, vote.value, vote.at) == ("3", "unknown", "yes", 1_600_000_000_000_000)


def test_the_interface_of_label_studio_has_our_names() -> None:
    """What is exported names the control tags of the configuration, and its choices are the classes."""
    config = ET.fromstring(label_config(hand(["yes", 'no & "never"']), ["words", "a<b"]))
    controls = {each.get("name") for each in config.iter() if each.get("toName")}
    shown = {each.get("name") for each in config.iter("Text")}
    tasks = json.loads(write_label_studio(ITEMS, VOTES))
    results = [part for task in tasks for one in task["annotations"] for part in one["result"]]
    assert {part["from_name"] for part in results} == controls
    assert {part["to_name"] for part in results} <= shown
    assert [each.get("value") for each in config.iter("Choice")] == ["yes", 'no & "never"']


def test_an_image_is_exported_as_a_data_url() -> None:
    """Label Studio shows it without asking anybody."""
    (task,) = json.loads(write_label_studio([Item("a", {"scan": b"GIF89a"})], []))
    assert task["data"]["scan"] == "data:image/gif;base64,R0lGODlh"


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "{}",
        "[[1]]",
        '[{"data": 3}]',
        '[{"data": {}, "annotations": [4]}]',
        '[{"data": {}, "annotations": [{"result": []}]}]',
        '[{"data": {}, "annotations": [{"result": [{"type": "choices", "value": {"choices": ["a", "b"]}}]}]}]',
        '[{"data": {}, "annotations": [{"was_cancelled": true, "created_at": "yesterday"}]}]',
    ],
)
def test_what_is_no_export_is_refused(text: str) -> None:
    """The error names the task."""
    with pytest.raises(DataError):
        read_label_studio(text)


@pytest.mark.parametrize(
    "text",
    ["words\nhi\n", "item,words\n,hi\n", "item,words\na,hi,more\n"]
    + [f"item,annotator,value,at,kind,look\na,ann,{cells}\n" for cells in ("yes,soon,,", "yes,,skip,", "yes,,,first")],
)
def test_a_csv_that_is_none_is_refused(text: str) -> None:
    """The error names the row."""
    with pytest.raises(DataError):
        read_csv(text)


def test_reading_is_a_pure_function_of_the_text() -> None:
    """Annotations in another order give the same votes."""
    tasks: list[dict[str, Any]] = json.loads(write_label_studio(ITEMS, VOTES))
    for task in tasks:
        task["annotations"].reverse()
    assert in_order(read_label_studio(json.dumps(tasks))[1]) == in_order(VOTES)
