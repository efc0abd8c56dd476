"""Across languages: are the near documents of other languages of the same register, and
are translations near?
"""

import numpy as np
import pandas as pd
from scipy.special import digamma

from embetter_reg._random import check_random_state
from embetter_reg._validation import (
    check_groups,
    check_labels,
    check_space,
    check_whole_number,
)
from embetter_reg.analysis.metrics._distances import (
    check_metric,
    distance_blocks,
    draw_queries,
)
from embetter_reg.analysis.metrics._neighbors import Neighbors, check_neighbors


def register_purity(
    neighbors: Neighbors,
    *,
    n_neighbors: int = 15,
    n_permutations: int = 200,
    random_state=0,
) -> dict[str, float]:
    """Return how often the nearest documents in *other* languages share the register,
    and what to expect.

    Documents whose register has one language only are left out, since no neighbor
    could be right.

    Parameters
    ----------
    neighbors : Neighbors
    n_neighbors : int
        So many nearest documents in other languages.
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
    registers, languages = (
        np.unique(labels, return_inverse=True)[1]
        for labels in (neighbors.register, neighbors.language)
    )
    sizes = np.zeros((registers.max() + 1, languages.max() + 1))
    np.add.at(sizes, (registers, languages), 1)
    abroad = (
        sizes.sum(axis=1, keepdims=True) - sizes
    )  # documents of a register outside a language
    kept = (abroad[registers, languages] > 0)[neighbors.queries]
    queries = neighbors.queries[kept]
    if not len(queries):
        raise ValueError(
            "got no register in two languages, expected some to cross between; pass "
            "more documents"
        )
    own_register, own_language = registers[queries], languages[queries]
    purity = float(np.nanmean(purity_samples(neighbors, n_neighbors)[kept]))

    near = neighbors.nearest.documents[kept]
    same, there = registers[near] == own_register[:, None], near >= 0
    rng = check_random_state(random_state)
    by_register = np.argsort(registers, kind="stable")
    null = np.empty(n_permutations)
    for place in range(n_permutations):
        shuffled = np.empty_like(languages)
        shuffled[by_register] = languages[
            np.lexsort((rng.random_sample(len(languages)), registers))
        ]
        foreign = there & (shuffled[near] != shuffled[queries][:, None])
        foreign &= np.cumsum(foreign, axis=1) <= n_neighbors
        null[place] = np.nanmean(_shares(same, foreign)) if foreign.any() else np.nan
    low, high = np.nanquantile(null, [0.025, 0.975])
    return {
        "purity": purity,
        "chance": float(
            (abroad / abroad.sum(axis=0))[own_register, own_language].mean()
        ),
        "null": float(np.nanmean(null)),
        "null_low": float(low),
        "null_high": float(high),
        "p": float((1 + (null <= purity).sum()) / (1 + n_permutations)),
    }


def purity_samples(neighbors: Neighbors, n_neighbors: int = 15) -> np.ndarray:
    """Return for each query the share of its register among its nearest documents in
    other languages.

    Where no document in another language is of the register, NaN.
    """
    registers, languages = (
        np.unique(labels, return_inverse=True)[1]
        for labels in (neighbors.register, neighbors.language)
    )
    spoken = np.zeros((registers.max() + 1, languages.max() + 1), bool)
    spoken[registers, languages] = True
    across = neighbors.other_language.documents[:, :n_neighbors]
    shares = _shares(
        registers[across] == registers[neighbors.queries][:, None], across >= 0
    )
    return np.where(
        spoken.sum(axis=1)[registers[neighbors.queries]] > 1, shares, np.nan
    )


def _shares(hits: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Return each row's share of hits among what is counted; NaN where it counts
    nothing.
    """
    n_counted = counted.sum(axis=1)
    return np.divide(
        (hits & counted).sum(axis=1),
        n_counted,
        out=np.full(len(hits), np.nan),
        where=n_counted > 0,
    )


def cross_language_retrieval(
    X,
    *,
    register,
    language,
    metric: str = "cosine",
    max_queries: int | None = 5_000,
    random_state=0,
) -> pd.DataFrame:
    """Return how well a document finds its register in other languages, by register and
    for all.

    Every document is a query (above ``max_queries`` a seeded sample); all documents are
    ranked by distance to it.

    Parameters
    ----------
    X : array of shape (n_documents, n_dims)
    register, language : arrays of labels (n_documents,)
    metric : {"cosine", "euclidean"}
    max_queries : int or None
    random_state : int or RandomState

    Returns
    -------
    DataFrame
        One row ``"all"`` (the mean over queries) and one a register, with ``n_queries``
        and

        - ``average_precision``, in [0, 1], higher is better: among documents in other
          languages, those of the query's register should stand first (mean average precision);
        - ``chance``: its expectation for a random order;
        - ``wrong_beats_right``, in [0, 1], lower is better: how often a document of the
          *same language and another register* is nearer than one of *another
          language and the same register*, over
          all such pairs; 0.5 where neither label counts, near 1 in a space by language.
          NaN where a query has no such pair.

    Raises
    ------
    ValueError
        If there is one register or one language only, no register has two languages, or
        labels do not fit.

    Notes
    -----
    Average precision as in scikit-learn's ``average_precision_score``; ties count half.
    Its chance is exact: a relevant document at rank k has a mean precision of ``(1 + (k
    - 1)(R - 1)/(N - 1)) / k``.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import cross_language_retrieval
    >>> X = np.array([[0.0], [1.0], [9.0], [9.5]])
    >>> labels = {"register": ["NA", "NA", "HI", "HI"], "language": ["en", "fi"] * 2}
    >>> table = cross_language_retrieval(X, **labels, metric="euclidean")
    >>> table.loc["all", ["average_precision", "chance", "wrong_beats_right"]].tolist()
    [1.0, 0.75, 0.0]

    """
    X = check_space("X", X)
    registers = check_groups("register", register, len(X))
    languages = check_groups("language", language, len(X))
    queries = draw_queries(np.arange(len(X)), max_queries, random_state)
    figures = retrieval_samples(X, queries, registers, languages, metric)
    asked = ~np.isnan(figures["average_precision"])
    if not asked.any():
        raise ValueError(
            "got no register in two languages, expected some to cross between; pass "
            "more documents"
        )
    return _by_group(figures[asked], registers[queries[asked]], "register")


def retrieval_samples(
    X, queries: np.ndarray, register, language, metric: str = "cosine"
) -> pd.DataFrame:
    """Return the figures of `cross_language_retrieval` for each query, NaN where it has
    nothing to find.
    """
    register_codes, language_codes = (
        np.unique(labels, return_inverse=True)[1] for labels in (register, language)
    )
    figures = np.full((len(queries), 3), np.nan)
    for batch, block in distance_blocks(X, queries, metric):
        for place, (query, distances) in enumerate(
            zip(queries[batch], block, strict=True), batch.start
        ):
            same_register = register_codes == register_codes[query]
            same_language = language_codes == language_codes[query]
            right = np.sort(distances[same_register & ~same_language])
            if not len(right):
                continue
            missed = np.sort(distances[~same_register & ~same_language])
            ranks = np.arange(1, len(right) + 1)
            figures[place, 0] = (ranks / (ranks + _nearer(missed, right))).mean()
            figures[place, 1] = _expected_precision(
                len(right), len(right) + len(missed)
            )
            wrong = np.sort(distances[~same_register & same_language])
            if len(wrong):
                figures[place, 2] = _nearer(wrong, right).mean() / len(wrong)
    return pd.DataFrame(
        figures, columns=["average_precision", "chance", "wrong_beats_right"]
    )


def _nearer(others: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Return for each of ``distances`` how many of the sorted ``others`` are smaller;
    equal ones count half.
    """
    return (
        np.searchsorted(others, distances, "left")
        + np.searchsorted(others, distances, "right")
    ) / 2


def _expected_precision(n_right: int, n: int) -> float:
    """Return the expected average precision of a random order with ``n_right`` relevant
    ones among ``n``.
    """
    if n == 1:
        return 1.0
    first = (digamma(n + 1) + np.euler_gamma) / n  # the mean of 1 / rank
    return float(first + (n_right - 1) / (n - 1) * (1 - first))


def parallel_retrieval(
    X,
    *,
    pair_ids,
    language,
    register,
    n_neighbors: int = 10,
    metric: str = "cosine",
    max_queries: int | None = 20_000,
    random_state=0,
) -> pd.DataFrame:
    """Return how often a document's translation is nearest, and what its other
    neighbors share with it.

    Parameters
    ----------
    X : array of shape (n_documents, n_dims)
    pair_ids : array (n_documents,)
        Documents with the same id are versions of one text. One that occurs once, or in
        one language, is searched among but does not ask.
    language, register : arrays of labels (n_documents,)
    n_neighbors : int
        So many nearest documents of other texts are looked at.
    metric : {"cosine", "euclidean"}
    max_queries : int or None
        Above so many documents with a translation, a sample of that size asks.
    random_state : int or RandomState

    Returns
    -------
    DataFrame
        One row ``"all"`` and one a language of the query, with ``n_queries`` and, each
        in [0, 1],

        - ``translation_nearest``: how often a translation is nearer than every other
          text, in whatever language (higher: content counts more than language);
        - ``translation_nearest_abroad``: the same, where only texts in other languages
          compete, as in bitext mining;
        - ``reciprocal_rank``: the mean of 1 / rank of the nearest translation among all;
        - ``same_register`` and ``same_language``: the share of the nearest other texts
          that have the query's register, or its language, beside
          ``register_chance`` and ``language_chance``,
          the shares among all other texts.

        In a space by register ``same_register`` lies far above its chance and
        ``same_language`` near its own. Such a space need not put translations nearest:
        texts of one register lie close together.

    Raises
    ------
    ValueError
        If no text exists in two languages, there is one language or register, or labels
        do not fit.

    Notes
    -----
    As in bitext retrieval (Artetxe & Schwenk 2019), without their margin. Ties count
    against the translation.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import parallel_retrieval
    >>> X = np.array([[0.0], [0.1], [5.0], [5.1]])
    >>> table = parallel_retrieval(
    ...     X,
    ...     pair_ids=[1, 1, 2, 2],
    ...     language=["en", "fi"] * 2,
    ...     register=["NA", "NA", "HI", "HI"],
    ...     metric="euclidean",
    ... )
    >>> table.loc["all", ["n_queries", "translation_nearest", "same_register"]].tolist()
    [4.0, 1.0, 0.0]

    """
    X = check_space("X", X)
    check_whole_number("n_neighbors", n_neighbors)
    check_metric(metric)
    languages = check_groups("language", language, len(X))
    registers = check_groups("register", register, len(X))
    texts, language_codes, register_codes = (
        np.unique(labels, return_inverse=True)[1]
        for labels in (check_labels("pair", pair_ids, len(X)), languages, registers)
    )
    n_spoken = np.bincount(np.unique(np.stack([texts, language_codes]), axis=1)[0])
    translated = np.flatnonzero(n_spoken[texts] > 1)
    if not len(translated):
        raise ValueError(
            "got no text in two languages, expected pair ids that documents share; "
            "pass the ids of texts"
        )
    queries = draw_queries(translated, max_queries, random_state)
    figures = np.empty((len(queries), 7))
    for batch, block in distance_blocks(X, queries, metric):
        for place, (query, distances) in enumerate(
            zip(queries[batch], block, strict=True), batch.start
        ):
            other = texts != texts[query]
            abroad = language_codes != language_codes[query]
            nearest = distances[~other & abroad].min()
            nearer = other & (distances <= nearest)
            rank = 1 + nearer.sum()
            candidates = np.flatnonzero(other)
            k = min(n_neighbors, len(candidates))
            around = (
                candidates[np.argpartition(distances[candidates], k - 1)[:k]]
                if k
                else candidates
            )
            same_register = register_codes == register_codes[query]
            figures[place] = [
                rank == 1,
                not (nearer & abroad).any(),
                1 / rank,
                same_register[around].mean(),
                same_register[candidates].mean(),
                1 - abroad[around].mean(),
                1 - abroad[candidates].mean(),
            ]
    columns = [
        "translation_nearest",
        "translation_nearest_abroad",
        "reciprocal_rank",
        "same_register",
        "register_chance",
        "same_language",
        "language_chance",
    ]
    return _by_group(
        pd.DataFrame(figures, columns=columns), languages[queries], "language"
    )


def _by_group(figures: pd.DataFrame, groups: np.ndarray, name: str) -> pd.DataFrame:
    """Return means of all rows and of each group, with the number of rows first."""
    means = {"all": figures.mean()} | {
        group: figures[groups == group].mean() for group in np.unique(groups)
    }
    table = pd.DataFrame(means).T.rename_axis(name)
    table.insert(
        0,
        "n_queries",
        [len(groups), *(int((groups == group).sum()) for group in table.index[1:])],
    )
    return table
