"""Items and votes from other tools and for them: the JSON of Label Studio, and CSV."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from xml.sax.saxutils import quoteattr

from setpoint.core import times
from setpoint.core.errors import DataError
from setpoint.core.ids import derived
from setpoint.declare.hand import Hand
from setpoint.labels.items import Item
from setpoint.labels.votes import DECIDING, SKIP, VOTE, Vote

FORMATS = ("label-studio", "csv")

COLUMNS = ("item", "annotator", "value", "kind", "at", "version", "look", "note", "seconds")
"""The columns of a vote in CSV; the fields of its item follow, with a prefix."""

CONTROL, NOTE, SHOWN = "label", "note", "shown"
"""The names of our control tags in Label Studio, and of what they are about."""

FIELD, ITEM = "field.", "setpoint_item"
"""The prefix of the item's fields in CSV, and where a Label Studio task keeps the key of its item."""


def write_label_studio(items: Iterable[Item], votes: Iterable[Vote]) -> str:
    """Tasks of Label Studio with an annotation for each vote, as JSON that it imports.

    A vote is a choice, a skip an annotation that was cancelled, a decision the ground truth, a note a text area.

    >>> tasks = json.loads(write_label_studio([Item("a", {"words": "hi"})], [Vote("a", "ann", "yes", 0)]))
    >>> tasks[0]["annotations"][0]["result"][0]["value"]
    {'choices': ['yes']}
    """
    given = defaultdict(list)
    for vote in votes:
        given[vote.item].append(vote)
    tasks = []
    for number, item in enumerate(items, start=1):
        body = item.to_dict()
        own = sorted(given[item.key], key=lambda vote: (vote.annotator, vote.look, vote.at))
        tasks.append(
            {
                "id": number,
                "data": {**{name: _shown(value) for name, value in body["fields"].items()}, ITEM: item.key},
                "annotations": [_annotation(vote, place) for place, vote in enumerate(own, start=1)],
                "predictions": [],
            }
        )
    return json.dumps(tasks, ensure_ascii=False, indent=1) + "\n"


def read_label_studio(text: str) -> tuple[list[Item], list[Vote]]:
    """The items and votes of an export of Label Studio (JSON), newer ones with annotations, older with completions.

    An annotation that was cancelled is a skip, one that is the ground truth a decision, further ones of the same
    annotator are further looks. Raises DataError for what is no such export, with the task that is wrong.

    >>> choice = {"type": "choices", "value": {"choices": ["yes"]}}
    >>> tasks = [{"id": 7, "data": {"words": "hi"}, "completions": [{"result": [choice], "completed_by": 3}]}]
    >>> [(vote.item, vote.annotator, vote.value) for vote in read_label_studio(json.dumps(tasks))[1]]
    [('7', '3', 'yes')]
    """
    try:
        tasks = json.loads(text)
        json.dumps(tasks, ensure_ascii=False).encode()  # half a character, as "\\ud800" is, is no text
    except (ValueError, RecursionError) as error:
        raise DataError(f"The file is no JSON ({error}).", expected="an export of Label Studio as JSON") from error
    if not isinstance(tasks, list):
        raise DataError(f"The file holds {type(tasks).__name__}.", expected="a list of tasks, as JSON exports have")
    items, votes = [], []
    for number, task in enumerate(tasks, start=1):
        if not isinstance(task, Mapping) or not isinstance(task.get("data"), Mapping):
            raise DataError(f"Task {number} has no data.", expected='an object with "data" and "annotations"')
        data = dict(task["data"])
        key = str(data.pop(ITEM, task.get("id", number)))
        items.append(Item(key, data))
        said = task.get("annotations", task.get("completions")) or []
        if not isinstance(said, list) or not all(isinstance(one, Mapping) for one in said):
            raise DataError(f"The annotations of task {number} are {said!r:.80}.", expected="a list of objects")
        looks: dict[str, int] = defaultdict(int)
        given = [(_vote(key, one, number), one) for one in said]
        for vote, one in sorted(given, key=lambda pair: (pair[0].at, _number(pair[1].get("id")))):
            decides = bool(one.get("ground_truth")) and vote.kind == VOTE
            look = DECIDING if decides else looks[vote.annotator]
            looks[vote.annotator] += not decides
            votes.append(replace(vote, look=look))
    return items, votes


def label_config(hand: Hand, fields: Sequence[str]) -> str:
    """The labelling interface of Label Studio for the same classes and fields, as its XML.

    >>> from setpoint.declare.hand import hand
    >>> label_config(hand(["yes", "no"]), ["words"]).splitlines()[1]
    '  <Text name="shown" value="$words"/>'
    """
    shown = [
        f'  <Text name="{SHOWN if place == 0 else f"{SHOWN}{place}"}" value={quoteattr(f"${name}")}/>'
        for place, name in enumerate(fields or [ITEM])
    ]
    choices = [
        f"    <Choice value={quoteattr(name)}" + (f' hotkey="{key}"' if key < 10 else "") + "/>"
        for key, name in enumerate(hand.classes, start=1)
    ]
    lines = [
        "<View>",
        *shown,
        f'  <Choices name="{CONTROL}" toName="{SHOWN}" choice="single" required="true">',
        *choices,
        "  </Choices>",
        f'  <TextArea name="{NOTE}" toName="{SHOWN}"/>',
        "</View>",
    ]
    return "\n".join(lines) + "\n"


def write_csv(items: Iterable[Item], votes: Iterable[Vote]) -> str:
    """Votes as CSV, each with the fields of its item; items without a vote have a row of their own.

    >>> print(write_csv([Item("a", {"total": 3})], [Vote("a", "ann", "yes", 0)]).splitlines()[1])
    a,ann,yes,vote,1970-01-01T00:00:00Z,1,0,,,3
    """
    shown, given = list(items), defaultdict(list)
    for vote in votes:
        given[vote.item].append(vote)
    fields = list(dict.fromkeys(name for item in shown for name in item.fields))
    text = io.StringIO(newline="")
    lines = csv.writer(text)
    lines.writerow([*COLUMNS, *[FIELD + name for name in fields]])
    for item in shown:
        body = item.to_dict()["fields"]
        own = [_cell(body.get(name)) for name in fields]
        for vote in given[item.key]:
            said = {**vote.to_dict(), "at": times.iso(vote.at)}
            lines.writerow([*["" if said[name] is None else said[name] for name in COLUMNS], *own])
        if not given[item.key]:
            lines.writerow([item.key, *[""] * (len(COLUMNS) - 1), *own])
    return text.getvalue()


def read_csv(text: str) -> tuple[list[Item], list[Vote]]:
    r"""The items and votes of a CSV with a column `item`, and where there are votes `annotator`, `value` and `at`.

    A row without an annotator is an item only. Columns that are none of a vote's are fields of the item. Raises
    DataError for a row that is neither, with its number.

    >>> [item.fields for item in read_csv("item,words\na,hi\n")[0]]
    [{'words': 'hi'}]
    """
    rows = csv.DictReader(io.StringIO(text, newline=""), restkey="")
    if "item" not in (rows.fieldnames or []):
        raise DataError("The CSV has no column 'item'.", expected="a column that names each row's item")
    items: dict[str, Item] = {}
    votes = []
    for number, row in enumerate(rows, start=1):
        if not row["item"] or "" in row:
            raise DataError(f"Row {number} of the CSV has no item, or too many cells.", expected="a key in 'item'")
        fields = {name.removeprefix(FIELD): value for name, value in row.items() if name not in COLUMNS and value}
        items.setdefault(row["item"], Item(row["item"], fields))
        if row.get("annotator"):
            try:
                votes.append(_of_row(row))
            except ValueError as error:
                raise DataError(
                    f"Row {number} of the CSV is no vote ({error}).", expected="what --export wrote"
                ) from None
    return list(items.values()), votes


def _of_row(row: Mapping[str, str]) -> Vote:
    value = row.get("value") or None
    kind = row.get("kind") or (SKIP if value is None else VOTE)
    if (kind, value is None) not in ((VOTE, False), (SKIP, True)):
        raise ValueError(f"kind {kind!r} with value {value!r}")
    return Vote(
        item=row["item"],
        annotator=row["annotator"],
        value=value,
        at=times.time(row.get("at") or "1970-01-01"),
        version=int(row.get("version") or 1),
        kind=kind,
        look=int(row.get("look") or 0),
        note=row.get("note") or "",
        seconds=float(row["seconds"]) if row.get("seconds") else None,
    )


def _annotation(vote: Vote, place: int) -> dict[str, Any]:
    about = {"to_name": SHOWN, "origin": "manual"}
    name = derived("v", vote.item, vote.annotator, str(vote.look))
    result: list[dict[str, Any]] = []
    if vote.value is not None:
        choice = {"choices": [vote.value]}
        result.append({"id": name[:10], "from_name": CONTROL, "type": "choices", "value": choice, **about})
    if vote.note:
        words = {"text": [vote.note]}
        result.append({"id": name[10:20], "from_name": NOTE, "type": "textarea", "value": words, **about})
    return {
        "id": place,
        "completed_by": {"email": vote.annotator},
        "result": result,
        "was_cancelled": vote.kind == SKIP,
        "ground_truth": vote.look == DECIDING,
        "created_at": times.iso(vote.at),
        "updated_at": times.iso(vote.at),
        "lead_time": vote.seconds,
    }


def _vote(item: str, one: Mapping[str, Any], number: int) -> Vote:
    """The vote of one annotation."""
    choices, note = [], ""
    for part in one.get("result") or []:
        value = part.get("value") if isinstance(part, Mapping) else None
        if isinstance(value, Mapping) and part.get("type") == "choices":
            choices += list(value.get("choices") or [])
        elif isinstance(value, Mapping) and part.get("type") == "textarea":
            words = value.get("text") or []
            note = words if isinstance(words, str) else "\n".join(map(str, words))
    skipped = bool(one.get("was_cancelled", one.get("was_canceled")))
    if not skipped and len(choices) != 1:
        raise DataError(
            f"An annotation of task {number} has the choices {choices!r:.120}.",
            expected="one choice, or an annotation that was cancelled",
        )
    at = one.get("created_at")
    try:
        # Exports from before 1.0 count seconds; the others say the time.
        moment = int(at * times.SECOND) if isinstance(at, (int, float)) else times.time(at or "1970-01-01")
    except ValueError as error:
        raise DataError(f"An annotation of task {number} was created at {at!r} ({error}).", expected="a time") from None
    seconds = one.get("lead_time")
    return Vote(
        item=item,
        annotator=_author(one),
        value=None if skipped else str(choices[0]),
        at=moment,
        kind=SKIP if skipped else VOTE,
        note=note,
        seconds=float(seconds) if isinstance(seconds, (int, float)) else None,
    )


def _author(one: Mapping[str, Any]) -> str:
    who = one.get("completed_by")
    if isinstance(who, Mapping):
        who = who.get("email") or who.get("id")
    return str(who) if who not in (None, "") else "unknown"


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0


def _shown(value: Any) -> Any:
    """A field as Label Studio shows it: an image as a data URL."""
    if isinstance(value, Mapping) and "base64" in value:
        return f"data:{value['media']};base64,{value['base64']}"
    return value


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, (dict, list)):
        return json.dumps(_shown(value), ensure_ascii=False)
    return value
