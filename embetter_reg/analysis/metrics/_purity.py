"""Purity: are the near documents of other languages of the same register?"""

import numpy as np

from embetter_reg._random import RandomStateLike, check_random_state
from embetter_reg._validation import check_whole_number
from embetter_reg.analysis.metrics._neighbors import (
    Neighbors,
    check_neighbors,
    label_codes,
)


def register_purity(
    neighbors: Neighbors,
    *,
    n_neighbors: int = 15,
    n_permutations: int = 200,
    random_state: RandomStateLike = 0,
) -> dict[str, float]:
    """Return how often the nearest documents in other languages share the register.

    Chance and a null stand beside it. Documents whose register has one language only
    are left out, since no neighbor could be right.

    Parameters
    ----------
    neighbors : Neighbors
    n_neighbors : int
        Number of nearest documents in other languages.
    n_permutations : int
        Permutations of languages inside each register. They keep register and place and
        take away what language does: what purity would be, if crossing a language cost
        nothing. A permutation is read from the nearest documents of any language, so
        ``neighbors`` should hold several times ``n_neighbors``.
    random_state : int or RandomState

    Returns
    -------
    dict
        ``purity`` in [0, 1], higher is better; ``chance``, the share of the register
        among documents in other languages; ``null``, ``null_low`` and ``null_high``,
        mean and 95 % range under permutation; ``p``, how often a permutation is no
        purer: small where crossing a language costs purity. A space by register has a
        purity near ``null`` and far above ``chance``; one by language falls short of
        ``null``.

    Raises
    ------
    ValueError
        If a number is below 1, or no register has two languages.

    Notes
    -----
    A permutation test of cross-language neighbor purity, p as (1 + hits) / (1 +
    permutations) (Phipson & Smyth 2010).

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import find_neighbors, register_purity
    >>> X = np.eye(2)[[0] * 20 + [1] * 20]
    >>> labels = {"register": ["NA"] * 20 + ["HI"] * 20, "language": ["en", "fi"] * 20}
    >>> figures = register_purity(find_neighbors(X, **labels), n_neighbors=5)
    >>> figures["purity"], figures["chance"], figures["null"]
    (1.0, 0.5, 1.0)

    """
    check_neighbors(neighbors)
    check_whole_number("n_neighbors", n_neighbors)
    check_whole_number("n_permutations", n_permutations)
    registers = label_codes(neighbors.register)
    languages = label_codes(neighbors.language)
    sizes = np.zeros((registers.max() + 1, languages.max() + 1))
    np.add.at(sizes, (registers, languages), 1)
    # Documents of each register outside each language.
    sizes_elsewhere = sizes.sum(axis=1, keepdims=True) - sizes
    is_scored = sizes_elsewhere[registers, languages][neighbors.queries] > 0
    queries = neighbors.queries[is_scored]
    if not len(queries):
        raise ValueError(
            "got no register in two languages, expected some to cross between; pass "
            "more documents"
        )
    purity = float(np.nanmean(purity_samples(neighbors, n_neighbors)[is_scored]))
    shares_elsewhere = sizes_elsewhere / sizes_elsewhere.sum(axis=0)
    chance = shares_elsewhere[registers[queries], languages[queries]].mean()

    nearest = neighbors.nearest.documents[is_scored]
    is_same_register = registers[nearest] == registers[queries][:, None]
    rng = check_random_state(random_state)
    null = np.empty(n_permutations)
    for permutation in range(n_permutations):
        shuffled = _shuffle_within(registers, languages, rng)
        is_foreign = shuffled[nearest] != shuffled[queries][:, None]
        is_foreign &= nearest >= 0
        is_foreign &= np.cumsum(is_foreign, axis=1) <= n_neighbors
        null[permutation] = np.nan
        if is_foreign.any():
            null[permutation] = np.nanmean(_shares(is_same_register, is_foreign))
    low, high = np.nanquantile(null, [0.025, 0.975])
    n_no_purer = (null <= purity).sum()
    return {
        "purity": purity,
        "chance": float(chance),
        "null": float(np.nanmean(null)),
        "null_low": float(low),
        "null_high": float(high),
        "p": float((1 + n_no_purer) / (1 + n_permutations)),
    }


def purity_samples(neighbors: Neighbors, n_neighbors: int = 15) -> np.ndarray:
    """Return the share of its register among each query's nearest in other languages.

    float64 (n_queries,), in [0, 1]; NaN where no document in another language is of the
    register.
    """
    registers = label_codes(neighbors.register)
    languages = label_codes(neighbors.language)
    occurs = np.zeros((registers.max() + 1, languages.max() + 1), bool)
    occurs[registers, languages] = True
    n_languages = occurs.sum(axis=1)
    query_registers = registers[neighbors.queries]
    nearest = neighbors.other_language.documents[:, :n_neighbors]
    shares = _shares(registers[nearest] == query_registers[:, None], nearest >= 0)
    return np.where(n_languages[query_registers] > 1, shares, np.nan)


def _shuffle_within(
    groups: np.ndarray, values: np.ndarray, rng: np.random.RandomState
) -> np.ndarray:
    """Return ``values`` permuted among the documents of each group."""
    in_order = np.argsort(groups, kind="stable")
    in_random_order = np.lexsort((rng.random_sample(len(values)), groups))
    shuffled = np.empty_like(values)
    shuffled[in_order] = values[in_random_order]
    return shuffled


def _shares(is_hit: np.ndarray, is_counted: np.ndarray) -> np.ndarray:
    """Return each row's share of hits among what is counted, NaN where that is none."""
    n_counted = is_counted.sum(axis=1)
    return np.divide(
        (is_hit & is_counted).sum(axis=1),
        n_counted,
        out=np.full(len(is_hit), np.nan),
        where=n_counted > 0,
    )
