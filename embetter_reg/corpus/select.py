"""Which documents and labels to work with: hybrids, levels, groups, balanced samples."""

import warnings
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from embetter_reg._random import check_random_state
from embetter_reg.corpus.registers import GROUPS, MAIN, PARENT, check_level, mains


def hybrids(documents: pd.DataFrame, policy: str) -> pd.DataFrame:
    """Apply a policy to documents of two or more main registers.

    ``"drop"`` leaves them out; ``"keep"`` keeps all their registers; ``"explode"``
    gives one row a main register with ids such as ``doc#NA`` and the old id in the
    column ``document``, by which to group.

    Raises
    ------
    ValueError
        If the policy has another name.

    """
    n_mains = documents["labels"].map(lambda labels: len(mains(labels)))
    if policy == "keep":
        return documents.copy()
    if policy == "drop":
        return documents[n_mains <= 1].reset_index(drop=True)
    if policy != "explode":
        raise ValueError(
            f"got the hybrid policy {policy!r}, expected 'drop', 'keep' or 'explode'; "
            "pick one"
        )
    rows: list[dict] = []
    for row in documents.to_dict("records"):
        found = mains(row["labels"])
        row["document"] = row["id"]
        if len(found) <= 1:
            rows.append(row)
            continue
        for main in found:
            own = [
                code
                for code in row["labels"]
                if code == main or PARENT.get(code) == main
            ]
            rows.append({**row, "id": f"{row['id']}#{main}", "labels": own})
    return pd.DataFrame(
        rows, columns=list(dict.fromkeys([*documents.columns, "document"]))
    )


def label_column(documents: pd.DataFrame, level: str = "main") -> pd.Series:
    """Return one label a document: ``"NA"``, or ``"NA OP"`` for a hybrid.

    ``level`` is one of `registers.LEVELS`. At ``"sub"`` the label is ``"HI-re"``, or
    the main register alone where it has no sub-register; at ``"all"`` it is
    ``"HI re"``.

    Raises
    ------
    ValueError
        If the level has another name or a document has no label.

    """
    check_level(level)
    unlabeled = documents["id"][documents["labels"].map(len) == 0]
    if len(unlabeled):
        raise ValueError(
            f"got {len(unlabeled)} documents without a label (such as "
            f"{unlabeled.iloc[0]!r}), expected one "
            "each; drop them first"
        )
    as_text = {"main": _mains_text, "sub": _subs_text, "all": " ".join}[level]
    return documents["labels"].map(as_text).rename("label")


def _mains_text(labels: list[str]) -> str:
    return " ".join(mains(labels))


def _subs_text(labels: list[str]) -> str:
    parts: list[str] = []
    for main in mains(labels):
        subs = [code for code in labels if PARENT.get(code) == main]
        parts.extend(f"{main}-{sub}" for sub in subs)
        if not subs:
            parts.append(main)
    return " ".join(parts)


def indicator(documents: pd.DataFrame, classes=None) -> tuple[np.ndarray, list[str]]:
    """Return main registers as a binary matrix ``int8 (n_documents, n_classes)`` and
    its classes.

    ``classes`` fixes the columns; None takes the main registers that occur, in the
    scheme's order.
    """
    sets = [set(mains(labels)) for labels in documents["labels"]]
    if classes is None:
        classes = [main for main in MAIN if any(main in labels for labels in sets)]
    return label_matrix(sets, classes), list(classes)


def label_matrix(
    label_sets: Iterable[Iterable[str]], classes: Sequence[str]
) -> np.ndarray:
    """Return label sets as a binary matrix ``int8 (n_documents, n_classes)``; other
    labels are left out.

    Examples
    --------
    >>> from embetter_reg.corpus import label_matrix
    >>> label_matrix([["NA", "OP"], ["HI"]], ["NA", "OP"]).tolist()
    [[1, 1], [0, 0]]

    """
    sets = [set(labels) for labels in label_sets]
    matrix = [[name in labels for name in classes] for labels in sets]
    return np.array(matrix, dtype=np.int8).reshape(len(sets), len(classes))


def select_group(documents: pd.DataFrame, group: str) -> pd.DataFrame:
    """Keep documents all of whose main registers are in a group of `registers.GROUPS`.

    Raises
    ------
    ValueError
        If there is no group of that name.

    """
    if group not in GROUPS:
        raise ValueError(
            f"got the group {group!r}, expected one of {list(GROUPS)}; pick one"
        )
    inside = set(GROUPS[group])
    keep = documents["labels"].map(
        lambda labels: bool(mains(labels)) and set(mains(labels)) <= inside
    )
    return documents[keep].reset_index(drop=True)


def balanced_sample(
    documents: pd.DataFrame,
    n_per_language: int,
    *,
    random_state=None,
    on_short: str = "raise",
) -> pd.DataFrame:
    """Draw ``n_per_language`` documents of each language, with its own shares of the
    registers.

    No document is drawn twice. ``on_short="all"`` takes all documents of a language
    that has fewer, and warns.

    Raises
    ------
    ValueError
        If a language has too few documents and ``on_short`` is "raise".

    """
    if on_short not in ("raise", "all"):
        raise ValueError(
            f"got on_short={on_short!r}, expected 'raise' or 'all'; pick one"
        )
    rng = check_random_state(random_state)
    chosen: list[int] = []
    labels = documents["labels"].map(_mains_text).reset_index(drop=True)
    for language, rows in labels.groupby(documents["lang"].to_numpy()):
        if len(rows) < n_per_language:
            short = (
                f"got {len(rows)} documents of {language}, expected {n_per_language}"
            )
            if on_short == "raise":
                raise ValueError(f"{short}; ask for fewer or pass on_short='all'")
            warnings.warn(f"{short}; took all of them", stacklevel=2)
        n_wanted = min(n_per_language, len(rows))
        exact = rows.value_counts(sort=False).sort_index() * (n_wanted / len(rows))
        quota = exact.astype(int)  # rounds down
        largest = (
            (exact - quota)
            .sort_values(ascending=False, kind="stable")
            .index[: n_wanted - quota.sum()]
        )
        quota[largest] += 1
        for label, n in quota.items():
            chosen.extend(rng.choice(rows.index[rows == label], size=n, replace=False))
    return documents.iloc[sorted(chosen)].reset_index(drop=True)
