"""The plan: everything derived from a declaration, each choice with its reason. Pure: no input, output or clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

from setpoint.core import times
from setpoint.core.digest import digest
from setpoint.core.errors import NameUnknown, WrongType
from setpoint.core.ports import BaseVersion, TextBase
from setpoint.declare.behaviour import check_kinds
from setpoint.declare.declaration import Feature, System
from setpoint.declare.embedding import versions_of_bases, with_bases
from setpoint.declare.expr import Aggregate, Column, Expr, Literal, Neighbours, to_dict, walk
from setpoint.declare.goal import cost_source
from setpoint.declare.goal_kind import BINARY, MULTICLASS, MULTILABEL, NUMBERS, RANKING, SURVIVAL
from setpoint.declare.kind_choices import answer_of
from setpoint.declare.kinds import BOOL, DURATION, NUMBER, TEXT, TIME, Schemas, Scope, kind_of
from setpoint.declare.prediction import Form, form_of
from setpoint.declare.sample import Chosen
from setpoint.declare.scales import Scale, choose_scales, with_scales
from setpoint.declare.source import TABLE, info
from setpoint.declare.update import BEST, CONTINUE, REFIT

Node = TypeVar("Node", Aggregate, Neighbours)


@dataclass(frozen=True)
class Choice:
    """One derived choice: what, its value and why."""

    name: str
    value: str
    reason: str

    def to_dict(self) -> dict[str, str]:
        """The choice as JSON-like data."""
        return {"name": self.name, "value": self.value, "reason": self.reason}


@dataclass(frozen=True)
class Profile:
    """What is known about the data before planning: rows by source, the spine's rows per day, and scales.

    `scales` are those of folded columns, by `scale_key`: what was found in the data when each was first folded.
    """

    rows: Mapping[str, int]
    decisions_per_day: float
    scales: Mapping[str, Scale] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """The plan of a system. Durations are microseconds.

    `fields` and `features` give each input's kind (number, text, bool; a field may also be a time). `inputs` are the
    columns a model may see: every feature, in order, the decimals of its sums fixed. `embargo` separates training from
    held-out decisions. `trials`, `rounds` bound the search at the first training.
    """

    system: System
    schemas: Schemas
    fields: Mapping[str, str]
    features: Mapping[str, str]
    inputs: tuple[Feature, ...]
    tick: int
    embargo: int
    held_out: float
    validation: float
    trials: int
    rounds: int
    folds: int
    draws: int
    minimum_rows: int
    alarms_per_month: float
    choices: tuple[Choice, ...]
    warnings: tuple[str, ...]

    @property
    def aggregates(self) -> tuple[Aggregate, ...]:
        """Every distinct aggregate of the features, by digest, in order of first use."""
        return tuple(self._distinct(Aggregate))

    @property
    def neighbours(self) -> tuple[Neighbours, ...]:
        """Every distinct fold over neighbours of the features, by digest, in order of first use."""
        return tuple(self._distinct(Neighbours))

    @property
    def read(self) -> Mapping[str, str]:
        """The kind of each feature that models read, in order: all but those that are left out."""
        left = dict(self.system.leave_out)
        return {name: kind for name, kind in self.features.items() if name not in left}

    @property
    def versions(self) -> Mapping[str, str]:
        """The version of each feature."""
        return {feature.name: feature.version for feature in self.inputs}

    @property
    def bases(self) -> Mapping[str, BaseVersion]:
        """The version of each base model that features read, by its name."""
        return versions_of_bases(feature.expr for feature in self.inputs)

    @cached_property
    def prediction(self) -> Form:
        """What its predictions look like."""
        return form_of(self.system.goal, self.system.label)

    def _distinct(self, kind: type[Node]) -> Iterable[Node]:
        found: dict[str, Node] = {}
        for feature in self.inputs:
            for node in walk(feature.expr, into_aggregates=False):
                if isinstance(node, kind):
                    found.setdefault(digest(to_dict(node)), node)
        return found.values()

    @property
    def digest(self) -> str:
        """The identity of the plan."""
        return digest(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON-like data."""
        return {
            "system": self.system.digest,
            "fields": dict(self.fields),
            "features": dict(self.features),
            "versions": dict(self.versions),
            "choices": [choice.to_dict() for choice in self.choices],
        }


def make_plan(
    system: System, schemas: Schemas, profile: Profile, *, bases: Mapping[str, TextBase] | None = None
) -> Plan:
    """The plan of a system on sources with these columns, and with these base models, by the names that are declared.

    Raises NameUnknown for a column that no source has, WrongType where values do not go together.
    """
    _check_source_columns(system, schemas)
    spine = info(system.decide.spine).name
    fields = {name: _kind(schemas, spine, name) for name in (system.decide.key, *system.decide.fields)}
    moment = kind_of(system.decide.at, Scope(schemas, {}, {}), where="The decision time")
    if moment != TIME:
        raise WrongType(f"The decision time {system.decide.at} is a {moment}.", expected="a time")
    scope = Scope(schemas, fields, {})
    features: dict[str, str] = {}
    based = tuple(replace(one, expr=with_bases(one.expr, bases or {})) for one in system.features)
    for feature in based:
        kind = kind_of(feature.expr, scope, where=f"Feature {feature.name!r}")
        if kind in (TIME, DURATION):
            raise WrongType(
                f"Feature {feature.name!r} is a {kind}, which no model can read.",
                expected="a number, text or truth value",
                hint="Subtract it from sp.now, or take its .hour(zone=...) or .weekday(zone=...).",
            )
        features[feature.name] = kind
    _check_lookups(system, scope)
    _check_outcome(system, schemas, Scope(schemas, fields, features))
    check_kinds(system.goal.behaves, {**features, **fields})
    scales = choose_scales([feature.expr for feature in based], profile.scales, scope)
    inputs = tuple(replace(one, expr=with_scales(one.expr, scales)) for one in based)
    choices, warnings, numbers = _derive(system, profile)
    found = versions_of_bases(feature.expr for feature in inputs)
    choices += [Choice(f"base model {name}", str(version), _FROZEN) for name, version in found.items()]
    choices += [Choice(f"decimals of {one.column}", str(one.decimals), one.reason) for one in scales.values()]
    return Plan(
        system=system,
        schemas=schemas,
        fields=fields,
        features=features,
        inputs=inputs,
        choices=tuple(choices),
        warnings=(*warnings, *[one.warning for one in scales.values() if one.warning]),
        **numbers,
    )


_FROZEN = "declared, as it is installed here; it stays as it is, and is part of the versions of its features"

_ROLES = {
    "id": ((), ""),
    "at": ((TIME,), "a column of times with a zone"),
    "known_at": ((TIME,), "a column of times with a zone"),
    "version": ((NUMBER, TIME), "a column of numbers or times, the higher the newer"),
    "retracted": ((BOOL,), "a column of truth values"),
}
"""The columns that a source declares by what they are for, with the kinds that each may have."""


def _kind(schemas: Schemas, source: str, column: str) -> str:
    if column not in schemas[source]:
        raise NameUnknown("column", column, schemas[source], where=f"Source {source!r}")
    return schemas[source][column]


def _check_source_columns(system: System, schemas: Schemas) -> None:
    for name, source in system.sources.items():
        declared = info(source)
        if name not in schemas:
            raise NameUnknown("source", name, schemas, where=f"System {system.name!r}")
        for column in declared.keys:
            _kind(schemas, name, column)
        for role, (kinds, words) in _ROLES.items():
            column = getattr(declared, role)
            if column is None:
                continue
            kind = _kind(schemas, name, column)
            if kinds and kind not in kinds:
                written = "valid_from" if role == "at" and declared.kind == TABLE else role
                raise WrongType(f"Source {name!r} declares {written}={column!r}, a {kind} column.", expected=words)


def _check_lookups(system: System, scope: Scope) -> None:
    """The request's fields are of the kinds of the tables' keys that they name."""
    exprs = [part for feature in system.features for part in (feature.expr, *_key_parts(feature.expr))]
    for node in [node for expr in exprs for node in walk(expr, into_aggregates=False)]:
        if not isinstance(node, Column):
            continue
        for key in info(node.source).keys:
            theirs, ours = scope.schemas[info(node.source).name][key], scope.fields[key]
            if theirs != ours:
                raise WrongType(
                    f"{node} is read by {key!r}, a {theirs} column of the table and a {ours} field of the request.",
                    expected="the same kind on both sides",
                )


def _key_parts(expr: Expr) -> Iterable[Expr]:
    """The expressions of the keys of the aggregates in an expression."""
    return [part for node in walk(expr) if isinstance(node, Aggregate) for part in node.keys]


_OUTCOMES: dict[str, tuple[tuple[str, ...], str]] = {
    **dict.fromkeys((BINARY, SURVIVAL), ((BOOL,), "a condition, true or false")),
    **dict.fromkeys((*NUMBERS, RANKING), ((NUMBER, BOOL), "a number")),
    **dict.fromkeys((MULTICLASS, MULTILABEL), ((TEXT,), "a text, one of the label's classes")),
}
"""Of what kinds of values a label may be, by the kind of goal."""
_RULES: dict[str, tuple[tuple[str, ...], str]] = {
    **_OUTCOMES,
    SURVIVAL: ((BOOL, NUMBER), "a condition, or a number that is the greater the sooner the event is expected"),
    RANKING: ((NUMBER, BOOL), "a number by which items are ordered"),
}
"""Of what kinds of values a fallback may be."""


def _check_outcome(system: System, schemas: Schemas, scope: Scope) -> None:
    value, (wanted, words) = kind_of(system.label.value, scope, where="The label"), _OUTCOMES[system.kind]
    if value not in wanted:
        raise WrongType(f"The label {system.label.value} is a {value}.", expected=words)
    for source in system.label.sources:
        _kind(schemas, info(source).name, system.label.on)
    if system.label.void_when is not None and kind_of(system.label.void_when, scope, where="void_when") != BOOL:
        raise WrongType(f"void_when={system.label.void_when} is not a condition.", expected="true or false")
    if system.release.fallback.stated:
        rule, (wanted, words) = (
            kind_of(system.release.fallback.condition, scope, where="The fallback"),
            _RULES[system.kind],
        )
        if rule not in wanted:
            raise WrongType(f"The fallback {system.release.fallback.condition} is a {rule}.", expected=words)
    cost = system.goal.cost
    for name, part in (("false_positive", cost.false_positive), ("false_negative", cost.false_negative)):
        if not isinstance(part, Literal) and kind_of(part, scope, where=f"The cost of a {name}") != NUMBER:
            raise WrongType(f"cost({name}={part}) is not a number.", expected="a number")


FEWEST_ROWS = 1000
"""Without so many labels nothing is trained."""


def _approval(system: System) -> list[Choice]:
    """Who has to say yes before a candidate goes on, where anybody has."""
    asked = system.release.approval
    if asked is None:
        return []
    assumed = "never" if asked.in_replay is None else f"{times.spell(asked.in_replay)} after the gate"
    told = f"a person's yes, by `setpoint approve`; a replay has nobody to ask and assumes it {assumed}"
    return [Choice("approval", told, "declared")]


def _update(system: System) -> list[Choice]:
    """How a retraining goes on from the champion, where it may."""
    asked = system.release.update
    if asked is None:
        return []
    ways = {REFIT: "its leaves moved", CONTINUE: "more of it added", BEST: "in its learner's best way"}
    told = f"a model anew, and the champion updated by newer rows ({ways[asked]})"
    return [Choice("retraining", told, "declared; the better on the validation rows is the candidate")]


def _added(system: System) -> list[Choice]:
    """What models also learn from, beside decisions whose truth is known, and how they are to behave."""
    found, promised, handed = [], system.goal.confidence, system.goal.abstain
    if promised is not None:
        told = f"{promised.level:.0%} of outcomes" + ("" if promised.by is None else f", for each {promised.by}")
        found.append(Choice("confidence", told, "declared; calibrated on the validation rows, judged on held-out ones"))
    if handed is not None:
        told = f"to the {handed.to} where deciding is expected to cost more than {handed.cost:g}"
        found.append(Choice("handed over", told, "declared"))
    if system.ensemble is not None:
        why = "declared; taken where it is better than the best single model on the validation rows"
        found.append(Choice("ensemble", str(system.ensemble), why))
    found += [
        Choice(f"left out: {name}", "worked out, logged and watched; no model reads it", why)
        for name, why in system.leave_out
    ]
    if system.programs is not None:
        names = ", ".join(program.name for program in system.programs.programs)
        gold = system.programs.gold
        found.append(Choice("label programs", names, f"declared; {gold} gold rows choose how votes become labels"))
    if isinstance(system.sample, Chosen):
        why = "declared; no row has a known chance, so no interval follows from how they were chosen"
        found.append(Choice("sample", system.sample.words, why))
    elif system.sample is not None:
        told = ", ".join(f"{name} {value}" for name, value in system.sample.to_dict().items())
        found.append(Choice("sample", told, "declared; each row counts for those that it stands for"))
    if system.augment is not None:
        changes = ", ".join(change.to_dict()["change"] for change in system.augment.changes)
        found.append(Choice("made-up rows", f"{changes}; {system.augment.copies} of each row", "declared"))
    if system.unlabelled is not None:
        told = f"{system.unlabelled.method}, where at least {system.unlabelled.confidence:g} sure"
        found.append(Choice("decisions without a label", told, "declared; used where shown to help"))
    if system.goal.running is not None:
        found.append(Choice("costs of a model", str(system.goal.running), "declared; taken off what a model gains"))
    if system.goal.behaves:
        told, why = "; ".join(map(str, system.goal.behaves)), "judged on held-out rows that are changed, and kept to by"
        found.append(Choice("behaviour", told, f"declared; {why} learners that can"))
    return found


def _budget(system: System, profile: Profile) -> dict[str, int]:
    """The trials, rounds and folds of a declared search; with more folds where there are fewer rows."""
    declared = system.goal.search
    if declared is None:
        return {}
    rows = profile.rows.get(info(system.decide.spine).name, 0) * max(1, len(system.label.classes) - 1)
    folds = next(count for count, most in ((4, 5_000), (2, 20_000), (1, rows + 1)) if rows < most or count == 1)
    return {"trials": declared.trials or 1, "rounds": declared.rounds, "folds": declared.folds or folds}


def _searched(system: System, numbers: Mapping[str, Any]) -> Choice:
    """How far a search goes, and why."""
    declared = system.goal.search
    if declared is None:
        told = f"{numbers['trials']} trials, at most {numbers['rounds']} rounds, at the first training"
        why = "a retraining refits the stored recipe; more trials bought under 1 % of loss where we measured"
        return Choice("search", told, why)
    if declared.seconds is None:
        trials, folds = f"{numbers['trials']} trials", f"{numbers['folds']} folds"
    else:
        trials = f"as many trials as {declared.seconds:g} CPU seconds buy, by a fit measured at the first training"
        folds = f"at most {numbers['folds']} folds"
    why = "declared; a retraining refits the stored recipe; more folds where there are fewer rows"
    return Choice("search", f"{trials} of at most {numbers['rounds']} rounds, compared on {folds}", why)


def _derive(system: System, profile: Profile) -> tuple[list[Choice], list[str], dict[str, Any]]:
    label, release, goal = system.label, system.release, system.goal
    embargo = label.matures_after
    numbers: dict[str, Any] = {
        "tick": times.DAY,
        "embargo": embargo,
        "held_out": 0.25,
        "validation": 0.15,
        "trials": 6,
        "rounds": 600,
        "folds": 1,
        "draws": 200,
        "minimum_rows": FEWEST_ROWS if system.programs is None else 2 * system.programs.gold,
        "alarms_per_month": 1.0,
    }
    numbers |= _budget(system, profile)
    per_day = profile.decisions_per_day
    choices = [
        Choice(
            "least labels",
            f"{numbers['minimum_rows']} decisions with a mature, known label",
            "fewer cannot be learned from and judged"
            if system.programs is None
            else "label programs give the rest; these choose how, and judge",
        ),
        Choice("decision", f"one per row of {info(system.decide.spine).name} at {system.decide.at}", "declared"),
        Choice("request", ", ".join((system.decide.key, *system.decide.fields)), "only these exist when deciding"),
        Choice(
            "tick",
            "every 1d at midnight UTC",
            f"about {per_day:.0f} decisions a day; labels mature within days",
        ),
        Choice(
            "maturity",
            times.spell(label.matures_after),
            "when a label is settled, counted from its decision; unknown until then, not negative",
        ),
        Choice(
            "embargo",
            times.spell(embargo),
            "no label window of a training decision may reach into the held-out time",
        ),
        Choice(
            "held out",
            "the newest 25 % of mature time",
            "the gate judges the procedure on time it has not seen",
        ),
        Choice("validation", "the newest 15 % of what trains", "early stopping and calibration need later time"),
        _searched(system, numbers),
        Choice("metric", str(goal.metric), "declared"),
        Choice(
            "threshold",
            "where acting and not acting cost the same" if goal.act.by == "cost" else f"{goal.act.by}",
            "declared costs" if goal.act.by == "cost" else "declared",
        )
        if goal.acts
        else Choice("answer", *answer_of(goal, label)),
        Choice(
            "guardrails",
            "; ".join(str(rail) for rail in goal.must) or "none",
            "each must hold by its one-sided 95 % bound, or the model may not be promoted",
        ),
        Choice(
            "refresh",
            f"every {times.spell(release.refresh)}" if release.refresh else "only on an alarm",
            "declared" + ("; also when an alarm says that quality fell" if release.on_alarm else ""),
        ),
        Choice(
            "release",
            " > ".join(f"shadow {times.spell(stage.lasting)}" for stage in release.stages)
            + f" > promote by a paired test (margin {release.margin:g})"
            + f" > rollback watch {times.spell(release.rollback)}",
            "a model replaces another on evidence from the same decisions",
        ),
        *_approval(system),
        *_update(system),
        Choice(
            "alarm budget",
            f"{numbers['alarms_per_month']:g} false alarm a month over all monitors",
            "integrity 45 %, columns 25 %, score 10 %, labels 20 % of the budget (alpha-spending)",
        ),
    ]
    choices += _added(system)
    for name, source in sorted(system.sources.items()):
        declared = info(source)
        if declared.known_at is not None:
            known = f"known at {declared.known_at}"
        elif declared.kind == TABLE:
            known = "known from the time it holds" if declared.at else "true and known at all times"
        elif declared.delay is not None:
            known = f"known {times.spell(declared.delay)} after {declared.at}"
        else:
            known = "not readable by features"
        choices.append(Choice(f"source {name}", f"{declared.path}; {known}", "declared"))
        if name in system.contracts:
            stated = system.contracts[name]
            told = "; ".join(rule.name for rule in stated.rules) or "no rule"
            why = f"declared; a batch is refused when more than {stated.refuse_above:.0%} of it is set aside"
            choices.append(Choice(f"contract {name}", told, why))
    warnings = [
        f"Source {name!r} has no id=: a row delivered again in another batch would count twice."
        for name, source in sorted(system.sources.items())
        if info(source).kind != TABLE and info(source).id is None and info(source).key is None
    ]
    late = cost_source(goal.cost.false_negative) or cost_source(goal.cost.false_positive)
    if late is not None:
        choices.append(
            Choice(
                "cost",
                str(goal.cost.false_negative),
                "known only with the outcome: the threshold uses its mean in training",
            )
        )
    return choices, warnings, numbers


@dataclass(frozen=True)
class PlanChange:
    """One difference between two plans and what it makes run again."""

    what: str
    before: str | None
    after: str | None
    runs_again: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The change as JSON-like data."""
        return {
            "what": self.what,
            "before": self.before,
            "after": self.after,
            "runs_again": list(self.runs_again),
        }


_EVERYTHING = (
    "contract",
    "snapshot",
    "features",
    "training set",
    "model",
    "gate",
    "online state",
    "monitors",
)
_DOWNSTREAM = {
    "source": _EVERYTHING,
    "decide": ("features", "training set", "model", "gate", "request schema", "monitors"),
    "feature": ("that feature's state", "training set", "model", "gate", "its monitors"),
    "label": ("labels", "training set", "model", "gate", "live quality"),
    "goal": ("gate", "threshold", "reports"),
    "release": ("release stages", "retraining schedule"),
    "base": ("the features that read it", "training set", "model", "gate", "their monitors"),
    "freshness": ("its alarm",),
    "contract": ("rows that arrive from now on",),
    "left out": ("model", "gate"),
}


BESIDE = "new version beside the old"
"""What a change of a feature's definition makes."""


def diff_declarations(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[PlanChange, ...]:
    """What changed between two declarations (as `System.to_dict` data) and what runs again because of it.

    Where both have the `versions` of their features, a feature has changed when its version has. A changed feature is a
    new version beside the old one, which goes on being kept for the models that read it. `bases` are the base models
    that were found, as texts by name: another one is told once, and changes every feature that reads it.
    """
    changes: list[PlanChange] = []
    versions = before.get("versions", {}), after.get("versions", {})

    def compare(group: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        for name in sorted({*old, *new}):
            left, right = old.get(name), new.get(name)
            if left != right:
                title = f"{group} {name}" if name != group else group
                changes.append(PlanChange(title, _brief(left), _brief(right), _DOWNSTREAM[group]))

    compare("source", before["sources"], after["sources"])
    for name in sorted({*before["features"], *after["features"]}):
        left, right = (one["features"].get(name) for one in (before, after))
        old, new = (given.get(name, _brief(one)) for given, one in zip(versions, (left, right), strict=True))
        if left != right and old != new:
            beside = (BESIDE,) if None not in (left, right) else ()
            changes.append(PlanChange(f"feature {name}", old, new, (*beside, *_DOWNSTREAM["feature"])))
    was, found = before.get("bases", {}), after.get("bases", {})
    for name in sorted({*was, *found}):
        if was.get(name) != found.get(name):
            title, told = f"base model {name}", (was.get(name), found.get(name))
            changes.append(PlanChange(title, *told, _DOWNSTREAM["base"]))
    compare("freshness", before.get("freshness", {}), after.get("freshness", {}))
    compare("contract", before.get("contracts", {}), after.get("contracts", {}))
    compare("left out", before.get("leave_out", {}), after.get("leave_out", {}))
    for group in ("decide", "label", "goal", "release"):
        compare(group, {group: before[group]}, {group: after[group]})
    return tuple(changes)


def _brief(value: Any) -> str | None:
    return None if value is None else digest(value)[:8]
