"""Spaces compared: every figure, its interval, and what simple controls reach."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_mutual_info_score
from sklearn.preprocessing import normalize
from tqdm.auto import tqdm

from embetter_reg._random import check_random_state, draw_seed
from embetter_reg._validation import (
    check_labels,
    check_same_length,
    check_space,
    check_texts,
)
from embetter_reg.analysis.cluster import SphericalKMeans
from embetter_reg.analysis.compare._confounding import (
    balanced_agreement,
    balanced_samples,
    confounding_table,
    cramers_v,
)
from embetter_reg.analysis.compare._controls import (
    CENTERED,
    CONTROLS,
    check_train,
    choose_controls,
    make_controls,
)
from embetter_reg.analysis.compare._figures import ALL_GROUPS, FIGURES, GROUPS, measure
from embetter_reg.analysis.compare._hybrids import Hybrids
from embetter_reg.analysis.compare._resample import Resampler, interval
from embetter_reg.analysis.compare._verdict import LABELS, Verdict, judge
from embetter_reg.analysis.metrics import cluster_table, cosine_silhouette

CLUSTERERS = {"kmeans": KMeans, "spherical": SphericalKMeans}
_USUAL_K = (2, 3, 4, 6, 8, 10, 12, 16, 24, 32)
_N_BALANCED = 50


@dataclass(frozen=True)
class Comparison:
    """What `compare_spaces` found. All tables are tidy; intervals are bootstrap
    intervals by document.

    Attributes
    ----------
    agreement : DataFrame
        One row a space, clusterer, k and label: mean ``ami``, ``ari`` and ``v_measure``
        over seeds, ``ami_sd`` over seeds, ``ami_low`` and ``ami_high``, and
        ``ami_null``, the upper end of what shuffled labels reach.
    margins : DataFrame
        One row a space, clusterer and k: register AMI minus language AMI as
        ``difference`` with ``low`` and ``high``, and which label ``explains`` the
        clusters.
    ami_gains : DataFrame
        One row a given space, what it stands ``against`` (each given space before it
        and each control) and clusterer, at ``k = n_registers``: what it gains in AMI,
        paired by document, for either label. ``control`` is True for the first space
        and the controls.
    figures : DataFrame
        One row a space and figure of `FIGURES`: ``value`` with ``low`` and ``high``
        (NaN where there is no interval), ``beside`` (chance, or the share of the most
        frequent label), and the figure's own ``smallest`` and ``largest`` value, which
        way is ``better`` for a space by register, and ``words``.
    figure_differences : DataFrame
        One row a pair as in ``ami_gains`` and figure: ``difference`` with ``low`` and
        ``high``, paired by document.
    skipped : dict of str to str
        Figures that these documents do not allow, and why.
    silhouettes : DataFrame
        Cosine silhouette of the gold labels, one row a space.
    confounding : DataFrame
        Documents of each register (rows) in each language.
    cramers_v : float
        How far register and language go together, in [0, 1]; see `cramers_v`.
    balanced_agreement : DataFrame
        One row a space, clusterer and k (the numbers of registers and of languages):
        mean ``register`` and ``language`` AMI of the same clusters over samples with
        equally many documents of each register in each language, their ``difference``,
        and the range ``low`` to ``high`` of it over samples. Empty where fewer than two
        registers have five documents in every language.
    hybrids : DataFrame
        Where hybrids were told: agreement of the same clusters with and without them,
        one row a space, clusterer, k and ``documents``.
    verdicts : dict of str to Verdict
    floor : float
        AMI of register with language themselves. A space by register alone still agrees
        this much with language.
    clusters : dict of str to ndarray
        Cluster of each document at ``k = n_registers`` (first clusterer, first seed).
    register, language : ndarray
        The labels.
    parameters : dict

    """

    agreement: pd.DataFrame
    margins: pd.DataFrame
    ami_gains: pd.DataFrame
    figures: pd.DataFrame
    figure_differences: pd.DataFrame
    skipped: dict[str, str]
    silhouettes: pd.DataFrame
    confounding: pd.DataFrame
    cramers_v: float
    balanced_agreement: pd.DataFrame
    hybrids: pd.DataFrame
    verdicts: dict[str, Verdict]
    floor: float
    clusters: dict[str, np.ndarray]
    register: np.ndarray
    language: np.ndarray
    parameters: dict[str, Any]

    @property
    def verdict(self) -> Verdict:
        """The verdict on the last space that was passed, by habit the tuned one."""
        return self.verdicts[self.parameters["spaces"][-1]]

    def cluster_table(self, space: str, label: str = "register") -> pd.DataFrame:
        """Return the cluster × label table of a space at ``k = n_registers``, rows
        adding up to 1.
        """
        return cluster_table(self.clusters[space], getattr(self, label))


def compare_spaces(
    spaces: Mapping[str, Any],
    *,
    register,
    language,
    label_source: str = "gold",
    hybrids=None,
    texts=None,
    train: Mapping[str, Any] | None = None,
    k: Sequence[int] | None = None,
    clusterers: Sequence[str] = ("kmeans", "spherical"),
    figures: Collection[str] = GROUPS,
    controls: str | Collection[str] = (CENTERED,),
    n_seeds: int = 5,
    n_bootstrap: int = 200,
    n_null: int = 200,
    confidence: float = 0.95,
    ids: Collection[str] | None = None,
    fitted_on=None,
    random_state=0,
    show_progress: bool = False,
) -> Comparison:
    """Test whether spaces are organized by register or by language.

    Each space is brought to unit length and clustered at every k with several seeds;
    clusters are compared with gold register and with gold language. A space is **by
    register** when, at k = the number of registers *and* at k = the number of
    languages, with every clusterer, the interval of register AMI minus language AMI
    lies above 0, and register AMI lies above both shuffled labels and the floor.
    **By language** is the mirror image; anything else is **undecided**. Nothing here needs a space to win.
    Where a simple control reaches what a space reaches, its verdict says so.

    Parameters
    ----------
    spaces : mapping of name to array (n_documents, n_dims)
        Any number of encoders, layers, heads, erasers. The raw space first, the tuned
        space last.
    register, language : array of labels (n_documents,)
        Gold labels; keyword-only, since swapping them turns the verdict round.
    label_source : {"gold", "predicted"}
        Whose registers they are. Predictions need ``"predicted"``; verdict and report
        then name them as such.
    hybrids : indicator matrix (n_documents, n_registers), list of label lists, or None
        All registers of each document. Documents of two or more are hybrids; agreement
        is told with and without them.
    texts : documents or None
        Their texts, for the controls "length only" and "TF-IDF".
    train : mapping or None
        What controls are fitted on: ``{"X": vectors of the first space, "language": …,
        "texts": …}`` of documents that are not compared. None fits them on the compared
        documents, without their registers, and the report says so.
    k : sequence of int or None
        Numbers of clusters; None takes a usual range with the numbers of registers, of
        languages and of their product. The first two are always added.
    clusterers : sequence of {"kmeans", "spherical"}
    figures : collection of {"silhouette", "mixing", "retrieval", "probes", "extras"}
        Groups of figures beside the agreement. The extras are kBET and graph
        connectivity.
    controls : "all" or collection of names
        Some of "language-centered", "LSAR", "LEACE" (the first space with the language
        taken out), "shuffled labels" (the last space, its documents dealt out anew),
        "length only" and "TF-IDF". "all" takes those that there are texts for. The
        first is clustered at every k, the others at the numbers of registers and of
        languages; an empty collection makes none. The first space, raw, is a control of
        those after it.
    n_seeds : int
        Clusterings at each k, each from one start.
    n_bootstrap, n_null : int
        Resamples of documents, and shuffles of labels.
    confidence : float
        Of the intervals and of the null, in (0, 1).
    ids : collection of document ids or None
        The documents compared.
    fitted_on : collection of ids, bool array (n_documents,), str or None
        The documents that any part of a space, a threshold or a prediction was fitted
        on; sharing one is an error. A bool array marks them among those compared, as
        `RegisterEncoder.chosen_on` does; a str is what the manifest of embeddings says
        of a threshold's documents.
    random_state : int or RandomState
    show_progress : bool

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If a space or label array does not fit the others, there is only one register or
        language, a document was fitted on, predictions come without the flag, or k is
        out of range.

    Notes
    -----
    Intervals resample documents and keep the clusterings, neighbors and probes; they
    are centered on the estimate, because a plain bootstrap repeats documents and so
    overstates agreement in small samples.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import compare_spaces
    >>> rng = np.random.default_rng(0)
    >>> register = np.repeat(["NA", "HI", "IN"], 40)
    >>> language = np.tile(["en", "fi"], 60)
    >>> X = np.eye(3)[np.repeat([0, 1, 2], 40)] + rng.normal(scale=0.1, size=(120, 3))
    >>> found = compare_spaces({"X": X}, register=register, language=language, n_seeds=2, figures=["mixing"])
    >>> found.verdict.word
    'register'
    >>> found.figures.query("space == 'X'").set_index("figure")["value"].round(1).to_dict()
    {'cLISI': 1.0, 'iLISI': 1.0, 'CiLISI': 0.8}

    """
    _check_label_source(label_source, register)
    arrays, gold = _check(spaces, register, language)
    given = list(arrays)
    n_documents = len(gold["register"])
    _check_held_out(ids, fitted_on, n_documents)
    n_labels = {label: len(np.unique(values)) for label, values in gold.items()}
    marks = set(n_labels.values())
    ks = _choose_k(k, n_labels, n_documents)
    _check_choices(clusterers, figures, n_seeds, n_bootstrap, n_null, confidence)
    texts = None if texts is None else check_texts(texts)
    check_same_length(documents=gold["register"], texts=texts)
    train = check_train(train, arrays[given[0]])
    names = choose_controls(controls, texts)
    told = None if hybrids is None else Hybrids.read(hybrids, n_documents)

    rng = check_random_state(random_state)
    seeds = [draw_seed(rng) for _ in range(n_seeds)]
    resampler = Resampler(gold, n_bootstrap, n_null, rng)
    samples = balanced_samples(gold["register"], gold["language"], _N_BALANCED, rng)
    arrays |= make_controls(
        names, arrays, language=gold["language"], texts=texts, train=train, rng=rng
    )
    figure_seed = draw_seed(rng)

    cells: dict[tuple[str, str, int], Any] = {}
    clusters: dict[str, np.ndarray] = {}
    measured: dict[str, dict[str, dict]] = {}
    skipped: dict[str, str] = {}
    balanced, with_hybrids = [], []
    with tqdm(
        total=len(arrays) * (len(clusterers) + 1),
        desc="comparing",
        disable=not show_progress,
    ) as bar:
        for space, X in arrays.items():
            rows = normalize(X)
            for clusterer in clusterers:
                for n_clusters in ks if space in (*given, CENTERED) else sorted(marks):
                    runs = [
                        _cluster(clusterer, rows, n_clusters, seed) for seed in seeds
                    ]
                    cells[space, clusterer, n_clusters] = resampler.score(runs)
                    if n_clusters == n_labels["register"]:
                        clusters.setdefault(space, runs[0])
                    key = {"space": space, "clusterer": clusterer, "k": n_clusters}
                    if n_clusters in marks and samples:
                        balanced.append(
                            {
                                **key,
                                **balanced_agreement(runs, gold, samples, confidence),
                            }
                        )
                    if n_clusters in marks and told:
                        with_hybrids += [
                            {**key, **row}
                            for row in told.agreement(runs, gold, resampler, confidence)
                        ]
                bar.update()
            del rows
            found, reasons = measure(
                X,
                **gold,
                groups=figures,
                n_permutations=n_null,
                rng=check_random_state(figure_seed),
            )
            skipped |= reasons
            measured[space] = {
                name: {"value": value, "boot": _boot(value, resampler)}
                for name, value in found.items()
            }
            bar.update()

    agreement_table, margins = _tabulate(cells, confidence)
    pairs = [
        (space, against)
        for place, space in enumerate(given)
        for against in (*given[:place], *names)
    ]
    tables = {
        "agreement": agreement_table,
        "margins": margins,
        "ami_gains": _gains(
            cells,
            pairs,
            clusterers,
            n_labels["register"],
            (given[0], *names),
            confidence,
        ),
        "balanced_agreement": pd.DataFrame(balanced),
    }
    floor = float(adjusted_mutual_info_score(gold["register"], gold["language"]))
    together = cramers_v(gold["register"], gold["language"])
    said = {
        "floor": floor,
        "n_labels": n_labels,
        "given": given,
        "label_source": label_source,
        "confounded": together,
    }
    return Comparison(
        agreement=agreement_table,
        margins=tables["margins"],
        ami_gains=tables["ami_gains"],
        balanced_agreement=tables["balanced_agreement"],
        figures=_tabulate_figures(measured, confidence),
        figure_differences=_differences(measured, pairs, confidence),
        skipped=skipped,
        silhouettes=pd.DataFrame(
            [
                {
                    "space": space,
                    **{label: cosine_silhouette(X, gold[label]) for label in LABELS},
                }
                for space, X in arrays.items()
            ]
        ),
        confounding=confounding_table(**gold),
        cramers_v=together,
        hybrids=pd.DataFrame(with_hybrids),
        verdicts={space: judge(space, tables, **said) for space in arrays},
        floor=floor,
        clusters=clusters,
        **gold,
        parameters={
            "spaces": given,
            "controls": names,
            "controls_fitted_on": {
                "erasers": "train vectors"
                if "X" in train
                else "the compared documents",
                "TF-IDF": "train texts"
                if "texts" in train
                else "the compared documents",
            },
            "label_source": label_source,
            "figures": list(figures),
            "k": ks,
            "n_registers": n_labels["register"],
            "n_languages": n_labels["language"],
            "n_documents": n_documents,
            "clusterers": list(clusterers),
            "seeds": seeds,
            "n_bootstrap": n_bootstrap,
            "n_null": n_null,
            "n_balanced": len(samples),
            "balanced_documents": len(samples[0]) if samples else 0,
            "confidence": confidence,
            "random_state": random_state
            if isinstance(random_state, int)
            else repr(random_state),
        },
    )


def _cluster(
    clusterer: str, rows: np.ndarray, n_clusters: int, seed: int
) -> np.ndarray:
    return CLUSTERERS[clusterer](n_clusters, n_init=1, random_state=seed).fit_predict(
        rows
    )


def _boot(measured, resampler: Resampler) -> np.ndarray | None:
    if measured.documents is None:
        return None
    return resampler.bootstrap(measured.documents, measured.values, measured.reduce)


def _tabulate(cells, confidence: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows, balance = [], []
    for (space, clusterer, n_clusters), scores in cells.items():
        key = {"space": space, "clusterer": clusterer, "k": n_clusters}
        for label in LABELS:
            score = scores[label]
            means = score["figures"].mean()
            low, high = interval(means["ami"], score["boot"], confidence)
            rows.append(
                {
                    **key,
                    "label": label,
                    **means,
                    "ami_sd": score["figures"]["ami"].std(ddof=0),
                    "ami_low": low,
                    "ami_high": high,
                    "ami_null": np.quantile(score["null"], (1 + confidence) / 2),
                }
            )
        difference = rows[-2]["ami"] - rows[-1]["ami"]
        low, high = interval(
            difference,
            scores["register"]["boot"] - scores["language"]["boot"],
            confidence,
        )
        explains = "register" if low > 0 else "language" if high < 0 else "undecided"
        balance.append(
            {
                **key,
                "difference": difference,
                "low": low,
                "high": high,
                "explains": explains,
            }
        )
    return pd.DataFrame(rows), pd.DataFrame(balance)


def _gains(
    cells, pairs, clusterers, k: int, controls, confidence: float
) -> pd.DataFrame:
    rows = []
    for space, against in pairs:
        for clusterer in clusterers:
            own, other = cells[space, clusterer, k], cells[against, clusterer, k]
            row = {
                "space": space,
                "against": against,
                "control": against in controls,
                "clusterer": clusterer,
                "k": k,
            }
            for label in LABELS:
                gain = (
                    own[label]["figures"]["ami"].mean()
                    - other[label]["figures"]["ami"].mean()
                )
                low, high = interval(
                    gain, own[label]["boot"] - other[label]["boot"], confidence
                )
                row |= {label: gain, f"{label}_low": low, f"{label}_high": high}
            rows.append(row)
    return pd.DataFrame(rows)


def _tabulate_figures(measured, confidence: float) -> pd.DataFrame:
    rows = []
    for space, figures in measured.items():
        for name, found in figures.items():
            value, boot, kind = found["value"], found["boot"], FIGURES[name]
            low, high = (
                (np.nan, np.nan)
                if boot is None
                else interval(value.value, boot, confidence)
            )
            rows.append(
                {
                    "space": space,
                    "figure": name,
                    "value": value.value,
                    "low": low,
                    "high": high,
                    "beside": value.beside,
                    "smallest": kind.low,
                    "largest": kind.high,
                    "better": kind.better,
                    "words": kind.words,
                }
            )
    return pd.DataFrame(rows)


def _differences(measured, pairs, confidence: float) -> pd.DataFrame:
    rows = []
    for space, against in pairs:
        for name, found in measured[space].items():
            other = measured[against].get(name)
            if other is None or found["boot"] is None or other["boot"] is None:
                continue
            difference = found["value"].value - other["value"].value
            low, high = interval(difference, found["boot"] - other["boot"], confidence)
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


def _choose_k(k, n_labels: dict[str, int], n_documents: int) -> list[int]:
    marks = set(n_labels.values())
    if k is None:
        product = n_labels["register"] * n_labels["language"]
        wanted = {value for value in (*_USUAL_K, product) if value <= n_documents // 3}
    else:
        wanted = {int(value) for value in k}
    wanted |= marks
    if min(wanted) < 2 or max(wanted) >= n_documents:
        raise ValueError(
            f"got k from {min(wanted)} to {max(wanted)} for {n_documents} documents, "
            "expected from 2 to "
            f"{n_documents - 1}; pass more documents or other k"
        )
    return sorted(wanted)


def _check(spaces, register, language):
    if not isinstance(spaces, Mapping) or not spaces:
        raise ValueError(
            'got no named spaces, expected a dict; pass {"original": X, "tuned": Z}'
        )
    taken = [name for name in spaces if name in CONTROLS]
    if taken:
        raise ValueError(
            f"got a space named {taken[0]!r}, which names the control; choose another "
            "name"
        )
    arrays = {name: check_space(name, X) for name, X in spaces.items()}
    lengths = {name: len(X) for name, X in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"got spaces of {lengths} documents, expected the same documents in each; "
            "align them"
        )
    n_documents = next(iter(lengths.values()))
    gold = {
        "register": check_labels("register", register, n_documents),
        "language": check_labels("language", language, n_documents),
    }
    for label, values in gold.items():
        if len(np.unique(values)) < 2:
            raise ValueError(
                f"got one {label} ({values[0]}), expected at least two to tell "
                "register from language; "
                f"pass documents of more {label}s"
            )
    return arrays, gold


def _check_label_source(label_source: str, register) -> None:
    if label_source not in ("gold", "predicted"):
        raise ValueError(
            f"got label_source={label_source!r}, expected 'gold' or 'predicted'; pick one"
        )
    name = getattr(register, "name", None)
    if (
        label_source == "gold"
        and isinstance(name, str)
        and name.startswith("predicted")
    ):
        raise ValueError(
            f"got the column {name!r} as gold registers, expected labels given by "
            "people; pass those, or "
            "label_source='predicted'"
        )


def _check_held_out(ids, fitted_on, n_documents: int) -> None:
    if fitted_on is None:
        return
    if isinstance(fitted_on, str):
        shared = [fitted_on] if "these documents" in fitted_on else []
        n_shared = n_documents * len(shared)
    elif np.asarray(fitted_on).dtype == bool:
        marked = np.asarray(fitted_on)
        check_same_length(documents=range(n_documents), fitted_on=marked)
        shared = list(np.flatnonzero(marked)[:1])
        n_shared = int(marked.sum())
    elif ids is None and len(fitted_on):
        raise ValueError(
            "got fitted_on without ids, expected the ids of the documents compared "
            "too; pass ids="
        )
    else:
        shared = sorted(set(() if ids is None else ids) & set(fitted_on))
        n_shared = len(shared)
    if n_shared:
        raise ValueError(
            f"got {n_shared} documents that a space was fitted on (such as "
            f"{shared[0]!r}), expected "
            "held-out documents only; compare on others"
        )


def _check_choices(
    clusterers, figures, n_seeds, n_bootstrap, n_null, confidence
) -> None:
    for name, chosen, known in (
        ("clusterers", clusterers, CLUSTERERS),
        ("figures", figures, ALL_GROUPS),
    ):
        if set(chosen) - set(known) or (name == "clusterers" and not chosen):
            raise ValueError(
                f"got {name}={list(chosen)}, expected some of {list(known)}; pick one"
            )
    if min(n_seeds, n_bootstrap, n_null) < 1:
        raise ValueError(
            f"got n_seeds={n_seeds}, n_bootstrap={n_bootstrap}, n_null={n_null}, "
            "expected at least 1 of each; pass more"
        )
    if not 0 < confidence < 1:
        raise ValueError(
            f"got confidence={confidence}, expected between 0 and 1; pass for example "
            "0.95"
        )
