"""How far register and language go together in the documents themselves, and agreement
where they do not.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from embetter_reg._validation import check_groups, check_labels
from embetter_reg.analysis.metrics import sample_amis

# Documents of a register in a language, below which balancing leaves the register out.
_SMALLEST_CELL = 5


def cramers_v(first: ArrayLike, second: ArrayLike) -> float:
    """Return how far two labels go together, in [0, 1]: 0 not at all, 1 where each
    tells the other.

    Cramér's V with the correction for bias of Bergsma (2013), without which it is above
    0 by chance.

    Parameters
    ----------
    first, second : arrays of labels (n_documents,)
        Their order does not count.

    Raises
    ------
    ValueError
        If one of them has one value only, or a label is missing.

    Examples
    --------
    >>> from embetter_reg.analysis import cramers_v
    >>> cramers_v(["NA", "HI"] * 50, ["en", "fi"] * 50)
    1.0
    >>> cramers_v(["NA", "HI"] * 50, ["en", "en", "fi", "fi"] * 25)
    0.0

    """
    n_documents = np.size(first)
    counts = pd.crosstab(
        check_groups("first", first, n_documents),
        check_groups("second", second, n_documents),
    ).to_numpy()
    n = counts.sum()
    shape = np.array(counts.shape)
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / n
    phi = ((counts - expected) ** 2 / expected).sum() / n
    phi = max(0.0, phi - np.prod(shape - 1) / (n - 1))
    largest = shape - (shape - 1) ** 2 / (n - 1)
    return float(min(1.0, np.sqrt(phi / (largest.min() - 1))))


def confounding_table(*, register: ArrayLike, language: ArrayLike) -> pd.DataFrame:
    """Return the number of documents of each register (rows) in each language
    (columns).

    Raises
    ------
    ValueError
        If lengths differ, or a label is missing.

    Examples
    --------
    >>> from embetter_reg.analysis import confounding_table
    >>> confounding_table(register=["NA", "NA", "HI"], language=["en", "fi", "en"]).to_dict()
    {'en': {'HI': 1, 'NA': 1}, 'fi': {'HI': 0, 'NA': 1}}

    """
    n_documents = np.size(register)
    registers = check_labels("register", register, n_documents)
    languages = check_labels("language", language, n_documents)
    return pd.crosstab(
        pd.Series(registers, name="register"), pd.Series(languages, name="language")
    )


def balanced_samples(
    register: np.ndarray,
    language: np.ndarray,
    n: int,
    rng: np.random.RandomState,
) -> list[np.ndarray]:
    """Draw ``n`` samples of documents without replacement, as many of each register in
    each language.

    Registers of fewer than five documents in some language are left out; with fewer
    than two left there is no sample.
    """
    counts = confounding_table(register=register, language=language)
    counts = counts[counts.min(axis=1) >= _SMALLEST_CELL]
    if len(counts) < 2:
        return []
    size = int(counts.to_numpy().min())
    cells = [
        np.flatnonzero((register == row) & (language == column))
        for row in counts.index
        for column in counts.columns
    ]
    return [
        np.concatenate([rng.choice(cell, size, replace=False) for cell in cells])
        for _ in range(n)
    ]


def balanced_agreement(
    runs: Sequence[np.ndarray],
    gold: Mapping[str, np.ndarray],
    samples: Sequence[np.ndarray],
    confidence: float,
) -> dict[str, float]:
    """Return mean AMI of clusterings with each label over balanced samples, and of
    their difference the range.
    """
    amis = {
        label: sample_amis(values, runs, samples).mean(axis=1)
        for label, values in gold.items()
    }
    difference = amis["register"] - amis["language"]
    low, high = np.quantile(difference, [(1 - confidence) / 2, (1 + confidence) / 2])
    return {
        **{label: float(values.mean()) for label, values in amis.items()},
        "difference": float(difference.mean()),
        "low": float(low),
        "high": float(high),
    }
