"""Every space, reducer, clusterer, k and seed, and what the clusters agree with."""

import hashlib
import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, cpu_count, delayed
from tqdm.auto import tqdm

from embetter_reg._files import slug, write_atomically
from embetter_reg._validation import check_labels, check_space
from embetter_reg.analysis.cluster import CLUSTERERS, cluster
from embetter_reg.analysis.metrics import AGREEMENT, agreements, silhouettes
from embetter_reg.analysis.reduce import make_reducer

LABELS = ("register", "language")
CELL = ["space", "reducer", "n_components", "clusterer", "k"]
FIGURES = [
    "silhouette",
    *(f"{label}_{figure}" for label in LABELS for figure in AGREEMENT),
    "difference",
]
_FORMAT = 1


def sweep(
    spaces: Mapping[str, Any],
    *,
    register,
    language,
    reducers: Sequence[str] | Mapping[str, Mapping[str, Any]] = ("none",),
    n_components: Sequence[int] = (2,),
    k: Iterable[int] | None = None,
    clusterers: Sequence[str] = ("kmeans", "spherical"),
    n_seeds: int = 1,
    n_init: int = 10,
    random_state: int = 0,
    out=None,
    n_jobs: int | None = None,
    show_progress: bool = False,
) -> pd.DataFrame:
    """Cluster every space in every way and return, for each clustering, how tight it is
    and what it agrees with.

    Parameters
    ----------
    spaces : mapping of name to array (n_documents, n_dims)
        The same documents in each.
    register, language : array of labels (n_documents,)
        Gold labels; keyword-only, since swapping them turns every finding round.
    reducers : sequence of names, or mapping of names to options
        As for `make_reducer`; ``"none"`` clusters the space itself. A reducer is fitted
        without labels.
    n_components : sequence of int
        Dimensions to reduce to; ``"none"`` keeps those of the space.
    k : iterable of int or None
        Numbers of clusters; None takes 2 to 33 with the numbers of registers, languages
        and their product, as far as a cluster holds three documents on average.
    clusterers : sequence of {"kmeans", "spherical", "gaussian"}
        As for `cluster`.
    n_seeds : int
        Repetitions, each with another seed of the reducer and the clusterers.
    n_init : int
        Starts of k-means and spherical k-means.
    random_state : int
        The first seed; each repetition takes the next number.
    out : path or None
        Keep each finished combination of space, reducer, dimensions and seed there, so
        that a sweep that was killed goes on; `read_combination` gives its clusters. One
        with other data or settings is not taken up.
    n_jobs : int or None
        Cores; None takes all. Results do not depend on it.
    show_progress : bool

    Returns
    -------
    DataFrame
        One row a clustering: ``space, reducer, n_components, clusterer, k, seed``;
        ``n_clusters``, which a mixture may leave below k; ``inertia``; ``silhouette``
        in [-1, 1], NaN for a single cluster, under ``metric`` (cosine for spherical
        k-means, else Euclidean); ``register_ari, register_ami, register_nmi,
        register_v_measure`` and the same for language (see `agreements`);
        ``difference``, register AMI minus language AMI; ``n_registers``,
        ``n_languages``; and ``combination``, the name of the file in ``out``.

    Raises
    ------
    ValueError
        If a space or label array does not fit the others, or a name or k is not one
        that there is.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> register, language = np.repeat(["NA", "HI", "IN"], 40), np.tile(["en", "fi"], 60)
    >>> X = np.eye(3)[np.repeat([0, 1, 2], 40)] + rng.normal(scale=0.1, size=(120, 3))
    >>> found = sweep({"X": X}, register=register, language=language, k=[2, 3, 4])
    >>> best = best_k(average(found)).query("clusterer == 'kmeans' and figure == 'silhouette'")
    >>> best[["k", "explains"]].values.tolist()
    [[3, 'register']]

    """
    arrays, gold = _check(spaces, register, language)
    options = {
        str(name): dict(reducers[name]) if isinstance(reducers, Mapping) else {}
        for name in reducers
    }
    counts = {label: len(np.unique(values)) for label, values in gold.items()}
    ks = _choose_k(k, counts, len(gold["register"]))
    seeds = range(random_state, random_state + n_seeds)
    _check_choices(options, clusterers, seeds, n_components)
    facts = {
        "labels": _digest(*gold.values()),
        "k": ks,
        "clusterers": list(clusterers),
        "n_init": n_init,
    }
    plan = [
        Combination(
            space,
            reducer,
            size,
            int(seed),
            _digest({**facts, "options": options[reducer]}, arrays[space]),
        )
        for space in arrays
        for reducer in options
        for size in (n_components if reducer != "none" else [arrays[space].shape[1]])
        for seed in seeds
    ]
    n_jobs = n_jobs or cpu_count()
    # A process each for what is slow on one core; otherwise the threads of one combination are enough.
    n_slow = sum(
        each.reducer not in ("none", "pca") or "gaussian" in clusterers for each in plan
    )
    outer = min(n_jobs, len(plan)) if n_slow > 1 else 1
    kept = {
        each.name: pd.read_parquet(path)
        for each in plan
        if out and (path := each.path(out)).exists()
    }
    todo = [each for each in plan if each.name not in kept]
    calls = (
        delayed(_run)(
            each,
            arrays[each.space],
            gold,
            options[each.reducer],
            ks,
            clusterers,
            n_init,
            out,
            n_jobs // outer,
        )
        for each in todo
    )
    results = Parallel(outer, return_as="generator_unordered")(calls)
    bar = tqdm(
        results,
        "sweeping",
        len(plan),
        initial=len(kept),
        unit="combination",
        disable=not show_progress,
    )
    tables = {**kept, **dict(bar)}
    found = pd.concat([tables[each.name] for each in plan], ignore_index=True)
    return found.assign(n_registers=counts["register"], n_languages=counts["language"])


@dataclass(frozen=True)
class Combination:
    """One space, reduced in one way with one seed."""

    space: str
    reducer: str
    n_components: int
    seed: int
    digest: str

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{slug(self.space)}-{self.reducer}-{self.n_components}-{self.seed}-{_digest(asdict(self))[:12]}"

    def path(self, folder) -> Path:
        """The file in a folder."""
        return Path(folder) / f"{self.name}.parquet"


def read_combination(
    folder, combination: str
) -> tuple[dict[tuple[str, int], np.ndarray], np.ndarray | None]:
    """Return what `sweep` kept: clusters by clusterer and k, and the points where they
    have two dimensions.

    Raises
    ------
    FileNotFoundError
        If the folder does not hold that combination.

    Examples
    --------
    >>> import numpy as np
    >>> from tempfile import mkdtemp
    >>> X, folder = np.random.default_rng(0).normal(size=(30, 2)), mkdtemp()
    >>> register, language = ["NA", "HI", "IN"] * 10, ["en", "fi"] * 15
    >>> found = sweep({"X": X}, register=register, language=language, k=[4], out=folder)
    >>> clusters, points = read_combination(folder, found["combination"][0])
    >>> len(set(clusters["kmeans", 4])), points.shape
    (4, (30, 2))

    """
    path = Path(folder) / f"{combination}.parquet"
    if not path.exists():
        raise FileNotFoundError(
            f"got {path}, which does not exist, expected a combination of a sweep; "
            "sweep again"
        )
    table = pd.read_parquet(path)
    with np.load(path.with_suffix(".npz")) as arrays:
        clusters = dict(
            zip(
                zip(table["clusterer"], table["k"], strict=True),
                arrays["clusters"],
                strict=True,
            )
        )
        return clusters, arrays.get("points")


def read_sweeps(runs) -> pd.DataFrame:
    """Read the ``sweep.parquet`` of several folders of `embetter-reg sweep` into one
    table, numbered by ``run``.

    Raises
    ------
    FileNotFoundError
        If there is none.

    Examples
    --------
    >>> average(read_sweeps(["fold_1", "fold_2"]))  # doctest: +SKIP

    """
    paths = [Path(run) / "sweep.parquet" for run in runs]
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(
                f"got {path}, which does not exist, expected a sweep; run "
                "embetter-reg sweep"
            )
    return pd.concat(
        [pd.read_parquet(path).assign(run=n) for n, path in enumerate(paths)],
        ignore_index=True,
    )


def average(runs) -> pd.DataFrame:
    """Return means and standard deviations over seeds, folds or model runs, one row a
    space, reducer, clusterer and k.

    Parameters
    ----------
    runs : DataFrame or sequence of DataFrames
        Tables of `sweep`. All rows that share a space, reducer, dimensions, clusterer
        and k are averaged.

    Returns
    -------
    DataFrame
        Each figure with its ``_sd`` (of the sample, NaN for one run), ``n_runs``, and
        what ``explains`` the clusters: the label of higher AMI, or "undecided" where
        the difference is within twice its standard deviation over runs. Chance among
        documents is not in it: `compare_spaces` has intervals by document and a null.

    Raises
    ------
    ValueError
        If there is no run, or one lacks columns of a sweep.

    Examples
    --------
    >>> run = pd.DataFrame({"space": "X", "reducer": "none", "n_components": 2, "clusterer": "kmeans", "k": 2,
    ...     "metric": "euclidean", "n_registers": 9, "n_languages": 4, **dict.fromkeys(FIGURES, [0.4, 0.6])})
    >>> average([run, run])[["silhouette", "silhouette_sd", "n_runs"]].round(3).values.tolist()
    [[0.5, 0.115, 4.0]]

    """
    tables = [runs] if isinstance(runs, pd.DataFrame) else list(runs)
    about = ["metric", "n_registers", "n_languages"]
    for table in tables:
        lacking = sorted({*CELL, *FIGURES, *about} - set(table))
        if lacking:
            raise ValueError(
                f"got a run without {', '.join(lacking)}, expected a table of sweep; "
                "pass one"
            )
    if not tables:
        raise ValueError("got no runs, expected at least one table of sweep; pass some")
    groups = pd.concat(tables, ignore_index=True).groupby(CELL, sort=False)
    means, spreads = groups[FIGURES].mean(), groups[FIGURES].std().add_suffix("_sd")
    order = [name for figure in FIGURES for name in (figure, f"{figure}_sd")]
    found = (
        means.join(spreads)[order]
        .join(groups[about].first())
        .assign(n_runs=groups.size())
    )
    spread = 2 * found["difference_sd"].fillna(0)
    explains = np.where(found["difference"] > spread, "register", "undecided")
    found["explains"] = np.where(found["difference"] < -spread, "language", explains)
    return found.reset_index()


def best_k(averaged: pd.DataFrame) -> pd.DataFrame:
    """Return the k at which each figure of `average` is highest, and which label
    explains the clusters there.

    One row a space, reducer, number of dimensions, clusterer and figure: ``k``,
    ``value``, ``explains``. Of equal values the smallest k wins. A k chosen by a gold
    label says where clusters fit that label best, not that they do.

    Raises
    ------
    ValueError
        If ``averaged`` is not a table of `average`.

    """
    if "explains" not in averaged:
        raise ValueError(
            "got a table without explains, expected one of average; average the runs "
            "first"
        )
    rows = []
    for cell, group in averaged.sort_values("k").groupby(CELL[:-1], sort=False):
        for figure in FIGURES[:-1]:
            if group[figure].notna().any():
                best = group.iloc[group[figure].argmax()]
                row = {
                    "figure": figure,
                    "k": int(best["k"]),
                    "value": best[figure],
                    "explains": best["explains"],
                }
                rows.append({**dict(zip(CELL, cell, strict=False)), **row})
    return pd.DataFrame(rows)


def _run(
    each: Combination,
    X,
    gold,
    options,
    ks,
    clusterers,
    n_init: int,
    folder,
    n_jobs: int,
):
    """Run one combination, keep it, and return its name and table."""
    points = X
    if each.reducer != "none":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            reducer = make_reducer(
                each.reducer, each.n_components, each.seed, **options
            )
            points = np.asarray(reducer.fit_transform(X), dtype=np.float32)
    parts, labelings = [], []
    for clusterer in clusterers:
        clusterings = cluster(
            points,
            clusterer,
            ks,
            n_init=n_init,
            random_state=each.seed,
            n_jobs=n_jobs,
        )
        found = [clustering.labels for clustering in clusterings]
        inertia = [clustering.inertia for clustering in clusterings]
        metric = "cosine" if clusterer == "spherical" else "euclidean"
        n_clusters = [np.count_nonzero(np.bincount(labels)) for labels in found]
        apart = [n > 1 for n in n_clusters]  # a mixture may leave one cluster
        silhouette = np.full(len(ks), np.nan)
        if any(apart):
            silhouette[apart] = silhouettes(
                points, list(compress(found, apart)), metric=metric
            )
        table = pd.DataFrame(
            {
                "clusterer": clusterer,
                "k": ks,
                "n_clusters": n_clusters,
                "inertia": inertia,
                "metric": metric,
                "silhouette": silhouette,
            }
        )
        agreed = [
            agreements(gold[label], found).add_prefix(f"{label}_") for label in LABELS
        ]
        parts.append(pd.concat([table, *agreed], axis=1))
        labelings += found
    table = pd.concat(parts, ignore_index=True)
    table["difference"] = table["register_ami"] - table["language_ami"]
    for place, name in enumerate(("space", "reducer", "n_components")):
        table.insert(place, name, getattr(each, name))
    table.insert(5, "seed", each.seed)
    table["combination"] = each.name
    if folder:
        path = each.path(folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {"clusters": np.stack(labelings)} | (
            {"points": points} if points.shape[1] == 2 else {}
        )
        write_atomically(path.with_suffix(".npz"), lambda draft: _save(draft, arrays))
        write_atomically(
            path, table.to_parquet
        )  # the last, so that it says that all is there
    return each.name, table


def _save(path: Path, arrays: dict[str, Any]) -> None:
    with open(path, "wb") as file:
        np.savez_compressed(file, **arrays)


def _check(spaces, register, language):
    if not isinstance(spaces, Mapping) or not spaces:
        raise ValueError(
            'got no named spaces, expected a dict; pass {"original": X, "tuned": Z}'
        )
    arrays = {str(name): check_space(name, X) for name, X in spaces.items()}
    lengths = {name: len(X) for name, X in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"got spaces of {lengths} documents, expected the same documents in each; "
            "align them"
        )
    n_documents = next(iter(lengths.values()))
    return arrays, {
        "register": check_labels("register", register, n_documents),
        "language": check_labels("language", language, n_documents),
    }


def _choose_k(k, counts: dict[str, int], n_documents: int) -> list[int]:
    if k is None:
        marks = {
            counts["register"],
            counts["language"],
            counts["register"] * counts["language"],
        }
        ks = sorted(
            value for value in {*range(2, 34), *marks} if 2 <= value <= n_documents // 3
        )
    else:
        ks = sorted({int(value) for value in k})
    if not ks or ks[0] < 2 or ks[-1] >= n_documents:
        raise ValueError(
            f"got k={ks} for {n_documents} documents, expected numbers from 2 to "
            f"{n_documents - 1}; pass more "
            "documents or other k"
        )
    return ks


def _check_choices(reducers, clusterers, seeds, n_components) -> None:
    unknown = set(clusterers) - set(CLUSTERERS)
    if unknown or not clusterers:
        raise ValueError(
            f"got clusterers={list(clusterers)}, expected some of {list(CLUSTERERS)}; "
            "pick one"
        )
    for name in set(reducers) - {"none"}:
        make_reducer(name)  # says which there are
    if not (reducers and seeds and n_components):
        raise ValueError(
            f"got reducers={list(reducers)}, n_seeds={len(seeds)}, "
            f"n_components={list(n_components)}, expected at least "
            "one of each; pass some"
        )


def _digest(*parts) -> str:
    """Return what changes when any part does."""
    digest = hashlib.blake2b(str(_FORMAT).encode(), digest_size=16)
    for part in parts:
        if isinstance(part, np.ndarray):
            part = (
                part.astype(str).astype(object).tolist()
                if part.dtype.kind in "UO"
                else part
            )
        if isinstance(part, np.ndarray):
            digest.update(
                f"{part.dtype}{part.shape}".encode()
                + np.ascontiguousarray(part).tobytes()
            )
        else:
            digest.update(json.dumps(part, sort_keys=True, default=repr).encode())
    return digest.hexdigest()
