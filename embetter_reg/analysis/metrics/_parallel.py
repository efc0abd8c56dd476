"""Parallel documents: are a document's translations near, and what else is?"""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from embetter_reg._random import RandomStateLike
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
from embetter_reg.analysis.metrics._neighbors import label_codes
from embetter_reg.analysis.metrics._retrieval import mean_by_group


def parallel_retrieval(
    X: ArrayLike,
    *,
    pair_ids: ArrayLike,
    language: ArrayLike,
    register: ArrayLike,
    n_neighbors: int = 10,
    metric: str = "cosine",
    max_queries: int | None = 20_000,
    random_state: RandomStateLike = 0,
) -> pd.DataFrame:
    """Return how often a document's translation is nearest, and what is beside it.

    Parameters
    ----------
    X : array of shape (n_documents, n_dims)
    pair_ids : array (n_documents,)
        Documents with the same id are versions of one text. One that occurs once, or in
        one language, is searched but is no query.
    language, register : arrays of labels (n_documents,)
    n_neighbors : int
        Number of nearest documents of other texts that are looked at.
    metric : {"cosine", "euclidean"}
    max_queries : int or None
        Above so many documents with a translation, a sample of them are queries.
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
        - ``reciprocal_rank``: the mean of 1 / rank of the nearest translation;
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
    rows = check_space("X", X)
    check_whole_number("n_neighbors", n_neighbors)
    check_metric(metric)
    languages = check_groups("language", language, len(rows))
    registers = check_groups("register", register, len(rows))
    text_codes = label_codes(check_labels("pair", pair_ids, len(rows)))
    language_codes = label_codes(languages)
    register_codes = label_codes(registers)
    queries = draw_queries(
        _find_translated(text_codes, language_codes), max_queries, random_state
    )
    figures = []
    for batch, block in distance_blocks(rows, queries, metric):
        for query, distances in zip(queries[batch], block, strict=True):
            row = _parallel_figures(
                distances,
                text_codes == text_codes[query],
                language_codes == language_codes[query],
                register_codes == register_codes[query],
                n_neighbors,
            )
            figures.append(row)
    return mean_by_group(pd.DataFrame(figures), languages[queries], "language")


def _find_translated(text_codes: np.ndarray, language_codes: np.ndarray) -> np.ndarray:
    """Return the numbers of documents whose text exists in several languages."""
    versions = np.unique(np.stack([text_codes, language_codes]), axis=1)
    n_languages = np.bincount(versions[0])
    translated = np.flatnonzero(n_languages[text_codes] > 1)
    if not len(translated):
        raise ValueError(
            "got no text in two languages, expected pair ids that documents share; "
            "pass the ids of texts"
        )
    return translated


def _parallel_figures(
    distances: np.ndarray,
    is_same_text: np.ndarray,
    is_same_language: np.ndarray,
    is_same_register: np.ndarray,
    n_neighbors: int,
) -> dict[str, float]:
    """Return the figures of one query, from its distances to all documents."""
    is_translation = is_same_text & ~is_same_language
    is_nearer = ~is_same_text & (distances <= distances[is_translation].min())
    rank = 1 + is_nearer.sum()
    candidates = np.flatnonzero(~is_same_text)
    nearest = candidates
    n_nearest = min(n_neighbors, len(candidates))
    if n_nearest:
        order = np.argpartition(distances[candidates], n_nearest - 1)
        nearest = candidates[order[:n_nearest]]
    is_foreign = ~is_same_language
    return {
        "translation_nearest": float(rank == 1),
        "translation_nearest_abroad": float(not (is_nearer & is_foreign).any()),
        "reciprocal_rank": 1 / rank,
        "same_register": is_same_register[nearest].mean(),
        "register_chance": is_same_register[candidates].mean(),
        "same_language": 1 - is_foreign[nearest].mean(),
        "language_chance": 1 - is_foreign[candidates].mean(),
    }
