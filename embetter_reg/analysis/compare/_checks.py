"""What `compare_spaces`, `compare_documents` and `sweep` check before they start."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from embetter_reg._validation import (
    check_choice,
    check_groups,
    check_labels,
    check_same_length,
    check_space,
    check_whole_number,
)
from embetter_reg.analysis.cluster import CLUSTERERS
from embetter_reg.analysis.compare._controls import CONTROLS, choose_controls
from embetter_reg.analysis.compare._figures import GROUPS

LABELS = ("register", "language")
LABEL_SOURCES = ("gold", "predicted")
_USUAL_KS = (2, 3, 4, 6, 8, 10, 12, 16, 24, 32)
_DOCUMENTS_A_CLUSTER = 3  # on average, in the usual numbers of clusters


@dataclass(frozen=True)
class Settings:
    """The options of a comparison, checked and complete."""

    ks: list[int]
    clusterers: list[str]
    groups: list[str]
    controls: list[str]
    n_seeds: int
    n_init: int
    n_bootstrap: int
    n_null: int
    confidence: float


def check_settings(
    gold: Mapping[str, np.ndarray],
    *,
    k: int | Iterable[int] | None,
    clusterers: str | Iterable[str],
    figures: str | Iterable[str],
    controls: str | Iterable[str],
    has_texts: bool,
    n_seeds: int,
    n_init: int,
    n_bootstrap: int,
    n_null: int,
    confidence: float,
) -> Settings:
    """Check the options of a comparison of documents with these labels.

    Raises
    ------
    ValueError
        If a name is unknown, a number out of range, or a control lacks its texts.
    TypeError
        If a number is not a whole number.

    """
    counts = count_labels(gold)
    n_documents = len(gold["register"])
    if isinstance(confidence, bool) or not isinstance(confidence, Real):
        confidence = float("nan")
    if not 0 < confidence < 1:
        raise ValueError(
            f"got confidence={confidence}, expected between 0 and 1; pass for example "
            "0.95"
        )
    return Settings(
        ks=choose_ks(k, _USUAL_KS, counts, n_documents, always=counts.values()),
        clusterers=check_names("clusterers", clusterers, CLUSTERERS),
        groups=check_names("figures", figures, GROUPS, allow_none=True),
        controls=choose_controls(
            check_names("controls", controls, ("all", *CONTROLS), allow_none=True),
            has_texts,
        ),
        n_seeds=check_whole_number("n_seeds", n_seeds),
        n_init=check_whole_number("n_init", n_init),
        n_bootstrap=check_whole_number("n_bootstrap", n_bootstrap),
        n_null=check_whole_number("n_null", n_null),
        confidence=float(confidence),
    )


def check_spaces(spaces: Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
    """Return spaces of the same documents as finite arrays by name.

    Raises
    ------
    ValueError
        If there is no space, one is no array (n_documents, n_dims) of finite numbers,
        or their documents differ in number.

    """
    if not isinstance(spaces, Mapping) or not spaces:
        raise ValueError(
            'got no named spaces, expected a dict; pass {"original": X, "tuned": Z}'
        )
    arrays = {str(name): check_space(str(name), X) for name, X in spaces.items()}
    lengths = {name: len(X) for name, X in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"got spaces of {lengths} documents, expected the same documents in each; "
            "align them"
        )
    return arrays


def check_gold(
    register: ArrayLike,
    language: ArrayLike,
    n_documents: int,
    *,
    allow_one: bool = False,
) -> dict[str, np.ndarray]:
    """Return both labels of each document.

    Raises
    ------
    ValueError
        If labels are missing or do not fit the documents, or, without ``allow_one``,
        are all the same.

    """
    check = check_labels if allow_one else check_groups
    return {
        "register": check("register", register, n_documents),
        "language": check("language", language, n_documents),
    }


def pairs_of(gold: Mapping[str, np.ndarray]) -> list[str]:
    """Return each document's pair of register and language."""
    return [" ".join(pair) for pair in zip(*gold.values(), strict=True)]


def check_sample_size(sample_size: Any, gold: Mapping[str, np.ndarray]) -> None:
    """Check that a sample has a document of every pair of register and language, and
    more.
    """
    check_whole_number("sample_size", sample_size)
    pairs = pairs_of(gold)
    n_pairs = len(set(pairs))
    if sample_size < len(pairs) and sample_size <= n_pairs:
        raise ValueError(
            f"got sample_size={sample_size} of {len(pairs):,} documents, expected more "
            f"than their {n_pairs:,} pairs of register and language; pass a larger one"
        )


def count_labels(gold: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Return how many different registers and languages there are."""
    return {label: len(np.unique(values)) for label, values in gold.items()}


def check_names(
    parameter: str,
    names: str | Iterable[str],
    choices: Collection[str],
    *,
    allow_none: bool = False,
) -> list[str]:
    """Return the names of a parameter, all of which are among the choices.

    Raises
    ------
    ValueError
        If one is not, or there is none and ``allow_none`` is False.

    """
    if isinstance(names, str) or not isinstance(names, Iterable):
        names = [names]
    requested = list(names)
    for name in requested:
        check_choice(parameter, name, choices)
    if not requested and not allow_none:
        raise ValueError(
            f"got {parameter}=[], expected some of {list(choices)}; pick one"
        )
    return requested


def choose_ks(
    k: int | Iterable[int] | None,
    usual: Iterable[int],
    counts: Mapping[str, int],
    n_documents: int,
    *,
    always: Iterable[int] = (),
) -> list[int]:
    """Return numbers of clusters in rising order.

    Without ``k`` they are the usual ones and the numbers of registers, of languages and
    of their product, as far as a cluster holds three documents on average.

    Raises
    ------
    ValueError
        If a number is not between 2 and ``n_documents - 1``, or there is none.
    TypeError
        If one is not a whole number.

    """
    if k is None:
        candidates = {*usual, *counts.values(), prod(counts.values())}
        largest = n_documents // _DOCUMENTS_A_CLUSTER
        ks = {value for value in candidates if 2 <= value <= largest}
    elif isinstance(k, Iterable):
        ks = {check_whole_number("k", value, low=0) for value in k}
    else:
        ks = {check_whole_number("k", k, low=0)}
    ks |= set(always)
    if not ks or min(ks) < 2 or max(ks) >= n_documents:
        raise ValueError(
            f"got k={sorted(ks)} for {n_documents} documents, expected numbers from 2 "
            f"to {n_documents - 1}; pass more documents or other k"
        )
    return sorted(ks)


def check_label_source(label_source: str, register: Any) -> None:
    """Check that registers that are called gold are not a classifier's predictions.

    Raises
    ------
    ValueError
        If the source is unknown, or the registers are a column named "predicted…".

    """
    check_choice("label_source", label_source, LABEL_SOURCES)
    name = getattr(register, "name", None)
    if (
        label_source == "gold"
        and isinstance(name, str)
        and name.startswith("predicted")
    ):
        raise ValueError(
            f"got the column {name!r} as gold registers, expected labels given by "
            "people; pass those, or label_source='predicted'"
        )


def check_held_out(
    ids: Collection[Any] | None,
    fitted_on: Collection[Any] | np.ndarray | str | None,
    n_documents: int,
) -> None:
    """Check that no compared document is one that a space was fitted on.

    Raises
    ------
    ValueError
        If one is, or there are no ids to compare.

    """
    if fitted_on is None:
        return
    shared: Sequence[Any]
    n_shared: int
    if isinstance(fitted_on, str):
        shared = [fitted_on] if "these documents" in fitted_on else []
        n_shared = n_documents * len(shared)
    elif np.asarray(fitted_on).dtype == bool:
        mask = np.asarray(fitted_on)
        check_same_length(documents=range(n_documents), fitted_on=mask)
        shared = np.flatnonzero(mask).tolist()
        n_shared = len(shared)
    elif ids is None and len(fitted_on):
        raise ValueError(
            "got fitted_on without ids, expected the ids of the documents compared "
            "too; pass ids="
        )
    else:
        # As text, since one source may hold numbers and the other their digits.
        fitted = {str(each) for each in fitted_on}
        compared = {str(each) for each in (() if ids is None else ids)}
        shared = sorted(compared & fitted)
        n_shared = len(shared)
    if n_shared:
        raise ValueError(
            f"got {n_shared} documents that a space was fitted on (such as "
            f"{shared[0]!r}), expected held-out documents only; compare on others"
        )
