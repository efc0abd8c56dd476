"""Is this the model that pretrained weights belong to?"""

from typing import Any

import numpy as np

from embetter_reg.pretrained._card import Card

_LOWEST = 0.9  # cosine: copies in 4 bits pass, other models do not


def check_probe(name: str, word_embeddings: Any, card: Card) -> None:
    """Refuse a model whose word embeddings are not those of the card's base model.

    Parameters
    ----------
    name : str
        Of the model at hand, for the message.
    word_embeddings : tensor (n_tokens, n_dims)
    card : Card

    Raises
    ------
    ValueError
        If one of the probe's vectors has another width, or a cosine below 0.9 with the
        model's own.

    """
    if not card.probe:
        return
    tokens = card.probe["tokens"]
    expected = np.asarray(card.probe["vectors"], dtype=np.float32)
    n_tokens, n_dims = word_embeddings.shape
    agrees = max(tokens) < n_tokens and expected.shape[1] == n_dims
    if agrees:
        rows = word_embeddings[tokens].detach().float().cpu().numpy()
        lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(expected, axis=1)
        cosines = (rows * expected).sum(axis=1) / np.maximum(lengths, 1e-12)
        agrees = bool((cosines >= _LOWEST).all())
    if not agrees:
        raise ValueError(
            f"got the model {name!r}, whose word embeddings are not those of "
            f"{card.base_model}, expected that model, which the pretrained weights "
            "belong to; pass its name or a folder that holds it"
        )
