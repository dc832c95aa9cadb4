"""Marks: what people say of models: tags, aliases that point to one model, and that a model was moved to the archive.

Marks are only ever added to, each with who said it, when and why, so what a name meant at a time can be asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from setpoint.core.errors import WrongType
from setpoint.core.ports import Metadata

NOUN = "mark"
TAG, UNTAG, ALIAS, UNALIAS, ARCHIVE, UNARCHIVE = "tag", "untag", "alias", "unalias", "archive", "unarchive"
ACTS = (TAG, UNTAG, ALIAS, UNALIAS, ARCHIVE, UNARCHIVE)


@dataclass(frozen=True)
class Marks:
    """What holds now: the tags of each model, the model of each alias, and the models in the archive, since when."""

    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    archived: Mapping[str, int] = field(default_factory=dict)

    def names_of(self, model: str) -> tuple[str, ...]:
        """The aliases that point to a model, in order."""
        return tuple(sorted(name for name, found in self.aliases.items() if found == model))


def mark(metadata: Metadata, act: str, *, model: str, name: str = "", at: int, by: str = "", why: str = "") -> None:
    """Write down that a model is tagged, is what an alias points to, or was moved to the archive; or no longer.

    Raises WrongType for a name that a search could not find again.
    """
    if act in (TAG, UNTAG, ALIAS, UNALIAS) and (not name or any(sign.isspace() or sign in "\"'" for sign in name)):
        raise WrongType(f"{act} {name!r} has no name to find it by.", expected="a name without spaces and quotes")
    metadata.append(NOUN, [{"act": act, "model": model, "name": name, "at": at, "by": by, "why": why}])


def marks_of(metadata: Metadata, *, known_at: int | None = None) -> Marks:
    """What people say of models now, or said by a time."""
    found = metadata.find(NOUN)
    return fold_marks(each for each in found if known_at is None or each["at"] <= known_at)


def fold_marks(marks: Iterable[Mapping[str, Any]]) -> Marks:
    """What holds after these marks, in order of writing.

    >>> said = [{"act": "tag", "model": "m1", "name": "easter", "at": 3}]
    >>> fold_marks([*said, {"act": "alias", "model": "m1", "name": "best", "at": 4}]).names_of("m1")
    ('best',)
    """
    tags, aliases, archived = dict[str, dict[str, None]](), dict[str, str](), dict[str, int]()
    for each in marks:
        act, model, name = each["act"], each["model"], each["name"]
        if act == TAG:
            tags.setdefault(model, {})[name] = None
        elif act == UNTAG:
            tags.get(model, {}).pop(name, None)
        elif act == ALIAS:
            aliases[name] = model
        elif act == UNALIAS:
            aliases.pop(name, None)
        elif act == ARCHIVE:
            archived[model] = each["at"]
        elif act == UNARCHIVE:
            archived.pop(model, None)
    return Marks({model: tuple(sorted(names)) for model, names in tags.items() if names}, aliases, archived)
