"""Means over the runs of sweeps, and the k at which a figure is highest."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from embetter_reg.analysis.compare._checks import LABELS
from embetter_reg.analysis.metrics import AGREEMENT

_CELL = ["space", "reducer", "n_components", "clusterer", "k"]
_FACTS = ["metric", "n_registers", "n_languages"]
_RATED = ["silhouette", *(f"{label}_{name}" for label in LABELS for name in AGREEMENT)]
_FIGURES = [*_RATED, "difference"]


def read_sweeps(runs: str | Path | Iterable[str | Path]) -> pd.DataFrame:
    """Read the ``sweep.parquet`` of several folders of `embetter-reg sweep` into one
    table, numbered by ``run``.

    Raises
    ------
    FileNotFoundError
        If a folder holds none.
    ValueError
        If there is no folder, or a file is no Parquet file.
    TypeError
        If a folder is no path.

    Examples
    --------
    >>> average(read_sweeps(["fold_1", "fold_2"]))  # doctest: +SKIP

    """
    if isinstance(runs, str | Path) or not isinstance(runs, Iterable):
        runs = [runs]
    tables = []
    for number, run in enumerate(runs):
        if not isinstance(run, str | Path):
            raise TypeError(
                f"got {run!r} as a folder, expected a path; pass a folder of "
                "embetter-reg sweep"
            )
        path = Path(run) / "sweep.parquet"
        if not path.exists():
            raise FileNotFoundError(
                f"got {path}, which does not exist, expected a sweep; run "
                "embetter-reg sweep"
            )
        try:
            tables.append(pd.read_parquet(path).assign(run=number))
        except (OSError, ValueError) as error:
            raise ValueError(
                f"got {path}, which is no Parquet file, expected a sweep; run "
                "embetter-reg sweep again"
            ) from error
    if not tables:
        raise ValueError("got no folders, expected at least one sweep; pass some")
    return pd.concat(tables, ignore_index=True)


def average(runs: pd.DataFrame | Sequence[pd.DataFrame]) -> pd.DataFrame:
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
    TypeError
        If a run is no DataFrame.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import average, sweep
    >>> X = np.random.default_rng(0).normal(size=(30, 2))
    >>> labels = {"register": ["NA", "HI", "IN"] * 10, "language": ["en", "fi"] * 15}
    >>> averaged = average(sweep({"X": X}, **labels, k=[2, 3], n_seeds=2))
    >>> averaged[["clusterer", "k", "n_runs"]].values.tolist()
    [['kmeans', 2, 2], ['kmeans', 3, 2], ['spherical', 2, 2], ['spherical', 3, 2]]

    """
    if isinstance(runs, pd.DataFrame):
        runs = [runs]
    elif not isinstance(runs, Iterable):
        raise TypeError(
            f"got {type(runs).__name__} as runs, expected tables of sweep; pass some"
        )
    tables = list(runs)
    for table in tables:
        _check_table(table, [*_CELL, *_FIGURES, *_FACTS], "a table of sweep")
    if not tables:
        raise ValueError("got no runs, expected at least one table of sweep; pass some")
    groups = pd.concat(tables, ignore_index=True).groupby(_CELL, sort=False)
    means = groups[_FIGURES].mean()
    spreads = groups[_FIGURES].std().add_suffix("_sd")
    order = [name for figure in _FIGURES for name in (figure, f"{figure}_sd")]
    averaged = means.join(spreads)[order].join(groups[_FACTS].first())
    averaged["n_runs"] = groups.size()
    spread = 2 * averaged["difference_sd"].fillna(0)
    averaged["explains"] = "undecided"
    averaged.loc[averaged["difference"] > spread, "explains"] = "register"
    averaged.loc[averaged["difference"] < -spread, "explains"] = "language"
    return averaged.reset_index()


def best_k(averaged: pd.DataFrame) -> pd.DataFrame:
    """Return the k at which each figure of `average` is highest, and which label
    explains the clusters there.

    A k chosen by a gold label is where clusters fit that label best, and no evidence
    that they do.

    Parameters
    ----------
    averaged : DataFrame
        Of `average`.

    Returns
    -------
    DataFrame
        One row a space, reducer, number of dimensions, clusterer and figure: ``k``,
        ``value``, ``explains``. Of equal values the smallest k is taken.

    Raises
    ------
    ValueError
        If ``averaged`` is not a table of `average`.
    TypeError
        If it is no DataFrame.

    """
    _check_table(averaged, [*_CELL, *_RATED, "explains"], "one of average")
    rows = []
    for cell, group in averaged.sort_values("k").groupby(_CELL[:-1], sort=False):
        for figure in _RATED:
            if group[figure].isna().all():
                continue
            best = group.iloc[int(np.nanargmax(group[figure]))]
            rows.append(
                {
                    **dict(zip(_CELL[:-1], cell, strict=True)),
                    "figure": figure,
                    "k": int(best["k"]),
                    "value": best[figure],
                    "explains": best["explains"],
                }
            )
    return pd.DataFrame(rows)


def _check_table(table: object, columns: Sequence[str], expected: str) -> None:
    if not isinstance(table, pd.DataFrame):
        raise TypeError(
            f"got {type(table).__name__}, expected {expected}; pass a DataFrame"
        )
    missing = sorted(set(columns) - set(table))
    if missing:
        raise ValueError(
            f"got a table without {', '.join(missing)}, expected {expected}; pass one"
        )
    if table.empty:
        raise ValueError(f"got a table without rows, expected {expected}; pass one")
