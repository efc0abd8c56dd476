"""A saved head by its name, whichever class it is."""

from pathlib import Path
from typing import Any

import numpy as np

from embetter_reg.finetune.heads._contrastive import ContrastiveTuner
from embetter_reg.finetune.heads._feedforward import FeedForwardTuner
from embetter_reg.finetune.heads._learner import ContrastiveLearner
from embetter_reg.finetune.heads._linear import LinearTuner
from embetter_reg.finetune.heads._saving import CARD, find_head, read_config
from embetter_reg.pretrained import PRETRAINED, pretrained_folder, read_card

_CLASSES: tuple[Any, ...] = (
    FeedForwardTuner,
    ContrastiveTuner,
    LinearTuner,
    ContrastiveLearner,
)


def load_head(
    name: str | Path, **hub_options: Any
) -> FeedForwardTuner | ContrastiveTuner | LinearTuner | ContrastiveLearner:
    """Return a head that comes with the package, or that was saved.

    Parameters
    ----------
    name : str or path
        ``"multilingual-e5-small"``, or for English ``"all-MiniLM-L6-v2"``, for the head
        on frozen layers of that model that comes with the package; a folder that `save`
        wrote; or a name on the model hub.
    hub_options
        Go to ``huggingface_hub.snapshot_download``.

    Returns
    -------
    FeedForwardTuner, ContrastiveTuner, LinearTuner or ContrastiveLearner
        Fitted. Where a ``card.json`` lies beside the head, its attribute ``card`` holds
        it, with the names of the classes and the layers of the model that the head
        reads; temperature and threshold are the card's.

    Raises
    ------
    FileNotFoundError
        If there is no such head, folder or model.
    ValueError
        If its files are damaged, or of a class that is unknown here.

    Examples
    --------
    >>> from embetter_reg.finetune import load_head
    >>> head = load_head("multilingual-e5-small")
    >>> card = head.card
    >>> reading = {"layers": card.layers, "max_length": card.max_length}
    >>> encoder = SentenceEncoder(card.base_model, **reading)  # doctest: +SKIP
    >>> head.predict_proba(encoder.transform(texts)).shape  # doctest: +SKIP
    (2, 9)

    """
    if f"{name}-frozen" in PRETRAINED:
        folder = pretrained_folder(f"{name}-frozen")
    elif str(name) in PRETRAINED:
        folder = pretrained_folder(name)
    else:
        folder = find_head(name, **hub_options)
    config = read_config(folder)
    by_name = {each.__name__: each for each in _CLASSES}
    head_class = by_name.get(config.get("class", ""))
    if head_class is None:
        raise ValueError(
            f"got a saved {config.get('class')} in {folder}, expected one of "
            f"{list(by_name)}; save the head again"
        )
    head = head_class._from_folder(folder, config)
    if (folder / CARD).is_file():
        head.card = read_card(folder)
        head.output_temperature_ = float(head.card.temperature)
        head.threshold_ = np.asarray(head.card.threshold, dtype=float)
    return head
