"""The group that each document is colored by on the map."""

import numpy as np

from embetter_reg.label._labels import NOT_LABELED, group_of
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
    groups = work.labels.mapped(group_of, rows, object)
    if by in ("predicted", "suggested"):
        predicted = map(group_of, work.predicted(number, rows))
        suggested = np.array(list(predicted), dtype=object)
        replaced = np.full(len(rows), True)
        if by == "suggested":
            replaced = groups == NOT_LABELED
        groups[replaced] = suggested[replaced]
    if by == "labeled":
        groups[groups != NOT_LABELED] = "labeled"
    return groups
