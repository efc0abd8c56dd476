"""The page: a thin Bokeh document over a session. It draws what the session says and
tells it what was done.
"""

import base64
from collections import Counter
from functools import partial
from html import escape
from importlib.util import find_spec
from typing import Any

import numpy as np
from bokeh.document import Document
from bokeh.events import PanStart, PointEvent, SelectionGeometry, Tap
from bokeh.layouts import column, row
from bokeh.models import (
    BoxSelectTool,
    Button,
    Checkbox,
    CheckboxButtonGroup,
    ColumnDataSource,
    CustomJS,
    Div,
    FileInput,
    HoverTool,
    InlineStyleSheet,
    LassoSelectTool,
    LinearColorMapper,
    PanTool,
    RadioButtonGroup,
    Range1d,
    ResetTool,
    Select,
    TextInput,
    WheelZoomTool,
)
from bokeh.plotting import figure

from embetter_reg.label import _style as style
from embetter_reg.label._export import import_labels
from embetter_reg.label._map import density, grid_cells, stratified_sample
from embetter_reg.label._session import ANY, MODES, PAGE, Session
from embetter_reg.label._workspace import HYBRID, NOBODY, Workspace, parse_label

MAX_SHOWN = 10_000  # documents in the browser; a density layer stands for the rest
_POLL = 400  # milliseconds
_TAP_REACH = 10  # pixels
_COLORS = [
    ("label", "Label"),
    ("predicted", "Predicted label"),
    ("language", "Language"),
    ("cluster", "Cluster"),
    ("labeled", "Labeled or not"),
]
_ORDERS = [("typical", "Most typical first"), ("doubtful", "Most doubtful first")]
_TIPS = """
<div style="max-width:380px;font:13px/1.4 system-ui,sans-serif">
<b>@label</b> <span style="color:#6b7280">@language · @name</span>
<div style="white-space:normal;overflow-wrap:anywhere">@text</div></div>
"""
_HINT = """
Nothing is selected. Draw a lasso or a box on the map, tap a document, or let <b>Next region</b> choose. Hold
<kbd>Shift</kbd> to add, <kbd>Ctrl</kbd> to subtract. Selected documents are listed here; those that you untick are left
out. Then pick a label, several for a hybrid, and apply it.
"""
KEYS = {
    "1–9": "label on or off",
    "Enter": "apply",
    "x": "take labels off",
    "u": "undo",
    "r": "redo",
    "n a s": "new, add, subtract",
    "g": "next region",
    "d": "doubtful labels",
    "← →": "turn the page of the list",
    "t": "tune again",
    "Esc": "select nothing",
}
# The one piece of JavaScript: Bokeh has no event for keys. It passes the name of a key on, unless text is being typed.
_PASS_KEYS = """
document.addEventListener("keydown", (event) => {
  const at = event.composedPath()[0]
  const typing = at.isContentEditable || ["TEXTAREA", "SELECT"].includes(at.tagName) ||
    (at.tagName == "INPUT" && at.type != "checkbox")
  if (typing || event.altKey || (at.tagName == "BUTTON" && ["Enter", " "].includes(event.key))) return
  const held = event.ctrlKey || event.metaKey ? "ctrl+" : ""
  keys.value = `${held}${event.key} ${event.timeStamp}`
})
"""


class Page:
    """The document of one session.

    Parameters
    ----------
    work : Workspace
    by : str
        Who it is.
    document : bokeh.document.Document
        Empty; it is filled.
    max_shown : int
        Documents that go to the browser.

    """

    def __init__(
        self,
        work: Workspace,
        by: str,
        document: Document,
        *,
        max_shown: int = MAX_SHOWN,
    ):
        self.work, self.session, self.document, self.max_shown = (
            work,
            Session(work, by),
            document,
            max_shown,
        )
        self.shown = np.arange(0)
        self._seen = (-1, -1)
        self._held_key = ""
        self._quiet = False
        self._cards: list[tuple[Checkbox, Div]] = []
        self._css = InlineStyleSheet(css=style.PAGE_CSS)
        self._make_map()
        self._make_widgets()
        document.title = f"{work.log.path.name} · embetter_reg"
        document.add_root(self._layout())
        document.js_on_event(
            "document_ready", CustomJS(args={"keys": self.keys}, code=_PASS_KEYS)
        )
        document.add_periodic_callback(self.poll, _POLL)
        self.show_map()
        self.say(
            f"{len(work.ids):,} documents. Draw a lasso around a region, pick a "
            "label, apply it."
        )

    # -- what there is on the page -------------------------------------------------------------------

    def _make_map(self) -> None:
        self.source = ColumnDataSource(
            {
                name: []
                for name in (
                    "x",
                    "y",
                    "color",
                    "marker",
                    "alpha",
                    "text",
                    "label",
                    "language",
                    "name",
                )
            }
        )
        self.cells = ColumnDataSource(
            {"image": [], "x": [], "y": [], "dw": [], "dh": []}
        )
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
        grays = [
            f"rgba(90, 100, 115, {share:.3f})" for share in np.linspace(0, 0.55, 64)
        ]
        self.figure.image(
            "image",
            "x",
            "y",
            "dw",
            "dh",
            source=self.cells,
            color_mapper=LinearColorMapper(grays, low=0, high=1),
        )
        # Bokeh's own selection is not used: it mixes up markers of several shapes in WebGL. A ring lies under each
        # selected document instead, so that where many lie close the colors stay on top.
        self.discs = ColumnDataSource({"x": [], "y": []})
        discs = self.figure.scatter(
            "x",
            "y",
            marker="circle",
            fill_color="#ffffff",
            line_color="#111827",
            source=self.discs,
        )
        points = self.figure.scatter(
            "x",
            "y",
            marker="marker",
            color="color",
            alpha="alpha",
            size=8,
            source=self.source,
        )
        self.point, self.disc = points.glyph, discs.glyph
        # The server knows all documents, so it selects; the browser only tells what was drawn.
        lasso, box = (
            LassoSelectTool(renderers=[], continuous=False),
            BoxSelectTool(renderers=[], continuous=False),
        )
        wheel = WheelZoomTool()
        self.figure.add_tools(
            lasso,
            box,
            PanTool(),
            wheel,
            ResetTool(),
            HoverTool(renderers=[points], tooltips=_TIPS, limit=1),
        )
        self.figure.toolbar.active_drag, self.figure.toolbar.active_scroll = (
            lasso,
            wheel,
        )
        self.figure.toolbar.logo = None
        self.figure.on_event(PanStart, self._hold)
        self.figure.on_event(SelectionGeometry, self._geometry)
        self.figure.on_event(Tap, self._tap)

    def _make_widgets(self) -> None:
        work = self.work
        div = partial(Div, stylesheets=[self._css], sizing_mode="stretch_width")
        self.status, self.legend, self.counts, self.tuning = (div() for _ in range(4))
        self.pages, self.list_title = div(styles={"text-align": "center"}), div()
        self.hint = self._note(_HINT, escaped=False)
        self.keys = TextInput(visible=False)
        self.query = TextInput(placeholder="Search the texts", width=210)
        self.only_label = Select(options=[ANY], value=ANY, width=120)
        self.only_language = Select(
            options=[
                (ANY, "Any language"),
                *((x, x) for x in sorted(set(work.language))),
            ],
            value=ANY,
            width=120,
        )
        self.select_found = Button(label="Select what was found", width=160)
        self.color = Select(options=_COLORS, value="label", width=150)
        self.which = Select(options=[("0", "0 · original space")], value="0", width=250)
        self.mode = RadioButtonGroup(
            labels=[mode.capitalize() for mode in MODES], active=0
        )
        self.order = Select(options=_ORDERS, value="typical", width=170)
        self.labels = CheckboxButtonGroup(
            labels=[], active=[], sizing_mode="stretch_width"
        )
        self.typed = TextInput(placeholder="Other labels: ne, rv, …", width=150)
        self.apply = Button(label="Apply", button_type="primary", width=70)
        self.take_off = Button(label="Take off", width=75)
        self.undo, self.redo = (
            Button(label="Undo", width=55),
            Button(label="Redo", width=55),
        )
        self.clear = Button(label="Select nothing", width=110)
        self.back, self.on = Button(label="‹", width=40), Button(label="›", width=40)
        self.tune = Button(label="Tune again", button_type="success", width=110)
        self.region = Button(label="Next region", width=110)
        self.doubtful = Button(label="Doubtful labels", width=120)
        methods = [
            ("neighbors", "by neighbors"),
            *([("cleanlab", "by cleanlab")] if find_spec("cleanlab") else []),
        ]
        self.method = Select(options=methods, value="neighbors", width=130)
        self.file = FileInput(accept=".jsonl,.json,.csv,.tsv", width=230)
        for _ in range(PAGE):
            self._cards.append(
                (
                    Checkbox(active=True, width=20, margin=(6, 0, 0, 5)),
                    div(margin=(3, 5, 3, 0)),
                )
            )
        self._listen()

    def _listen(self) -> None:
        for button, what in (
            (self.select_found, self._select_found),
            (self.apply, self.do_apply),
            (self.take_off, self.do_take_off),
            (self.undo, self.do_undo),
            (self.redo, self.do_redo),
            (self.clear, self.do_clear),
            (self.back, partial(self._turn, -1)),
            (self.on, partial(self._turn, 1)),
            (self.tune, self.do_tune),
            (self.region, self.do_region),
            (self.doubtful, self.do_doubtful),
        ):
            button.on_click(partial(self._doing, what))
        changes: Any = (
            (self.query, "value", lambda value: self._search(query=value)),
            (self.only_label, "value", lambda value: self._search(label=value)),
            (self.only_language, "value", lambda value: self._search(language=value)),
            (self.color, "value", lambda _: self.paint()),
            (self.which, "value", self._show_round),
            (self.mode, "active", self._set_mode),
            (self.order, "value", self._sort),
            (
                self.file,
                "value",
                lambda _: self.document.add_next_tick_callback(
                    partial(self._doing, self._import)
                ),
            ),
            (self.keys, "value", self._key),
        )
        for widget, prop, what in changes:
            widget.on_change(prop, partial(self._changed, what))
        for place, (box, _) in enumerate(self._cards):
            box.on_change("active", partial(self._changed, partial(self._tick, place)))

    def _layout(self):
        def panel(title: str, *children, width: str = "300px"):
            head = Div(text=f"<h2>{title}</h2>", stylesheets=[self._css])
            box = {
                "flex": f"1 1 {width}",
                "min-width": "0",
                "border-top": "1px solid #e5e7eb",
                "padding": "8px 0",
            }
            return column(head, *children, styles=box)

        def line(*children):
            return row(
                *children,
                styles={"flex-wrap": "wrap", "align-items": "center"},
                sizing_mode="stretch_width",
            )

        keys = "".join(
            f"<tr><td>{''.join(f'<kbd>{k}</kbd> ' for k in key.split())}</td><td "
            "style='text-align:left'>"
            f"{escape(what)}</td></tr>"
            for key, what in KEYS.items()
        )
        title = Div(
            text=f"<h1>Label <span class='dim'>{escape(self.work.log.path.name)} · you are "
            f"{escape(self.session.by or 'nobody')}</span></h1>",
            stylesheets=[self._css],
            styles={"flex": "1 1 300px"},
        )
        shortcuts = Div(
            text=f"<details><summary>Keyboard</summary><table>{keys}</table></details>",
            stylesheets=[self._css],
        )
        links = " · ".join(
            f'<a href="export/{name}" download>{shown}</a>'
            for name, shown in (
                ("labels.jsonl", "JSON lines"),
                ("labels.csv", "CSV"),
                ("bulk.csv", "bulk (text, x, y)"),
            )
        )
        left = column(
            line(self.query, self.only_label, self.only_language, self.select_found),
            line(self.color, self.which, self.mode),
            self.figure,
            self.legend,
            sizing_mode="stretch_width",
            styles={"flex": "3 1 560px", "min-width": "0"},
        )
        cards = [
            row(box, card, sizing_mode="stretch_width", visible=False)
            for box, card in self._cards
        ]
        self._card_rows = cards
        right = column(
            self.labels,
            line(self.typed, self.apply, self.take_off, self.undo, self.redo),
            line(self.list_title, self.order, self.clear),
            self.hint,
            column(
                *cards,
                sizing_mode="stretch_width",
                styles={"max-height": "540px", "overflow-y": "auto"},
            ),
            line(self.back, self.pages, self.on),
            styles={"flex": "2 1 380px", "min-width": "0"},
        )
        below = row(
            panel(
                "Next",
                line(self.region, self.doubtful, self.method),
                self._note(
                    "The region where predictions are least sure, or labels that the "
                    "two "
                    "nearest labeled documents "
                    "both contradict."
                ),
            ),
            panel("Tune again", line(self.tune), self.tuning),
            panel("Counts", self.counts),
            panel("Export and import", self._note(links, escaped=False), self.file),
            sizing_mode="stretch_width",
            styles={"flex-wrap": "wrap", "gap": "0 24px"},
        )
        return column(
            line(title, shortcuts),
            self.status,
            row(
                left,
                right,
                sizing_mode="stretch_width",
                styles={"flex-wrap": "wrap", "gap": "0 16px"},
            ),
            below,
            self.keys,
            sizing_mode="stretch_width",
            stylesheets=[
                ":host "
                "{ max-width: 1700px; margin: 0 auto; padding: 4px 10px; box-sizing: border-box; }"
            ],
            name="page",
        )

    def _note(self, text: str, escaped: bool = True) -> Div:
        shown = escape(text) if escaped else text
        return Div(
            text=f"<div class='dim'>{shown}</div>",
            stylesheets=[self._css],
            sizing_mode="stretch_width",
        )

    # -- drawing -------------------------------------------------------------------------------------

    def say(self, text: str, kind: str = "") -> None:
        """Show a sentence."""
        self.status.text = style.notice(text, kind)

    def show_map(self, keep_view: bool = False) -> None:
        """Draw the map of the session's round: a sample of what the search found, over
        the density of everything.
        """
        session, places = (
            self.session,
            np.asarray(self.session.round.places, np.float64),
        )
        found = np.flatnonzero(session.found)
        cells = grid_cells(places)[found]
        strata = [
            f"{language}/{cell}"
            for language, cell in zip(self.work.language[found], cells, strict=True)
        ]
        self.shown = (
            found[stratified_sample(strata, self.max_shown)] if len(found) else found
        )
        if len(found) > len(self.shown):
            ground = density(places)
            image = np.log1p(ground.counts) / np.log1p(ground.counts.max())
            self.cells.data = {
                "image": [image.astype(np.float32)],
                "x": [ground.left],
                "y": [ground.bottom],
                "dw": [ground.width],
                "dh": [ground.height],
            }
        else:
            self.cells.data = {"image": [], "x": [], "y": [], "dw": [], "dh": []}
        if not keep_view:
            for axis, span in ((0, self.figure.x_range), (1, self.figure.y_range)):
                low, high = float(places[:, axis].min()), float(places[:, axis].max())
                pad = 0.04 * (high - low) or 1.0
                span.update(
                    start=low - pad,
                    end=high + pad,
                    reset_start=low - pad,
                    reset_end=high + pad,
                )
        n = max(len(self.shown), 1)
        self.point.size = float(np.clip(220 / np.sqrt(n), 4, 10))
        self.disc.size = self.point.size + 4
        fixed = {
            "x": places[self.shown, 0],
            "y": places[self.shown, 1],
            "text": [style.snippet(self.work.text[r]) for r in self.shown],
            "language": self.work.language[self.shown].tolist(),
            "name": [self.work.ids[r] for r in self.shown],
        }
        self.source.data = {**fixed, **self._paints()}
        self.paint(again=False)

    def _paints(self) -> dict[str, Any]:
        self._groups = mine = self.session.groups(self.color.value, self.shown)
        styles, labels = style.group_styles(mine), self.work.labels
        return {
            "color": [styles[name][0] for name in mine],
            "marker": [styles[name][1] for name in mine],
            "alpha": np.ones(len(mine)),
            "label": [", ".join(labels[r]) or NOBODY for r in self.shown],
        }

    def paint(self, again: bool = True) -> None:
        """Color the map and bring everything that depends on labels up to date."""
        if again:
            self.source.data.update(self._paints())
        n_found = int(self.session.found.sum())
        counted = self._groups
        if (
            len(self.shown) < n_found and self.color.value != "predicted"
        ):  # which would take long
            counted = self.session.groups(
                self.color.value, np.flatnonzero(self.session.found)
            )
        sizes = Counter(counted.tolist())
        self.legend.text = style.legend(sizes, sizes)
        if len(self.shown) < n_found:
            self.legend.text += (
                f'<div class="dim">{len(self.shown):,} of {int(self.session.found.sum()):,} documents are drawn; '
                "the gray ground is how many lie where. A lasso selects all of "
                "them.</div>"
            )
        n_labeled = sum(map(bool, self.work.labels))
        self.counts.text = style.counts_table(
            self.work.counts(), n_labeled, len(self.work.ids)
        )
        self._quietly(self._offer)
        self.show_list()

    def _offer(self) -> None:
        """Offer the labels, filters and rounds that there are now."""
        scheme = self.work.scheme
        shown = [f"{n} {name}" if n < 10 else name for n, name in enumerate(scheme, 1)]
        if self.labels.labels != shown:
            styles = style.group_styles(scheme)
            rules = "".join(
                f".bk-btn-group > :nth-child({n}) "
                f"{{ border-bottom: 4px solid {styles[name][0]} }}"
                for n, name in enumerate(scheme, 1)
            )
            flow = ".bk-btn-group { flex-wrap: wrap } .bk-btn-group > * { flex: 1 0 auto; font-weight: 600 }"
            self.labels.stylesheets = [flow + rules]
            self.labels.labels = shown
        options = [
            (ANY, "Any label"),
            (NOBODY, "Not labeled"),
            *((x, x) for x in scheme),
            (HYBRID, "Hybrids"),
        ]
        if self.only_label.options != options:
            self.only_label.options = options
        rounds = []
        for number, one in sorted(self.work.rounds.items()):
            agreement = one.agreement
            known = agreement is not None and agreement.n
            gain = (
                f": agreement {agreement.before:.2f} → {agreement.after:.2f}"
                if agreement and known
                else ""
            )
            rounds.append(
                (
                    str(number),
                    f"{number} · tuned{gain}" if number else "0 · original space",
                )
            )
        if self.which.options != rounds:
            self.which.options = rounds
        self.which.value = str(self.session.number)
        state = self.work.log.state
        self.undo.disabled = state.next_undo(self.session.by) is None
        self.redo.disabled = state.next_redo(self.session.by) is None

    def show_list(self) -> None:
        """List the page of selected documents, and mark the selection on the map."""
        session = self.session
        self._mark()
        rows = session.on_page
        vote = self.work.vote(session.round.number, np.array(rows)) if rows else None
        predicted = vote.winners() if vote else [()] * len(rows)
        doubt = 1 - vote.sure if vote else np.ones(len(rows))
        labels = self.work.labels
        self._rows_on_page = rows

        def draw() -> None:
            for place, (box, card) in enumerate(self._cards):
                self._card_rows[place].visible = place < len(rows)
                if place >= len(rows):
                    continue
                r = rows[place]
                box.active = r not in session.unticked
                last = self.work.log.state.last(self.work.ids[r])
                card.text = style.card(
                    self.work.ids[r],
                    self.work.text[r],
                    str(self.work.language[r]),
                    labels[r],
                    predicted[place],
                    float(doubt[place]),
                    session.filter.query,
                    last.by if last else "",
                )

        self._quietly(draw)
        n = session.n_selected
        unticked = (
            f", {len(session.unticked):,} of them unticked" if session.unticked else ""
        )
        self.list_title.text = (
            f"<h2>{n:,} selected<span class='dim'>{unticked}</span></h2>"
        )
        self.pages.text = (
            f"page {session.page + 1} of {session.n_pages}" if n > PAGE else ""
        )
        self.hint.visible = n == 0
        self.back.visible = self.on.visible = n > PAGE
        self.apply.disabled = self.take_off.disabled = session.n_ticked == 0

    def _mark(self) -> None:
        """Mark the ticked documents on the map, and dim the others."""
        ticked = self.session.selected.copy()
        ticked[list(self.session.unticked)] = False
        mine = ticked[self.shown]
        alpha = np.where(self._groups == NOBODY, 0.55, 0.9)
        self.source.data["alpha"] = (
            np.where(mine, 1.0, 0.4 * alpha) if mine.any() else alpha
        )
        self.discs.data = {
            name: np.asarray(self.source.data[name])[mine] for name in ("x", "y")
        }

    def _quietly(self, what) -> None:
        self._quiet, before = True, self._quiet
        try:
            what()
        finally:
            self._quiet = before

    # -- what a person does --------------------------------------------------------------------------

    def _doing(self, what) -> None:
        """Do it, and say in a sentence what was wrong with it."""
        try:
            what()
        except (ValueError, OSError, ImportError) as error:
            self.say(str(error), "bad")

    def _changed(self, what, attr, old, new) -> None:
        if not self._quiet:
            self._doing(partial(what, new))

    def _hold(self, event: PointEvent) -> None:
        held = event.modifiers or {}
        self._held_key = (
            "subtract"
            if held.get("ctrl") or held.get("alt")
            else "add"
            if held.get("shift")
            else ""
        )

    def _geometry(self, event: SelectionGeometry) -> None:
        if not event.final:
            return
        shape: Any = event.geometry
        mode = self._held_key or None
        self._held_key = ""
        if shape["type"] == "poly":
            self.session.lasso(shape["x"], shape["y"], mode)
        elif shape["type"] == "rect":
            self.session.box(shape["x0"], shape["x1"], shape["y0"], shape["y1"], mode)
        else:
            return
        self.show_list()

    def _tap(self, event: Tap) -> None:
        width, height = self.figure.inner_width or 600, self.figure.inner_height or 500
        spans: Any = (self.figure.x_range, self.figure.y_range)
        reach = tuple(
            _TAP_REACH * abs(s.end - s.start) / size
            for s, size in zip(spans, (width, height), strict=True)
        )
        drawn = np.zeros(len(self.work.ids), bool)
        drawn[self.shown] = True
        self._hold(event)
        self.session.tap(
            float(event.x or 0),
            float(event.y or 0),
            reach,
            drawn,
            self._held_key or None,
        )
        self._held_key = ""
        self.show_list()

    def _search(self, **wanted) -> None:
        self.session.search(**wanted)
        self.show_map(keep_view=True)
        if self.session.is_narrowed:
            self.say(f"{int(self.session.found.sum()):,} documents found.")

    def _select_found(self) -> None:
        self.session.select_found()
        self.show_list()

    def _set_mode(self, active: int) -> None:
        self.session.mode = MODES[active]

    def _sort(self, order: str) -> None:
        self.session.sort(order)
        self.show_list()

    def _turn(self, pages: int) -> None:
        self.session.turn(pages)
        self.show_list()

    def _tick(self, place: int, on: bool) -> None:
        if place < len(self._rows_on_page):
            self.session.tick(self._rows_on_page[place], on)
            self.show_list()

    def _show_round(self, number: str) -> None:
        self.session.show_round(int(number))
        self.show_map()

    def _picked(self) -> list[str]:
        scheme = self.work.scheme
        return parse_label(
            [
                *(scheme[n] for n in self.labels.active),
                *parse_label(self.typed.value_input),
            ]
        )

    def do_apply(self) -> None:
        """Give the ticked documents the label that is picked and typed."""
        label = self._picked()
        if not label:
            raise ValueError(
                "got no label, expected at least one; pick one of the buttons, or "
                "type one"
            )
        self._label(label, f"labeled {', '.join(label)}")

    def do_take_off(self) -> None:
        """Take the labels of the ticked documents off."""
        self._label([], "without a label now")

    def _label(self, label: list[str], what: str) -> None:
        if not self.session.n_ticked:
            raise ValueError(
                "got no selected document, expected some; draw a lasso first"
            )
        applied = self.session.apply(label)
        self.labels.active, self.typed.value, self.typed.value_input = [], "", ""
        n = len(applied.event.id) if applied.event else 0
        left = len(applied.left)
        mine = (
            f"Saved: {n:,} document{'' if n == 1 else 's'} {what}."
            if n
            else "Nothing was changed."
        )
        others = (
            f" {left:,} had been labeled by somebody else in the meantime and stay "
            "as they are, selected here; apply "
            "again to change them."
            if left
            else ""
        )
        self.refresh()
        self.say(mine + others, "bad" if left else "good")

    def do_undo(self) -> None:
        """Take back one's last action."""
        self._turned(
            self.session.undo(), "taken back", "There is nothing of yours to undo."
        )

    def do_redo(self) -> None:
        """Bring it back."""
        self._turned(self.session.redo(), "brought back", "There is nothing to redo.")

    def _turned(self, event, what: str, nothing: str) -> None:
        self.refresh()
        if event is None:
            self.say(nothing)
        else:
            label = (
                f"the label {', '.join(event.label)} of"
                if event.label
                else "the change of"
            )
            self.say(f"Saved: {label} {len(event.id):,} documents was {what}.", "good")

    def do_clear(self) -> None:
        """Select nothing."""
        self.session.clear()
        self.show_list()

    def do_region(self) -> None:
        """Select the next region worth labeling."""
        n = self.session.suggest_region()
        self.show_list()
        self.say(
            f"{n:,} documents that are not labeled, where predictions are least "
            "sure. Once more for the next region."
            if n
            else "Every document is labeled."
        )

    def do_doubtful(self) -> None:
        """Select labels that look wrong."""
        n = self.session.suggest_doubtful(self.method.value)
        self._quietly(lambda: setattr(self.order, "value", self.session.order))
        self.show_list()
        self.say(
            f"{n:,} labeled documents whose label looks doubtful."
            if n
            else "No label looks doubtful."
        )

    def do_tune(self) -> None:
        """Begin a round, or stop the one that runs."""
        if self.work.job is not None:
            self.work.stop_tuning()
        else:
            self.work.start_tuning(self.session.by, on=self.session.number)
            self._waits_after = max(self.work.rounds)
        self.poll()

    def _import(self) -> None:  # a tick later, when the file's name is there too
        imported = import_labels(
            self.work,
            base64.b64decode(self.file.value),
            self.file.filename,
            by=self.session.by,
            round=self.session.round.number,
        )
        self.refresh()
        self.say(f"Saved: {imported.sentence()} Undo takes it back.", "good")

    def _key(self, value: str) -> None:
        key = value.rsplit(" ", 1)[0]
        if key in "123456789" and len(key) == 1:
            n = int(key) - 1
            if n < len(self.labels.labels):
                active = set(self.labels.active) ^ {n}
                self.labels.active = sorted(active)
            return
        if key in ("n", "a", "s"):
            self.mode.active = "nas".index(key)
            return
        todo: Any = {
            "Enter": self.do_apply,
            "x": self.do_take_off,
            "u": self.do_undo,
            "ctrl+z": self.do_undo,
            "r": self.do_redo,
            "ctrl+y": self.do_redo,
            "ctrl+Z": self.do_redo,
            "Escape": self.do_clear,
            "g": self.do_region,
            "d": self.do_doubtful,
            "t": self.do_tune,
            "ArrowLeft": partial(self._turn, -1),
            "ArrowRight": partial(self._turn, 1),
        }.get(key)
        if todo is not None:
            todo()

    # -- what others do ------------------------------------------------------------------------------

    _waits_after: int | None = None  # the newest round when tuning began

    def poll(self) -> None:
        """Take in what others did, and how tuning goes."""
        self.work.log.refresh()
        self.work.poll_tuning()
        self.work.load_rounds()
        job = self.work.job
        self.tune.label = "Tune again" if job is None else "Stop tuning"
        self.tune.button_type = "success" if job is None else "warning"
        self.tuning.text = (
            style.notice(
                self.work.news
                or "Fits a head on the labels so far; the new map stays in place."
            )
            if job is None
            else style.progress(job.what, job.share, job.seconds)
        )
        if self._waits_after is not None and job is None:
            before, self._waits_after = self._waits_after, None
            if self.work.last_round.number > before:
                self.session.show_round(self.work.last_round.number)
                self.show_map()
                agreement = self.session.round.agreement
                kind = (
                    ""
                    if agreement is None
                    else "good"
                    if agreement.low > 0
                    else "bad"
                    if agreement.high < 0
                    else ""
                )
                self.say(
                    f"This is the map of round {self.session.number}. {self.work.news}",
                    kind,
                )
        if self._seen != (self.work.log.state.n_events, len(self.work.rounds)):
            self.refresh()

    def refresh(self) -> None:
        """Draw again whatever labels decide."""
        self._seen = (self.work.log.state.n_events, len(self.work.rounds))
        if self.session.filter.label != ANY:
            self.session.narrow()
            self.show_map(keep_view=True)
        else:
            self.paint()
