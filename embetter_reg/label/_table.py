"""Labeling in a notebook: a table, and a map by jupyter-scatter, that write the log of
the page.
"""

from collections.abc import Callable, Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from embetter_reg._optional import optional_import
from embetter_reg._validation import check_texts
from embetter_reg.corpus.facts import count_words, draw_facts, registers_of
from embetter_reg.corpus.registers import current_scheme
from embetter_reg.label._labels import NOT_LABELED, Labels, document_label, parse_label
from embetter_reg.label._log import Applied, Event, LabelLog
from embetter_reg.label._map import check_places, typicality
from embetter_reg.label._rows import find_rows
from embetter_reg.label._workspace import check_scheme

_EXTRA = {"package": "embetter-reg[notebook]", "purpose": "labeling in a notebook"}
_LISTED = 10
_NO_MATH = "tex2jax_ignore mathjax_ignore"  # classes that MathJax leaves alone


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
        If there is no text, two documents share an id, or a label is not text.

    """

    def __init__(
        self,
        documents: pd.DataFrame,
        out: str | Path = "labels.jsonl",
        *,
        by: str = "notebook",
        scheme: Sequence[str] | None = None,
    ):
        if not isinstance(documents, pd.DataFrame):
            raise TypeError(
                f"got {type(documents).__name__}, expected a DataFrame of documents; "
                "pass what read_documents returns"
            )
        if "text" not in documents:
            raise ValueError(
                f"got the columns {list(documents)}, expected one called text; rename "
                "the one that holds it"
            )
        check_texts(documents["text"])
        self._documents = documents
        self.ids = list(map(str, documents.get("id", documents.index)))
        if len(set(self.ids)) < len(self.ids):
            raise ValueError(
                "got an id twice, expected one id a document; reset the index, or "
                "mend the ids"
            )
        self.by = by
        self.scheme = check_scheme(scheme) or list(current_scheme().main)
        texts = dict(zip(self.ids, documents["text"], strict=True))
        self.log = LabelLog(out, texts)
        self._first_labels: list[Labels] = [()] * len(self.ids)
        if "labels" in documents:
            self._first_labels = [document_label(x) for x in documents["labels"]]

    @property
    def frame(self) -> pd.DataFrame:
        """The documents with their labels, read anew."""
        self.log.refresh()
        state = self.log.state
        current = {**dict.fromkeys(state.cleared, ()), **state.labels}
        labels = [
            list(current.get(name, first))
            for name, first in zip(self.ids, self._first_labels, strict=True)
        ]
        column = pd.Series(labels, index=self._documents.index, dtype=object)
        return self._documents.assign(labels=column)

    def label(
        self, rows: Any, label: str | Iterable[str], *, method: str = "notebook"
    ) -> Applied:
        """Label documents; an empty label takes labels off.

        Parameters
        ----------
        rows : DataFrame, mask, index, ids or positions
            A part of the documents, found again by its column ``id`` or else its index;
            a boolean Series, aligned by its index; a boolean list or array with one
            value for each document; an Index of the documents; a list of ids (str) or
            of positions (int).
        label : str or list of str
            Such as ``"NA"``, ``"NA, OP"`` or ``["NA", "OP"]``.
        method : str
            How they were selected, for the log.

        Raises
        ------
        ValueError
            If ``rows`` do not align with the documents: an unknown id or index, a
            mask of another length, or a text that is another document's.

        """
        chosen = [self.ids[n] for n in find_rows(rows, self._documents, self.ids)]
        step = {"how": method, "mode": "new", "n": len(chosen)}
        return self.log.apply(
            chosen,
            parse_label(label),
            by=self.by,
            selection={"steps": [step], "n_selected": len(chosen)},
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
        if not isinstance(edited, pd.DataFrame) or "labels" not in edited:
            raise ValueError(
                f"got {type(edited).__name__} without the column labels, expected a "
                "copy of frame; pass that"
            )
        rows = find_rows(edited, self._documents, self.ids)
        labels = self.frame["labels"].tolist()
        changes = {}
        for row, value in zip(rows, edited["labels"], strict=True):
            label = parse_label(document_label(value))
            if label != labels[row]:
                changes[self.ids[row]] = label
        if changes:
            self.log.import_labels(changes, by=self.by, source="label_table")
        return len(changes)

    def _repr_html_(self) -> str:
        frame = self.frame
        n_labeled = sum(map(bool, frame["labels"]))
        facts = {
            "documents": f"{len(frame):,}",
            "labeled": f"{n_labeled:,}, {len(frame) - n_labeled:,} to go",
            "labels": count_words(map(registers_of, frame["labels"])),
            "log": str(self.log.path),
        }
        # In a notebook, a text with dollar signs would be shown as mathematics.
        with pd.option_context("display.html.use_mathjax", False):
            table = frame.to_html(max_rows=20)
        return draw_facts("LabelTable", facts) + table

    # -- widgets -----------------------------------------------------------------------

    def widget(self, page_size: int = _LISTED) -> Any:
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

        def draw(*_: Any) -> None:
            frame = self.frame
            query = search.value.strip().casefold()
            texts_folded = (text.casefold() for text in frame["text"])
            matching = [n for n, text in enumerate(texts_folded) if query in text]
            place.max = max(1, -(-len(matching) // page_size))
            start = (place.value - 1) * page_size
            rows[:] = matching[start : start + page_size]
            for n, (tick, text) in enumerate(zip(ticks, texts, strict=True)):
                tick.value = False
                display = "none"
                if n < len(rows):
                    display = ""
                    text.value = _line(frame.iloc[rows[n]])
                tick.layout.display = text.layout.display = display

        search.observe(draw, "value")
        place.observe(draw, "value")

        def ticked() -> list[int]:
            return [n for n, tick in zip(rows, ticks, strict=False) if tick.value]

        controls = self._controls(widgets, ticked, draw)
        lines = [widgets.HBox(pair) for pair in zip(ticks, texts, strict=True)]
        draw()
        return widgets.VBox([widgets.HBox([search, place]), controls, *lines])

    def map(self, places: ArrayLike | None = None, X: ArrayLike | None = None) -> Any:
        """Return a map to draw a lasso on, by jupyter-scatter; needs the extra
        ``notebook``.

        Parameters
        ----------
        places : array of shape (n_documents, 2) or None
            None takes the columns ``x`` and ``y``.
        X : array of shape (n_documents, n_dims) or None
            Lists the documents most typical of a selection first.

        """
        jscatter = optional_import("jscatter", **_EXTRA)
        widgets = optional_import("ipywidgets", **_EXTRA)
        if places is None:
            if not {"x", "y"} <= set(self._documents):
                raise ValueError(
                    "got documents without x and y, expected a map; pass places, as "
                    "draw_map gives them"
                )
            places = self._documents[["x", "y"]].to_numpy()
        places = check_places("places", places, len(self.ids))
        space = None if X is None else np.asarray(X)
        data = pd.DataFrame(places, columns=["x", "y"])
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

        def draw(*_: Any) -> None:
            rows = selected()
            lines = [
                _line(row) for _, row in self.frame.iloc[rows[:_LISTED]].iterrows()
            ]
            listed.value = f"<b>{len(rows):,} selected</b>{''.join(lines)}"

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
        names = [", ".join(label) or NOT_LABELED for label in self.frame["labels"]]
        return pd.Series(names, dtype="category")

    def _controls(
        self,
        widgets: Any,
        chosen: Callable[[], list[int]],
        after: Callable[[], None],
    ) -> Any:
        typed = widgets.Combobox(
            options=self.scheme, placeholder="Label, or several: NA, OP"
        )
        message = widgets.HTML()

        def apply() -> str:
            rows = chosen()
            if not rows or not typed.value.strip():
                return "Select documents, and pick or type a label."
            self.label(rows, typed.value, method="notebook selection")
            return f"Saved: {len(rows):,} documents labeled {typed.value}."

        def turn_back(name: str, event: Event | None) -> str:
            if event is None:
                return f"There is nothing to {name}."
            return f"Saved: {name}."

        actions = {
            "Apply": apply,
            "Undo": lambda: turn_back("Undo", self.undo()),
            "Redo": lambda: turn_back("Redo", self.redo()),
        }

        def act(button: Any) -> None:
            try:
                text = actions[button.description]()
            except (ValueError, OSError) as error:
                text = str(error)
            message.value = f'<div class="{_NO_MATH}">{escape(text)}</div>'
            after()

        buttons = []
        for name in actions:
            button = widgets.Button(description=name, layout={"width": "80px"})
            button.on_click(act)
            buttons.append(button)
        return widgets.VBox([widgets.HBox([typed, *buttons]), message])


def label_table(
    documents: pd.DataFrame,
    out: str | Path = "labels.jsonl",
    *,
    by: str = "notebook",
    scheme: Sequence[str] | None = None,
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
    >>> texts = ["Mix flour and milk.", "The minister resigned.", "Mix eggs."]
    >>> documents = pd.DataFrame({"text": texts})
    >>> table = label_table(documents, Path(mkdtemp()) / "labels.jsonl")
    >>> _ = table.label(documents["text"].str.contains("Mix"), "HI, re")
    >>> table.frame["labels"].tolist()
    [['HI', 're'], [], ['HI', 're']]
    >>> _ = table.undo()
    >>> table.frame["labels"].tolist()
    [[], [], []]

    """
    return LabelTable(documents, out, by=by, scheme=scheme)


def _line(document: pd.Series) -> str:
    start = " ".join(document["text"].split())[:240]
    label = escape(", ".join(document["labels"])) or "–"
    return (
        f'<div class="{_NO_MATH}" style="margin:4px 0"><b>{label}</b> '
        f"{escape(start)}</div>"
    )
