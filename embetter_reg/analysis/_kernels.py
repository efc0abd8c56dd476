"""Compiled loops of clustering and of its figures; `loaded` says so where they must be compiled first.

Only `embetter_reg.analysis._kmeans`, `_silhouette` and `_sweep` load this file, when they are first used.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

_fast: Any = {"cache": True, "nogil": True, "fastmath": {"reassoc", "contract", "arcp", "nsz"}}


def announce() -> None:
    """Say once on stderr that kernels are compiled, where none are on disk yet."""
    cache = Path(lloyd_bounded.stats.cache_path)
    if not lloyd_bounded.signatures and not any(cache.glob(f"{Path(__file__).stem}.lloyd_*.nbi")):
        print("compiling the clustering kernels; this is done once and kept on disk", file=sys.stderr, flush=True)


@njit(**_fast)
def _distances_to(row, columns, gram, norms, out):
    """Write the squared distance of every row to one of them, from ``columns (n_dims, n)`` or from ``gram``."""
    n = len(out)
    if len(gram):
        for i in range(n):
            out[i] = max(norms[i] + norms[row] - 2 * gram[row, i], 0.0)
        return
    out[:] = 0
    for j in range(len(columns)):
        value = columns[j, row]
        for i in range(n):
            gap = columns[j, i] - value
            out[i] += gap * gap


@njit(**_fast)
def _pick(shares, weights, gaps, out):
    """Write the row at which the sum of ``weights * gaps`` reaches each share of its whole.

    Sums of blocks come first, since adding up one by one is the slow part of k-means++.
    """
    n = len(weights)
    sums = np.empty((n + 63) // 64)
    for b in range(len(sums)):
        part, heavy = gaps[64 * b : 64 * b + 64], weights[64 * b : 64 * b + 64]
        total = 0.0
        for i in range(len(part)):
            total += heavy[i] * part[i]
        sums[b] = total
    whole = sums.sum()
    for t in range(len(shares)):
        left, b = shares[t] * whole, 0
        while b < len(sums) - 1 and left > sums[b]:
            left -= sums[b]
            b += 1
        row, last = 64 * b, min(64 * b + 64, n) - 1
        while row < last and left > weights[row] * gaps[row]:
            left -= weights[row] * gaps[row]
            row += 1
        out[t] = row


@njit(**_fast)
def seed(columns, gram, norms, weights, draws):
    """Return the rows that greedy k-means++ picks by ``draws``: one number in [0, 1), and k - 1 rows of candidates.

    The first row is drawn by weight, each later one is the best of its candidates. With the draws of scikit-learn's
    generator the rows are those of scikit-learn's ``KMeans``.
    """
    n = len(weights)
    first, others = draws
    k, n_trials = len(others) + 1, others.shape[1]
    chosen, rows = np.empty(k, np.int64), np.empty(n_trials, np.int64)
    nearest, trial, best = np.ones(n), np.empty(n), np.empty(n)
    _pick(np.full(1, first), weights, nearest, chosen)
    _distances_to(chosen[0], columns, gram, norms, nearest)
    for c in range(1, k):
        _pick(others[c - 1], weights, nearest, rows)
        lowest = np.inf
        for row in rows:
            _distances_to(row, columns, gram, norms, trial)
            left = 0.0
            for i in range(n):
                trial[i] = min(trial[i], nearest[i])
                left += weights[i] * trial[i]
            if left < lowest:
                lowest = left
                chosen[c] = row
                best, trial = trial, best
        nearest, best = best, nearest
    return chosen


@njit(**_fast)
def mend(labels, gaps, weights, mass):
    """Give each empty cluster the row that fits its own cluster worst."""
    for c in range(len(mass)):
        if mass[c] <= 0:
            worst, row = -1.0, -1
            for i in range(len(labels)):
                if gaps[i] > worst and weights[i] > 0 and mass[labels[i]] > weights[i]:
                    worst, row = gaps[i], i
            if row >= 0:
                mass[labels[row]] -= weights[row]
                mass[c] = weights[row]
                labels[row] = c
                gaps[row] = -1.0


@njit(**_fast)
def _place(sums, mass, spherical, centers):
    """Turn sums into centres and return how far each moved; a cluster of no mass or direction keeps its centre."""
    k, d = centers.shape
    moves = np.zeros(k)
    for c in range(k):
        scale = mass[c]
        if spherical:
            scale = 0.0
            for j in range(d):
                scale += sums[c, j] * sums[c, j]
            scale = np.sqrt(scale)
        if scale <= 1e-12:
            continue
        for j in range(d):
            value = sums[c, j] / scale
            moves[c] += (value - centers[c, j]) ** 2
            centers[c, j] = value
        moves[c] = np.sqrt(moves[c])
    return moves


@njit(**_fast)
def _square(X, i, Y, c):
    """Return the squared distance of two rows; two dimensions, which maps have, are unrolled."""
    if X.shape[1] == 2:
        return (X[i, 0] - Y[c, 0]) ** 2 + (X[i, 1] - Y[c, 1]) ** 2
    gap = 0.0
    for j in range(X.shape[1]):
        gap += (X[i, j] - Y[c, j]) ** 2
    return gap


@njit(**_fast)
def _nearest_two(columns, centers, first, second):
    """Write the distances of every row to its nearest and second nearest centre, and return the nearest."""
    n = len(first)
    place, gaps = np.zeros(n, np.int64), np.empty(n)
    first[:], second[:] = np.inf, np.inf
    for c in range(len(centers)):
        gaps[:] = 0
        for j in range(len(columns)):
            value = centers[c, j]
            for i in range(n):
                gap = columns[j, i] - value
                gaps[i] += gap * gap
        for i in range(n):
            gap, least = gaps[i], first[i]
            place[i] = c if gap < least else place[i]
            second[i] = min(second[i], max(least, gap))
            first[i] = min(least, gap)
    for i in range(n):
        first[i], second[i] = np.sqrt(first[i]), np.sqrt(second[i])
    return place


@njit(**_fast)
def lloyd_bounded(X, columns, weights, centers, max_iter, tol, settled, spherical):
    """Run k-means in few dimensions and return labels and iterations; ``centers`` is changed.

    It ends when no more than a share ``tol`` of the rows change cluster, or after the iteration in which the centres
    move by no more than ``settled`` (squares added up).

    Hamerly 2010: a row whose upper bound on the distance to its centre lies below its lower bound on all others, or
    below half the way to the next centre, is not looked at.
    """
    n, d = X.shape
    k = len(centers)
    labels = np.full(n, -1, np.int32)
    upper, lower = np.full(n, np.inf), np.zeros(n)
    sums, mass, half = np.zeros((k, d)), np.zeros(k), np.zeros(k)
    is_last = False
    for n_iter in range(1, max_iter + 1):
        for a in range(k):
            half[a] = np.inf
            for b in range(k):
                if a != b:
                    half[a] = min(half[a], _square(centers, a, centers, b))
            half[a] = np.sqrt(half[a]) / 2
        moved = 0
        if n_iter == 1:
            first_place = _nearest_two(columns, centers, upper, lower)
        for i in range(n):
            own = labels[i]
            if n_iter == 1:
                place = first_place[i]
            else:
                safe = max(half[own], lower[i])
                if upper[i] <= safe:
                    continue
                upper[i] = np.sqrt(_square(X, i, centers, own))
                if upper[i] <= safe:
                    continue
                first, second, place = np.inf, np.inf, 0
                for c in range(k):
                    gap = _square(X, i, centers, c)
                    place = c if gap < first else place
                    second = min(second, max(first, gap))
                    first = min(first, gap)
                upper[i], lower[i] = np.sqrt(first), np.sqrt(second)
            if place != own:
                moved += 1
                labels[i] = place
                mass[place] += weights[i]
                for j in range(d):
                    sums[place, j] += weights[i] * X[i, j]
                if own >= 0:
                    mass[own] -= weights[i]
                    for j in range(d):
                        sums[own, j] -= weights[i] * X[i, j]
        if moved <= tol * n or is_last:
            break
        if mass.min() <= 1e-12:
            mend(labels, upper.copy(), weights, mass)
            mass[:] = 0
            sums[:] = 0
            upper[:] = np.inf
            for i in range(n):
                mass[labels[i]] += weights[i]
                for j in range(d):
                    sums[labels[i], j] += weights[i] * X[i, j]
        moves = _place(sums, mass, spherical, centers)
        is_last = (moves * moves).sum() <= settled
        furthest = moves.argmax()
        others = np.full(k, moves[furthest])  # how far any other centre moved
        moves_of_rest = moves.copy()
        moves_of_rest[furthest] = 0
        others[furthest] = moves_of_rest.max()
        for i in range(n):
            upper[i] += moves[labels[i]]
            lower[i] -= others[labels[i]]
    return labels, n_iter


@njit(**_fast)
def _worth(square, mass, spherical):
    """Return what a cluster adds to the sum that k-means maximises, from the squared length of its sum."""
    if mass <= 1e-12:
        return 0.0
    return np.sqrt(max(square, 0.0)) if spherical else square / mass


@njit(**_fast)
def _sum_products(X, weights, labels, k):
    """Return the sums of the clusters and their masses."""
    sums, mass = np.zeros((k, X.shape[1])), np.zeros(k)
    for i in range(len(X)):
        mass[labels[i]] += weights[i]
        for j in range(X.shape[1]):
            sums[labels[i], j] += weights[i] * X[i, j]
    return sums, mass


@njit(**_fast)
def total_worth(X, weights, labels, k, spherical):
    """Return the sum that k-means maximises: squared lengths of sums over masses, or lengths on the sphere."""
    sums, mass = _sum_products(X, weights, labels, k)
    total = 0.0
    for c in range(k):
        total += _worth((sums[c] ** 2).sum(), mass[c], spherical)
    return total


@njit(**_fast)
def lloyd_gram(X, gram, norms, weights, rows, max_iter, tol, spherical):
    """Run k-means on all pairs of inner products, seeded by ``rows``; return labels and iterations.

    ``products[c, i]``, row i times the sum of cluster c, is all that Lloyd's iterations need. It is made anew by one
    matrix product while many rows move, and later brought up to date by the rows that moved alone.
    """
    n, k = len(X), len(rows)
    labels = np.full(n, -1, np.int32)
    products = np.empty((k, n), X.dtype)
    scale, shift, mass = np.ones(k, X.dtype), np.zeros(k, X.dtype), np.ones(k)
    for c in range(k):
        products[c] = gram[rows[c]]
        shift[c] = 0.0 if spherical else norms[rows[c]] / 2
    best, place = np.empty(n, X.dtype), np.empty(n, np.int32)
    gaps = np.empty(n)
    for n_iter in range(1, max_iter + 1):  # noqa: B007
        best[:] = -np.inf
        for c in range(k):
            a, b = scale[c], shift[c]
            for i in range(n):
                score = a * products[c, i] - b
                better = score > best[i]
                best[i] = score if better else best[i]
                place[i] = c if better else place[i]
        moved = 0
        for i in range(n):
            moved += place[i] != labels[i]
        if moved <= tol * n:
            break
        mass[:] = 0
        for i in range(n):
            mass[place[i]] += weights[i]
        if mass.min() <= 1e-12:
            for i in range(n):
                gaps[i] = max(norms[i] / 2 - best[i] + 1, 0.0)
            mend(place, gaps, weights, mass)
        if 6 * moved > n:
            sums, mass = _sum_products(X, weights, place, k)
            products = np.dot(sums.astype(X.dtype), X.T)
            labels[:] = place
        else:
            for i in range(n):
                old, new = labels[i], place[i]
                if old != new:
                    w = weights[i]
                    for j in range(n):
                        products[new, j] += w * gram[i, j]
                        products[old, j] -= w * gram[i, j]
                    labels[i] = new
        squares = np.zeros(k)
        for i in range(n):
            squares[labels[i]] += weights[i] * products[labels[i], i]
        for c in range(k):
            if mass[c] <= 1e-12:
                continue
            if not spherical:
                scale[c] = 1 / mass[c]
                shift[c] = squares[c] / (2 * mass[c] * mass[c])
            elif squares[c] > 1e-24:
                scale[c] = 1 / np.sqrt(squares[c])
    return labels, n_iter


@njit(**_fast)
def polish(X, gram, norms, weights, labels, k, spherical, max_pass):
    """Move single rows while that lowers the inertia (Hartigan & Wong 1979); ``labels`` is changed.

    A labelling that Lloyd's iterations cannot better may still gain by such a move, since the centres go along.
    """
    n, d = X.shape
    sums, mass = _sum_products(X, weights, labels, k)
    products = np.dot(sums.astype(X.dtype), X.T) if len(gram) else np.zeros((0, 0), X.dtype)
    squares = np.zeros(k)
    for c in range(k):
        for j in range(d):
            squares[c] += sums[c, j] * sums[c, j]
    worth = np.array([_worth(squares[c], mass[c], spherical) for c in range(k)])
    inner = np.empty(k)
    least = 1e-5 if X.itemsize == 4 else 1e-10
    for _ in range(max_pass):
        moved = 0
        for i in range(n):
            a, w = labels[i], weights[i]
            if w <= 0 or mass[a] <= w + 1e-12:
                continue
            for c in range(k):
                inner[c] = 0.0
                if len(gram):
                    inner[c] = products[c, i]
                else:
                    for j in range(d):
                        inner[c] += sums[c, j] * X[i, j]
            own = squares[a] - 2 * w * inner[a] + w * w * norms[i]
            loss = worth[a] - _worth(own, mass[a] - w, spherical)
            place, most = a, loss + least * w * (norms[i] + 1e-12)
            for b in range(k):
                if b != a:
                    square = squares[b] + 2 * w * inner[b] + w * w * norms[i]
                    gain = _worth(square, mass[b] + w, spherical) - worth[b]
                    if gain > most:
                        place, most = b, gain
            if place == a:
                continue
            moved += 1
            squares[place] += 2 * w * inner[place] + w * w * norms[i]
            squares[a] = own
            mass[a] -= w
            mass[place] += w
            worth[a] = _worth(squares[a], mass[a], spherical)
            worth[place] = _worth(squares[place], mass[place], spherical)
            labels[i] = place
            if len(gram):
                for j in range(n):
                    products[place, j] += w * gram[i, j]
                    products[a, j] -= w * gram[i, j]
            else:
                for j in range(d):
                    sums[place, j] += w * X[i, j]
                    sums[a, j] -= w * X[i, j]
        if moved == 0:
            break
    return labels


@njit(**_fast)
def silhouette(X, codes, k):
    """Return the mean silhouette of one labelling (0 to k - 1) in few dimensions.

    The mean distance of a row to a cluster is no less than that to its middle, and no more than the root of the mean
    squared one; only clusters that may be the nearest by these bounds are measured.
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
            spreads[codes[i]] += (X[i, j] - middles[codes[i], j]) ** 2 / sizes[codes[i] + 1]
    gaps, least, work = np.empty(k), np.empty(k), np.empty(n, np.float32)
    total = 0.0
    for i in range(n):
        own = codes[i]
        size = sizes[own + 1]
        if size == 1:
            continue
        limit, near = np.inf, own
        for c in range(k):
            least[c] = _square(X, i, middles, c)
            if c != own and least[c] + spreads[c] < limit:
                limit, near = least[c] + spreads[c], c
        other = np.inf
        limit *= 1 + 1e-6
        for turn in range(k + 1):  # the likeliest first, so that fewer others are measured
            c = near if turn == 0 else turn - 1
            if c == own or turn == 0 or (c != near and least[c] <= limit):
                first, last = starts[c], starts[c + 1]
                part = work[first:last]
                part[:] = 0
                for j in range(d):
                    value, column = np.float32(X[i, j]), columns[j, first:last]
                    for m in range(len(part)):
                        apart = column[m] - value
                        part[m] += apart * apart
                summed = np.float32(0)
                for m in range(len(part)):
                    summed += np.sqrt(part[m])
                gap = np.float64(summed)
                gaps[c] = gap
                if c != own:
                    other = min(other, gap / (last - first))
                    limit = min(limit, other * other * (1 + 1e-6))
        mine = gaps[own] / (size - 1)
        if max(mine, other) > 0:
            total += (other - mine) / max(mine, other)
    return total / n


@njit(**_fast)
def expected_information(a, b, table):
    """Return the mutual information (nats) of two random labellings with class sizes ``a`` and ``b``.

    ``table[m]`` is log(m!). Vinh, Epps & Bailey 2010; each probability follows from the one before it.
    """
    n = a.sum()
    total = 0.0
    for x in a:
        for y in b:
            low, high = max(1, x + y - n), min(x, y)
            mode = min(max((x + 1) * (y + 1) // (n + 2), low), high)  # chances fall on either side
            top = np.exp(
                table[x] + table[y] + table[n - x] + table[n - y]
                - table[n] - table[mode] - table[x - mode] - table[y - mode] - table[n - x - y + mode]
            )  # fmt: skip
            chance, m = top, mode
            while m <= high and chance > 1e-20:
                total += m / n * np.log(n * m / (x * y)) * chance
                chance *= (x - m) * (y - m) / ((m + 1) * (n - x - y + m + 1))
                m += 1
            chance, m = top, mode
            while m > low and chance > 1e-20:
                chance *= m * (n - x - y + m) / ((x - m + 1) * (y - m + 1))
                m -= 1
                total += m / n * np.log(n * m / (x * y)) * chance
    return total
