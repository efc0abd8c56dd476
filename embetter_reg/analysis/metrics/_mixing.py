"""What neighborhoods are made of: LISI, kBET, connectivity. All read one `Neighbors`."""

from numbers import Real

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.stats import chi2

from embetter_reg._validation import check_labels, check_whole_number
from embetter_reg.analysis.metrics._neighbors import (
    Neighbors,
    Ranking,
    check_neighbors,
)

# Documents of a register below which CiLISI and kBET leave it out, as their sources do.
_SMALLEST = 10


def lisi(ranking: Ranking, labels: ArrayLike, *, perplexity: float = 30) -> np.ndarray:
    """Return the effective number of labels around each query, from 1 to the number of
    labels.

    Local inverse Simpson's index (Korsunsky et al. 2019): neighbors are weighted by a
    Gaussian-like kernel whose width is set for each document so that the entropy of the
    weights equals that of ``perplexity`` neighbors; the index is 1 / the chance that
    two neighbors so drawn share the label.

    Parameters
    ----------
    ranking : Ranking
        Of `find_neighbors`; the document itself is not among them.
    labels : array of labels (n_documents,)
    perplexity : float
        Effective neighbors, at least 1; at most a third of those that a document has.

    Returns
    -------
    ndarray of float64, shape (n_queries,)
        NaN for a document without neighbors.

    Raises
    ------
    ValueError
        If the perplexity is below 1, or a label is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import Ranking, lisi
    >>> around = Ranking(np.array([[1, 2, 3, 4, 5, 6]]), np.ones((1, 6)))
    >>> lisi(around, ["en", "en", "fi", "en", "fi", "en", "fi"])
    array([2.])

    """
    if not isinstance(ranking, Ranking):
        raise TypeError(
            f"got a ranking of type {type(ranking).__name__}, expected a Ranking; pass "
            "one of find_neighbors, such as its .nearest"
        )
    if not np.ndim(labels):
        raise TypeError(
            f"got labels={labels!r}, expected one label a document; pass a 1-D array"
        )
    documents = ranking.documents
    weights = _weights(ranking, perplexity)
    n_labels = len(np.asarray(labels))
    if n_labels <= documents.max(initial=-1):
        raise ValueError(
            f"got {n_labels} labels for neighbors up to document "
            f"{documents.max()}, expected one label a "
            "document; align the two"
        )
    checked = check_labels("neighbor", labels, n_labels)
    names, codes = np.unique(checked, return_inverse=True)
    cells = np.arange(len(documents))[:, None] * len(names) + codes[documents]
    shares = np.bincount(
        cells.ravel(), weights.ravel(), len(documents) * len(names)
    ).reshape(-1, len(names))
    same = (shares**2).sum(axis=1)
    return np.divide(1, same, out=np.full(len(same), np.nan), where=same > 0)


def clisi(neighbors: Neighbors, *, perplexity: float = 30) -> float:
    """Return how far neighbors share the register, in [0, 1]; higher keeps registers
    apart better.

    The median LISI of register, turned round and scaled: ``(n_registers - LISI) /
    (n_registers - 1)`` (Korsunsky et al. 2019; scaled as in scIB, Luecken et al. 2022).
    Neighbors may all be of the same language: read it beside `ilisi`.

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
    """Return each query's value of `clisi`, float64 (n_queries,), in [0, 1]; NaN for a
    document without neighbors.
    """
    check_neighbors(neighbors)
    n_registers = len(np.unique(neighbors.register))
    values = lisi(neighbors.nearest, neighbors.register, perplexity=perplexity)
    return (n_registers - values) / (n_registers - 1)


def ilisi(neighbors: Neighbors, *, perplexity: float = 30) -> float:
    """Return how far neighbors are of all languages, in [0, 1]; higher mixes languages
    better.

    The median LISI of language, scaled: ``(LISI - 1) / (n_languages - 1)`` (Korsunsky
    et al. 2019; scaled as in scIB, Luecken et al. 2022). 1 needs languages of equal
    size; a space without any structure mixes too.

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
    """Return each query's value of `ilisi`, float64 (n_queries,), in [0, 1]; NaN for a
    document without neighbors.
    """
    check_neighbors(neighbors)
    n_languages = len(np.unique(neighbors.language))
    values = lisi(neighbors.nearest, neighbors.language, perplexity=perplexity)
    return (values - 1) / (n_languages - 1)


def cilisi(neighbors: Neighbors, *, perplexity: float = 30) -> float:
    """Return how far languages mix inside registers, in [0, 1]; higher mixes better.

    LISI of language among the nearest documents of the *same register*, scaled by the
    number of languages in that register, and averaged over documents (CiLISI, Andreatta
    et al. 2024). Unlike `ilisi`, it gains nothing from throwing registers together.
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
    >>> round(cilisi(find_neighbors(X, register=register, language=["en", "fi"] * 12)), 2)
    0.98

    """
    return float(np.nanmean(cilisi_samples(neighbors, perplexity=perplexity)))


def cilisi_samples(neighbors: Neighbors, *, perplexity: float = 30) -> np.ndarray:
    """Return each query's value of `cilisi`, float64 (n_queries,); NaN where its
    register is left out.
    """
    check_neighbors(neighbors)
    _, registers, sizes = _table(neighbors)
    own_register = registers[neighbors.queries]
    n_languages = (sizes > 0).sum(axis=1)[own_register]
    judged = _judged(sizes)[own_register]
    ranking = Ranking(*(array[judged] for array in neighbors.same_register))
    values = lisi(ranking, neighbors.language, perplexity=perplexity)
    samples = np.full(len(judged), np.nan)
    samples[judged] = (values - 1) / (n_languages[judged] - 1)
    return samples


def kbet(neighbors: Neighbors, *, alpha: float = 0.05) -> float:
    """Return the share of neighborhoods whose languages look like the register's, in
    [0, 1]; higher mixes better.

    A chi-squared test of each document: are the languages of its nearest documents of
    the same register those that the register has (kBET, Büttner et al. 2019; by
    register and as the acceptance rate as in scIB, Luecken et al. 2022)? The
    neighborhood is a quarter of the register's mean language, from 10 to 70 documents.
    The mean over registers; those in one language or of fewer than ten documents are
    left out. Perfect mixing reaches about ``1 - alpha``. It is strict: with large
    registers a faint language difference is enough to reject.

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
    >>> labels = {"register": ["NA", "NA", "HI", "HI"] * 100, "language": ["en", "fi"] * 200}
    >>> kbet(find_neighbors(X, **labels)) > 0.9
    True

    """
    check_neighbors(neighbors)
    if not isinstance(alpha, Real) or not 0 < alpha < 1:
        raise ValueError(
            f"got alpha={alpha!r}, expected between 0 and 1; pass for example 0.05"
        )
    languages, codes, sizes = _table(neighbors)
    judged = _judged(sizes)
    own, own_language = codes[neighbors.queries], languages[neighbors.queries]
    documents = neighbors.same_register.documents
    n_languages = (sizes > 0).sum(axis=1)
    totals = sizes.sum(axis=1)
    reach = np.clip(totals // np.maximum(n_languages, 1) // 4, 10, 70)[own]
    inside = (documents >= 0) & (np.arange(documents.shape[1]) < reach[:, None])
    cells = np.arange(len(documents))[:, None] * sizes.shape[1] + languages[documents]
    seen = np.bincount(
        cells[inside], minlength=len(documents) * sizes.shape[1]
    ).reshape(len(documents), -1)
    others = sizes[own] - (np.arange(sizes.shape[1]) == own_language[:, None])
    expected = others * (inside.sum(axis=1) / np.maximum(totals[own] - 1, 1))[:, None]
    surprise = np.divide(
        (seen - expected) ** 2,
        expected,
        out=np.zeros(expected.shape),
        where=expected > 0,
    )
    accepted = chi2.sf(surprise.sum(axis=1), n_languages[own] - 1) >= alpha
    return float(
        np.mean(
            [
                accepted[own == code].mean()
                for code in np.flatnonzero(judged)
                if (own == code).any()
            ]
        )
    )


def graph_connectivity(neighbors: Neighbors, *, n_neighbors: int = 15) -> float:
    """Return how far each register hangs together, in (0, 1]; higher means in one
    piece.

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
    >>> graph_connectivity(find_neighbors(X, register=register, language=language), n_neighbors=1)
    0.5

    """
    check_neighbors(neighbors)
    check_whole_number("n_neighbors", n_neighbors)
    n = len(neighbors.register)
    if len(neighbors.queries) < n:
        raise ValueError(
            f"got neighbors of {len(neighbors.queries)} of {n} documents, expected "
            "those of all; "
            "pass find_neighbors max_queries=None"
        )
    codes = np.unique(neighbors.register, return_inverse=True)[1]
    ends = neighbors.nearest.documents[:, :n_neighbors]
    starts = np.broadcast_to(np.arange(n)[:, None], ends.shape)
    kept = codes[starts] == codes[ends]
    graph = coo_matrix(
        (np.ones(kept.sum(), bool), (starts[kept], ends[kept])), shape=(n, n)
    )
    _, pieces = connected_components(graph, directed=False)
    return float(
        np.mean(
            [
                np.bincount(pieces[codes == code]).max() / (codes == code).sum()
                for code in set(codes)
            ]
        )
    )


def _weights(ranking: Ranking, perplexity: float) -> np.ndarray:
    """Return the weights of neighbors, adding up to 1, whose entropy is that of
    ``perplexity`` equal ones.
    """
    if not isinstance(perplexity, Real) or not 1 <= perplexity < np.inf:
        raise ValueError(
            f"got perplexity={perplexity!r}, expected at least 1; pass for example 30"
        )
    there = ranking.documents >= 0
    n_there = there.sum(axis=1)
    # Only gaps to the nearest matter, on any scale; the mean gap is a good one to start from.
    distances = np.where(there, ranking.distances, 0).astype(np.float64)
    gaps = np.where(there, distances - distances[:, :1], 0)
    gaps /= np.maximum(gaps.sum(axis=1) / np.maximum(n_there, 1), 1e-300)[:, None]
    target = np.log(np.clip(n_there / 3, 1, perplexity))
    low, high, beta = (
        np.zeros(len(gaps)),
        np.full(len(gaps), np.inf),
        np.ones(len(gaps)),
    )
    for _ in range(60):
        weights = np.exp(-beta[:, None] * gaps) * there
        weights /= np.maximum(weights.sum(axis=1), 1e-300)[:, None]
        entropy = -np.log(np.maximum(weights[:, 0], 1e-300)) + beta * (
            weights * gaps
        ).sum(axis=1)
        wide = entropy > target
        if (np.abs(entropy - target) < 1e-6).all():
            break
        low, high = np.where(wide, beta, low), np.where(wide, high, beta)
        beta = np.where(np.isinf(high), beta * 2, (low + high) / 2)
    return weights


def _table(neighbors: Neighbors) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return codes of languages and of registers, and the register × language counts."""
    languages, registers = (
        np.unique(labels, return_inverse=True)[1]
        for labels in (neighbors.language, neighbors.register)
    )
    shape = registers.max() + 1, languages.max() + 1
    return (
        languages,
        registers,
        np.bincount(registers * shape[1] + languages, minlength=np.prod(shape)).reshape(
            shape
        ),
    )


def _judged(sizes: np.ndarray) -> np.ndarray:
    judged = ((sizes > 0).sum(axis=1) > 1) & (sizes.sum(axis=1) >= _SMALLEST)
    if not judged.any():
        raise ValueError(
            f"got no register of at least {_SMALLEST} documents in two languages, "
            "expected one to judge mixing; "
            "pass more documents"
        )
    return judged
