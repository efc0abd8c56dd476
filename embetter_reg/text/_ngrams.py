"""Hashed character n-grams of many documents at once, in numpy."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

_SPACE = np.uint32(ord(" "))
_BATCH = 64  # documents hashed together; the document's number shares 32 bits with the hash
MAX_BITS = 26


def count_ngrams(texts: Sequence[str], ngram_range: tuple[int, int], n_bits: int) -> sp.csr_matrix:
    """Count character n-grams inside word boundaries, hashed into ``2**n_bits`` columns.

    The n-grams are those of scikit-learn's ``analyzer="char_wb"``, apart from the padded copies of
    words shorter than n: white space is folded, each word is padded with one space on either side.

    Returns
    -------
    csr_matrix of float32, shape (n_documents, 2**n_bits), rows sorted by column.

    """
    data, indices, row_ends = [], [], [np.zeros(1, np.int64)]
    for start in range(0, len(texts), _BATCH):
        keys = _hash_batch(texts[start : start + _BATCH], ngram_range, n_bits)
        keys.sort()
        first = np.flatnonzero(np.diff(keys, prepend=~keys[:1]))
        data.append(np.diff(first, append=len(keys)).astype(np.float32))
        keys = keys[first]
        indices.append((keys & np.uint32((1 << n_bits) - 1)).astype(np.int32))
        n_rows = min(_BATCH, len(texts) - start)
        row_ends.append(row_ends[-1][-1] + np.searchsorted(keys >> np.uint32(n_bits), np.arange(1, n_rows + 1)))
    if not data:
        return sp.csr_matrix((0, 1 << n_bits), dtype=np.float32)
    return sp.csr_matrix(
        (np.concatenate(data), np.concatenate(indices), np.concatenate(row_ends)),
        shape=(len(texts), 1 << n_bits),
    )


def _hash_batch(texts: Sequence[str], ngram_range: tuple[int, int], n_bits: int) -> np.ndarray:
    """Return one uint32 an n-gram: the document's number above, ``n_bits`` of hash below."""
    padded = [f" {' '.join(text.split())} " for text in texts]
    # Lone surrogates occur in scraped text; "surrogatepass" hashes them like any other character.
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), np.uint32)
    document = np.repeat(np.arange(len(padded), dtype=np.uint32), [len(text) for text in padded])
    is_space = codes == _SPACE
    shortest, longest = ngram_range
    hashed = codes * np.uint32(0x9E3779B1)
    inside = np.ones(len(codes), bool)  # no space between the first and the last character
    keys = []
    for n in range(1, longest + 1):
        n_windows = max(len(codes) - n + 1, 0)
        if n > 1:
            hashed = (hashed[:n_windows] * np.uint32(0x01000193)) ^ (codes[n - 1 :] * np.uint32(0x85EBCA6B))
            inside = inside[:n_windows]
        if n > 2:
            inside = inside & ~is_space[n - 2 : n - 2 + n_windows]
        if n < shortest:
            continue
        keep = inside & (document[:n_windows] == document[n - 1 :])
        if n <= 2:  # white space alone is no n-gram
            keep &= ~(is_space[:n_windows] & is_space[n - 1 :])
        mixed = _mix(hashed[keep]) >> np.uint32(32 - n_bits)
        keys.append((document[:n_windows][keep] << np.uint32(n_bits)) | mixed)
    return np.concatenate(keys)


def _mix(hashed: np.ndarray) -> np.ndarray:
    """Spread a 32-bit hash over all its bits (multiply and shift, twice)."""
    hashed = (hashed ^ (hashed >> np.uint32(15))) * np.uint32(0x2C1B3C6D)
    hashed = (hashed ^ (hashed >> np.uint32(12))) * np.uint32(0x297A2D39)
    return hashed ^ (hashed >> np.uint32(15))
