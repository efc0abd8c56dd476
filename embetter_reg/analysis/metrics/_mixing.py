"""What neighborhoods are made of: scaled LISI, kBET and graph connectivity.

All of them read one `Neighbors`.
"""

from numbers import Real

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.stats import chi2

from embetter_reg._validation import check_whole_number
from embetter_reg.analysis.metrics._lisi import lisi
from embetter_reg.analysis.metrics._neighbors import (
    Neighbors,
    Ranking,
    check_neighbors,
    label_codes,
)

# Documents of a register below which CiLISI and kBET leave it out, as their sources do.
_SMALLEST = 10


def clisi(neighbors: Neighbors, *, perplexity: float = 30) -> float:
    """Return how far neighbors share the register.

    It lies in [0, 1]; higher keeps registers apart better. The median LISI of register,
    turned round and scaled: ``(n_registers - LISI) / (n_registers - 1)`` (Korsunsky et
    al. 2019; scaled as in scIB, Luecken et al. 2022). Neighbors may all be of the same
    language: read it beside `ilisi`.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import clisi, find_neighbors
    >>> X = np.eye(2)[[0] * 6 + [1] * 6]
    >>> labels = {"register": ["NA"] * 6 + ["HI"] * 6, "language": ["en", "fi"] * 6}
    >>> round(clisi(find_neighbors(X, **labels, n_neighbors=5)), 2)
    1.0

    """
    return float(np.nanmedian(clisi_samples(neighbors, perplexity=perplexity)))


def clisi_samples(neighbors: Neighbors, *, perplexity: float = 30) -> np.ndarray:
    """Return each query's value of `clisi`, float64 (n_queries,), in [0, 1].

    NaN for a document without neighbors.
    """
    check_neighbors(neighbors)
    n_registers = len(np.unique(neighbors.register))
    values = lisi(neighbors.nearest, neighbors.register, perplexity=perplexity)
    return (n_registers - values) / (n_registers - 1)


def ilisi(neighbors: Neighbors, *, perplexity: float = 30) -> float:
    """Return how far neighbors are of all languages.

    It lies in [0, 1]; higher mixes languages better. The median LISI of language,
    scaled: ``(LISI - 1) / (n_languages - 1)`` (Korsunsky et al. 2019; scaled as in
    scIB, Luecken et al. 2022). 1 needs languages of equal size; a space without any
    structure mixes too.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import find_neighbors, ilisi
    >>> X = np.eye(2)[[0] * 6 + [1] * 6]
    >>> labels = {"register": ["NA", "HI"] * 6, "language": ["en"] * 6 + ["fi"] * 6}
    >>> round(ilisi(find_neighbors(X, **labels, n_neighbors=5)), 2)
    0.0

    """
    return float(np.nanmedian(ilisi_samples(neighbors, perplexity=perplexity)))


def ilisi_samples(neighbors: Neighbors, *, perplexity: float = 30) -> np.ndarray:
    """Return each query's value of `ilisi`, float64 (n_queries,), in [0, 1].

    NaN for a document without neighbors.
    """
    check_neighbors(neighbors)
    n_languages = len(np.unique(neighbors.language))
    values = lisi(neighbors.nearest, neighbors.language, perplexity=perplexity)
    return (values - 1) / (n_languages - 1)


def cilisi(neighbors: Neighbors, *, perplexity: float = 30) -> float:
    """Return how far languages mix inside registers, in [0, 1]; higher mixes better.

    LISI of language among the nearest documents of the *same register*, scaled by the
    number of languages in that register, and averaged over documents (CiLISI, Andreatta
    et al. 2024). Unlike `ilisi`, it gains nothing from mixing registers.
    Registers in one language or of fewer than ten documents are left out.

    Raises
    ------
    ValueError
        If no register is left.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import cilisi, find_neighbors
    >>> X, register = np.eye(2)[[0] * 12 + [1] * 12], ["NA"] * 12 + ["HI"] * 12
    >>> neighbors = find_neighbors(X, register=register, language=["en", "fi"] * 12)
    >>> round(cilisi(neighbors), 2)
    0.98

    """
    return float(np.nanmean(cilisi_samples(neighbors, perplexity=perplexity)))


def cilisi_samples(neighbors: Neighbors, *, perplexity: float = 30) -> np.ndarray:
    """Return each query's value of `cilisi`, float64 (n_queries,).

    NaN where its register is left out.
    """
    check_neighbors(neighbors)
    languages = label_codes(neighbors.language)
    registers = label_codes(neighbors.register)
    sizes = _cross_sizes(registers, languages)
    query_registers = registers[neighbors.queries]
    is_scored = _find_scored(sizes)[query_registers]
    n_languages = (sizes > 0).sum(axis=1)[query_registers[is_scored]]
    ranking = Ranking(
        neighbors.same_register.documents[is_scored],
        neighbors.same_register.distances[is_scored],
    )
    values = lisi(ranking, neighbors.language, perplexity=perplexity)
    samples = np.full(len(is_scored), np.nan)
    samples[is_scored] = (values - 1) / (n_languages - 1)
    return samples


def kbet(neighbors: Neighbors, *, alpha: float = 0.05) -> float:
    """Return the share of neighborhoods whose languages look like the register's.

    It lies in [0, 1]; higher mixes better. A chi-squared test of each document: are the
    languages of its nearest documents of the same register those that the register has
    (kBET, Büttner et al. 2019; by register and as the acceptance rate as in scIB,
    Luecken et al. 2022)? The neighborhood is a quarter of the register's mean language,
    from 10 to 70 documents. The mean over registers; those in one language or of fewer
    than ten documents are left out. Perfect mixing reaches about ``1 - alpha``. It is
    strict: with large registers a faint language difference is enough to reject.

    Parameters
    ----------
    neighbors : Neighbors
    alpha : float
        Level of the test, in (0, 1).

    Raises
    ------
    ValueError
        If alpha is out of range or no register is left.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import find_neighbors, kbet
    >>> X = np.random.default_rng(0).normal(size=(400, 5))
    >>> register, language = ["NA", "NA", "HI", "HI"] * 100, ["en", "fi"] * 200
    >>> kbet(find_neighbors(X, register=register, language=language)) > 0.9
    True

    """
    check_neighbors(neighbors)
    if not isinstance(alpha, Real) or not 0 < alpha < 1:
        raise ValueError(
            f"got alpha={alpha!r}, expected between 0 and 1; pass for example 0.05"
        )
    languages = label_codes(neighbors.language)
    registers = label_codes(neighbors.register)
    sizes = _cross_sizes(registers, languages)
    scored_registers = np.flatnonzero(_find_scored(sizes))
    query_registers = registers[neighbors.queries]
    query_languages = languages[neighbors.queries]
    n_languages = (sizes > 0).sum(axis=1)
    counts = _count_around(neighbors, languages, sizes)
    # A document is no neighbor of its own, so its register has one less for it.
    is_query_language = np.arange(sizes.shape[1]) == query_languages[:, None]
    others = sizes[query_registers] - is_query_language
    n_others = np.maximum(sizes.sum(axis=1)[query_registers] - 1, 1)
    expected = others * (counts.sum(axis=1) / n_others)[:, None]
    deviations = np.divide(
        (counts - expected) ** 2,
        expected,
        out=np.zeros(expected.shape),
        where=expected > 0,
    )
    p_values = chi2.sf(deviations.sum(axis=1), n_languages[query_registers] - 1)
    is_accepted = p_values >= alpha
    rates = []
    for register in scored_registers:
        is_member = query_registers == register
        if is_member.any():
            rates.append(is_accepted[is_member].mean())
    return float(np.mean(rates))


def _count_around(
    neighbors: Neighbors, languages: np.ndarray, sizes: np.ndarray
) -> np.ndarray:
    """Return how many documents of each language are in each query's neighborhood.

    A neighborhood is of the same register and as large as kBET takes it; ``sizes`` are
    of register × language.
    """
    n_languages = np.maximum((sizes > 0).sum(axis=1), 1)
    reach = np.clip(sizes.sum(axis=1) // n_languages // 4, 10, 70)
    registers = label_codes(neighbors.register)[neighbors.queries]
    documents = neighbors.same_register.documents
    is_inside = np.arange(documents.shape[1]) < reach[registers][:, None]
    is_inside &= documents >= 0
    # One cell for each pair of a query and a language.
    shape = (len(documents), sizes.shape[1])
    cells = np.arange(shape[0])[:, None] * shape[1] + languages[documents]
    counts = np.bincount(cells[is_inside], minlength=shape[0] * shape[1])
    return counts.reshape(shape)


def graph_connectivity(neighbors: Neighbors, *, n_neighbors: int = 15) -> float:
    """Return how far each register hangs together, from 0 to 1, where it is one piece.

    In the graph of nearest neighbors, taken without direction and cut down to one
    register: the share of its documents in the largest connected piece, averaged over
    registers (scIB, Luecken et al. 2022). A register that falls into one island a
    language scores about 1 / n_languages. Blind to registers that lie on top of each
    other.

    Parameters
    ----------
    neighbors : Neighbors
        Of all documents, not of a sample.
    n_neighbors : int
        At most so many of each document's nearest.

    Raises
    ------
    ValueError
        If only a sample of documents has neighbors.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import find_neighbors, graph_connectivity
    >>> X = np.eye(4)[[0, 0, 1, 1, 2, 2, 3, 3]]
    >>> register, language = ["NA"] * 4 + ["HI"] * 4, ["en", "en", "fi", "fi"] * 2
    >>> neighbors = find_neighbors(X, register=register, language=language)
    >>> graph_connectivity(neighbors, n_neighbors=1)
    0.5

    """
    check_neighbors(neighbors)
    check_whole_number("n_neighbors", n_neighbors)
    n_documents = len(neighbors.register)
    if len(neighbors.queries) < n_documents:
        raise ValueError(
            f"got neighbors of {len(neighbors.queries)} of {n_documents} documents, "
            "expected those of all; pass find_neighbors max_queries=None"
        )
    registers = label_codes(neighbors.register)
    ends = neighbors.nearest.documents[:, :n_neighbors]
    starts = np.broadcast_to(np.arange(n_documents)[:, None], ends.shape)
    is_edge = registers[starts] == registers[ends]
    edges = (starts[is_edge], ends[is_edge])
    weights = np.ones(is_edge.sum(), bool)
    graph = coo_matrix((weights, edges), shape=(n_documents, n_documents))
    _, pieces = connected_components(graph, directed=False)
    shares = []
    for register in range(registers.max() + 1):
        sizes = np.bincount(pieces[registers == register])
        shares.append(sizes.max() / sizes.sum())
    return float(np.mean(shares))


def _cross_sizes(registers: np.ndarray, languages: np.ndarray) -> np.ndarray:
    """Return the numbers of documents by register × language, from codes of both."""
    shape = (registers.max() + 1, languages.max() + 1)
    cells = registers * shape[1] + languages
    return np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)


def _find_scored(sizes: np.ndarray) -> np.ndarray:
    """Return a mask of the registers that are large enough and in two languages."""
    is_large = sizes.sum(axis=1) >= _SMALLEST
    is_scored = is_large & ((sizes > 0).sum(axis=1) > 1)
    if not is_scored.any():
        raise ValueError(
            f"got no register of at least {_SMALLEST} documents in two languages, "
            "expected one to judge mixing; pass more documents"
        )
    return is_scored
