"""Documents in, trained models with their splits and figures out: what ``embetter-reg
finetune`` does.
"""

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import clone

from embetter_reg.corpus import text_digest
from embetter_reg.corpus.registers import mains
from embetter_reg.corpus.select import balanced_sample
from embetter_reg.corpus.split import RegisterKFold, RegisterShuffleSplit
from embetter_reg.finetune.models._model_card import RECORD
from embetter_reg.finetune.models._register_trainer import RegisterTrainer

SPLIT, FIGURES = "split.csv", "figures.csv"


def finetune_documents(
    documents: pd.DataFrame,
    trainer: RegisterTrainer,
    out,
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
        As `read_documents` gives them; on registers those without a label are left out.
    trainer : RegisterTrainer
        What to train, and how. It stays as it is; it needs a ``random_state``.
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
        What `RegisterTrainer.evaluate` gives of each model, with the column ``fold``;
        also written as ``figures.csv``, and with folds as ``average.csv`` (means and
        standard deviations).

    Raises
    ------
    ValueError
        If a part is empty, the folder holds a model, or checkpoints are of another run.

    Notes
    -----
    ``split.csv`` in each folder tells every document's part: ``train``, ``validation``
    (held back by the trainer) or ``test``, with a digest of its text.

    """
    out = Path(out)
    if trainer.random_state is None:
        raise ValueError(
            "got a trainer without random_state, expected one, which decides the "
            "split; pass random_state=0"
        )
    documents = _usable(documents, trainer, "training")
    test = None if test is None else _usable(test, trainer, "test")
    for name, wanted, among in (
        ("training", train_languages, documents),
        ("test", test_languages, documents if test is None else test),
    ):
        missing = sorted(set(wanted or ()) - set(among["lang"]))
        if missing:
            raise ValueError(
                f"got no {name} document in {', '.join(missing)}, expected some; the "
                "languages here are "
                f"{', '.join(sorted(set(among['lang'])))}"
            )
    tables = []
    for fold, fitted, scored in _parts(
        documents, test, train_languages, test_size, folds, trainer.random_state
    ):
        train = _in(documents[fitted], train_languages)
        held_out = _in(documents[scored] if test is None else test, test_languages)
        if n_per_language is not None and len(train):
            train = balanced_sample(
                train, n_per_language, random_state=trainer.random_state, on_short="all"
            )
        held_out = held_out[~held_out["text"].isin(set(train["text"]))].reset_index(
            drop=True
        )
        for name, part in (("training", train), ("test", held_out)):
            if part.empty:
                raise ValueError(
                    f"got no {name} document, expected some; check labels, languages "
                    "and sizes"
                )
        folder = out / f"fold_{fold}" if folds else out
        tables.append(
            _one(train, held_out, trainer, folder, merge, resume).assign(fold=fold)
        )
    figures = pd.concat(tables, ignore_index=True)
    figures.to_csv(out / FIGURES, index=False)
    if folds:
        average_folds(figures).to_csv(out / "average.csv", index=False)
    return figures


def average_folds(figures: pd.DataFrame) -> pd.DataFrame:
    """Return the mean and standard deviation (``_sd``) of every figure over folds, a
    row each language.
    """
    values = [
        name for name in figures if name not in ("language", "n_documents", "fold")
    ]
    groups = figures.groupby("language", sort=False)
    mean, sd = groups[values].mean(), groups[values].std().add_suffix("_sd")
    columns = [column for name in values for column in (name, f"{name}_sd")]
    return pd.concat(
        [groups["fold"].nunique().rename("n_folds"), mean.join(sd)[columns]], axis=1
    ).reset_index()


def read_figures(folders: Sequence) -> pd.DataFrame:
    """Return the figures of trained models in folders, each a ``fold``, as
    `finetune_documents` returns them.

    Raises
    ------
    FileNotFoundError
        If a folder holds no figures.

    """
    tables = []
    for fold, folder in enumerate(map(Path, folders), start=1):
        if not (folder / FIGURES).is_file():
            raise FileNotFoundError(
                f"got {folder} without {FIGURES}, expected a trained model's; check "
                "the path"
            )
        tables.append(
            pd.read_csv(folder / FIGURES, keep_default_na=False).assign(fold=fold)
        )
    return pd.concat(tables, ignore_index=True)


def trained_on(folder, documents: pd.DataFrame) -> np.ndarray:
    """Return which documents a model was trained on, by id or text: bool
    ``(n_documents,)``.

    A folder without ``split.csv``, such as that of a model from elsewhere, tells of
    none.
    """
    path = Path(folder) / SPLIT
    if not path.is_file():
        return np.zeros(len(documents), dtype=bool)
    split = pd.read_csv(path, dtype=str, keep_default_na=False)
    seen = split[split["part"] != "test"]
    return (
        documents["id"].isin(seen["id"])
        | documents["text"].map(text_digest).isin(seen["digest"])
    ).to_numpy()


def _usable(
    documents: pd.DataFrame, trainer: RegisterTrainer, name: str
) -> pd.DataFrame:
    """Return the documents that the objective can use."""
    kept = documents
    if trainer.objective == "register":
        kept = documents[documents["labels"].map(len) > 0]
        if trainer.multi_label is False and trainer.classes is None:
            kept = kept[kept["labels"].map(lambda found: len(mains(found)) == 1)]
    if kept.empty:
        raise ValueError(
            f"got no {name} document that can be used, expected some with labels; "
            "check what was read"
        )
    return kept.reset_index(drop=True)


def _in(documents: pd.DataFrame, languages: Sequence[str] | None) -> pd.DataFrame:
    kept = (
        documents if languages is None else documents[documents["lang"].isin(languages)]
    )
    return kept.reset_index(drop=True)


def _parts(documents, test, train_languages, test_size: float, folds: int | None, seed):
    """Yield fold numbers with masks of the documents to train on and to score on."""
    language = documents["lang"].to_numpy(str)
    untrained = (
        np.zeros(len(documents), bool)
        if train_languages is None
        else ~np.isin(language, list(train_languages))
    )
    if folds is None and test is not None:
        yield 1, ~untrained, untrained
        return
    names = sorted({label for found in documents["labels"] for label in found}) or [""]
    y = np.array(
        [[name in found for name in names] for found in documents["labels"]],
        dtype=np.int8,
    )
    groups = pd.factorize(
        documents["document"] if "document" in documents else documents["text"]
    )[0]
    splitter = (
        RegisterShuffleSplit(1, test_size=test_size, random_state=seed)
        if folds is None
        else RegisterKFold(folds, random_state=seed)
    )
    for number, (fitted, scored) in enumerate(
        splitter.split(y, y, groups, language=language), start=1
    ):
        masks = [np.isin(np.arange(len(documents)), rows) for rows in (fitted, scored)]
        yield (
            number,
            masks[0] & ~untrained,
            masks[1] | (untrained if folds is None else False),
        )


def _one(
    train, held_out, trainer: RegisterTrainer, folder: Path, merge: bool, resume: bool
) -> pd.DataFrame:
    """Train, score and write one model; one that a killed call finished is read."""
    run = {"settings": _settings(trainer, merge), "documents": _digest(train, held_out)}
    done, checkpoints = folder / "run.json", folder / "checkpoints"
    if done.exists() or ((folder / RECORD).exists() and not checkpoints.exists()):
        same = done.exists() and json.loads(done.read_text(encoding="utf-8")) == run
        if not (resume and same):
            raise ValueError(
                f"got {folder}, which holds a model "
                f"already{' of another run' if resume else ''}, expected an empty "
                "folder; pass another by out (--out)"
            )
        return pd.read_csv(folder / FIGURES, keep_default_na=False)
    folder.mkdir(parents=True, exist_ok=True)
    model = clone(trainer).set_params(
        checkpoint_folder=folder,
        resume=resume,
        log_folder=trainer.log_folder or folder / "runs",
    )
    registers = trainer.objective == "register"
    model._fit(
        train["text"],
        train["labels"] if registers else None,
        train["lang"],
        keep_checkpoints=True,
    )
    figures = model.evaluate(
        held_out["text"],
        held_out["labels"] if registers else None,
        language=held_out["lang"],
    )
    part = np.where(
        np.isin(np.arange(len(train)), model.validation_rows_), "validation", "train"
    )
    split = pd.concat([train.assign(part=part), held_out.assign(part="test")])
    split = split.assign(digest=split["text"].map(text_digest))[
        ["id", "lang", "part", "digest"]
    ]
    split.to_csv(folder / SPLIT, index=False)
    figures.to_csv(folder / FIGURES, index=False)
    languages = ", ".join(
        f"{name} ({n:,})"
        for name, n in held_out["lang"].value_counts().sort_index().items()
    )
    model.save(
        folder,
        merge=merge,
        figures=figures,
        about=f"Tested on {len(held_out):,} documents: {languages}.",
    )
    done.write_text(json.dumps(run), encoding="utf-8")
    shutil.rmtree(checkpoints)  # now that everything is written
    return figures


def _settings(trainer: RegisterTrainer, merge: bool) -> dict:
    given = {name: repr(value) for name, value in trainer.get_params().items()}
    unimportant = (
        "checkpoint_folder",
        "resume",
        "log_folder",
        "report_to",
        "show_progress",
    )
    return {
        **{name: value for name, value in given.items() if name not in unimportant},
        "merge": merge,
    }


def _digest(*parts: pd.DataFrame) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        for row in part[["id", "lang", "labels", "text"]].itertuples(index=False):
            digest.update(repr(tuple(row)).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
