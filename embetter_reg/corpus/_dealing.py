"""Documents dealt to parts that keep labels and languages in proportion."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from embetter_reg._validation import as_objects, check_complete, check_same_length


def joined_groups(groupings: Sequence[np.ndarray]) -> np.ndarray | None:
    """Return groups such that documents that share one of some grouping share one.

    ``groupings`` are numbers from 0. A group gets the smallest number of its documents
    in the first of them, so that a single grouping comes back as it is.
    """
    if len(groupings) < 2:
        return groupings[0] if groupings else None
    n_documents = len(groupings[0])
    # Documents and groups are the nodes of a graph, whose parts are looked for.
    first_node = n_documents
    nodes = []
    for codes in groupings:
        nodes.append(first_node + codes)
        first_node += codes.max(initial=-1) + 1
    columns = np.concatenate(nodes)
    rows = np.tile(np.arange(n_documents), len(groupings))
    shape = (first_node, first_node)
    graph = coo_array((np.ones(len(rows), bool), (rows, columns)), shape=shape)
    part = connected_components(graph, directed=False)[1][:n_documents]
    smallest = np.full(part.max(initial=-1) + 1, first_node)
    np.minimum.at(smallest, part, groupings[0])
    return smallest[part]


def deal(
    X: ArrayLike | None,
    y: ArrayLike | None,
    groups: ArrayLike | None,
    language: ArrayLike | None,
    shares: Sequence[float],
    rng: np.random.RandomState,
) -> np.ndarray:
    """Return the part of each document, so that each part gets its share of every
    label.
    """
    if y is None:
        raise ValueError("got no y, expected a label a document to stratify by; pass y")
    check_same_length(X=X, y=y, groups=groups, language=language)
    members = _memberships(y, language)
    if len(members) == 0:
        raise ValueError(
            "got no documents, expected some to split; check what was read or selected"
        )
    units = np.arange(len(members))
    if groups is not None:
        units = codes_of("group", groups)[1]
    n_units = int(units.max()) + 1
    if n_units < len(shares):
        raise ValueError(
            f"got {n_units} documents or groups for {len(shares)} parts, expected at "
            "least as many; use fewer parts"
        )
    counts = np.zeros((n_units, members.shape[1]))
    np.add.at(counts, units, members)
    sizes = np.bincount(units).astype(float)
    return _deal_units(counts, sizes, np.array(shares), rng)[units]


def _deal_units(
    counts: np.ndarray,
    sizes: np.ndarray,
    share: np.ndarray,
    rng: np.random.RandomState,
) -> np.ndarray:
    """Return the part of each unit, given how many documents of each stratum it has."""
    wanted = np.outer(share, counts.sum(axis=0))
    room = share * sizes.sum()
    part = np.full(len(sizes), -1)

    def place(batch: np.ndarray, need: np.ndarray, amounts: np.ndarray) -> None:
        for unit in batch:
            # Needs that differ by less than the unit are equal: of a stratum too rare
            # to be divided, each part gets its chance, not the largest part all; the
            # part with most room left decides.
            best = np.flatnonzero(need > need.max() - amounts[unit] + 1e-9)
            spare = room[best] / share[best]
            part[unit] = rng.choice(best[spare >= spare.max() - 1e-9])
            wanted[part[unit]] -= counts[unit]
            room[part[unit]] -= sizes[unit]

    order = rng.permutation(len(sizes))
    # Large groups come first, while there is room for them.
    order = order[np.argsort(-sizes[order], kind="stable")]
    holds = counts > 0
    n_left = holds.sum(axis=0)
    while n_left.any():
        # The rarest stratum comes first: later it may no longer fit in.
        stratum = np.where(n_left > 0, n_left, np.inf).argmin()
        batch = order[(part[order] < 0) & holds[order, stratum]]
        place(batch, wanted[:, stratum], counts[:, stratum])
        n_left = n_left - holds[batch].sum(axis=0)
    place(order[part[order] < 0], room, sizes)
    return part


def _memberships(y: ArrayLike, language: ArrayLike | None) -> np.ndarray:
    """Return (n_documents, n_strata): the labels, then each label within each language."""
    labels = _label_memberships(y)
    if language is None:
        return labels
    names, codes = codes_of("language", language)
    return np.hstack([labels & (codes == code)[:, None] for code in range(len(names))])


def _label_memberships(y: ArrayLike) -> np.ndarray:
    if as_objects(y).ndim == 2:
        matrix = values_of("y", y, ndim=2)
        if matrix.dtype.kind not in "biuf" or not np.isin(matrix, [0, 1]).all():
            raise ValueError(
                "got y as a matrix with other values than 0 and 1, expected labels or "
                "a binary indicator matrix; pass label_column(documents)"
            )
        return matrix.astype(bool)
    names, codes = codes_of("y", y)
    return codes[:, None] == np.arange(len(names))


def codes_of(name: str, values: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return the different values in order, and the number of each document's."""
    try:
        return np.unique(values_of(name, values), return_inverse=True)
    except TypeError as error:
        raise TypeError(
            f"got {name} of several types, expected numbers or str; convert them"
        ) from error


def values_of(name: str, values: ArrayLike, ndim: int = 1) -> np.ndarray:
    """Return one value a document, of which none is missing."""
    objects = as_objects(values)
    is_nested = any(isinstance(value, list | tuple | set) for value in objects.flat)
    if objects.ndim != ndim or is_nested:
        raise ValueError(
            f"got {name} of shape {objects.shape}, expected one value a document; pass "
            "a 1-D array"
        )
    check_complete(name, objects)
    return np.asarray(values)
