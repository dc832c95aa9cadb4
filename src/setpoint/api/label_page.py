"""Where people label: the page, and what it asks of a queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from setpoint.api.app import Answer, Handler, Route
from setpoint.console.label_page import label_page, label_policy
from setpoint.core.errors import RequestInvalid
from setpoint.core.times import iso
from setpoint.labels.queue import Queue
from setpoint.labels.votes import told_vote

MOST_SECONDS = 86_400.0
"""Longer than a day nobody looks at one item."""

_encode = msgspec.json.Encoder().encode


def label_routes(system: str, queue: Queue) -> dict[str, Route]:
    """The paths of a system's label page, for an application: `App(services, pages=label_routes(...))`.

    A page of another server can call none of them, and no other page can show this one in a frame.
    """
    path = f"/v1/{system}/label"

    def asked(work: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Handler:
        """What answers a POST; the queue waits for its store in a thread of its own."""

        async def handler(told: Any) -> Answer:
            if not isinstance(told, Mapping):
                raise RequestInvalid("The body is no object.", expected="a JSON object")
            return _answer(await asyncio.to_thread(work, told))

        return handler

    def after(annotator: str) -> dict[str, Any]:
        """What the page shows next."""
        handed = queue.next(annotator)
        following = None
        if handed is not None:
            item = handed.item.to_dict()
            # What a model thinks of an item would sway whoever labels it.
            shown = {name: item[name] for name in ("key", "fields", "features")}
            following = {"item": shown, "look": handed.look, "until": iso(handed.until)}
        return {"next": following, "progress": queue.progress(annotator)}

    def following(told: Mapping[str, Any]) -> Mapping[str, Any]:
        return after(_text(told, "annotator"))

    def vote(told: Mapping[str, Any]) -> Mapping[str, Any]:
        annotator = _text(told, "annotator")
        value = None if told.get("value") is None else _text(told, "value")
        said = queue.vote(
            annotator,
            _text(told, "item"),
            value=value,
            note=_text(told, "note", default=""),
            seconds=_number(told, "seconds", most=MOST_SECONDS),
            look=int(_number(told, "look", most=1.0) or 0),
        )
        return {"vote": told_vote(said), **after(annotator)}

    def undo(told: Mapping[str, Any]) -> Mapping[str, Any]:
        annotator = _text(told, "annotator")
        taken = queue.undo(annotator)
        return {"undone": None if taken is None else told_vote(taken), **after(annotator)}

    def decide(told: Mapping[str, Any]) -> Mapping[str, Any]:
        annotator, item, value = (_text(told, name) for name in ("annotator", "item", "value"))
        said = queue.decide(annotator, item, value=value, note=_text(told, "note", default=""))
        return {"vote": told_vote(said)}

    async def page(_: None) -> Answer:
        return Answer(200, document, headers)

    async def disagreements(_: None) -> Answer:
        found = await asyncio.to_thread(queue.disagreements)
        return _answer({"items": [{**each, "votes": [told_vote(one) for one in each["votes"]]} for each in found]})

    async def progress(_: None) -> Answer:
        return _answer(await asyncio.to_thread(queue.progress))

    document = label_page(system, queue.hand, path=path).encode()
    headers = (
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-security-policy", label_policy().encode()),
        (b"referrer-policy", b"no-referrer"),
        *_SAFE,
    )
    works = {"next": following, "vote": vote, "undo": undo, "decide": decide}
    reads: dict[str, Handler] = {"disagreements": disagreements, "progress": progress}
    return {
        path: Route("GET", system, "label", page),
        **{
            f"{path}/{name}": Route("POST", system, "label", asked(work), same_origin=True)
            for name, work in works.items()
        },
        **{f"{path}/{name}": Route("GET", system, "label", read, same_origin=True) for name, read in reads.items()},
    }


_SAFE = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))


def _answer(body: Mapping[str, Any]) -> Answer:
    return Answer(200, _encode(body), ((b"content-type", b"application/json"), *_SAFE))


def _text(told: Mapping[str, Any], field: str, *, default: str | None = None) -> str:
    value = told.get(field, default)
    if not isinstance(value, str):
        raise RequestInvalid(f"The field {field!r} is {value!r:.80}.", field=field, expected="a text")
    return value


def _number(told: Mapping[str, Any], field: str, *, most: float) -> float | None:
    value = told.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= most:
        raise RequestInvalid(f"The field {field!r} is {value!r:.80}.", field=field, expected=f"a number, 0 to {most:g}")
    return float(value)
