"""Colors, markers and the pieces of HTML that the page shows. Everything that comes
from data is escaped.
"""

from collections.abc import Iterable, Mapping
from html import escape

import pandas as pd

from embetter_reg.corpus.registers import current_scheme, sort_labels
from embetter_reg.label._labels import HYBRID, NOT_LABELED, Labels, short
from embetter_reg.plots.palette import label_styles

UNLABELED, MIXED = "#c4c9cf", "#6b7280"
_MARKERS = {
    "o": "circle",
    "s": "square",
    "^": "triangle",
    "v": "inverted_triangle",
    "D": "diamond",
    "P": "plus",
    "X": "x",
    "<": "square_pin",
    ">": "triangle_pin",
    "*": "star",
    "p": "hex",
    "h": "hex",
}
_SIGNS = {
    "circle": "●",
    "square": "■",
    "triangle": "▲",
    "inverted_triangle": "▼",
    "diamond": "◆",
    "plus": "✚",
    "x": "✖",
    "square_pin": "✦",
    "triangle_pin": "△",
    "star": "★",
    "hex": "⬢",
}
_SNIPPET = 240


def group_styles(groups: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return ``{group: (color, Bokeh marker)}``: registers in their fixed colors,
    other labels beside them.

    Examples
    --------
    >>> from embetter_reg.label._style import group_styles
    >>> group_styles(["NA", "not labeled"])
    {'NA': ('#338CF4', 'circle'), 'not labeled': ('#c4c9cf', 'circle')}

    """
    names = sort_labels(set(groups))
    main = current_scheme().main
    fixed = {
        NOT_LABELED: (UNLABELED, "circle"),
        HYBRID: (MIXED, "star"),
        "labeled": ("#0072B2", "circle"),
    }
    registers = [name for name in names if name in main]
    others = [name for name in names if name not in main and name not in fixed]
    drawn = {
        name: (color, _MARKERS.get(marker, "circle"))
        for name, (color, marker) in {
            **label_styles(registers),
            **label_styles(others),
        }.items()
    } | fixed
    return {name: drawn[name] for name in sorted(names, key=fixed.__contains__)}


def legend(groups: Iterable[str], counts: Mapping[str, int]) -> str:
    """Return the legend as HTML: sign, name, count."""
    items = []
    names = current_scheme().names
    for name, (color, marker) in group_styles(groups).items():
        meaning = ""
        if name in names:
            meaning = f' <span class="dim">{escape(names[name])}</span>'
        items.append(
            f'<span class="key"><span style="color:{escape(color)}">'
            f"{_SIGNS[marker]}</span> "
            f"<b>{escape(name)}</b>{meaning} {counts.get(name, 0):,}</span>"
        )
    return f'<div class="legend">{"".join(items)}</div>'


def chips(label: Iterable[str], ghost: bool = False) -> str:
    """Return labels as small colored tags; ``ghost`` for those that are only
    predicted.
    """
    parts = list(label)
    styles = group_styles(short(parts))
    tags = []
    for part in parts:
        color, _ = styles.get(part, (MIXED, ""))
        paint = f"background:{color};color:{_ink(color)}"
        if ghost:
            paint = f"border-color:{color};color:#374151"
        tags.append(f'<span class="chip" style="{escape(paint)}">{escape(part)}</span>')
    return "".join(tags)


def snippet(text: str, n: int = _SNIPPET) -> str:
    """Return the beginning of a text on one line. It is data still, and not escaped."""
    flat = " ".join(text[: 4 * n].split())
    if len(flat) <= n:
        return flat
    return f"{flat[: n - 1].rstrip()}…"


def card(
    name: str,
    text: str,
    language: str,
    label: Labels,
    predicted: Labels,
    doubt: float,
    query: str,
    by: str,
) -> str:
    """Return a document of the list as HTML."""
    edge = next(iter(group_styles(short(label)[:1] or [NOT_LABELED]).values()))[0]
    tags = chips(label) or '<span class="chip none">not labeled</span>'
    if predicted and set(short(label)) != set(predicted):
        tags += f' <span class="dim">looks like</span> {chips(predicted, ghost=True)}'
    if predicted:
        tags += f' <span class="dim">doubt {doubt:.2f}</span>'
    author = ""
    if by:
        author = f' · <span class="dim">by {escape(by)}</span>'
    start = snippet(text) or "(no text)"
    whole = ""
    if len(text) > _SNIPPET:
        whole = (
            "<details><summary>whole text</summary>"
            f"<div class='whole' dir='auto'>{_marked(text, query)}</div></details>"
        )
    return (
        f'<div class="card" style="border-left-color:{escape(edge)}"><div>{tags}</div>'
        f'<p dir="auto">{_marked(start, query)}</p>'
        f'<div class="dim">{escape(name)} · {escape(language)}{author}</div>'
        f"{whole}</div>"
    )


def _marked(text: str, query: str) -> str:
    """Return a text escaped, with what was searched for marked."""
    query = query.strip()
    if not query:
        return escape(text)
    lower = text.lower()
    if len(lower) != len(text):  # places in it are not places in the text
        return escape(text)
    parts = []
    start = 0
    while (place := lower.find(query.lower(), start)) >= 0:
        end = place + len(query)
        parts += [escape(text[start:place]), f"<mark>{escape(text[place:end])}</mark>"]
        start = end
    return "".join([*parts, escape(text[start:])])


def counts_table(counts: pd.DataFrame, n_labeled: int, n_documents: int) -> str:
    """Return counts by label and language as an HTML table; labels that nobody has are
    left out.
    """
    shown = counts[counts.sum(axis=1) > 0]
    share = n_labeled / max(n_documents, 1)
    bar = (
        f'<div class="bar"><div style="width:{100 * share:.1f}%"></div></div>'
        f"<div>{n_labeled:,} of {n_documents:,} labeled ({100 * share:.1f} %)</div>"
    )
    if shown.empty:
        return bar
    head = "".join(f"<th>{escape(str(language))}</th>" for language in shown.columns)
    lines = []
    for label, row in zip(shown.index, shown.to_numpy(), strict=True):
        cells = "".join(f"<td>{n:,}</td>" for n in row)
        lines.append(
            f"<tr><td>{chips([str(label)])}</td>{cells}<td><b>{row.sum():,}</b></td></tr>"
        )
    return (
        f"{bar}<div class='scroll'><table><tr><th></th>{head}<th>all</th></tr>"
        f"{''.join(lines)}</table></div>"
    )


def progress(step: str, share: float, seconds: float) -> str:
    """Return how far tuning is."""
    return (
        f'<div class="bar busy"><div style="width:{100 * share:.0f}%"></div></div>'
        f"<div>{escape(step)} · {seconds:.0f} s</div>"
    )


def notice(text: str, kind: str = "") -> str:
    """Return a sentence to the person, of the kind "", "good" or "bad"."""
    return f'<div class="notice {kind}" role="status">{escape(text)}</div>'


def _ink(color: str) -> str:
    """Return black or white, whichever is easier to read on a color."""
    red, green, blue = (int(color[n : n + 2], 16) / 255 for n in (1, 3, 5))
    if 0.299 * red + 0.587 * green + 0.114 * blue > 0.55:
        return "#111"
    return "#fff"


PAGE_CSS = """
:host, .bk-clearfix {
  font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif;
}
:host { font-size: 13px; line-height: 1.4; color: #1f2937; }
h1 { font-size: 17px; margin: 0; }
h2 { font-size: 14px; margin: 0; }
a { color: #0b63a5; }
kbd {
  border: 1px solid #cbd0d6; border-radius: 3px; padding: 0 4px;
  background: #f7f8f9; font-size: 12px;
}
.bk-clearfix { width: 100%; }
.dim { color: #6b7280; font-weight: normal; }
.asks { color: #92400e; font-weight: 600; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 14px; }
.key { white-space: nowrap; }
.chip {
  display: inline-block; border-radius: 9px; padding: 0 7px; margin-right: 3px;
  font-size: 12px; font-weight: 600; border: 1.5px solid transparent;
}
.chip.none { background: #eef0f2; color: #6b7280; }
.card {
  border: 1px solid #e5e7eb; border-left: 5px solid; border-radius: 5px;
  padding: 5px 9px; background: #fff;
}
.card p { margin: 3px 0; overflow-wrap: anywhere; }
.whole {
  white-space: pre-wrap; overflow-wrap: anywhere; max-height: 260px;
  overflow-y: auto; background: #f7f8f9; padding: 6px; border-radius: 4px;
}
details { margin-top: 2px; }
summary { cursor: pointer; color: #0b63a5; }
mark { background: #fde68a; }
table { border-collapse: collapse; margin-top: 6px; }
th { font-weight: 600; color: #6b7280; }
td, th { text-align: right; padding: 1px 7px; }
td:first-child { text-align: left; padding-left: 0; }
.scroll { overflow-x: auto; }
.bar {
  height: 8px; background: #e5e7eb; border-radius: 4px; overflow: hidden;
  margin: 3px 0;
}
.bar > div { height: 100%; background: #0072b2; }
.bar.busy > div { background: #009e73; transition: width .4s; }
.notice {
  padding: 5px 10px; border-radius: 5px; background: #eef2f7;
  overflow-wrap: anywhere;
}
.notice.good { background: #e3f4ec; }
.notice.bad { background: #fde8e4; }
"""
