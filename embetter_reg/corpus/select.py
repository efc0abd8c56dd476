"""Which documents and labels to work with: hybrids, levels, groups, balanced samples."""

import warnings
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from embetter_reg._random import RandomStateLike, check_random_state
from embetter_reg._validation import check_choice, check_labels, check_whole_number
from embetter_reg.corpus._labels import (
    check_documents,
    check_names,
    label_matrix,
    label_sets,
    split_labels,
)
from embetter_reg.corpus.registers import (
    LEVELS,
    current_scheme,
    is_hybrid,
    mains,
    sort_labels,
)


def hybrids(documents: pd.DataFrame, policy: str) -> pd.DataFrame:
    """Apply a policy to documents of two or more main registers.

    ``"drop"`` leaves them out; ``"keep"`` keeps all their registers; ``"explode"``
    gives one row a main register with ids such as ``doc#NA`` and the old id in the
    column ``document``, by which to group.

    Raises
    ------
    ValueError
        If the policy has another name, a column is missing, or a label is not in the scheme.
    TypeError
        If ``documents`` is no DataFrame.

    """
    check_choice("policy", policy, ("drop", "keep", "explode"))
    check_documents(documents, "labels")
    sets = label_sets(documents["labels"])
    if policy == "keep":
        return documents.copy()
    if policy == "drop":
        is_single = [not is_hybrid(labels) for labels in sets]
        return documents[np.array(is_single, dtype=bool)].reset_index(drop=True)
    check_documents(documents, "id")
    rows: list[dict[str, Any]] = []
    for row, labels in zip(documents.to_dict("records"), sets, strict=True):
        rows.extend(_exploded({str(name): row[name] for name in row}, labels))
    columns = dict.fromkeys([*documents.columns, "document"])
    return pd.DataFrame(rows, columns=list(columns))


def _exploded(row: dict[str, Any], labels: list[str]) -> list[dict[str, Any]]:
    """Return a row for each main register of a document."""
    registers = mains(labels)
    parents = current_scheme().parents
    document = {**row, "document": row["id"]}
    if len(registers) <= 1:
        return [document]
    return [
        {
            **document,
            "id": f"{row['id']}#{main}",
            "labels": [code for code in labels if parents.get(code, code) == main],
        }
        for main in registers
    ]


def label_column(documents: pd.DataFrame, level: str = "main") -> pd.Series:
    """Return one label a document: ``"NA"``, or ``"NA OP"`` for a hybrid.

    ``level`` is one of `registers.LEVELS`. At ``"sub"`` the label is ``"HI-re"``, or
    the main register alone where it has no sub-register; at ``"all"`` it is
    ``"HI re"``.

    Raises
    ------
    ValueError
        If the level has another name, a document has no label, or a label is not in
        the scheme.
    TypeError
        If ``documents`` is no DataFrame.

    """
    check_choice("level", level, LEVELS)
    check_documents(documents, "labels")
    sets = label_sets(documents["labels"])
    unlabeled = [position for position, labels in enumerate(sets) if not labels]
    if unlabeled:
        first = unlabeled[0]
        if "id" in documents:
            first = documents["id"].iloc[first]
        raise ValueError(
            f"got {len(unlabeled)} documents without a label (such as {first!r}), "
            "expected one each; drop them first"
        )
    as_text = {"main": _mains_text, "sub": _subs_text, "all": " ".join}[level]
    texts = [as_text(labels) for labels in sets]
    return pd.Series(texts, index=documents.index, name="label", dtype=object)


def _mains_text(labels: list[str]) -> str:
    return " ".join(mains(labels))


def _subs_text(labels: list[str]) -> str:
    parents = current_scheme().parents
    parts: list[str] = []
    for main in mains(labels):
        subs = [code for code in labels if parents.get(code) == main]
        parts.extend(f"{main}-{sub}" for sub in subs)
        if not subs:
            parts.append(main)
    return " ".join(parts)


def indicator(
    documents: pd.DataFrame, classes: Sequence[str] | None = None
) -> tuple[np.ndarray, list[str]]:
    """Return main registers as a binary matrix and its classes.

    The matrix is ``int8 (n_documents, n_classes)``. ``classes`` fixes the columns; None
    takes the main registers that occur, in the scheme's order. A document without a
    label of ``classes`` is a row of zeros.

    Raises
    ------
    ValueError
        If a class is no main register, or a label is not in the scheme.
    TypeError
        If ``documents`` is no DataFrame, or ``classes`` no list of str.

    """
    check_documents(documents, "labels")
    sets = [mains(labels) for labels in label_sets(documents["labels"])]
    if classes is None:
        occurring = {main for labels in sets for main in labels}
        classes = sort_labels(occurring)
    check_names("classes", classes)
    for name in classes:
        if not current_scheme().is_main(name):
            raise ValueError(
                f"got the class {name!r}, expected main registers, of "
                f"{list(current_scheme().main)}; pick some"
            )
    return label_matrix(sets, classes), list(classes)


def select_group(documents: pd.DataFrame, group: str) -> pd.DataFrame:
    """Keep documents all of whose main registers are in a group of the scheme: ``"all"``,
    and of CORE `registers.GROUPS`.

    Documents without a label are left out.

    Raises
    ------
    ValueError
        If there is no group of that name, or a label is not in the scheme.
    TypeError
        If ``documents`` is no DataFrame.

    """
    groups = current_scheme().groups
    check_choice("group", group, groups)
    check_documents(documents, "labels")
    sets = label_sets(documents["labels"])
    is_member = [
        bool(labels) and (group == "all" or set(mains(labels)) <= set(groups[group]))
        for labels in sets
    ]
    return documents[np.array(is_member, dtype=bool)].reset_index(drop=True)


def balanced_sample(
    documents: pd.DataFrame,
    n_per_language: int,
    *,
    random_state: RandomStateLike = None,
    on_short: str = "raise",
) -> pd.DataFrame:
    """Draw ``n_per_language`` documents of each language, with its shares of registers.

    Labels that the scheme lacks are registers too. No document is drawn twice.
    ``on_short="all"`` takes all documents of a language that has fewer, and warns.

    Raises
    ------
    ValueError
        If a language has too few documents and ``on_short`` is "raise", the number is
        below 1, or a language is missing.
    TypeError
        If ``documents`` is no DataFrame, or the number not a whole one.

    """
    check_choice("on_short", on_short, ("raise", "all"))
    check_whole_number("n_per_language", n_per_language)
    check_documents(documents, "labels", "lang")
    rng = check_random_state(random_state)
    languages = check_labels("language", documents["lang"], len(documents))
    # Labels that the scheme lacks count as they are.
    label_lists = map(split_labels, documents["labels"])
    registers = pd.Series([" ".join(mains(labels) or labels) for labels in label_lists])
    chosen: list[int] = []
    for language, rows in registers.groupby(languages):
        if len(rows) < n_per_language:
            short = (
                f"got {len(rows)} documents of {language}, expected {n_per_language}"
            )
            if on_short == "raise":
                raise ValueError(f"{short}; ask for fewer or pass on_short='all'")
            warnings.warn(f"{short}; took all of them", stacklevel=2)
        for label, n_drawn in _quotas(rows, min(n_per_language, len(rows))).items():
            members = rows.index[rows == label]
            chosen.extend(rng.choice(members, size=n_drawn, replace=False))
    return documents.iloc[sorted(chosen)].reset_index(drop=True)


def _quotas(labels: pd.Series, n_drawn: int) -> pd.Series:
    """Return how many documents of each label to draw: the largest-remainder method."""
    exact = labels.value_counts(sort=False).sort_index() * (n_drawn / len(labels))
    quotas = exact.astype(int)  # rounds down
    remainders = (exact - quotas).sort_values(ascending=False, kind="stable")
    quotas[remainders.index[: n_drawn - quotas.sum()]] += 1
    return quotas


def stratified_sample(
    strata: ArrayLike,
    n: int,
    *,
    random_state: RandomStateLike = 0,
) -> np.ndarray:
    """Return ``n`` rows, of every stratum its share and at least one, in rising order.

    Parameters
    ----------
    strata : array (n_documents,)
        Any labels; documents with equal ones form a stratum.
    n : int
        All rows where there are no more. Of more strata than ``n``, only ``n`` random
        ones are seen.
    random_state : int, RandomState or None

    Raises
    ------
    ValueError
        If ``n`` is below 0, or a stratum is missing.

    Examples
    --------
    >>> from embetter_reg.corpus import stratified_sample
    >>> strata = ["en"] * 90 + ["fi"] * 9 + ["ja"]
    >>> rows = stratified_sample(strata, 20)
    >>> len(rows), 99 in rows, int((rows < 90).sum())
    (20, True, 17)

    """
    if not isinstance(n, Integral) or n < 0:
        raise ValueError(f"got n={n!r}, expected a number of documents; pass 0 or more")
    labels = check_labels("strata", strata, np.size(strata))
    _, codes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    if n >= len(codes):
        return np.arange(len(codes))
    generator = check_random_state(random_state)
    if len(sizes) >= n:
        seen = generator.choice(len(sizes), n, replace=False)
        quota = np.isin(np.arange(len(sizes)), seen).astype(int)
    else:
        exact = (sizes - 1) * (n - len(sizes)) / (len(codes) - len(sizes))
        quota = 1 + np.floor(exact).astype(int)
        largest_rests = np.argsort(np.floor(exact) - exact, kind="stable")
        quota[largest_rests[: n - quota.sum()]] += 1
    order = generator.permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]
    rank = np.arange(len(codes)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(order[rank < quota[codes[order]]])
