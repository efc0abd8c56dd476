"""`compare_documents`: from documents to a comparison in one call."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from embetter_reg._random import RandomStateLike, as_seed
from embetter_reg._validation import check_choice
from embetter_reg.analysis.compare._checks import (
    LABEL_SOURCES,
    check_sample_size,
    check_settings,
)
from embetter_reg.analysis.compare._compare import compare_spaces
from embetter_reg.analysis.compare._comparison import DocumentComparison
from embetter_reg.analysis.compare._figures import USUAL_GROUPS
from embetter_reg.analysis.compare._heads import make_tuner, tune
from embetter_reg.analysis.compare._held_out import (
    NEAR_DUPLICATES,
    check_documents,
    check_groups,
    text_keys,
    without_near_duplicates,
    without_trained,
)
from embetter_reg.analysis.compare._pretrained import (
    PretrainedSpaces,
    without_seen,
)
from embetter_reg.analysis.compare._sources import (
    check_models,
    encode_sources,
    layer_spaces,
    make_encoders,
    predicted_labels,
    read_stored,
)
from embetter_reg.analysis.compare._weights import find_weights
from embetter_reg.corpus import indicator, label_column
from embetter_reg.corpus.registers import is_hybrid, mains
from embetter_reg.store import Embeddings

_NEAR_DUPLICATES_ARE = {
    "count": "kept, and figures on them are too good",
    "drop": "left out of every figure",
}


def compare_documents(
    train: pd.DataFrame | None,
    test: pd.DataFrame,
    *,
    encoders: str | Sequence[Any] | None = None,
    embeddings: str | Path | Sequence[str | Path] | Mapping[str, Embeddings] = (),
    models: tuple[str, str] | None = None,
    layers: Sequence[int | str] | None = None,
    prompt: str | None = None,
    long: str | None = None,
    max_length: int | None = None,
    batch_size: int | None = None,
    device: str = "auto",
    dtype: str = "auto",
    head: Any = "feedforward",
    label_source: str = "gold",
    keep_seen: bool = False,
    near_duplicates: str = "count",
    k: int | Iterable[int] | None = None,
    clusterers: str | Iterable[str] = ("kmeans", "spherical"),
    figures: str | Iterable[str] = USUAL_GROUPS,
    controls: str | Iterable[str] = "all",
    n_seeds: int = 5,
    n_init: int = 10,
    n_bootstrap: int = 200,
    n_null: int = 200,
    confidence: float = 0.95,
    random_state: RandomStateLike = 0,
    sample_size: int = 20_000,
    n_jobs: int | None = None,
    show_progress: bool = False,
) -> DocumentComparison:
    """Encode documents, tune a head on some, and compare the spaces of the others.

    Everything is fitted on ``train`` and reported on ``test``. A test document whose
    text is in ``train``, or trained one of the models, is left out with a warning. All
    options are checked before the first document is encoded.

    Parameters
    ----------
    train : DataFrame or None
        Documents as `read_documents` returns them, to fit encoders, head and controls
        on. None where nothing is fitted: no encoder and no head.
    test : DataFrame
        Held-out documents.
    encoders : str, or sequence of str or estimators
        Names as for `make_encoder`, or estimators, which are cloned; a space each. An
        empty sequence encodes nothing. None is "lite", or nothing with the pretrained
        head.
    embeddings : path, sequence of paths, or mapping of name to Embeddings
        What holds embeddings of the same documents, in the form of today or the older
        one, a space each. Where all spaces are stored, documents need no text.
    models : (str, str) or None
        A base model and a tuned one, whose layers are compared as they are.
    layers : sequence of int or str, or None
        Layers: "first", "half", "last" or numbers; 0 is the embedding. Those of an
        encoder are joined as by `join_layers`, each of the models is a space of its own.
        None is an encoder's own embedding, and first, half and last of the models.
    prompt : str or None
        Text in front of every document that encoders and models read. None is an
        encoder's own, and none for models.
    long : str or None
        How encoders and models read documents longer than they take: "head", "head_tail"
        or "chunks". None is an encoder's own.
    max_length : int or None
        Tokens of a document that encoders and models read; None is their own limit.
    batch_size : int or None
        Documents in a batch; None is an encoder's own.
    device, dtype : str
        Where encoders and models compute, and in which type of numbers, as in
        `SentenceEncoder`. Like the five above, these are for encoders that have them
        and are given by name.
    head : str, estimator or None
        The head that tunes each space of encoders and embeddings: a name as for
        `make_head`, or an estimator, which is cloned. None compares the spaces as they
        are. ``"pretrained"``, or a `PretrainedRegisters`, compares the register space
        of the weights that come with the package with that of the same model without
        them; then nothing is fitted, and ``train`` is None. With ``embeddings``, which
        are read part by part, "pretrained" is the head on frozen layers of their model
        (see `load_head`), compared with the last of these layers.
    label_source : {"gold", "predicted", "predicted_best"}
        Whose registers are compared with: those of the documents, or those that a
        classifier predicted, which the first folder of embeddings carries; with the
        pretrained head, those that it predicts itself.
    keep_seen : bool
        Whether to report on documents that the pretrained weights were trained on, too.
        They are counted in either case.
    near_duplicates : {"count", "drop", "ignore"}
        What becomes of test documents that are near-duplicates of training ones
        (`near_duplicates` of the corpus): they are counted, with a warning, left out as
        well, or not looked for, which saves a millisecond a document.
    k, clusterers, figures, controls, n_seeds, n_init, n_bootstrap, n_null, confidence, \
            sample_size
        As for `compare_spaces`. Controls are fitted on ``train``.
    random_state : int, RandomState or None
        Seeds encoders, heads and the comparison.
    n_jobs : int or None
        Cores for clusterings; None takes all. Results do not depend on it.
    show_progress : bool

    Returns
    -------
    DocumentComparison

    Raises
    ------
    ValueError
        If an option is unknown or out of range, no held-out document remains, documents
        are of one register, or held-out ones of one language, or embeddings lack a
        document or hold another text under its id.
    TypeError
        If documents are no DataFrame, or an encoder or a head is no estimator.

    Examples
    --------
    >>> from embetter_reg import compare_documents, load_registers
    >>> from embetter_reg.corpus import train_test_documents
    >>> train, test = train_test_documents(load_registers(), 0.4, random_state=0)
    >>> quick = {"k": [8], "n_seeds": 1, "figures": [], "controls": ["LEACE"]}
    >>> result = compare_documents(train, test, encoders="lite", **quick)
    >>> list(result.spaces), result.verdict.word
    (['original', 'tuned'], 'register')

    """
    seed = as_seed(random_state)
    check_choice("label_source", label_source, (*LABEL_SOURCES, "predicted_best"))
    check_choice("near_duplicates", near_duplicates, NEAR_DUPLICATES)
    reading: dict[str, Any] = {
        "layers": layers,
        "prompt": prompt,
        "long": long,
        "max_length": max_length,
        "batch_size": batch_size,
    }
    for option, choice in (("device", device), ("dtype", dtype)):
        if choice != "auto":
            reading[option] = choice
    needing_a_head = {
        "train": train,
        "encoders": encoders,
        "models": models,
    }
    if not isinstance(embeddings, Mapping):
        embeddings = _listed(embeddings)
    weights = find_weights(head, embeddings, reading, show_progress, needing_a_head)
    stored = read_stored(embeddings if weights is None else ())
    if encoders is None:
        encoders = ("lite",) if weights is None else ()
    encoders = _listed(encoders)
    has_sources = bool(encoders or stored)
    if not has_sources and models is None and weights is None:
        raise ValueError(
            "got no encoders, embeddings or models, expected some spaces to compare; "
            "pass for example encoders=['lite']"
        )
    tuner = None
    if has_sources:
        tuner = make_tuner(head, seed, show_progress)
    fits = bool(encoders) or tuner is not None
    needs_text = bool(encoders) or models is not None
    if weights is not None:
        needs_text = weights.needs_text
    test = check_documents("test", test, needs_text)
    if train is None and fits:
        raise ValueError(
            "got no training documents for encoders or a head to be fitted on, "
            "expected some; pass train, or embeddings with head=None"
        )
    if train is None:
        train = test[:0]
    train = check_documents("train", train, needs_text)
    made = make_encoders(
        encoders,
        seed,
        show_progress,
        reading,
        has_models=models is not None or weights is not None,
    )
    if models is not None:
        check_models(models, reading)

    test = without_trained(train, test, models)
    held_out = test
    test, is_near = without_near_duplicates(train, held_out, near_duplicates)
    n_given = len(test)
    test, seen = without_seen(weights, made.values(), test, keep_seen)
    pretrained = None
    if weights is not None:
        pretrained = PretrainedSpaces(weights, test)
        test = pretrained.labeled(label_source)
    elif label_source != "gold":
        test = predicted_labels(test, stored, label_source)
    check_groups(train, test, fits)
    settings: dict[str, Any] = {
        "k": k,
        "clusterers": clusterers,
        "figures": figures,
        "controls": controls,
        "n_seeds": n_seeds,
        "n_init": n_init,
        "n_bootstrap": n_bootstrap,
        "n_null": n_null,
        "confidence": confidence,
    }
    gold = {"register": label_column(test), "language": test["lang"]}
    check_sample_size(
        sample_size,
        {label: values.to_numpy(dtype=str) for label, values in gold.items()},
    )
    has_texts = "text" in test and "text" in train
    settings = _checked_once(gold, settings, has_texts)

    has_hybrids = any(map(is_hybrid, (*train["labels"], *test["labels"])))
    y = indicator(train)[0] if has_hybrids else label_column(train)
    n_sources = len(made) + sum(len(each.layers) for each in stored.values())
    sources = encode_sources(made, stored, train, test, show_progress)
    spaces, about, first = tune(sources, n_sources, tuner, y)
    if is_near.any():
        about["near-duplicates of training documents"] = (
            f"{is_near.sum():,} of {len(held_out):,} held-out documents, "
            + _NEAR_DUPLICATES_ARE[near_duplicates]
        )
    if models is not None:
        about |= dict(zip(("base", "tuned"), map(str, models), strict=True))
        spaces |= layer_spaces(models, reading, test)
    if pretrained is not None:
        about |= pretrained.about(n_given, len(seen), keep_seen)
        spaces |= pretrained.spaces()
    controls_train = None
    if first is not None and len(train):
        controls_train = {
            "X": first,
            "language": train["lang"],
        }
        if has_texts:
            controls_train["texts"] = train["text"]
    comparison = compare_spaces(
        spaces,
        register=gold["register"],
        language=gold["language"],
        label_source="gold" if label_source == "gold" else "predicted",
        hybrids=[mains(labels) for labels in test["labels"]] if has_hybrids else None,
        texts=test["text"].tolist() if has_texts else None,
        train=controls_train,
        ids=text_keys(test),
        fitted_on=text_keys(train),
        sample_size=sample_size,
        random_state=seed,
        n_jobs=n_jobs,
        show_progress=show_progress,
        **settings,
    )
    near_ids = held_out["id"][is_near].tolist()
    return DocumentComparison(comparison, spaces, train, test, about, seen, near_ids)


def _listed(values: Any) -> list[Any]:
    """Return one value, or several, as a list."""
    if isinstance(values, Iterable) and not isinstance(values, str | Path):
        return list(values)
    return [values]


def _checked_once(
    gold: Mapping[str, pd.Series], settings: dict[str, Any], has_texts: bool
) -> dict[str, Any]:
    """Check the options of `compare_spaces` before anything is encoded."""
    checked = check_settings(
        {label: values.to_numpy(dtype=str) for label, values in gold.items()},
        has_texts=has_texts,
        **settings,
    )
    return {
        **settings,
        # Iterators are read by the check.
        "k": checked.ks,
        "clusterers": checked.clusterers,
        "figures": checked.groups,
        "controls": checked.controls,
    }
