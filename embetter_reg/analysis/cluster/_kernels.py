"""Compiled loops of clustering: seeding, Lloyd's iterations, moves of single rows.

With weights ``w`` and clusters ``C``, k-means minimizes the inertia ``sum over C of sum
over i in C of w_i |x_i - mean(C)|²``. Since ``|x|²`` is the same whatever the labels,
that is to maximize the *objective* of this file, from sums alone::

    Euclidean:      sum over C of |s_C|² / w_C,    s_C = sum of w_i x_i,  w_C = sum of w_i
    on the sphere:  sum over C of |s_C|

On the sphere, where rows have unit length, ``|s_C|`` is the sum of the cosines of the
rows of C with its center ``s_C / |s_C|``.

Two ways through the same iterations: *low-dimensional* ones bound distances by the
triangle inequality; the others read all pairs of inner products (``gram``).

All of it stands in one file on purpose: numba keeps compiled code for as long as the
file of a function is unchanged, and would not see a change in another file.
`embetter_reg.analysis.cluster._kmeans` alone loads it, when it is first used, and
`embetter_reg._compiled.announce` prints a line where it must be compiled first.
"""

import numpy as np
from numba import njit

from embetter_reg._compiled import FAST

# Share of what a move must gain at which a row is looked at again in the next pass.
_NEAR = 0.9
# Mass or length below which a cluster counts as empty or without direction.
_EMPTY = 1e-12


@njit(**FAST)
def _squares_to(row, columns, gram, norms, out):
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
def _draw_rows(shares, weights, gaps, out):
    """Write the row at which the sum of ``weights * gaps`` reaches each share of its
    whole.

    Sums of blocks come first, since adding up one by one is the slow part of k-means++.
    """
    n = len(weights)
    sums = np.empty((n + 63) // 64)
    for b in range(len(sums)):
        block_gaps = gaps[64 * b : 64 * b + 64]
        block_weights = weights[64 * b : 64 * b + 64]
        total = 0.0
        for i in range(len(block_gaps)):
            total += block_weights[i] * block_gaps[i]
        sums[b] = total
    whole = sums.sum()
    for t in range(len(shares)):
        rest = shares[t] * whole
        b = 0
        while b < len(sums) - 1 and rest > sums[b]:
            rest -= sums[b]
            b += 1
        row = 64 * b
        last = min(64 * b + 64, n) - 1
        while row < last and rest > weights[row] * gaps[row]:
            rest -= weights[row] * gaps[row]
            row += 1
        out[t] = row


@njit(**FAST)
def _draw_best(shares, columns, gram, norms, weights, nearest, trial, best):
    """Return the best of the rows that k-means++ draws by ``shares``, with the
    distances to it and a spare array.
    """
    rows = np.empty(len(shares), np.int64)
    _draw_rows(shares, weights, nearest, rows)
    lowest = np.inf
    chosen = rows[0]
    for row in rows:
        _squares_to(row, columns, gram, norms, trial)
        inertia = 0.0  # if this row became a center
        for i in range(len(trial)):
            inertia += weights[i] * min(trial[i], nearest[i])
        if inertia < lowest:
            lowest = inertia
            chosen = row
            # Arrays change places instead of being copied.
            best, trial = trial, best
    return chosen, best, trial


@njit(**FAST)
def refill_empty_clusters(labels, gaps, weights, mass):
    """Give each empty cluster the row that fits its own cluster worst."""
    for c in range(len(mass)):
        if mass[c] <= 0:
            worst = -1.0
            row = -1
            for i in range(len(labels)):
                # The only row of a cluster stays, or that one would be empty.
                if gaps[i] > worst and weights[i] > 0 and mass[labels[i]] > weights[i]:
                    worst = gaps[i]
                    row = i
            if row >= 0:
                mass[labels[row]] -= weights[row]
                mass[c] = weights[row]
                labels[row] = c
                gaps[row] = -1.0


@njit(**FAST)
def _move_centers(sums, mass, k, spherical, centers):
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
        if scale <= _EMPTY:
            continue
        for j in range(d):
            value = sums[c, j] / scale
            moves[c] += (value - centers[c, j]) ** 2
            centers[c, j] = value
        moves[c] = np.sqrt(moves[c])
    return moves


@njit(**FAST)
def _square_distance(X, i, Y, c):
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
    place = np.zeros(n, np.int32)
    gaps = np.empty(n)
    first[:] = np.inf
    second[:] = np.inf
    for c in range(len(centers)):
        gaps[:] = 0
        for j in range(len(columns)):
            value = centers[c, j]
            for i in range(n):
                gap = columns[j, i] - value
                gaps[i] += gap * gap
        for i in range(n):
            gap = gaps[i]
            least = first[i]
            # A choice of values, not a branch: it becomes one vector instruction.
            place[i] = c if gap < least else place[i]
            second[i] = min(second[i], max(least, gap))
            first[i] = min(least, gap)
    for i in range(n):
        first[i] = np.sqrt(first[i])
        second[i] = np.sqrt(second[i])
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
    sums = np.zeros((k, X.shape[1]))
    mass = np.zeros(k)
    for i in range(len(X)):
        _add_row(X, i, weights[i], sums, mass, labels[i])
    return sums, mass


@njit(**FAST)
def _objective(square, mass, spherical):
    """Return what a cluster adds to the objective, from the squared length of its sum
    ``|s_C|²`` and its mass ``w_C``.
    """
    if mass <= _EMPTY:
        return 0.0
    return np.sqrt(max(square, 0.0)) if spherical else square / mass


@njit(**FAST)
def _sum_objective(squares, mass, spherical):
    """Return the objective of a clustering."""
    total = 0.0
    for c in range(len(mass)):
        total += _objective(squares[c], mass[c], spherical)
    return total


@njit(**FAST)
def _lloyd_lowdim(
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
    half = np.empty(k)  # half the way from a center to the next one
    others = np.empty(k)  # the furthest that any other center moved
    rows = np.empty(n, np.int64)
    n_iter = 0
    while n_iter < max_iter:
        n_iter += 1
        if mass[:k].min() <= _EMPTY:
            refill_empty_clusters(labels, upper.copy(), weights, mass[:k])
            sums[:k], mass[:k] = _sum_rows(X, weights, labels, k)
            # No bound holds any more: every row is looked at.
            upper[:] = np.inf
            lower[:] = 0
        moves = _move_centers(sums, mass, k, spherical, centers)
        furthest = moves.argmax()
        rest = 0.0
        for a in range(k):
            others[a] = moves[furthest]
            rest = rest if a == furthest else max(rest, moves[a])
            half[a] = np.inf
            for b in range(k):
                if a != b:
                    half[a] = min(half[a], _square_distance(centers, a, centers, b))
            half[a] = np.sqrt(half[a]) / 2
        others[furthest] = rest
        # Rows that the bounds do not settle. Each is written, and counted only if it is
        # one: a branch here would be predicted wrongly half of the time.
        unsure = 0
        for i in range(n):
            own = labels[i]
            # The triangle inequality: the own center came no nearer than it moved, nor
            # did any other.
            upper[i] += moves[own]
            lower[i] -= others[own]
            rows[unsure] = i
            unsure += upper[i] > max(half[own], lower[i])
        moved = 0
        for i in rows[:unsure]:
            own = labels[i]
            upper[i] = np.sqrt(_square_distance(X, i, centers, own))
            if upper[i] <= max(half[own], lower[i]):
                continue
            first = np.inf
            second = np.inf
            place = 0
            for c in range(k):
                gap = _square_distance(X, i, centers, c)
                place = c if gap < first else place
                second = min(second, max(first, gap))
                first = min(first, gap)
            upper[i] = np.sqrt(first)
            lower[i] = np.sqrt(second)
            if place != own:
                moved += 1
                _relabel(X, i, weights[i], labels, sums, mass, place)
        if moved <= tol * n or (moves * moves).sum() <= settled:
            break
    return n_iter


@njit(**FAST)
def start_lowdim(
    X, columns, weights, first, others, ks, max_iter, tol, settled, spherical
):
    """Run one low-dimensional start of k-means through rising ``ks``: labels, objective
    and iterations at each.

    The first row is drawn by the number ``first`` in [0, 1), each later one is the best
    of those that greedy k-means++ draws by a row of ``others``; with the draws of
    scikit-learn they are its own. Each k goes on from the clusters of k - 1, if that is
    among ``ks``.
    """
    n, d = X.shape
    labels = np.zeros(n, np.int32)
    labelings = np.empty((len(ks), n), np.int32)
    objectives = np.empty(len(ks))
    iterations = np.zeros(len(ks), np.int64)
    upper = np.empty(n)
    lower = np.full(n, np.inf)
    centers = np.zeros((ks[-1], d))
    sums = np.zeros((ks[-1], d))
    mass = np.zeros(ks[-1])
    nearest = np.ones(n)
    trial = np.empty(n)
    gaps = np.empty(n)
    gram = np.empty((0, 0), np.float32)
    norms = np.empty(0)
    chosen = np.empty(1, np.int64)
    _draw_rows(np.full(1, first), weights, nearest, chosen)
    k = 0
    for step in range(len(ks)):
        if k == 0 or ks[step] > k + 1:
            # All rows in one cluster around the first row.
            k = 1
            labels[:] = 0
            lower[:] = np.inf
            sums[:] = 0
            mass[:] = 0
            centers[0] = X[chosen[0]]
            for i in range(n):
                _add_row(X, i, weights[i], sums, mass, 0)
                upper[i] = np.sqrt(_square_distance(X, i, centers, 0))
        for i in range(n):
            nearest[i] = upper[i] * upper[i]
        while k < ks[step]:
            row, gaps, trial = _draw_best(
                others[k - 1], columns, gram, norms, weights, nearest, trial, gaps
            )
            centers[k] = X[row]
            for i in range(n):
                trial[i] = np.sqrt(gaps[i])
            for i in range(n):
                if gaps[i] < nearest[i]:
                    # What was an upper bound is measured before it is compared.
                    nearest[i] = _square_distance(X, i, centers, labels[i])
                    upper[i] = np.sqrt(nearest[i])
                    if gaps[i] < nearest[i]:
                        _relabel(X, i, weights[i], labels, sums, mass, k)
                        nearest[i] = gaps[i]
                        # The old center is now another one: its distance is a bound.
                        trial[i], upper[i] = upper[i], trial[i]
            for i in range(n):
                lower[i] = min(lower[i], trial[i])
            k += 1
        iterations[step] = _lloyd_lowdim(
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
        labelings[step] = labels
        objectives[step] = _sum_objective(
            (sums[:k] ** 2).sum(axis=1), mass[:k], spherical
        )
    return labelings, objectives, iterations


@njit(**FAST)
def merge(labels, centers, mass, k):
    """Return labels of k clusters, made by merging the two that are the cheapest to
    merge (Ward 1963).
    """
    labels = labels.copy()
    centers = centers.copy()
    mass = mass.copy()
    for last in range(len(centers) - 1, k - 1, -1):
        least = np.inf
        a = 0
        b = 0
        for c in range(last + 1):
            for d in range(c):
                cost = (
                    _square_distance(centers, c, centers, d)
                    * mass[c]
                    * mass[d]
                    / max(mass[c] + mass[d], 1e-12)
                )
                if cost < least:
                    least = cost
                    a = d
                    b = c
        whole = max(mass[a] + mass[b], 1e-12)
        for j in range(centers.shape[1]):
            centers[a, j] = (mass[a] * centers[a, j] + mass[b] * centers[b, j]) / whole
        mass[a] += mass[b]
        # The last cluster takes the number that became free.
        centers[b] = centers[last]
        mass[b] = mass[last]
        for i in range(len(labels)):
            if labels[i] == b:
                labels[i] = a
            elif labels[i] == last:
                labels[i] = b
    return labels


@njit(**FAST)
def split_lowdim(X, columns, weights, labels, centers, shares):
    """Return labels with one cluster more, around the best of the rows that greedy
    k-means++ draws by ``shares``.
    """
    n = len(X)
    labels = labels.copy()
    nearest = np.empty(n)
    gaps = np.empty(n)
    trial = np.empty(n)
    for i in range(n):
        nearest[i] = _square_distance(X, i, centers, labels[i])
    _, gaps, _ = _draw_best(
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
def finish_lowdim(
    X, columns, norms, weights, labels, k, max_iter, tol, max_pass, spherical
):
    """Go on from labels until nothing gains; return centers, nearest labels, inertia
    and iterations.
    """
    n, d = X.shape
    sums, mass = _sum_rows(X, weights, labels, k)
    centers = np.empty((k, d))
    centers[:] = X[0]
    _move_centers(sums, mass, k, spherical, centers)
    upper = np.empty(n)
    lower = np.empty(n)
    labels = labels.copy()
    place = _nearest_two(columns, centers, upper, lower)
    for i in range(n):
        if place[i] != labels[i]:
            _relabel(X, i, weights[i], labels, sums, mass, place[i])
    n_iter = _lloyd_lowdim(
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
    # A row can only gain by a move to a cluster that is not much further than its own:
    # the others are left out of the moves from the start.
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
    _move_centers(sums, mass, k, spherical, centers)
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
        a = scale[c]
        b = shift[c]
        for i in range(len(best)):
            score = a * products[c, i] - b
            is_higher = score > best[i]
            # Choices of values, not a branch: they become vector instructions.
            best[i] = score if is_higher else best[i]
            place[i] = c if is_higher else place[i]


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
    place = np.empty(n, np.int32)
    gaps = np.empty(n)
    n_iter = 0
    while n_iter < max_iter:
        n_iter += 1
        _score(products, scale, shift, k, best, place)
        moved = 0
        for i in range(n):
            moved += place[i] != labels[i]
        if moved <= tol * n:
            break
        mass[:k] = 0
        for i in range(n):
            mass[place[i]] += weights[i]
        if mass[:k].min() <= _EMPTY:
            for i in range(n):
                gaps[i] = max(norms[i] / 2 - best[i] + 1, 0.0)
            refill_empty_clusters(place, gaps, weights, mass[:k])
        # Moving one row in gram costs about as much as six rows of a matrix product.
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
        if mass[c] <= _EMPTY:
            continue
        if not spherical:
            scale[c] = 1 / mass[c]
            shift[c] = squares[c] / (2 * mass[c] * mass[c])
        elif squares[c] > 1e-24:
            scale[c] = 1 / np.sqrt(squares[c])
    return squares


@njit(**FAST)
def start_gram(X, gram, norms, weights, first, others, max_iter, tol, spherical):
    """Run one start of k-means on all pairs of inner products; return labels, objective
    and iterations.

    Seeds are drawn as in `start_lowdim`, by one row of ``others`` for each but the first.
    """
    n = len(X)
    k = len(others) + 1
    labels = np.full(n, -1, np.int32)
    products = np.empty((k, n), X.dtype)
    best = np.empty(n, X.dtype)
    scale = np.ones(k, X.dtype)
    shift = np.zeros(k, X.dtype)
    mass = np.ones(k)
    nearest = np.full(n, np.inf)
    trial = np.empty(n)
    gaps = np.empty(n)
    chosen = np.empty(1, np.int64)
    _draw_rows(np.full(1, first), weights, np.ones(n), chosen)
    row = chosen[0]
    _squares_to(row, np.empty((0, 0)), gram, norms, gaps)
    for c in range(k):
        if c:
            row, gaps, trial = _draw_best(
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
    return labels, _sum_objective(squares, mass, spherical), n_iter


@njit(**FAST)
def polish_gram(X, gram, norms, weights, labels, k, max_pass, spherical):
    """Return labels that no move of a single row betters, and their objective."""
    labels = labels.copy()
    sums, mass = _sum_rows(X, weights, labels, k)
    near = np.ones(len(X), np.bool_)
    return labels, _polish(
        X, gram, norms, weights, labels, sums, mass, near, spherical, max_pass
    )


@njit(**FAST)
def _polish(X, gram, norms, weights, labels, sums, mass, is_near, spherical, max_pass):
    """Move single rows while that raises the objective (Hartigan & Wong 1979); return
    the objective.

    A labeling that Lloyd's iterations cannot better may still gain by such a move,
    since the centers go along. Only rows that ``is_near`` names are looked at, and
    after each pass those of them that came near to gaining. ``labels``, ``mass`` and
    ``is_near`` are changed, and ``sums`` where there is no ``gram``.
    """
    n, d = X.shape
    k = len(mass)
    products = np.zeros((0, 0), X.dtype)
    if len(gram):
        products = np.dot(sums.astype(X.dtype), X.T)
    squares = np.zeros(k)
    for c in range(k):
        for j in range(d):
            squares[c] += sums[c, j] * sums[c, j]
    objectives = np.array(
        [_objective(squares[c], mass[c], spherical) for c in range(k)]
    )
    inner = np.empty(k)
    # Gains within rounding are none, or rows would move to and fro.
    least = 1e-5 if X.itemsize == 4 else 1e-10
    for _ in range(max_pass):
        moved = 0
        for i in range(n):
            a = labels[i]
            w = weights[i]
            if not is_near[i] or w <= 0 or mass[a] <= w + _EMPTY:
                continue
            if len(gram):
                inner[:] = products[:, i]
            else:
                inner[:] = 0
                for j in range(d):
                    value = X[i, j]
                    for c in range(k):
                        inner[c] += value * sums[c, j]
            # |s - w x|² = |s|² - 2 w s·x + w² |x|², and the like for the other cluster.
            own = squares[a] - 2 * w * inner[a] + w * w * norms[i]
            loss = objectives[a] - _objective(own, mass[a] - w, spherical)
            place = a
            most = -np.inf
            for b in range(k):
                if b != a:
                    square = squares[b] + 2 * w * inner[b] + w * w * norms[i]
                    gain = _objective(square, mass[b] + w, spherical) - objectives[b]
                    if gain > most:
                        place = b
                        most = gain
            is_near[i] = most > _NEAR * loss
            if most <= loss + least * w * (norms[i] + 1e-12):
                continue
            moved += 1
            squares[place] += 2 * w * inner[place] + w * w * norms[i]
            squares[a] = own
            objectives[a] = _objective(squares[a], mass[a] - w, spherical)
            objectives[place] = _objective(squares[place], mass[place] + w, spherical)
            if len(gram):
                _move(gram, i, w, products, a, place)
                mass[a] -= w
                mass[place] += w
                labels[i] = place
            else:
                _relabel(X, i, w, labels, sums, mass, place)
        if moved == 0:
            break
    return objectives.sum()
