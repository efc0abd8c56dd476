"""One person's view of a workspace: what is searched for, selected, unticked and
listed. Nothing of it is shared.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from embetter_reg.label._log import Applied
from embetter_reg.label._map import (
    inside_box,
    inside_polygon,
    nearest_place,
    typicality,
)
from embetter_reg.label._workspace import HYBRID, NOBODY, Round, Workspace, short

MODES = ("new", "add", "subtract")
ORDERS = ("typical", "doubtful")
COLORS = ("label", "predicted", "language", "cluster", "labeled")
PAGE = 8
ANY = "any"


@dataclass
class Filter:
    """What the search box narrows the map to: a part of the text, a label, a language."""

    query: str = ""
    label: str = ANY
    language: str = ANY


@dataclass
class Session:
    """A selection, step by step, and what is done with it.

    Parameters
    ----------
    work : Workspace
    by : str
        Who it is.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> import numpy as np
    >>> from embetter_reg import load_registers
    >>> from embetter_reg.label import Session, Workspace
    >>> documents = load_registers().query("lang == 'en'")
    >>> X = np.random.default_rng(0).normal(size=(80, 4))
    >>> work = Workspace(documents.assign(labels=[[]] * 80), X, Path(mkdtemp()) / "labels.jsonl", reducer="pca")
    >>> session = Session(work, "ann")
    >>> session.search(query="minutes")
    >>> session.select_found()
    >>> n = session.n_selected
    >>> len(session.apply(["HI"]).event.id) == n, session.n_selected
    (True, 0)

    """

    work: Workspace
    by: str = ""
    number: int | None = None
    mode: str = "new"
    order: str = "typical"
    page: int = 0
    filter: Filter = field(default_factory=Filter)

    def __post_init__(self) -> None:
        n = len(self.work.ids)
        self.number = (
            self.work.last_round.number if self.number is None else self.number
        )
        self.selected = np.zeros(n, bool)
        self.unticked: set[int] = set()
        self.found = np.ones(n, bool)
        self.since = self.work.log.state.n_events
        self.steps: list[dict[str, Any]] = []
        self._listed: np.ndarray | None = None
        self._regions_seen = 0
        self._regions: tuple[tuple, list[np.ndarray]] | None = None

    @property
    def round(self) -> Round:
        """The round whose map is shown."""
        assert self.number is not None
        return self.work.rounds[self.number]

    def show_round(self, number: int) -> None:
        """Show the map of another round; the selection stays."""
        if number not in self.work.rounds:
            raise ValueError(
                f"got round {number}, expected one of {sorted(self.work.rounds)}; "
                "pick one"
            )
        self.number, self._listed = number, None

    # -- narrowing -----------------------------------------------------------------------------------

    def search(
        self,
        query: str | None = None,
        label: str | None = None,
        language: str | None = None,
    ) -> None:
        """Narrow the map; what is None stays as it was."""
        now = self.filter
        self.filter = Filter(
            now.query if query is None else query,
            now.label if label is None else label,
            now.language if language is None else language,
        )
        self.narrow()

    def narrow(self) -> None:
        """Find again what the filter lets through, after labels have changed."""
        found = np.ones(len(self.work.ids), bool)
        if self.filter.language != ANY:
            found &= self.work.language == self.filter.language
        if self.filter.label != ANY:
            found &= np.fromiter(
                (_has(label, self.filter.label) for label in self.work.labels),
                bool,
                len(found),
            )
        if query := self.filter.query.strip().casefold():
            for row in np.flatnonzero(found):
                found[row] = (
                    query in self.work.text[row].casefold()
                    or query == self.work.ids[row].casefold()
                )
        self.found = found

    @property
    def is_narrowed(self) -> bool:
        """Whether the filter leaves anything out."""
        return not bool(self.found.all())

    # -- selecting -----------------------------------------------------------------------------------

    def select(
        self, chosen: np.ndarray, how: str, mode: str | None = None, **about
    ) -> None:
        """Make documents the selection, add them to it or take them from it.

        Parameters
        ----------
        chosen : array of bool (n_documents,)
            Those that the filter leaves out are not selected.
        how : str
        mode : {"new", "add", "subtract"} or None
            None takes the session's.
        about
            More for the log.

        """
        mode = mode or self.mode
        if mode not in MODES:
            raise ValueError(
                f"got the mode {mode!r}, expected one of {list(MODES)}; pick one"
            )
        chosen = chosen & self.found
        if mode == "new":
            self.selected, self.unticked, self.steps = chosen.copy(), set(), []
        elif mode == "add":
            self.selected = self.selected | chosen
        else:
            self.selected = self.selected & ~chosen
            self.unticked -= set(np.flatnonzero(chosen).tolist())
        self.steps.append({"how": how, "mode": mode, "n": int(chosen.sum()), **about})
        self.since = self.work.log.state.n_events
        self.page, self._listed = 0, None

    def lasso(self, x, y, mode: str | None = None) -> None:
        """Select what lies inside a lasso, all documents, shown or not."""
        self.select(inside_polygon(self.round.places, x, y), "lasso", mode)

    def box(
        self, x0: float, x1: float, y0: float, y1: float, mode: str | None = None
    ) -> None:
        """Select what lies inside a box."""
        self.select(inside_box(self.round.places, x0, x1, y0, y1), "box", mode)

    def tap(
        self,
        x: float,
        y: float,
        reach: tuple[float, float],
        among=None,
        mode: str | None = None,
    ) -> None:
        """Select the document nearest to a point, among those shown; beside every
        document, nothing.
        """
        rows = np.flatnonzero(self.found if among is None else self.found & among)
        nearest = nearest_place(self.round.places[rows], x, y, reach)
        chosen = np.zeros(len(self.selected), bool)
        if nearest is not None:
            chosen[rows[nearest]] = True
        self.select(chosen, "tap", mode)

    def select_found(self, mode: str | None = None) -> None:
        """Select everything that the search found."""
        self.select(self.found, "search", mode)

    def select_rows(
        self, rows: Iterable[int], how: str, mode: str | None = None
    ) -> None:
        """Select documents by number."""
        chosen = np.zeros(len(self.selected), bool)
        chosen[list(rows)] = True
        self.select(chosen, how, mode)

    def clear(self) -> None:
        """Select nothing."""
        self.select(np.zeros(len(self.selected), bool), "clear", "new")

    def suggest_doubtful(self, method: str = "neighbors") -> int:
        """Select labeled documents whose label looks wrong; return how many."""
        rows = self.work.doubtful(self.round.number, method)
        self.select_rows(rows, f"doubtful labels ({method})", "new")
        self.order = "doubtful"
        return self.n_selected

    def suggest_region(self) -> int:
        """Select the most informative region, at the next call the next; return how
        many documents it has.
        """
        key = (self.number, self.work.log.state.n_events)
        if self._regions is None or self._regions[0] != key:
            self._regions, self._regions_seen = (
                (key, self.work.regions(self.round.number)),
                0,
            )
        regions = self._regions[1]
        if not regions:
            self.clear()
            return 0
        self.select_rows(
            regions[self._regions_seen % len(regions)], "informative region", "new"
        )
        self._regions_seen += 1
        return self.n_selected

    # -- listing and ticking -------------------------------------------------------------------------

    @property
    def n_selected(self) -> int:
        """How many documents are selected, unticked ones too."""
        return int(self.selected.sum())

    @property
    def n_ticked(self) -> int:
        """How many documents a label would go to."""
        return self.n_selected - len(self.unticked)

    @property
    def listed(self) -> np.ndarray:
        """The selected documents, in the session's order."""
        if self._listed is None:
            rows = np.flatnonzero(self.selected)
            if len(rows):
                worth = (
                    typicality(self.round.space, rows)
                    if self.order == "typical"
                    else self.work.doubt(self.round.number, rows)
                )
                rows = rows[np.argsort(-worth, kind="stable")]
            self._listed = rows
        return self._listed

    def sort(self, order: str) -> None:
        """List the most typical or the most doubtful first."""
        if order not in ORDERS:
            raise ValueError(
                f"got the order {order!r}, expected one of {list(ORDERS)}; pick one"
            )
        self.order, self.page, self._listed = order, 0, None

    @property
    def n_pages(self) -> int:
        """How many pages the list has, at least 1."""
        return max(1, -(-self.n_selected // PAGE))

    def turn(self, pages: int) -> None:
        """Go some pages on, or back."""
        self.page = int(np.clip(self.page + pages, 0, self.n_pages - 1))

    @property
    def on_page(self) -> list[int]:
        """The documents on this page of the list."""
        return self.listed[self.page * PAGE : (self.page + 1) * PAGE].tolist()

    def tick(self, row: int, on: bool) -> None:
        """Tick or untick a selected document."""
        (self.unticked.discard if on else self.unticked.add)(row)

    @property
    def ticked_ids(self) -> list[str]:
        """The documents that a label would go to, in the order of the list."""
        return [self.work.ids[row] for row in self.listed if row not in self.unticked]

    # -- labeling -----------------------------------------------------------------------------------

    def apply(self, label: list[str]) -> Applied:
        """Give the ticked documents a label, none to take labels off, and select
        nothing.

        Documents that somebody else has labeled since they were selected are left as
        they are, and stay selected; a second `apply` overrides.
        """
        ids = self.ticked_ids
        about = {
            "steps": self.steps,
            "n_selected": self.n_selected,
            "unticked": len(self.unticked),
            "order": self.order,
        }
        if self.is_narrowed:
            about["filter"] = vars(self.filter)
        applied = self.work.log.apply(
            ids,
            label,
            by=self.by,
            round=self.round.number,
            selection=about,
            since=self.since,
        )
        self.select_rows(
            [self.work.row_of[name] for name in applied.left],
            "labeled by others",
            "new",
        )
        return applied

    def undo(self):
        """Take back one's own last action."""
        return self._changed(self.work.log.undo(self.by))

    def redo(self):
        """Bring it back."""
        return self._changed(self.work.log.redo(self.by))

    def _changed(self, event):
        if event is not None:
            self.since, self._listed = self.work.log.state.n_events, None
        return event

    # -- colors -------------------------------------------------------------------------------------

    def groups(self, by: str, rows) -> np.ndarray:
        """Return what documents are colored by: str (n_rows,).

        Parameters
        ----------
        by : {"label", "predicted", "language", "cluster", "labeled"}
        rows : array of int

        """
        if by == "language":
            return self.work.language[rows]
        if by == "cluster":
            return np.array(
                [f"cluster {n + 1}" for n in self.round.clusters[rows]], dtype=object
            )
        if by not in ("label", "predicted", "labeled"):
            raise ValueError(
                f"got the color {by!r}, expected one of {list(COLORS)}; pick one"
            )
        if by == "predicted":
            return np.array(
                [
                    group_of(label)
                    for label in self.work.predicted(self.round.number, rows)
                ],
                dtype=object,
            )
        found = [group_of(self.work.labels[row]) for row in rows]
        if by == "labeled":
            found = [name if name == NOBODY else "labeled" for name in found]
        return np.array(found, dtype=object)


def group_of(label) -> str:
    """Return the one name that a label is drawn under: hybrids share one."""
    parts = short(label)
    return NOBODY if not parts else parts[0] if len(parts) == 1 else HYBRID


def _has(label, wanted: str) -> bool:
    parts = short(label)
    return (
        not parts
        if wanted == NOBODY
        else len(parts) > 1
        if wanted == HYBRID
        else wanted in parts
    )
