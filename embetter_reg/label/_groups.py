"""The group that each document is colored by on the map."""

import numpy as np

from embetter_reg.label._labels import NOT_LABELED, Labels, group_of
from embetter_reg.label._workspace import Workspace

COLORS = ("label", "predicted", "suggested", "language", "cluster", "labeled")


def color_groups(work: Workspace, number: int, by: str, rows: np.ndarray) -> np.ndarray:
    """Return the group that each document is colored by: str (n_rows,).

    Parameters
    ----------
    work : Workspace
    number : int
        The round of the clusters, and of the space that predicts.
    by : {"label", "predicted", "suggested", "language", "cluster", "labeled"}
        "suggested" is the label, or else the predicted one.
    rows : array of int

    Raises
    ------
    ValueError
        If there is no such color.

    """
    if by not in COLORS:
        raise ValueError(
            f"got the color {by!r}, expected one of {list(COLORS)}; pick one"
        )
    if by == "language":
        return work.language[rows]
    if by == "cluster":
        clusters = work.rounds[number].clusters[rows]
        return np.array([f"cluster {n + 1}" for n in clusters], dtype=object)
    labels: list[Labels]
    if by == "predicted":
        labels = work.predicted(number, rows)
    elif by == "suggested":
        predicted = work.predicted(number, rows)
        labels = [
            work.labels[row] or suggestion
            for row, suggestion in zip(rows, predicted, strict=True)
        ]
    else:
        labels = [work.labels[row] for row in rows]
    groups = np.array([group_of(label) for label in labels], dtype=object)
    if by == "labeled":
        groups[groups != NOT_LABELED] = "labeled"
    return groups
