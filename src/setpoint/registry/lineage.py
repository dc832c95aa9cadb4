"""Lineage: from a decision to its model, its training set, its snapshot, and the contracts, files and batches of that.

And back: from a file, a contract, a source's rows or a snapshot to the models that learned from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from setpoint.core.errors import DataError, NameUnknown, NothingYet
from setpoint.core.ports import Metadata
from setpoint.core.records import RULE
from setpoint.core.times import iso
from setpoint.data.snapshots.hold import held_under
from setpoint.data.snapshots.manifest import STORED, Manifest, StoredSource, find_manifest, manifests, stored_snapshots
from setpoint.registry import models

SNAPSHOT, TRAINING_SET, BASE, WEIGHTS = "snapshot", "training_set", "base model", "base weights"

ROLES = {
    "champion": "decides",
    "challenger": "wants to decide",
    "previous": "watches its successor",
    "waiting": "waits for approval",
    "frozen": "is kept for comparison",
    "reference": "is what monitors compare with",
}
"""What a loop may need a model for."""


@dataclass(frozen=True)
class Link:
    """One step back: what it is, its digest, and what is known of it."""

    what: str
    digest: str
    detail: str

    def to_dict(self) -> dict[str, str]:
        """The link as JSON-like data."""
        return {"what": self.what, "digest": self.digest, "detail": self.detail}


def put_inputs(
    metadata: Metadata,
    *,
    training_set: str,
    snapshot: str,
    as_of: int,
    sources: Mapping[str, str],
    plan: str,
    rows: int,
) -> None:
    """Store what a training set was made from: a snapshot as of a time, with the digest of each source's rows."""
    metadata.put(SNAPSHOT, snapshot, {"snapshot": snapshot, "as_of": as_of, "sources": dict(sources)})
    body = {"training_set": training_set, "snapshot": snapshot, "plan": plan, "rows": rows, "as_of": as_of}
    metadata.put(TRAINING_SET, training_set, body)


def trace_model(metadata: Metadata, model: str, *, stored: Metadata | None = None) -> tuple[Link, ...]:
    """The links from a model down to the sources it learned from, nearest first.

    With the documents of what is `stored`, each source is followed by its contract, files and batches. A link whose
    record is missing says so; it is never left out.
    """
    if model == RULE:
        return (Link("rule", RULE, "the fallback rule of the declaration; it was not trained"),)
    body = models.get(metadata, model)
    links = [_model(body), *_parents(metadata, body), *_bases(body)]
    used = metadata.get(TRAINING_SET, body["training_set"])
    if used is None:
        links.append(Link("training set", body["training_set"], "no record of how it was built"))
    else:
        detail = f"{used['rows']} decisions as of {iso(used['as_of'])}, plan {used['plan'][:8]}"
        links.append(Link("training set", body["training_set"], detail))
    taken = metadata.get(SNAPSHOT, body["snapshot"])
    manifest = None if stored is None else find_manifest(stored, body["snapshot"])
    if taken is None:
        return (*links, Link("snapshot", body["snapshot"], "no record of its sources"))
    links.append(
        Link("snapshot", body["snapshot"], f"what was known at {iso(taken['as_of'])}{_kept(stored, manifest)}")
    )
    known = {} if manifest is None else {source.name: source for source in manifest.sources}
    for name, found in sorted(taken["sources"].items()):
        links.append(Link("source", found, name))
        links += _origins(known[name]) if name in known else []
    return tuple(links)


def trace_uses(metadata: Metadata, stored: Metadata, subject: str) -> tuple[Link, ...]:
    """The links from what is stored to the models that learned from it: none where nothing is called so.

    The subject is the digest of a snapshot, a source's rows, a contract, a file or a base model's weights (a beginning
    is enough), or the name of a file or a base model.
    """
    links = _uses_of_base(metadata, subject)
    for manifest in manifests(stored):
        matches = [link for link in _all_of(manifest) if _is_called(link, subject)]
        if matches:
            links += [link for link in matches if link not in links]
            if matches[0].what != SNAPSHOT:
                links.append(_all_of(manifest)[0])
            for body in models.all_models(metadata, snapshot=manifest.snapshot):
                links += [Link("training set", body["training_set"], f"of model {body['model'][:12]}"), _model(body)]
    return tuple(links)


def _uses_of_base(metadata: Metadata, subject: str) -> list[Link]:
    """A base model of this name or digest, each version of it followed by the models that learned from that."""
    found: dict[Link, list[Link]] = {}
    for body in models.all_models(metadata):
        for link in _bases(body):
            if subject and (link.digest.startswith(subject) or link.detail.startswith(f"{subject} ")):
                found.setdefault(link, []).append(_model(body))
    return [link for base, learned in found.items() for link in (base, *learned)]


def _parents(metadata: Metadata, body: Mapping[str, Any]) -> list[Link]:
    """The models whose weights it was updated from, one after the other, to the one that was trained anew."""
    links: list[Link] = []
    went: Mapping[str, Any] | None = body.get("update")
    while went is not None and went["taken"]:
        rows = f"updated by {went['rows']} newer rows ({went['way']})"
        links.append(Link(WEIGHTS, went["parent"], rows))
        went = (metadata.get(models.NOUN, went["parent"]) or {}).get("update")
    return links


def _bases(body: Mapping[str, Any]) -> list[Link]:
    """The base models that a model learned from: their weights, and the package that brought them."""
    told = sorted(body.get("bases", {}).items())
    return [Link(BASE, one["digest"], f"{name} as {one['package']} {one['version']}, frozen") for name, one in told]


def snapshot_named(registries: Iterable[Metadata], stored: Metadata, which: str) -> str:
    """The digest of the snapshot that is held under a name, stored under a digest, or that a model learned from.

    Of a digest a beginning is enough. Raises NameUnknown where it is none of these, or of several.
    """
    held = held_under(stored, which)
    if held is not None:
        return held
    digests = [each.snapshot for each in stored_snapshots(stored)]
    found = {each for each in digests if each.startswith(which)}
    for metadata in registries:
        found |= {body["snapshot"] for body in models.all_models(metadata) if body["model"].startswith(which)}
    if len(found) != 1 or not which:
        raise NameUnknown("snapshot", which, digests, where="What is stored")
    return found.pop()


def needed_snapshots(registries: Iterable[Metadata]) -> dict[str, str]:
    """The snapshots that a model of any of these registries learned from, each with what needs it.

    Raises DataError where a loop names a model that its registry does not have: nobody can say what it needs.
    """
    found: dict[str, str] = {}
    for metadata in registries:
        registered = {body["model"]: body["snapshot"] for body in models.all_models(metadata)}
        for model, snapshot in registered.items():
            found.setdefault(snapshot, f"model {model[:12]} learned from it")
        for model, role in models_in_use(metadata):
            if model not in registered:
                raise DataError(
                    f"The model {model} {role}, but is not registered.",
                    expected="a registry with every model that a release names",
                    hint="Restore the metadata database from a copy; until then nothing is collected.",
                )
            found[registered[model]] = f"model {model[:12]}, which {role}, learned from it"
    return found


def models_in_use(metadata: Metadata) -> Iterator[tuple[str, str]]:
    """The models that loops name, with what for; what needs one most comes last."""
    for state in metadata.find("loop"):
        named = {**state["release"], "frozen": state["frozen"], "reference": state["reference"]}
        for role, words in reversed(ROLES.items()):
            if named.get(role) not in (None, RULE):
                yield named[role], words


def _model(body: Mapping[str, Any]) -> Link:
    trained = body.get("trained") or [None, None]
    span = f"trained on decisions from {iso(trained[0])} to {iso(trained[1])}" if trained[0] is not None else "trained"
    return Link("model", body["model"], f"{body['recipe']['learner']}, {span}, seed {body['seed']}")


def _kept(stored: Metadata | None, manifest: Manifest | None) -> str:
    if stored is None:
        return ""
    if manifest is None:
        return "; its rows are not stored"
    if manifest.state != STORED:
        return "; its rows are no longer stored"
    blocks = len(manifest.parts)
    return f"; {manifest.rows:,} rows stored in {blocks:,} block{'' if blocks == 1 else 's'}"


def _origins(source: StoredSource) -> list[Link]:
    """Where the rows of a stored source came from."""
    found, links = source.provenance, []
    if found.contract:
        links.append(Link("contract", found.contract, f"that the rows of {source.name} kept"))
    links += [Link("file", digest, f"{name} of {source.name}") for name, digest in sorted(found.files.items())]
    for batch in found.batches:
        when = "at first" if batch["taken_at"] is None else iso(batch["taken_at"])
        links.append(Link("batch", batch["part"], f"{batch['rows']:,} rows of {source.name}, taken in {when}"))
    return links


def _all_of(manifest: Manifest) -> Sequence[Link]:
    """A stored snapshot, its sources and their origins."""
    state = "stored" if manifest.state == STORED else "no longer stored"
    links = [Link(SNAPSHOT, manifest.snapshot, f"{manifest.rows:,} rows, {state}")]
    for source in manifest.sources:
        links += [Link("source", source.digest, source.name), *_origins(source)]
    return links


def _is_called(link: Link, subject: str) -> bool:
    if link.what == "batch":
        return False
    return link.digest.startswith(subject) or (link.what == "file" and link.detail.startswith(f"{subject} of "))


def trace_decision(
    metadata: Metadata, decision: Mapping[str, Any], *, stored: Metadata | None = None
) -> tuple[Link, ...]:
    """The links from one row of the decision log down to the sources; raises NothingYet when its model is unknown."""
    model = str(decision["model"])
    if model != RULE and metadata.get(models.NOUN, model) is None:
        raise NothingYet(
            f"Decision {decision['decision_id']} names the model {model}, which is not registered here.",
            expected="the registry of the project that took the decision",
        )
    detail = f"{decision['key']} at {iso(int(decision['at']))}, score {decision['score']}, acted {decision['acted']}"
    if decision.get("degraded"):
        detail += f"; the rule decided because {decision['degraded']}"
    return (Link("decision", str(decision["decision_id"]), detail), *trace_model(metadata, model, stored=stored))
