"""Everything that the people who label one corpus share: documents, spaces, maps,
rounds, and the log.
"""

import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from embetter_reg._validation import check_same_length, check_space
from embetter_reg.corpus.registers import MAIN, PARENT, mains, parse
from embetter_reg.label._log import LabelLog, Labels
from embetter_reg.label._map import draw_map
from embetter_reg.label._suggest import (
    Vote,
    doubtful_labels,
    informative_regions,
    neighbor_vote,
)
from embetter_reg.label._tune import (
    HEADS,
    Agreement,
    TuneJob,
    find_clusters,
    is_held_out,
)

NOBODY = "not labeled"
HYBRID = "hybrid"
_MOST_ASKED = 20_000


def short(labels: Iterable[str]) -> Labels:
    """Return the main registers of a label; a label outside the scheme is kept as it
    is.

    Examples
    --------
    >>> from embetter_reg.label._workspace import short
    >>> short(["NA", "ne", "OP"]), short(["spam"])
    (('NA', 'OP'), ('spam',))

    """
    labels = list(labels)
    return tuple(label for label in labels if label not in PARENT or not mains(labels))


def parse_label(typed: str | Iterable[str]) -> list[str]:
    """Return typed labels: CORE codes in the scheme's order, with the main registers of
    sub-registers; others as typed.

    Labels are a list, or separated by commas or, where all are CORE codes, by spaces.

    Examples
    --------
    >>> from embetter_reg.label._workspace import parse_label
    >>> parse_label("rv, na"), parse_label("na OP"), parse_label("love letter, spam")
    (['NA', 'OP', 'rv'], ['NA', 'OP'], ['love letter', 'spam'])

    """
    parts = typed.split(",") if isinstance(typed, str) else list(map(str, typed))
    parts = [part.strip() for part in parts if part.strip()]
    found = [code for part in parts for code in _codes(part)]
    try:
        return parse(found)
    except ValueError:
        return list(dict.fromkeys(found))


def _codes(part: str) -> list[str]:
    """Return CORE codes with their main registers, however they are written; anything
    else as it is.
    """
    for fold in (str, str.upper, str.lower):
        try:
            return parse(fold(part))
        except ValueError:
            continue
    return [part]


@dataclass
class Round:
    """A space with its map: number 0 is the original space, the others were tuned.

    ``places`` (n_documents, 2) is the map, ``clusters`` (n_documents,) its clusters,
    and ``figures`` what `tune_round` returned.
    """

    number: int
    space: np.ndarray
    places: np.ndarray
    clusters: np.ndarray
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def agreement(self) -> Agreement | None:
        """Held-out agreement before and after, of a tuned round."""
        found = self.figures.get("agreement")
        return None if found is None else Agreement(**found)


class Workspace:
    """A corpus that is being labeled.

    Parameters
    ----------
    documents : DataFrame
        With columns ``id``, ``lang``, ``labels`` (a list each, may be empty) and
        ``text``; others go into exports.
    X : array of shape (n_documents, n_dims)
        The original space.
    out : path
        The log. Rounds are kept beside it, in a folder of its name and ``.rounds``.
    places : array of shape (n_documents, 2) or None
        The first map; None draws one.
    reducer, head : str
    scheme : sequence of str or None
        Labels to pick from; None takes those of the CORE scheme, or those of the
        documents where they are others.
    random_state : int

    Raises
    ------
    ValueError
        If documents and vectors do not fit, an id comes twice, there is no such head or
        reducer, or the log is none.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> import numpy as np
    >>> from embetter_reg import load_registers
    >>> from embetter_reg.label import Workspace
    >>> documents = load_registers().query("lang == 'en'").reset_index(drop=True)
    >>> X = np.random.default_rng(0).normal(size=(len(documents), 4))
    >>> work = Workspace(documents.assign(labels=[[]] * 80), X, Path(mkdtemp()) / "labels.jsonl", reducer="pca")
    >>> _ = work.log.apply(documents["id"][:3].tolist(), ["NA"], by="ann")
    >>> work.labels[:4]
    [('NA',), ('NA',), ('NA',), ()]

    """

    def __init__(
        self,
        documents: pd.DataFrame,
        X,
        out="labels.jsonl",
        *,
        places=None,
        reducer="umap",
        head="linear",
        scheme=None,
        random_state=0,
    ):
        self.documents = documents.reset_index(drop=True)
        self.X = check_space("X", X)
        check_same_length(documents=self.documents, X=self.X, places=places)
        self.ids: list[str] = self.documents["id"].astype(str).tolist()
        self.row_of = {name: row for row, name in enumerate(self.ids)}
        if len(self.row_of) < len(self.ids):
            raise ValueError("got an id twice, expected one id a document; rename it")
        self.text: list[str] = self.documents["text"].tolist()
        self.language = self.documents["lang"].astype(str).to_numpy()
        if head not in HEADS:
            raise ValueError(
                f"got the head {head!r}, expected one of {list(HEADS)}; pick one"
            )
        self.reducer, self.head, self.random_state = reducer, head, random_state
        self.log = LabelLog(out)
        self.folder = self.log.path.with_name(f"{self.log.path.name}.rounds")
        self._given = [tuple(labels) for labels in self.documents["labels"]]
        self._scheme = list(scheme) if scheme else None
        self._held = np.array([is_held_out(name) for name in self.ids])
        self._votes: dict[tuple[int, int], Vote | None] = {}
        self._labels: tuple[int, list[Labels]] | None = None
        self.rounds: dict[int, Round] = {}
        self.job: TuneJob | None = None
        self.job_by = ""
        self.news = ""
        for stale in self.folder.glob(".tuning-*"):
            _clear_if_left_over(stale)
        self._first_round(places)
        self.load_rounds()

    # -- labels ------------------------------------------------------------------------------------

    @property
    def labels(self) -> list[Labels]:
        """The label of each document: the last one given here, or else the one it came
        with.
        """
        state = self.log.state
        if self._labels is None or self._labels[0] != state.n_events:
            found = list(self._given)
            for name in state.cleared:
                if name in self.row_of:
                    found[self.row_of[name]] = ()
            for name, label in state.labels.items():
                if name in self.row_of:
                    found[self.row_of[name]] = label
            self._labels = (state.n_events, found)
        return self._labels[1]

    @property
    def scheme(self) -> list[str]:
        """Labels to pick from: the scheme's, and whatever else was typed or came with
        the documents.
        """
        seen = {part for label in set(self.labels) for part in short(label)}
        start = self._scheme or ([] if seen and not seen & set(MAIN) else list(MAIN))
        return [*start, *sorted(seen - set(start))]

    def targets(self) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """Return the labeled rows, their labels as an indicator matrix, and what its
        columns mean.
        """
        found = [short(label) for label in self.labels]
        rows = np.array([row for row, label in enumerate(found) if label], dtype=int)
        names = sorted({part for label in found for part in label})
        place = {name: n for n, name in enumerate(names)}
        matrix = np.zeros((len(rows), len(names)), np.int8)
        for n, row in enumerate(rows):
            matrix[n, [place[part] for part in found[row]]] = 1
        return rows, matrix, names

    def counts(self) -> pd.DataFrame:
        """Return how many documents have each label, by language; a hybrid counts under
        each of its labels.
        """
        languages = sorted(set(self.language))
        table = pd.DataFrame(0, index=self.scheme, columns=languages)
        for (language, label), n in Counter(
            zip(self.language, self.labels, strict=True)
        ).items():
            table.loc[list(short(label)), language] += n
        return table

    # -- predictions and suggestions -----------------------------------------------------------------

    def vote(self, number: int, rows=None) -> Vote | None:
        """Return what labeled neighbors in the space of a round say on documents;
        None with nothing labeled.

        ``rows`` None is all documents, which is remembered until a label changes.
        """
        key = (number, self.log.state.n_events)
        if rows is None or key in self._votes:
            if key not in self._votes:
                self._votes = {key: self._ask(number, None)}
            found = self._votes[key]
            return found if rows is None or found is None else found.of(rows)
        return self._ask(number, rows)

    def _ask(self, number: int, rows) -> Vote | None:
        labeled, targets, names = self.targets()
        return (
            neighbor_vote(self.rounds[number].space, labeled, targets, names, rows)
            if len(labeled)
            else None
        )

    def predicted(self, number: int, rows=None) -> list[Labels]:
        """Return the predicted labels of documents; empty with nothing labeled."""
        vote = self.vote(number, rows)
        return (
            [()] * len(self.ids if rows is None else rows)
            if vote is None
            else vote.winners()
        )

    def doubt(self, number: int, rows=None) -> np.ndarray:
        """Return how unsure the predictions are, in [0, 1]; 1 with nothing labeled."""
        vote = self.vote(number, rows)
        return (
            np.ones(len(self.ids if rows is None else rows), np.float32)
            if vote is None
            else 1 - vote.sure
        )

    def doubtful(self, number: int, method: str = "neighbors") -> np.ndarray:
        """Return labeled documents whose label looks wrong, those that people disagree
        about first.
        """
        rows, targets, _ = self.targets()
        disputed = [
            self.row_of[name]
            for name in self.log.state.disputed()
            if name in self.row_of
        ]
        found = doubtful_labels(self.rounds[number].space, rows, targets, method=method)
        return np.array(list(dict.fromkeys([*disputed, *found.tolist()])), dtype=int)

    def regions(self, number: int) -> list[np.ndarray]:
        """Return the regions of a map that are worth labeling, the most informative
        first.

        Of very many documents, a sample is asked for its doubts; the others count with
        their mean.
        """
        unlabeled = np.array(
            [row for row, label in enumerate(self.labels) if not label], dtype=int
        )
        asked = unlabeled
        if len(unlabeled) > _MOST_ASKED:
            asked = np.random.default_rng(self.random_state).choice(
                unlabeled, _MOST_ASKED, replace=False
            )
        doubt = np.ones(len(self.ids), np.float32)
        if len(asked):
            found = self.doubt(number, asked)
            doubt[:] = found.mean()
            doubt[asked] = found
        return informative_regions(
            self.rounds[number].places,
            doubt,
            unlabeled,
            random_state=self.random_state,
        )

    # -- rounds --------------------------------------------------------------------------------------

    @property
    def last_round(self) -> Round:
        """The newest round."""
        return self.rounds[max(self.rounds)]

    def _first_round(self, places) -> None:
        folder = self.folder / "0"
        kept = self._read(folder, drawn_by=self.reducer) if places is None else None
        if kept is None:
            found = (
                draw_map(self.X, self.reducer, random_state=self.random_state)
                if places is None
                else places
            )
            clusters = find_clusters(self.X, self.n_clusters, self.random_state)
            kept = {"map": np.asarray(found, np.float32), "clusters": clusters}
            draft = self.folder / f".draft-{os.getpid()}"
            draft.mkdir(parents=True, exist_ok=True)
            for name, array in kept.items():
                np.save(draft / f"{name}.npy", array)
            self._mark(draft)
            shutil.rmtree(folder, ignore_errors=True)
            draft.rename(folder)
        self.rounds[0] = Round(0, self.X, kept["map"], kept["clusters"])

    @property
    def n_clusters(self) -> int:
        """As many clusters as there are labels to pick from, at least 2."""
        return max(2, min(len(self.scheme), len(self.ids)))

    @cached_property
    def _fingerprint(self) -> str:
        from hashlib import blake2b

        digest = blake2b("\n".join(self.ids).encode(), digest_size=16)
        digest.update(np.ascontiguousarray(self.X).tobytes())
        return digest.hexdigest()

    def _mark(self, folder: Path) -> None:
        (folder / "documents.json").write_text(
            json.dumps(
                {"n": len(self.ids), "of": self._fingerprint, "drawn_by": self.reducer}
            ),
            encoding="utf-8",
        )

    def _read(
        self, folder: Path, drawn_by: str | None = None
    ) -> dict[str, np.ndarray] | None:
        """Return the arrays of a round that was kept, or None where there is none of
        these documents.
        """
        try:
            about = json.loads((folder / "documents.json").read_text(encoding="utf-8"))
            if about["of"] != self._fingerprint or drawn_by not in (
                None,
                about["drawn_by"],
            ):
                return None
            return {
                path.stem: np.load(path, mmap_mode="r") for path in folder.glob("*.npy")
            }
        except (OSError, ValueError, KeyError):
            return None

    def load_rounds(self) -> bool:
        """Read the rounds that the log tells of; return whether there was a new one."""
        new = False
        for event in self.log.state.tunings:
            if event.round in self.rounds:
                continue
            kept = self._read(self.folder / str(event.round))
            if kept is not None and {"map", "space", "clusters"} <= kept.keys():
                self.rounds[event.round] = Round(
                    event.round,
                    kept["space"],
                    np.asarray(kept["map"]),
                    kept["clusters"],
                    event.selection,
                )
                new = True
        return new

    def start_tuning(self, by: str = "", *, on: int | None = None) -> None:
        """Begin a round in the background; `poll_tuning` tells how it goes.

        Raises
        ------
        ValueError
            If one is running, or there are fewer than two labels to fit on.

        """
        if self.job is not None:
            raise ValueError(
                "got a second tuning, expected one at a time; wait, or stop the first"
            )
        rows, targets, _ = self.targets()
        held = self._held[rows]
        n_labels = int(targets[~held].any(axis=0).sum()) if len(rows) else 0
        if n_labels < 2:
            raise ValueError(
                f"got {int((~held).sum())} labeled documents of {n_labels} "
                f"label{'' if n_labels == 1 else 's'} to tune on, expected at least "
                "two labels; label some of another "
                "(one document in five is held out)"
            )
        before = self.rounds[on] if on is not None else self.last_round
        self.job_by = by
        self.job = TuneJob(
            self.X,
            rows,
            targets,
            held,
            before=before.space,
            places=before.places,
            under=self.folder,
            head=self.head,
            reducer=self.reducer,
            n_clusters=self.n_clusters,
            random_state=self.random_state,
        )

    def poll_tuning(self) -> Round | None:
        """Take in how tuning goes; return the new round once, when it is there. `news`
        tells what became of it.
        """
        if self.job is None or not self.job.poll():
            return None
        job, self.job = self.job, None
        if not job.done:
            self.news = f"Tuning ended without a round: {job.error}"
            return None
        figures = json.loads((job.folder / "figures.json").read_text(encoding="utf-8"))
        self._mark(job.folder)
        number = self._keep(job.folder)
        job.clear()
        self.log.tuned(number, self.job_by, figures)
        self.load_rounds()
        self.news = Agreement(**figures["agreement"]).sentence()
        return self.rounds[number]

    def _keep(self, folder: Path) -> int:
        """Move a finished round to the next free number; another server may take one at
        the same time.
        """
        number = 1 + max(
            int(path.name) for path in self.folder.iterdir() if path.name.isdigit()
        )
        while True:
            try:
                folder.rename(self.folder / str(number))
            except OSError:
                number += 1
            else:
                return number

    def stop_tuning(self) -> None:
        """Stop the round that is running; nothing of it is kept."""
        if self.job is not None:
            self.job.stop()
            self.job = None
            self.news = "Tuning was stopped."


def _clear_if_left_over(folder: Path) -> None:
    """Take away what a killed tuning left: nothing in it has changed for an hour."""
    if time.time() - folder.stat().st_mtime > 3600:
        shutil.rmtree(folder, ignore_errors=True)
