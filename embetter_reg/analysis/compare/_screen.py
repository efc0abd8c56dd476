"""The first screen of a comparison: the verdict, bars, plain words and what to do."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd

from embetter_reg.analysis.compare._beaten import score
from embetter_reg.analysis.compare._checks import LABELS

COLORS = {"register": "#0072B2", "language": "#D55E00"}
_ALMOST_BLACK = "#333"


def tabulate_bars(
    agreement: pd.DataFrame, floor: float, parameters: Mapping[str, Any]
) -> pd.DataFrame:
    """Return one row a given space: both AMI with intervals, the null and the floor."""
    clusterer = parameters["clusterers"][0]
    rows = []
    for space in parameters["spaces"]:
        of_space = agreement[
            (agreement["space"] == space)
            & (agreement["clusterer"] == clusterer)
            & (agreement["k"] == parameters["n_registers"])
        ]
        row: dict[str, Any] = {"space": space}
        row |= score(agreement, space, clusterer, parameters)
        rows.append({**row, "null": of_space["ami_null"].max(), "floor": floor})
    return pd.DataFrame(rows)


def plain_words(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return a plain sentence on each of AMI, k, and the signs of the bars."""
    k = parameters["n_registers"]
    return {
        "AMI": "says how far clusters that were found without labels agree with labels: "
        "1 is the same division, 0 is what chance gives.",
        "k": f"is the number of clusters; here {k}, as many as there are registers.",
        "Bars": f"show AMI with its {parameters['confidence']:.0%} interval (thin line); "
        "what shuffled labels reach (null, short mark); and what register and language "
        "agree by themselves in these documents (floor, long mark).",
    }


def draw_bars(bars: pd.DataFrame) -> str:
    """Return HTML of two bars a space, register above language."""
    parts = []
    for row in bars.to_dict("records"):
        parts.append(
            f'<div style="margin:.5em 0 .1em"><b>{escape(str(row["space"]))}</b></div>'
        )
        parts += [_bar(row, label) for label in LABELS]
    return f'<div class="bars" style="max-width:46em">{"".join(parts)}</div>'


def _bar(row: Mapping[Any, Any], label: str) -> str:
    # Adding 0 turns -0.00 into 0.00.
    value, low, high = (
        round(row[f"{label}{end}"], 2) + 0.0 for end in ("", "_low", "_high")
    )
    words = f"{value:.2f} [{low:.2f}, {high:.2f}]"
    known = f"{words}, null {row['null']:.2f}, floor {row['floor']:.2f}"
    place = "position:absolute;"
    marks = (
        f'<i style="{place}top:0;bottom:0;left:0;width:{_percent(value)};'
        f'background:{COLORS[label]}"></i>'
        f'<i style="{place}top:46%;height:2px;left:{_percent(low)};'
        f"width:{_percent(_inside(high) - _inside(low))};background:{_ALMOST_BLACK};"
        'outline:1px solid #fff"></i>'
        f'<i style="{place}top:25%;bottom:25%;left:{_percent(row["null"])};width:2px;'
        f'background:{_ALMOST_BLACK};outline:1px solid #fff"></i>'
        f'<i style="{place}top:-2px;bottom:-2px;left:{_percent(row["floor"])};width:2px;'
        f'background:{_ALMOST_BLACK};outline:1px solid #fff"></i>'
    )
    return (
        '<div style="display:flex;align-items:center;gap:.6em;margin:2px 0">'
        f'<span style="flex:0 0 5.4em">{label}</span>'
        f'<span role="img" aria-label="{label} AMI {known}" title="{known}" '
        'style="position:relative;flex:1 1 6em;height:1.1em;background:#e4e4e4">'
        f"{marks}</span>"
        '<span style="flex:0 0 9.6em;font-variant-numeric:tabular-nums">'
        f"{words}</span></div>"
    )


def _inside(value: float) -> float:
    return min(max(value, 0.0), 1.0)


def _percent(value: float) -> str:
    return f"{100 * _inside(value):.1f}%"


def draw_screen(
    claim: str,
    word: str,
    bars: pd.DataFrame,
    steps: Sequence[str],
    words: Mapping[str, str],
) -> str:
    """Return the HTML that a notebook shows."""
    return (
        f'<div style="border-left:.4em solid {COLORS.get(word, "#8c8c8c")};'
        f'padding:.3em 1em;max-width:46em;margin:.4em 0">{escape(claim)}</div>'
        f"{draw_bars(bars)}{draw_words(words)}{draw_steps(steps)}"
    )


def draw_words(words: Mapping[str, str]) -> str:
    """Return HTML of the plain words."""
    return "".join(
        f'<p style="margin:.3em 0;max-width:46em"><b>{escape(name)}</b> '
        f"{escape(sentence)}</p>"
        for name, sentence in words.items()
    )


def draw_steps(steps: Sequence[str]) -> str:
    """Return HTML of what to do next; nothing where there is nothing."""
    if not steps:
        return ""
    items = "".join(f"<li>{escape(step)}</li>" for step in steps)
    return f"<p><b>What to do next</b></p><ul>{items}</ul>"
