"""The one place that turns figures into a claim about a space."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from embetter_reg.analysis.compare._controls import CENTERED

LABELS = ("register", "language")
_TOGETHER = 0.3  # Cramér's V above which a reader is warned
_SAYS = {
    "register": "is organized by register",
    "language": "is organized by language",
    "undecided": "is neither clearly by register nor clearly by language",
}


@dataclass(frozen=True)
class Verdict:
    """What one space is organized by: ``word`` is "register", "language" or
    "undecided".
    """

    word: str
    sentence: str


def judge(
    space: str,
    tables: dict[str, pd.DataFrame],
    *,
    floor,
    n_labels,
    given,
    label_source,
    confounded,
) -> Verdict:
    """Return the verdict on a space from the tables of `Comparison`, which say what the
    words mean.
    """
    marks = set(n_labels.values())
    rows, differences, gains, balanced = (
        table[table["space"] == space] if len(table) else table
        for table in (
            tables[name]
            for name in ("agreement", "margins", "ami_gains", "balanced_agreement")
        )
    )
    rows, differences = (
        rows[rows["k"].isin(marks)],
        differences[differences["k"].isin(marks)],
    )
    explains = differences["explains"]
    word = "undecided"
    for label in LABELS:
        own = rows[rows["label"] == label]
        if (explains == label).all() and (
            own["ami_low"] > np.maximum(own["ami_null"], floor)
        ).all():
            word = label
    sentence = (
        f"The {space} space {_SAYS[word]}: {_figures(rows, n_labels['register'])}."
    )
    if word == "undecided" and explains.nunique() > 1:
        sentence += " The answer changes with the number of clusters or the clusterer."
    if space in given and (word == "register" or space != given[0]):
        sentence += _against_controls(gains, word, given[0])
    if word != "undecided" and len(balanced) and not _holds(balanced, word):
        sentence += " With as many documents of each register in each language, this does not hold."
    if confounded > _TOGETHER and space in given:
        sentence += f" Register and language go together in these documents (Cramér's V {confounded:.2f})."
    if label_source == "predicted" and space in given:
        sentence += " The registers are a classifier's predictions, not gold labels."
    return Verdict(word, sentence)


def _figures(rows: pd.DataFrame, n_clusters: int) -> str:
    first = rows[rows["k"] == n_clusters].drop_duplicates("label").set_index("label")
    parts = [
        f"{label} AMI {row.ami:.2f} [{row.ami_low:.2f}, {row.ami_high:.2f}]"
        for label, row in ((label, first.loc[label]) for label in LABELS)
    ]
    return f"at k = {n_clusters} the clusters reach " + " and ".join(parts)


def _against_controls(gains: pd.DataFrame, word: str, raw: str) -> str:
    """Say which controls the space beats in register AMI, and which it does not."""
    if not len(gains):
        return ""
    gains = gains[gains["control"]]
    first = gains.drop_duplicates("against").set_index("against")
    beaten = gains.groupby("against", sort=False)["register_low"].min() > 0
    better = gains.groupby("against", sort=False)["register_high"].max() < 0
    said = {
        name: f"{row['register']:+.2f} [{row['register_low']:+.2f}, {row['register_high']:+.2f}]"
        for name, row in first.iterrows()
    }
    words = ""
    if CENTERED in first.index and word == "register":
        if beaten[CENTERED]:
            words += (
                f" It beats centering each language by {said[CENTERED]} register AMI."
            )
        elif not better[CENTERED]:
            words += (
                " But centering each language, which uses no register label, does "
                "about as well: "
                f"{said[CENTERED]} register AMI."
            )
    told = {CENTERED} if words else set()
    for which, says in (
        (~beaten & ~better, "does about as well"),
        (better, "does better"),
    ):
        names = [
            f"{'the raw space, ' * (name == raw)}{name} ({said[name]} register AMI, "
            f"{first['language'][name]:+.2f} language AMI)"
            for name in first.index[which]
            if name not in told
        ]
        if names:
            words += f" But a simple control {says}: {', '.join(names)}."
    also = [name for name in first.index[beaten] if name not in told | {raw}]
    if also and word == "register":
        words += f" It {'also ' * bool(told)}beats {' and '.join(filter(None, (', '.join(also[:-1]), also[-1])))}."
    return words


def _holds(balanced: pd.DataFrame, word: str) -> bool:
    return bool(
        (balanced["low"] > 0).all()
        if word == "register"
        else (balanced["high"] < 0).all()
    )
