"""Base models and what was made with them: which models learned from a base that is no longer the one at hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from setpoint.core.errors import BaseChanged
from setpoint.core.ports import BaseVersion, Metadata
from setpoint.registry import models
from setpoint.registry.lineage import models_in_use

ABSENT = "not declared any more"


@dataclass(frozen=True)
class Stale:
    """A model that learned from a base which is another one now; `role` is what a loop needs the model for, if any."""

    model: str
    base: str
    was: str
    found: str
    role: str = ""

    def to_dict(self) -> dict[str, str]:
        """The model as JSON-like data."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def told_bases(bases: Mapping[str, BaseVersion]) -> dict[str, dict[str, str]]:
    """Base models by name, as the document of a model has them.

    >>> told_bases({"wordllama": BaseVersion("wordllama", "0.4", "4d24")})
    {'wordllama': {'package': 'wordllama', 'version': '0.4', 'digest': '4d24'}}
    """
    return {name: version._asdict() for name, version in bases.items()}


def bases_of(body: Mapping[str, Any]) -> dict[str, BaseVersion]:
    """The base models that a model learned from, by name; none where its document names none."""
    return {name: BaseVersion(**told) for name, told in body.get("bases", {}).items()}


def stale(body: Mapping[str, Any], bases: Mapping[str, BaseVersion]) -> Stale | None:
    """What is another one of the base models that a model learned from; None where they are those at hand.

    >>> old, new = (BaseVersion("wordllama", version, version * 8) for version in "34")
    >>> body = {"model": "m1", "bases": told_bases({"wordllama": old})}
    >>> stale(body, {"wordllama": old}) is None, stale(body, {"wordllama": new}).found
    (True, 'wordllama 4 (weights 44444444)')
    """
    for name, was in bases_of(body).items():
        if bases.get(name) != was:
            return Stale(body["model"], name, str(was), str(bases.get(name, ABSENT)))
    return None


def check_bases(body: Mapping[str, Any], bases: Mapping[str, BaseVersion]) -> None:
    """Raise BaseChanged for a model that learned from another base than the one at hand."""
    found = stale(body, bases)
    if found is not None:
        raise BaseChanged(f"The model {found.model[:12]}", found.base, found.was, found.found)


def stale_models(registries: Iterable[Metadata], bases: Mapping[str, BaseVersion]) -> list[Stale]:
    """The models of registries that learned from another base than the one at hand, those in use first."""
    found: dict[str, Stale] = {}
    for metadata in registries:
        roles = dict(models_in_use(metadata))
        for body in models.all_models(metadata):
            one = stale(body, bases)
            if one is not None and (one.model not in found or one.model in roles):
                found[one.model] = Stale(one.model, one.base, one.was, one.found, roles.get(one.model, ""))
    return sorted(found.values(), key=lambda one: not one.role)
