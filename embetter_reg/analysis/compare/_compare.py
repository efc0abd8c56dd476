"""`compare_spaces`: every figure, its interval, and what simple controls reach."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.metrics import adjusted_mutual_info_score

from embetter_reg._progress import step
from embetter_reg._random import RandomStateLike, check_random_state, draw_seed
from embetter_reg._validation import (
    check_same_length,
    check_texts,
)
from embetter_reg.analysis.compare._checks import (
    LABELS,
    check_gold,
    check_held_out,
    check_label_source,
    check_sample_size,
    check_settings,
    check_spaces,
    pairs_of,
)
from embetter_reg.analysis.compare._comparison import Comparison
from embetter_reg.analysis.compare._confounding import (
    balanced_samples,
    confounding_table,
    cramers_v,
)
from embetter_reg.analysis.compare._controls import (
    CENTERED,
    CONTROLS,
    check_train,
    make_controls,
)
from embetter_reg.analysis.compare._figures import USUAL_GROUPS
from embetter_reg.analysis.compare._hybrids import Hybrids
from embetter_reg.analysis.compare._resample import Resampler
from embetter_reg.analysis.compare._study import Results, Study, run_study
from embetter_reg.analysis.compare._tables import (
    tabulate_agreement,
    tabulate_differences,
    tabulate_figures,
    tabulate_gains,
    tabulate_margins,
)
from embetter_reg.analysis.compare._verdict import judge
from embetter_reg.analysis.metrics import cosine_silhouette
from embetter_reg.corpus import stratified_sample
from embetter_reg.corpus.registers import sort_labels

_N_BALANCED = 50  # samples


def compare_spaces(
    spaces: Mapping[str, Any],
    *,
    register: ArrayLike,
    language: ArrayLike,
    label_source: str = "gold",
    hybrids: ArrayLike | Sequence[Sequence[str]] | None = None,
    texts: Sequence[str] | None = None,
    train: Mapping[str, Any] | None = None,
    k: int | Iterable[int] | None = None,
    clusterers: str | Iterable[str] = ("kmeans", "spherical"),
    figures: str | Iterable[str] = USUAL_GROUPS,
    controls: str | Iterable[str] = (CENTERED,),
    n_seeds: int = 5,
    n_init: int = 10,
    n_bootstrap: int = 200,
    n_null: int = 200,
    confidence: float = 0.95,
    ids: Collection[Any] | None = None,
    fitted_on: Collection[Any] | str | None = None,
    sample_size: int = 20_000,
    random_state: RandomStateLike = 0,
    n_jobs: int | None = None,
    show_progress: bool = False,
) -> Comparison:
    """Test whether spaces are organized by register or by language.

    Each space is brought to unit length and clustered at every k with several seeds;
    clusters are compared with gold register and with gold language. A space is **by
    register** when, at k = the number of registers *and* at k = the number of
    languages, with every clusterer, the interval of register AMI minus language AMI
    lies above 0, and register AMI lies above both shuffled labels and the floor.
    **By language** is the mirror image; anything else is **undecided**. Where a simple
    control reaches what a space reaches, the verdict names it.

    Parameters
    ----------
    spaces : mapping of name to array (n_documents, n_dims)
        Any number of encoders, layers, heads, erasers. The raw space first, the tuned
        space last.
    register, language : array of labels (n_documents,)
        Gold labels; keyword-only, since swapping them turns the verdict around.
    label_source : {"gold", "predicted"}
        Whose registers they are. Predictions need ``"predicted"``; verdict and report
        then name them as such.
    hybrids : indicator matrix (n_documents, n_registers), list of label lists, or None
        All registers of each document. Documents of two or more are hybrids; agreement
        is reported with and without them.
    texts : documents or None
        Their texts, for the controls "length only" and "TF-IDF".
    train : mapping or None
        What controls are fitted on: ``{"X": vectors of the first space, "language": …,
        "texts": …}`` of documents that are not compared. None fits them on the compared
        documents, without their registers; the report records which.
    k : int, iterable of int, or None
        Numbers of clusters; None takes a usual range with the numbers of registers, of
        languages and of their product. The first two are always added.
    clusterers : sequence of {"kmeans", "spherical"}
    figures : collection of {"silhouette", "mixing", "retrieval", "probes", "extras"}
        Groups of figures beside the agreement. The extras are kBET and graph
        connectivity.
    controls : "all" or collection of names
        Some of "language-centered", "LSAR", "LEACE" (the first space with the language
        taken out), "shuffled labels" (the last space, its documents dealt out anew),
        "length only" and "TF-IDF". "all" takes those that there are texts for. The
        first is clustered at every k, the others at the numbers of registers and of
        languages; an empty collection makes none. The first space, raw, is a control of
        those after it.
    n_seeds : int
        Clusterings at each k, each with a seed of its own.
    n_init : int
        Starts of each clustering, of which the best counts; as many as in `sweep`.
    n_bootstrap, n_null : int
        Resamples of documents, and shuffles of labels.
    confidence : float
        Of the intervals and of the null, in (0, 1).
    ids : collection of document ids or None
        The documents compared.
    fitted_on : collection of ids, bool array (n_documents,), str or None
        The documents that any part of a space, a threshold or a prediction was fitted
        on; sharing one is an error. A bool array marks them among those compared, as
        `RegisterEncoder.chosen_on` does; a str is what the manifest of embeddings
        records of a threshold's documents.
    sample_size : int
        Of more documents, spaces are still clustered whole, but everything is measured,
        and controls are made, on a sample of so many, of every register in every
        language its share. Intervals are those of the sample.
    random_state : int or RandomState
    n_jobs : int or None
        Cores for clusterings; None takes all. Results do not depend on it.
    show_progress : bool

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If a space or label array does not fit the others, there is only one register or
        language, a document was fitted on, predictions come without the flag, or an
        option is unknown or out of range.
    TypeError
        If a number is not a whole number, or ``train`` no dict.

    Notes
    -----
    Intervals resample documents and keep the clusterings, neighbors and probes; they
    are centered on the estimate, because a plain bootstrap repeats documents and so
    overstates agreement in small samples.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import compare_spaces
    >>> rng = np.random.default_rng(0)
    >>> register = np.repeat(["NA", "HI", "IN"], 40)
    >>> language = np.tile(["en", "fi"], 60)
    >>> X = np.eye(3)[np.repeat([0, 1, 2], 40)] + rng.normal(scale=0.1, size=(120, 3))
    >>> labels = {"register": register, "language": language}
    >>> comparison = compare_spaces({"X": X}, **labels, n_seeds=2, figures=["mixing"])
    >>> comparison.verdict.word
    'register'
    >>> figures = comparison.figures.query("space == 'X'").set_index("figure")
    >>> figures["value"].round(1).to_dict()
    {'cLISI': 1.0, 'iLISI': 1.0, 'CiLISI': 0.8}

    """
    check_label_source(label_source, register)
    arrays = check_spaces(spaces)
    for name in arrays:
        if name in CONTROLS:
            raise ValueError(
                f"got a space named {name!r}, which names the control; choose another "
                "name"
            )
    given = list(arrays)
    first = arrays[given[0]]
    n_documents = len(first)
    gold = check_gold(register, language, n_documents)
    check_held_out(ids, fitted_on, n_documents)
    if texts is not None:
        texts = check_texts(texts)
    check_same_length(documents=gold["register"], texts=texts)
    check_sample_size(sample_size, gold)
    settings = check_settings(
        gold,
        k=k,
        clusterers=clusterers,
        figures=figures,
        controls=controls,
        has_texts=texts is not None,
        n_seeds=n_seeds,
        n_init=n_init,
        n_bootstrap=n_bootstrap,
        n_null=n_null,
        confidence=confidence,
    )
    train = check_train(train, first)
    memberships = None
    if hybrids is not None:
        memberships = Hybrids.read(hybrids, n_documents)

    rng = check_random_state(random_state)
    rows = stratified_sample(pairs_of(gold), sample_size, random_state=rng)
    whole = arrays
    if len(rows) < n_documents:
        arrays = {name: X[rows] for name, X in whole.items()}
        gold = {label: values[rows] for label, values in gold.items()}
        if texts is not None:
            texts = [texts[row] for row in rows]
        if memberships is not None:
            memberships = memberships.of(rows)
    seeds = [draw_seed(rng) for _ in range(settings.n_seeds)]
    resampler = Resampler(gold, settings.n_bootstrap, settings.n_null, rng)
    samples = balanced_samples(gold["register"], gold["language"], _N_BALANCED, rng)
    with step("making controls", show_progress):
        control_spaces, skipped = make_controls(
            settings.controls,
            arrays,
            language=gold["language"],
            texts=texts,
            train=train,
            rng=rng,
        )
    study = Study(
        gold,
        settings,
        seeds,
        draw_seed(rng),
        resampler,
        samples,
        memberships,
        n_jobs,
    )
    results = run_study(study, arrays, control_spaces, whole, rows, show_progress)
    results.skipped.update(skipped)
    parameters = {
        "spaces": given,
        "controls": list(control_spaces),
        "controls_fitted_on": {
            "erasers": _fitted_on("vectors", "X" in train),
            "TF-IDF": _fitted_on("texts", "texts" in train),
        },
        "label_source": label_source,
        "figures": settings.groups,
        "k": settings.ks,
        "n_registers": study.n_labels["register"],
        "n_languages": study.n_labels["language"],
        "n_documents": n_documents,
        "sample_size": len(rows),
        "clusterers": settings.clusterers,
        "seeds": seeds,
        "n_init": settings.n_init,
        "n_bootstrap": settings.n_bootstrap,
        "n_null": settings.n_null,
        "n_balanced": len(samples),
        "balanced_documents": len(samples[0]) if samples else 0,
        "confidence": settings.confidence,
        "random_state": _recorded(random_state),
    }
    with step("judging the spaces", show_progress):
        spaces = {**arrays, **control_spaces}
        return _assemble(study, results, spaces, rows, parameters)


def _assemble(
    study: Study,
    results: Results,
    spaces: dict[str, np.ndarray],
    rows: np.ndarray,
    parameters: dict[str, Any],
) -> Comparison:
    """Return the tables and verdicts of what was measured."""
    given = parameters["spaces"]
    controls = parameters["controls"]
    confidence = study.settings.confidence
    # Each space beside those before it, and beside every control.
    pairs = [
        (space, against)
        for place, space in enumerate(given)
        for against in (*given[:place], *controls)
    ]
    tables = {
        "agreement": tabulate_agreement(results.scores, confidence),
        "margins": tabulate_margins(results.scores, confidence),
        "ami_gains": tabulate_gains(
            results.scores,
            pairs,
            study.settings.clusterers,
            study.n_labels["register"],
            (given[0], *controls),
            confidence,
        ),
        "balanced_agreement": pd.DataFrame(results.balanced_rows),
    }
    floor = float(adjusted_mutual_info_score(*(study.gold[each] for each in LABELS)))
    table = confounding_table(**study.gold)
    association = cramers_v(study.gold["register"], study.gold["language"])
    verdicts = {
        space: judge(
            space,
            tables,
            floor=floor,
            n_labels=study.n_labels,
            given=given,
            label_source=parameters["label_source"],
            association=association,
        )
        for space in spaces
    }
    silhouettes = [
        {
            "space": space,
            **{label: cosine_silhouette(X, study.gold[label]) for label in LABELS},
        }
        for space, X in spaces.items()
    ]
    return Comparison(
        agreement=tables["agreement"],
        margins=tables["margins"],
        ami_gains=tables["ami_gains"],
        balanced_agreement=tables["balanced_agreement"],
        figures=tabulate_figures(results.figures, confidence),
        figure_differences=tabulate_differences(results.figures, pairs, confidence),
        skipped=results.skipped,
        silhouettes=pd.DataFrame(silhouettes),
        confounding=table.loc[sort_labels(table.index)],
        cramers_v=association,
        hybrids=pd.DataFrame(results.hybrid_rows),
        verdicts=verdicts,
        floor=floor,
        clusters=results.clusters,
        register=study.gold["register"],
        language=study.gold["language"],
        parameters=parameters,
        rows=rows,
    )


def _fitted_on(kind: str, has_train: bool) -> str:
    return f"train {kind}" if has_train else "the compared documents"


def _recorded(random_state: RandomStateLike) -> int | str:
    if isinstance(random_state, int):
        return random_state
    return repr(random_state)
