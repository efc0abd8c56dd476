"""Every space, reducer, clusterer, k and seed, and what the clusters agree with."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from joblib import Parallel, cpu_count, delayed
from numpy.typing import ArrayLike

from embetter_reg._files import check_folder, remove_drafts
from embetter_reg._progress import progress
from embetter_reg._validation import check_whole_number
from embetter_reg.analysis.cluster import CLUSTERERS
from embetter_reg.analysis.compare._checks import (
    check_gold,
    check_names,
    check_sample_size,
    check_spaces,
    choose_ks,
    count_labels,
)
from embetter_reg.analysis.compare._combination import Combination, digest, run
from embetter_reg.analysis.reduce import make_reducer

_USUAL_KS = range(2, 34)
_QUICK = ("none", "pca")  # reducers that threads serve better than processes
_IDLE = 20  # seconds after which a worker without work ends

Reducers = str | Iterable[str] | Mapping[str, Mapping[str, Any]]


def sweep(
    spaces: Mapping[str, ArrayLike],
    *,
    register: ArrayLike,
    language: ArrayLike,
    reducers: Reducers = ("none",),
    n_components: int | Iterable[int] = (2,),
    k: int | Iterable[int] | None = None,
    clusterers: str | Iterable[str] = ("kmeans", "spherical"),
    n_seeds: int = 1,
    n_init: int = 10,
    random_state: int = 0,
    out: str | Path | None = None,
    sample_size: int = 20_000,
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
        Gold labels; keyword-only, since swapping them turns every result around.
    reducers : sequence of names, or mapping of names to options
        As for `make_reducer`; ``"none"`` clusters the space itself. A reducer is fitted
        without labels.
    n_components : sequence of int
        Dimensions to reduce to; ``"none"`` keeps those of the space.
    k : int, iterable of int, or None
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
    sample_size : int
        Of more documents, silhouettes are taken on a sample of so many, of every register
        in every language its share, with the seed of the combination. Reducers are fitted
        on that sample, and the others placed by `place_among`.
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
        ``n_languages``; ``neighbor_recall``, the share of the true nearest neighbors that
        a reducer's search found, NaN where it is not known; and ``combination``, the name
        of the file in ``out``.

    Raises
    ------
    ValueError
        If a space or label array does not fit the others, or an option is unknown or
        out of range.
    TypeError
        If a number is not a whole number.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import average, best_k, sweep
    >>> rng = np.random.default_rng(0)
    >>> register = np.repeat(["NA", "HI", "IN"], 40)
    >>> language = np.tile(["en", "fi"], 60)
    >>> X = np.eye(3)[np.repeat([0, 1, 2], 40)] + rng.normal(scale=0.1, size=(120, 3))
    >>> table = sweep({"X": X}, register=register, language=language, k=[2, 3, 4])
    >>> best = best_k(average(table)).set_index(["clusterer", "figure"])
    >>> print(*best.loc[("kmeans", "silhouette"), ["k", "explains"]])
    3 register

    """
    arrays = check_spaces(spaces)
    n_documents = len(next(iter(arrays.values())))
    gold = check_gold(register, language, n_documents, allow_one=True)
    counts = count_labels(gold)
    ks = choose_ks(k, _USUAL_KS, counts, n_documents)
    names = check_names("clusterers", clusterers, CLUSTERERS)
    options = _check_reducers(reducers)
    check_whole_number("n_seeds", n_seeds)
    check_whole_number("n_init", n_init)
    check_whole_number("random_state", random_state, low=0)
    check_sample_size(sample_size, gold)
    n_jobs = check_whole_number("n_jobs", cpu_count() if n_jobs is None else n_jobs)
    sizes = _check_sizes(n_components)
    folder = None
    if out is not None:
        folder = Path(out)
        check_folder(folder)
        remove_drafts(folder)
    facts = {
        "labels": digest(*gold.values()),
        "k": ks,
        "clusterers": names,
        "n_init": n_init,
    }
    if n_documents > sample_size:
        facts["sample_size"] = sample_size
    plan = []
    for space, X in arrays.items():
        for reducer, given in options.items():
            content = digest({**facts, "options": given}, X)
            for size in [X.shape[1]] if reducer == "none" else sizes:
                for seed in range(random_state, random_state + n_seeds):
                    plan.append(Combination(space, reducer, size, seed, content))

    # A process each for what is slow on one core; otherwise the threads of one
    # combination are enough.
    n_slow = sum(each.reducer not in _QUICK or "gaussian" in names for each in plan)
    n_processes = min(n_jobs, len(plan)) if n_slow > 1 else 1
    tables = {each.name: each.read(folder) for each in plan if each.is_in(folder)}
    calls = (
        delayed(run)(
            each,
            arrays[each.space],
            gold,
            options[each.reducer],
            ks,
            names,
            n_init,
            folder,
            sample_size,
            n_jobs // n_processes,
            os.getpid(),
        )
        for each in plan
        if each.name not in tables
    )
    results = Parallel(
        n_processes,
        return_as="generator_unordered",
        idle_worker_timeout=_IDLE,
    )(calls)
    bar = progress(
        results,
        desc="sweeping",
        total=len(plan),
        initial=len(tables),
        unit="combination",
        show=show_progress,
    )
    tables |= dict(bar)
    table = pd.concat([tables[each.name] for each in plan], ignore_index=True)
    return table.assign(n_registers=counts["register"], n_languages=counts["language"])


def _check_reducers(reducers: Reducers) -> dict[str, dict[str, Any]]:
    """Return the options of each reducer, all of which can be made."""
    if isinstance(reducers, Mapping):
        options = {str(name): dict(given or {}) for name, given in reducers.items()}
    elif isinstance(reducers, str) or not isinstance(reducers, Iterable):
        options = {str(reducers): {}}
    else:
        options = {str(name): {} for name in reducers}
    if not options:
        raise ValueError(
            "got reducers=[], expected at least one; pass for example ['none']"
        )
    for name, given in options.items():
        if name != "none":
            make_reducer(name, **given)  # an unknown name is its error
    return options


def _check_sizes(n_components: int | Iterable[int]) -> list[int]:
    if not isinstance(n_components, Iterable) or isinstance(n_components, str):
        n_components = [n_components]
    sizes = [check_whole_number("n_components", size) for size in n_components]
    if not sizes:
        raise ValueError(
            "got n_components=[], expected at least one number; pass for example [2]"
        )
    return sizes
