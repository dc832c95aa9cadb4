"""`setpoint label`: the queue of what people label by hand, votes in and out, and what becomes of them."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape

from setpoint.api.app import App
from setpoint.api.label_page import label_routes
from setpoint.api.server import serve_http
from setpoint.cli.label_programs import print_vote_report
from setpoint.cli.project import load_declaration
from setpoint.cli.render import out, plain, print_json, spell, table
from setpoint.core.errors import DataError, RequestInvalid, SourceMissing
from setpoint.core.times import iso
from setpoint.labels.exchange import label_config, read_csv, read_label_studio, write_csv, write_label_studio
from setpoint.labels.hand_labels import HandLabel
from setpoint.labels.report import agreement_report
from setpoint.labels.votes import Vote, current_votes, told_vote
from setpoint.system import Live, open_system

Answer = tuple[dict[str, Any], Callable[[], None], int]
"""A document, what prints it for people, and the exit code."""

SHOWN = 40
"""Rows that people are shown; --json prints all of them."""


def run_label(words: Namespace) -> int:
    """One thing done with the queue, or its state."""
    declared, root = load_declaration(words.project)
    live = open_system(declared, root=root, home=words.home, host=words.host, port=words.port)
    with live:
        if words.programs:
            return print_vote_report(*live.program_report(), as_json=words.json)
        document, show, code = _answer(words, live)
    if words.json:
        print_json(plain(document))
    else:
        show()
    return code


def _answer(words: Namespace, live: Live) -> Answer:
    if words.page:
        return _page(live)
    if words.add is not None:
        return _said({"added": live.queue_decisions(words.add)}, "{added} decisions are new in the queue")
    if words.fill:
        return _fill(words, live)
    if words.next:
        return _next(live, _annotator(words))
    if words.vote or words.skip or words.undo or words.decide:
        return _vote(words, live, _annotator(words))
    if words.import_file:
        return _import(words.import_file, live)
    if words.export:
        return _export(words.export, words.format, live)
    if words.agreement:
        return _agreement(live)
    return _consensus(live) if words.consensus else _state(live)


def _fill(words: Namespace, live: Live) -> Answer:
    document = live.fill_queue(words.fill, words.count, random_share=words.random)

    def show() -> None:
        columns = ("item", "priority", "why")
        rows = [(each["key"], each["priority"], each["reason"]) for each in document["picks"]]
        out.print(table(f"By {words.fill}", columns, rows[:SHOWN]))
        out.print(
            f"{document['added']} decisions are new in the queue, {document['random']} of them at random; "
            f"{document['again']} labels are asked about again"
        )

    return document, show, 0


def _annotator(words: Namespace) -> str:
    if words.annotator is None:
        raise RequestInvalid("Nobody is named who votes.", field="annotator", expected="--as NAME")
    return str(words.annotator)


def _said(document: dict[str, Any], words: str, *, code: int = 0) -> Answer:
    return document, lambda: out.print(escape(words.format(**document))), code


def _state(live: Live) -> Answer:
    queue = live.label_queue()
    stand = current_votes(queue.history())
    disputed = queue.disagreements(limit=10_000)
    document = {
        "system": queue.name,
        **queue.progress(),
        "classes": list(queue.hand.classes),
        "votes_wanted": queue.hand.votes,
        "disagreements": [each["item"]["key"] for each in disputed],
        "labels": len([each for each in live.hand_labels() if each.value is not None]),
        "annotators": {who: sum(vote.annotator == who for vote in stand) for who in _names(stand)},
    }
    del document["mine"]

    def show() -> None:
        out.print(
            f"{document['done']:,} of {document['items']:,} items have their {queue.hand.votes} votes; "
            f"{document['labels']:,} labels, {len(disputed):,} disagreements"
        )
        rows = list(document["annotators"].items())
        out.print(table("\nAnnotators", ("annotator", "votes"), rows) if rows else "nobody has voted yet")

    return document, show, 0


def _names(votes: Sequence[Vote]) -> list[str]:
    return sorted({vote.annotator for vote in votes})


def _next(live: Live, annotator: str) -> Answer:
    queue = live.label_queue()
    handed = queue.next(annotator)
    if handed is None:
        return _said({"item": None}, "nothing is left for you", code=1)
    item = handed.item.to_dict()
    document = {"item": item, "look": handed.look, "until": iso(handed.until), "classes": list(queue.hand.classes)}

    def show() -> None:
        out.print(f"[bold]{escape(item['key'])}[/]" + ("  (a second look)" if handed.look else ""))
        for part in ("fields", "features"):
            for name, value in item[part].items():
                out.print(f"  {escape(name):<22} {escape(_short(value))}")
        out.print(f"classes: {escape(', '.join(queue.hand.classes))}")

    return document, show, 0


def _short(value: Any) -> str:
    if isinstance(value, dict) and "media" in value:
        return f"{value['size']:,} bytes ({value['media']})"
    return spell(value)


def _vote(words: Namespace, live: Live, annotator: str) -> Answer:
    queue = live.label_queue()
    if words.undo:
        taken = queue.undo(annotator)
        if taken is None:
            return _said({"vote": None}, "there is nothing to undo", code=1)
        return _said({"vote": told_vote(taken)}, "{vote[item]}: taken back")
    if words.skip:
        said = queue.vote(annotator, words.skip, value=None, note=words.note)
        return _said({"vote": told_vote(said)}, "{vote[item]}: skipped")
    item, value = words.decide or words.vote
    if words.decide:
        said = queue.decide(annotator, item, value=value, note=words.note)
    else:
        said = queue.vote(annotator, item, value=value, note=words.note)
    return _said({"vote": told_vote(said)}, "{vote[item]}: {vote[value]} (version {vote[version]})")


def _import(path: Path, live: Live) -> Answer:
    if not path.is_file():
        raise SourceMissing(f"There is no file {str(path)!r}.", expected="an export of Label Studio (.json), or a .csv")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path.name} is no text in UTF-8 ({error}).", expected="JSON or CSV") from error
    items, votes = read_csv(text) if path.suffix == ".csv" else read_label_studio(text)
    new, taken = live.label_queue().take(items, votes)
    return _said({"items": new, "votes": taken}, "{items} items and {votes} votes are new")


def _export(path: Path, form: str, live: Live) -> Answer:
    queue = live.label_queue()
    items, votes = queue.items(), current_votes(queue.history())
    text = write_csv(items, votes) if form == "csv" else write_label_studio(items, votes)
    path.write_bytes(text.encode())
    document = {"file": str(path), "format": form, "items": len(items), "votes": len(votes)}
    if form == "csv":
        return _said(document, "{file}: {items} items and {votes} votes")
    interface = path.with_suffix(".xml")
    fields = dict.fromkeys(name for item in items for name in item.fields)
    interface.write_bytes(label_config(queue.hand, list(fields)).encode())
    told = "{file}: {items} items and {votes} votes; {interface}: the labelling interface for them"
    return _said({**document, "interface": str(interface)}, told)


def _agreement(live: Live) -> Answer:
    queue = live.label_queue()
    report = agreement_report(current_votes(queue.history()), queue.hand, labels=live.hand_labels())

    def show() -> None:
        columns = ("coefficient", "value", "low", "high", "items")
        out.print(table("Agreement", columns, [tuple(each.values()) for each in report["overall"]]))
        pairs = [
            (each["first"], each["second"], *(each[name] for name in columns[1:])) for each in report["pairs"][:SHOWN]
        ]
        if pairs:
            out.print(table("\nCohen's kappa", ("annotator", "and", *columns[1:]), pairs))
        named = {
            "annotator": "annotator", "votes": "votes", "skips": "skips", "seconds": "seconds",
            "with_label": "with the label", "repeated": "asked twice", "self": "the same again",
        }  # fmt: skip
        rows = [[each[name] for name in named] for each in report["annotators"][:SHOWN]]
        out.print(table("\nAnnotators", list(named.values()), rows) if rows else "nobody has voted yet")

    return report, show, 0


def _consensus(live: Live) -> Answer:
    labels = live.hand_labels()
    document = {"method": live.label_queue().hand.consensus, "labels": [_label(each) for each in labels]}

    def show() -> None:
        columns = ("item", "label", "confidence", "method", "version", "votes")
        out.print(table("Labels of hand", columns, [_row(each) for each in labels[:SHOWN]]))
        if len(labels) > SHOWN:
            out.print(f"and {len(labels) - SHOWN:,} more; --json prints all")

    return document, show, 0


def _label(each: HandLabel) -> dict[str, Any]:
    votes = [told_vote(vote) for vote in each.votes]
    return {**each.to_dict(), "at": iso(each.at), "known_at": iso(each.known_at), "votes": votes}


def _row(each: HandLabel) -> tuple[object, ...]:
    votes = ", ".join(f"{vote['annotator']}: {vote['value'] or 'skipped'}" for vote in each.votes)
    return each.item, each.value, each.confidence, each.method, each.version, votes


def _page(live: Live) -> Answer:
    queue = live.label_queue()

    def announce(url: str) -> None:
        out.print(f"label at [bold]{url}/v1/{queue.name}/label[/]")

    settings = live.settings
    app = App({}, pages=label_routes(queue.name, queue))
    serve_http(app, host=settings.host, port=settings.port, announce=announce)
    progress: dict[str, Any] = queue.progress()
    return _said(progress, "{done} of {items} items have their votes")
