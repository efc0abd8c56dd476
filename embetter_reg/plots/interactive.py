"""Maps to look around in: one HTML page that needs no network, made with Bokeh."""

import textwrap
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from embetter_reg._files import write_atomically
from embetter_reg._optional import optional_import
from embetter_reg._validation import (
    check_mapping,
    check_same_length,
    check_sequence,
    check_space,
    check_table,
)
from embetter_reg.corpus.registers import full_name
from embetter_reg.plots import _scripts as scripts
from embetter_reg.plots.palette import (
    UNKNOWN,
    drawing_order,
    label_names,
    label_styles,
)

if TYPE_CHECKING:
    from bokeh.models import Column

# Bokeh's names of the markers that matplotlib has.
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
_LEGEND_ROWS = 22
_LONGEST_LABEL = 40  # letters, in a legend
_NARROWEST = 260  # pixels
_USUAL_WIDTH = 420
_HEIGHT_ALONE = 700
_WRAP = {"flex-wrap": "wrap"}
_HEADING = {"font": "600 20px system-ui, sans-serif"}


def plot_interactive(
    maps: Mapping[str, ArrayLike],
    documents: pd.DataFrame,
    *,
    color: Sequence[str] = ("register", "language"),
    hover: str = "text",
    title: str = "",
) -> "Column":
    """Return maps of the same documents side by side as a Bokeh layout.

    Pointing at a document shows its labels and text; a click copies that text; the
    legend's entries hide and show; what is selected in one map (a click, a box, a
    lasso) is selected in all. Buttons choose the column that colors, and a field for
    each column keeps some of its labels only. Data are shown as text, never as markup
    or formulas.

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
        If a column does not exist, or a map has another number of documents or of
        dimensions.

    Examples
    --------
    >>> import pandas as pd
    >>> from embetter_reg.plots import plot_interactive
    >>> documents = pd.DataFrame({"register": ["NA", "HI"], "text": ["Once", "Mix"]})
    >>> maps = {"original": [[0, 0], [1, 1]], "tuned": [[0, 1], [1, 0]]}
    >>> layout = plot_interactive(maps, documents, color=["register"])
    >>> [figure.title.text for figure in layout.children[-1].children]
    ['original', 'tuned']

    """
    models = _bokeh("models")
    check_mapping("maps", maps)
    check_table("documents", documents)
    check_sequence("color", color)
    columns = list(dict.fromkeys(color))
    source = models.ColumnDataSource(_data(maps, documents, columns, hover))
    note = _text(models, "Click a document to copy its text.")
    figures = [_figure(n, name, source, columns) for n, name in enumerate(maps)]
    filter_ = models.BooleanFilter(booleans=[True] * len(documents))
    legends = []
    for column in columns:
        is_first = column == columns[0]
        legend = _draw_column(models, figures, source, column, filter_, is_first)
        figures[0].add_layout(legend, "left")
        legends.append(legend)
    _share_the_width(figures, legends)
    _copy_on_click(models, figures, source, columns, legends, note)
    children = [*_fields(models, source, filter_, columns), note]
    if len(columns) > 1:
        children.insert(0, _color_buttons(models, columns, figures, legends))
    if title:
        children.insert(0, _text(models, title, styles=_HEADING))
    children.append(
        models.Row(
            children=figures, spacing=12, styles=_WRAP, sizing_mode="stretch_width"
        )
    )
    return models.Column(
        children=children,
        stylesheets=[models.GlobalInlineStyleSheet(css=scripts.ONE_TOOLTIP)],
        spacing=8,
        margin=16,
        sizing_mode="stretch_width",
    )


def write_interactive(
    maps: Mapping[str, ArrayLike],
    documents: pd.DataFrame,
    out: str | Path,
    *,
    color: Sequence[str] = ("register", "language"),
    hover: str = "text",
    title: str = "",
) -> Path:
    """Write `plot_interactive` as one HTML file that opens without a network.

    Parameters and errors are those of `plot_interactive`; ``out`` is the file. Returns
    its path.

    Examples
    --------
    >>> import pandas as pd
    >>> from tempfile import mkdtemp
    >>> from embetter_reg.plots import write_interactive
    >>> documents = pd.DataFrame({"register": ["NA", "HI"], "text": ["Once", "Mix"]})
    >>> out = f"{mkdtemp()}/map.html"
    >>> maps = {"tuned": [[0, 0], [1, 1]]}
    >>> write_interactive(maps, documents, out, color=["register"]).name
    'map.html'

    """
    layout = plot_interactive(maps, documents, color=color, hover=hover, title=title)
    page = _bokeh("embed").file_html(layout, _bokeh("resources").INLINE, title or "Map")
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, lambda draft: draft.write_text(page, encoding="utf-8"))
    return out


def _bokeh(module: str) -> Any:
    package = '"embetter-reg[plots]"'
    return optional_import(
        f"bokeh.{module}", package=package, purpose="an interactive map"
    )


def _data(
    maps: Mapping[str, ArrayLike],
    documents: pd.DataFrame,
    columns: list[str],
    hover: str,
) -> dict[str, np.ndarray]:
    """Return points, labels and texts by the names that the page knows them by."""
    absent = [name for name in (*columns, hover) if name not in documents]
    if absent or not columns or not maps:
        raise ValueError(
            f"got {len(maps)} maps and the columns {columns} and {hover!r}, expected "
            f"at least one map, and columns out of {list(documents.columns)}; pass "
            "those"
        )
    data = {name: label_names(documents[name]) for name in columns}
    data["hover"] = label_names(documents[hover])
    for n, (name, points) in enumerate(maps.items()):
        points = np.asarray(points)
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError(
                f"got the map {name!r} of shape {points.shape}, expected "
                "(n_documents, 2); reduce it"
            )
        points = check_space(name, points).astype(np.float32)
        check_same_length(**{name: points, "documents": documents})
        data[f"x{n}"] = points[:, 0]
        data[f"y{n}"] = points[:, 1]
    return data


def _figure(n: int, name: str, source, columns: list[str]):
    from bokeh.models import HoverTool
    from bokeh.plotting import figure

    plot = figure(
        title=_literal(name),
        height=470,
        min_width=_NARROWEST,
        sizing_mode="stretch_width",
        tools="pan,wheel_zoom,box_select,lasso_select,reset,save",
        active_scroll="wheel_zoom",
        active_drag="lasso_select",
        output_backend="webgl" if len(source.data["hover"]) > _MANY else "canvas",
    )
    labels = " · ".join(f"@{{{column}}}" for column in columns)
    plot.add_tools(HoverTool(tooltips=scripts.TOOLTIP.format(labels=labels), limit=1))
    for axis, extent in (("x", plot.x_range), ("y", plot.y_range)):
        values = source.data[f"{axis}{n}"]
        pad = 0.05 * float(np.ptp(values)) or 1.0
        # Fixed, so that hiding and filtering leave the map where it is.
        extent.update(start=float(values.min()) - pad, end=float(values.max()) + pad)
    plot.axis.visible = False
    plot.grid.visible = False
    plot.outline_line_color = "#CCCCCC"
    return plot


def _draw_column(models, figures, source, column: str, filter_, visible: bool):
    """Draw every map once by the labels of a column, and return their legend."""
    n_documents = len(source.data["hover"])
    size = float(np.clip(180 / np.sqrt(n_documents), 4, 9))
    styles = label_styles(source.data[column])
    items = {}
    for label in drawing_order(styles):
        shade, marker = styles[label]
        group = models.GroupFilter(column_name=column, group=label)
        renderers = [
            plot.scatter(
                f"x{n}",
                f"y{n}",
                source=source,
                view=models.CDSView(filter=group & filter_),
                color=shade,
                marker=_MARKERS[marker],
                size=size / 2 if label == UNKNOWN else size,
                line_color="white",
                line_width=0.3,
                fill_alpha=0.8,
                nonselection_fill_alpha=0.08,
                nonselection_line_alpha=0.0,
                visible=visible,
                name=column,
            )
            for n, plot in enumerate(figures)
        ]
        # The legend stands beside the first map and hides in all.
        for other in renderers[1:]:
            renderers[0].js_link("visible", other, "visible")
        short = textwrap.shorten(full_name(label), _LONGEST_LABEL, placeholder=" …")
        items[label] = models.LegendItem(label=_literal(short), renderers=renderers[:1])
    return models.Legend(
        items=[items[label] for label in styles],
        title=_literal(column),
        click_policy="hide",
        visible=visible,
        name=column,
        ncols=-(-len(items) // _LEGEND_ROWS),
        border_line_alpha=0,
        label_text_font_size="12px",
        spacing=0,
        padding=0,
        margin=4,
    )


def _share_the_width(figures, legends) -> None:
    """Let maps fill a row, wrap where it is narrow, and be alike beside the legend."""
    labels = [item.label.value for legend in legends for item in legend.items]
    legend_width = 27 + 7 * max(map(len, labels))
    for n, plot in enumerate(figures):
        width = _USUAL_WIDTH + (legend_width if n == 0 else 0)
        plot.styles = {"flex": f"{width} 1 {width}px"}
    if len(figures) == 1:
        figures[0].height = _HEIGHT_ALONE


def _copy_on_click(models, figures, source, columns, legends, note) -> None:
    labels = [drawing_order(label_styles(source.data[column])) for column in columns]
    arguments = {"source": source, "note": note, "legends": legends}
    arguments |= {"columns": columns, "labels": labels}
    callback = models.CustomJS(args=arguments, code=scripts.COPY)
    for plot in figures:
        plot.add_tools(models.TapTool(callback=callback))


def _fields(models, source, filter_, columns: list[str]) -> list:
    """Return a row of fields, one a column, that keep some labels."""
    labels = [list(label_styles(source.data[column])) for column in columns]
    choices = []
    for column, names in zip(columns, labels, strict=True):
        # Bokeh sets what an option shows as HTML.
        texts = [escape(full_name(name)) for name in names]
        options = [(str(place), text) for place, text in enumerate(texts)]
        field = models.MultiChoice(
            title=_literal(column), options=options, placeholder="all", width=260
        )
        choices.append(field)
    arguments = {"source": source, "filter": filter_, "choices": choices}
    arguments |= {"columns": columns, "labels": labels}
    callback = models.CustomJS(args=arguments, code=scripts.FILTER)
    for choice in choices:
        choice.js_on_change("value", callback)
    return [models.Row(children=choices, spacing=12, styles=_WRAP)]


def _color_buttons(models, columns: list[str], figures, legends):
    """Return buttons that choose the column that colors."""
    buttons = models.RadioButtonGroup(
        labels=[f"color by {column}" for column in columns], active=0
    )
    renderers = [renderer for plot in figures for renderer in plot.renderers]
    arguments = {"columns": columns, "renderers": renderers, "legends": legends}
    callback = models.CustomJS(args=arguments, code=scripts.RECOLOR)
    buttons.js_on_change("active", callback)
    return buttons


def _text(models, text: str, **options):
    """Return a line of text that is shown as it stands."""
    return models.Div(text=text, render_as_text=True, disable_math=True, **options)


def _literal(text: str) -> str:
    """Return text that Bokeh does not read as a formula, with the same looks."""
    for delimiter in ("$$", r"\(", r"\)", r"\[", r"\]"):
        text = text.replace(delimiter, f"{delimiter[0]}\u200b{delimiter[1]}")
    return text
