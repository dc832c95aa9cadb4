"""torch: a network of a few layers on tables as a learner, trained there and scored by numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from setpoint.backends.asked import check_asked
from setpoint.backends.torch_design import Design, design_of
from setpoint.backends.torch_files import read_arrays
from setpoint.backends.torch_fit import Given, Way, adam, fit_network, need_torch, plain_step, steady, tensors
from setpoint.backends.torch_head import Head, head_of
from setpoint.backends.torch_model import NAME, Layers, MlpClasses, MlpModel, contributions_of
from setpoint.backends.torch_trace import trace_of
from setpoint.backends.weights import weighted
from setpoint.core.errors import ModelCorrupt
from setpoint.core.ports import Span, Trace
from setpoint.core.rng import seed_for
from setpoint.core.target import TARGETS, TWO_CLASSES, Target

if TYPE_CHECKING:
    from torch.nn import Module

DEFAULTS: dict[str, float | int] = {
    "epochs": 40,
    "hidden": 64,
    "layers": 2,
    "dropout": 0.2,
    "learning_rate": 0.001,
    "weight_decay": 0.1,
}
"""What a recipe may say, and what holds where it does not."""
_PORTFOLIO: tuple[dict[str, float | int], ...] = (
    {},
    {"hidden": 128, "dropout": 0.4},
    {"hidden": 32, "layers": 1, "dropout": 0.0, "learning_rate": 0.003},
)
EXPLAINED = 256
"""Training rows whose contributions make the importances."""


class MlpLearner:
    """A network of one or more layers on standardised numbers, flags of NULLs and learned vectors of categories.

    Vectors of categories are those of Guo and Berkhahn (2016), "Entity Embeddings of Categorical Variables". It starts
    from the prior, and the validation rows say after how many passes it was best. Training needs `setpoint[torch]`;
    a trained model is scored without it.
    """

    name = NAME
    losses: tuple[str, ...] = ("log_loss",)
    kinds: tuple[str, ...] = TARGETS

    def recipes(self, *, rounds: int) -> list[dict[str, Any]]:
        """Three fixed recipes, best guess first, each of at most `rounds` passes over the rows.

        >>> MlpLearner().recipes(rounds=20)[0]["epochs"]
        20
        """
        return [{**DEFAULTS, **each, "epochs": min(int(DEFAULTS["epochs"]), rounds)} for each in _PORTFOLIO]

    def space(self) -> dict[str, Span]:
        """The width of the layers, and how they are held back."""
        return {
            "hidden": Span(16, 256, log=True, whole=True),
            "layers": Span(1, 3, whole=True),
            "dropout": Span(0.0, 0.5),
            "learning_rate": Span(0.0003, 0.01, log=True),
            "weight_decay": Span(0.001, 1.0, log=True),
        }

    def fit(
        self,
        recipe: Mapping[str, Any],
        rows: np.ndarray,
        labels: np.ndarray,
        *,
        categories: Sequence[int],
        seed: int,
        weight: np.ndarray | None = None,
        validation: tuple[np.ndarray, np.ndarray] | None = None,
        validation_weight: np.ndarray | None = None,
        names: Sequence[str] = (),
        target: Target = TWO_CLASSES,
    ) -> tuple[MlpClasses, dict[str, Any]]:
        """A trained model; with `validation` it keeps its best pass, and the recipe says the passes of a refit."""
        del names
        check_asked(NAME, recipe, known=DEFAULTS, target=target.kind, targets=self.kinds)
        settings = {**DEFAULTS, **recipe}
        need_torch()
        known = weighted(rows, labels, weight)
        design = design_of(known.rows, categories, weight=known.weight)
        head = head_of(target, known.labels, known.weight)
        older = _given(design, head, known.rows, known.labels, known.weight, kept(target.query, weight))
        newer = None
        if validation is not None:
            later = weighted(*validation, validation_weight)
            query = kept(target.newer_query, validation_weight)
            newer = _given(design, head, later.rows, later.labels, later.weight, query)
        with steady(seed_for(seed, NAME)):
            network = network_of(design, head, settings)
            course = fit_network(
                network,
                _way(head, settings),
                older,
                newer,
                epochs=int(settings["epochs"]),
                seed=seed_for(seed, NAME, "order"),
            )
        model = _model(design, head, network, known.rows, known.weight)
        model.curve.update({head.kind: course.losses} if course.losses else {})
        return model, {**settings, "epochs": course.epochs}

    def trace(
        self,
        rows: np.ndarray,
        labels: np.ndarray,
        *,
        categories: Sequence[int],
        seed: int,
        target: Target = TWO_CLASSES,
    ) -> Trace:
        """What a short training of these few rows shows from within."""
        need_torch()
        settings, design = self.recipes(rounds=1)[0], design_of(rows, categories)
        head = head_of(target, labels, None)
        with steady(seed_for(seed, NAME)):
            network = network_of(design, head, {**settings, "dropout": 0.0})
            given = _given(design, head, rows, labels, None, target.query)
            return trace_of(network, _way(head, settings), given, seed=seed)

    def load(self, folder: Path) -> MlpClasses:
        """The model saved in a folder; raises ModelCorrupt when its files are not the saved ones."""
        arrays, body = read_arrays(folder, learner=NAME)
        try:
            design, head = Design.from_dict(body["design"]), Head.from_dict(body["head"])
            layers = Layers(*(_numbered(arrays, name) for name in ("vectors", "weights", "offsets")))
            return _kind_of(head)(design, head, layers, arrays["base"], arrays["shares"])
        except (KeyError, TypeError) as error:
            raise ModelCorrupt(
                f"The model in {folder.name} lacks {error}.", expected="a model as it was saved"
            ) from error


def network_of(design: Design, head: Head, settings: Mapping[str, Any]) -> Module:
    """The network that torch trains; its last layer is 0, so that it starts from the prior."""
    import torch
    from torch import Tensor, nn

    sizes = [(each.size + 1, min(16, int(np.ceil(1.6 * each.size**0.56)))) for each in design.categories]
    width = len(design.numbers) + len(design.flagged) + sum(size for _, size in sizes)

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.vectors = nn.ModuleList(nn.Embedding(many, size) for many, size in sizes)
            inner = [width, *[int(settings["hidden"])] * int(settings["layers"])]
            self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(inner, [*inner[1:], head.outputs], strict=True))
            self.dropout = nn.Dropout(float(settings["dropout"]))
            for each in self.vectors:
                nn.init.zeros_(each.weight)
            nn.init.zeros_(self.layers[-1].weight)
            nn.init.zeros_(self.layers[-1].bias)

        def forward(self, numbers: Tensor, places: Tensor) -> Tensor:
            values = torch.cat([numbers, *(each(places[:, c]) for c, each in enumerate(self.vectors))], dim=1)
            for layer in self.layers[:-1]:
                values = self.dropout(nn.functional.silu(layer(values)))
            last: Tensor = self.layers[-1](values)
            return last

    return Network()


def kept(query: np.ndarray | None, weight: np.ndarray | None) -> np.ndarray | None:
    """The queries of the rows that count."""
    return query if query is None or weight is None else query[weight > 0]


def _way(head: Head, settings: Mapping[str, Any]) -> Way:
    return Way(head, adam(float(settings["learning_rate"]), float(settings["weight_decay"])), plain_step(head))


def _given(
    design: Design,
    head: Head,
    rows: np.ndarray,
    labels: np.ndarray,
    weight: np.ndarray | None,
    query: np.ndarray | None,
) -> Given:
    return tensors((design.numeric(rows), design.places(rows)), head, labels, weight, query)


def _model(design: Design, head: Head, network: Any, rows: np.ndarray, weight: np.ndarray | None) -> MlpClasses:
    """The weights of a network as a model, with its base and importances."""
    vectors = tuple(_array(each.weight) for each in network.vectors)
    weights = tuple(np.ascontiguousarray(_array(each.weight).T) for each in network.layers)
    layers = Layers(vectors, weights, tuple(_array(each.bias) for each in network.layers))
    base = _base(design, vectors, rows, weight)
    some = rows[:: max(1, -(-len(rows) // EXPLAINED))]
    size = np.zeros(design.inputs)
    for output in range(head.outputs):
        size += np.abs(contributions_of(design, head, layers, base, some, output=output)[:, :-1]).mean(axis=0)
    total = float(size.sum())
    return _kind_of(head)(design, head, layers, base, size / total if total > 0 else size)


def _base(design: Design, vectors: tuple[np.ndarray, ...], rows: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """What a network is given of a row of means: numbers at their mean, flags and vectors as often as they occur."""
    places = design.places(rows)
    means = [np.zeros(len(design.numbers)), np.array(design.share)]
    for c, each in enumerate(vectors):
        counts = np.bincount(places[:, c], weights=weight, minlength=len(each))
        means.append(counts / counts.sum() @ each)
    return np.concatenate(means)


def _kind_of(head: Head) -> type[MlpClasses]:
    return MlpClasses if head.kind == "multiclass" else MlpModel


def _array(parameter: Any) -> np.ndarray:
    return np.asarray(parameter.detach().numpy(), dtype=np.float64).copy()


def _numbered(arrays: Mapping[str, np.ndarray], name: str) -> tuple[np.ndarray, ...]:
    return tuple(arrays[key] for key in sorted(arrays) if key.startswith(f"{name}."))
