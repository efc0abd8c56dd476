"""Pretrained weights of a comparison: those of a classifier that reads texts, or a head
on stored layers of its model.
"""

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from embetter_reg.analysis.compare._held_out import text_keys
from embetter_reg.pretrained import PRETRAINED, Card, read_card, seen_digests
from embetter_reg.store import Embeddings, iter_embeddings, joined, rows_in

_FROZEN = "-frozen"
# How a head's layers have to be read, and how the manifest of embeddings names that.
_READING = ("prompt", "max_length")


class ClassifierWeights:
    """The pretrained register classifier, and its base model as it was."""

    needs_text = True

    def __init__(self, registers: Any):
        self.registers = registers
        self.card: Card = registers.card
        self.head = repr(registers)
        self.encoder = repr(registers.untuned())

    def seen(self, documents: pd.DataFrame) -> np.ndarray:
        """Return which documents trained the weights."""
        return self.registers.seen(documents["text"])

    def tuned(self, documents: pd.DataFrame) -> tuple[np.ndarray, list[list[str]]]:
        """Return the register space of documents, and their predicted registers."""
        from embetter_reg.text import join_layers, list_layers

        registers = self.registers
        layers = list_layers(registers.layers)
        encoded = registers.encode(documents["text"], layers)
        decided = registers.decide(encoded.probabilities)
        return join_layers(encoded.layers), registers.label_sets(decided)

    def original(self, documents: pd.DataFrame) -> np.ndarray:
        """Return the space of the model as it was."""
        return self.registers.untuned().transform(documents["text"])


class StoredWeights:
    """The head on frozen layers that belongs to stored embeddings.

    Files are read part by part: of all the layers that the head reads, only the last
    and what the head makes of them are kept.
    """

    needs_text = False

    def __init__(self, name: Any, parts: Iterator[Embeddings]):
        from embetter_reg.finetune import load_head

        first = next(parts, None)
        if first is None:
            raise ValueError(
                f"got {name} without documents, expected some; encode documents"
            )
        names = name if isinstance(name, list) else [name]
        self.source = " and ".join(map(str, names))
        self.card = _card_for(self.source, first.manifest)
        model = Path(self.card.base_model).name
        self._head = load_head(model)
        self._folder = f"{model}{_FROZEN}"
        self.head = f"{self._folder}: {self._head!r}"
        last = f"layer {self.card.layers[-1]}"
        short = " and ".join(Path(str(each)).name for each in names)
        self.encoder = f"embeddings {short} {last}"
        _warn_of_other_reading(self.source, self.card, first.manifest)
        projected = [self._projected(first), *map(self._projected, parts)]
        self._embeddings = joined(projected)

    def seen(self, documents: pd.DataFrame) -> np.ndarray:
        """Return which documents trained the weights, as far as their texts are known."""
        if "text" not in documents and "digest" not in documents:
            warnings.warn(
                f"{self.source} has kept neither texts nor digests: documents that "
                "trained the pretrained weights are not told from others",
                stacklevel=4,
            )
            return np.zeros(len(documents), bool)
        return seen_digests(self._folder, text_keys(documents).tolist())

    def tuned(self, documents: pd.DataFrame) -> tuple[np.ndarray, list[list[str]]]:
        """Return the register space of documents, and their predicted registers."""
        rows = self._embeddings.rows_of(documents, self.source)
        labels = self._embeddings.documents["predicted"].iloc[rows]
        return rows_in(self._embeddings.layers["pretrained"], rows), labels.tolist()

    def original(self, documents: pd.DataFrame) -> np.ndarray:
        """Return the last layer that the head reads, at unit length."""
        rows = self._embeddings.rows_of(documents, self.source)
        return rows_in(self._embeddings.layers["original"], rows)

    def _projected(self, part: Embeddings) -> Embeddings:
        from embetter_reg.text import join_layers, unit_length

        X = part.layers.get("embedding")
        if X is None:
            layers = [_layer(part, layer, self.source) for layer in self.card.layers]
            X = join_layers(layers)
        n_dims = X.shape[1] // len(self.card.layers)
        probabilities = self._head.predict_proba(X)
        decided = probabilities >= np.asarray(self.card.threshold)
        classes = np.asarray(self._head.classes_)
        predicted = [classes[row].tolist() for row in decided]
        # Documents are paired by these; a second copy of all texts is not needed.
        paired = "digest" if "digest" in part.documents else "text"
        columns = [name for name in ("id", paired) if name in part.documents]
        return Embeddings(
            part.documents[columns].assign(
                predicted=pd.Series(predicted, part.documents.index, dtype=object)
            ),
            {
                "original": unit_length(X[:, -n_dims:]),
                "pretrained": self._head.transform(X),
            },
            part.manifests,
        )


def find_weights(
    head: Any,
    embeddings: Any,
    reading: Mapping[str, Any],
    show_progress: bool,
    others: Mapping[str, Any],
) -> ClassifierWeights | StoredWeights | None:
    """Return the pretrained weights that ``head`` stands for, or None for any other
    head.

    Raises
    ------
    ValueError
        If ``others``, which need a head that is fitted, are given too, or embeddings are
        not of a model and layers that a pretrained head reads.

    """
    from embetter_reg.text import PretrainedRegisters

    is_classifier = isinstance(head, PretrainedRegisters)
    if not is_classifier and not (isinstance(head, str) and head == "pretrained"):
        return None
    given = [name for name, value in others.items() if value is not None and len(value)]
    if given:
        raise ValueError(
            f"got {given[0]} with the head 'pretrained', which is compared with its own "
            "model and fits nothing, expected documents alone, or stored embeddings; "
            "leave it out"
        )
    options = {name: value for name, value in reading.items() if value is not None}
    if len(embeddings):
        if is_classifier or options:
            unusable = repr(head) if is_classifier else next(iter(options))
            raise ValueError(
                f"got {unusable} with stored embeddings, which are not encoded again, "
                "expected the head 'pretrained' alone; leave it out, or the embeddings"
            )
        return StoredWeights(*_parts(embeddings))
    registers = head
    if not is_classifier:
        registers = PretrainedRegisters(show_progress=show_progress)
    if options:
        registers = clone(registers).set_params(**options)
    return ClassifierWeights(registers)  # with its model, where that is loaded already


def _parts(embeddings: Any) -> tuple[Any, Iterator[Embeddings]]:
    """Return the name of the only source of embeddings, and its parts."""
    if len(embeddings) > 1:
        raise ValueError(
            f"got {len(embeddings)} sources of embeddings with the head 'pretrained', "
            "expected one, of the model that the head belongs to; pass that"
        )
    if isinstance(embeddings, Mapping):
        ((name, stored),) = embeddings.items()
        return name, stored.iter_batches()
    (path,) = embeddings
    return path, iter_embeddings(path)


def _card_for(source: str, manifest: Mapping[str, Any]) -> Card:
    """Return the card of the head that reads the model and layers of embeddings."""
    from embetter_reg.text import list_layers

    frozen = [name for name in PRETRAINED if name.endswith(_FROZEN)]
    cards = {Path(card.base_model).name: card for card in map(read_card, frozen)}
    parameters = manifest.get("parameters") or {}
    model = Path(str(parameters.get("name", ""))).name
    layers = [str(layer) for layer in manifest.get("layers") or []]
    card = cards.get(model)
    if card and "adapter" not in parameters:
        read = [str(layer) for layer in card.layers]
        of_joined = [str(layer) for layer in list_layers(parameters.get("layers"))]
        if set(read) <= set(layers) or (layers == ["embedding"] and of_joined == read):
            return card
    made = f"{manifest.get('encoder', 'an encoder that is not recorded')} {model}"
    readable = " or ".join(
        f"{name} --layers {','.join(map(str, card.layers))}"
        for name, card in cards.items()
    )
    raise ValueError(
        f"got {source}, made by {made.strip()} with the layers {layers}, expected layers "
        f"that a pretrained head reads; encode with --encoder {readable}, or compare the "
        "embeddings as they are with --head none"
    )


def _layer(part: Embeddings, layer: int | str, source: str) -> np.ndarray:
    if str(layer) not in part.layers:
        raise ValueError(
            f"got {source}, a part of which has the layers {list(part.layers)}, expected "
            f"{layer} among them; encode all documents in one call"
        )
    return part.layers[str(layer)]


def _warn_of_other_reading(
    source: str, card: Card, manifest: Mapping[str, Any]
) -> None:
    """Warn where documents were read in another way than the head was trained on."""
    from embetter_reg.text import known_prompt

    parameters = manifest.get("parameters") or {}
    stored = {name: parameters.get(name) for name in _READING}
    if stored["prompt"] is None:
        stored["prompt"] = known_prompt(parameters.get("name")) or ""
    unlike = [
        f"{name} {stored[name]!r} and not {getattr(card, name)!r}"
        for name in _READING
        if stored[name] != getattr(card, name)
    ]
    if unlike:
        warnings.warn(
            f"{source} was encoded with {', '.join(unlike)}, which the pretrained head "
            "was trained with; figures may be lower for that",
            stacklevel=5,
        )
