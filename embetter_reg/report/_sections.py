"""The tables and sentences of a report, which its page and its Markdown share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from embetter_reg.analysis import Comparison
from embetter_reg.analysis.compare import LABELS
from embetter_reg.corpus.registers import full_name

_WIDEST = 5  # spaces side by side
_GOLD = {
    "gold": "gold labels",
    "predicted": "PREDICTED by a classifier, not gold",
}


@dataclass(frozen=True)
class Section:
    """A heading, the words below it, a table of text, and the section of the method
    page that tells more.
    """

    heading: str
    words: str
    table: pd.DataFrame
    method: str = ""


def make_sections(comparison: Comparison, record: Mapping[str, Any]) -> list[Section]:
    """Return the sections of a report in their order."""
    level = f"{comparison.parameters['confidence']:.0%}"
    sections = []
    if comparison.parameters["controls"]:
        sections.append(_beaten(comparison, level))
    sections.append(_agreement(comparison, level))
    if len(comparison.ami_gains):
        sections.append(_gains(comparison))
    if len(comparison.figures):
        sections += _figures(comparison, level)
        sections += _controls(comparison)
        sections += _differences(comparison)
    sections.append(_confounding(comparison))
    if comparison.parameters["n_balanced"]:
        sections.append(_balanced(comparison, level))
    if len(comparison.hybrids):
        sections.append(_hybrids(comparison))
    sections.append(_facts(comparison, record))
    return sections


def _beaten(comparison: Comparison, level: str) -> Section:
    """Return all controls as one table, which says of each whether it is beaten."""
    rows = comparison.control_table()
    parameters = comparison.parameters
    last = parameters["spaces"][-1]
    table = rows[["control", "beaten"]].rename(columns={"beaten": "beaten?"})
    for label in LABELS:
        table[f"{label} AMI"] = _with_interval(
            rows, label, f"{label}_low", f"{label}_high"
        )
    gain = _with_interval(rows, "gain", "gain_low", "gain_high", sign="+")
    table["gain of the last space"] = gain
    n_beaten = int((rows["beaten"] == "yes").sum())
    words = (
        f"The {last} space beats {n_beaten} of {len(rows)} simple controls in register "
        f"AMI. Figures are at k = {parameters['n_registers']} "
        f"({parameters['clusterers'][0]}), the gain in register AMI is paired by "
        f"document, and brackets hold {level} intervals. 'yes' needs a gain above 0 with "
        "every clusterer."
    )
    return Section("Simple controls", words, table, "Controls")


def _agreement(comparison: Comparison, level: str) -> Section:
    key = ["space", "clusterer", "k"]
    marks = [comparison.parameters["n_registers"], comparison.parameters["n_languages"]]
    rows = comparison.agreement[comparison.agreement["k"].isin(marks)].copy()
    rows["AMI"] = _with_interval(rows, "ami", "ami_low", "ami_high")
    cells = rows[key].drop_duplicates()
    wide = rows.pivot_table(
        index=key, columns="label", values=["AMI", "ami_null"], aggfunc="first"
    ).loc[pd.MultiIndex.from_frame(cells)]
    margins = comparison.margins.set_index(key).loc[wide.index]
    table = pd.DataFrame(
        {
            "register AMI": wide["AMI", "register"],
            "language AMI": wide["AMI", "language"],
            "difference": _with_interval(
                margins, "difference", "low", "high", sign="+"
            ),
            "follows": margins["explains"],
            "shuffled": wide["ami_null", "register"].map("{:.3f}".format),
        }
    ).reset_index()
    words = (
        "AMI is 1 where clusters and labels are the same and 0 on average for chance. "
        f"Brackets hold the {level} bootstrap interval by document; 'shuffled' is the "
        "upper end of what shuffled labels reach. A difference (register AMI minus "
        "language AMI) whose interval holds 0 is undecided. The floor, the AMI of "
        f"register with language themselves in these documents, is {comparison.floor:.2f}."
        " ARI, V-measure and every k are in report.json."
    )
    return Section(
        "Agreement with register and with language",
        words,
        _grouped(table, ["space", "clusterer"]),
        "AMI",
    )


def _gains(comparison: Comparison) -> Section:
    gains = comparison.ami_gains
    spaces = comparison.parameters["spaces"]
    if len(spaces) > 1:
        gains = gains[gains["space"] != spaces[0]]
    table = gains[["space", "against", "clusterer"]].copy()
    for label in LABELS:
        table[f"{label} AMI"] = _with_interval(
            gains, label, f"{label}_low", f"{label}_high", sign="+"
        )
    words = (
        f"Differences of AMI at k = {comparison.parameters['n_registers']}, paired by "
        "document. An interval that holds 0 means that the two cannot be told apart on "
        "these documents."
    )
    return Section(
        "What a space gains over others",
        words,
        _grouped(table, ["space", "against"]),
        "Controls",
    )


def _figures(comparison: Comparison, level: str) -> list[Section]:
    facts = _figure_facts(comparison)
    words = (
        "Better is for a space by register. Beside it stands what a space without "
        "structure would reach (chance), or for probes always saying the most frequent "
        f"label. Brackets hold the {level} bootstrap interval by document."
    )
    for name, reason in comparison.skipped.items():
        words += f" Left out: {name} ({reason})."
    wide = _figure_cells(comparison)[comparison.parameters["spaces"]]
    return _split("Every figure", words, wide, before=facts)


def _controls(comparison: Comparison) -> list[Section]:
    parameters = comparison.parameters
    if not parameters["controls"]:
        return []
    fitted_on = parameters["controls_fitted_on"]
    words = (
        f"Erasers fitted on {fitted_on['erasers']}, TF-IDF on {fitted_on['TF-IDF']}; "
        "no control saw the register of a document."
    )
    wide = _figure_cells(comparison)[parameters["controls"]]
    return _split("Every figure of the controls", words, wide)


def _differences(comparison: Comparison) -> list[Section]:
    """Return the figures of the last space less those of the others."""
    if comparison.figure_differences.empty:
        return []
    last = comparison.parameters["spaces"][-1]
    rows = comparison.figure_differences
    rows = rows[rows["space"] == last]
    cells = _with_interval(rows, "difference", "low", "high", sign="+")
    wide = (
        rows.assign(cell=cells)
        .pivot_table(index="figure", columns="against", values="cell", aggfunc="first")
        .reindex(_figure_facts(comparison).index)
        .dropna(how="all")
    )
    words = (
        "The same figures, paired by document. An interval that holds 0 means that the "
        "two cannot be told apart."
    )
    wide = wide[rows["against"].unique()].fillna("–")
    return _split(f"The {last} space less the others", words, wide)


def _figure_facts(comparison: Comparison) -> pd.DataFrame:
    """Return what each figure asks, its range and direction, and what it stands beside."""
    rows = comparison.figures.drop_duplicates("figure").set_index("figure")
    smallest = rows["smallest"].map("{:g}".format)
    largest = rows["largest"].map("{:g}".format)
    return pd.DataFrame(
        {
            "what it asks": rows["words"],
            "range": smallest + " to " + largest,
            "better": rows["better"],
            "beside": rows["beside"].map("{:.2f}".format).replace("nan", ""),
        }
    )


def _figure_cells(comparison: Comparison) -> pd.DataFrame:
    """Return the figures (rows) of all spaces and controls (columns) as text."""
    figures = comparison.figures
    cells = _with_interval(figures, "value", "low", "high")
    wide = figures.assign(cell=cells).pivot_table(
        index="figure", columns="space", values="cell", aggfunc="first"
    )
    return wide.reindex(figures["figure"].unique()).fillna("–")


def _split(
    heading: str, words: str, wide: pd.DataFrame, before: pd.DataFrame | None = None
) -> list[Section]:
    """Return sections of a table whose columns may be too many for a page."""
    parts = []
    rest = wide
    if before is not None:
        n_first = _WIDEST // 2
        parts.append(pd.concat([before, wide.iloc[:, :n_first]], axis=1))
        rest = wide.iloc[:, n_first:]
    for start in range(0, rest.shape[1], _WIDEST):
        parts.append(rest.iloc[:, start : start + _WIDEST])
    sections = []
    for number, part in enumerate(parts):
        # A space may be named like another column, which a frame's index refuses.
        table = pd.concat([part.index.to_series(name="figure"), part], axis=1)
        if number == 0:
            sections.append(Section(heading, words, table))
        else:
            sections.append(Section(f"{heading}, continued", "", table))
    return sections


def _confounding(comparison: Comparison) -> Section:
    words = (
        "Documents of each register in each language. Cramér's V, corrected for bias, "
        f"is {comparison.cramers_v:.2f}: 0 where the two are independent, 1 where one "
        "tells the other."
    )
    return Section(
        "Register and language in these documents",
        words,
        comparison.confounding.rename(index=full_name).reset_index(),
        "Are register and language confounded?",
    )


def _balanced(comparison: Comparison, level: str) -> Section:
    rows = comparison.balanced_agreement
    table = rows[["space", "clusterer", "k"]].copy()
    for label in LABELS:
        table[f"{label} AMI"] = rows[label].map("{:.2f}".format)
    table["difference"] = _with_interval(rows, "difference", "low", "high", sign="+")
    parameters = comparison.parameters
    words = (
        f"AMI of the same clusters, mean of {parameters['n_balanced']} samples of "
        f"{parameters['balanced_documents']} documents in which register and language "
        "are independent; registers with fewer than five documents in a language are "
        f"left out. Brackets hold the range of {level} of the samples."
    )
    return Section(
        "As many documents of each register in each language",
        words,
        _grouped(table, ["space", "clusterer"]),
        "Are register and language confounded?",
    )


def _hybrids(comparison: Comparison) -> Section:
    rows = comparison.hybrids
    table = rows[["space", "clusterer", "k", "documents"]].copy()
    table["number"] = rows["n_documents"]
    for label in LABELS:
        table[f"{label} AMI"] = _with_interval(
            rows, label, f"{label}_low", f"{label}_high"
        )
    words = (
        "Agreement of the same clusters with documents of several registers, each of "
        "which counts, and without them."
    )
    return Section(
        "Hybrids in and out",
        words,
        _grouped(table, ["space", "clusterer", "k"]),
        "Hybrids in and out",
    )


def _facts(comparison: Comparison, record: Mapping[str, Any]) -> Section:
    parameters = comparison.parameters
    n_fitted = "not given"
    if record["fitted_on"] is not None:
        n_fitted = str(len(record["fitted_on"]))
    versions = [f"{name} {version}" for name, version in record["versions"].items()]
    facts = {
        "command": record["command"] or "not given",
        "date": record["date"],
        **{f"input {name}": digest for name, digest in record["inputs"].items()},
        **record["about"],
        "registers": _GOLD[parameters["label_source"]],
        "documents compared": _compared(parameters),
        "documents fitted on": n_fitted,
        "random_state": parameters["random_state"],
        "cluster seeds": ", ".join(map(str, parameters["seeds"])),
        "starts of a clustering": parameters["n_init"],
        "bootstrap samples": parameters["n_bootstrap"],
        "shuffles": parameters["n_null"],
        "versions": ", ".join(versions),
    }
    table = pd.DataFrame({"what": list(facts), "value": list(map(str, facts.values()))})
    words = (
        "Run the command again on the same input files, whose SHA-256 digests are below. "
        "All k, seeds and document ids are in report.json."
    )
    return Section("To repeat it", words, table)


def _compared(parameters: Mapping[str, Any]) -> str:
    """Return how many documents there were, and how many everything was measured on."""
    n_documents = parameters["n_documents"]
    size = parameters["sample_size"]
    if size == n_documents:
        return str(n_documents)
    return (
        f"{n_documents:,}, all of them clustered, and measured on a sample of {size:,}, "
        "of every register in every language its share, drawn by random_state"
    )


def _grouped(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return the table as text, its first columns empty where they repeat the row
    above.
    """
    text = table.astype(str).reset_index(drop=True)
    # From the last column on, since each looks at those before it.
    for place in range(len(columns), 0, -1):
        group = text[columns[:place]]
        repeats = (group == group.shift()).all(axis=1)
        text.loc[repeats, columns[place - 1]] = ""
    return text


def _with_interval(
    table: pd.DataFrame, value: str, low: str, high: str, *, sign: str = ""
) -> pd.Series:
    """Return cells such as ``0.49 [0.44, 0.56]``."""

    def cell(row: pd.Series) -> str:
        # Adding 0 turns -0.00 into 0.00.
        value_text, low_text, high_text = (
            f"{round(row[name], 2) + 0.0:{sign}.2f}" for name in (value, low, high)
        )
        if np.isnan(row[low]):
            return value_text
        return f"{value_text} [{low_text}, {high_text}]"

    return table.apply(cell, axis=1)
