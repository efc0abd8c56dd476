"""Hashed n-grams of characters or words of many documents at once, in numpy."""

import re
from binascii import crc32
from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

_SPACE = np.uint32(ord(" "))
_BATCH = (
    64  # documents hashed together; the document's number shares 32 bits with the hash
)
MAX_BITS = 26
_TOKEN = re.compile(r"\w+|[^\w\s]|\n")


def count_ngrams(
    texts: Sequence[str],
    ngram_range: tuple[int, int],
    n_bits: int,
    *,
    words: bool = False,
) -> sp.csr_matrix:
    """Count n-grams hashed into ``2**n_bits`` columns.

    Those of characters lie inside word boundaries, as scikit-learn's
    ``analyzer="char_wb"`` has them, apart from the padded copies of words shorter than
    n: white space is folded, each word is padded with one space on either side. Those
    of ``words`` count words, punctuation marks and line ends alike.

    Returns
    -------
    csr_matrix of float32, shape (n_documents, 2**n_bits), rows sorted by column.

    """
    split = _words if words else _characters
    data, indices, row_ends = [], [], [np.zeros(1, np.int64)]
    for start in range(0, len(texts), _BATCH):
        units, n_units, is_space = split(texts[start : start + _BATCH])
        document = np.repeat(np.arange(len(n_units), dtype=np.uint32), n_units)
        keys = _hash_ngrams(units, document, is_space, ngram_range, n_bits)
        keys.sort()
        first = np.flatnonzero(np.diff(keys, prepend=~keys[:1]))
        data.append(np.diff(first, append=len(keys)).astype(np.float32))
        keys = keys[first]
        indices.append((keys & np.uint32((1 << n_bits) - 1)).astype(np.int32))
        row_ends.append(
            row_ends[-1][-1]
            + np.searchsorted(keys >> np.uint32(n_bits), np.arange(1, len(n_units) + 1))
        )
    if not data:
        return sp.csr_matrix((0, 1 << n_bits), dtype=np.float32)
    return sp.csr_matrix(
        (np.concatenate(data), np.concatenate(indices), np.concatenate(row_ends)),
        shape=(len(texts), 1 << n_bits),
    )


def _characters(texts: Sequence[str]) -> tuple[np.ndarray, list[int], np.ndarray]:
    """Return the code points of all texts in a row, how many each has, and which are
    spaces.
    """
    padded = [f" {' '.join(text.split())} " for text in texts]
    # Lone surrogates occur in scraped text; "surrogatepass" hashes them like any other character.
    codes = np.frombuffer(
        "".join(padded).encode("utf-32-le", "surrogatepass"), np.uint32
    )
    return codes, [len(text) for text in padded], codes == _SPACE


def _words(texts: Sequence[str]) -> tuple[np.ndarray, list[int], np.ndarray]:
    """Return a number for each word, punctuation mark and line end, how many each text
    has, and no spaces.
    """
    tokens = [_TOKEN.findall(text) for text in texts]
    number = {
        token: crc32(token.encode("utf-8", "surrogatepass"))
        for row in tokens
        for token in row
    }
    codes = np.array([number[token] for row in tokens for token in row], np.uint32)
    return codes, [len(row) for row in tokens], np.zeros(len(codes), bool)


def _hash_ngrams(
    units: np.ndarray,
    document: np.ndarray,
    is_space: np.ndarray,
    ngram_range: tuple[int, int],
    n_bits: int,
) -> np.ndarray:
    """Return one uint32 an n-gram: the document's number above, ``n_bits`` of hash
    below.
    """
    shortest, longest = ngram_range
    hashed = units * np.uint32(0x9E3779B1)
    inside = np.ones(len(units), bool)  # no space between the first and the last unit
    keys = []
    for n in range(1, longest + 1):
        n_windows = max(len(units) - n + 1, 0)
        if n > 1:
            hashed = (hashed[:n_windows] * np.uint32(0x01000193)) ^ (
                units[n - 1 :] * np.uint32(0x85EBCA6B)
            )
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
