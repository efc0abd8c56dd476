"""The page: what a person does on it becomes a call of the session, and the view draws
the result.
"""

import base64
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from bokeh.document import Document
from bokeh.events import PanStart, PointEvent, SelectionGeometry, Tap
from bokeh.models import CustomJS

from embetter_reg.label._export import import_labels
from embetter_reg.label._log import Applied, Event
from embetter_reg.label._search import ANY
from embetter_reg.label._session import MODES, POLICIES, Session
from embetter_reg.label._view import View
from embetter_reg.label._widgets import PASS_KEYS, Controls, lay_out
from embetter_reg.label._workspace import Workspace

MAX_SHOWN = 10_000  # documents in the browser; a density layer stands for the rest
_POLL = 400  # milliseconds
_REFUSED = (ValueError, TypeError, OSError, ImportError)
_log = logging.getLogger(__name__)


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
        self.work = work
        self.session = Session(work, by)
        self.document = document
        self.controls = Controls(work.languages)
        self.view = View(self.session, self.controls, max_shown)
        self._seen = (-1, -1)
        self._key_mode: str | None = None  # of a key that is held while drawing
        self._newest_before: int | None = None  # round, when tuning began
        self._listen()
        figure = self.view.map.figure
        document.title = f"{work.log.path.name} · embetter_reg"
        document.add_root(lay_out(self.controls, figure, work.log.path.name, by))
        pass_keys = CustomJS(args={"keys": self.controls.keys}, code=PASS_KEYS)
        document.js_on_event("document_ready", pass_keys)
        document.add_periodic_callback(partial(self._try, self.poll), _POLL)
        if work.suggested is not None:
            self.controls.color.value = "suggested"
        self.view.show_map()
        self._seen = self._state
        if work.log.warning:
            self.view.say(work.log.warning, "bad")
        elif work.suggested is not None:
            self.view.say(
                f"{len(work.ids):,} documents in the colors of predicted registers; "
                "pale ones are no labels yet. Draw a lasso around a region, untick what "
                "is wrong, and confirm, or apply another label."
            )
        else:
            self.view.say(
                f"{len(work.ids):,} documents. Draw a lasso around a region, pick a "
                "label, apply it."
            )

    def _listen(self) -> None:
        c = self.controls
        buttons = (
            (c.select_matches, self.select_matches),
            (c.apply, self.apply),
            (c.confirm, self.confirm),
            (c.take_off, self.take_off),
            (c.undo, self.undo),
            (c.redo, self.redo),
            (c.clear, self.clear),
            (c.back, partial(self.turn, -1)),
            (c.forward, partial(self.turn, 1)),
            (c.tune, self.tune),
            (c.region, self.suggest_region),
            (c.doubtful, self.suggest_doubtful),
        )
        for button, press in buttons:
            button.on_click(partial(self._try, press))
        changes: list[tuple[Any, str, Callable[[Any], object]]] = [
            (c.query, "value", lambda query: self.search(query=query)),
            (c.only_label, "value", lambda label: self.search(label=label)),
            (c.only_language, "value", lambda lang: self.search(language=lang)),
            (c.color, "value", lambda _: self.view.paint()),
            (c.round, "value", self.show_round),
            (c.mode, "active", self.set_mode),
            (c.order, "value", self.sort),
            (c.policy, "active", self.treat_labeled),
            (c.labels, "active", lambda _: self.view.show_labeled()),
            (c.typed, "value_input", lambda _: self.view.show_labeled()),
            (c.file, "value", self.import_soon),
            (c.keys, "value", self.press),
        ]
        for place, card in enumerate(c.cards):
            changes.append((card.box, "active", partial(self.tick, place)))
        for widget, name, change in changes:
            widget.on_change(name, partial(self._changed, change))
        figure = self.view.map.figure
        figure.on_event(PanStart, self.hold)
        figure.on_event(SelectionGeometry, self._event(self.draw_shape))
        figure.on_event(Tap, self._event(self.tap))

    def _try(self, action: Callable[[], object]) -> None:
        """Do it, and show a sentence if it is refused."""
        try:
            action()
        except _REFUSED as error:
            self.view.say(str(error), "bad")
        except Exception as error:
            # A fault of ours: a person must not take silence for success.
            _log.exception("an action on the labeling page failed")
            self.view.say(
                f"This failed ({type(error).__name__}: {error}). What was shown as "
                "saved is saved.",
                "bad",
            )

    def _changed(
        self, action: Callable[[Any], object], name: str, old: Any, new: Any
    ) -> None:
        if not self.view.is_drawing:
            self._try(partial(action, new))

    def _event(self, action: Callable[[Any], object]) -> Callable[[Any], None]:
        return lambda event: self._try(partial(action, event))

    # -- on the map --------------------------------------------------------------------

    def hold(self, event: PointEvent) -> None:
        """Remember the key that is held while a shape is drawn."""
        modifiers = event.modifiers or {}
        self._key_mode = None
        if modifiers.get("ctrl") or modifiers.get("alt"):
            self._key_mode = "subtract"
        elif modifiers.get("shift"):
            self._key_mode = "add"

    def draw_shape(self, event: SelectionGeometry) -> None:
        """Select what lies inside the lasso or box that was drawn."""
        if not event.final:
            return
        shape: Any = event.geometry
        mode = self._key_mode
        self._key_mode = None
        if shape["type"] == "poly":
            self.session.lasso(shape["x"], shape["y"], mode)
        elif shape["type"] == "rect":
            x0, x1, y0, y1 = (shape[name] for name in ("x0", "x1", "y0", "y1"))
            self.session.box(x0, x1, y0, y1, mode)
        else:
            return
        self.view.show_list()

    def tap(self, event: Tap) -> None:
        """Select the document under the pointer."""
        drawn = np.zeros(len(self.work.ids), bool)
        drawn[self.view.map.rows] = True
        self.hold(event)
        place = float(event.x or 0), float(event.y or 0)
        self.session.tap(*place, self.view.map.reach, drawn, self._key_mode)
        self._key_mode = None
        self.view.show_list()

    def show_round(self, number: str) -> None:
        """Show the map of another round."""
        self.session.show_round(int(number))
        self.view.show_map()

    # -- selecting and listing ---------------------------------------------------------

    def search(self, **wanted: str) -> None:
        """Narrow the map."""
        self.session.search(**wanted)
        self.view.show_map(keep_view=True)
        if not self.session.is_narrowed:
            return
        text = f"{int(self.session.visible.sum()):,} documents found."
        n_hidden = self.session.n_hidden
        if n_hidden:
            text += (
                f" {n_hidden:,} selected before are hidden by the search; a label "
                "leaves them as they are."
            )
        self.view.say(text)

    def select_matches(self) -> None:
        """Select what the search matches."""
        self.session.select_matches()
        self.view.show_list()

    def set_mode(self, active: int) -> None:
        """Choose what a shape does to the selection."""
        self.session.mode = MODES[active]

    def clear(self) -> None:
        """Select nothing."""
        self.session.clear()
        self.view.show_list()

    def sort(self, order: str) -> None:
        """List in another order."""
        self.session.sort(order)
        self.view.show_list()

    def turn(self, pages: int) -> None:
        """Turn the page of the list."""
        self.session.turn(pages)
        self.view.show_list()

    def tick(self, place: int, on: bool) -> None:
        """Tick or untick a document of the list."""
        rows = self.view.rows_on_page
        if place < len(rows):
            self.session.tick(rows[place], on)
            self.view.show_list()

    def treat_labeled(self, active: int) -> None:
        """Choose what a label does to documents that are labeled already."""
        self.session.treat_labeled(POLICIES[active])
        self.view.show_list()

    def suggest_region(self) -> None:
        """Select the next region worth labeling."""
        n = self.session.suggest_region()
        self.view.show_list()
        if n:
            self.view.say(
                f"{n:,} documents that are not labeled, where predictions are least "
                "sure. Once more for the next region."
            )
        else:
            self.view.say("Every document is labeled.")

    def suggest_doubtful(self) -> None:
        """Select labels that look wrong."""
        n = self.session.suggest_doubtful(self.controls.method.value)
        order = self.session.order
        self.view.quietly(lambda: self.controls.order.update(value=order))
        self.view.show_list()
        if n:
            self.view.say(
                f"{n:,} labeled documents whose label looks doubtful. Tick those that "
                "get another one."
            )
        else:
            self.view.say("No label looks doubtful.")

    # -- labeling ----------------------------------------------------------------------

    def apply(self) -> None:
        """Give the ticked documents the label that is picked and typed."""
        label = self.view.picked
        if not label:
            raise ValueError(
                "got no label, expected at least one; pick one of the buttons, or "
                "type one"
            )
        result = f"labeled {', '.join(label)}"
        if self.session.policy == "add":
            result = f"also {result}"
        self._label(partial(self.session.apply, label), result)

    def confirm(self) -> None:
        """Give each ticked document the label that is predicted for it."""
        self._label(self.session.confirm, "labeled as predicted")

    def take_off(self) -> None:
        """Take the labels of the ticked documents off."""
        self._label(partial(self.session.apply, []), "without a label now")

    def _label(self, action: Callable[[], Applied], result: str) -> None:
        self._check_ticked()
        n_kept = len(set(self.session.labeled) & self.session.unticked)
        n_hidden = self.session.n_hidden
        applied = action()
        self.controls.labels.active = []
        self.controls.typed.update(value="", value_input="")
        text = "Nothing was changed."
        if applied.n_labeled:
            text = f"Saved: {_documents(applied.n_labeled)} {result}."
        if n_kept:
            text += f" {n_kept:,} labeled before and unticked stay as they were."
        if n_hidden:
            text += f" {n_hidden:,} hidden by the search stay as they were, selected."
        n_left = len(applied.left)
        kind = "good"
        if n_left:
            kind = "bad"
            text += (
                f" {n_left:,} had been labeled by somebody else in the meantime and "
                "stay as they are, selected here; apply again to change them."
            )
        self.refresh()
        self.view.say(text, kind)

    def _check_ticked(self) -> None:
        session = self.session
        if session.n_ticked:
            return
        if len(session.listed):
            raise ValueError(
                f"got {len(session.listed):,} selected documents of which none is "
                "ticked, expected some; tick those that the label is for, or choose "
                "Overrule or Add for those that are labeled already"
            )
        if session.n_hidden:
            raise ValueError(
                f"got {session.n_hidden:,} selected documents that the search hides, "
                "expected some that are shown; clear the search, or select others"
            )
        raise ValueError("got no selected document, expected some; draw a lasso first")

    def undo(self) -> None:
        """Take back one's last action."""
        event = self.session.undo()
        self._show_turn(event, "taken back", "There is nothing of yours to undo.")

    def redo(self) -> None:
        """Bring it back."""
        event = self.session.redo()
        self._show_turn(event, "brought back", "There is nothing to redo.")

    def _show_turn(self, event: Event | None, result: str, nothing: str) -> None:
        self.refresh()
        if event is None:
            self.view.say(nothing)
            return
        change = "the change of"
        if event.label:
            change = f"the label {', '.join(event.label)} of"
        self.view.say(
            f"Saved: {change} {len(event.id):,} documents was {result}.", "good"
        )

    def import_soon(self, _: str) -> None:
        """Import a file a tick later, when its name has arrived too."""
        self.document.add_next_tick_callback(partial(self._try, self._import))

    def _import(self) -> None:
        imported = import_labels(
            self.work,
            base64.b64decode(self.controls.file.value),
            self.controls.file.filename,
            by=self.session.by,
            round=self.session.round.number,
        )
        self.refresh()
        self.view.say(f"Saved: {imported.sentence()} Undo takes it back.", "good")

    # -- keys --------------------------------------------------------------------------

    def press(self, value: str) -> None:
        """Do what a key stands for."""
        key = value.rsplit(" ", 1)[0]
        if len(key) == 1 and key in "123456789":
            self._toggle_label(int(key) - 1)
        elif key in ("n", "a", "s"):
            self.controls.mode.active = "nas".index(key)
        elif key in ("k", "o", "p"):
            self.treat_labeled("kop".index(key))
        elif key in self._actions:
            self._actions[key]()

    @property
    def _actions(self) -> dict[str, Callable[[], None]]:
        return {
            "Enter": self.apply,
            "c": self.confirm,
            "x": self.take_off,
            "u": self.undo,
            "ctrl+z": self.undo,
            "r": self.redo,
            "ctrl+y": self.redo,
            "ctrl+Z": self.redo,
            "Escape": self.clear,
            "g": self.suggest_region,
            "d": self.suggest_doubtful,
            "t": self.tune,
            "ArrowLeft": partial(self.turn, -1),
            "ArrowRight": partial(self.turn, 1),
        }

    def _toggle_label(self, n: int) -> None:
        if n < len(self.controls.labels.labels):
            self.controls.labels.active = sorted({*self.controls.labels.active} ^ {n})

    # -- tuning, and what others do ----------------------------------------------------

    def tune(self) -> None:
        """Begin a round, or stop the one that runs."""
        if self.work.job is not None:
            self.work.stop_tuning()
        else:
            self.work.start_tuning(self.session.by, on=self.session.number)
            self._newest_before = max(self.work.rounds)
        self.poll()

    def poll(self) -> None:
        """Draw what others did, and how tuning goes."""
        self.work.log.refresh()
        self.work.poll_tuning()
        self.work.load_rounds()
        job = self.work.job
        self.view.show_tuning(job)
        if self._newest_before is not None and job is None:
            is_new = self.work.last_round.number > self._newest_before
            self._newest_before = None
            if is_new:
                self._show_new_round()
        if self._seen != self._state:
            self.refresh()

    def _show_new_round(self) -> None:
        self.session.show_round(self.work.last_round.number)
        self.view.show_map()
        agreement = self.session.round.agreement
        kind = ""
        if agreement is not None:
            kind = {"rose": "good", "fell": "bad"}.get(agreement.direction, "")
        number = self.session.number
        self.view.say(f"This is the map of round {number}. {self.work.news}", kind)

    @property
    def _state(self) -> tuple[int, int]:
        return self.work.log.state.n_events, len(self.work.rounds)

    def refresh(self) -> None:
        """Draw again whatever labels decide."""
        self._seen = self._state
        if self.session.filter.label != ANY:
            self.session.narrow()
            self.view.show_map(keep_view=True)
        else:
            self.view.paint()


def _documents(n: int) -> str:
    return f"{n:,} document" if n == 1 else f"{n:,} documents"
