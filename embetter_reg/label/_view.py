"""The picture of a session: the map, the legend, the list and the counts, drawn anew
after whatever changes them.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import numpy as np

from embetter_reg.corpus import stratified_sample
from embetter_reg.label import _style as style
from embetter_reg.label._figure import MapFigure
from embetter_reg.label._groups import color_groups
from embetter_reg.label._job import TuneJob
from embetter_reg.label._labels import HYBRID, NOT_LABELED, Labels, parse_label
from embetter_reg.label._map import grid_cells
from embetter_reg.label._search import ANY
from embetter_reg.label._session import PAGE, POLICIES, Session
from embetter_reg.label._widgets import Controls

_IDLE = "Fits a head on the labels so far; the new map stays in place."


class View:
    """What a page shows of its session.

    Parameters
    ----------
    session : Session
    controls : Controls
    max_shown : int
        Documents that go to the browser; a density layer stands for the rest.

    """

    def __init__(self, session: Session, controls: Controls, max_shown: int):
        self.session = session
        self.work = session.work
        self.controls = controls
        self.max_shown = max_shown
        self.map = MapFigure()
        self.rows_on_page: list[int] = []
        self.is_drawing = False  # widgets that change then were not changed by a person
        self._groups = np.array([], dtype=object)

    @contextmanager
    def _drawing(self) -> Iterator[None]:
        before = self.is_drawing
        self.is_drawing = True
        try:
            yield
        finally:
            self.is_drawing = before

    def say(self, text: str, kind: str = "") -> None:
        """Show a sentence."""
        self.controls.status.text = style.notice(text, kind)

    # -- the map -----------------------------------------------------------------------

    def show_map(self, keep_view: bool = False) -> None:
        """Draw the map of the session's round: a sample of the search's matches, over
        the density of everything.
        """
        places = np.asarray(self.session.round.places, np.float64)
        matching = np.flatnonzero(self.session.visible)
        rows = self._sample(matching, places)
        ground = None
        if len(rows) < len(matching):
            ground = places
        self.map.show_density(ground)
        if not keep_view:
            self.map.show_all(places)
        shown = {
            "text": [style.snippet(self.work.text[row]) for row in rows],
            "language": self.work.language[rows].tolist(),
            "name": [self.work.ids[row] for row in rows],
        }
        self.map.show(rows, places, shown, self._painted(rows))
        self._show_rest()

    def _sample(self, rows: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Return as many rows as may be drawn, of every language and region."""
        if len(rows) <= self.max_shown:
            return rows
        cells = grid_cells(places)[rows]
        strata = self.work.language_codes[rows] * (1 + cells.max()) + cells
        return rows[stratified_sample(strata, self.max_shown)]

    def paint(self) -> None:
        """Color the map, and draw whatever else depends on labels."""
        self.map.paint(self._painted(self.map.rows))
        self._show_rest()

    def _painted(self, rows: np.ndarray) -> dict[str, Any]:
        self._groups = self._colored(rows)
        styles = style.group_styles(self._groups)
        labels = self.work.labels
        return {
            "color": [styles[name][0] for name in self._groups],
            "marker": [styles[name][1] for name in self._groups],
            "alpha": np.ones(len(rows)),
            "label": [", ".join(labels[row]) or NOT_LABELED for row in rows],
        }

    def _colored(self, rows: np.ndarray) -> np.ndarray:
        """Return the groups of documents by the color that is picked."""
        number = self.session.round.number
        return color_groups(self.work, number, self.controls.color.value, rows)

    def _show_rest(self) -> None:
        self._show_legend()
        n_labeled = int(self.work.labels.is_labeled.sum())
        self.controls.counts.text = style.counts_table(
            self.work.counts(), n_labeled, len(self.work.ids)
        )
        with self._drawing():
            self._offer()
        self.show_list()

    def _show_legend(self) -> None:
        n_drawn = len(self.map.rows)
        matching = np.flatnonzero(self.session.visible)
        groups = self._groups
        color = self.controls.color.value
        # To predict a label for each of very many documents would take long.
        if n_drawn < len(matching) and color not in ("predicted", "suggested"):
            groups = self._colored(matching)
        sizes = Counter(groups.tolist())
        html = style.legend(sizes, sizes)
        if n_drawn < len(matching):
            html += (
                f'<div class="dim">{n_drawn:,} of {len(matching):,} documents are '
                "drawn; the gray ground is how many lie where. A lasso selects all of "
                "them.</div>"
            )
        self.controls.legend.text = html

    # -- what there is to choose from --------------------------------------------------

    def _offer(self) -> None:
        """Offer the labels, filters and rounds of now."""
        c = self.controls
        scheme = self.work.scheme
        c.offer_labels(scheme)
        labels = [
            (ANY, "Any label"),
            (NOT_LABELED, "Not labeled"),
            *((name, name) for name in scheme),
            (HYBRID, "Hybrids"),
        ]
        if c.only_label.options != labels:
            c.only_label.options = labels
        rounds = [(str(n), self._round_name(n)) for n in sorted(self.work.rounds)]
        if c.round.options != rounds:
            c.round.options = rounds
        c.round.value = str(self.session.number)
        state = self.work.log.state
        c.undo.disabled = state.next_undo(self.session.by) is None
        c.redo.disabled = state.next_redo(self.session.by) is None

    def _round_name(self, number: int) -> str:
        if number == 0 and self.work.suggested is not None:
            return "0 · pretrained space"
        if number == 0:
            return "0 · original space"
        agreement = self.work.rounds[number].agreement
        if agreement is None or not agreement.n:
            return f"{number} · tuned"
        figures = f"{agreement.before:.2f} → {agreement.after:.2f}"
        return f"{number} · tuned: agreement {figures}"

    # -- the list ----------------------------------------------------------------------

    def show_list(self) -> None:
        """List the page of selected documents, and mark the selection on the map."""
        session = self.session
        self._mark()
        self.rows_on_page = session.on_page
        with self._drawing():
            self._show_cards()
            self.controls.policy.active = POLICIES.index(session.policy)
        self._show_title()
        n = len(session.listed)
        self.controls.pager.visible = n > PAGE
        self.controls.pages.text = f"page {session.page + 1} of {session.n_pages}"
        self.controls.hint.visible = session.n_selected == 0
        self.controls.apply.disabled = self.controls.take_off.disabled = n == 0
        self.controls.confirm.disabled = n == 0
        self.controls.confirm.visible = self.work.suggested is not None
        self.show_labeled()

    def _show_cards(self) -> None:
        rows = np.array(self.rows_on_page, dtype=int)
        predicted: list[Labels] = [()] * len(rows)
        doubt = np.ones(len(rows))
        vote = None
        if len(rows):
            vote = self.work.vote(self.session.round.number, rows)
        if vote is not None:
            predicted = vote.winners()
            doubt = 1 - vote.sure
        labels = self.work.labels
        # A browser lays the page out again at each change: an empty list hides as one.
        self.controls.card_list.visible = len(rows) > 0
        if not len(rows):
            return
        for place, card in enumerate(self.controls.cards):
            card.row.visible = place < len(rows)
            if place >= len(rows):
                continue
            row = self.rows_on_page[place]
            card.box.active = row not in self.session.unticked
            by = ""
            last = self.work.log.state.last(self.work.ids[row])
            if last is not None:
                by = last.by
            card.text.text = style.card(
                self.work.ids[row],
                self.work.text[row],
                str(self.work.language[row]),
                labels[row],
                predicted[place],
                float(doubt[place]),
                self.session.filter.query,
                by,
            )

    def _show_title(self) -> None:
        session = self.session
        details = ""
        n_unticked = len(session.listed) - session.n_ticked
        if n_unticked:
            details += f", {n_unticked:,} of them unticked"
        if session.n_hidden:
            details += f", {session.n_hidden:,} hidden by the search"
        title = f"{session.n_selected:,} selected<span class='dim'>{details}</span>"
        self.controls.list_title.text = f"<h2>{title}</h2>"

    def _mark(self) -> None:
        """Mark the ticked documents on the map."""
        ticked = np.isin(self.map.rows, self.session.ticked)
        pale = self._groups == NOT_LABELED
        if self.controls.color.value == "suggested":
            pale = ~self.work.labels.is_labeled[self.map.rows]
        alpha = np.where(pale, 0.5, 0.95)
        self.map.mark(ticked, alpha)

    # -- labels that are there already -------------------------------------------------

    @property
    def picked(self) -> list[str]:
        """The labels that are picked and typed."""
        scheme = self.work.scheme
        buttons = [scheme[n] for n in self.controls.labels.active]
        return parse_label([*buttons, *parse_label(self.controls.typed.value_input)])

    def show_labeled(self) -> None:
        """Show how many selected documents are labeled already, and differently."""
        n = len(self.session.labeled)
        self.controls.labeled.visible = self.controls.policy.visible = n > 0
        if not n:
            return
        n_listed = len(self.session.listed)
        text = f"{n:,} of the {n_listed:,} listed are labeled already"
        if n == 1:
            text = f"1 of the {n_listed:,} listed is labeled already"
        label = self._picked_or_nothing()
        if label:
            n_differing = len(self.session.differing(label))
            text += f", {n_differing:,} of them not {', '.join(label)}"
        self.controls.labeled.text = f"<div class='asks'>{escape(text)}:</div>"

    def _picked_or_nothing(self) -> list[str]:
        """Return the labels picked; none while what is typed is not one yet."""
        try:
            return self.picked
        except ValueError:
            return []

    # -- tuning ------------------------------------------------------------------------

    def show_tuning(self, job: TuneJob | None) -> None:
        """Show how far tuning is, or what became of it."""
        c = self.controls
        if job is None:
            c.tune.label = "Tune again"
            c.tune.button_type = "success"
            c.tuning.text = style.notice(self.work.news or _IDLE)
        else:
            c.tune.label = "Stop tuning"
            c.tune.button_type = "warning"
            c.tuning.text = style.progress(job.step, job.share, job.seconds)

    def quietly(self, change: Callable[[], object]) -> None:
        """Change a widget in a person's place."""
        with self._drawing():
            change()
