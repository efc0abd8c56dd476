"""One person's view of a workspace: the search, the selection, its list and what is
labeled. Nothing of it is shared.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from embetter_reg.label._labels import parse_label
from embetter_reg.label._log import Applied, Event
from embetter_reg.label._map import (
    inside_box,
    inside_polygon,
    nearest_place,
    typicality,
)
from embetter_reg.label._search import Filter, matches
from embetter_reg.label._workspace import Round, Workspace

MODES = ("new", "add", "subtract")
ORDERS = ("typical", "doubtful")
POLICIES = ("keep", "overrule", "add")
PAGE = 8


@dataclass
class Session:
    """A selection, step by step, and the labels that it is given.

    Documents that are labeled already start unticked, so that nobody's label is
    overwritten unasked: tick single ones, or choose a policy for all of them. Documents
    that a later search hides stay selected, and get no label while they are hidden.

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
    >>> log = Path(mkdtemp()) / "labels.jsonl"
    >>> work = Workspace(documents.assign(labels=[[]] * 80), X, log, reducer="pca")
    >>> session = Session(work, "ann")
    >>> session.search(query="minutes")
    >>> session.select_matches()
    >>> n = session.n_selected
    >>> session.apply(["HI"]).n_labeled == n, session.n_selected
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
        if self.number is None:
            self.number = self.work.last_round.number
        self.selected = np.zeros(n, bool)
        self.unticked: set[int] = set()
        self.policy = "keep"
        self.visible = np.ones(n, bool)
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
        self.number = number
        self._listed = None

    # -- narrowing ---------------------------------------------------------------------

    def search(
        self,
        query: str | None = None,
        label: str | None = None,
        language: str | None = None,
    ) -> None:
        """Narrow the map; what is None stays as it was."""
        wanted = {"query": query, "label": label, "language": language}
        changed = {name: value for name, value in wanted.items() if value is not None}
        self.filter = replace(self.filter, **changed)
        self.narrow()

    def narrow(self) -> None:
        """Search again, after labels have changed."""
        self.visible = matches(self.work, self.filter)
        self._listed = None
        self.turn(0)

    @property
    def is_narrowed(self) -> bool:
        """Whether the filter leaves anything out."""
        return not bool(self.visible.all())

    # -- selecting ---------------------------------------------------------------------

    def select(
        self,
        chosen: np.ndarray,
        method: str,
        mode: str | None = None,
        **about: Any,
    ) -> None:
        """Make documents the selection, add them to it or take them from it.

        Parameters
        ----------
        chosen : array of bool (n_documents,)
            Those that the filter hides are not selected.
        method : str
            How they were chosen, for the log.
        mode : {"new", "add", "subtract"} or None
            None takes the session's.
        about
            More for the log.

        """
        mode = mode or self.mode
        _check_one_of("mode", mode, MODES)
        chosen = self._check_mask(chosen) & self.visible
        if mode == "new":
            self.selected = np.zeros_like(chosen)
            self.unticked = set()
            self.policy = "keep"
            self.steps = []
        fresh = chosen & ~self.selected
        if mode == "subtract":
            self.selected = self.selected & ~chosen
            self.unticked -= set(np.flatnonzero(chosen).tolist())
        else:
            self.selected = self.selected | chosen
            if self.policy == "keep":
                self.unticked |= set(self._labeled_among(fresh))
        step = {"how": method, "mode": mode, "n": int(chosen.sum()), **about}
        self.steps.append(step)
        self.since = self.work.log.state.n_events
        self.page = 0
        self._listed = None

    def lasso(self, x: ArrayLike, y: ArrayLike, mode: str | None = None) -> None:
        """Select what lies inside a lasso, all documents, drawn or not."""
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
        among: np.ndarray | None = None,
        mode: str | None = None,
    ) -> None:
        """Select the document nearest to a point, among those drawn; beside every
        document, nothing.
        """
        drawn = self.visible
        if among is not None:
            drawn = drawn & among
        rows = np.flatnonzero(drawn)
        nearest = nearest_place(self.round.places[rows], x, y, reach)
        tapped = []
        if nearest is not None:
            tapped.append(rows[nearest])
        self.select_rows(tapped, "tap", mode)

    def select_matches(self, mode: str | None = None) -> None:
        """Select everything that the search matches."""
        self.select(self.visible, "search", mode)

    def select_rows(
        self, rows: Iterable[int], method: str, mode: str | None = None
    ) -> None:
        """Select documents by number."""
        chosen = np.zeros(len(self.selected), bool)
        chosen[list(rows)] = True
        self.select(chosen, method, mode)

    def clear(self) -> None:
        """Select nothing."""
        self.select(np.zeros(len(self.selected), bool), "clear", "new")

    def suggest_doubtful(self, method: str = "neighbors") -> int:
        """Select labeled documents whose label looks wrong; return how many. They start
        unticked, as all labeled documents do.
        """
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
            self._regions = (key, self.work.regions(self.round.number))
            self._regions_seen = 0
        regions = self._regions[1]
        if not regions:
            self.clear()
            return 0
        region = regions[self._regions_seen % len(regions)]
        self.select_rows(region, "informative region", "new")
        self._regions_seen += 1
        return self.n_selected

    def _check_mask(self, chosen: np.ndarray) -> np.ndarray:
        mask = np.asarray(chosen)
        if mask.dtype != bool or mask.shape != self.selected.shape:
            raise ValueError(
                f"got a selection of shape {mask.shape} and type {mask.dtype}, "
                f"expected bool of shape {self.selected.shape}; pass one for each "
                "document"
            )
        return mask

    # -- listing and ticking -----------------------------------------------------------

    @property
    def n_selected(self) -> int:
        """How many documents are selected, unticked and hidden ones too."""
        return int(self.selected.sum())

    @property
    def n_hidden(self) -> int:
        """How many selected documents the search hides."""
        return int((self.selected & ~self.visible).sum())

    @property
    def n_ticked(self) -> int:
        """How many documents a label would go to."""
        return len(self.ticked)

    @property
    def ticked(self) -> np.ndarray:
        """The documents that a label would go to, in rising order."""
        chosen = self.selected & self.visible
        chosen[list(self.unticked)] = False
        return np.flatnonzero(chosen)

    @property
    def ticked_ids(self) -> list[str]:
        """Their ids, in the order of the list."""
        return [self.work.ids[row] for row in self.listed if row not in self.unticked]

    @property
    def listed(self) -> np.ndarray:
        """The selected documents that are not hidden, in the session's order."""
        if self._listed is None:
            rows = np.flatnonzero(self.selected & self.visible)
            if len(rows):
                rows = rows[np.argsort(-self._ranks(rows), kind="stable")]
            self._listed = rows
        return self._listed

    def _ranks(self, rows: np.ndarray) -> np.ndarray:
        if self.order == "typical":
            return typicality(self.round.X, rows)
        return self.work.doubt(self.round.number, rows)

    def sort(self, order: str) -> None:
        """List the most typical or the most doubtful first."""
        _check_one_of("order", order, ORDERS)
        self.order = order
        self.page = 0
        self._listed = None

    @property
    def n_pages(self) -> int:
        """How many pages the list has, at least 1."""
        return max(1, -(-len(self.listed) // PAGE))

    def turn(self, pages: int) -> None:
        """Go some pages on, or back."""
        self.page = int(np.clip(self.page + pages, 0, self.n_pages - 1))

    @property
    def on_page(self) -> list[int]:
        """The documents on this page of the list."""
        return self.listed[self.page * PAGE : (self.page + 1) * PAGE].tolist()

    def tick(self, row: int, on: bool) -> None:
        """Tick or untick a selected document."""
        if on:
            self.unticked.discard(row)
        else:
            self.unticked.add(row)

    # -- labels that are there already -------------------------------------------------

    @property
    def labeled(self) -> list[int]:
        """The selected documents, hidden ones left out, that have a label already."""
        return self._labeled_among(self.selected & self.visible)

    def differing(self, label: Iterable[str]) -> list[int]:
        """Return those of them whose label is another one."""
        wanted = set(parse_label(label))
        labels = self.work.labels
        return [row for row in self.labeled if set(labels[row]) != wanted]

    def treat_labeled(self, policy: str) -> None:
        """Choose what a label does to selected documents that are labeled already.

        Parameters
        ----------
        policy : {"keep", "overrule", "add"}
            "keep" unticks them; "overrule" ticks them, and a label takes the place of
            theirs; "add" ticks them, and a label joins theirs.

        """
        _check_one_of("policy", policy, POLICIES)
        self.policy = policy
        for row in self.labeled:
            self.tick(row, policy != "keep")

    def _labeled_among(self, mask: np.ndarray) -> list[int]:
        return np.flatnonzero(mask & self.work.labels.is_labeled).tolist()

    # -- labeling ----------------------------------------------------------------------

    def apply(self, label: Iterable[str]) -> Applied:
        """Give the ticked documents a label, none to take labels off, and select
        nothing but what the search hides.

        Documents that somebody else has labeled since they were selected are left as
        they are, and stay selected; a second `apply` overrides.
        """
        label = list(label)
        return self._apply(dict.fromkeys(self.ticked_ids, label))

    def confirm(self) -> Applied:
        """Give each ticked document the label that is predicted for it, as `apply`
        does; those without a prediction are left as they are.

        Raises
        ------
        ValueError
            If nothing is predicted for them.

        """
        rows = self.listed[~np.isin(self.listed, list(self.unticked))]
        predicted = self.work.predicted(self.round.number, rows)
        labels = {
            self.work.ids[row]: list(label)
            for row, label in zip(rows, predicted, strict=True)
            if label
        }
        if len(rows) and not labels:
            raise ValueError(
                "got no prediction for the ticked documents, expected some to confirm; "
                "label a few documents first"
            )
        return self._apply(labels, confirmed=True)

    def _apply(self, labels: dict[str, list[str]], **about: Any) -> Applied:
        """Give documents their labels, and select nothing but what was left to others
        and what the search hides.
        """
        applied = self.work.log.apply_each(
            {name: self._new_label(name, label) for name, label in labels.items()},
            by=self.by,
            round=self.round.number,
            selection={**self._selection(), **about},
            since=self.since,
        )
        left = [self.work.row_of[name] for name in applied.left]
        self._keep_only(left)
        return applied

    def _keep_only(self, left: list[int]) -> None:
        """Select what was left to others, ticked, and keep what the search hides."""
        hidden = self.selected & ~self.visible
        hidden_unticked = {row for row in self.unticked if hidden[row]}
        steps = []
        if hidden.any():
            steps = self.steps
        self.select_rows(left, "labeled by others", "new")
        if left:
            self.treat_labeled("overrule")
        self.selected = self.selected | hidden
        self.unticked |= hidden_unticked
        self.steps = [*steps, *self.steps]

    def _new_label(self, name: str, label: list[str]) -> list[str]:
        if self.policy != "add" or not label:
            return label
        return parse_label([*self.work.labels[self.work.row_of[name]], *label])

    def _selection(self) -> dict[str, Any]:
        """Return how the documents were selected, for the log."""
        selection = {
            "steps": self.steps,
            "n_selected": self.n_selected,
            "unticked": len(self.unticked),
            "order": self.order,
        }
        if self.is_narrowed:
            selection["filter"] = asdict(self.filter)
        if self.policy != "keep":
            selection["labeled"] = self.policy
        return selection

    def undo(self) -> Event | None:
        """Take back one's own last action."""
        return self._after(self.work.log.undo(self.by))

    def redo(self) -> Event | None:
        """Bring it back."""
        return self._after(self.work.log.redo(self.by))

    def _after(self, event: Event | None) -> Event | None:
        if event is not None:
            self.since = self.work.log.state.n_events
            self._listed = None
        return event


def _check_one_of(name: str, value: Any, allowed: Iterable[Any]) -> None:
    if value not in allowed:
        raise ValueError(
            f"got the {name} {value!r}, expected one of {list(allowed)}; pick one"
        )
