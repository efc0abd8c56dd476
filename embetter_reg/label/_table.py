"""Labeling in a notebook: a table, and a map by jupyter-scatter, that write the log of
the page.
"""

from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from embetter_reg._optional import optional_import
from embetter_reg.corpus.registers import MAIN
from embetter_reg.label._log import Applied, Event, LabelLog
from embetter_reg.label._map import typicality
from embetter_reg.label._workspace import parse_label

_EXTRA = {"package": "embetter-reg[notebook]", "purpose": "labeling in a notebook"}
_LISTED = 10


class LabelTable:
    """Documents with their labels, from a log that it writes.

    Parameters
    ----------
    documents : DataFrame
        With a column ``text``. Documents are known by their column ``id``, or else by
        the index.
    out : path
        The log; the same as the page's, if both are to work on it.
    by : str
        Who labels.
    scheme : sequence of str or None
        Labels to pick from; None takes the CORE main registers.

    Attributes
    ----------
    log : LabelLog
    ids : list of str
    frame : DataFrame
        The documents with the labels of now in ``labels``, a list each.

    Raises
    ------
    ValueError
        If there is no text, or two documents share an id.

    """

    def __init__(
        self,
        documents: pd.DataFrame,
        out="labels.jsonl",
        *,
        by: str = "notebook",
        scheme=None,
    ):
        if "text" not in documents:
            raise ValueError(
                f"got the columns {list(documents)}, expected one called text; rename "
                "the one that holds it"
            )
        self._documents = documents
        self.ids: list[str] = [
            str(name) for name in documents.get("id", documents.index)
        ]
        if len(set(self.ids)) < len(self.ids):
            raise ValueError(
                "got an id twice, expected one id a document; reset the index, or "
                "mend the ids"
            )
        self.by, self.scheme = by, list(scheme or MAIN)
        self.log = LabelLog(Path(out))
        self._given = (
            [_listed(x) for x in documents["labels"]]
            if "labels" in documents
            else [[] for _ in self.ids]
        )

    @property
    def frame(self) -> pd.DataFrame:
        """The documents with their labels, read anew."""
        self.log.refresh()
        state = self.log.state
        now = [
            [] if name in state.cleared else list(state.labels.get(name, given))
            for name, given in zip(self.ids, self._given, strict=True)
        ]
        return self._documents.assign(
            labels=pd.Series(now, index=self._documents.index, dtype=object)
        )

    def label(
        self, rows, label: str | Iterable[str], *, how: str = "notebook"
    ) -> Applied:
        """Label documents; an empty label takes labels off.

        Parameters
        ----------
        rows : boolean mask, positions, or a DataFrame that is a part of the documents
        label : str or list of str
            Such as ``"NA"``, ``"NA, OP"`` or ``["NA", "OP"]``.
        how : str
            How they were selected, for the log.

        """
        chosen = [self.ids[n] for n in self._positions(rows)]
        selection = {
            "steps": [{"how": how, "mode": "new", "n": len(chosen)}],
            "n_selected": len(chosen),
        }
        return self.log.apply(
            chosen, parse_label(label), by=self.by, selection=selection
        )

    def undo(self) -> Event | None:
        """Take back the last action here."""
        return self.log.undo(self.by)

    def redo(self) -> Event | None:
        """Bring it back."""
        return self.log.redo(self.by)

    def save(self, edited: pd.DataFrame) -> int:
        """Write what differs in an edited copy of `frame`, as one action; return how
        many documents differ.
        """
        position = {index: n for n, index in enumerate(self._documents.index)}
        changed = {}
        for index, wanted, now in zip(
            edited.index,
            edited["labels"],
            self.frame.loc[edited.index, "labels"],
            strict=True,
        ):
            if (label := parse_label(_listed(wanted))) != now:
                changed[self.ids[position[index]]] = label
        if changed:
            self.log.import_labels(changed, by=self.by, source="label_table")
        return len(changed)

    def _positions(self, rows) -> list[int]:
        if isinstance(rows, pd.DataFrame):
            return self._documents.index.get_indexer(rows.index).tolist()
        rows = np.asarray(rows)
        return (
            np.flatnonzero(rows).tolist()
            if rows.dtype == bool
            else rows.astype(int).tolist()
        )

    def _repr_html_(self) -> str:
        return self.frame.to_html(max_rows=20)

    # -- widgets -------------------------------------------------------------------------------------

    def widget(self, page_size: int = _LISTED):
        """Return a table to label in: a row a document, with a tick; needs the extra
        ``notebook``.
        """
        widgets = optional_import("ipywidgets", **_EXTRA)
        search = widgets.Text(placeholder="Search the texts", continuous_update=False)
        place = widgets.BoundedIntText(value=1, min=1, max=1, description="page")
        ticks = [
            widgets.Checkbox(indent=False, layout={"width": "24px"})
            for _ in range(page_size)
        ]
        texts = [widgets.HTML() for _ in range(page_size)]
        rows: list[int] = []

        def draw(*_) -> None:
            frame, wanted = self.frame, search.value.strip().casefold()
            found = [
                n for n, text in enumerate(frame["text"]) if wanted in text.casefold()
            ]
            place.max = max(1, -(-len(found) // page_size))
            rows[:] = found[(place.value - 1) * page_size : place.value * page_size]
            for n, (tick, text) in enumerate(zip(ticks, texts, strict=True)):
                tick.value, shown = False, n < len(rows)
                tick.layout.display = text.layout.display = "" if shown else "none"
                text.value = (
                    _line(frame["text"].iloc[rows[n]], frame["labels"].iloc[rows[n]])
                    if shown
                    else ""
                )

        search.observe(draw, "value")
        place.observe(draw, "value")
        controls = self._controls(
            widgets,
            lambda: [n for n, tick in zip(rows, ticks, strict=False) if tick.value],
            draw,
        )
        lines = [widgets.HBox(pair) for pair in zip(ticks, texts, strict=True)]
        draw()
        return widgets.VBox([widgets.HBox([search, place]), controls, *lines])

    def map(self, places=None, space=None):
        """Return a map to draw a lasso on, by jupyter-scatter; needs the extra
        ``notebook``.

        Parameters
        ----------
        places : array of shape (n_documents, 2) or None
            None takes the columns ``x`` and ``y``.
        space : array of shape (n_documents, n_dims) or None
            Lists the documents most typical of a selection first.

        """
        jscatter, widgets = (
            optional_import("jscatter", **_EXTRA),
            optional_import("ipywidgets", **_EXTRA),
        )
        if places is None:
            if not {"x", "y"} <= set(self._documents):
                raise ValueError(
                    "got documents without x and y, expected a map; pass places, as "
                    "draw_map gives them"
                )
            places = self._documents[["x", "y"]].to_numpy()
        data = pd.DataFrame(np.asarray(places, float), columns=["x", "y"])
        data["label"] = self._names()
        scatter = jscatter.Scatter(
            data=data, x="x", y="y", color_by="label", legend=True, height=480
        )
        listed = widgets.HTML(layout={"max_height": "420px", "overflow": "auto"})

        def selected() -> list[int]:
            rows = np.asarray(scatter.selection(), dtype=int)
            if space is None or len(rows) < 2:
                return rows.tolist()
            return rows[np.argsort(-typicality(space, rows), kind="stable")].tolist()

        def draw(*_) -> None:
            frame, rows = self.frame, selected()
            shown = [
                _line(frame["text"].iloc[n], frame["labels"].iloc[n])
                for n in rows[:_LISTED]
            ]
            listed.value = f"<b>{len(rows):,} selected</b>{''.join(shown)}"

        def after() -> None:
            data["label"] = self._names()
            scatter.data(data)
            scatter.selection([])
            draw()

        scatter.widget.observe(draw, ["selection"])
        box = widgets.VBox([self._controls(widgets, selected, after), listed])
        draw()
        shown = widgets.HBox([scatter.show(), box])
        shown.scatter = scatter
        return shown

    def _names(self) -> pd.Series:
        return pd.Series(
            [", ".join(label) or "not labeled" for label in self.frame["labels"]],
            dtype="category",
        )

    def _controls(self, widgets, chosen, after) -> Any:
        typed = widgets.Combobox(
            options=self.scheme, placeholder="Label, or several: NA, OP"
        )
        said = widgets.HTML()
        buttons = {
            what: widgets.Button(description=what, layout={"width": "80px"})
            for what in ("Apply", "Undo", "Redo")
        }

        def act(button) -> None:
            if button.description == "Apply":
                rows = chosen()
                if not rows or not typed.value.strip():
                    said.value = "Select documents, and pick or type a label."
                    return
                self.label(rows, typed.value, how="notebook selection")
                said.value = (
                    f"Saved: {len(rows):,} documents labeled {escape(typed.value)}."
                )
            else:
                event = self.undo() if button.description == "Undo" else self.redo()
                said.value = (
                    f"Saved: {button.description}."
                    if event
                    else f"There is nothing to {button.description}."
                )
            after()

        for button in buttons.values():
            button.on_click(act)
        return widgets.VBox([widgets.HBox([typed, *buttons.values()]), said])


def label_table(
    documents: pd.DataFrame, out="labels.jsonl", *, by: str = "notebook", scheme=None
) -> LabelTable:
    """Return documents as a table to label, in a notebook or a script, on the same log
    as the page.

    Parameters
    ----------
    documents : DataFrame
        With a column ``text``, and ``id`` where it is not the index.
    out : path
    by : str
    scheme : sequence of str or None

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> import pandas as pd
    >>> from embetter_reg.label import label_table
    >>> documents = pd.DataFrame({"text": ["Mix flour and milk.", "The minister resigned.", "Mix eggs."]})
    >>> table = label_table(documents, Path(mkdtemp()) / "labels.jsonl")
    >>> _ = table.label(documents["text"].str.contains("Mix"), "HI, re")
    >>> table.frame["labels"].tolist()
    [['HI', 're'], [], ['HI', 're']]
    >>> _ = table.undo()
    >>> table.frame["labels"].tolist()
    [[], [], []]

    """
    return LabelTable(documents, out, by=by, scheme=scheme)


def _listed(label) -> list[str]:
    if isinstance(label, str):
        return parse_label(label)
    return [str(part) for part in label] if isinstance(label, Iterable) else []


def _line(text: str, labels: list[str]) -> str:
    start = " ".join(text.split())[:240]
    return f'<div style="margin:4px 0"><b>{escape(", ".join(labels)) or "–"}</b> {escape(start)}</div>'
