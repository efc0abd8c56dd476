"""Documents in, trained models with their splits and figures out: what ``embetter-reg
finetune`` does.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from embetter_reg._files import check_folder, write_atomically, write_csv
from embetter_reg._validation import check_path, check_sequence, check_table
from embetter_reg.corpus import (
    RegisterKFold,
    RegisterShuffleSplit,
    balanced_sample,
    label_matrix,
    split_labels,
    text_digest,
)
from embetter_reg.corpus.registers import mains
from embetter_reg.finetune.models._model_card import RECORD
from embetter_reg.finetune.models._records import FIGURES, SPLIT, average_folds
from embetter_reg.finetune.models._register_trainer import RegisterTrainer

_RUN = "run.json"
# Parameters that leave the model as it is.
_NO_MATTER = ("checkpoint_folder", "log_folder", "report_to", "show_progress")


def finetune_documents(
    documents: pd.DataFrame,
    trainer: RegisterTrainer,
    out: str | Path,
    *,
    test: pd.DataFrame | None = None,
    train_languages: Sequence[str] | None = None,
    test_languages: Sequence[str] | None = None,
    test_size: float = 0.2,
    n_per_language: int | None = None,
    folds: int | None = None,
    merge: bool = False,
    resume: bool = False,
) -> pd.DataFrame:
    """Train a model on a part of documents, score it on another, and write it with its
    split and figures.

    Parameters
    ----------
    documents : DataFrame
        As `read_documents` returns them; on registers those without a label are left
        out.
    trainer : RegisterTrainer
        What to train, and with which parameters. It stays as it is; it needs a
        ``random_state``.
    out : path
        Folder for the model, or for ``fold_1`` to ``fold_k``.
    test : DataFrame or None
        Documents to score on. None holds a part of ``documents`` out, in proportion. A
        text that stands in both is scored on in neither case.
    train_languages, test_languages : sequence of str or None
        Languages to train on and to score on; None is all. All documents of a language
        that is only tested on are tested on.
    test_size : float
        Share held out of every language that is trained on, where ``test`` is None.
    n_per_language : int or None
        Train on a sample of so many documents a language, with its own shares of the
        registers.
    folds : int or None
        Train so many models, each without its own part of the documents; that part is
        scored on, or ``test``.
    merge : bool
        Put adapters into the weights.
    resume : bool
        Go on where a killed call with the same documents and settings stopped.

    Returns
    -------
    DataFrame
        What `RegisterTrainer.evaluate` returns of each model, with the column ``fold``;
        also written as ``figures.csv``, and with folds as ``average.csv`` (means and
        standard deviations).

    Raises
    ------
    ValueError
        If a part is empty, or a folder holds a model or an unfinished run.
    OSError
        If a file cannot be written, such as on a full disk.

    Notes
    -----
    ``split.csv`` in each folder lists every document's part: ``train``, ``validation``
    (held back by the trainer) or ``test``, with a digest of its text.

    """
    out = check_path("out", out)
    if not isinstance(trainer, RegisterTrainer):
        raise TypeError(
            f"got {type(trainer).__name__} as the trainer, expected a RegisterTrainer; "
            "pass one"
        )
    trainer._check_parameters()
    check_folder(out)
    if trainer.random_state is None:
        raise ValueError(
            "got a trainer without random_state, expected one, which decides the "
            "split; pass random_state=0"
        )
    documents = _usable(documents, trainer, "training")
    if test is not None:
        test = _usable(test, trainer, "test")
    _check_languages("training", train_languages, documents)
    _check_languages("test", test_languages, documents if test is None else test)
    runs = []
    for fold, fitted, scored in _parts(
        documents, test, train_languages, test_size, folds, trainer.random_state
    ):
        train = _of_languages(documents[fitted], train_languages)
        if n_per_language is not None and len(train):
            train = balanced_sample(
                train, n_per_language, random_state=trainer.random_state, on_short="all"
            )
        held_out = documents[scored] if test is None else test
        held_out = _of_languages(held_out, test_languages)
        is_new = ~held_out["text"].isin(set(train["text"]))
        held_out = held_out[is_new].reset_index(drop=True)
        _check_not_empty(training=train, test=held_out)
        folder = out / f"fold_{fold}" if folds else out
        runs.append(_Run(trainer, train, held_out, folder, merge))
    # Before any of them trains for hours.
    finished = [run.is_finished(resume) for run in runs]
    tables: list[pd.DataFrame] = []
    for run, is_finished in zip(runs, finished, strict=True):
        if not is_finished:
            run.train()
        table = pd.read_csv(run.folder / FIGURES, keep_default_na=False)
        tables.append(table.assign(fold=len(tables) + 1))
    figures = pd.concat(tables, ignore_index=True)
    write_csv(figures, out / FIGURES)
    if folds:
        write_csv(average_folds(figures), out / "average.csv")
    return figures


@dataclass
class _Run:
    """One model, from its documents to its folder."""

    trainer: RegisterTrainer
    documents: pd.DataFrame
    held_out: pd.DataFrame
    folder: Path
    merge: bool

    def is_finished(self, resume: bool) -> bool:
        """Return whether a killed call finished this run; refuse a folder of another."""
        path = self.folder / _RUN
        advice = "expected an empty folder; pass another by out (--out)"
        if not path.exists():
            if (self.folder / RECORD).exists():
                raise ValueError(
                    f"got {self.folder}, which holds a model already, {advice}"
                )
            return False
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            is_complete = record.get("complete", True)
        except (ValueError, AttributeError, RecursionError) as error:
            raise ValueError(f"got {path}, which cannot be read, {advice}") from error
        if resume:
            self._check_same(record)
        elif is_complete:
            raise ValueError(
                f"got {self.folder}, which holds a model already, {advice}"
            )
        else:
            raise ValueError(
                f"got {self.folder} with an unfinished run, expected none; pass resume "
                "(--resume) to go on with it, another folder, or remove it"
            )
        return is_complete

    def _check_same(self, record: dict[str, Any]) -> None:
        settings = self._settings()
        recorded = record.get("settings", {})
        names = [*settings, *(name for name in recorded if name not in settings)]
        unlike = [name for name in names if recorded.get(name) != settings.get(name)]
        if record.get("documents") != _digest(self.documents, self.held_out):
            unlike.append("documents")
        if unlike:
            raise ValueError(
                f"got {self.folder}, which holds a model already of a run with other "
                f"{', '.join(unlike)}, expected those of this run; pass what it was "
                "given, or another folder by out (--out)"
            )

    def train(self) -> None:
        """Train, score and write the model."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write_record(complete=False)
        checkpoints = self.folder / "checkpoints"
        is_register = self.trainer.objective == "register"
        model = clone(self.trainer).set_params(
            checkpoint_folder=checkpoints,
            log_folder=self.trainer.log_folder or self.folder / "runs",
        )
        try:
            model._fit(
                self.documents["text"],
                self.documents["labels"] if is_register else None,
                self.documents["lang"],
                keep_checkpoints=True,
            )
        except Exception:
            # Where no training began, such as for a model that cannot be loaded, there
            # is nothing to go on with, and the folder serves the next attempt.
            if not checkpoints.exists():
                (self.folder / _RUN).unlink(missing_ok=True)
            raise
        figures = model.evaluate(
            self.held_out["text"],
            self.held_out["labels"] if is_register else None,
            language=self.held_out["lang"],
        )
        write_csv(self._split(model.validation_rows_), self.folder / SPLIT)
        write_csv(figures, self.folder / FIGURES)
        counts = self.held_out["lang"].value_counts().sort_index()
        languages = ", ".join(f"{name} ({n:,})" for name, n in counts.items())
        model.save(
            self.folder,
            merge=self.merge,
            figures=figures,
            about=f"Tested on {len(self.held_out):,} documents: {languages}.",
        )
        self._write_record(complete=True)
        # Only now that everything is written.
        shutil.rmtree(checkpoints)

    def _split(self, validation_rows: np.ndarray) -> pd.DataFrame:
        part = np.full(len(self.documents), "train", dtype=object)
        part[validation_rows] = "validation"
        split = pd.concat(
            [self.documents.assign(part=part), self.held_out.assign(part="test")]
        )
        digests = split["text"].map(text_digest)
        return split.assign(digest=digests)[["id", "lang", "part", "digest"]]

    def _write_record(self, *, complete: bool) -> None:
        record = {
            "settings": self._settings(),
            "documents": _digest(self.documents, self.held_out),
            "complete": complete,
        }
        write_atomically(
            self.folder / _RUN,
            lambda draft: draft.write_text(json.dumps(record), encoding="utf-8"),
        )

    def _settings(self) -> dict[str, Any]:
        parameters = self.trainer.get_params()
        settings = {
            name: repr(value)
            for name, value in parameters.items()
            if name not in _NO_MATTER
        }
        return {**settings, "merge": self.merge}


def _usable(
    documents: pd.DataFrame, trainer: RegisterTrainer, name: str
) -> pd.DataFrame:
    """Return the documents that the objective can use."""
    check_table(f"{name} documents", documents, "id", "lang", "labels", "text")
    usable = documents.assign(labels=documents["labels"].map(split_labels))
    if trainer.objective == "register":
        usable = usable[usable["labels"].map(len) > 0]
        if trainer.multi_label is False and trainer.classes is None:
            n_registers = usable["labels"].map(lambda labels: len(mains(labels)))
            usable = usable[n_registers == 1]
    if usable.empty:
        raise ValueError(
            f"got no {name} document that can be used, expected some with labels; "
            "check what was read"
        )
    return usable.reset_index(drop=True)


def _check_languages(
    name: str, languages: Sequence[str] | None, documents: pd.DataFrame
) -> None:
    if languages is not None:
        check_sequence(f"{name}_languages", languages)
    available = sorted(set(documents["lang"]))
    missing = sorted(set(languages or ()) - set(available))
    if missing:
        raise ValueError(
            f"got no {name} document in {', '.join(missing)}, expected some; the "
            f"languages here are {', '.join(available)}"
        )


def _check_not_empty(**parts: pd.DataFrame) -> None:
    for name, part in parts.items():
        if part.empty:
            raise ValueError(
                f"got no {name} document, expected some; check labels, languages and "
                "sizes"
            )


def _of_languages(
    documents: pd.DataFrame, languages: Sequence[str] | None
) -> pd.DataFrame:
    if languages is not None:
        documents = documents[documents["lang"].isin(languages)]
    return documents.reset_index(drop=True)


def _parts(
    documents: pd.DataFrame,
    test: pd.DataFrame | None,
    train_languages: Sequence[str] | None,
    test_size: float,
    folds: int | None,
    seed: Any,
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield fold numbers with masks of the documents to train on and to score on."""
    n = len(documents)
    languages = documents["lang"].to_numpy(str)
    is_untrained = np.zeros(n, dtype=bool)
    if train_languages is not None:
        is_untrained = ~np.isin(languages, list(train_languages))
    if folds is None and test is not None:
        yield 1, ~is_untrained, is_untrained
        return
    classes = sorted({label for labels in documents["labels"] for label in labels})
    # Raw text has no labels; the splitter wants a column.
    y = label_matrix(documents["labels"], classes or [""])
    group_column = "document" if "document" in documents else "text"
    groups = pd.factorize(documents[group_column])[0]
    splitter: Any = RegisterShuffleSplit(1, test_size=test_size, random_state=seed)
    if folds is not None:
        splitter = RegisterKFold(folds, random_state=seed)
    splits = splitter.split(y, y, groups, language=languages)
    for fold, (fitted, scored) in enumerate(splits, start=1):
        is_fitted = np.isin(np.arange(n), fitted) & ~is_untrained
        is_scored = np.isin(np.arange(n), scored)
        if folds is None:
            is_scored |= is_untrained
        yield fold, is_fitted, is_scored


def _digest(*parts: pd.DataFrame) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        for row in part[["id", "lang", "labels", "text"]].itertuples(index=False):
            digest.update(repr(tuple(row)).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
