"""Everything that the people who label one corpus share: documents, labels, predictions,
rounds, and the log.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from embetter_reg._validation import check_same_length, check_space, check_texts
from embetter_reg.corpus import label_matrix
from embetter_reg.corpus.registers import current_scheme
from embetter_reg.label._column import LabelColumn
from embetter_reg.label._job import TuneJob
from embetter_reg.label._labels import Labels, short
from embetter_reg.label._log import LabelLog
from embetter_reg.label._map import check_places, check_reducer
from embetter_reg.label._rounds import Round, RoundStore
from embetter_reg.label._suggest import (
    Vote,
    doubtful_labels,
    informative_regions,
    neighbor_vote,
)
from embetter_reg.label._tune import Agreement, check_head, is_held_out

_MOST_PREDICTED = 20_000


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
        Labels to pick from; None takes the main ones of the scheme in use, or those of the
        documents where they are others.
    suggested : Vote or None
        What a classifier predicts for the documents, as `load_corpus` returns it: the
        predictions in the first space, to be confirmed. With None labeled neighbors vote
        there, as they do in every tuned space.
    random_state : int or None

    Raises
    ------
    ValueError
        If a column is missing, documents and vectors do not fit, an id comes twice,
        there is no such head or reducer, or the log is none.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> import numpy as np
    >>> from embetter_reg import load_registers
    >>> from embetter_reg.label import Workspace
    >>> documents = load_registers().query("lang == 'en'").reset_index(drop=True)
    >>> X = np.random.default_rng(0).normal(size=(len(documents), 4))
    >>> log = Path(mkdtemp()) / "labels.jsonl"
    >>> work = Workspace(documents.assign(labels=[[]] * 80), X, log, reducer="pca")
    >>> _ = work.log.apply(documents["id"][:3].tolist(), ["NA"], by="ann")
    >>> work.labels[:4]
    [('NA',), ('NA',), ('NA',), ()]

    """

    def __init__(
        self,
        documents: pd.DataFrame,
        X: ArrayLike,
        out: str | Path = "labels.jsonl",
        *,
        places: ArrayLike | None = None,
        reducer: str = "umap",
        head: str = "linear",
        scheme: Sequence[str] | None = None,
        suggested: Vote | None = None,
        random_state: int | None = 0,
    ):
        check_head(head)
        check_reducer(reducer)
        self._scheme = check_scheme(scheme)
        self.documents = _check_documents(documents)
        self.X = check_space("X", X)
        shares = None if suggested is None else suggested.shares
        check_same_length(
            documents=self.documents, X=self.X, places=places, suggested=shares
        )
        self.suggested = suggested
        if places is not None:
            places = check_places("places", places, len(self.documents))
        self.ids: list[str] = self.documents["id"].tolist()
        self.row_of = {name: row for row, name in enumerate(self.ids)}
        self.text: list[str] = check_texts(self.documents["text"])
        self.language = self.documents["lang"].astype(str).to_numpy()
        self.language_codes, names = pd.factorize(self.language, sort=True)
        self.languages: list[str] = names.tolist()
        self._first_labels = LabelColumn.of(self.documents["labels"])
        self.reducer = reducer
        self.head = head
        self.random_state = random_state
        texts = dict(zip(self.ids, self.text, strict=True))
        self.log = LabelLog(out, texts)
        self.folder = self.log.path.with_name(f"{self.log.path.name}.rounds")
        self._held = np.array([is_held_out(name) for name in self.ids])
        self._votes: dict[tuple[int, int], Vote | None] = {}
        self._labels = self._first_labels
        self._labels_of = self.log.state
        self._n_touched = 0  # lines of the log that the labels have taken in
        self.job: TuneJob | None = None
        self.job_by = ""
        self.news = ""
        self._store = RoundStore(self.folder, self.ids, self.X, random_state)
        first = self._store.first(reducer, self.n_clusters, places)
        self.rounds: dict[int, Round] = {0: first}
        self._unreadable: set[int] = set()
        self.load_rounds()

    # -- labels ------------------------------------------------------------------------

    @property
    def labels(self) -> LabelColumn:
        """The label of each document: the last one given here, or else the one it came
        with.
        """
        state = self.log.state
        if state is not self._labels_of:  # another log stands in its place
            self._labels = self._first_labels
            self._labels_of = state
            self._n_touched = 0
        lines = state.touched[self._n_touched :]
        self._n_touched += len(lines)
        found = {name: self.row_of.get(name) for ids in lines for name in ids}
        rows = {name: row for name, row in found.items() if row is not None}
        if rows:
            changed = list(rows.values())
            labels = map(state.label_of, rows, self._first_labels.at(changed))
            self._labels = self._labels.changed(changed, labels)
        return self._labels

    @property
    def scheme(self) -> list[str]:
        """Labels to pick from: the scheme's, and whatever else was typed or came with
        the documents.
        """
        seen = {part for label in self.labels.used for part in short(label)}
        main = current_scheme().main
        scheme = self._scheme or list(main)
        if self._scheme is None and seen and not seen & set(main):
            scheme = []
        return [*scheme, *sorted(seen - set(scheme))]

    def targets(self) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """Return the labeled rows, their labels as an indicator matrix, and the names
        of its columns.
        """
        labels = self.labels
        rows = np.flatnonzero(labels.is_labeled)
        short_labels = {label: short(label) for label in labels.used}
        names = sorted({part for label in short_labels.values() for part in label})
        chosen = [short_labels[labels[row]] for row in rows]
        return rows, label_matrix(chosen, names), names

    def counts(self) -> pd.DataFrame:
        """Return how many documents have each label, by language; a hybrid counts under
        each of its labels.
        """
        table = pd.DataFrame(0, index=self.scheme, columns=self.languages)
        labels = self.labels
        n_distinct = len(labels.distinct)
        pairs = self.language_codes * n_distinct + labels.codes
        for pair, n in enumerate(np.bincount(pairs).tolist()):
            language, code = divmod(pair, n_distinct)
            if n:
                parts = list(short(labels.distinct[code]))
                table.loc[parts, self.languages[language]] += n
        return table

    # -- predictions and suggestions ---------------------------------------------------

    def vote(self, number: int, rows: np.ndarray | None = None) -> Vote | None:
        """Return the vote of labeled neighbors on documents, in the space of a round;
        None with nothing labeled. In the first space, what was suggested stands for it.

        ``rows`` None is all documents, which is remembered until a label changes.
        """
        if number == 0 and self.suggested is not None:
            return self.suggested if rows is None else self.suggested.of(rows)
        key = (number, self.log.state.n_events)
        if rows is not None and key not in self._votes:
            return self._vote(number, rows)
        if key not in self._votes:
            self._votes = {key: self._vote(number, None)}
        vote = self._votes[key]
        if rows is None or vote is None:
            return vote
        return vote.of(rows)

    def _vote(self, number: int, rows: np.ndarray | None) -> Vote | None:
        labeled, targets, names = self.targets()
        if not len(labeled):
            return None
        return neighbor_vote(self.rounds[number].X, labeled, targets, names, rows)

    def predicted(self, number: int, rows: np.ndarray | None = None) -> list[Labels]:
        """Return the predicted labels of documents; empty with nothing labeled."""
        vote = self.vote(number, rows)
        if vote is None:
            return [()] * len(self.ids if rows is None else rows)
        return vote.winners()

    def doubt(self, number: int, rows: np.ndarray | None = None) -> np.ndarray:
        """Return how unsure the predictions are, in [0, 1]; 1 with nothing labeled."""
        vote = self.vote(number, rows)
        if vote is None:
            return np.ones(len(self.ids if rows is None else rows), np.float32)
        return 1 - vote.sure

    def doubtful(self, number: int, method: str = "neighbors") -> np.ndarray:
        """Return labeled documents whose label looks wrong, those that people disagree
        about first.
        """
        rows, targets, _ = self.targets()
        names = self.log.state.disputed()
        disputed = [self.row_of[name] for name in names if name in self.row_of]
        doubtful = doubtful_labels(self.rounds[number].X, rows, targets, method=method)
        ordered = dict.fromkeys([*disputed, *doubtful.tolist()])
        return np.array(list(ordered), dtype=int)

    def regions(self, number: int) -> list[np.ndarray]:
        """Return the regions of a map that are worth labeling, the most informative
        first.

        Of very many documents, a sample is predicted; the others count with its mean
        doubt.
        """
        rows = sample = np.flatnonzero(~self.labels.is_labeled)
        if len(rows) > _MOST_PREDICTED:
            generator = np.random.default_rng(self.random_state)
            sample = generator.choice(rows, _MOST_PREDICTED, replace=False)
        doubt = np.ones(len(self.ids), np.float32)
        if len(sample):
            sampled = self.doubt(number, sample)
            doubt[:] = sampled.mean()
            doubt[sample] = sampled
        places = self.rounds[number].places
        return informative_regions(places, doubt, rows, random_state=self.random_state)

    # -- rounds ------------------------------------------------------------------------

    @property
    def last_round(self) -> Round:
        """The newest round."""
        return self.rounds[max(self.rounds)]

    @property
    def n_clusters(self) -> int:
        """As many clusters as there are labels to pick from, at least 2."""
        return max(2, min(len(self.scheme), len(self.ids)))

    def load_rounds(self) -> bool:
        """Read the rounds that the log names; return whether there was a new one.

        A round that cannot be read is named in ``news``, and left out.
        """
        n_before = len(self.rounds)
        for event in self.log.state.tunings:
            number = event.round
            if number in self.rounds or number in self._unreadable:
                continue
            earlier = self.rounds[max(n for n in self.rounds if n < number)]
            try:
                one = self._store.load(
                    number, event.selection, earlier, self.n_clusters
                )
            except (OSError, ValueError, KeyError) as error:
                self._unreadable.add(number)
                self.news = f"Round {number} cannot be read: {error}"
                continue
            if one is None:
                self._unreadable.add(number)
            else:
                self.rounds[number] = one
        return len(self.rounds) > n_before

    def start_tuning(self, by: str = "", *, on: int | None = None) -> None:
        """Begin a round in the background; `poll_tuning` reads its progress.

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
        n_fitted = int((~held).sum())
        n_labels = int(targets[~held].any(axis=0).sum())
        if n_labels < 2:
            number = {0: "no label", 1: "1 label"}[n_labels]
            raise ValueError(
                f"got {n_fitted} labeled documents of {number} to tune on, expected at "
                "least two labels; label some of another (one document in five is held "
                "out)"
            )
        before = self.last_round
        if on is not None:
            before = self.rounds[on]
        self.job_by = by
        self.job = TuneJob(
            self.X,
            rows,
            targets,
            held,
            before=before.X,
            places=before.places,
            under=self.folder,
            head=self.head,
            reducer=self.reducer,
            n_clusters=self.n_clusters,
            random_state=self.random_state,
        )

    def poll_tuning(self) -> Round | None:
        """Read how tuning goes; return the new round once, when it is finished. ``news``
        holds a sentence on what became of it.
        """
        if self.job is None or not self.job.poll():
            return None
        job = self.job
        self.job = None
        if not job.done:
            self.news = f"Tuning ended without a round: {job.error}"
            return None
        text = (job.folder / "figures.json").read_text(encoding="utf-8")
        figures = json.loads(text)
        number = self._store.add(job.folder)
        job.clear()
        self.log.tuned(number, self.job_by, figures)
        self.news = Agreement(**figures["agreement"]).sentence()
        self.load_rounds()
        return self.rounds.get(number)

    def stop_tuning(self) -> None:
        """Stop the round that is running; nothing of it is kept."""
        if self.job is not None:
            self.job.stop()
            self.job = None
            self.news = "Tuning was stopped."


def check_scheme(scheme: Sequence[str] | None) -> list[str] | None:
    """Return a scheme as a list of different labels; None where it is empty."""
    if scheme is None:
        return None
    if isinstance(scheme, str) or not all(isinstance(x, str) for x in scheme):
        raise ValueError(
            f"got scheme={scheme!r}, expected a list of labels; pass for example "
            "['spam', 'ham']"
        )
    return list(dict.fromkeys(name for name in scheme if name.strip())) or None


def _check_documents(documents: pd.DataFrame) -> pd.DataFrame:
    """Return documents with ids of str and rows numbered from 0."""
    needed = ["id", "lang", "labels", "text"]
    if not isinstance(documents, pd.DataFrame):
        raise TypeError(
            f"got {type(documents).__name__}, expected a DataFrame of documents; pass "
            "what read_documents returns"
        )
    missing = [name for name in needed if name not in documents]
    if missing or not len(documents):
        raise ValueError(
            f"got {len(documents)} documents with the columns {list(documents)}, "
            f"expected some with {needed}; pass what read_documents returns"
        )
    table = documents.reset_index(drop=True)
    table = table.assign(id=table["id"].astype(str))
    repeated = table["id"][table["id"].duplicated()]
    if len(repeated):
        raise ValueError(
            f"got the id {repeated.iloc[0]!r} twice, expected one id a document; "
            "rename it"
        )
    return table
