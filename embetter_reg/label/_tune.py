"""Tune again: a head on the labels so far, a new map in place of the old one, and
whether labeled neighbors agree more than before.

Documents whose id says so (one in five) are held out of every round: their labels train
no head, so agreement on them is honest, and the same from round to round.
"""

import json
import threading
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from embetter_reg._validation import check_space
from embetter_reg.label._map import check_matrix, check_places, draw_map
from embetter_reg.label._suggest import check_targets, neighbor_vote

HEADS = ("linear", "feedforward", "contrastive")
ONE_IN = 5
_RESAMPLES = 1000
_CLUSTERED = 20_000
Callback = Callable[[str, float], None]


def is_held_out(identifier: str) -> bool:
    """Whether a document is one of the fifth that no head is fitted on; decided by its
    id alone.

    Examples
    --------
    >>> from embetter_reg.label._tune import is_held_out
    >>> [is_held_out(f"doc-{n}") for n in range(10, 16)]
    [True, False, True, False, False, True]

    """
    digest = blake2b(identifier.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") % ONE_IN == 0


class Agreement(NamedTuple):
    """Held-out agreement before and after: Jaccard index of predicted and true labels,
    in [0, 1], higher is better.

    ``low`` and ``high`` are the 95 % interval of the difference, from resampling the
    held-out documents.
    """

    before: float
    after: float
    low: float
    high: float
    n: int

    @property
    def direction(self) -> str:
        """Return "rose", "fell", or that chance explains the difference."""
        if self.low > 0:
            return "rose"
        if self.high < 0:
            return "fell"
        return "moved no more than chance can"

    def sentence(self) -> str:
        """Return it in words."""
        if not self.n:
            return "No labeled document is held out yet, so nothing can be said about agreement."
        few = ""
        if self.n < 30:
            few = " These are few documents."
        return (
            f"Held-out agreement {self.direction}: {self.before:.2f} → "
            f"{self.after:.2f} ({self.after - self.before:+.2f} "
            f"[{self.low:+.2f}, {self.high:+.2f}], {self.n} documents that no head "
            f"was fitted on).{few}"
        )


def held_out_agreement(
    before: ArrayLike,
    after: ArrayLike,
    rows: ArrayLike,
    targets: ArrayLike,
    held: ArrayLike,
    *,
    random_state: int | np.random.Generator | None = 0,
) -> Agreement:
    """Compare two spaces by how well labeled neighbors predict the labels of held-out
    documents.

    Parameters
    ----------
    before, after : arrays of shape (n_documents, n_dims)
    rows : array of int
        The labeled documents.
    targets : array of shape (n_rows, n_labels)
    held : array of bool (n_rows,)
        Which of them are held out. The others vote.
    random_state : int, Generator or None

    Raises
    ------
    ValueError
        If the arrays do not belong together.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.label import held_out_agreement
    >>> y = np.tile([0, 1], 20)
    >>> good, bad = np.eye(2)[y], np.ones((40, 2))
    >>> figures = held_out_agreement(bad, good, np.arange(40), np.eye(2)[y], np.arange(40) < 10)
    >>> figures.after, figures.n
    (1.0, 10)

    """
    before = check_matrix("before", before)
    after = check_matrix("after", after)
    if len(before) != len(after):
        raise ValueError(
            f"got {len(before)} documents before and {len(after)} after, expected the "
            "same ones; align the two"
        )
    rows, targets = check_targets(rows, targets, len(before))
    mask = _check_held(held, len(rows))
    if not mask.any() or mask.all():
        return Agreement(float("nan"), float("nan"), float("nan"), float("nan"), 0)
    names = [str(n) for n in range(targets.shape[1])]
    scores = []
    for X in (before, after):
        vote = neighbor_vote(
            X, rows[~mask], targets[~mask], names, rows[mask], max_voters=None
        )
        pairs = zip(vote.winners(), targets[mask], strict=True)
        scores.append([_jaccard(predicted, target) for predicted, target in pairs])
    old, new = np.array(scores)
    generator = np.random.default_rng(random_state)
    draws = generator.integers(0, len(old), (_RESAMPLES, len(old)))
    low, high = np.quantile((new - old)[draws].mean(axis=1), [0.025, 0.975])
    return Agreement(
        float(old.mean()), float(new.mean()), float(low), float(high), len(old)
    )


def _check_held(held: ArrayLike, n_rows: int) -> np.ndarray:
    mask = np.asarray(held)
    if mask.dtype != bool or mask.shape != (n_rows,):
        raise ValueError(
            f"got held of shape {mask.shape} and type {mask.dtype}, expected bool of "
            f"shape ({n_rows},); pass one for each labeled document"
        )
    return mask


def _jaccard(predicted: tuple[str, ...], target: np.ndarray) -> float:
    labels = set(map(int, predicted))
    true = set(np.flatnonzero(target).tolist())
    return len(labels & true) / len(labels | true)


def check_head(name: str) -> None:
    """Refuse a head that cannot tune a round."""
    if name not in HEADS:
        raise ValueError(
            f"got the head {name!r}, expected one of {list(HEADS)}; pick one"
        )


def tune_round(
    X: ArrayLike,
    rows: ArrayLike,
    targets: ArrayLike,
    held: ArrayLike,
    out: str | Path,
    *,
    before: ArrayLike,
    places: ArrayLike,
    head: str = "linear",
    reducer: str = "umap",
    n_clusters: int = 8,
    random_state: int | None = 0,
    callback: Callback | None = None,
) -> dict[str, Any]:
    """Fit a head on the labeled documents that are not held out, and write the round
    into a folder.

    ``head.safetensors``, ``head.json``, ``space.npy`` (n_documents, n_tuned_dims, as
    float16), ``map.npy`` (n_documents, 2), ``clusters.npy`` and ``figures.json``.

    Parameters
    ----------
    X : array of shape (n_documents, n_dims)
        The original space: every round starts from it.
    rows, targets, held : arrays
        As for `held_out_agreement`.
    out : path
        The folder.
    before : array of shape (n_documents, n_dims)
        The space of the round before, to compare with.
    places : array of shape (n_documents, 2)
        Its map, to align to.
    head, reducer : str
    n_clusters : int
    random_state : int or None
    callback : callable or None
        Called with a sentence and the share done, in [0, 1].

    Returns
    -------
    dict
        The figures: ``agreement`` (as `held_out_agreement` gives it), ``n_fitted``,
        ``n_held_out``, and the settings.

    Raises
    ------
    ValueError
        If fewer than two labels are left to fit on, the head or reducer is unknown, or
        the arrays do not belong together.

    """
    from embetter_reg.finetune import make_head

    callback = callback or (lambda step, share: None)
    check_head(head)
    tuner = make_head(head, random_state=random_state)
    X = check_space("X", X)
    places = check_places("places", places, len(X))
    rows, matrix = check_targets(rows, targets, len(X))
    mask = _check_held(held, len(rows))
    fitted = rows[~mask]
    target = matrix[~mask].astype(np.int64)
    used = np.flatnonzero(target.any(axis=0))
    if len(used) < 2:
        raise ValueError(
            f"got {len(fitted)} documents to tune on with {len(used)} label, expected "
            "at least two labels; label some documents of another one (one document "
            "in five is held out)"
        )
    target = target[:, used]
    if (target.sum(axis=1) == 1).all():
        target = target.argmax(axis=1)
    with _watched(tuner, callback, len(fitted)):
        tuner.fit(np.asarray(X[fitted], np.float32), target)
    tuned = tuner.transform(np.asarray(X, np.float32))
    callback("drawing the map", 0.4)
    new_places = draw_map(tuned, reducer, before=places, random_state=random_state)
    callback("finding clusters", 0.9)
    agreement = held_out_agreement(before, tuned, rows, matrix, mask)
    figures = {
        "agreement": agreement._asdict(),
        "n_fitted": len(fitted),
        "n_held_out": int(mask.sum()),
        "head": head,
        "reducer": reducer,
        "random_state": random_state,
    }
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    tuner.save(out)
    np.save(out / "space.npy", tuned.astype(np.float16))
    np.save(out / "map.npy", new_places)
    np.save(out / "clusters.npy", find_clusters(tuned, n_clusters, random_state))
    text = json.dumps(figures, indent=1)
    (out / "figures.json").write_text(text, encoding="utf-8")
    callback("done", 1.0)
    return figures


def find_clusters(
    X: np.ndarray, n_clusters: int, random_state: int | None = 0
) -> np.ndarray:
    """Return the spherical k-means cluster of every document, fitted on 20,000 where
    there are more.
    """
    from embetter_reg.analysis import SphericalKMeans

    rows = np.arange(len(X))
    if len(X) > _CLUSTERED:
        generator = np.random.default_rng(random_state)
        rows = generator.choice(len(X), _CLUSTERED, replace=False)
    fitted = np.asarray(X[rows], np.float32)
    k = min(n_clusters, len(np.unique(fitted, axis=0)))
    clusterer = SphericalKMeans(k, n_init=3, random_state=random_state)
    return clusterer.fit(fitted).predict(np.asarray(X))


class _watched:
    """Call back with the epochs that a tuner has done, while it fits."""

    def __init__(self, tuner: Any, callback: Callback, n_documents: int):
        self._tuner = tuner
        self._callback = callback
        self._n = n_documents
        self._over = threading.Event()

    def __enter__(self) -> None:
        self._callback(f"tuning on {self._n:,} documents", 0.02)
        threading.Thread(target=self._watch, daemon=True).start()

    def __exit__(self, *_) -> None:
        self._over.set()

    def _watch(self) -> None:
        n_epochs = getattr(self._tuner, "_n_epochs", 0)
        while n_epochs and not self._over.wait(0.2):
            done = len(getattr(self._tuner, "history_", []))
            self._callback(
                f"tuning on {self._n:,} documents, epoch {done} of {n_epochs}",
                0.02 + 0.38 * done / n_epochs,
            )
