"""Which documents weights were trained on, by digests of their texts."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from embetter_reg.corpus import text_digest
from embetter_reg.pretrained._weights import pretrained_folder

_FILE = "seen.npy"


def text_numbers(texts: Sequence[str]) -> np.ndarray:
    """Return the first eight bytes of each text's digest as a number, ``uint64
    (n_documents,)``.

    ``seen.npy`` beside pretrained weights holds those of the training documents,
    sorted. Two texts in a million documents share one by chance with a probability of
    about 1 in 40 million.

    Examples
    --------
    >>> from embetter_reg.pretrained import text_numbers
    >>> text_numbers(["Le maire est parti."]).tolist()
    [14707567462561568546]

    """
    return _numbers(map(text_digest, texts))


def seen(name: str | Path, texts: Sequence[str]) -> np.ndarray:
    """Return, for each text, whether pretrained weights were trained on it: bool
    ``(n_documents,)``.

    Raises
    ------
    FileNotFoundError
        If there are no such weights.
    ValueError
        If their ``seen.npy`` is damaged.

    """
    return seen_digests(name, [text_digest(text) for text in texts])


def seen_digests(name: str | Path, digests: Sequence[str]) -> np.ndarray:
    """Return what `seen` returns, for the `text_digest` of each text, which stored
    embeddings keep where they have no texts.
    """
    path = pretrained_folder(name) / _FILE
    if not path.is_file():
        return np.zeros(len(digests), bool)
    try:
        numbers = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise _damaged(path) from error
    if numbers.dtype != np.uint64 or numbers.ndim != 1:
        raise _damaged(path)
    return np.isin(_numbers(digests), numbers)


def _numbers(digests: Iterable[str]) -> np.ndarray:
    return np.array([int(digest[:16], 16) for digest in digests], np.uint64)


def _damaged(path: Path) -> ValueError:
    return ValueError(
        f"got {path}, which is damaged, expected an array of uint64 in one dimension; "
        "install embetter_reg again, or write it anew"
    )
