"""Augmentation: what made-up rows a model also trains on, declared by the kind of feature they change."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from setpoint.core.errors import DeclarationError, WrongType


@dataclass(frozen=True)
class Noise:
    """Normal noise on numbers, in standard deviations of the training rows; NULL stays NULL."""

    features: tuple[str, ...]
    by: float

    def to_dict(self) -> dict[str, Any]:
        """The change as JSON-like data."""
        return {"change": "noise", "features": list(self.features), "by": self.by}


@dataclass(frozen=True)
class Substitute:
    """Words of a text replaced by others that mean the same, each at a rate."""

    feature: str
    words: tuple[tuple[str, tuple[str, ...]], ...]
    rate: float

    @property
    def features(self) -> tuple[str, ...]:
        """The one feature that it changes."""
        return (self.feature,)

    def to_dict(self) -> dict[str, Any]:
        """The change as JSON-like data."""
        words = {word: list(others) for word, others in self.words}
        return {"change": "substitute", "feature": self.feature, "words": words, "rate": self.rate}


@dataclass(frozen=True)
class Shift:
    """Images moved by up to so many pixels along each side; what comes in from outside is `fill`."""

    features: tuple[str, ...]
    width: int
    by: int
    fill: float

    def to_dict(self) -> dict[str, Any]:
        """The change as JSON-like data."""
        told = {"features": list(self.features), "width": self.width, "by": self.by, "fill": self.fill}
        return {"change": "shift_image", **told}


@dataclass(frozen=True)
class Crop:
    """Images cut to a part of at least `keep` of each side, at a random place, and stretched to their size again."""

    features: tuple[str, ...]
    width: int
    keep: float

    def to_dict(self) -> dict[str, Any]:
        """The change as JSON-like data."""
        return {"change": "crop_image", "features": list(self.features), "width": self.width, "keep": self.keep}


@dataclass(frozen=True)
class Mixup:
    """Pairs of rows mixed, numbers and labels alike; other features are those of the row with the larger part."""

    alpha: float
    features: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The change as JSON-like data."""
        return {"change": "mixup", "alpha": self.alpha}


Change: TypeAlias = Noise | Substitute | Shift | Crop | Mixup


@dataclass(frozen=True)
class Augment:
    """Rows made up from those that train: each `copies` times, every change on every copy."""

    changes: tuple[Change, ...]
    copies: int

    def to_dict(self) -> dict[str, Any]:
        """The augmentation as JSON-like data."""
        return {"changes": [change.to_dict() for change in self.changes], "copies": self.copies}


def augment(*changes: Change, copies: int = 1) -> Augment:
    """What a model also trains on: so many copies of every training row, each changed a little.

    Made-up rows fit a model and nothing else: encodings are fitted on real rows, and the rows that stop, calibrate and
    judge a training are never touched. The gate compares with the same recipe without them and says whether they
    helped (Huyen 2022, "Designing Machine Learning Systems", chapter 4).

    >>> augment(noise("total", by=0.05), mixup(0.2)).copies
    1
    """
    if not changes:
        raise DeclarationError("augment() changes nothing.", expected='a change such as sp.noise("total", by=0.05)')
    for change in changes:
        if not isinstance(change, (Noise, Substitute, Shift, Crop, Mixup)):
            raise WrongType(f"augment() was given {change!r}.", expected='a change such as sp.noise("total", by=0.05)')
    if not isinstance(copies, int) or isinstance(copies, bool) or not 1 <= copies <= 100:
        raise DeclarationError(f"augment(copies={copies!r}).", expected="a whole number from 1 to 100")
    return Augment(tuple(changes), copies)


def noise(*features: str, by: float) -> Noise:
    """Normal noise on features that are numbers; `by` is its deviation, in deviations of the training rows.

    >>> noise("total", "age", by=0.05).features
    ('total', 'age')
    """
    if not math.isfinite(_number("noise", "by", by)) or not 0 < by <= 10:
        raise DeclarationError(f"noise(by={by!r}).", expected="a number above 0 and at most 10")
    return Noise(_names("noise", features), float(by))


def substitute(feature: str, words: Mapping[str, Sequence[str]], *, rate: float = 0.1) -> Substitute:
    """Words of a text replaced by one of their others, each with the chance `rate`; case is kept where it can be.

    >>> substitute("subject", {"free": ["gratis", "at no cost"]}).rate
    0.1
    """
    (name,) = _names("substitute", (feature,))
    if not isinstance(words, Mapping) or not words:
        raise WrongType(f"substitute({name!r}, {words!r}).", expected='words and others: {"free": ["gratis"]}')
    for word, others in words.items():
        texts = [] if isinstance(others, str) else list(others)
        if not isinstance(word, str) or not word or not texts or not all(isinstance(each, str) for each in texts):
            raise WrongType(f"substitute({name!r}) has {word!r}: {others!r}.", expected='a list, as in ["gratis"]')
    if not 0 < _number("substitute", "rate", rate) <= 1:
        raise DeclarationError(f"substitute({name!r}, rate={rate!r}).", expected="a chance above 0 and at most 1")
    return Substitute(name, tuple((word, tuple(others)) for word, others in words.items()), float(rate))


def shift_image(features: Sequence[str], *, width: int, by: int = 1, fill: float = 0.0) -> Shift:
    """Images moved by up to `by` pixels; `features` are their pixels, row by row, `width` in each.

    >>> shift_image([f"pixel_{i}" for i in range(64)], width=8).by
    1
    """
    names = _image("shift_image", features, width)
    most = min(width, len(names) // width) - 1
    if not isinstance(by, int) or isinstance(by, bool) or not 1 <= by <= most:
        raise DeclarationError(f"shift_image(by={by!r}).", expected=f"whole pixels from 1 to {most}")
    return Shift(names, width, by, float(_number("shift_image", "fill", fill)))


def crop_image(features: Sequence[str], *, width: int, keep: float = 0.8) -> Crop:
    """Images cut to a random part of at least `keep` of each side, stretched to their size by the nearest pixel.

    >>> crop_image([f"pixel_{i}" for i in range(64)], width=8, keep=0.75).keep
    0.75
    """
    names = _image("crop_image", features, width)
    if not 0 < _number("crop_image", "keep", keep) < 1:
        raise DeclarationError(f"crop_image(keep={keep!r}).", expected="a share above 0 and below 1")
    return Crop(names, width, float(keep))


def mixup(alpha: float = 0.2) -> Mixup:
    """Rows mixed in pairs by parts drawn from Beta(alpha, alpha), labels by the same parts.

    Zhang, Cisse, Dauphin and Lopez-Paz (2018), "mixup: Beyond Empirical Risk Minimization".

    >>> mixup(0.4).alpha
    0.4
    """
    if not 0 < _number("mixup", "alpha", alpha) <= 10:
        raise DeclarationError(f"mixup({alpha!r}).", expected="a number above 0 and at most 10")
    return Mixup(float(alpha))


def _names(what: str, features: Sequence[str]) -> tuple[str, ...]:
    if not features or not all(isinstance(name, str) and name for name in features):
        raise WrongType(f"{what}() names the features {features!r}.", expected='texts such as "total"')
    if len(set(features)) != len(features):
        raise DeclarationError(f"{what}() names a feature twice: {list(features)}.", expected="each once")
    return tuple(features)


def _image(what: str, features: Sequence[str], width: int) -> tuple[str, ...]:
    names = _names(what, () if isinstance(features, str) else tuple(features))
    if not isinstance(width, int) or isinstance(width, bool) or width < 2 or len(names) % width or len(names) == width:
        raise DeclarationError(
            f"{what}() has {len(names)} pixels in rows of {width!r}.", expected="two rows or more, all of one width"
        )
    return names


def _number(what: str, name: str, value: object) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise WrongType(f"{what}({name}={value!r}).", expected="a number")
    return float(value)
