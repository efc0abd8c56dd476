"""A comparison → report.html (one file, opens offline), report.md, report.json, and the pictures."""

import base64
import html
import importlib.metadata
import io
import json
import platform
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from embetter_reg import __version__
from embetter_reg.analysis import Comparison, make_reducer
from embetter_reg.plots import plot_agreement, plot_cluster_table, plot_maps

_PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "umap-learn", "sentence-transformers", "matplotlib")
_UMAP_NEIGHBORS = 15


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
    """Write the report of a comparison into the folder ``out`` and return the path of its HTML page.

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
            f"got the space {min(unknown)!r}, expected some of {list(comparison.clusters)}; pass the spaces compared"
        )
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    pictures = _draw(comparison, spaces, random_state)
    for name, (_, png) in pictures.items():
        (out / name).write_bytes(png)
    record = _record(comparison, about or {}, fitted_on, compared, random_state)
    (out / "report.json").write_text(json.dumps(record, indent=1, ensure_ascii=False, default=_plain), encoding="utf-8")
    sections = _sections(comparison, record)
    (out / "report.md").write_text(_markdown(title, comparison, sections, pictures), encoding="utf-8")
    page = out / "report.html"
    page.write_text(_page(title, comparison, sections, pictures), encoding="utf-8")
    return page


def _draw(comparison: Comparison, spaces, random_state: int) -> dict[str, tuple[str, bytes]]:
    """Return ``{file name: (caption, PNG)}``."""
    n_neighbors = min(_UMAP_NEIGHBORS, len(comparison.register) - 1)
    maps = {}
    for name, X in spaces.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            reducer = make_reducer("umap", random_state=random_state, n_neighbors=n_neighbors)
            maps[name] = reducer.fit_transform(np.asarray(X, dtype=np.float32))
    pictures = {
        "maps.png": (
            "UMAP maps of the held-out documents. Above each point is coloured by register, below by language.",
            plot_maps(maps, register=comparison.register, language=comparison.language),
        )
    }
    for clusterer in comparison.parameters["clusterers"]:
        pictures[f"agreement_{clusterer}.png"] = (
            f"Agreement of clusters ({clusterer}) with register and with language over the number of clusters; "
            "bands are bootstrap intervals by document.",
            plot_agreement(comparison, clusterer),
        )
    for space in spaces:
        pictures[f"clusters_{_slug(space)}.png"] = (
            f"What the clusters of the {space} space are made of, by register.",
            plot_cluster_table(
                comparison.cluster_table(space),
                title=f"{space} space, k = {comparison.parameters['n_registers']}",
            ),
        )
    return {name: (caption, _png(figure)) for name, (caption, figure) in pictures.items()}


def _png(figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name)


def _record(comparison: Comparison, about, fitted_on, compared, random_state: int) -> dict[str, Any]:
    return {
        "verdict": {name: {"word": v.word, "sentence": v.sentence} for name, v in comparison.verdicts.items()},
        "floor": comparison.floor,
        "agreement": comparison.agreement.to_dict("records"),
        "balance": comparison.balance.to_dict("records"),
        "gains": comparison.gains.to_dict("records"),
        "silhouettes": comparison.silhouettes.to_dict("records"),
        "cluster_tables": {
            space: comparison.cluster_table(space).reset_index().to_dict("records") for space in comparison.clusters
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


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return str(value)


def _sections(comparison: Comparison, record) -> list[tuple[str, str, pd.DataFrame | None]]:
    """Return (heading, words, table), shared by the HTML and the Markdown."""
    parameters = comparison.parameters
    marks = sorted({parameters["n_registers"], parameters["n_languages"]})
    level = f"{parameters['confidence']:.0%}"
    headline = comparison.agreement[comparison.agreement["k"].isin(marks)]
    balance = comparison.balance[comparison.balance["k"].isin(marks)]
    facts = {
        **record["about"],
        "documents compared": parameters["n_documents"],
        "documents fitted on": "not given" if record["fitted_on"] is None else len(record["fitted_on"]),
        "random_state": parameters["random_state"],
        "cluster seeds": ", ".join(map(str, parameters["seeds"])),
        "bootstrap samples, shuffles": f"{parameters['n_bootstrap']}, {parameters['n_null']}",
        "versions": ", ".join(f"{name} {version}" for name, version in record["versions"].items()),
    }
    return [
        (
            "Agreement with register and with language",
            f"AMI is 1 where clusters and labels are the same and 0 on average for chance. Brackets hold the {level} "
            "bootstrap interval by document; 'shuffled' is the upper end of what shuffled labels reach. The floor, "
            f"the AMI of register with language themselves in these documents, is {comparison.floor:.2f}.",
            pd.DataFrame(
                {
                    "space": headline["space"],
                    "clusterer": headline["clusterer"],
                    "k": headline["k"],
                    "label": headline["label"],
                    "AMI": _with_interval(headline, "ami", "ami_low", "ami_high"),
                    "sd over seeds": headline["ami_sd"].map("{:.3f}".format),
                    "shuffled": headline["ami_null"].map("{:.3f}".format),
                    "ARI": headline["ari"].map("{:.2f}".format),
                    "V-measure": headline["v_measure"].map("{:.2f}".format),
                }
            ),
        ),
        (
            "Which label explains the clusters",
            "Register AMI minus language AMI. An interval that holds 0 leaves it undecided.",
            pd.DataFrame(
                {
                    "space": balance["space"],
                    "clusterer": balance["clusterer"],
                    "k": balance["k"],
                    "difference": _with_interval(balance, "difference", "low", "high"),
                    "explained by": balance["explains"],
                }
            ),
        ),
        (
            "Cosine silhouettes of the gold labels",
            "From -1 to 1: how tight and separate the documents of a label lie. A figure beside the others, not a "
            "verdict: a silhouette misleads where labels form several groups.",
            comparison.silhouettes.round(3),
        ),
        (
            "To repeat it",
            "All k, seeds and document ids are in report.json.",
            pd.DataFrame({"what": list(facts), "value": [str(value) for value in facts.values()]}),
        ),
    ]


def _with_interval(table: pd.DataFrame, value: str, low: str, high: str) -> pd.Series:
    return table.apply(lambda row: f"{row[value]:.2f} [{row[low]:.2f}, {row[high]:.2f}]", axis=1)


def _markdown(title: str, comparison: Comparison, sections, pictures) -> str:
    lines = [f"# {title}", "", f"**{comparison.verdict.sentence}**", ""]
    lines += [f"- {verdict.sentence}" for verdict in comparison.verdicts.values()]
    for name, (caption, _) in pictures.items():
        lines += ["", f"![{caption}]({name})", "", f"*{caption}*"]
    for heading, words, table in sections:
        lines += ["", f"## {heading}", "", words, "", *_pipe_table(table)]
    return "\n".join(lines) + "\n"


def _pipe_table(table: pd.DataFrame) -> list[str]:
    rows = [list(table.columns), ["---"] * table.shape[1], *table.astype(str).to_numpy().tolist()]
    return ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]


def _page(title: str, comparison: Comparison, sections, pictures) -> str:
    parts = [f"<h1>{html.escape(title)}</h1>"]
    parts.append(f'<p class="verdict {comparison.verdict.word}">{html.escape(comparison.verdict.sentence)}</p>')
    others = [verdict.sentence for verdict in comparison.verdicts.values() if verdict is not comparison.verdict]
    parts.append("<ul>" + "".join(f"<li>{html.escape(sentence)}</li>" for sentence in others) + "</ul>")
    for caption, png in pictures.values():
        data = base64.b64encode(png).decode()
        parts.append(
            f'<figure><img alt="{html.escape(caption)}" src="data:image/png;base64,{data}">'
            f"<figcaption>{html.escape(caption)}</figcaption></figure>"
        )
    for heading, words, table in sections:
        parts.append(f"<h2>{html.escape(heading)}</h2><p>{html.escape(words)}</p>")
        parts.append(f'<div class="wide">{table.to_html(index=False, border=0)}</div>')
    return _TEMPLATE.format(title=html.escape(title), body="\n".join(parts))


_TEMPLATE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff;
       max-width: 62rem; margin: 2rem auto; padding: 0 1rem }}
.verdict {{ font-size: 1.15rem; padding: .8rem 1rem; border-left: .4rem solid #8c8c8c; background: #f5f5f5 }}
.verdict.register {{ border-color: #0072b2 }} .verdict.language {{ border-color: #d55e00 }}
figure {{ margin: 1.5rem 0 }} img {{ max-width: 100%; height: auto }} figcaption {{ color: #555; font-size: .9rem }}
.wide {{ overflow-x: auto }}
table {{ border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums }}
th, td {{ text-align: left; padding: .25rem .7rem; border-bottom: 1px solid #ddd; vertical-align: top }}
</style></head><body>
{body}
</body></html>
"""
