"""The card of pretrained weights: what they belong to, learned from, and reach."""

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from embetter_reg.pretrained._weights import pretrained_folder


@dataclass(frozen=True)
class Card:
    """What is known about pretrained weights.

    Attributes
    ----------
    base_model : str
        Name on the hub of the model that they belong to.
    prompt : str
        Stands before every document.
    max_length : int or None
        Tokens of a document that were read in training.
    pooling : str
        How token vectors become one.
    layers : list of int or str
        Layers of the base model whose joined vectors a head reads.
    classes : list of str
        Labels in the order of the probabilities.
    threshold : float or list of float
        Smallest probability of a label that is given, or one a label, chosen on
        training documents.
    temperature : float
        What logits are divided by before the probabilities.
    languages : list of str
        Of the training documents.
    n_documents : int
        Training documents.
    figures : list of dict
        ``language``, ``seen`` (whether it was trained on), ``n_documents``,
        ``micro_f1`` and ``accuracy``, on held-out documents.
    licence : str
        Of the weights.
    probe : dict
        ``tokens`` and their word-embedding ``vectors`` in the base model, by which
        another model is told.

    """

    base_model: str
    classes: list[str]
    prompt: str = ""
    max_length: int | None = None
    pooling: str = "mean"
    layers: list[int | str] = field(default_factory=lambda: ["last"])
    threshold: float | list[float] = 0.5
    temperature: float = 1.0
    languages: list[str] = field(default_factory=list)
    n_documents: int = 0
    figures: list[dict[str, Any]] = field(default_factory=list)
    licence: str = ""
    probe: dict[str, list[Any]] = field(default_factory=dict, repr=False)


def read_card(name: str | Path) -> Card:
    """Return the card of pretrained weights; see `pretrained_folder` for the name.

    Raises
    ------
    FileNotFoundError
        If there are no such weights.
    ValueError
        If the card is damaged.

    Examples
    --------
    >>> from embetter_reg.pretrained import read_card
    >>> read_card("multilingual-e5-small").base_model
    'intfloat/multilingual-e5-small'

    """
    path = pretrained_folder(name) / "card.json"
    known = {each.name for each in fields(Card)}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Card(**{key: content[key] for key in content if key in known})
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"got {path}, which is damaged ({error}), expected a JSON object with at "
            "least base_model and classes; install embetter_reg again, or correct it"
        ) from error
