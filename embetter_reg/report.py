"""A comparison → report.html (one file, opens offline), report.md, report.json, and the
pictures.
"""

import base64
import html
import importlib.metadata
import io
import json
import platform
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from embetter_reg import __version__
from embetter_reg._files import slug
from embetter_reg.analysis import Comparison, make_reducer
from embetter_reg.plots import plot_agreement, plot_cluster_table, plot_maps

_PACKAGES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "torch",
    "umap-learn",
    "sentence-transformers",
    "matplotlib",
)
_UMAP_NEIGHBORS = 15
_WIDEST = 5  # spaces side by side
LABELS = ("register", "language")


def write_report(
    comparison: Comparison,
    spaces: Mapping[str, Any],
    out: str | Path,
    *,
    title: str = "Register or language?",
    about: Mapping[str, Any] | None = None,
    fitted_on: list[str] | None = None,
    compared: list[str] | None = None,
    random_state: int = 0,
) -> Path:
    """Write the report of a comparison into the folder ``out`` and return the path of
    its HTML page.

    Parameters
    ----------
    comparison : Comparison
    spaces : mapping of name to array (n_documents, n_dims)
        The spaces that were compared, for the maps.
    out : path
        Made if it is not there. Only the report's own files in it are written over.
    about : mapping or None
        More to record: data, encoder, head and their parameters.
    fitted_on, compared : lists of document ids or None
    random_state : int
        Seeds the UMAP maps.

    """
    unknown = set(spaces) - set(comparison.clusters)
    if unknown:
        raise ValueError(
            f"got the space {min(unknown)!r}, expected some of "
            f"{list(comparison.clusters)}; pass the spaces compared"
        )
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    pictures = _draw(comparison, spaces, random_state)
    for name, (_, png) in pictures.items():
        (out / name).write_bytes(png)
    record = _record(comparison, about or {}, fitted_on, compared, random_state)
    (out / "report.json").write_text(
        json.dumps(record, indent=1, ensure_ascii=False, default=_plain),
        encoding="utf-8",
    )
    sections = _sections(comparison, record)
    (out / "report.md").write_text(
        _markdown(title, comparison, sections, pictures), encoding="utf-8"
    )
    page = out / "report.html"
    page.write_text(_page(title, comparison, sections, pictures), encoding="utf-8")
    return page


def _draw(
    comparison: Comparison, spaces, random_state: int
) -> dict[str, tuple[str, bytes]]:
    """Return ``{file name: (caption, PNG)}``."""
    n_neighbors = min(_UMAP_NEIGHBORS, len(comparison.register) - 1)
    maps = {}
    for name, X in spaces.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            reducer = make_reducer(
                "umap", random_state=random_state, n_neighbors=n_neighbors
            )
            maps[name] = reducer.fit_transform(np.asarray(X, dtype=np.float32))
    pictures: dict[str, tuple[str, Any]] = {
        "maps.png": (
            "UMAP maps of the held-out documents, colored by register and by language.",
            plot_maps(maps, register=comparison.register, language=comparison.language),
        )
    }
    for clusterer in comparison.parameters["clusterers"]:
        pictures[f"agreement_{clusterer}.png"] = (
            f"Agreement of clusters ({clusterer}) with register and with language "
            "over the number of clusters; "
            "bands are bootstrap intervals by document.",
            plot_agreement(comparison, clusterer),
        )
    for space in spaces:
        pictures[f"clusters_{slug(space)}.png"] = (
            f"What the clusters of the {space} space are made of, by register.",
            plot_cluster_table(
                comparison.cluster_table(space),
                title=f"{space} space, k = {comparison.parameters['n_registers']}",
            ).figure,
        )
    return {
        name: (caption, _png(figure)) for name, (caption, figure) in pictures.items()
    }


def _png(figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()


def _record(
    comparison: Comparison, about, fitted_on, compared, random_state: int
) -> dict[str, Any]:
    return {
        "verdict": {
            name: {"word": v.word, "sentence": v.sentence}
            for name, v in comparison.verdicts.items()
        },
        "floor": comparison.floor,
        "agreement": comparison.agreement.to_dict("records"),
        "margins": comparison.margins.to_dict("records"),
        "ami_gains": comparison.ami_gains.to_dict("records"),
        "figures": _records(comparison.figures),
        "figure_differences": _records(comparison.figure_differences),
        "skipped": comparison.skipped,
        "confounding": comparison.confounding.to_dict("index"),
        "cramers_v": comparison.cramers_v,
        "balanced_agreement": comparison.balanced_agreement.to_dict("records"),
        "hybrids": comparison.hybrids.to_dict("records"),
        "silhouettes": comparison.silhouettes.to_dict("records"),
        "cluster_tables": {
            space: comparison.cluster_table(space).reset_index().to_dict("records")
            for space in comparison.clusters
        },
        "parameters": {**comparison.parameters, "map_random_state": random_state},
        "about": dict(about),
        "versions": {
            "embetter_reg": __version__,
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in _PACKAGES},
        },
        "fitted_on": fitted_on,
        "compared": compared,
    }


def _records(table: pd.DataFrame) -> list[dict]:
    """Return rows with None for NaN, which JSON does not know."""
    return table.astype(object).where(table.notna(), None).to_dict("records")


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return str(value)


def _sections(comparison: Comparison, record) -> list[tuple[str, str, pd.DataFrame]]:
    """Return (heading, words, table), shared by the HTML and the Markdown."""
    level = f"{comparison.parameters['confidence']:.0%}"
    sections = [
        (
            "Agreement with register and with language",
            "AMI is 1 where clusters and labels are the same and 0 on average for "
            f"chance. Brackets hold the {level} "
            "bootstrap interval by document; 'shuffled' is the upper end of what "
            "shuffled labels reach. A difference "
            "(register AMI minus language AMI) whose interval holds 0 is undecided. "
            "The floor, the AMI of register "
            f"with language themselves in these documents, is {comparison.floor:.2f}. "
            "ARI, V-measure and every k are "
            "in report.json.",
            _agreement(comparison),
        )
    ]
    if len(comparison.ami_gains):
        sections.append(
            (
                "What a space gains over others",
                f"Differences of AMI at k = {comparison.parameters['n_registers']}, "
                "paired by document. An interval "
                "that holds 0 means that the two cannot be told apart on these "
                "documents.",
                _gains(comparison),
            )
        )
    sections += _figures(comparison, level)
    sections += _documents(comparison, level)
    return [
        *sections,
        (
            "To repeat it",
            "All k, seeds and document ids are in report.json.",
            _facts(comparison, record),
        ),
    ]


def _agreement(comparison: Comparison) -> pd.DataFrame:
    key = ["space", "clusterer", "k"]
    marks = {comparison.parameters["n_registers"], comparison.parameters["n_languages"]}
    rows = comparison.agreement[comparison.agreement["k"].isin(marks)].copy()
    rows["AMI"] = _with_interval(rows, "ami", "ami_low", "ami_high")
    wide = rows.pivot_table(
        index=key, columns="label", values=["AMI", "ami_null"], aggfunc="first"
    )
    margins = comparison.margins.set_index(key).loc[
        list(dict.fromkeys(zip(*(rows[name] for name in key), strict=True)))
    ]
    wide = wide.loc[margins.index]
    return _grouped(
        pd.DataFrame(
            {
                "register AMI": wide["AMI", "register"],
                "language AMI": wide["AMI", "language"],
                "difference": _with_interval(
                    margins, "difference", "low", "high", sign="+"
                ),
                "explained by": margins["explains"],
                "shuffled": wide["ami_null", "register"].map("{:.3f}".format),
            }
        ).reset_index(),
        ["space", "clusterer"],
    )


def _gains(comparison: Comparison) -> pd.DataFrame:
    gains, spaces = comparison.ami_gains, comparison.parameters["spaces"]
    gains = gains[(gains["space"] != spaces[0]) | (len(spaces) == 1)]
    columns = {
        f"{label} AMI": _with_interval(
            gains, label, f"{label}_low", f"{label}_high", sign="+"
        )
        for label in LABELS
    }
    return _grouped(
        gains[["space", "against", "clusterer"]].assign(**columns), ["space", "against"]
    )


def _figures(comparison: Comparison, level: str) -> list[tuple[str, str, pd.DataFrame]]:
    """Return the tables of all figures, given spaces and controls apart, and of their
    differences.
    """
    figures, parameters = comparison.figures, comparison.parameters
    if not len(figures):
        return []
    kinds = figures.drop_duplicates("figure").set_index("figure")
    facts = pd.DataFrame(
        {
            "what it asks": kinds["words"],
            "range": kinds["smallest"].map("{:g}".format)
            + " to "
            + kinds["largest"].map("{:g}".format),
            "better": kinds["better"],
            "beside": kinds["beside"].map(
                lambda value: "" if np.isnan(value) else f"{value:.2f}"
            ),
        }
    )
    cells = figures.assign(cell=_with_interval(figures, "value", "low", "high"))
    wide = (
        cells.pivot_table(
            index="figure", columns="space", values="cell", aggfunc="first"
        )
        .reindex(facts.index)
        .fillna("–")
    )
    words = (
        "Better is for a space by register. Beside it stands what a space without "
        "structure would reach (chance), or "
        f"for probes always saying the most frequent label. Brackets hold the {level} "
        "bootstrap interval by document."
    )
    words += "".join(
        f" Left out: {name} ({reason})." for name, reason in comparison.skipped.items()
    )
    sections = _parts("Every figure", words, wide[parameters["spaces"]], before=facts)
    if parameters["controls"]:
        words = (
            f"Erasers fitted on {parameters['controls_fitted_on']['erasers']}, TF-IDF "
            "on "
            f"{parameters['controls_fitted_on']['TF-IDF']}; no control saw the "
            "register of a document."
        )
        sections += _parts(
            "Every figure of the controls", words, wide[parameters["controls"]]
        )
    if len(comparison.figure_differences):
        last = comparison.figure_differences[
            comparison.figure_differences["space"] == parameters["spaces"][-1]
        ]
        last = last.assign(
            cell=_with_interval(last, "difference", "low", "high", sign="+")
        )
        table = last.pivot_table(
            index="figure", columns="against", values="cell", aggfunc="first"
        )
        table = table.reindex(facts.index).dropna(how="all")
        words = "The same figures, paired by document. An interval that holds 0 means that the two cannot be told apart."
        table = table[last["against"].unique()].fillna("–")
        sections += _parts(
            f"The {parameters['spaces'][-1]} space less the others", words, table
        )
    return sections


def _parts(
    heading: str, words: str, wide: pd.DataFrame, before: pd.DataFrame | None = None
) -> list:
    """Return sections of a table whose columns may be too many for a page."""
    n_first = 0 if before is None else _WIDEST // 2
    rest = wide.iloc[:, n_first:]
    parts = [] if before is None else [before.join(wide.iloc[:, :n_first])]
    if rest.shape[1]:
        parts += [
            rest[columns]
            for columns in np.array_split(rest.columns, -(-rest.shape[1] // _WIDEST))
        ]
    said = [(heading, words), *[(f"{heading}, continued", "")] * (len(parts) - 1)]
    return [
        (*texts, part.reset_index()) for texts, part in zip(said, parts, strict=True)
    ]


def _documents(
    comparison: Comparison, level: str
) -> list[tuple[str, str, pd.DataFrame]]:
    """Return what the documents themselves are like: confounding, balanced samples,
    hybrids.
    """
    parameters = comparison.parameters
    n_balanced, n_documents = parameters["n_balanced"], parameters["balanced_documents"]
    sections = [
        (
            "Register and language in these documents",
            "Documents of each register in each language. Cramér's V, corrected for "
            "bias, is "
            f"{comparison.cramers_v:.2f}: 0 where the two are independent, 1 where "
            "one tells the other.",
            comparison.confounding.reset_index(),
        )
    ]
    if n_balanced:
        table = comparison.balanced_agreement
        sections.append(
            (
                "As many documents of each register in each language",
                f"AMI of the same clusters, mean of {n_balanced} samples of "
                f"{n_documents} documents in which register "
                "and language are independent; registers with fewer than five "
                "documents in a language are left out. "
                f"Brackets hold the range of {level} of the samples.",
                _grouped(
                    table[["space", "clusterer", "k"]].assign(
                        **{
                            f"{label} AMI": table[label].map("{:.2f}".format)
                            for label in LABELS
                        },
                        difference=_with_interval(
                            table, "difference", "low", "high", sign="+"
                        ),
                    ),
                    ["space", "clusterer"],
                ),
            )
        )
    if len(comparison.hybrids):
        table = comparison.hybrids
        sections.append(
            (
                "Hybrids in and out",
                "Agreement of the same clusters with documents of several registers, "
                "each of which counts, and "
                "without them.",
                _grouped(
                    table[["space", "clusterer", "k", "documents", "n_documents"]]
                    .rename(columns={"n_documents": "number"})
                    .assign(
                        **{
                            f"{label} AMI": _with_interval(
                                table, label, f"{label}_low", f"{label}_high"
                            )
                            for label in LABELS
                        }
                    ),
                    ["space", "clusterer", "k"],
                ),
            )
        )
    return sections


def _facts(comparison: Comparison, record) -> pd.DataFrame:
    parameters = comparison.parameters
    facts = {
        **record["about"],
        "registers": {
            "gold": "gold labels",
            "predicted": "PREDICTED by a classifier, not gold",
        }[parameters["label_source"]],
        "documents compared": parameters["n_documents"],
        "documents fitted on": "not given"
        if record["fitted_on"] is None
        else len(record["fitted_on"]),
        "random_state": parameters["random_state"],
        "cluster seeds": ", ".join(map(str, parameters["seeds"])),
        "bootstrap samples, shuffles": f"{parameters['n_bootstrap']}, {parameters['n_null']}",
        "versions": ", ".join(
            f"{name} {version}" for name, version in record["versions"].items()
        ),
    }
    return pd.DataFrame(
        {"what": list(facts), "value": [str(value) for value in facts.values()]}
    )


def _grouped(table: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return the table as text, its first columns empty where they repeat the row
    above.
    """
    shown = table.astype(str).reset_index(drop=True)
    for place in range(len(columns), 0, -1):
        same = (shown[columns[:place]] == shown[columns[:place]].shift()).all(axis=1)
        shown.loc[same, columns[place - 1]] = ""
    return shown


def _with_interval(
    table: pd.DataFrame, value: str, low: str, high: str, *, sign: str = ""
) -> pd.Series:
    def cell(row) -> str:
        figures = [
            f"{round(row[name], 2) + 0.0:{sign}.2f}" for name in (value, low, high)
        ]
        return (
            figures[0]
            if np.isnan(row[low])
            else f"{figures[0]} [{figures[1]}, {figures[2]}]"
        )

    return table.apply(cell, axis=1)


def _other_verdicts(comparison: Comparison) -> dict[str, list[str]]:
    parts = {
        "Beside it:": comparison.parameters["spaces"][:-1],
        "Controls:": comparison.parameters["controls"],
    }
    return {
        heading: [comparison.verdicts[name].sentence for name in names]
        for heading, names in parts.items()
        if names
    }


def _markdown(title: str, comparison: Comparison, sections, pictures) -> str:
    lines = [f"# {title}", "", f"**{comparison.verdict.sentence}**", ""]
    for heading, sentences in _other_verdicts(comparison).items():
        lines += [heading, "", *(f"- {sentence}" for sentence in sentences), ""]
    for name, (caption, _) in pictures.items():
        lines += ["", f"![{caption}]({name})", "", f"*{caption}*"]
    for heading, words, table in sections:
        lines += ["", f"## {heading}", "", words, "", *_pipe_table(table)]
    return "\n".join(lines) + "\n"


def _pipe_table(table: pd.DataFrame) -> list[str]:
    rows = [
        list(table.columns),
        ["---"] * table.shape[1],
        *table.astype(str).to_numpy().tolist(),
    ]
    return [
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |"
        for row in rows
    ]


def _page(title: str, comparison: Comparison, sections, pictures) -> str:
    parts = [f"<h1>{html.escape(title)}</h1>"]
    parts.append(
        f'<p class="verdict {comparison.verdict.word}">{html.escape(comparison.verdict.sentence)}</p>'
    )
    for heading, sentences in _other_verdicts(comparison).items():
        parts.append(
            f"<p>{heading}</p><ul>"
            + "".join(f"<li>{html.escape(text)}</li>" for text in sentences)
            + "</ul>"
        )
    parts.append('<div class="pictures">')
    for name, (caption, png) in pictures.items():
        data, kind = (
            base64.b64encode(png).decode(),
            "small" if name.startswith("clusters_") else "large",
        )
        parts.append(
            f'<figure class="{kind}"><div class="wide"><img alt="{html.escape(caption)}" '
            f'src="data:image/png;base64,{data}"></div><figcaption>{html.escape(caption)}</figcaption></figure>'
        )
    parts.append("</div>")
    for heading, words, table in sections:
        parts.append(f"<h2>{html.escape(heading)}</h2><p>{html.escape(words)}</p>")
        parts.append(f'<div class="wide">{_html_table(table)}</div>')
    return _TEMPLATE.format(title=html.escape(title), body="\n".join(parts))


def _html_table(table: pd.DataFrame) -> str:
    """Return a table whose intervals are small and whose groups, where the first cell
    is not empty, are set apart.
    """
    head = "".join(f"<th>{html.escape(str(name))}</th>" for name in table.columns)
    rows = []
    for row in table.astype(str).to_numpy().tolist():
        cells = [
            re.sub(
                r"^(\S+) (\[.*\])$",
                r"<span>\1 <small>\2</small></span>",
                html.escape(cell),
            )
            for cell in row
        ]
        kind = ' class="first"' if row[0] else ""
        rows.append(f"<tr{kind}>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    return (
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


_TEMPLATE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff;
       max-width: 62rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere }}
.verdict {{ font-size: 1.15rem; padding: .8rem 1rem; border-left: .4rem solid #8c8c8c; background: #f5f5f5 }}
.verdict.register {{ border-color: #0072b2 }} .verdict.language {{ border-color: #d55e00 }}
.pictures {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1.5rem }}
figure {{ margin: 0; min-width: 0 }} figure.large {{ grid-column: 1 / -1 }}
figcaption {{ color: #555; font-size: .9rem }}
img {{ max-width: 100%; height: auto }} .large img {{ max-width: max(100%, 40rem) }}
.wide {{ overflow-x: auto }}
table {{ border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums }}
th, td {{ text-align: left; padding: .2rem .8rem .2rem 0; vertical-align: top }}
th {{ border-bottom: 1px solid #999; font-weight: 600 }} tr.first td {{ border-top: 1px solid #ddd }}
td span {{ white-space: nowrap }} td, th {{ overflow-wrap: normal }} td:first-child {{ min-width: 7rem }}
td:last-child {{ overflow-wrap: anywhere }} small {{ color: #666 }}
</style></head><body>
{body}
</body></html>
"""
