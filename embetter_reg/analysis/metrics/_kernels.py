"""Compiled loops of the metrics; `embetter_reg._compiled.announce` says so where they
must be compiled first.

Only `_silhouette` and `_agreement` load this file, when they are first used.
"""

import numpy as np
from numba import njit

from embetter_reg._compiled import FAST


@njit(**FAST)
def _square(X, i, Y, c):
    """Return the squared distance of two rows; two dimensions, which maps have, are
    unrolled.
    """
    if X.shape[1] == 2:
        return (X[i, 0] - Y[c, 0]) ** 2 + (X[i, 1] - Y[c, 1]) ** 2
    gap = 0.0
    for j in range(X.shape[1]):
        gap += (X[i, j] - Y[c, j]) ** 2
    return gap


@njit(**FAST)
def _sum_of_distances(X, i, columns, first, last, work):
    """Return the summed distances of row i to ``columns[:, first:last]``; two
    dimensions are unrolled.
    """
    total, part = np.float32(0), work[first:last]
    if len(columns) == 2:
        x, xs, y, ys = (
            np.float32(X[i, 0]),
            columns[0, first:last],
            np.float32(X[i, 1]),
            columns[1, first:last],
        )
        for m in range(len(part)):
            across, up = xs[m] - x, ys[m] - y
            total += np.sqrt(across * across + up * up)
        return np.float64(total)
    part[:] = 0
    for j in range(len(columns)):
        value, column = np.float32(X[i, j]), columns[j, first:last]
        for m in range(len(part)):
            apart = column[m] - value
            part[m] += apart * apart
    for m in range(len(part)):
        total += np.sqrt(part[m])
    return np.float64(total)


@njit(**FAST)
def silhouettes_lowdim(X, codes, k, out):
    """Write the silhouette of every row under one labeling (0 to k - 1) in few
    dimensions.

    The mean distance of a row to a cluster is no less than that to its middle, and no
    more than the root of the mean squared one; only clusters that may be the nearest by
    these bounds are measured.
    """
    n, d = X.shape
    sizes = np.zeros(k + 1, np.int64)
    for code in codes:
        sizes[code + 1] += 1
    starts = np.cumsum(sizes)
    places = starts[:-1].copy()
    columns = np.empty((d, n), np.float32)  # rows of a cluster stand together
    middles, spreads = np.zeros((k, d)), np.zeros(k)
    for i in range(n):
        for j in range(d):
            columns[j, places[codes[i]]] = X[i, j]
            middles[codes[i], j] += X[i, j] / sizes[codes[i] + 1]
        places[codes[i]] += 1
    for i in range(n):
        for j in range(d):
            spreads[codes[i]] += (X[i, j] - middles[codes[i], j]) ** 2 / sizes[
                codes[i] + 1
            ]
    least, work = np.empty(k), np.empty(n, np.float32)
    for i in range(n):
        own = codes[i]
        size = sizes[own + 1]
        out[i] = 0.0
        if size == 1:
            continue
        limit, near = np.inf, own
        for c in range(k):
            least[c] = _square(X, i, middles, c)
            if c != own and least[c] + spreads[c] < limit:
                limit, near = least[c] + spreads[c], c
        least[own] = least[near] = (
            np.inf
        )  # done, the likeliest first, so that fewer others are measured
        mine = _sum_of_distances(X, i, columns, starts[own], starts[own + 1], work) / (
            size - 1
        )
        other = (
            _sum_of_distances(X, i, columns, starts[near], starts[near + 1], work)
            / sizes[near + 1]
        )
        for c in range(k):
            if least[c] <= min(limit, other * other) * (1 + 1e-6):
                gap = (
                    _sum_of_distances(X, i, columns, starts[c], starts[c + 1], work)
                    / sizes[c + 1]
                )
                other = min(other, gap)
        if max(mine, other) > 0:
            out[i] = (other - mine) / max(mine, other)


@njit(**FAST)
def silhouettes_of_sums(sums, start, codes, sizes, to_all, out):
    """Write the silhouettes of rows from their summed distances to the clusters of one
    labeling.

    Those stand in ``sums`` from column ``start`` on. With ``to_all`` the mean distance
    to all other rows takes the place of that to the nearest cluster.
    """
    n = sizes.sum()
    for i in range(len(codes)):
        own, size = codes[i], sizes[codes[i]]
        out[i], total, other = 0.0, 0.0, np.inf
        if size == 1:
            continue
        for c in range(len(sizes)):
            if c != own:
                total += sums[i, start + c]
                other = min(other, sums[i, start + c] / sizes[c])
        mine = sums[i, start + own] / (size - 1)
        other = total / (n - size) if to_all else other
        if max(mine, other) > 0:
            out[i] = (other - mine) / max(mine, other)


@njit(**FAST)
def expected_information(a, b, logs, table):
    """Return the mutual information (nats) of two random labelings with class sizes
    ``a`` and ``b``.

    ``logs[m]`` is log(m), ``table[m]`` log(m!). Vinh, Epps & Bailey 2010; each
    probability follows from the one before.
    """
    n = a.sum()
    total = 0.0
    for x in a:
        for y in b:
            share = logs[n] - logs[x] - logs[y]
            low, high = max(1, x + y - n), min(x, y)
            mode = min(
                max((x + 1) * (y + 1) // (n + 2), low), high
            )  # chances fall on either side
            top = np.exp(
                table[x]
                + table[y]
                + table[n - x]
                + table[n - y]
                - table[n]
                - table[mode]
                - table[x - mode]
                - table[y - mode]
                - table[n - x - y + mode]
            )
            chance, m = top, mode
            while m <= high and chance > 1e-20:
                total += m / n * (logs[m] + share) * chance
                chance *= (x - m) * (y - m) / ((m + 1) * (n - x - y + m + 1))
                m += 1
            chance, m = top, mode
            while m > low and chance > 1e-20:
                chance *= m * (n - x - y + m) / ((x - m + 1) * (y - m + 1))
                m -= 1
                total += m / n * (logs[m] + share) * chance
    return total


@njit(**FAST)
def agreement(labels, clusters, logs, table):
    """Return ARI, AMI, NMI and V-measure of two labelings from 0 on; see
    `expected_information`.
    """
    n = len(labels)
    counts = np.zeros((labels.max() + 1, clusters.max() + 1), np.int64)
    for i in range(n):
        counts[labels[i], clusters[i]] += 1
    a, b = counts.sum(axis=1), counts.sum(axis=0)
    (of_labels, h_labels), (of_clusters, h_clusters) = (
        _pairs_and_entropy(a, logs),
        _pairs_and_entropy(b, logs),
    )
    together, h_both = _pairs_and_entropy(counts.ravel(), logs)
    chance = of_labels * of_clusters / max(n * (n - 1), 1)
    spare = (of_labels + of_clusters) / 2 - chance
    ari = (together - chance) / spare if spare else 1.0
    mutual, mean = max(h_labels + h_clusters - h_both, 0.0), (h_labels + h_clusters) / 2
    if mean < 1e-12:  # one label and one cluster
        return ari, 1.0, 1.0, 1.0
    expected = expected_information(a, b, logs, table)
    ami = (
        (mutual - expected) / (mean - expected) if abs(mean - expected) > 1e-12 else 1.0
    )
    return ari, ami, mutual / mean, mutual / mean


@njit(**FAST)
def _pairs_and_entropy(counts, logs):
    """Return ordered pairs within the counts, and the entropy in nats."""
    n, pairs, entropy = counts.sum(), 0.0, 0.0
    for count in counts:
        pairs += count * (count - 1.0)
        if count:
            entropy += count / n * (logs[n] - logs[count])
    return pairs, entropy
