"""The registry of figures: a new one is a function of a `Space` and an entry here."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial

import numpy as np

from embetter_reg.analysis.compare import _measures as measures
from embetter_reg.analysis.compare._measures import MAX_QUERIES, Measured, Space

USUAL_GROUPS = ("silhouette", "mixing", "retrieval", "probes")
GROUPS = (*USUAL_GROUPS, "extras")


@dataclass(frozen=True)
class Figure:
    """What a figure is: its group, its range, which way is better for a space by
    register ("" for neither), what it asks, and the function that measures it.
    """

    group: str
    low: float
    high: float
    better: str
    words: str
    measure: Callable[[Space], Measured]


def measure_figures(
    X: np.ndarray,
    *,
    register: np.ndarray,
    language: np.ndarray,
    groups: Collection[str],
    n_permutations: int,
    rng: np.random.RandomState,
) -> tuple[dict[str, Measured], dict[str, str]]:
    """Return the figures of the groups by name, and the reasons of those that these
    documents do not allow.
    """
    space = Space(
        X,
        register,
        language,
        n_permutations,
        rng,
        # Connectivity is a property of the whole graph.
        max_queries=None if "extras" in groups else MAX_QUERIES,
    )
    measured: dict[str, Measured] = {}
    skipped: dict[str, str] = {}
    for name, figure in FIGURES.items():
        if figure.group not in groups:
            continue
        try:
            measured[name] = figure.measure(space)
        except ValueError as error:
            # Such as mixing, where every register is in one language.
            skipped[name] = str(error)
    return measured, skipped


FIGURES = {
    "register silhouette": Figure(
        "silhouette",
        -1,
        1,
        "high",
        "documents of a register lie together",
        partial(measures.silhouette, label="register"),
    ),
    "language silhouette": Figure(
        "silhouette",
        -1,
        1,
        "low",
        "documents of a language lie together (not mixing: BRAS)",
        partial(measures.silhouette, label="language"),
    ),
    "BRAS": Figure(
        "silhouette",
        0,
        1,
        "high",
        "inside a register, languages overlap",
        measures.bras,
    ),
    "cLISI": Figure(
        "mixing", 0, 1, "high", "neighbors share the register", measures.clisi
    ),
    "iLISI": Figure(
        "mixing", 0, 1, "high", "neighbors are of all languages", measures.ilisi
    ),
    "CiLISI": Figure(
        "mixing",
        0,
        1,
        "high",
        "inside a register, neighbors are of all languages",
        measures.cilisi,
    ),
    "purity": Figure(
        "retrieval",
        0,
        1,
        "high",
        "nearest in other languages share the register",
        measures.purity,
    ),
    "purity null": Figure(
        "retrieval",
        0,
        1,
        "",
        "that purity, if crossing a language cost nothing",
        measures.purity_null,
    ),
    "mean average precision": Figure(
        "retrieval",
        0,
        1,
        "high",
        "the register comes first in other languages",
        measures.average_precision,
    ),
    "wrong beats right": Figure(
        "retrieval",
        0,
        1,
        "low",
        "own language, wrong register is nearer than the reverse",
        measures.wrong_beats_right,
    ),
    "register probe, linear": Figure(
        "probes",
        0,
        1,
        "high",
        "register read by straight boundaries",
        partial(measures.probe, label="register", probe="linear"),
    ),
    "register probe, mlp": Figure(
        "probes",
        0,
        1,
        "high",
        "register read by curved boundaries",
        partial(measures.probe, label="register", probe="mlp"),
    ),
    "language probe, linear": Figure(
        "probes",
        0,
        1,
        "low",
        "language read by straight boundaries",
        partial(measures.probe, label="language", probe="linear"),
    ),
    "language probe, mlp": Figure(
        "probes",
        0,
        1,
        "low",
        "language read by curved boundaries",
        partial(measures.probe, label="language", probe="mlp"),
    ),
    "left-out language, micro F1": Figure(
        "probes",
        0,
        1,
        "high",
        "register read in a language not learned from",
        measures.abroad_micro,
    ),
    "left-out language, macro F1": Figure(
        "probes",
        0,
        1,
        "high",
        "the same, each register counting the same",
        measures.abroad_macro,
    ),
    "kBET": Figure(
        "extras",
        0,
        1,
        "high",
        "small neighborhoods in a register have its languages",
        measures.kbet_acceptance,
    ),
    "graph connectivity": Figure(
        "extras", 0, 1, "high", "a register hangs together", measures.connectivity
    ),
}
