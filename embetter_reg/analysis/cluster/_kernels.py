"""Compiled loops of clustering; `embetter_reg._compiled.announce` says so where they
must be compiled first.

Only `embetter_reg.analysis.cluster._kmeans` loads this file, when it is first used.
"""

import numpy as np
from numba import njit

from embetter_reg._compiled import FAST

_NEAR = 0.9  # share of what a move must gain at which a row is looked at again


@njit(**FAST)
def _distances_to(row, columns, gram, norms, out):
    """Write the squared distance of every row to one of them, from ``columns (n_dims,
    n)`` or from ``gram``.
    """
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


@njit(**FAST)
def _pick(shares, weights, gaps, out):
    """Write the row at which the sum of ``weights * gaps`` reaches each share of its
    whole.

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


@njit(**FAST)
def _draw(shares, columns, gram, norms, weights, nearest, trial, best):
    """Return the best of the rows that k-means++ draws by ``shares``, with the
    distances to it and a spare array.
    """
    rows = np.empty(len(shares), np.int64)
    _pick(shares, weights, nearest, rows)
    lowest, chosen = np.inf, rows[0]
    for row in rows:
        _distances_to(row, columns, gram, norms, trial)
        left = 0.0
        for i in range(len(trial)):
            left += weights[i] * min(trial[i], nearest[i])
        if left < lowest:
            lowest, chosen = left, row
            best, trial = trial, best
    return chosen, best, trial


@njit(**FAST)
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


@njit(**FAST)
def _place(sums, mass, k, spherical, centers):
    """Turn sums into centers and return how far each moved; a cluster of no mass or
    direction keeps its center.
    """
    d = sums.shape[1]
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
def _nearest_two(columns, centers, first, second):
    """Write the distances of every row to its nearest and second nearest center, and
    return the nearest.
    """
    n = len(first)
    place, gaps = np.zeros(n, np.int32), np.empty(n)
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


@njit(**FAST)
def _add_row(X, i, weight, sums, mass, c):
    """Add a row to a cluster, or take it away by a negative weight."""
    mass[c] += weight
    for j in range(X.shape[1]):
        sums[c, j] += weight * X[i, j]


@njit(**FAST)
def _relabel(X, i, weight, labels, sums, mass, c):
    """Let a row change its cluster."""
    _add_row(X, i, weight, sums, mass, c)
    _add_row(X, i, -weight, sums, mass, labels[i])
    labels[i] = c


@njit(**FAST)
def _sum_rows(X, weights, labels, k):
    """Return the sums of the clusters and their masses."""
    sums, mass = np.zeros((k, X.shape[1])), np.zeros(k)
    for i in range(len(X)):
        _add_row(X, i, weights[i], sums, mass, labels[i])
    return sums, mass


@njit(**FAST)
def _worth(square, mass, spherical):
    """Return what a cluster adds to the sum that k-means maximizes, from the squared
    length of its sum.
    """
    if mass <= 1e-12:
        return 0.0
    return np.sqrt(max(square, 0.0)) if spherical else square / mass


@njit(**FAST)
def _total(squares, mass, spherical):
    """Return the sum that k-means maximizes."""
    total = 0.0
    for c in range(len(mass)):
        total += _worth(squares[c], mass[c], spherical)
    return total


@njit(**FAST)
def _lloyd_few(
    X,
    weights,
    k,
    labels,
    upper,
    lower,
    centers,
    sums,
    mass,
    max_iter,
    tol,
    settled,
    spherical,
):
    """Run k-means in few dimensions from labels and their sums; return iterations.

    It ends when no more than a share ``tol`` of the rows change cluster, or after the
    iteration in which the centers move by no more than ``settled`` (squares added up).

    Hamerly 2010: a row whose upper bound on the distance to its center lies below its
    lower bound on all others, or below half the way to the next center, is not looked
    at.
    """
    n = len(X)
    half, others, rows = np.empty(k), np.empty(k), np.empty(n, np.int64)
    for n_iter in range(1, max_iter + 1):  # noqa: B007
        if mass[:k].min() <= 1e-12:
            mend(labels, upper.copy(), weights, mass[:k])
            sums[:k], mass[:k] = _sum_rows(X, weights, labels, k)
            upper[:], lower[:] = np.inf, 0  # so that every row is looked at
        moves = _place(sums, mass, k, spherical, centers)
        furthest = moves.argmax()
        rest = 0.0
        for a in range(k):
            others[a] = moves[furthest]  # how far any other center moved
            rest = rest if a == furthest else max(rest, moves[a])
            half[a] = np.inf
            for b in range(k):
                if a != b:
                    half[a] = min(half[a], _square(centers, a, centers, b))
            half[a] = np.sqrt(half[a]) / 2
        others[furthest] = rest
        unsure = 0  # rows that the bounds do not settle; collected without a branch, which would often go wrong
        for i in range(n):
            own = labels[i]
            upper[i] += moves[own]
            lower[i] -= others[own]
            rows[unsure] = i
            unsure += upper[i] > max(half[own], lower[i])
        moved = 0
        for i in rows[:unsure]:
            own = labels[i]
            upper[i] = np.sqrt(_square(X, i, centers, own))
            if upper[i] <= max(half[own], lower[i]):
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
                _relabel(X, i, weights[i], labels, sums, mass, place)
        if moved <= tol * n or (moves * moves).sum() <= settled:
            break
    return n_iter


@njit(**FAST)
def start_few(
    X, columns, weights, first, others, ks, max_iter, tol, settled, spherical
):
    """Run one start of k-means in few dimensions through rising ``ks``: labels, worth
    and iterations at each.

    The first row is drawn by the number ``first`` in [0, 1), each later one is the best
    of those that greedy k-means++ draws by a row of ``others``; with the draws of
    scikit-learn they are its own. Each k goes on from the clusters of k - 1, if that is
    among ``ks``.
    """
    n, d = X.shape
    labels, found = np.zeros(n, np.int32), np.empty((len(ks), n), np.int32)
    worths, iterations = np.empty(len(ks)), np.zeros(len(ks), np.int64)
    upper, lower = np.empty(n), np.full(n, np.inf)
    centers, sums, mass = np.zeros((ks[-1], d)), np.zeros((ks[-1], d)), np.zeros(ks[-1])
    nearest, trial, gaps = np.ones(n), np.empty(n), np.empty(n)
    gram, norms = np.empty((0, 0), np.float32), np.empty(0)
    chosen = np.empty(1, np.int64)
    _pick(np.full(1, first), weights, nearest, chosen)
    k = 0
    for step in range(len(ks)):
        if k == 0 or ks[step] > k + 1:
            labels[:], lower[:], sums[:], mass[:], k = 0, np.inf, 0, 0, 1
            centers[0] = X[chosen[0]]
            for i in range(n):
                _add_row(X, i, weights[i], sums, mass, 0)
                upper[i] = np.sqrt(_square(X, i, centers, 0))
        for i in range(n):
            nearest[i] = upper[i] * upper[i]
        while k < ks[step]:
            row, gaps, trial = _draw(
                others[k - 1], columns, gram, norms, weights, nearest, trial, gaps
            )
            centers[k] = X[row]
            for i in range(n):
                trial[i] = np.sqrt(gaps[i])
            for i in range(n):
                if gaps[i] < nearest[i]:
                    nearest[i] = _square(X, i, centers, labels[i])  # was a bound
                    upper[i] = np.sqrt(nearest[i])
                    if gaps[i] < nearest[i]:
                        _relabel(X, i, weights[i], labels, sums, mass, k)
                        nearest[i], trial[i], upper[i] = gaps[i], upper[i], trial[i]
            for i in range(n):
                lower[i] = min(lower[i], trial[i])
            k += 1
        iterations[step] = _lloyd_few(
            X,
            weights,
            k,
            labels,
            upper,
            lower,
            centers,
            sums,
            mass,
            max_iter,
            tol,
            settled,
            spherical,
        )
        found[step] = labels
        worths[step] = _total((sums[:k] ** 2).sum(axis=1), mass[:k], spherical)
    return found, worths, iterations


@njit(**FAST)
def merge(labels, centers, mass, k):
    """Return labels of k clusters, made by merging the two that are the cheapest to
    merge (Ward 1963).
    """
    labels, centers, mass = labels.copy(), centers.copy(), mass.copy()
    for last in range(len(centers) - 1, k - 1, -1):
        least, a, b = np.inf, 0, 0
        for c in range(last + 1):
            for d in range(c):
                cost = (
                    _square(centers, c, centers, d)
                    * mass[c]
                    * mass[d]
                    / max(mass[c] + mass[d], 1e-12)
                )
                if cost < least:
                    least, a, b = cost, d, c
        whole = max(mass[a] + mass[b], 1e-12)
        for j in range(centers.shape[1]):
            centers[a, j] = (mass[a] * centers[a, j] + mass[b] * centers[b, j]) / whole
        mass[a] += mass[b]
        centers[b], mass[b] = centers[last], mass[last]
        for i in range(len(labels)):
            if labels[i] == b:
                labels[i] = a
            elif labels[i] == last:
                labels[i] = b
    return labels


@njit(**FAST)
def split_few(X, columns, weights, labels, centers, shares):
    """Return labels with one cluster more, around the best of the rows that greedy
    k-means++ draws by ``shares``.
    """
    n = len(X)
    labels, nearest, gaps, trial = labels.copy(), np.empty(n), np.empty(n), np.empty(n)
    for i in range(n):
        nearest[i] = _square(X, i, centers, labels[i])
    _, gaps, _ = _draw(
        shares,
        columns,
        np.empty((0, 0), np.float32),
        np.empty(0),
        weights,
        nearest,
        trial,
        gaps,
    )
    for i in range(n):
        labels[i] = len(centers) if gaps[i] < nearest[i] else labels[i]
    return labels


@njit(**FAST)
def finish_few(
    X, columns, norms, weights, labels, k, max_iter, tol, max_pass, spherical
):
    """Go on from labels until nothing gains; return centers, nearest labels, inertia
    and iterations.
    """
    n, d = X.shape
    sums, mass = _sum_rows(X, weights, labels, k)
    centers = np.empty((k, d))
    centers[:] = X[0]
    _place(sums, mass, k, spherical, centers)
    upper, lower, labels = np.empty(n), np.empty(n), labels.copy()
    place = _nearest_two(columns, centers, upper, lower)
    for i in range(n):
        if place[i] != labels[i]:
            _relabel(X, i, weights[i], labels, sums, mass, place[i])
    n_iter = _lloyd_few(
        X,
        weights,
        k,
        labels,
        upper,
        lower,
        centers,
        sums,
        mass,
        max_iter,
        tol,
        -1.0,
        spherical,
    )
    least = max(mass.min(), 1e-12)
    is_near = np.empty(n, np.bool_)
    for i in range(n):
        margin = (1 + weights[i] / least) * (
            1 + 2 * weights[i] / max(mass[labels[i]], 1e-12)
        )
        is_near[i] = lower[i] * lower[i] < margin * upper[i] * upper[i]
    _polish(
        X,
        np.empty((0, 0), X.dtype),
        norms,
        weights,
        labels,
        sums,
        mass,
        is_near,
        spherical,
        max_pass,
    )
    _place(sums, mass, k, spherical, centers)
    labels = _nearest_two(columns, centers, upper, lower)
    inertia = 0.0
    for i in range(n):
        gap = upper[i] * upper[i]
        inertia += weights[i] * ((gap - norms[i] + 1) / 2 if spherical else gap)
    return centers, labels, inertia, n_iter


@njit(**FAST)
def _score(products, scale, shift, k, best, place):
    """Write the best center of each row and its score: ``row · center - |center|² /
    2``, on the sphere the cosine.
    """
    best[:] = -np.inf
    for c in range(k):
        a, b = scale[c], shift[c]
        for i in range(len(best)):
            score = a * products[c, i] - b
            better = score > best[i]
            best[i] = score if better else best[i]
            place[i] = c if better else place[i]


@njit(**FAST)
def _lloyd_gram(
    X,
    gram,
    norms,
    weights,
    k,
    labels,
    products,
    scale,
    shift,
    mass,
    best,
    max_iter,
    tol,
    spherical,
):
    """Run k-means on all pairs of inner products; return iterations.

    ``products[c, i]``, row i times the sum of cluster c, is all that Lloyd's iterations
    need. It is made anew by one matrix product while many rows move, and later brought
    up to date by the rows that moved alone.
    """
    n = len(X)
    place, gaps = np.empty(n, np.int32), np.empty(n)
    for n_iter in range(1, max_iter + 1):  # noqa: B007
        _score(products, scale, shift, k, best, place)
        moved = 0
        for i in range(n):
            moved += place[i] != labels[i]
        if moved <= tol * n:
            break
        mass[:k] = 0
        for i in range(n):
            mass[place[i]] += weights[i]
        if mass[:k].min() <= 1e-12:
            for i in range(n):
                gaps[i] = max(norms[i] / 2 - best[i] + 1, 0.0)
            mend(place, gaps, weights, mass[:k])
        if 6 * moved > n:
            sums, _ = _sum_rows(X, weights, place, k)
            products[:k] = np.dot(sums.astype(X.dtype), X.T)
            labels[:] = place
        else:
            for i in range(n):
                if labels[i] != place[i]:
                    _move(gram, i, weights[i], products, labels[i], place[i])
                    labels[i] = place[i]
        _scales(products, weights, labels, mass, k, spherical, scale, shift)
    return n_iter


@njit(**FAST)
def _move(gram, i, weight, products, old, new):
    """Bring the products up to date where a row changes cluster."""
    for j in range(gram.shape[1]):
        change = np.float32(weight) * gram[i, j]
        products[new, j] += change
        products[old, j] -= change


@njit(**FAST)
def _scales(products, weights, labels, mass, k, spherical, scale, shift):
    """Write what turns products into scores."""
    squares = np.zeros(k)
    for i in range(len(labels)):
        squares[labels[i]] += weights[i] * products[labels[i], i]
    for c in range(k):
        if mass[c] <= 1e-12:
            continue
        if not spherical:
            scale[c] = 1 / mass[c]
            shift[c] = squares[c] / (2 * mass[c] * mass[c])
        elif squares[c] > 1e-24:
            scale[c] = 1 / np.sqrt(squares[c])
    return squares


@njit(**FAST)
def start_gram(X, gram, norms, weights, first, others, max_iter, tol, spherical):
    """Run one start of k-means on all pairs of inner products; return labels, worth and
    iterations.

    Seeds are drawn as in `start_few`, by one row of ``others`` for each but the first.
    """
    n, k = len(X), len(others) + 1
    labels = np.full(n, -1, np.int32)
    products, best = np.empty((k, n), X.dtype), np.empty(n, X.dtype)
    scale, shift, mass = np.ones(k, X.dtype), np.zeros(k, X.dtype), np.ones(k)
    nearest, trial, gaps = np.full(n, np.inf), np.empty(n), np.empty(n)
    chosen = np.empty(1, np.int64)
    _pick(np.full(1, first), weights, np.ones(n), chosen)
    row = chosen[0]
    _distances_to(row, np.empty((0, 0)), gram, norms, gaps)
    for c in range(k):
        if c:
            row, gaps, trial = _draw(
                others[c - 1],
                np.empty((0, 0)),
                gram,
                norms,
                weights,
                nearest,
                trial,
                gaps,
            )
        for i in range(n):
            nearest[i] = min(nearest[i], gaps[i])
        products[c] = gram[row]
        shift[c] = 0.0 if spherical else norms[row] / 2
    n_iter = _lloyd_gram(
        X,
        gram,
        norms,
        weights,
        k,
        labels,
        products,
        scale,
        shift,
        mass,
        best,
        max_iter,
        tol,
        spherical,
    )
    squares = _scales(products, weights, labels, mass, k, spherical, scale, shift)
    return labels, _total(squares, mass, spherical), n_iter


@njit(**FAST)
def polish_gram(X, gram, norms, weights, labels, k, max_pass, spherical):
    """Return labels that no move of a single row betters, and their worth."""
    labels = labels.copy()
    sums, mass = _sum_rows(X, weights, labels, k)
    near = np.ones(len(X), np.bool_)
    return labels, _polish(
        X, gram, norms, weights, labels, sums, mass, near, spherical, max_pass
    )


@njit(**FAST)
def _polish(X, gram, norms, weights, labels, sums, mass, is_near, spherical, max_pass):
    """Move single rows while that lowers the inertia (Hartigan & Wong 1979); return
    what it then is worth.

    A labeling that Lloyd's iterations cannot better may still gain by such a move,
    since the centers go along. Only rows that ``is_near`` names are looked at, and
    after each pass those of them that came near to gaining. ``labels``, ``mass`` and
    ``is_near`` are changed, and ``sums`` where there is no ``gram``.
    """
    (n, d), k = X.shape, len(mass)
    products = (
        np.dot(sums.astype(X.dtype), X.T) if len(gram) else np.zeros((0, 0), X.dtype)
    )
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
            if not is_near[i] or w <= 0 or mass[a] <= w + 1e-12:
                continue
            if len(gram):
                inner[:] = products[:, i]
            else:
                inner[:] = 0
                for j in range(d):
                    value = X[i, j]
                    for c in range(k):
                        inner[c] += value * sums[c, j]
            own = squares[a] - 2 * w * inner[a] + w * w * norms[i]
            loss = worth[a] - _worth(own, mass[a] - w, spherical)
            place, most = a, -np.inf
            for b in range(k):
                if b != a:
                    square = squares[b] + 2 * w * inner[b] + w * w * norms[i]
                    gain = _worth(square, mass[b] + w, spherical) - worth[b]
                    if gain > most:
                        place, most = b, gain
            is_near[i] = most > _NEAR * loss
            if most <= loss + least * w * (norms[i] + 1e-12):
                continue
            moved += 1
            squares[place] += 2 * w * inner[place] + w * w * norms[i]
            squares[a] = own
            worth[a] = _worth(squares[a], mass[a] - w, spherical)
            worth[place] = _worth(squares[place], mass[place] + w, spherical)
            if len(gram):
                _move(gram, i, w, products, a, place)
                mass[a] -= w
                mass[place] += w
                labels[i] = place
            else:
                _relabel(X, i, w, labels, sums, mass, place)
        if moved == 0:
            break
    return worth.sum()
