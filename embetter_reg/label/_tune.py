"""Tune again: a head on what is labeled so far, its map in place of the old one, and
whether it got better.

A round runs in a process of its own, so that the page stays at hand and the round can
be stopped. Documents whose id says so (one in five) are held out of every round: their
labels train no head, so agreement on them is honest, and the same from round to round.
"""

import json
import multiprocessing
import os
import shutil
import threading
import time
from hashlib import blake2b
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

import numpy as np

from embetter_reg.label._map import draw_map
from embetter_reg.label._suggest import neighbor_vote

HEADS = ("linear", "feedforward", "contrastive")
ONE_IN = 5
_RESAMPLES = 1000


def is_held_out(identifier: str) -> bool:
    """Say whether a document is one of the fifth that no head is fitted on; decided by
    its id alone.

    Examples
    --------
    >>> from embetter_reg.label._tune import is_held_out
    >>> [is_held_out(f"doc-{n}") for n in range(10, 16)]
    [True, False, True, False, False, True]

    """
    return (
        int.from_bytes(blake2b(identifier.encode(), digest_size=4).digest(), "big")
        % ONE_IN
        == 0
    )


class Agreement(NamedTuple):
    """Held-out agreement before and after: Jaccard index of predicted and given labels,
    in [0, 1], higher is better.

    ``low`` and ``high`` are the 95 % interval of the difference, from resampling the
    held-out documents.
    """

    before: float
    after: float
    low: float
    high: float
    n: int

    def sentence(self) -> str:
        """Return it in words."""
        if not self.n:
            return "No labeled document is held out yet, so nothing can be said about agreement."
        how = (
            "rose"
            if self.low > 0
            else "fell"
            if self.high < 0
            else "moved no more than chance can"
        )
        few = "" if self.n >= 30 else " These are few documents."
        return (
            f"Held-out agreement {how}: {self.before:.2f} → {self.after:.2f} "
            f"({self.after - self.before:+.2f} "
            f"[{self.low:+.2f}, {self.high:+.2f}], {self.n} documents that no head "
            f"was fitted on).{few}"
        )


def held_out_agreement(
    before, after, rows, targets, held, *, random_state=0
) -> Agreement:
    """Compare two spaces by how well labeled neighbors tell the labels of held-out
    documents.

    Parameters
    ----------
    before, after : arrays of shape (n_documents, n_dims)
    rows : array of int
        The labeled documents.
    targets : array of shape (n_rows, n_labels)
    held : array of bool (n_rows,)
        Which of them are held out. The others vote.
    random_state : int or RandomState

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
    rows, targets, held = np.asarray(rows), np.asarray(targets), np.asarray(held, bool)
    if not held.any() or held.all():
        return Agreement(float("nan"), float("nan"), float("nan"), float("nan"), 0)
    names = [str(n) for n in range(targets.shape[1])]
    scores = []
    for space in (before, after):
        vote = neighbor_vote(
            space, rows[~held], targets[~held], names, rows[held], max_voters=None
        )
        scores.append(
            [
                _jaccard(found, given)
                for found, given in zip(vote.winners(), targets[held], strict=True)
            ]
        )
    one, other = np.array(scores)
    draws = np.random.default_rng(random_state).integers(
        0, len(one), (_RESAMPLES, len(one))
    )
    low, high = np.quantile((other - one)[draws].mean(axis=1), [0.025, 0.975])
    return Agreement(
        float(one.mean()), float(other.mean()), float(low), float(high), len(one)
    )


def _jaccard(found: tuple[str, ...], given: np.ndarray) -> float:
    one, other = set(map(int, found)), set(np.flatnonzero(given).tolist())
    return len(one & other) / len(one | other)


def make_head(name: str, *, random_state=0):
    """Return the head called ``name``: "linear", "feedforward" or "contrastive"."""
    from embetter_reg import finetune
    from embetter_reg.finetune.heads import LinearTuner

    if name not in HEADS:
        raise ValueError(
            f"got the head {name!r}, expected one of {list(HEADS)}; pick one"
        )
    networks = {
        "feedforward": finetune.FeedForwardTuner,
        "contrastive": finetune.ContrastiveTuner,
    }
    return networks.get(name, LinearTuner)(random_state=random_state)


def tune_round(
    X,
    rows,
    targets,
    held,
    folder,
    *,
    before,
    places,
    head="linear",
    reducer="umap",
    n_clusters=8,
    random_state=0,
    report=None,
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
    folder : path
    before : array of shape (n_documents, n_dims)
        The space of the round before, to compare with.
    places : array of shape (n_documents, 2)
        Its map, to align to.
    head, reducer : str
    n_clusters : int
    random_state : int
    report : callable or None
        Called with a sentence and a share done, in [0, 1].

    Raises
    ------
    ValueError
        If fewer than two labels are left to fit on.

    """
    report = report or (lambda what, share: None)
    rows, targets, held = (
        np.asarray(rows),
        np.asarray(targets, np.int64),
        np.asarray(held, bool),
    )
    fitted, wanted = rows[~held], targets[~held]
    used = np.flatnonzero(wanted.any(axis=0))
    if len(used) < 2:
        raise ValueError(
            f"got {len(fitted)} documents to tune on with {len(used)} label, expected "
            "at least two labels; label some "
            "documents of another one (one document in five is held out)"
        )
    wanted = wanted[:, used]
    single = (wanted.sum(axis=1) == 1).all()
    tuner = make_head(head, random_state=random_state)
    with _watched(tuner, report, len(fitted)):
        tuner.fit(
            np.asarray(X[fitted], np.float32),
            wanted.argmax(axis=1) if single else wanted,
        )
    space = tuner.transform(np.asarray(X, np.float32))
    report("drawing the map", 0.4)
    found = draw_map(space, reducer, before=places, random_state=random_state)
    report("finding clusters", 0.9)
    figures = {
        "agreement": held_out_agreement(before, space, rows, targets, held)._asdict(),
        "n_fitted": len(fitted),
        "n_held_out": int(held.sum()),
        "head": head,
        "reducer": reducer,
        "random_state": random_state,
    }
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tuner.save(folder)
    np.save(folder / "space.npy", space.astype(np.float16))
    np.save(folder / "map.npy", found)
    np.save(folder / "clusters.npy", find_clusters(space, n_clusters, random_state))
    (folder / "figures.json").write_text(
        json.dumps(figures, indent=1), encoding="utf-8"
    )
    report("done", 1.0)
    return figures


def find_clusters(space, n_clusters: int, random_state=0) -> np.ndarray:
    """Return the spherical k-means cluster of every document, fitted on 20,000 where
    there are more.
    """
    from embetter_reg.analysis import SphericalKMeans

    rng = np.random.default_rng(random_state)
    rows = (
        np.arange(len(space))
        if len(space) <= 20_000
        else rng.choice(len(space), 20_000, replace=False)
    )
    fitted = np.asarray(space[rows], np.float32)
    k = min(n_clusters, len(np.unique(fitted, axis=0)))
    return (
        SphericalKMeans(k, n_init=3, random_state=random_state)
        .fit(fitted)
        .predict(np.asarray(space))
    )


class _watched:
    """Report how many epochs a tuner has done, while it fits."""

    def __init__(self, tuner, report, n_documents: int):
        self._tuner, self._report, self._n = tuner, report, n_documents
        self._over = threading.Event()

    def __enter__(self):
        self._report(f"tuning on {self._n:,} documents", 0.02)
        threading.Thread(target=self._watch, daemon=True).start()

    def __exit__(self, *_):
        self._over.set()

    def _watch(self) -> None:
        n_epochs = getattr(self._tuner, "_n_epochs", 0)
        while n_epochs and not self._over.wait(0.2):
            done = len(getattr(self._tuner, "history_", []))
            self._report(
                f"tuning on {self._n:,} documents, epoch {done} of {n_epochs}",
                0.02 + 0.38 * done / n_epochs,
            )


class TuneJob:
    """A round in a process of its own.

    ``poll`` tells how far it is; when it says that it is done, the round lies in
    ``folder``, and whoever started it takes it from there. A job that was stopped or
    failed leaves nothing behind but its sentence.

    Parameters
    ----------
    X, before, places, rows, targets, held : arrays
        As for `tune_round`.
    under : path
        Folder in which the job works.
    settings
        More arguments of `tune_round`.

    """

    def __init__(self, X, rows, targets, held, *, before, places, under, **settings):
        under = Path(under)
        under.mkdir(parents=True, exist_ok=True)
        self._work = Path(mkdtemp(prefix=".tuning-", dir=under))
        self.folder = self._work / "round"
        self._given = self._work / "given"
        self._given.mkdir()
        arrays = {
            "X": X,
            "rows": rows,
            "targets": targets,
            "held": held,
            "before": before,
            "places": places,
        }
        for name, array in arrays.items():
            np.save(self._given / f"{name}.npy", np.asarray(array))
        self.started = time.monotonic()
        context = multiprocessing.get_context("spawn")
        self._progress, sender = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_child,
            args=(str(self._given), str(self.folder), settings, sender),
            daemon=True,
        )
        self._process.start()
        sender.close()
        self.what, self.share, self.error, self.done = "starting", 0.0, "", False

    @property
    def seconds(self) -> float:
        """How long it has been running."""
        return time.monotonic() - self.started

    def poll(self) -> bool:
        """Take in what the process has told; return whether it is over."""
        try:
            while self._progress.poll():
                kind, *rest = self._progress.recv()
                if kind == "error":
                    self.error = rest[0]
                else:
                    self.what, self.share = rest
        except (EOFError, OSError):
            self._process.join(timeout=10)
            self.done = self._process.exitcode == 0 and not self.error
            if not self.done and not self.error:
                self.error = (
                    f"the tuning process ended with code {self._process.exitcode}"
                )
        over = self.done or bool(self.error)
        if self.error:
            self.clear()
        return over

    def stop(self) -> None:
        """End the process and take away what it wrote."""
        if self._process.is_alive():
            self._process.terminate()
        self._process.join(timeout=10)
        self.error = self.error or "stopped"
        self.clear()

    def clear(self) -> None:
        """Take away the working folder."""
        shutil.rmtree(self._work, ignore_errors=True)


def _child(*arguments) -> None:
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(5)
    _work(*arguments)


def _work(given: str, folder: str, settings: dict[str, Any], sender) -> None:
    try:
        arrays = {
            path.stem: np.load(path, mmap_mode="c")
            for path in Path(given).glob("*.npy")
        }
        places = np.array(arrays.pop("places"))
        tune_round(
            **arrays,
            places=places,
            folder=folder,
            report=lambda *told: sender.send(("progress", *told)),
            **settings,
        )
    except Exception as error:
        sender.send(("error", str(error)))
    finally:
        sender.close()


def _end_with(parent: int) -> None:
    """End this process when the one that started it is gone, however it went."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
