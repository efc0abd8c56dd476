"""What the labels so far say about the other documents: predictions, doubtful labels,
where to look next.
"""

from typing import NamedTuple

import numpy as np
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.preprocessing import normalize

from embetter_reg._optional import optional_import
from embetter_reg._random import check_random_state
from embetter_reg.label._map import stratified_sample

N_NEIGHBORS = 10
MOST_VOTERS = 2_000
_BLOCK = 8_000_000


class Vote(NamedTuple):
    """What the nearest labeled documents say.

    ``shares`` (float32, n_queries × n_labels) is the weight of each label among them;
    ``labels`` names the columns. ``sure`` (float32, n_queries), in [0, 1], is the lead
    of the winning label over the next.
    """

    shares: np.ndarray
    labels: list[str]
    sure: np.ndarray

    def of(self, queries) -> "Vote":
        """Return the vote on some of the queries, by their place."""
        return Vote(self.shares[queries], self.labels, self.sure[queries])

    def winners(self) -> list[tuple[str, ...]]:
        """Return the labels that at least half of the weight carries, or else the one
        with the most.
        """
        chosen = self.shares >= 0.5
        best = self.shares.argmax(axis=1)
        return [
            tuple(self.labels[n] for n in np.flatnonzero(row)) or (self.labels[top],)
            for row, top in zip(chosen, best, strict=True)
        ]


def neighbor_vote(
    space,
    rows,
    targets,
    labels,
    queries=None,
    *,
    n_neighbors: int = N_NEIGHBORS,
    max_voters: int | None = MOST_VOTERS,
) -> Vote:
    """Let the nearest labeled documents vote on every query, weighed by cosine
    similarity; none votes on itself.

    Parameters
    ----------
    space : array of shape (n_documents, n_dims)
    rows : array of int
        The labeled documents.
    targets : array of shape (n_rows, n_labels)
        1 where a document has a label.
    labels : list of str
    queries : array of int or None
        Documents to vote on; None is all.
    n_neighbors : int
    max_voters : int or None
        Above so many labeled documents, a sample stratified by label votes.

    Raises
    ------
    ValueError
        If no document is labeled.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.label import neighbor_vote
    >>> space = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
    >>> neighbor_vote(space, [0, 2], np.eye(2), ["HI", "NA"], n_neighbors=1).winners()
    [('NA',), ('HI',), ('HI',), ('NA',)]

    """
    rows, targets = np.asarray(rows), np.asarray(targets, np.float32)
    if not len(rows):
        raise ValueError(
            "got no labeled document, expected at least one to vote; label some first"
        )
    if max_voters is not None and len(rows) > max_voters:
        kept = stratified_sample(
            targets @ (2.0 ** np.arange(targets.shape[1])), max_voters
        )
        rows, targets = rows[kept], targets[kept]
    queries = np.arange(len(space)) if queries is None else np.asarray(queries)
    voters = normalize(np.asarray(space[rows], np.float32))
    shares = np.zeros((len(queries), targets.shape[1]), np.float32)
    for batch in np.array_split(
        np.arange(len(queries)), max(1, len(queries) * len(rows) // _BLOCK)
    ):
        likeness = normalize(np.asarray(space[queries[batch]], np.float32)) @ voters.T
        likeness[queries[batch][:, None] == rows] = -np.inf
        k = min(n_neighbors, len(rows))
        near = np.argpartition(-likeness, k - 1, axis=1)[:, :k]
        weight = np.maximum(np.take_along_axis(likeness, near, axis=1), 1e-6)
        weight[~np.isfinite(np.take_along_axis(likeness, near, axis=1))] = 0
        total = np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
        shares[batch] = ((weight / total)[:, :, None] * targets[near]).sum(axis=1)
    ordered = np.sort(shares, axis=1)
    sure = ordered[:, -1] - (ordered[:, -2] if shares.shape[1] > 1 else 0)
    return Vote(shares, list(labels), np.clip(sure, 0, 1))


def doubtful_labels(space, rows, targets, *, method: str = "neighbors") -> np.ndarray:
    """Return the labeled documents whose label looks wrong, the most doubtful first.

    Parameters
    ----------
    space : array of shape (n_documents, n_dims)
    rows : array of int
        The labeled documents.
    targets : array of shape (n_rows, n_labels)
    method : {"neighbors", "cleanlab"}
        "neighbors": the two nearest labeled documents both share no label with it; in
        the order of how little of the vote of the ten nearest falls on its own labels.
        "cleanlab": confident learning on that vote (Northcutt, Jiang & Chuang 2021), by
        cleanlab (extra ``cleanlab``).

    Returns
    -------
    ndarray of int
        Some of ``rows``.

    Raises
    ------
    ImportError
        If cleanlab is asked for and not installed.
    ValueError
        If the method has another name.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.label import doubtful_labels
    >>> space = np.array([[1.0, 0.0], [1.0, 0.1], [1.0, 0.2], [0.0, 1.0], [0.1, 1.0], [0.2, 1.0]])
    >>> doubtful_labels(space, np.arange(6), np.eye(2)[[0, 0, 1, 1, 1, 1]]).tolist()
    [2]

    """
    if method not in ("neighbors", "cleanlab"):
        raise ValueError(
            f"got method={method!r}, expected 'neighbors' or 'cleanlab'; pick one"
        )
    rows, targets = np.asarray(rows), np.asarray(targets, np.float32)
    if len(rows) < 3:
        return rows[:0]
    names = [str(n) for n in range(targets.shape[1])]
    vote = neighbor_vote(space, rows, targets, names, rows, max_voters=None)
    own = (vote.shares * targets).sum(axis=1) / targets.sum(axis=1)
    if method == "neighbors":
        two = neighbor_vote(
            space, rows, targets, names, rows, n_neighbors=2, max_voters=None
        )
        found = np.flatnonzero((two.shares * targets).sum(axis=1) < 1e-6)
        return rows[found[np.argsort(own[found], kind="stable")]]
    given = [np.flatnonzero(row).tolist() for row in targets]
    shares = (vote.shares + 1e-3) / (1 + 1e-3 * targets.shape[1])
    purpose = "finding doubtful labels by confident learning"
    if all(len(labels) == 1 for labels in given):
        filters = optional_import(
            "cleanlab.filter", package="cleanlab", purpose=purpose
        )
        used = np.unique([labels[0] for labels in given])
        codes = np.searchsorted(used, [labels[0] for labels in given])
        shares = shares[:, used] / shares[:, used].sum(axis=1, keepdims=True)
        if len(used) < 2:
            return rows[:0]
        found = filters.find_label_issues(
            codes, shares, return_indices_ranked_by="self_confidence", n_jobs=1
        )
    else:
        multilabel = optional_import(
            "cleanlab.multilabel_classification.filter",
            package="cleanlab",
            purpose=purpose,
        )
        found = multilabel.find_label_issues(
            given, shares, return_indices_ranked_by="self_confidence", n_jobs=1
        )
    return rows[found]


def informative_regions(
    places, doubt, unlabeled, *, region_size: int = 40, random_state=0
) -> list[np.ndarray]:
    """Return regions of the map worth labeling, the most informative first; each a set
    of unlabeled documents.

    Regions are k-means clusters of the unlabeled documents' places. One is worth the
    sum of its documents' doubts, so that a region counts that is both large and unsure;
    near a boundary as much as where nothing is labeled yet.

    Parameters
    ----------
    places : array of shape (n_documents, 2)
    doubt : array (n_documents,)
        In [0, 1]: 1 where nothing is known.
    unlabeled : array of int
    region_size : int
        Documents in a region, on average.
    random_state : int, RandomState or None

    """
    unlabeled = np.asarray(unlabeled)
    if not len(unlabeled):
        return []
    n_regions = int(np.clip(round(len(unlabeled) / region_size), 1, 250))
    seed = int(check_random_state(random_state).randint(2**31 - 1))
    points = np.asarray(places, np.float64)[unlabeled]
    n_regions = min(n_regions, len(np.unique(points, axis=0)))
    make = KMeans if len(unlabeled) <= 20_000 else MiniBatchKMeans
    region = make(n_regions, n_init=3, random_state=seed).fit_predict(points)
    worth = np.bincount(
        region, weights=np.asarray(doubt)[unlabeled], minlength=n_regions
    )
    return [unlabeled[region == n] for n in np.argsort(-worth, kind="stable")]
