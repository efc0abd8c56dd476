"""The loop over spaces: clusters, their agreement with both labels, and figures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.preprocessing import normalize
from sklearn.utils import check_random_state

from embetter_reg._progress import progress
from embetter_reg.analysis.cluster import cluster
from embetter_reg.analysis.compare._checks import Settings, count_labels
from embetter_reg.analysis.compare._confounding import balanced_agreement
from embetter_reg.analysis.compare._controls import CENTERED
from embetter_reg.analysis.compare._figures import measure_figures
from embetter_reg.analysis.compare._hybrids import Hybrids
from embetter_reg.analysis.compare._resample import Resampler

Cell = tuple[str, str, int]  # space, clusterer, k


@dataclass(frozen=True)
class Study:
    """What all spaces of a comparison share."""

    gold: dict[str, np.ndarray]
    settings: Settings
    seeds: list[int]
    figure_seed: int
    resampler: Resampler
    samples: list[np.ndarray]
    hybrids: Hybrids | None
    n_jobs: int | None = None

    @property
    def n_labels(self) -> dict[str, int]:
        return count_labels(self.gold)

    @property
    def marks(self) -> set[int]:
        """The numbers of registers and of languages, at which the verdict is taken."""
        return set(self.n_labels.values())


@dataclass(frozen=True)
class Results:
    """What the loop gathers: by cell, by space, or as rows of a table."""

    scores: dict[Cell, dict[str, Any]] = field(default_factory=dict)
    clusters: dict[str, np.ndarray] = field(default_factory=dict)
    figures: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    balanced_rows: list[dict[str, Any]] = field(default_factory=list)
    hybrid_rows: list[dict[str, Any]] = field(default_factory=list)


def run_study(
    study: Study,
    spaces: Mapping[str, np.ndarray],
    controls: Mapping[str, np.ndarray],
    whole: Mapping[str, np.ndarray],
    rows: np.ndarray,
    show_progress: bool,
) -> Results:
    """Cluster and measure every space and control.

    A space is clustered ``whole``, and its clusters looked at on the ``rows`` that are
    measured.

    The centered control is clustered at every k, as the spaces are, the other controls
    at the numbers of registers and of languages only.
    """
    results = Results()
    n_steps = len(study.settings.clusterers) + 1
    with progress(
        total=(len(spaces) + len(controls)) * n_steps,
        desc="comparing",
        unit="step",
        show=show_progress,
    ) as bar:
        for space, X in {**spaces, **controls}.items():
            ks = study.settings.ks
            if space in controls and space != CENTERED:
                ks = sorted(study.marks)
            clustered, looked_at = X, np.arange(len(X))
            if space in whole:
                clustered, looked_at = whole[space], rows
            for clusterer in _cluster_space(
                study, results, space, clustered, looked_at, ks
            ):
                bar.set_postfix_str(f"{space}, {clusterer}", refresh=False)
                bar.update()
            _measure_space(study, results, space, X)
            bar.update()
    return results


def _cluster_space(
    study: Study,
    results: Results,
    space: str,
    X: np.ndarray,
    looked_at: np.ndarray,
    ks: Sequence[int],
) -> Iterator[str]:
    """Cluster a space at every k and score some rows; yield each clusterer that is
    done.
    """
    rows = normalize(X)
    for clusterer in study.settings.clusterers:
        by_seed = [
            cluster(
                rows,
                clusterer,
                ks,
                n_init=study.settings.n_init,
                random_state=seed,
                n_jobs=study.n_jobs,
            )
            for seed in study.seeds
        ]
        for place, k in enumerate(ks):
            labelings = [
                clusterings[place].labels[looked_at] for clusterings in by_seed
            ]
            _score(study, results, (space, clusterer, k), labelings)
        yield clusterer


def _score(
    study: Study, results: Results, cell: Cell, labelings: list[np.ndarray]
) -> None:
    """Compare the labelings of a cell, one a seed, with both labels."""
    space, clusterer, k = cell
    confidence = study.settings.confidence
    results.scores[cell] = study.resampler.score(labelings)
    if k == study.n_labels["register"]:
        results.clusters.setdefault(space, labelings[0])
    if k not in study.marks:
        return
    key = {"space": space, "clusterer": clusterer, "k": k}
    if study.samples:
        row = balanced_agreement(labelings, study.gold, study.samples, confidence)
        results.balanced_rows.append({**key, **row})
    if study.hybrids is not None:
        for row in study.hybrids.agreement(
            labelings, study.gold, study.resampler, confidence
        ):
            results.hybrid_rows.append({**key, **row})


def _measure_space(study: Study, results: Results, space: str, X: np.ndarray) -> None:
    measured, skipped = measure_figures(
        X,
        **study.gold,
        groups=study.settings.groups,
        n_permutations=study.settings.n_null,
        # The same draws in every space, so that differences are of the spaces.
        rng=check_random_state(study.figure_seed),
    )
    results.skipped.update(skipped)
    results.figures[space] = {
        name: {"value": value, "boot": study.resampler.bootstrap_figure(value)}
        for name, value in measured.items()
    }
