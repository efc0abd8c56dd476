"""Rounds on disk: each keeps its space, map, clusters, head and figures in a folder of
its number. What is missing or damaged there is made again from the rest.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from embetter_reg._files import write_atomically
from embetter_reg.label._map import draw_map
from embetter_reg.label._tune import Agreement, find_clusters

_LEFT_OVER = 3600  # seconds after which a folder that nobody writes was left by a kill


@dataclass
class Round:
    """A space with its map: number 0 is the original space, the others were tuned.

    ``places`` (n_documents, 2) is the map, ``clusters`` (n_documents,) its clusters,
    and ``figures`` what `tune_round` returned.
    """

    number: int
    X: np.ndarray
    places: np.ndarray
    clusters: np.ndarray
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def agreement(self) -> Agreement | None:
        """Held-out agreement before and after, of a tuned round."""
        figures = self.figures.get("agreement")
        if figures is None:
            return None
        return Agreement(**figures)


class RoundStore:
    """The folder of a workspace's rounds.

    Parameters
    ----------
    folder : path
    ids : list of str
    X : array of shape (n_documents, n_dims)
        The original space. Rounds of other documents or vectors are not read.
    random_state : int or None
        Draws the first map; one drawn with another is not used.

    """

    def __init__(
        self, folder: Path, ids: list[str], X: np.ndarray, random_state: int | None
    ):
        self.folder = folder
        self.ids = ids
        self.X = X
        self.random_state = random_state
        for stale in [*folder.glob(".tuning-*"), *folder.glob(".draft-*")]:
            _remove_if_left_over(stale)

    def first(
        self,
        reducer: str,
        n_clusters: int,
        places: np.ndarray | None = None,
    ) -> Round:
        """Return round 0: the map as it was drawn before, or a new one."""
        folder = self.folder / "0"
        if places is None:
            about: dict[str, Any] = {
                "drawn_by": reducer,
                "random_state": self.random_state,
            }
        else:
            places = np.asarray(places, np.float32)
            digest = blake2b(places.tobytes(), digest_size=16).hexdigest()
            about = {"drawn_by": "places", "digest": digest}

        def draw() -> np.ndarray:
            if places is not None:
                return places
            return draw_map(self.X, reducer, random_state=self.random_state)

        if self._is_ours(folder, about):
            self._mend(folder, self.X, draw, n_clusters)
        else:
            self._write_first(folder, draw(), n_clusters, **about)
        return self._round(folder, self.X, {})

    def load(
        self, number: int, figures: dict[str, Any], before: Round, n_clusters: int
    ) -> Round | None:
        """Return a tuned round; None where its folder is of other documents.

        A map, clusters or a space that is missing, empty or damaged is made again: the
        space from the head, the others from the space.

        Raises
        ------
        OSError, ValueError
            If the space and the head are both gone.

        """
        folder = self.folder / str(number)
        if not self._is_ours(folder, {}):
            return None
        X = _array(folder / "space.npy", (len(self.ids), None))
        if X is None:
            from embetter_reg.finetune import load_head

            tuned = load_head(folder).transform(np.asarray(self.X, np.float32))
            _save(folder / "space.npy", tuned.astype(np.float16))
            X = _array(folder / "space.npy", (len(self.ids), None))
            assert X is not None
        reducer = figures.get("reducer", "umap")
        seed = figures.get("random_state", 0)
        self._mend(
            folder,
            X,
            lambda: draw_map(X, reducer, before=before.places, random_state=seed),
            n_clusters,
        )
        return self._round(folder, X, figures, number)

    def add(self, folder: Path) -> int:
        """Move a finished round to the next free number and return that; another server
        may take one at the same time.
        """
        self._mark(folder)
        numbers = [int(path.name) for path in self.folder.iterdir() if _is_round(path)]
        number = 1 + max(numbers)
        while True:
            try:
                folder.rename(self.folder / str(number))
            except OSError:
                number += 1
            else:
                return number

    @cached_property
    def _fingerprint(self) -> str:
        digest = blake2b("\n".join(self.ids).encode(), digest_size=16)
        digest.update(np.ascontiguousarray(self.X).data)
        return digest.hexdigest()

    def _mark(self, folder: Path, **about: Any) -> None:
        """Record which documents a round is of."""
        mark = {"n": len(self.ids), "of": self._fingerprint, **about}
        (folder / "documents.json").write_text(json.dumps(mark), encoding="utf-8")

    def _is_ours(self, folder: Path, about: dict[str, Any]) -> bool:
        try:
            mark = json.loads((folder / "documents.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        expected = {"of": self._fingerprint, **about}
        return isinstance(mark, dict) and expected.items() <= mark.items()

    def _write_first(
        self, folder: Path, places: np.ndarray, n_clusters: int, **about: Any
    ) -> None:
        draft = self.folder / f".draft-{os.getpid()}"
        draft.mkdir(parents=True, exist_ok=True)
        _save(draft / "map.npy", np.asarray(places, np.float32))
        clusters = find_clusters(self.X, n_clusters, self.random_state)
        _save(draft / "clusters.npy", clusters)
        self._mark(draft, **about)
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)

    def _mend(
        self,
        folder: Path,
        X: np.ndarray,
        draw: Callable[[], np.ndarray],
        n_clusters: int,
    ) -> None:
        """Make the map and the clusters of a round again where they cannot be read."""
        if _array(folder / "map.npy", (len(self.ids), 2)) is None:
            _save(folder / "map.npy", draw())
        if _array(folder / "clusters.npy", (len(self.ids),)) is None:
            clusters = find_clusters(X, n_clusters, self.random_state)
            _save(folder / "clusters.npy", clusters)

    def _round(
        self, folder: Path, X: np.ndarray, figures: dict[str, Any], number: int = 0
    ) -> Round:
        places = _array(folder / "map.npy", (len(self.ids), 2))
        clusters = _array(folder / "clusters.npy", (len(self.ids),))
        assert places is not None
        assert clusters is not None
        # Copies: a mapped file that somebody truncates would end the process.
        return Round(number, X, np.array(places), np.array(clusters), figures)


def _is_round(path: Path) -> bool:
    return path.name.isdigit()


def _array(path: Path, shape: Iterable[int | None]) -> np.ndarray | None:
    """Return an array on disk; None where it is missing, empty, cut off or of another
    shape.
    """
    try:
        array = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    expected = tuple(shape)
    fits = array.ndim == len(expected) and all(
        wanted in (None, size)
        for wanted, size in zip(expected, array.shape, strict=True)
    )
    if not fits or array.dtype.kind not in "fiu":
        return None
    return array


def _save(path: Path, array: np.ndarray) -> None:
    def write(draft: Path) -> None:
        with open(draft, "wb") as file:
            np.save(file, array)

    write_atomically(path, write)


def _remove_if_left_over(folder: Path) -> None:
    """Remove what a killed process left: nothing in it has changed for an hour."""
    if time.time() - folder.stat().st_mtime > _LEFT_OVER:
        shutil.rmtree(folder, ignore_errors=True)
