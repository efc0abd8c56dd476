"""What to do next where a verdict is "undecided" or a control is as good."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from embetter_reg.analysis.compare._beaten import AS_GOOD, BETTER
from embetter_reg.corpus.registers import full_name, sort_labels

_FEW = 20  # held-out documents of a register, below which intervals are wide
_HOPELESS = 50  # times as many documents, from which more of them are no advice


def next_steps(
    tables: Mapping[str, pd.DataFrame],
    controls: pd.DataFrame,
    *,
    word: str,
    floor: float,
    register: np.ndarray,
    parameters: Mapping[str, Any],
) -> list[str]:
    """Return sentences of advice on the last space, the most useful first."""
    steps = []
    if word == "undecided":
        space = parameters["spaces"][-1]
        marks = [parameters["n_registers"], parameters["n_languages"]]
        agreement, margins = (
            table[(table["space"] == space) & table["k"].isin(marks)]
            for table in (tables["agreement"], tables["margins"])
        )
        steps += _more_documents(margins, len(register))
        steps += _changing_answers(margins)
        steps += _small_registers(register)
        steps += _near_chance(agreement, floor)
    if word != "language":
        steps += _good_controls(controls)
    return steps


def _more_documents(margins: pd.DataFrame, n_documents: int) -> list[str]:
    """Advise how many documents would decide, as intervals narrow by the root."""
    open_rows = margins[margins["explains"] == "undecided"]
    if open_rows.empty:
        return []
    row = open_rows.iloc[int(open_rows["difference"].abs().argmin())]
    half = (row["high"] - row["low"]) / 2
    difference = (
        f"at k = {row['k']} ({row['clusterer']}) register AMI less language AMI is "
        f"{row['difference']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}], which holds 0"
    )
    times = np.inf
    if row["difference"]:
        times = (half / abs(row["difference"])) ** 2
    if times > _HOPELESS:
        return [
            f"The two are about equal: {difference}. More documents would hardly decide "
            "it; tune the space on more labeled documents, or try another encoder."
        ]
    needed = int(np.ceil(n_documents * max(times, 1.1) / 10) * 10)
    return [
        f"Compare more documents: {difference}. If the difference stays as it is, about "
        f"{needed:,} documents would decide it; here are {n_documents:,}."
    ]


def _changing_answers(margins: pd.DataFrame) -> list[str]:
    if margins["explains"].nunique() < 2:
        return []
    answers = ", ".join(
        f"{row.explains} at k = {row.k} ({row.clusterer})"
        for row in margins.itertuples()
    )
    return [
        f"The answer depends on how the space is cut: {answers}. Look at the maps for "
        "registers that fall into parts by language."
    ]


def _small_registers(register: np.ndarray) -> list[str]:
    names, counts = np.unique(register, return_counts=True)
    numbers = dict(zip(names.tolist(), counts.tolist(), strict=True))
    small = [name for name in sort_labels(numbers) if numbers[name] < _FEW]
    if not small:
        return []
    listed = ", ".join(f"{full_name(name)} ({numbers[name]})" for name in small)
    return [
        f"Registers with fewer than {_FEW} of the compared documents: {listed}. Add "
        "documents of these, or leave the registers out."
    ]


def _near_chance(agreement: pd.DataFrame, floor: float) -> list[str]:
    """Name where register AMI is not above what shuffled labels or the floor reach."""
    rows = agreement[agreement["label"] == "register"]
    limit = np.maximum(rows["ami_null"], floor)
    near = rows[rows["ami_low"] <= limit]
    if near.empty:
        return []
    places = ", ".join(f"k = {row.k} ({row.clusterer})" for row in near.itertuples())
    return [
        f"Register AMI is not surely above what shuffled labels or the floor reach "
        f"({limit[near.index].max():.2f}) at {places}: compare more documents, or tune a "
        "space on more labeled ones."
    ]


def _good_controls(controls: pd.DataFrame) -> list[str]:
    good = controls[controls["beaten"].isin([AS_GOOD, BETTER])]
    if good.empty:
        return []
    parts = []
    for answer, kind in ((BETTER, "better"), (AS_GOOD, "as good")):
        rows = good[good["beaten"] == answer]
        names = [f"{row.control} ({row.register:.2f})" for row in rows.itertuples()]
        if names:
            parts.append(f"{kind}: {', '.join(names)}")
    return [
        f"By register AMI, simple controls are {'; '.join(parts)}. Tune on more labeled "
        "documents, or take a control that is above chance."
    ]
