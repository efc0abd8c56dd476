"""Every figure of a space in one tidy table, with what each document adds to it, for
intervals by document.
"""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from embetter_reg._validation import check_space
from embetter_reg.analysis.metrics import (
    PROBES,
    Neighbors,
    abroad_guesses,
    bras_samples,
    cilisi_samples,
    cross_guesses,
    find_neighbors,
    graph_connectivity,
    kbet,
    lisi,
    purity_samples,
    register_purity,
    retrieval_samples,
    silhouette_samples,
)

MAX_QUERIES = (
    5_000  # documents asked for their neighbors, beyond which a seeded sample is
)
MAX_FITTED = 10_000  # documents that a probe is fitted on


class Kind(NamedTuple):
    """What a figure is: its group, its range, and which way is better for a space by
    register.
    """

    group: str
    low: float
    high: float
    better: str
    words: str


FIGURES = {
    "register silhouette": Kind(
        "silhouette", -1, 1, "high", "documents of a register lie together"
    ),
    "language silhouette": Kind(
        "silhouette",
        -1,
        1,
        "low",
        "documents of a language lie together (not mixing: BRAS)",
    ),
    "BRAS": Kind("silhouette", 0, 1, "high", "inside a register, languages overlap"),
    "cLISI": Kind("mixing", 0, 1, "high", "neighbors share the register"),
    "iLISI": Kind("mixing", 0, 1, "high", "neighbors are of all languages"),
    "CiLISI": Kind(
        "mixing", 0, 1, "high", "inside a register, neighbors are of all languages"
    ),
    "purity": Kind(
        "retrieval", 0, 1, "high", "nearest in other languages share the register"
    ),
    "purity null": Kind(
        "retrieval", 0, 1, "", "that purity, if crossing a language cost nothing"
    ),
    "mean average precision": Kind(
        "retrieval", 0, 1, "high", "the register comes first in other languages"
    ),
    "wrong beats right": Kind(
        "retrieval",
        0,
        1,
        "low",
        "own language, wrong register is nearer than the reverse",
    ),
    "register probe, linear": Kind(
        "probes", 0, 1, "high", "register read by straight boundaries"
    ),
    "register probe, mlp": Kind(
        "probes", 0, 1, "high", "register read by curved boundaries"
    ),
    "language probe, linear": Kind(
        "probes", 0, 1, "low", "language read by straight boundaries"
    ),
    "language probe, mlp": Kind(
        "probes", 0, 1, "low", "language read by curved boundaries"
    ),
    "left-out language, micro F1": Kind(
        "probes", 0, 1, "high", "register read in a language not learned from"
    ),
    "left-out language, macro F1": Kind(
        "probes", 0, 1, "high", "the same, each register counting the same"
    ),
    "kBET": Kind(
        "extras", 0, 1, "high", "small neighborhoods in a register have its languages"
    ),
    "graph connectivity": Kind("extras", 0, 1, "high", "a register hangs together"),
}
GROUPS = ("silhouette", "mixing", "retrieval", "probes")
ALL_GROUPS = (*GROUPS, "extras")


class Measured(NamedTuple):
    """A figure of a space, and how to get it from any of the documents that it was
    measured on.

    ``beside`` is what a space without any structure would have (chance, or the most
    frequent label), NaN where that says nothing. ``documents`` is None for a figure
    that is no function of single documents.
    """

    value: float
    beside: float = float("nan")
    documents: np.ndarray | None = None
    values: np.ndarray = np.empty(0)
    reduce: Callable[[np.ndarray], float] = np.nanmean


def measure(
    X: np.ndarray,
    *,
    register,
    language,
    groups: Collection[str],
    n_permutations: int,
    rng,
) -> tuple[dict[str, Measured], dict[str, str]]:
    """Return ``{figure: Measured}``, and ``{figure: reason}`` of those that these
    documents do not allow.
    """
    X, labels = check_space("X", X), {"register": register, "language": language}
    steps: list[tuple[str, ...]] = []
    makers: list[Callable[[], Sequence[Measured]]] = []

    def add(*names: str, make: Callable[..., Sequence[Measured]], **given) -> None:
        steps.append(names)
        makers.append(partial(make, **given))

    if "silhouette" in groups:
        for label, values in labels.items():
            add(f"{label} silhouette", make=_silhouette, X=X, labels=values)
        add("BRAS", make=_bras, X=X, **labels)
    if {"mixing", "retrieval", "extras"} & set(groups):
        most = None if "extras" in groups else MAX_QUERIES
        near = find_neighbors(X, **labels, max_queries=most, random_state=rng)
    if "mixing" in groups:
        add("cLISI", "iLISI", make=_lisi, near=near)
        add("CiLISI", make=lambda: [_mean(near.queries, cilisi_samples(near))])
    if "retrieval" in groups:
        add(
            "purity",
            "purity null",
            make=_purity,
            near=near,
            n_permutations=n_permutations,
            rng=rng,
        )
        add(
            "mean average precision",
            "wrong beats right",
            make=_retrieval,
            X=X,
            near=near,
        )
    if "probes" in groups:
        for label, values in labels.items():
            for probe in PROBES:
                add(
                    f"{label} probe, {probe}",
                    make=_probe,
                    X=X,
                    labels=values,
                    probe=probe,
                    rng=rng,
                )
        add(
            "left-out language, micro F1",
            "left-out language, macro F1",
            make=_abroad,
            X=X,
            **labels,
            rng=rng,
        )
    if "extras" in groups:
        add("kBET", make=lambda: [Measured(kbet(near))])
        add("graph connectivity", make=lambda: [Measured(graph_connectivity(near))])
    measured: dict[str, Measured] = {}
    skipped: dict[str, str] = {}
    for names, make in zip(steps, makers, strict=True):
        try:
            measured |= zip(names, make(), strict=True)
        except ValueError as error:  # these documents cannot answer it, such as registers in one language each
            skipped |= dict.fromkeys(names, str(error))
    return measured, skipped


def _mean(
    documents: np.ndarray, values: np.ndarray, beside: float = float("nan")
) -> Measured:
    if np.isnan(values).all():
        raise ValueError(
            "got no register in two languages, expected some to cross between; pass "
            "more documents"
        )
    return Measured(float(np.nanmean(values)), beside, documents, values)


def _silhouette(X, labels) -> list[Measured]:
    return [
        _mean(np.arange(len(X)), silhouette_samples(X, [labels], metric="cosine")[0])
    ]


def _bras(X, register, language) -> list[Measured]:
    """As `bras`, with what each document adds."""
    documents, pairs = [], []
    for code, name in enumerate(np.unique(register)):
        chosen = np.flatnonzero(register == name)
        if 1 < len(np.unique(language[chosen])) < len(chosen):
            scores = bras_samples(X[chosen], language[chosen])
            documents.append(chosen)
            pairs.append(np.stack([scores, np.full(len(chosen), code)], axis=1))
    if not pairs:
        raise ValueError(
            "got no register in two languages, expected at least one to judge mixing; "
            "pass more documents"
        )
    joined = np.concatenate(pairs)
    return [
        Measured(
            _mean_of_groups(joined),
            np.nan,
            np.concatenate(documents),
            joined,
            _mean_of_groups,
        )
    ]


def _lisi(near: Neighbors) -> list[Measured]:
    n_registers, n_languages = (
        len(np.unique(labels)) for labels in (near.register, near.language)
    )
    shares = (
        (n_registers - lisi(near.nearest, near.register)) / (n_registers - 1),
        (lisi(near.nearest, near.language) - 1) / (n_languages - 1),
    )
    return [
        Measured(
            float(np.nanmedian(values)), np.nan, near.queries, values, np.nanmedian
        )
        for values in shares
    ]


def _purity(near: Neighbors, n_permutations: int, rng) -> list[Measured]:
    found = register_purity(near, n_permutations=n_permutations, random_state=rng)
    return [
        _mean(near.queries, purity_samples(near), found["chance"]),
        Measured(found["null"]),
    ]


def _retrieval(X, near: Neighbors) -> list[Measured]:
    found = retrieval_samples(X, near.queries, near.register, near.language)
    precision, _, wrong = found.to_numpy().T
    return [
        _mean(near.queries, precision, found["chance"].mean()),
        _mean(near.queries, wrong, 0.5),
    ]


def _probe(X, labels, probe: str, rng) -> list[Measured]:
    documents, guesses, usual = cross_guesses(X, labels, probe, 5, MAX_FITTED, rng)
    right = (guesses == labels[documents]).astype(float)
    return [Measured(float(right.mean()), usual, documents, right)]


def _abroad(X, register, language, rng) -> list[Measured]:
    guesses, common = abroad_guesses(X, register, language, "linear", MAX_FITTED, rng)
    right, documents = (guesses == register).astype(float), np.arange(len(X))
    names, codes = np.unique(np.stack([register, guesses]), return_inverse=True)
    pairs, macro = codes.reshape(2, -1).T, partial(_macro_f1, n=len(names))
    return [
        Measured(
            float(right.mean()), float((common == register).mean()), documents, right
        ),
        Measured(macro(pairs), np.nan, documents, pairs, macro),
    ]


def _mean_of_groups(pairs: np.ndarray) -> float:
    codes = pairs[:, 1].astype(int)
    sizes = np.bincount(codes)
    return float((np.bincount(codes, pairs[:, 0])[sizes > 0] / sizes[sizes > 0]).mean())


def _macro_f1(pairs: np.ndarray, n: int) -> float:
    """Return macro F1 of rows of (true code, guessed code), over codes that occur in
    either.
    """
    table = np.bincount(pairs[:, 0] * n + pairs[:, 1], minlength=n**2).reshape(n, n)
    together = table.sum(axis=0) + table.sum(axis=1)
    return float((2 * np.diag(table)[together > 0] / together[together > 0]).mean())
