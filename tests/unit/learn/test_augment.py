"""Made-up rows: what each change does, and that real rows stay as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.datasets import load_digits

from setpoint.backends.sklearn import LogisticLearner
from setpoint.core.errors import DeclarationError, NameUnknown, WrongType
from setpoint.declare.augment import Augment, augment, crop_image, mixup, noise, shift_image, substitute
from setpoint.learn.augment import augmented, together
from setpoint.learn.sides import Examples
from setpoint.measure.metrics import log_loss

ROWS = 400
ANYTHING: Any = "noise"


def rows(seed: int = 0) -> Examples:
    """Rows with two numbers, of which some are NULL, and a text."""
    rng = np.random.default_rng(seed)
    total = np.where(rng.random(ROWS) < 0.1, np.nan, rng.normal(50, 20, ROWS))
    features = pa.table(
        {
            "total": pa.array(total, from_pandas=True),
            "age": rng.integers(18, 90, ROWS).astype(np.float64),
            "subject": [["Free offer", "meeting at nine", None, "FREE freedom"][i % 4] for i in range(ROWS)],
        }
    )
    y = (rng.random(ROWS) < 0.3).astype(np.float64)
    return Examples(features, features.select(["age"]), y, np.arange(ROWS), {}, rng.uniform(0.5, 2.0, ROWS))


def made(*changes: Any, copies: int = 1, seed: int = 0) -> Examples:
    """The made-up rows of the rows above."""
    return augmented(augment(*changes, copies=copies), rows(), seed=seed)


def test_noise_is_as_large_as_declared_and_null_stays_null() -> None:
    """In deviations of the real rows; labels, times and weights are those of the rows that they were made from."""
    real, found = rows(), made(noise("total", by=0.1), copies=5)
    added = found.features["total"].to_numpy() - np.tile(real.features["total"].to_numpy(), 5)
    deviation = np.nanstd(real.features["total"].to_numpy())
    assert np.nanstd(added) == pytest.approx(0.1 * deviation, rel=0.05)
    assert found.features["total"].null_count == 5 * real.features["total"].null_count
    assert found.features["age"].equals(pa.chunked_array([np.tile(real.features["age"].to_numpy(), 5)]))
    assert np.array_equal(found.y, np.tile(real.y, 5))
    assert np.array_equal(found.weight, np.tile(real.weight, 5))
    assert np.array_equal(found.at, np.tile(real.at, 5))


def test_words_are_replaced_whole_at_their_rate_and_keep_their_case() -> None:
    """Of a half about a half; parts of words never."""
    found = made(substitute("subject", {"free": ["gratis"], "meeting at": ["session at"]}, rate=0.5), copies=10)
    texts = found.features["subject"].to_pylist()
    assert set(texts) == {
        "Free offer",
        "Gratis offer",
        "meeting at nine",
        "session at nine",
        None,
        "FREE freedom",
        "gratis freedom",
    }
    assert texts.count("Gratis offer") / (10 * ROWS / 4) == pytest.approx(0.5, abs=0.05)


def test_a_shifted_image_is_the_image_elsewhere() -> None:
    """Each is one of the nine moves of a pixel, with the fill where nothing was."""
    image = np.arange(1.0, 13.0).reshape(3, 4)
    names = [f"p{i}" for i in range(12)]
    table = pa.table({name: [float(value)] * 200 for name, value in zip(names, image.ravel(), strict=True)})
    one = Examples(table, table.select(["p0"]), np.zeros(200), np.arange(200))
    found = augmented(augment(shift_image(names, width=4, by=1, fill=-1.0)), one, seed=0)
    padded = np.pad(image, 1, constant_values=-1.0)
    moves = {tuple(padded[down : down + 3, right : right + 4].ravel()) for down in range(3) for right in range(3)}
    pixels = np.stack([found.features[name].to_numpy() for name in names], axis=1)
    assert {tuple(row) for row in pixels.tolist()} == moves


def test_a_cropped_image_has_only_pixels_of_the_image() -> None:
    """In their order, from a part as large as declared."""
    names = [f"p{i}" for i in range(16)]
    table = pa.table({name: [float(i)] * 300 for i, name in enumerate(names)})
    one = Examples(table, table.select(["p0"]), np.zeros(300), np.arange(300))
    found = augmented(augment(crop_image(names, width=4, keep=0.5)), one, seed=0)
    pixels = np.stack([found.features[name].to_numpy() for name in names], axis=1).reshape(-1, 4, 4)
    down, right = np.floor(pixels / 4), pixels % 4
    assert (np.diff(down, axis=1) >= 0).all()
    assert (np.diff(right, axis=2) >= 0).all()
    spans = down.max(axis=(1, 2)) - down.min(axis=(1, 2)) + 1
    assert spans.min() == 2
    assert spans.max() == 4


def test_mixed_labels_keep_their_share_and_weight() -> None:
    """A label p is a positive of p times the weight and a negative of the rest: none is lost."""
    real, found = rows(), made(mixup(0.4), copies=20)
    share = float((found.y * found.weight).sum() / found.weight.sum())
    assert found.weight.sum() == pytest.approx(20 * real.weight.sum())
    assert share == pytest.approx(np.average(real.y, weights=real.weight), abs=0.01)
    assert found.features["total"].null_count > 0
    assert np.nanstd(found.features["age"].to_numpy()) < np.std(real.features["age"].to_numpy())


def test_the_same_seed_makes_the_same_rows_and_real_ones_stay() -> None:
    """The rows given are not written to."""
    changes = noise("total", by=0.1), substitute("subject", {"free": ["gratis"]}), mixup()
    real = rows()
    before = real.features.to_pydict()
    first, second = (augmented(augment(*changes), real, seed=3) for _ in range(2))
    assert first.features.equals(second.features)
    assert np.array_equal(first.y, second.y)
    assert not first.features.equals(augmented(augment(*changes), real, seed=4).features)
    assert real.features.to_pydict() == before
    joined = together(real, first)
    assert joined.features.slice(0, ROWS).equals(real.features)
    assert joined.y.size == ROWS + first.y.size


def test_shifted_digits_help_where_labels_are_few() -> None:
    """Of 120 labelled digits more is learned, for images a pixel away, when each is also seen shifted."""
    digits = load_digits()
    names = [f"p{i}" for i in range(64)]
    order = np.random.default_rng(0).permutation(digits.target.size)
    pixels, y = digits.data[order], (digits.target[order] == 8).astype(np.float64)
    shifted = np.stack([np.roll(image.reshape(8, 8), (1, 0), (0, 1)).ravel() for image in pixels[900:]])
    table = pa.table({name: pixels[:120, i] for i, name in enumerate(names)})
    few = Examples(table, table.select(["p0"]), y[:120], np.arange(120))
    more = together(few, augmented(augment(shift_image(names, width=8), copies=8), few, seed=0))
    losses = []
    for train in (few, more):
        matrix = np.stack([train.features[name].to_numpy() for name in names], axis=1)
        model, _ = LogisticLearner().fit({"c": 0.1}, matrix, train.y, categories=(), seed=0, names=names)
        losses.append(log_loss(y[900:], model.predict(shifted)))
    assert losses[1] < losses[0]


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (augment, DeclarationError, "changes nothing"),
        (lambda: augment(ANYTHING), WrongType, "'noise'"),
        (lambda: augment(mixup(), copies=0), DeclarationError, "copies=0"),
        (lambda: noise(by=0.1), WrongType, "names the features"),
        (lambda: noise("a", "a", by=0.1), DeclarationError, "twice"),
        (lambda: noise("a", by=-1), DeclarationError, "by=-1"),
        (lambda: noise("a", by=ANYTHING), WrongType, "a number"),
        (lambda: substitute("a", {}), WrongType, "words and others"),
        (lambda: substitute("a", {"free": "gratis"}), WrongType, "a list"),
        (lambda: substitute("a", {"free": ["x"]}, rate=2), DeclarationError, "rate=2"),
        (lambda: shift_image(["a", "b", "c"], width=2), DeclarationError, "3 pixels in rows of 2"),
        (lambda: shift_image(["a", "b", "c", "d"], width=2, by=2), DeclarationError, "by=2"),
        (lambda: crop_image(["a", "b", "c", "d"], width=2, keep=1), DeclarationError, "keep=1"),
        (lambda: mixup(0), DeclarationError, "mixup"),
    ],
)
def test_what_cannot_be_declared_is_refused(wrong: Any, error: type[Exception], words: str) -> None:
    """With what was given."""
    with pytest.raises(error, match=words):
        wrong()


def test_a_change_of_what_is_not_there_is_refused() -> None:
    """Or of another kind."""
    with pytest.raises(NameUnknown, match="Did you mean 'total'"):
        made(noise("totl", by=0.1))
    with pytest.raises(DeclarationError, match="which is a text"):
        made(noise("subject", by=0.1))
    with pytest.raises(DeclarationError, match="which is a number"):
        made(substitute("age", {"a": ["b"]}))
    assert isinstance(augment(mixup()), Augment)
