"""Maps to look around in: one HTML page that needs no network, made with Bokeh."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from embetter_reg._optional import optional_import
from embetter_reg._validation import check_same_length
from embetter_reg.plots.palette import label_names, label_styles

_MARKERS = {
    "o": "circle",
    "s": "square",
    "^": "triangle",
    "v": "inverted_triangle",
    "D": "diamond",
    "P": "plus",
    "X": "hex",
    "<": "square_pin",
    ">": "triangle_pin",
    "p": "star",
    "*": "star_dot",
    "h": "circle_dot",
    ".": "circle",
}
_MANY = 3_000  # documents, from which the graphics card draws
# A tooltip is as wide as it may be and shows the first lines of a long text.
_TOOLTIP = """<div style="width: 24rem; font: 13px/1.4 system-ui, sans-serif"><b>{labels}</b>
<div style="white-space: pre-line; overflow-wrap: anywhere; display: -webkit-box; -webkit-box-orient: vertical;
-webkit-line-clamp: 14; overflow: hidden">@{{hover}}</div></div>"""
# Where points of several labels lie under the pointer, each label has a tooltip; one is enough.
_ONE_TOOLTIP = "body > .bk-Tooltip.bk-non-interactive:has(~ .bk-Tooltip.bk-non-interactive) { display: none }"
_COPY = """
const text = source.selected.indices.map((i) => source.data.hover[i]).join("\\n\\n")
if (text) { navigator.clipboard?.writeText(text); note.text = `Copied: ${text.slice(0, 80)}` }
"""
_RECOLOR = """
const column = columns[cb_obj.active]
for (const drawn of [...renderers, ...legends]) { drawn.visible = drawn.name == column }
"""
_FILTER = """
const kept = (_, i) => choices.every((c) => !c.value.length || c.value.includes(source.data[c.title][i]))
shown.booleans = Array.from(source.data.hover, kept)
"""


def plot_interactive(
    maps: Mapping[str, Any],
    documents: pd.DataFrame,
    *,
    color: Sequence[str] = ("register", "language"),
    hover: str = "text",
    title: str = "",
):
    """Return maps of the same documents side by side as a Bokeh layout, for a notebook
    or a page.

    Pointing at a document shows its labels and text; a click copies the text; the
    legend's entries hide and show; what is selected in one map (a click, a box, a
    lasso) is selected in all. Buttons choose the column that colors, and a field for
    each column keeps some of its labels only.

    Parameters
    ----------
    maps : mapping of name to array (n_documents, 2)
    documents : DataFrame (n_documents)
        With the columns named by ``color`` and ``hover``.
    color : sequence of str
        Columns of labels; the first one colors at the start.
    hover : str
        The column with the text to show and copy.
    title : str

    Returns
    -------
    bokeh.models.Column

    Raises
    ------
    ImportError
        If Bokeh, the extra ``plots``, is not installed.
    ValueError
        If a column is not there, or a map has another number of documents or of
        dimensions.

    Examples
    --------
    >>> import pandas as pd
    >>> from embetter_reg.plots import plot_interactive
    >>> documents = pd.DataFrame({"register": ["NA", "HI"], "language": ["en", "fi"], "text": ["Once …", "Sekoita …"]})
    >>> layout = plot_interactive({"original": [[0, 0], [1, 1]], "tuned": [[0, 1], [1, 0]]}, documents)
    >>> [figure.title.text for figure in layout.children[-1].children]
    ['original', 'tuned']

    """
    models = optional_import(
        "bokeh.models", package='"embetter-reg[plots]"', purpose="an interactive map"
    )
    columns = list(dict.fromkeys(color))
    source = models.ColumnDataSource(_data(maps, documents, columns, hover))
    shown = models.BooleanFilter(booleans=[True] * len(documents))
    note = models.Div(text="Click a document to copy its text.", render_as_text=True)
    figures = [_figure(n, name, source, columns, note) for n, name in enumerate(maps)]
    renderers, legends = [], []
    for column in columns:
        items = []
        for label, (shade, marker) in label_styles(source.data[column]).items():
            view = models.CDSView(
                filter=models.GroupFilter(column_name=column, group=label) & shown
            )
            drawn = [
                figure.scatter(
                    f"x{n}",
                    f"y{n}",
                    source=source,
                    view=view,
                    color=shade,
                    marker=_MARKERS[marker],
                    size=float(np.clip(180 / np.sqrt(len(documents)), 4, 9)),
                    line_color="white",
                    line_width=0.3,
                    fill_alpha=0.8,
                    nonselection_fill_alpha=0.08,
                    nonselection_line_alpha=0.0,
                    visible=column == columns[0],
                    name=column,
                )
                for n, figure in enumerate(figures)
            ]
            for other in drawn[
                1:
            ]:  # the legend stands beside the first map and hides in all
                drawn[0].js_link("visible", other, "visible")
            items.append(models.LegendItem(label=label, renderers=drawn[:1]))
            renderers += drawn
        legends.append(_legend(models, column, items, visible=column == columns[0]))
        figures[0].add_layout(legends[-1], "left")
    figures[0].width += 27 + 7 * max(
        len(item.label.value) for legend in legends for item in legend.items
    )
    switches = _switches(models, source, shown, columns, renderers, legends)
    heading = [
        models.Div(
            text=title,
            render_as_text=True,
            styles={"font": "600 20px system-ui, sans-serif"},
        )
    ]
    row = models.Row(
        children=figures,
        spacing=12,
        styles={"flex-wrap": "wrap"},
        sizing_mode="stretch_width",
    )
    return models.Column(
        children=[*heading[: bool(title)], *switches, note, row],
        stylesheets=[models.GlobalInlineStyleSheet(css=_ONE_TOOLTIP)],
        spacing=8,
        margin=16,
        sizing_mode="stretch_width",
    )


def write_interactive(
    maps: Mapping[str, Any],
    documents: pd.DataFrame,
    out: str | Path,
    *,
    color: Sequence[str] = ("register", "language"),
    hover: str = "text",
    title: str = "",
) -> Path:
    """Write `plot_interactive` as one HTML file that opens without a network, and
    return its path.

    Examples
    --------
    >>> import pandas as pd
    >>> from tempfile import mkdtemp
    >>> from embetter_reg.plots import write_interactive
    >>> documents = pd.DataFrame({"register": ["NA", "HI"], "text": ["Once …", "Sekoita …"]})
    >>> page = write_interactive({"tuned": [[0, 0], [1, 1]]}, documents, f"{mkdtemp()}/map.html", color=["register"])
    >>> page.name
    'map.html'

    """
    layout = plot_interactive(maps, documents, color=color, hover=hover, title=title)
    embed = optional_import(
        "bokeh.embed", package='"embetter-reg[plots]"', purpose="an interactive map"
    )
    resources = optional_import(
        "bokeh.resources", package='"embetter-reg[plots]"', purpose="an interactive map"
    )
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(
        embed.file_html(layout, resources.INLINE, title or "Map"), encoding="utf-8"
    )
    return out


def _data(
    maps, documents: pd.DataFrame, columns: list[str], hover: str
) -> dict[str, np.ndarray]:
    """Return points, labels and texts by the names that the page knows them by."""
    lacking = [name for name in (*columns, hover) if name not in documents]
    if lacking or not columns or not maps:
        raise ValueError(
            f"got {len(maps)} maps and the columns {columns} and {hover!r}, expected "
            "at least one map, and columns out "
            f"of {list(documents.columns)}; pass those"
        )
    data = {name: label_names(documents[name]) for name in columns}
    data["hover"] = label_names(documents[hover])
    for n, (name, points) in enumerate(maps.items()):
        points = np.asarray(points, dtype=np.float32)
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError(
                f"got the map {name!r} of shape {points.shape}, expected "
                "(n_documents, 2); reduce it"
            )
        check_same_length(**{name: points, "documents": documents})
        data |= {f"x{n}": points[:, 0], f"y{n}": points[:, 1]}
    return data


def _figure(n: int, name: str, source, columns: list[str], note):
    from bokeh.models import CustomJS, HoverTool, TapTool
    from bokeh.plotting import figure

    labels = " · ".join(f"@{{{column}}}" for column in columns)
    many = len(source.data["hover"]) > _MANY
    drawn = figure(
        title=name,
        width=480,
        height=470,
        tools="pan,wheel_zoom,box_select,lasso_select,reset,save",
        active_scroll="wheel_zoom",
        active_drag="lasso_select",
        output_backend="webgl" if many else "canvas",
    )
    tap = TapTool(callback=CustomJS(args={"source": source, "note": note}, code=_COPY))
    drawn.add_tools(HoverTool(tooltips=_TOOLTIP.format(labels=labels), limit=1), tap)
    for axis, extent in (("x", drawn.x_range), ("y", drawn.y_range)):
        values = source.data[
            f"{axis}{n}"
        ]  # fixed, so that hiding and filtering leave the map where it is
        pad = 0.05 * float(np.ptp(values)) or 1.0
        extent.update(start=float(values.min()) - pad, end=float(values.max()) + pad)
    drawn.axis.visible = False
    drawn.grid.visible = False
    drawn.outline_line_color = "#CCCCCC"
    return drawn


def _legend(models, column: str, items, *, visible: bool):
    n_columns = -(-len(items) // 22)
    return models.Legend(
        items=items,
        title=column,
        click_policy="hide",
        visible=visible,
        name=column,
        ncols=n_columns,
        border_line_alpha=0,
        label_text_font_size="12px",
        spacing=0,
        padding=0,
        margin=4,
    )


def _switches(models, source, shown, columns: list[str], renderers, legends) -> list:
    """Return a field a column that keeps some labels, and buttons for the column that
    colors.
    """
    choices = [
        models.MultiChoice(
            title=column,
            options=list(label_styles(source.data[column])),
            placeholder="all",
            width=260,
        )
        for column in columns
    ]
    keep = models.CustomJS(
        args={"source": source, "shown": shown, "choices": choices}, code=_FILTER
    )
    for choice in choices:
        choice.js_on_change("value", keep)
    fields = [models.Row(children=choices, spacing=12, styles={"flex-wrap": "wrap"})]
    if len(columns) == 1:
        return fields
    buttons = models.RadioButtonGroup(
        labels=[f"color by {column}" for column in columns], active=0
    )
    recolor = {"columns": columns, "renderers": renderers, "legends": legends}
    buttons.js_on_change("active", models.CustomJS(args=recolor, code=_RECOLOR))
    return [buttons, *fields]
