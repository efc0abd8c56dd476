"""The map as a Bokeh figure: points, rings around the selected ones, and the density of
those that are not drawn.
"""

from typing import Any

import numpy as np
from bokeh.models import (
    BoxSelectTool,
    ColumnDataSource,
    HoverTool,
    LassoSelectTool,
    LinearColorMapper,
    PanTool,
    Range1d,
    ResetTool,
    WheelZoomTool,
)
from bokeh.plotting import figure

from embetter_reg.label._map import density

_TAP_REACH = 10  # pixels
_TIPS = """
<div style="max-width:380px;font:13px/1.4 system-ui,sans-serif">
<b>@label</b> <span style="color:#6b7280">@language · @name</span>
<div dir="auto" style="white-space:normal;overflow-wrap:anywhere">@text</div></div>
"""
_COLUMNS = ("x", "y", "color", "marker", "alpha", "text", "label", "language", "name")
_NO_IMAGE: dict[str, Any] = {"image": [], "x": [], "y": [], "dw": [], "dh": []}


class MapFigure:
    """The figure and its data; it knows places, colors and markers, no labels.

    Attributes
    ----------
    figure : bokeh.plotting.figure
    rows : array of int
        The documents that are drawn.

    """

    def __init__(self) -> None:
        self.rows = np.arange(0)
        self._painted: dict[str, Any] = {}
        self.figure = figure(
            height=560,
            sizing_mode="stretch_width",
            x_range=Range1d(0, 1),
            y_range=Range1d(0, 1),
            tools="",
            output_backend="webgl",
            toolbar_location="above",
            background_fill_color="#fcfcfd",
            name="map",
        )
        self.figure.axis.visible = False
        self.figure.grid.visible = False
        self.figure.outline_line_color = "#d5d9de"
        self._draw_layers()
        self._add_tools()

    def _draw_layers(self) -> None:
        self._ground = ColumnDataSource(_NO_IMAGE)
        shares = np.linspace(0, 0.55, 64)
        grays = [f"rgba(90, 100, 115, {share:.3f})" for share in shares]
        self.figure.image(
            "image",
            "x",
            "y",
            "dw",
            "dh",
            source=self._ground,
            color_mapper=LinearColorMapper(grays, low=0, high=1),
        )
        # Bokeh's own selection mixes up markers of several shapes in WebGL. Instead, a
        # ring lies under each selected document, so that where many lie close the
        # colors stay on top.
        self._rings = ColumnDataSource({"x": [], "y": []})
        self._ring = self.figure.scatter(
            "x",
            "y",
            marker="circle",
            fill_color="#ffffff",
            line_color="#111827",
            source=self._rings,
        ).glyph
        self._source = ColumnDataSource({name: [] for name in _COLUMNS})
        self._points = self.figure.scatter(
            "x",
            "y",
            marker="marker",
            color="color",
            alpha="alpha",
            size=8,
            source=self._source,
        )

    def _add_tools(self) -> None:
        # The server knows all documents, so it selects; the browser only reports the
        # shape that was drawn.
        lasso = LassoSelectTool(renderers=[], continuous=False)
        box = BoxSelectTool(renderers=[], continuous=False)
        wheel = WheelZoomTool()
        hover = HoverTool(renderers=[self._points], tooltips=_TIPS, limit=1)
        self.figure.add_tools(lasso, box, PanTool(), wheel, ResetTool(), hover)
        self.figure.toolbar.active_drag = lasso
        self.figure.toolbar.active_scroll = wheel
        self.figure.toolbar.logo = None

    def show(
        self,
        rows: np.ndarray,
        places: np.ndarray,
        shown: dict[str, list[str]],
        painted: dict[str, Any],
    ) -> None:
        """Draw some of the documents.

        Parameters
        ----------
        rows : array of int
        places : array of shape (n_documents, 2)
        shown : dict of columns
            For the tooltip: "text", "language" and "name", one value a row.
        painted : dict of columns
            As for `paint`.

        """
        self.rows = rows
        size = float(np.clip(220 / np.sqrt(max(len(rows), 1)), 4, 10))
        self._points.glyph.size = size
        self._ring.size = size + 4
        x, y = places[rows].T
        self._source.data = {"x": x, "y": y, **shown, **painted}

    def paint(self, painted: dict[str, Any]) -> None:
        """Change "color", "marker" and "label", one value a drawn document, together
        with the next `mark`: a browser draws all anew at each change.
        """
        self._painted = painted

    def mark(self, selected: np.ndarray, alpha: np.ndarray) -> None:
        """Ring the selected ones of the drawn documents, and dim the others."""
        if selected.any():
            alpha = np.where(selected, 1.0, 0.4 * alpha)
        self._source.data.update({**self._painted, "alpha": alpha})
        self._painted = {}
        self._rings.data = {
            axis: np.asarray(self._source.data[axis])[selected] for axis in ("x", "y")
        }

    def show_density(self, places: np.ndarray | None) -> None:
        """Draw how many documents lie where, or nothing."""
        if places is None:
            self._ground.data = _NO_IMAGE
            return
        ground = density(places)
        image = np.log1p(ground.counts) / np.log1p(ground.counts.max())
        self._ground.data = {
            "image": [image.astype(np.float32)],
            "x": [ground.left],
            "y": [ground.bottom],
            "dw": [ground.width],
            "dh": [ground.height],
        }

    def show_all(self, places: np.ndarray) -> None:
        """Move the view to the whole map."""
        for axis, span in enumerate((self.figure.x_range, self.figure.y_range)):
            low = float(places[:, axis].min())
            high = float(places[:, axis].max())
            pad = 0.04 * (high - low) or 1.0
            start, end = low - pad, high + pad
            span.update(start=start, end=end, reset_start=start, reset_end=end)

    @property
    def reach(self) -> tuple[float, float]:
        """How far a tap reaches along x and along y, in the map's own coordinates."""
        x: Any = self.figure.x_range
        y: Any = self.figure.y_range
        width = self.figure.inner_width or 600
        height = self.figure.inner_height or 500
        return (
            _TAP_REACH * abs(x.end - x.start) / width,
            _TAP_REACH * abs(y.end - y.start) / height,
        )
