"""Layers of a transformer as one vector a document."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from embetter_reg._validation import check_same_length, check_space


def join_layers(
    layers: Mapping[Any, np.ndarray] | Sequence[np.ndarray],
) -> np.ndarray:
    """Return layers of the same documents side by side, each with the same weight.

    Each document has unit length in every layer before they are joined, and in the
    result again, so that cosines of the result are the means of those of the layers.
    One layer alone is returned as it is. This is what encoders with several ``layers``
    give, and so the way to get it from layers that were stored one by one.

    Parameters
    ----------
    layers : mapping or sequence of ndarray
        ``(n_documents, n_dims)`` each, such as ``read_embeddings(folder).layers``.

    Returns
    -------
    ndarray
        ``float32 (n_documents, n_dims of all layers)``, in the order of ``layers``.

    Raises
    ------
    ValueError
        If there are no layers, or they are not of the same documents.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.text import join_layers
    >>> join_layers([np.array([[3.0, 4.0]]), np.array([[0.0, 9.0]])]).round(3).tolist()
    [[0.42399999499320984, 0.5659999847412109, 0.0, 0.7070000171661377]]

    """
    named: Any = layers
    if not isinstance(layers, Mapping):
        named = dict(enumerate(layers))
    checked = {
        str(name): _checked(f"layer {name}", vectors) for name, vectors in named.items()
    }
    if not checked:
        raise ValueError("got no layers, expected at least one; pass some to join")
    check_same_length(**checked)
    spaces = list(checked.values())
    if len(spaces) == 1:
        return spaces[0]
    n_dims = sum(X.shape[1] for X in spaces)
    joined = np.empty((len(spaces[0]), n_dims), np.float32)
    start = 0
    for X in spaces:
        part = joined[:, start : start + X.shape[1]]
        part[:] = unit_length(X)
        part /= np.sqrt(len(spaces))
        start += X.shape[1]
    return joined


def list_layers(layers: Any) -> list[int | str]:
    """Return the layers of a parameter that takes one or several."""
    if isinstance(layers, list | tuple):
        return list(layers)
    return [layers]


def unit_length(X: np.ndarray) -> np.ndarray:
    """Return vectors of length 1; those of length 0 stay."""
    lengths = np.linalg.norm(X, axis=1, keepdims=True)
    return X / np.maximum(lengths, 1e-12)


def _checked(name: str, vectors: Any) -> np.ndarray:
    empty = getattr(vectors, "ndim", 0) == 2 and len(vectors) == 0
    if not empty:  # no documents have vectors too
        vectors = check_space(name, vectors)
    return np.asarray(vectors, dtype=np.float32)
