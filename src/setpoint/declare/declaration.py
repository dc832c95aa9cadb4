"""The system: everything a team states about one decision, validated as far as it goes without its data."""

from __future__ import annotations

import keyword
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from setpoint.core import times
from setpoint.core.digest import digest
from setpoint.core.errors import DeclarationError, LeakRefused, NameUnknown, WrongType
from setpoint.declare.augment import Augment
from setpoint.declare.behaviour import check_behaviours
from setpoint.declare.contract import StatedContract, check_contracts
from setpoint.declare.ensemble import Ensemble, check_ensemble
from setpoint.declare.expr import Action, Aggregate, Column, Expr, FeatureRef, Field, Now, to_dict, walk
from setpoint.declare.goal import Goal, cost_source
from setpoint.declare.goal_kind import goal_kind
from setpoint.declare.hand import Hand
from setpoint.declare.kind_checks import check_kind, label_of_kind
from setpoint.declare.label import Label
from setpoint.declare.leaks import Known, check_reads, check_request
from setpoint.declare.learners import Tried, check_learners
from setpoint.declare.leave_out import check_leave_out
from setpoint.declare.mitigate import check_mitigation
from setpoint.declare.named import Declared, Feature, Owned, check_features, name_features
from setpoint.declare.programs import Programs
from setpoint.declare.release import Release
from setpoint.declare.sample import Chosen, Sampling
from setpoint.declare.source import EVENTS, Source, info
from setpoint.declare.unlabelled import Unlabelled
from setpoint.declare.update import check_update

__all__ = ["Decide", "Feature", "System", "decide"]


@dataclass(frozen=True)
class Decide:
    """The spine: one row of `spine`, one decision, taken at the time `at`, knowing only its key and `fields`."""

    spine: Source
    fields: tuple[str, ...]
    at: Expr

    @property
    def key(self) -> str:
        """The column that identifies a decision's row."""
        return info(self.spine).key or ""

    def to_dict(self) -> dict[str, Any]:
        """The spine as JSON-like data."""
        return {"spine": info(self.spine).name, "fields": list(self.fields), "at": to_dict(self.at)}


def decide(spine: Source, *, fields: Sequence[str], at: Expr | None = None) -> Decide:
    """What is decided: one decision for each row of `spine`, when it happens or at the time `at`.

    Only the row's key and `fields` exist at request time; any other column of the spine can be read only as an event
    with its own `known_at`.

    >>> from setpoint.declare.source import events
    >>> flights = events("flights", "flights.parquet", key="flight_id", at="sched_dep")
    >>> decide(flights, fields=["carrier"], at=flights.sched_dep - "2h").key
    'flight_id'
    """
    if not isinstance(spine, Source) or info(spine).kind != EVENTS:
        raise WrongType(f"decide({spine!r}) needs an event source.", expected="sp.events(..., key=...)")
    declared = info(spine)
    if declared.key is None or declared.at is None:
        raise DeclarationError(
            f"The spine {declared.name!r} has no key.",
            expected=f'sp.events({declared.name!r}, ..., key="...")',
        )
    if isinstance(fields, str) or not all(isinstance(name, str) for name in fields):
        raise WrongType(f"fields={fields!r}.", expected="a list of column names")
    if len(set(fields)) != len(fields):
        raise DeclarationError(f"fields={list(fields)!r} names a column twice.", expected="each once")
    moment = Column(spine, declared.at) if at is None else at
    for node in walk(moment):
        if isinstance(node, (Aggregate, FeatureRef, Now, Action, Field)) or (
            isinstance(node, Column) and info(node.source).name != declared.name
        ):
            raise DeclarationError(
                f"The decision time {moment} reads {node}.",
                expected=f"columns of {declared.name!r} and durations",
            )
    return Decide(spine, tuple(name for name in fields if name != declared.key), moment)


class System:
    """The declaration of one system; frozen, and checked for what needs no data.

    Raises NameUnknown for a field or feature that does not exist, LeakRefused for a feature that would read what
    cannot be known when deciding, DeclarationError for anything else that cannot mean anything. `owner` answers for the
    features that name no other; it is no part of what is declared, so that changing it changes nothing else.
    `freshness` says of features how old the newest event behind them may be, such as {"n_1h": "2h"}; for the others a
    limit is derived from what is usual. `hand` says how people label decisions; like the owner it is no part of what is
    decided. `contracts` say what the rows of sources must be; a source that they refer to is one of the system's, too.
    `programs` label decisions that no truth comes for, `augment` makes up rows: to train on, never to judge by.
    `unlabelled` lets a model label decisions that nobody did, likewise.
    `sample` says which of the decisions with a known label train and judge, each counting for those it stands for; or
    that the decisions are a sample that somebody chose, and which shares of the population they are raked to.
    `learners` are those that are tried, in this order, instead of LightGBM and logistic regression: names, and
    `sp.learner(...)`. What is in `leave_out`, names or reasons by name, is worked out, logged and watched, and no model
    reads it. With an `ensemble` several models are tried as one, beside the best of them.
    """

    __slots__ = (
        "augment",
        "contracts",
        "decide",
        "digest",
        "ensemble",
        "features",
        "freshness",
        "goal",
        "hand",
        "label",
        "learners",
        "leave_out",
        "name",
        "owner",
        "programs",
        "release",
        "sample",
        "sources",
        "unlabelled",
    )

    name: str
    decide: Decide
    features: tuple[Feature, ...]
    label: Label
    goal: Goal
    release: Release
    sources: Mapping[str, Source]
    owner: str
    freshness: Mapping[str, int]
    hand: Hand | None
    contracts: Mapping[str, StatedContract]
    programs: Programs | None
    augment: Augment | None
    sample: Sampling | Chosen | None
    unlabelled: Unlabelled | None
    learners: tuple[Tried, ...]
    leave_out: tuple[tuple[str, str], ...]
    ensemble: Ensemble | None
    digest: str

    def __init__(
        self,
        name: str,
        *,
        decide: Decide,
        features: Declared,
        label: Label,
        goal: Goal,
        release: Release,
        owner: str = "",
        freshness: Mapping[str, str | timedelta] | None = None,
        hand: Hand | None = None,
        contracts: Sequence[StatedContract] = (),
        programs: Programs | None = None,
        augment: Augment | None = None,
        sample: Sampling | Chosen | None = None,
        unlabelled: Unlabelled | None = None,
        learners: Sequence[Tried | str] = (),
        leave_out: Mapping[str, str] | Sequence[str] = (),
        ensemble: Ensemble | None = None,
    ) -> None:
        _check_types(name, decide, features, label, goal, release)
        if not isinstance(owner, str):
            raise WrongType(f"owner= of the system {name!r} is {owner!r}.", expected="a text, such as a team's address")
        if hand is not None and not isinstance(hand, Hand):
            raise WrongType(f"hand= of the system {name!r} is {hand!r}.", expected="sp.hand(...)")
        if programs is not None and not isinstance(programs, Programs):
            raise WrongType(f"programs= of the system {name!r} is {programs!r}.", expected="sp.programs([...])")
        if augment is not None and not isinstance(augment, Augment):
            raise WrongType(f"augment= of the system {name!r} is {augment!r}.", expected="sp.augment(...)")
        if sample is not None and not isinstance(sample, (Sampling, Chosen)):
            raise WrongType(
                f"sample= of the system {name!r} is {sample!r}.",
                expected='such as sp.simple(100_000), or sp.chosen("convenience", judged_by="who answered")',
            )
        if unlabelled is not None and not isinstance(unlabelled, Unlabelled):
            raise WrongType(f"unlabelled= of the system {name!r} is {unlabelled!r}.", expected="sp.self_training()")
        resolved = name_features(name, features, owner=owner)
        stated = check_contracts(contracts)
        sources = _collect(name, decide, resolved, label, stated)
        put = object.__setattr__
        put(self, "name", name)
        put(self, "decide", decide)
        put(self, "features", resolved)
        put(self, "label", label_of_kind(goal, label))
        put(self, "goal", goal)
        put(self, "release", release)
        put(self, "sources", sources)
        put(self, "owner", owner)
        put(self, "contracts", MappingProxyType({info(one.source).name: one for one in stated}))
        put(self, "freshness", _limits(name, resolved, freshness or {}))
        put(self, "hand", hand)
        put(self, "programs", programs)
        put(self, "augment", augment)
        put(self, "sample", sample)
        put(self, "unlabelled", unlabelled)
        put(self, "learners", check_learners(name, learners))
        told = [one.name for one in resolved]
        behaving = [each for one in goal.behaves for each in one.names]
        put(self, "leave_out", check_leave_out(name, leave_out, features=told, expected=behaving))
        put(self, "ensemble", check_ensemble(name, ensemble, self.kind))
        check_kind(self)
        _check_label(self)
        known = Known(info(decide.spine), decide.key, decide.fields, label)
        check_request(known)
        for feature in resolved:
            check_reads(f"Feature {feature.name!r}", feature.expr, known)
        _check_programs(self)
        _check_training_rows(self)
        _check_goal(self)
        check_update(self, release.update)
        put(self, "digest", digest(self.to_dict()))

    def __setattr__(self, name: str, value: object) -> None:
        raise DeclarationError(
            f"The system {self.name!r} cannot be changed (setting {name!r}).", hint="Declare another."
        )

    def __reduce__(self) -> tuple[Any, ...]:
        parts = (self.name, self.decide, self.features, self.label, self.goal, self.release, self.owner)
        more = (tuple(self.contracts.values()), self.hand, self.programs, self.augment, self.sample, self.unlabelled)
        return (_again, (*parts, dict(self.freshness), *more, self.learners, dict(self.leave_out), self.ensemble))

    def __copy__(self) -> System:
        return self

    def __deepcopy__(self, memo: object) -> System:
        return self

    @property
    def kind(self) -> str:
        """The kind of its goal: binary, multiclass, multilabel, regression, quantile, count, ranking or survival."""
        return goal_kind(self.goal, self.label).name

    def to_dict(self) -> dict[str, Any]:
        """The declaration as JSON-like data: equal content, equal digest."""
        found = {
            "name": self.name,
            "sources": {name: info(source).to_dict() for name, source in sorted(self.sources.items())},
            "decide": self.decide.to_dict(),
            "features": {feature.name: to_dict(feature.expr) for feature in self.features},
            "label": self.label.to_dict(),
            "goal": self.goal.to_dict(),
            "release": self.release.to_dict(),
            "freshness": dict(self.freshness),
        }
        stated = {name: one.to_dict() for name, one in sorted(self.contracts.items())}
        told = {
            "ensemble": self.ensemble,
            "programs": self.programs,
            "augment": self.augment,
            "sample": self.sample,
            "unlabelled": self.unlabelled,
        }
        asked: dict[str, Any] = {name: each.to_dict() for name, each in told.items() if each is not None}
        if self.learners:
            asked["learners"] = [one.to_dict() for one in self.learners]
        if self.leave_out:
            asked["leave_out"] = dict(self.leave_out)
        return {**found, **({"contracts": stated} if stated else {}), **asked}

    def __repr__(self) -> str:
        return f"System({self.name!r}, {len(self.features)} features, digest {self.digest[:8]})"


def _again(
    name: str,
    decide: Decide,
    features: Sequence[Feature],
    label: Label,
    goal: Goal,
    release: Release,
    owner: str,
    freshness: Mapping[str, int],
    contracts: Sequence[StatedContract],
    hand: Hand | None,
    programs: Programs | None,
    augment: Augment | None,
    sample: Sampling | Chosen | None,
    unlabelled: Unlabelled | None,
    learners: Sequence[Tried],
    leave_out: Mapping[str, str],
    ensemble: Ensemble | None,
) -> System:
    """The system of these parts, as unpickling makes it."""
    declared = {one.name: Owned(one.expr, one.owner, one.note) for one in features}
    limits = {feature: timedelta(microseconds=limit) for feature, limit in freshness.items()}
    return System(
        name,
        decide=decide,
        features=declared,
        label=label,
        goal=goal,
        release=release,
        owner=owner,
        freshness=limits,
        contracts=contracts,
        hand=hand,
        programs=programs,
        augment=augment,
        sample=sample,
        unlabelled=unlabelled,
        learners=learners,
        leave_out=leave_out,
        ensemble=ensemble,
    )


def _check_programs(system: System) -> None:
    """What label programs read is there: fields, features, and no column; they vote for the label's truth values."""
    known = {feature.name for feature in system.features}
    if system.programs is not None and set(map(repr, system.programs.classes)) != {"False", "True"}:
        raise DeclarationError(
            f"The label programs of the system {system.name!r} vote for {list(system.programs.classes)!r}.",
            expected="False and True, which a label is",
        )
    for program in () if system.programs is None else system.programs.programs:
        where = f"The label program {program.name!r}"
        for node in (node for each in program.reads for node in walk(each)):
            if isinstance(node, Field) and node.name not in system.decide.fields:
                raise NameUnknown("request field", node.name, system.decide.fields, where=f"{where}: the request")
            if isinstance(node, FeatureRef) and node.name not in known:
                raise NameUnknown("feature", node.name, known, where=where)
            if isinstance(node, Column):
                raise DeclarationError(
                    f"{where} reads {node}.",
                    expected="request fields and features",
                    hint="Name the column as a feature and read sp.feature(...).",
                )


def _check_training_rows(system: System) -> None:
    """What is changed of a row is a feature; what rows are drawn by is one, or a request field."""
    known = [feature.name for feature in system.features]
    if system.sample is not None:
        spread = system.sample.spread if isinstance(system.sample, Sampling) else ""
        read = [*system.sample.by, *([spread] if spread else [])]
        for name in read:
            if name not in (*known, *system.decide.fields):
                raise NameUnknown("field or feature", name, [*system.decide.fields, *known], where="sample=")
    for change in () if system.augment is None else system.augment.changes:
        for name in change.features:
            if name not in known:
                raise NameUnknown("feature", name, known, where="augment=")


def _limits(system: str, features: Sequence[Feature], freshness: Mapping[str, Any]) -> Mapping[str, int]:
    """How old what is behind features may be, in microseconds."""
    known, found = {one.name: one for one in features}, {}
    for name, limit in freshness.items():
        if name not in known:
            raise NameUnknown("feature", name, known, where=f"freshness= of the system {system!r}")
        if not any(isinstance(node, (Column, Aggregate)) for node in walk(known[name].expr)):
            raise DeclarationError(
                f"freshness= gives a limit to {name!r}, which reads only the request.",
                expected="features that read a source",
            )
        found[name] = times.duration(limit)
        if found[name] <= 0:
            raise DeclarationError(f"freshness={{{name!r}: {limit!r}}}.", expected='a positive duration, such as "2h"')
    return MappingProxyType(found)


def _check_types(name: str, decide: object, features: object, label: object, goal: object, release: object) -> None:
    if not isinstance(name, str) or not name.replace("-", "_").isidentifier() or keyword.iskeyword(name):
        raise WrongType(f"A system is named {name!r}.", expected="letters, digits, - and _")
    wanted = (
        ("decide", decide, Decide),
        ("label", label, Label),
        ("goal", goal, Goal),
        ("release", release, Release),
    )
    for part, value, kind in wanted:
        if not isinstance(value, kind):
            raise WrongType(f"{part}= is {value!r}.", expected=f"sp.{part}(...)")
    check_features(features)


def _collect(
    system: str, decide: Decide, features: Sequence[Feature], label: Label, contracts: Sequence[StatedContract]
) -> dict[str, Source]:
    found: dict[str, Source] = {}
    parts = [decide.spine, *label.sources]
    for feature in features:
        parts.extend(node.source for node in walk(feature.expr) if isinstance(node, (Column, Aggregate)))
    referred = [target for one in contracts for target in one.targets]
    for source in [*parts, *referred, *[one.source for one in contracts]]:
        name = info(source).name
        if name in found and info(found[name]) != info(source):
            raise DeclarationError(
                f"Two different sources are named {name!r}.",
                expected="one declaration for each name in a project",
            )
        found.setdefault(name, source)
    read = {info(source).name for source in [*parts, *referred]}
    for one in contracts:
        if info(one.source).name not in read:
            raise NameUnknown("source", info(one.source).name, read, where=f"contracts= of the system {system!r}")
    return found


def _check_label(system: System) -> None:
    label, spine = system.label, info(system.decide.spine)
    if any(info(source).name == spine.name for source in label.carriers):
        raise LeakRefused(
            f"The label reads the spine {spine.name!r} itself.",
            expected="an event source that says when the outcome is known",
            hint=f'Declare sp.events("outcomes", {spine.path!r}, at=..., known_at=...) over the same file.',
        )
    known = [system.decide.key, *system.decide.fields]
    if label.on not in known:
        raise NameUnknown("key", label.on, known, where=f"The spine {spine.name!r}")
    if label.by is not None and label.by not in known:
        raise NameUnknown("request field", label.by, known, where="The label's time: the request")


def _check_goal(system: System) -> None:
    known = [*system.decide.fields, *[feature.name for feature in system.features]]
    groups = [
        *system.goal.slices,
        *[each.name for each in system.goal.protect],
        *([system.goal.confidence.by] if system.goal.confidence is not None and system.goal.confidence.by else []),
        *[rail.metric.by for rail in system.goal.must if rail.metric.by is not None],
    ]
    for name in groups:
        if name not in known:
            raise NameUnknown("field or feature", name, known, where=f"System {system.name!r}")
    check_behaviours(system.goal.behaves, known, action=system.goal.act.name)
    check_mitigation(
        system.goal.mitigate,
        fields=system.decide.fields,
        features=[feature.name for feature in system.features],
    )
    for part in (system.goal.cost.false_positive, system.goal.cost.false_negative):
        if isinstance(part, Field) and part.name not in system.decide.fields:
            raise NameUnknown("request field", part.name, system.decide.fields, where="The cost: the request")
        source = cost_source(part)
        if source is not None and source != info(system.label.source).name:
            raise DeclarationError(
                f"The cost reads {part}.",
                expected=f"a column of the label's source {info(system.label.source).name!r}",
            )
    features = [feature.name for feature in system.features]
    for name, _ in system.goal.changeable:
        if name not in features:
            raise NameUnknown("feature", name, features, where="changeable= of the goal")
    for node in walk(system.release.fallback.condition):
        if isinstance(node, Field) and node.name not in system.decide.fields:
            raise NameUnknown("request field", node.name, system.decide.fields, where="The fallback: the request")
        if isinstance(node, FeatureRef) and node.name not in features:
            raise NameUnknown("feature", node.name, features, where="The fallback")
