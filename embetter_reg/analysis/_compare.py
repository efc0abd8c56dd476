"""The one place that turns figures into a claim about spaces, and states its null."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_mutual_info_score
from sklearn.preprocessing import normalize
from sklearn.utils import check_random_state
from tqdm.auto import tqdm

from embetter_reg._random import draw_seed
from embetter_reg._validation import check_labels, check_space
from embetter_reg.analysis._cluster import SphericalKMeans
from embetter_reg.analysis._metrics import center_languages, cluster_table, cosine_silhouette
from embetter_reg.analysis._resample import Resampler, interval

CLUSTERERS = {"kmeans": KMeans, "spherical": SphericalKMeans}
CONTROL = "language-centred"
LABELS = ("register", "language")
_USUAL_K = (2, 3, 4, 6, 8, 10, 12, 16, 24, 32)


@dataclass(frozen=True)
class Verdict:
    """What one space is organised by: ``word`` is "register", "language" or "undecided"."""

    word: str
    sentence: str


@dataclass(frozen=True)
class Comparison:
    """What `compare_spaces` found. All tables are tidy; intervals are bootstrap intervals by document.

    Attributes
    ----------
    agreement : DataFrame
        One row a space, clusterer, k and label: mean ``ami``, ``ari`` and ``v_measure`` over seeds,
        ``ami_sd`` over seeds, ``ami_low`` and ``ami_high``, and ``ami_null``, the upper end of what
        shuffled labels reach.
    balance : DataFrame
        One row a space, clusterer and k: register AMI minus language AMI as ``difference`` with ``low``
        and ``high``, and which label ``explains`` the clusters.
    gains : DataFrame
        One row a space and clusterer at ``k = n_registers``: what the space gains in AMI over the
        language-centred control, paired by document, for either label.
    silhouettes : DataFrame
        Cosine silhouette of the gold labels, one row a space.
    verdicts : dict of str to Verdict
    floor : float
        AMI of register with language themselves. A space by register alone still agrees this much
        with language.
    clusters : dict of str to ndarray
        Cluster of each document at ``k = n_registers`` (first clusterer, first seed).
    register, language : ndarray
        The labels.
    parameters : dict

    """

    agreement: pd.DataFrame
    balance: pd.DataFrame
    gains: pd.DataFrame
    silhouettes: pd.DataFrame
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
        """Return the cluster × label table of a space at ``k = n_registers``, rows adding up to 1."""
        return cluster_table(self.clusters[space], getattr(self, label))


def compare_spaces(
    spaces: Mapping[str, Any],
    *,
    register,
    language,
    k: Sequence[int] | None = None,
    clusterers: Sequence[str] = ("kmeans", "spherical"),
    n_seeds: int = 5,
    n_bootstrap: int = 200,
    n_null: int = 200,
    confidence: float = 0.95,
    control: bool = True,
    ids: Collection[str] | None = None,
    fitted_on: Collection[str] | None = None,
    random_state=0,
    show_progress: bool = False,
) -> Comparison:
    """Test whether spaces are organised by register or by language.

    Each space is brought to unit length and clustered at every k with several seeds; clusters are
    compared with gold register and with gold language. A space is **by register** when, at k = the number
    of registers *and* at k = the number of languages, with every clusterer, the interval of register AMI
    minus language AMI lies above 0, and register AMI lies above both shuffled labels and the floor.
    **By language** is the mirror image; anything else is **undecided**. Nothing here needs a space to win.

    Parameters
    ----------
    spaces : mapping of name to array (n_documents, n_dims)
        The original space first, the tuned space last.
    register, language : array of labels (n_documents,)
        Gold labels; keyword-only, since swapping them turns the verdict round.
    k : sequence of int or None
        Numbers of clusters; None takes a usual range with the numbers of registers, of languages and
        of their product. The first two are always added.
    clusterers : sequence of {"kmeans", "spherical"}
    n_seeds : int
        Clusterings at each k, each from one start.
    n_bootstrap, n_null : int
        Resamples of documents, and shuffles of labels.
    confidence : float
        Of the intervals and of the null, in (0, 1).
    control : bool
        Add the first space with each language centred, the control that uses no register label.
    ids, fitted_on : collections of document ids or None
        The documents compared, and those that any part of a space was fitted on; sharing one is an error.
    random_state : int or RandomState
    show_progress : bool

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If a space or label array does not fit the others, there is only one register or language, a
        document was fitted on, or k is out of range.

    Notes
    -----
    Intervals resample documents and keep the clusterings; they are centred on the estimate, because a
    plain bootstrap repeats documents and so overstates agreement in small samples.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import compare_spaces
    >>> rng = np.random.default_rng(0)
    >>> register = np.repeat(["NA", "HI", "IN"], 40)
    >>> language = np.tile(["en", "fi"], 60)
    >>> X = np.eye(3)[np.repeat([0, 1, 2], 40)] + rng.normal(scale=0.1, size=(120, 3))
    >>> compare_spaces({"X": X}, register=register, language=language, n_seeds=2).verdict.word
    'register'

    """
    arrays, gold = _check(spaces, register, language, ids, fitted_on)
    n_labels = {label: len(np.unique(values)) for label, values in gold.items()}
    n_documents = len(gold["register"])
    ks = _choose_k(k, n_labels, n_documents)
    _check_choices(clusterers, n_seeds, n_bootstrap, n_null, confidence)
    if control:
        arrays[CONTROL] = center_languages(next(iter(arrays.values())), language=gold["language"])

    rng = check_random_state(random_state)
    seeds = [draw_seed(rng) for _ in range(n_seeds)]
    resampler = Resampler(gold, n_bootstrap, n_null, rng)
    cells: dict[tuple[str, str, int], Any] = {}
    clusters: dict[str, np.ndarray] = {}
    with tqdm(total=len(arrays) * len(clusterers) * len(ks), desc="comparing", disable=not show_progress) as bar:
        for space, X in arrays.items():
            rows = normalize(X)
            for clusterer in clusterers:
                for n_clusters in ks:
                    runs = [_cluster(clusterer, rows, n_clusters, seed) for seed in seeds]
                    cells[space, clusterer, n_clusters] = resampler.score(runs)
                    if n_clusters == n_labels["register"]:
                        clusters.setdefault(space, runs[0])
                    bar.update()

    floor = float(adjusted_mutual_info_score(gold["register"], gold["language"]))
    agreement_table, balance = _tabulate(cells, confidence)
    gains = _gains(cells, n_labels["register"], confidence) if control else pd.DataFrame()
    verdicts = {space: _judge(space, agreement_table, balance, gains, floor, n_labels) for space in arrays}
    return Comparison(
        agreement=agreement_table,
        balance=balance,
        gains=gains,
        silhouettes=pd.DataFrame(
            [
                {"space": space, **{label: cosine_silhouette(X, gold[label]) for label in LABELS}}
                for space, X in arrays.items()
            ]
        ),
        verdicts=verdicts,
        floor=floor,
        clusters=clusters,
        **gold,
        parameters={
            "spaces": list(spaces),
            "k": ks,
            "n_registers": n_labels["register"],
            "n_languages": n_labels["language"],
            "n_documents": n_documents,
            "clusterers": list(clusterers),
            "seeds": seeds,
            "n_bootstrap": n_bootstrap,
            "n_null": n_null,
            "confidence": confidence,
            "random_state": random_state if isinstance(random_state, int) else repr(random_state),
        },
    )


def _cluster(clusterer: str, rows: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
    return CLUSTERERS[clusterer](n_clusters, n_init=1, random_state=seed).fit_predict(rows)


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
        low, high = interval(difference, scores["register"]["boot"] - scores["language"]["boot"], confidence)
        explains = "register" if low > 0 else "language" if high < 0 else "undecided"
        balance.append({**key, "difference": difference, "low": low, "high": high, "explains": explains})
    return pd.DataFrame(rows), pd.DataFrame(balance)


def _gains(cells, n_clusters: int, confidence: float) -> pd.DataFrame:
    rows = []
    for (space, clusterer, k), scores in cells.items():
        if k != n_clusters or space == CONTROL:
            continue
        against = cells[CONTROL, clusterer, k]
        row = {"space": space, "clusterer": clusterer, "k": k}
        for label in LABELS:
            gain = scores[label]["figures"]["ami"].mean() - against[label]["figures"]["ami"].mean()
            low, high = interval(gain, scores[label]["boot"] - against[label]["boot"], confidence)
            row |= {label: gain, f"{label}_low": low, f"{label}_high": high}
        rows.append(row)
    return pd.DataFrame(rows)


def _judge(space: str, agreement_table, balance, gains, floor: float, n_labels) -> Verdict:
    marks = set(n_labels.values())
    rows, differences = (
        table[(table["space"] == space) & table["k"].isin(marks)] for table in (agreement_table, balance)
    )
    explains = differences["explains"]
    word = "undecided"
    for label in LABELS:
        own = rows[rows["label"] == label]
        if (explains == label).all() and (own["ami_low"] > np.maximum(own["ami_null"], floor)).all():
            word = label
    says = {
        "register": "is organised by register",
        "language": "is organised by language",
        "undecided": "is neither clearly by register nor clearly by language",
    }
    sentence = f"The {space} space {says[word]}: {_figures(rows, n_labels['register'])}."
    if word == "undecided" and explains.nunique() > 1:
        sentence += " The answer changes with the number of clusters or the clusterer."
    if word == "register" and space != CONTROL and len(gains):
        sentence += _against_control(gains[gains["space"] == space])
    return Verdict(word, sentence)


def _figures(rows: pd.DataFrame, n_clusters: int) -> str:
    first = rows[rows["k"] == n_clusters].drop_duplicates("label").set_index("label")
    parts = [
        f"{label} AMI {row.ami:.2f} [{row.ami_low:.2f}, {row.ami_high:.2f}]"
        for label, row in ((label, first.loc[label]) for label in LABELS)
    ]
    return f"at k = {n_clusters} the clusters reach " + " and ".join(parts)


def _against_control(gains: pd.DataFrame) -> str:
    row = gains.iloc[0]
    interval = f"{row['register']:+.2f} [{row['register_low']:+.2f}, {row['register_high']:+.2f}] register AMI"
    if (gains["register_low"] > 0).all():
        return f" It beats centring each language by {interval}."
    return f" But centring each language, which uses no register label, does about as well: {interval}."


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
            f"got k from {min(wanted)} to {max(wanted)} for {n_documents} documents, expected from 2 to "
            f"{n_documents - 1}; pass more documents or other k"
        )
    return sorted(wanted)


def _check(spaces, register, language, ids, fitted_on):
    if not isinstance(spaces, Mapping) or not spaces:
        raise ValueError('got no named spaces, expected a dict; pass {"original": X, "tuned": Z}')
    if CONTROL in spaces:
        raise ValueError(f"got a space named {CONTROL!r}, which names the control; choose another name")
    arrays = {name: check_space(name, X) for name, X in spaces.items()}
    lengths = {name: len(X) for name, X in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"got spaces of {lengths} documents, expected the same documents in each; align them")
    n_documents = next(iter(lengths.values()))
    gold = {
        "register": check_labels("register", register, n_documents),
        "language": check_labels("language", language, n_documents),
    }
    for label, values in gold.items():
        if len(np.unique(values)) < 2:
            raise ValueError(
                f"got one {label} ({values[0]}), expected at least two to tell register from language; "
                f"pass documents of more {label}s"
            )
    shared = set(ids or ()) & set(fitted_on or ())
    if shared:
        raise ValueError(
            f"got {len(shared)} documents that a space was fitted on (such as {min(shared)!r}), expected "
            "held-out documents only; compare on others"
        )
    return arrays, gold


def _check_choices(clusterers, n_seeds, n_bootstrap, n_null, confidence) -> None:
    unknown = set(clusterers) - set(CLUSTERERS)
    if unknown or not clusterers:
        raise ValueError(f"got clusterers={list(clusterers)}, expected some of {list(CLUSTERERS)}; pick one")
    if min(n_seeds, n_bootstrap, n_null) < 1:
        raise ValueError(
            f"got n_seeds={n_seeds}, n_bootstrap={n_bootstrap}, n_null={n_null}, expected at least 1 of each; pass more"
        )
    if not 0 < confidence < 1:
        raise ValueError(f"got confidence={confidence}, expected between 0 and 1; pass for example 0.95")
