"""The controls of the page, and how they are laid out. They hold no state of their own
but what a person has typed and picked.
"""

from functools import partial
from html import escape
from importlib.util import find_spec
from typing import Any

from bokeh.layouts import column, row
from bokeh.models import (
    Button,
    Checkbox,
    CheckboxButtonGroup,
    Div,
    FileInput,
    InlineStyleSheet,
    RadioButtonGroup,
    Select,
    TextInput,
    UIElement,
)

from embetter_reg.corpus.registers import current_scheme
from embetter_reg.label import _style as style
from embetter_reg.label._search import ANY
from embetter_reg.label._session import MODES, PAGE, POLICIES

_COLORS = [
    ("label", "Label"),
    ("predicted", "Predicted label"),
    ("suggested", "Label or predicted"),
    ("language", "Language"),
    ("cluster", "Cluster"),
    ("labeled", "Labeled or not"),
]
_ORDERS = [("typical", "Most typical first"), ("doubtful", "Most doubtful first")]
_POLICIES = dict(zip(POLICIES, ("Keep", "Overrule", "Add"), strict=True))
_HINT = """
Nothing is selected. Draw a lasso or a box on the map, tap a document, or let <b>Next
region</b> choose. Hold <kbd>Shift</kbd> to add, <kbd>Ctrl</kbd> to subtract. Selected
documents are listed here; those that you untick are left out. Then pick a label,
several for a hybrid, and apply it.
"""
_NEXT = (
    "The region where predictions are least sure, or labels that the two nearest "
    "labeled documents both contradict."
)
KEYS = {
    "1–9": "label on or off",
    "Enter": "apply",
    "c": "confirm what is predicted",
    "x": "take labels off",
    "k o p": "labels that are there: keep, overrule, add",
    "u": "undo",
    "r": "redo",
    "n a s": "new, add, subtract",
    "g": "next region",
    "d": "doubtful labels",
    "← →": "turn the page of the list",
    "t": "tune again",
    "Esc": "select nothing",
}
# The one piece of JavaScript: Bokeh has no event for keys. It passes the name of a key
# on, unless text is being typed.
PASS_KEYS = """
document.addEventListener("keydown", (event) => {
  const at = event.composedPath()[0]
  const typing = at.isContentEditable || ["TEXTAREA", "SELECT"].includes(at.tagName) ||
    (at.tagName == "INPUT" && at.type != "checkbox")
  const pressing = at.tagName == "BUTTON" && ["Enter", " "].includes(event.key)
  if (typing || event.altKey || pressing) return
  const held = event.ctrlKey || event.metaKey ? "ctrl+" : ""
  keys.value = `${held}${event.key} ${event.timeStamp}`
})
"""
_EXPORTS = {
    "labels.jsonl": "JSON lines",
    "labels.csv": "CSV",
    "bulk.csv": "bulk (text, x, y)",
}
_PAGE_CSS = (
    ":host { max-width: 1700px; margin: 0 auto; padding: 4px 10px; "
    "box-sizing: border-box; }"
)


class Controls:
    """The widgets of one page.

    Parameters
    ----------
    languages : list of str
        Those that the search offers.

    """

    def __init__(self, languages: list[str]):
        self._css = InlineStyleSheet(css=style.PAGE_CSS)
        self._make_texts()
        self._make_search(languages)
        self._make_labeling()
        self._make_suggestions()
        self.cards = [Card(self.div) for _ in range(PAGE)]
        self.card_list = column(
            *(card.row for card in self.cards),
            sizing_mode="stretch_width",
            styles={"max-height": "540px", "overflow-y": "auto"},
            visible=False,
        )
        self.pager = _line(self.back, self.pages, self.forward)

    def div(self, text: str = "", **options: Any) -> Div:
        """Return a piece of HTML, in which nothing is mathematics."""
        options = {"sizing_mode": "stretch_width", **options}
        return Div(text=text, disable_math=True, stylesheets=[self._css], **options)

    def note(self, html: str) -> Div:
        """Return a piece of HTML in gray."""
        return self.div(f"<div class='dim'>{html}</div>")

    def _make_texts(self) -> None:
        self.status = self.div()
        self.legend = self.div()
        self.counts = self.div()
        self.tuning = self.div()
        self.pages = self.div(styles={"text-align": "center"})
        self.list_title = self.div(styles={"flex": "1 1 200px"})
        self.hint = self.note(_HINT)
        self.keys = TextInput(visible=False)

    def _make_search(self, languages: list[str]) -> None:
        offered = [(ANY, "Any language"), *((name, name) for name in languages)]
        self.query = TextInput(placeholder="Search the texts", width=210)
        self.only_label = Select(options=[ANY], value=ANY, width=120)
        self.only_language = Select(options=offered, value=ANY, width=120)
        self.select_matches = Button(label="Select what was found", width=160)
        self.color = Select(options=_COLORS, value="label", width=165)
        rounds = [("0", "0 · original space")]
        self.round = Select(options=rounds, value="0", width=250)
        modes = [mode.capitalize() for mode in MODES]
        self.mode = RadioButtonGroup(labels=modes, active=0)

    def _make_labeling(self) -> None:
        self.labels = CheckboxButtonGroup(
            labels=[], active=[], sizing_mode="stretch_width"
        )
        subs = list(current_scheme().parents)
        examples = "".join(f"{sub}, " for sub in subs[:2])
        self.typed = TextInput(placeholder=f"Other labels: {examples}…", width=180)
        self.apply = Button(label="Apply", button_type="primary", width=70)
        self.confirm = Button(
            label="Confirm predicted", button_type="success", width=130, visible=False
        )
        self.take_off = Button(label="Take off", width=75)
        self.undo = Button(label="Undo", width=55)
        self.redo = Button(label="Redo", width=55)
        self.labeled = self.div(visible=False, styles={"flex": "1 1 180px"})
        policies = list(_POLICIES.values())
        self.policy = RadioButtonGroup(labels=policies, active=0, visible=False)
        self.order = Select(options=_ORDERS, value="typical", width=170)
        self.clear = Button(label="Select nothing", width=110)
        self.back = Button(label="‹", width=40)
        self.forward = Button(label="›", width=40)

    def _make_suggestions(self) -> None:
        methods = [("neighbors", "by neighbors")]
        if find_spec("cleanlab"):
            methods.append(("cleanlab", "by cleanlab"))
        self.region = Button(label="Next region", width=110)
        self.doubtful = Button(label="Doubtful labels", width=120)
        self.method = Select(options=methods, value="neighbors", width=130)
        self.tune = Button(label="Tune again", button_type="success", width=110)
        self.file = FileInput(accept=".jsonl,.json,.csv,.tsv", width=230)

    def offer_labels(self, scheme: list[str]) -> None:
        """Make a button of each label, in its color."""
        names = [f"{n} {name}" if n < 10 else name for n, name in enumerate(scheme, 1)]
        if self.labels.labels == names:
            return
        styles = style.group_styles(scheme)
        rules = "".join(
            f".bk-btn-group > :nth-child({n}) "
            f"{{ border-bottom: 4px solid {styles[name][0]} }}"
            for n, name in enumerate(scheme, 1)
        )
        flow = (
            ".bk-btn-group { flex-wrap: wrap } "
            ".bk-btn-group > * { flex: 1 0 auto; font-weight: 600 }"
        )
        self.labels.stylesheets = [flow + rules]
        self.labels.labels = names


class Card:
    """A document of the list: a tick and its text."""

    def __init__(self, div: Any):
        self.box = Checkbox(active=True, width=20, margin=(6, 0, 0, 5))
        self.text = div(margin=(3, 5, 3, 0))
        self.row = row(self.box, self.text, sizing_mode="stretch_width")


def lay_out(controls: Controls, figure: UIElement, log_name: str, by: str) -> UIElement:
    """Return the whole page."""
    title = controls.div(
        f"<h1>Label <span class='dim'>{escape(log_name)} · you are "
        f"{escape(by or 'nobody')}</span></h1>",
        styles={"flex": "3 1 300px"},
    )
    # As wide as the opened list, so that it has a line of its own on a narrow page.
    shortcuts = controls.div(_shortcuts(), styles={"flex": "1 1 260px"})
    panes = row(
        _map_pane(controls, figure),
        _list_pane(controls),
        sizing_mode="stretch_width",
        styles={"flex-wrap": "wrap", "gap": "0 16px"},
    )
    return column(
        _line(title, shortcuts),
        controls.status,
        panes,
        _panels(controls),
        controls.keys,
        sizing_mode="stretch_width",
        stylesheets=[_PAGE_CSS],
        name="page",
    )


def _map_pane(controls: Controls, figure: UIElement) -> UIElement:
    c = controls
    return column(
        _line(c.query, c.only_label, c.only_language, c.select_matches),
        _line(c.color, c.round, c.mode),
        figure,
        c.legend,
        sizing_mode="stretch_width",
        styles={"flex": "3 1 560px", "min-width": "0"},
    )


def _list_pane(controls: Controls) -> UIElement:
    c = controls
    return column(
        c.labels,
        _line(c.typed, c.apply, c.confirm, c.take_off, c.undo, c.redo),
        _line(c.labeled, c.policy),
        _line(c.list_title, c.order, c.clear),
        c.hint,
        c.card_list,
        c.pager,
        styles={"flex": "2 1 380px", "min-width": "0"},
    )


def _panels(controls: Controls) -> UIElement:
    c = controls
    links = " · ".join(
        f'<a href="export/{name}" download>{title}</a>'
        for name, title in _EXPORTS.items()
    )
    panel = partial(_panel, controls)
    return row(
        panel("Next", _line(c.region, c.doubtful, c.method), c.note(_NEXT)),
        panel("Tune again", _line(c.tune), c.tuning),
        panel("Counts", c.counts),
        panel("Export and import", c.note(links), c.file),
        sizing_mode="stretch_width",
        styles={"flex-wrap": "wrap", "gap": "0 24px"},
    )


def _panel(controls: Controls, title: str, *children: UIElement) -> UIElement:
    styles = {
        "flex": "1 1 300px",
        "min-width": "0",
        "border-top": "1px solid #e5e7eb",
        "padding": "8px 0",
    }
    return column(controls.div(f"<h2>{title}</h2>"), *children, styles=styles)


def _line(*children: UIElement) -> UIElement:
    return row(
        *children,
        styles={"flex-wrap": "wrap", "align-items": "center"},
        sizing_mode="stretch_width",
    )


def _shortcuts() -> str:
    lines = []
    for keys, action in KEYS.items():
        caps = "".join(f"<kbd>{key}</kbd> " for key in keys.split())
        lines.append(
            f"<tr><td>{caps}</td><td style='text-align:left'>{escape(action)}</td></tr>"
        )
    return (
        f"<details><summary>Keyboard</summary><table>{''.join(lines)}</table></details>"
    )
