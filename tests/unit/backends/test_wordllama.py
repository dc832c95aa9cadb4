"""WordLlama: its own code as a second implementation, exact sums, and what is said where it is not as it should be."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from setpoint.backends import wordllama
from setpoint.backends.wordllama import TOKENS, WEIGHTS, open_wordllama
from setpoint.core.errors import BaseChanged, MissingExtra, ModelCorrupt

TEXTS = ["cheap loans, click here", "the patch fixes a bug in the kernel", "Grüße aus Köln", "word " * 500]


def package() -> Path:
    """The folder of the installed package."""
    return wordllama._folder()


@pytest.fixture
def quiet() -> Iterator[None]:
    """The root of logging as it was: importing the authors' code changes it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("quiet")
def test_the_numbers_are_those_of_its_authors() -> None:
    """WordLlamaInference.embed of the same package, which adds in 32 bits, agrees to its own rounding."""
    from wordllama.inference import WordLlamaInference

    weights = load_file(package() / WEIGHTS)["embedding.weight"]
    model = WordLlamaInference(weights, Tokenizer.from_file(str(package() / TOKENS)))
    for size in (64, 256):
        np.testing.assert_allclose(open_wordllama().embed(TEXTS, size), model.embed(TEXTS)[:, :size], atol=2e-6)


def test_a_number_is_the_exact_mean_rounded_once() -> None:
    """Fractions in plain Python: so neither the order of addition nor the machine changes a bit."""
    weights = load_file(package() / WEIGHTS)["embedding.weight"]
    tokens = Tokenizer.from_file(str(package() / TOKENS))
    for text, row in zip(TEXTS, open_wordllama().embed(TEXTS, 64), strict=True):
        ids = tokens.encode(text, add_special_tokens=False).ids
        for place in range(0, 64, 9):
            exact = sum((Fraction(float(weights[token, place])) for token in ids), Fraction())
            assert row[place] == float(exact) / len(ids)


def test_every_weight_is_one_of_those_that_add_without_rounding() -> None:
    """Whole multiples of 2**-24, below 16 in size."""
    weights = load_file(package() / WEIGHTS)["embedding.weight"].astype(np.float64)
    assert float(np.abs(weights).max()) < 16
    assert np.array_equal(weights * 2.0**24, np.rint(weights * 2.0**24))


def test_without_the_extra_the_line_that_installs_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever of its packages lacks."""
    for lacking in ("wordllama", "tokenizers", "safetensors"):
        with monkeypatch.context() as patched:
            patched.setitem(sys.modules, lacking, None)
            with pytest.raises(MissingExtra, match=r"pip install 'setpoint\[text\]'") as told:
                open_wordllama.__wrapped__()
        assert told.value.package == lacking


def test_files_that_are_no_weights_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken install is not an unknown error."""
    for name in (WEIGHTS, TOKENS):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes((package() / name).read_bytes()[:100])
    monkeypatch.setattr(wordllama, "_folder", lambda: tmp_path)
    with pytest.raises(ModelCorrupt, match="pip install --force-reinstall wordllama"):
        open_wordllama.__wrapped__()


def test_another_version_in_another_process_is_refused() -> None:
    """What was made with one base is not gone on with by another."""
    version = open_wordllama().version
    with pytest.raises(BaseChanged, match=r"wordllama 0\.1") as told:
        wordllama._same(version._replace(version="0.1"))
    assert (told.value.base, told.value.found) == ("wordllama", str(version))
