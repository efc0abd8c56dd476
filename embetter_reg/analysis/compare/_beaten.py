"""Which simple controls a space beats."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from embetter_reg.analysis.compare._checks import LABELS

YES = "yes"
AS_GOOD = "no: as good"
BETTER = "no: better"


def beaten_controls(gains: pd.DataFrame) -> pd.Series:
    """Return, for each control that a space stands against, whether it is beaten in
    register AMI: "yes" with every clusterer, "no: better" where the control does better
    with every clusterer, else "no: as good".
    """
    by_control = gains[gains["control"]].groupby("against", sort=False)
    lowest = by_control["register_low"].min()
    highest = by_control["register_high"].max()
    beaten = pd.Series(AS_GOOD, index=lowest.index, dtype=object)
    beaten[lowest > 0] = YES
    beaten[highest < 0] = BETTER
    return beaten


def tabulate_controls(
    tables: Mapping[str, pd.DataFrame], parameters: Mapping[str, Any]
) -> pd.DataFrame:
    """Return one row a control of the last space: its AMI, what the space gains over
    it, and whether it is ``beaten``.
    """
    gains = tables["ami_gains"]
    clusterer = parameters["clusterers"][0]
    columns = [
        "control",
        *(f"{label}{end}" for label in LABELS for end in ("", "_low", "_high")),
        *("gain", "gain_low", "gain_high", "beaten"),
    ]
    if gains.empty:
        return pd.DataFrame(columns=columns)
    gains = gains[gains["space"] == parameters["spaces"][-1]]
    beaten = beaten_controls(gains)
    gains = gains[gains["clusterer"] == clusterer].set_index("against")
    rows = []
    for control, answer in beaten.items():
        row: dict[str, Any] = {"control": control}
        row |= score(tables["agreement"], str(control), clusterer, parameters)
        for end in ("", "_low", "_high"):
            row[f"gain{end}"] = gains.loc[control, f"register{end}"]
        rows.append({**row, "beaten": answer})
    return pd.DataFrame(rows, columns=columns)


def score(
    agreement: pd.DataFrame, space: str, clusterer: str, parameters: Mapping[str, Any]
) -> dict[str, float]:
    """Return both AMI of a space with their intervals at ``k = n_registers``."""
    rows = agreement[
        (agreement["space"] == space)
        & (agreement["clusterer"] == clusterer)
        & (agreement["k"] == parameters["n_registers"])
    ].set_index("label")
    figures = {}
    for label in LABELS:
        figures[label] = float(rows.loc[label, "ami"])
        figures[f"{label}_low"] = float(rows.loc[label, "ami_low"])
        figures[f"{label}_high"] = float(rows.loc[label, "ami_high"])
    return figures
