"""The files and the printed tables of command ``predict``."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE
from rich.table import Table

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("id", "lang", "labels", "predicted", "probabilities", "seen")


def write_predictions(parts: Iterable["pd.DataFrame"], out: Path) -> None:
    """Write ``predictions.jsonl``: one line a document with its labels, gold and
    predicted, and what else is known of them.
    """
    from embetter_reg._files import write_atomically

    def write(draft: Path) -> None:
        with open(draft, "wb") as file:
            for part in parts:
                for row in prediction_rows(part):
                    line = f"{json.dumps(row, ensure_ascii=False)}\n"
                    file.write(line.encode("utf-8", "replace"))

    write_atomically(out / "predictions.jsonl", write)


def prediction_rows(documents: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return what is known of the labels of each document, as JSON holds it."""
    columns = [name for name in _COLUMNS if name in documents]
    return [_plain(row) for row in documents[columns].to_dict("records")]


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    """Return a row as JSON holds it."""
    plain = dict(row)
    for name in ("labels", "predicted"):
        plain[name] = list(row[name])
    if "seen" in row:
        plain["seen"] = bool(row["seen"])
    return plain


def named_probabilities(rows: Any, classes: list[str]) -> list[dict[str, float]]:
    """Return each document's probabilities by label, with four digits."""
    return [
        {
            label: round(float(value), 4)
            for label, value in zip(classes, row, strict=True)
        }
        for row in rows
    ]


def counts_table(counts: "pd.DataFrame") -> Table:
    """Return the numbers of predicted registers by language; sub-registers are left to
    the file, and hybrids to `hybrids_note`.
    """
    from embetter_reg.corpus.registers import current_scheme

    # Without lines between columns, so that all registers fit into 80 characters.
    table = Table(title="Documents of each predicted register", box=SIMPLE)
    table.add_column("lang")
    table.add_column("number", justify="right")
    subs = current_scheme().parents
    names = [name for name in counts.columns[2:-2] if name not in subs]
    for name in names:
        table.add_column(name, justify="right")
    for row in counts.to_dict("records"):
        cells = [f"{row[name]:,}" for name in ("n_documents", *names)]
        table.add_row(row["language"], *cells)
    return table


def hybrids_note(counts: "pd.DataFrame") -> str:
    """Return how many documents are of several registers, and of none."""
    total = counts.iloc[-1]  # "all", or the only language
    several, none = total["hybrid"], total["none"]
    return f"Of several registers, counted in each: {several:,}. Of none: {none:,}."


def language_table(reports: "pd.DataFrame") -> Table:
    """Return F1 by language and kind of documents."""
    table = Table(title="F1 against gold labels")
    table.add_column("language")
    table.add_column("documents")
    for name in ("number", "micro F1", "macro F1"):
        table.add_column(name, justify="right")
    for row in reports.to_dict("records"):
        table.add_row(
            row["language"],
            row["documents"],
            f"{row['n_documents']:,}",
            f"{row['micro_f1']:.3f}",
            f"{row['macro_f1']:.3f}",
        )
    return table


def label_table(reports: "pd.DataFrame") -> Table:
    """Return F1 by label and language."""
    table = Table(title="F1 of each label, all documents")
    rows = reports[reports["documents"] == "all"]
    wide = rows.pivot_table(index="label", columns="language", values="f1")
    table.add_column("label")
    for language in wide.columns:
        table.add_column(language, justify="right")
    for label, row in wide.reindex(rows["label"].unique()).iterrows():
        cells = [f"{value:.2f}".replace("nan", "") for value in row]
        table.add_row(str(label), *cells)
    return table
