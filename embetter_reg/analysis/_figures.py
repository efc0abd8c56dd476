"""Every figure of a space in one tidy table, with what each document adds to it, for intervals by document."""

from collections.abc import Callable, Collection
from typing import NamedTuple

import numpy as np

from embetter_reg._validation import check_space
from embetter_reg.analysis._mixing import cilisi_samples, graph_connectivity, kbet, lisi
from embetter_reg.analysis._neighbors import find_neighbors
from embetter_reg.analysis._probes import PROBES, abroad_guesses, cross_guesses
from embetter_reg.analysis._retrieval import purity_samples, register_purity, retrieval_samples
from embetter_reg.analysis._silhouette import _samples, silhouette_samples

MAX_QUERIES = 5_000  # documents asked for their neighbours, beyond which a seeded sample is
MAX_FITTED = 10_000  # documents that a probe is fitted on


class Kind(NamedTuple):
    """What a figure is: its group, its range, and which way is better for a space by register."""

    group: str
    low: float
    high: float
    better: str
    words: str


FIGURES = {
    "register silhouette": Kind("silhouette", -1, 1, "high", "documents of a register lie together"),
    "language silhouette": Kind("silhouette", -1, 1, "low", "documents of a language lie together (not mixing: BRAS)"),
    "BRAS": Kind("silhouette", 0, 1, "high", "inside a register, languages overlap"),
    "cLISI": Kind("mixing", 0, 1, "high", "neighbours share the register"),
    "iLISI": Kind("mixing", 0, 1, "high", "neighbours are of all languages"),
    "CiLISI": Kind("mixing", 0, 1, "high", "inside a register, neighbours are of all languages"),
    "purity": Kind("retrieval", 0, 1, "high", "nearest in other languages share the register"),
    "purity null": Kind("retrieval", 0, 1, "", "that purity, if crossing a language cost nothing"),
    "mean average precision": Kind("retrieval", 0, 1, "high", "the register comes first in other languages"),
    "wrong beats right": Kind("retrieval", 0, 1, "low", "own language, wrong register is nearer than the reverse"),
    "register probe, linear": Kind("probes", 0, 1, "high", "register read by straight boundaries"),
    "register probe, mlp": Kind("probes", 0, 1, "high", "register read by curved boundaries"),
    "language probe, linear": Kind("probes", 0, 1, "low", "language read by straight boundaries"),
    "language probe, mlp": Kind("probes", 0, 1, "low", "language read by curved boundaries"),
    "left-out language, micro F1": Kind("probes", 0, 1, "high", "register read in a language not learnt from"),
    "left-out language, macro F1": Kind("probes", 0, 1, "high", "the same, each register counting the same"),
    "kBET": Kind("extras", 0, 1, "high", "small neighbourhoods in a register have its languages"),
    "graph connectivity": Kind("extras", 0, 1, "high", "a register hangs together"),
}
GROUPS = ("silhouette", "mixing", "retrieval", "probes")
ALL_GROUPS = (*GROUPS, "extras")


class Measured(NamedTuple):
    """A figure of a space, and how to get it from any of the documents that it was measured on.

    ``beside`` is what a space without any structure would have (chance, or the most frequent label), NaN where that
    says nothing. ``documents`` is None for a figure that is no function of single documents.
    """

    value: float
    beside: float = float("nan")
    documents: np.ndarray | None = None
    values: np.ndarray = np.empty(0)
    reduce: Callable[[np.ndarray], float] = np.nanmean


def measure(X: np.ndarray, *, register, language, groups: Collection[str], n_permutations: int, rng):
    """Return ``{figure: Measured}`` and ``{figure: reason}`` of those that these documents do not allow."""
    X = check_space("X", X)
    measured: dict[str, Measured] = {}
    skipped: dict[str, str] = {}
    rows = np.arange(len(X))
    wanted = {name for name, kind in FIGURES.items() if kind.group in groups}

    def add(name: str, make: Callable[[], Measured]) -> None:
        try:
            measured[name] = make()
        except ValueError as error:  # these documents cannot answer it, such as a register in one language
            skipped[name] = str(error)

    if "silhouette" in groups:
        for label, values in (("register", register), ("language", language)):
            add(f"{label} silhouette", lambda values=values: _silhouette(X, values))
        add("BRAS", lambda: _bras(X, register, language))
    if {"mixing", "retrieval", "extras"} & set(groups):
        near = find_neighbors(
            X, register=register, language=language, random_state=rng,
            max_queries=None if "extras" in groups else MAX_QUERIES,
        )  # fmt: skip
        queries = near.queries
        if "mixing" in groups:
            n_registers, n_languages = len(set(register)), len(set(language))
            shares = {
                "cLISI": (n_registers - lisi(near.nearest, register)) / (n_registers - 1),
                "iLISI": (lisi(near.nearest, language) - 1) / (n_languages - 1),
            }
            for name, values in shares.items():
                measured[name] = Measured(
                    float(np.nanmedian(values)), documents=queries, values=values, reduce=np.nanmedian
                )
            add("CiLISI", lambda: _mean(queries, cilisi_samples(near)))
        if "retrieval" in groups:
            add("purity", lambda: _mean(queries, purity_samples(near)))
            retrieved = retrieval_samples(X, queries, register, language)
            chance = retrieved["chance"].mean()
            add("mean average precision", lambda: _mean(queries, retrieved["average_precision"].to_numpy(), chance))
            add("wrong beats right", lambda: _mean(queries, retrieved["wrong_beats_right"].to_numpy(), 0.5))
            if "purity" in measured:
                found = register_purity(near, n_permutations=n_permutations, random_state=rng)
                measured["purity"] = measured["purity"]._replace(beside=found["chance"])
                measured["purity null"] = Measured(found["null"])
        if "extras" in groups:
            add("kBET", lambda: Measured(kbet(near)))
            add("graph connectivity", lambda: Measured(graph_connectivity(near)))
    if "probes" in groups:
        for label, values in (("register", register), ("language", language)):
            for probe in PROBES:
                add(f"{label} probe, {probe}", lambda values=values, probe=probe: _probe(X, values, probe, rng))
        try:
            guesses, common = abroad_guesses(X, register, language, "linear", MAX_FITTED, rng)
        except ValueError as error:
            skipped |= dict.fromkeys([name for name in wanted if name.startswith("left-out")], str(error))
        else:
            right, usual = (guesses == register).astype(float), float((common == register).mean())
            names, codes = np.unique(np.stack([register, guesses]), return_inverse=True)
            pairs = codes.reshape(2, -1).T
            macro = MacroF1(len(names))
            measured["left-out language, micro F1"] = Measured(right.mean(), usual, rows, right)
            measured["left-out language, macro F1"] = Measured(macro(pairs), documents=rows, values=pairs, reduce=macro)
    return {name: measured[name] for name in FIGURES if name in measured}, skipped


def _mean(documents: np.ndarray, values: np.ndarray, beside: float = float("nan")) -> Measured:
    if np.isnan(values).all():
        raise ValueError("got no register in two languages, expected some to cross between; pass more documents")
    return Measured(float(np.nanmean(values)), beside, documents, values)


def _silhouette(X, labels) -> Measured:
    return _mean(np.arange(len(X)), silhouette_samples(X, [labels], metric="cosine")[0])


def _bras(X, register, language) -> Measured:
    """As `bras`, with what each document adds."""
    documents, pairs = [], []
    for code, name in enumerate(np.unique(register)):
        chosen = np.flatnonzero(register == name)
        if 1 < len(np.unique(language[chosen])) < len(chosen):
            scores = 1 - np.abs(_samples(X[chosen], [language[chosen]], "cosine", "all")[0])
            documents.append(chosen)
            pairs.append(np.stack([scores, np.full(len(chosen), code)], axis=1))
    if not pairs:
        raise ValueError("got no register in two languages, expected at least one to judge mixing; pass more documents")
    joined = np.concatenate(pairs)
    return Measured(_mean_of_groups(joined), documents=np.concatenate(documents), values=joined, reduce=_mean_of_groups)


def _mean_of_groups(pairs: np.ndarray) -> float:
    codes = pairs[:, 1].astype(int)
    sizes = np.bincount(codes)
    return float((np.bincount(codes, pairs[:, 0])[sizes > 0] / sizes[sizes > 0]).mean())


def _probe(X, labels, probe: str, rng) -> Measured:
    documents, guesses, usual = cross_guesses(X, labels, probe, 5, MAX_FITTED, rng)
    right = (guesses == labels[documents]).astype(float)
    return Measured(right.mean(), usual, documents, right)


class MacroF1(NamedTuple):
    """Macro F1 of rows of (true code, guessed code), over codes that occur in either."""

    n: int

    def __call__(self, pairs: np.ndarray) -> float:
        table = np.bincount(pairs[:, 0] * self.n + pairs[:, 1], minlength=self.n**2).reshape(self.n, self.n)
        together = table.sum(axis=0) + table.sum(axis=1)
        return float((2 * np.diag(table)[together > 0] / together[together > 0]).mean())
