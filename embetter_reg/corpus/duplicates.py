"""Near-duplicates: texts that are the same but for small edits."""

from collections.abc import Iterator, Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from embetter_reg._validation import check_texts, check_whole_number

_N_HASHES = 256
_RECALL = 0.999  # of pairs at the threshold
_BATCH_SIZE = 100  # texts whose shingles are in memory


def near_duplicates(
    texts: Any, *, threshold: float = 0.8, shingle_length: int = 8
) -> np.ndarray:
    """Return a group number for each text; near-duplicates have the same one.

    Two texts are near-duplicates if they share so many of their shingles, all runs of
    ``shingle_length`` characters, without case and with one space where there are
    several: the Jaccard similarity of the two sets is at least ``threshold``. Characters
    serve in any language, also where no spaces part the words. A text shorter than a
    shingle is one. Near-duplicates of near-duplicates are of one group.

    The similarity is estimated by MinHash (Broder 1997; library rensa) from 256 hashes,
    with a standard error of at most 0.03: a pair that close to the threshold may fall on
    either side. Of pairs at the threshold, 99.9% are compared at all (locality-sensitive
    hashing), of more similar ones more. The result is the same every time.

    Time and memory grow with the number of texts: a kilobyte a text is kept.

    Parameters
    ----------
    texts : sequence of str, Series, or array of shape (n_documents,)
    threshold : float
        In (0, 1].
    shingle_length : int
        Characters.

    Returns
    -------
    ndarray of int64, shape (n_documents,)
        Numbers from 0, in the order in which groups appear. Pass them as ``groups`` to
        `RegisterKFold`, `RegisterShuffleSplit` or `train_test_documents`, and no copy
        stands on both sides of a split.

    Raises
    ------
    ValueError
        If a text is missing, the threshold is outside (0, 1], or shingles have no
        character.
    TypeError
        If a text is not a str, or the length is not a whole number.

    Examples
    --------
    >>> from embetter_reg.corpus import near_duplicates
    >>> notice = "This page was last edited by the editors of the museum, on {}."
    >>> texts = [notice.format("Monday"), "Loved it!", notice.format("Sunday")]
    >>> near_duplicates(texts).tolist()
    [0, 1, 0]

    """
    texts = check_texts(texts)
    if not isinstance(threshold, Real) or not 0 < threshold <= 1:
        raise ValueError(
            f"got threshold={threshold!r}, expected a similarity above 0 and at most 1; "
            "pass for example 0.8"
        )
    check_whole_number("shingle_length", shingle_length)
    signatures = _sign(texts, shingle_length)
    links = [np.zeros((2, 0), dtype=np.int64)]
    for bucket in _buckets(signatures, _band_size(float(threshold))):
        links.extend(_link(signatures, bucket, float(threshold)))
    first, second = np.hstack(links)
    shape = (len(texts), len(texts))
    graph = coo_array((np.ones(len(first), bool), (first, second)), shape=shape)
    parts = connected_components(graph, directed=False)[1]
    return pd.factorize(parts)[0].astype(np.int64)


def shingles(text: str, length: int) -> set[str]:
    """Return all runs of so many characters of a text."""
    text = " ".join(text.casefold().split())
    n_runs = max(len(text) - length + 1, 1)
    return {text[start : start + length] for start in range(n_runs)}


def _sign(texts: Sequence[str], shingle_length: int) -> np.ndarray:
    """Return the MinHash signatures, ``uint32 (n_documents, _N_HASHES)``."""
    from rensa import RMinHash

    signatures = np.empty((len(texts), _N_HASHES), dtype=np.uint32)
    for start in range(0, len(texts), _BATCH_SIZE):
        batch = texts[start : start + _BATCH_SIZE]
        sets = [shingles(text, shingle_length) for text in batch]
        matrix = RMinHash.digest_matrix_from_token_sets(sets, _N_HASHES, 0)
        signatures[start : start + len(batch)] = matrix.to_rows()
    return signatures


def _band_size(threshold: float) -> int:
    """Return how many hashes a band may have at most, so that a pair at the threshold
    agrees in some band with the wanted probability.
    """
    sizes = range(_N_HASHES, 0, -1)
    for size in sizes:
        n_bands = _N_HASHES // size
        if 1 - (1 - threshold**size) ** n_bands >= _RECALL:
            return size
    return 1


def _buckets(signatures: np.ndarray, band_size: int) -> Iterator[np.ndarray]:
    """Yield the rows that agree in a band, where they are several."""
    rng = np.random.default_rng(0)
    for start in range(0, _N_HASHES - band_size + 1, band_size):
        band = signatures[:, start : start + band_size].astype(np.uint64)
        # A sum of products stands for the band. Where it is equal by chance, signatures
        # are compared in vain.
        keys = band @ rng.integers(2**63, size=band_size, dtype=np.uint64)
        _, codes, counts = np.unique(keys, return_inverse=True, return_counts=True)
        rows = np.flatnonzero(counts[codes] > 1)
        rows = rows[np.argsort(codes[rows], kind="stable")]
        ends = np.flatnonzero(np.diff(codes[rows])) + 1
        if len(rows):
            yield from np.split(rows, ends)


def _link(
    signatures: np.ndarray, bucket: np.ndarray, threshold: float
) -> Iterator[np.ndarray]:
    """Yield pairs of similar rows of a bucket, ``(2, n_pairs)``: rows that are linked to
    one before are not compared with each other.
    """
    rest = bucket
    while len(rest):
        row = rest[0]
        similarity = (signatures[bucket] == signatures[row]).mean(axis=1)
        similar = bucket[similarity >= threshold]
        yield np.vstack([np.full_like(similar, row), similar])
        rest = np.setdiff1d(rest, similar)
