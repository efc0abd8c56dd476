"""The one place that turns figures into a claim about a space."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from embetter_reg.analysis.compare._beaten import (
    AS_GOOD,
    BETTER,
    YES,
    beaten_controls,
)
from embetter_reg.analysis.compare._checks import LABELS
from embetter_reg.analysis.compare._controls import CENTERED

_CONFOUNDED = 0.3  # Cramér's V above which the sentence warns
_CLAIMS = {
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
    tables: Mapping[str, pd.DataFrame],
    *,
    floor: float,
    n_labels: Mapping[str, int],
    given: Sequence[str],
    label_source: str,
    association: float,
) -> Verdict:
    """Return the verdict on a space from the tables of `Comparison`.

    The null hypothesis is that clusters agree with the label no more than shuffled
    labels do, nor than register agrees with language themselves (the floor).
    """
    marks = list(set(n_labels.values()))
    agreement = _rows(tables["agreement"], space)
    agreement = agreement[agreement["k"].isin(marks)]
    margins = _rows(tables["margins"], space)
    margins = margins[margins["k"].isin(marks)]
    gains = _rows(tables["ami_gains"], space)
    balanced = _rows(tables["balanced_agreement"], space)

    word = "undecided"
    for label in LABELS:
        rows = agreement[agreement["label"] == label]
        beyond_null = rows["ami_low"] > np.maximum(rows["ami_null"], floor)
        if (margins["explains"] == label).all() and beyond_null.all():
            word = label
    figures = _figures(agreement, n_labels["register"])
    sentence = f"The {space} space {_CLAIMS[word]}: {figures}."
    if word == "undecided" and margins["explains"].nunique() > 1:
        sentence += " The answer changes with the number of clusters or the clusterer."
    if space in given and (word == "register" or space != given[0]):
        sentence += _beside_controls(gains, word, given[0])
    if word != "undecided" and len(balanced) and not _holds(balanced, word):
        sentence += (
            " With as many documents of each register in each language, it is not surely "
            f"by {word}."
        )
    if association > _CONFOUNDED and space in given:
        sentence += (
            " Register and language go together in these documents (Cramér's V "
            f"{association:.2f})."
        )
    if label_source == "predicted" and space in given:
        sentence += " The registers are a classifier's predictions, not gold labels."
    return Verdict(word, sentence)


def _rows(table: pd.DataFrame, space: str) -> pd.DataFrame:
    if table.empty:
        return table
    return table[table["space"] == space]


def _figures(agreement: pd.DataFrame, k: int) -> str:
    rows = agreement[agreement["k"] == k].drop_duplicates("label").set_index("label")
    parts = []
    for label in LABELS:
        row = rows.loc[label]
        parts.append(
            f"{label} AMI {row.ami:.2f} [{row.ami_low:.2f}, {row.ami_high:.2f}]"
        )
    return f"at k = {k} the clusters reach " + " and ".join(parts)


def _beside_controls(gains: pd.DataFrame, word: str, raw: str) -> str:
    """Name the controls that the space beats in register AMI, and those that it does
    not: one that does better with every clusterer, or about as well with some.
    """
    if gains.empty:
        return ""
    gains = gains[gains["control"]]
    answers = beaten_controls(gains)
    beaten = answers == YES
    superior = answers == BETTER
    equal = answers == AS_GOOD
    first = gains.drop_duplicates("against").set_index("against")
    names = list(first.index)

    words = ""
    named = set()
    if CENTERED in names and word == "register" and not superior[CENTERED]:
        gain = _register_gain(first.T[CENTERED])
        if beaten[CENTERED]:
            words += f" It beats centering each language by {gain} register AMI."
        else:
            words += (
                " But centering each language, which uses no register label, does "
                f"about as well: {gain} register AMI."
            )
        named.add(CENTERED)
    for mask, claim in ((equal, "about as well"), (superior, "better")):
        parts = [
            _control(name, first.T[name], is_raw=name == raw)
            for name in names
            if mask[name] and name not in named
        ]
        if parts:
            start = "And" if " But " in words else "But"
            who = "a simple control does" if len(parts) == 1 else "simple controls do"
            words += f" {start} {who} {claim}: {', '.join(parts)}."
    if word == "register":
        words += _beaten_others(
            [name for name in names if beaten[name] and name not in {*named, raw}],
            also=CENTERED in named and bool(beaten[CENTERED]),
        )
    return words


def _register_gain(row: pd.Series) -> str:
    value = f"{row['register']:+.2f}"
    return f"{value} [{row['register_low']:+.2f}, {row['register_high']:+.2f}]"


def _control(name: str, row: pd.Series, *, is_raw: bool) -> str:
    prefix = "the raw space, " if is_raw else ""
    gain = _register_gain(row)
    return f"{prefix}{name} ({gain} register AMI, {row['language']:+.2f} language AMI)"


def _beaten_others(names: list[str], *, also: bool) -> str:
    if not names:
        return ""
    listed = names[-1]
    if len(names) > 1:
        listed = f"{', '.join(names[:-1])} and {listed}"
    verb = "also beats" if also else "beats"
    return f" It {verb} {listed}."


def _holds(balanced: pd.DataFrame, word: str) -> bool:
    if word == "register":
        return bool((balanced["low"] > 0).all())
    return bool((balanced["high"] < 0).all())
