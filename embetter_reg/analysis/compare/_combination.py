"""One space of a sweep, reduced in one way with one seed: run, written and read."""

import hashlib
import json
import os
import threading
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from embetter_reg._files import process_runs, slug, write_atomically
from embetter_reg.analysis.cluster import cluster
from embetter_reg.analysis.compare._checks import LABELS, pairs_of
from embetter_reg.analysis.metrics import agreements, silhouettes
from embetter_reg.analysis.reduce import make_reducer, neighbor_recall, place_among
from embetter_reg.corpus import stratified_sample

_FORMAT = 1
_POLL = 1.0  # seconds between two looks at the parent process
_watched: set[int] = set()


@dataclass(frozen=True)
class Combination:
    """One space, reduced in one way with one seed; ``digest`` is of data and options."""

    space: str
    reducer: str
    n_components: int
    seed: int
    digest: str

    @property
    def name(self) -> str:
        """The name of its file."""
        identity = digest(asdict(self))[:12]
        sizes = f"{self.n_components}-{self.seed}"
        return f"{slug(self.space)}-{self.reducer}-{sizes}-{identity}"

    def path(self, folder: Path) -> Path:
        """The file in a folder."""
        return folder / f"{self.name}.parquet"

    def is_in(self, folder: Path | None) -> bool:
        """Whether a folder holds it, whole."""
        return folder is not None and self.path(folder).exists()

    def read(self, folder: Path | None) -> pd.DataFrame:
        """Read its table."""
        assert folder is not None
        return pd.read_parquet(self.path(folder))


def read_combination(
    out: str | Path, combination: str
) -> tuple[dict[tuple[str, int], np.ndarray], np.ndarray | None]:
    """Return what `sweep` wrote into ``out``: clusters by clusterer and k, and the points
    where they have two dimensions.

    Raises
    ------
    FileNotFoundError
        If the folder does not hold that combination.

    Examples
    --------
    >>> import numpy as np
    >>> from tempfile import mkdtemp
    >>> from embetter_reg.analysis import read_combination, sweep
    >>> X = np.random.default_rng(0).normal(size=(30, 2))
    >>> labels = {"register": ["NA", "HI", "IN"] * 10, "language": ["en", "fi"] * 15}
    >>> folder = mkdtemp()
    >>> table = sweep({"X": X}, **labels, k=[4], out=folder)
    >>> clusters, points = read_combination(folder, table["combination"][0])
    >>> len(set(clusters["kmeans", 4])), points.shape
    (4, (30, 2))

    """
    path = Path(out) / f"{combination}.parquet"
    if not path.exists():
        raise FileNotFoundError(
            f"got {path}, which does not exist, expected a combination of a sweep; "
            "sweep again"
        )
    table = pd.read_parquet(path)
    cells = zip(table["clusterer"], table["k"], strict=True)
    with np.load(path.with_suffix(".npz")) as arrays:
        clusters = dict(zip(cells, arrays["clusters"], strict=True))
        return clusters, arrays.get("points")


def run(
    combination: Combination,
    X: np.ndarray,
    gold: Mapping[str, np.ndarray],
    options: Mapping[str, Any],
    ks: Sequence[int],
    clusterers: Sequence[str],
    n_init: int,
    folder: Path | None,
    sample_size: int,
    n_jobs: int,
    parent: int,
) -> tuple[str, pd.DataFrame]:
    """Run one combination, write it where there is a folder, and return its name and
    table; a worker ends soon after the process ``parent``.
    """
    _end_with(parent)
    sampled = stratified_sample(
        pairs_of(gold), sample_size, random_state=combination.seed
    )
    points = X
    recall = np.nan
    if combination.reducer != "none":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            reducer = make_reducer(
                combination.reducer,
                combination.n_components,
                combination.seed,
                **options,
            )
            points = np.asarray(reducer.fit_transform(X[sampled]), dtype=np.float32)
        recall = neighbor_recall(reducer)
        if len(sampled) < len(X):
            points = place_among(X, sampled, points)
    tables: list[pd.DataFrame] = []
    labelings: list[np.ndarray] = []
    for clusterer in clusterers:
        clusterings = cluster(
            points,
            clusterer,
            ks,
            n_init=n_init,
            random_state=combination.seed,
            n_jobs=n_jobs,
        )
        labels = [each.labels for each in clusterings]
        inertia = [each.inertia for each in clusterings]
        tables.append(_table(clusterer, ks, points, labels, inertia, gold, sampled))
        labelings += labels
    table = pd.concat(tables, ignore_index=True)
    for place, name in enumerate(("space", "reducer", "n_components")):
        table.insert(place, name, getattr(combination, name))
    table.insert(5, "seed", combination.seed)
    table["neighbor_recall"] = recall
    table["combination"] = combination.name
    if folder is not None:
        _write(combination.path(folder), table, labelings, points)
    return combination.name, table


def _table(
    clusterer: str,
    ks: Sequence[int],
    points: np.ndarray,
    labelings: Sequence[np.ndarray],
    inertia: Sequence[float],
    gold: Mapping[str, np.ndarray],
    sampled: np.ndarray,
) -> pd.DataFrame:
    """Return one row a k: how tight the clusters are, on sampled documents, and what
    they agree with.
    """
    metric = "cosine" if clusterer == "spherical" else "euclidean"
    n_clusters = [np.count_nonzero(np.bincount(labels)) for labels in labelings]
    of_sample = [labels[sampled] for labels in labelings]
    # A mixture may leave one cluster, which has no silhouette.
    mask = [1 < len(np.unique(labels)) < len(labels) for labels in of_sample]
    silhouette = np.full(len(ks), np.nan)
    if any(mask):
        several = list(compress(of_sample, mask))
        silhouette[mask] = silhouettes(points[sampled], several, metric=metric)
    table = pd.DataFrame(
        {
            "clusterer": clusterer,
            "k": ks,
            "n_clusters": n_clusters,
            "inertia": inertia,
            "metric": metric,
            "silhouette": silhouette,
            "silhouette_documents": len(sampled),
        }
    )
    figures = [
        agreements(gold[label], labelings).add_prefix(f"{label}_") for label in LABELS
    ]
    table = pd.concat([table, *figures], axis=1)
    table["difference"] = table["register_ami"] - table["language_ami"]
    return table


def _write(
    path: Path,
    table: pd.DataFrame,
    labelings: Sequence[np.ndarray],
    points: np.ndarray,
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {"clusters": np.stack(labelings)}
    if points.shape[1] == 2:
        arrays["points"] = points

    def save(draft: Path) -> None:
        with open(draft, "wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]

    write_atomically(path.with_suffix(".npz"), save)
    # The table comes last: where it is, all is.
    write_atomically(path, table.to_parquet)


def _end_with(parent: int) -> None:
    """End this worker process soon after its parent, which may be killed without a
    chance to end its workers; do nothing in the parent itself.
    """
    if parent in (os.getpid(), *_watched):
        return
    _watched.add(parent)
    started_by = os.getppid()

    def watch() -> None:
        # A process whose parent has ended gets another one.
        while os.getppid() == started_by and process_runs(parent):
            time.sleep(_POLL)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def digest(*parts: Any) -> str:
    """Return what changes when any part does."""
    state = hashlib.blake2b(str(_FORMAT).encode(), digest_size=16)
    for part in parts:
        if isinstance(part, np.ndarray) and part.dtype.kind in "UO":
            part = part.astype(str).astype(object).tolist()
        if isinstance(part, np.ndarray):
            state.update(f"{part.dtype}{part.shape}".encode())
            state.update(np.ascontiguousarray(part).tobytes())
        else:
            state.update(json.dumps(part, sort_keys=True, default=repr).encode())
    return state.hexdigest()
