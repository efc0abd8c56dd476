"""Scores and figures as tidy tables, with intervals."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from embetter_reg.analysis.compare._checks import LABELS
from embetter_reg.analysis.compare._figures import FIGURES
from embetter_reg.analysis.compare._resample import ami_interval, interval
from embetter_reg.analysis.compare._study import Cell

Scores = Mapping[Cell, Mapping[str, Any]]
Figures = Mapping[str, Mapping[str, Mapping[str, Any]]]


def tabulate_agreement(scores: Scores, confidence: float) -> pd.DataFrame:
    """Return one row a cell and label: means over seeds, interval and null."""
    rows = []
    for (space, clusterer, k), by_label in scores.items():
        for label in LABELS:
            score = by_label[label]
            means = score["figures"].mean()
            low, high = ami_interval(means["ami"], score["boot"], confidence)
            rows.append(
                {
                    "space": space,
                    "clusterer": clusterer,
                    "k": k,
                    "label": label,
                    **means,
                    "ami_sd": score["figures"]["ami"].std(ddof=0),
                    "ami_low": low,
                    "ami_high": high,
                    "ami_null": np.quantile(score["null"], (1 + confidence) / 2),
                }
            )
    return pd.DataFrame(rows)


def tabulate_margins(scores: Scores, confidence: float) -> pd.DataFrame:
    """Return one row a cell: register AMI minus language AMI, and which label explains
    the clusters.
    """
    rows = []
    for (space, clusterer, k), by_label in scores.items():
        register = by_label["register"]
        language = by_label["language"]
        difference = _mean_ami(register) - _mean_ami(language)
        low, high = interval(
            difference, register["boot"] - language["boot"], confidence
        )
        explains = "undecided"
        if low > 0:
            explains = "register"
        elif high < 0:
            explains = "language"
        rows.append(
            {
                "space": space,
                "clusterer": clusterer,
                "k": k,
                "difference": difference,
                "low": low,
                "high": high,
                "explains": explains,
            }
        )
    return pd.DataFrame(rows)


def tabulate_gains(
    scores: Scores,
    pairs: Sequence[tuple[str, str]],
    clusterers: Sequence[str],
    k: int,
    controls: Collection[str],
    confidence: float,
) -> pd.DataFrame:
    """Return one row a pair of spaces and clusterer: what the first gains in AMI."""
    rows = []
    for space, against in pairs:
        for clusterer in clusterers:
            row = {
                "space": space,
                "against": against,
                "control": against in controls,
                "clusterer": clusterer,
                "k": k,
            }
            for label in LABELS:
                score = scores[space, clusterer, k][label]
                other = scores[against, clusterer, k][label]
                gain = _mean_ami(score) - _mean_ami(other)
                boot = score["boot"] - other["boot"]
                low, high = interval(gain, boot, confidence)
                row |= {label: gain, f"{label}_low": low, f"{label}_high": high}
            rows.append(row)
    return pd.DataFrame(rows)


def tabulate_figures(figures: Figures, confidence: float) -> pd.DataFrame:
    """Return one row a space and figure, with what the figure is."""
    rows = []
    for space, by_name in figures.items():
        for name, entry in by_name.items():
            measured = entry["value"]
            figure = FIGURES[name]
            low = high = float("nan")
            if entry["boot"] is not None:
                low, high = interval(measured.value, entry["boot"], confidence)
            rows.append(
                {
                    "space": space,
                    "figure": name,
                    "value": measured.value,
                    "low": low,
                    "high": high,
                    "beside": measured.beside,
                    "smallest": figure.low,
                    "largest": figure.high,
                    "better": figure.better,
                    "words": figure.words,
                }
            )
    return pd.DataFrame(rows)


def tabulate_differences(
    figures: Figures, pairs: Sequence[tuple[str, str]], confidence: float
) -> pd.DataFrame:
    """Return one row a pair of spaces and figure that both have, where documents can be
    drawn anew: the difference, paired by document.
    """
    rows = []
    for space, against in pairs:
        for name, entry in figures[space].items():
            other = figures[against].get(name)
            if other is None or entry["boot"] is None or other["boot"] is None:
                continue
            difference = entry["value"].value - other["value"].value
            low, high = interval(difference, entry["boot"] - other["boot"], confidence)
            rows.append(
                {
                    "space": space,
                    "against": against,
                    "figure": name,
                    "difference": difference,
                    "low": low,
                    "high": high,
                }
            )
    return pd.DataFrame(rows)


def _mean_ami(score: Mapping[str, Any]) -> float:
    return score["figures"]["ami"].mean()
