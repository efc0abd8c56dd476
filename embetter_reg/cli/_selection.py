"""Which documents a command keeps, said with the reason of each that leaves; stored
spaces beside them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from embetter_reg.cli._app import console
from embetter_reg.cli._inputs import count_languages

if TYPE_CHECKING:
    import pandas as pd

    from embetter_reg.store import Embeddings


def select_documents(
    documents: "pd.DataFrame",
    group: str | None,
    policy: str,
    notes: list[str] | None = None,
) -> "pd.DataFrame":
    """Return the documents of a group, under a policy for hybrids, and print how many
    left for which reason; the sentence is added to ``notes``.

    None is the group "without_MT" where the scheme has it, and else all.
    """
    from embetter_reg.corpus import hybrids, select_group
    from embetter_reg.corpus.registers import current_scheme

    if group is None:
        group = "without_MT" if "without_MT" in current_scheme().groups else "all"
    is_labeled = documents["labels"].map(len) > 0
    members = select_group(documents[is_labeled], group)
    selected = hybrids(members, policy)
    n_unlabeled = int((~is_labeled).sum())
    reasons = {
        "without a label": n_unlabeled,
        _outside(group): len(documents) - n_unlabeled - len(members),
    }
    if policy == "drop":
        n_hybrids = len(members) - len(selected)
        reasons["hybrid" if n_hybrids == 1 else "hybrids"] = n_hybrids
    left = ", ".join(
        f"{count:,} {reason}" for reason, count in reasons.items() if count
    )
    noun = "rows, one a register" if policy == "explode" else "kept"
    note = (
        f"{len(documents):,} documents read ({count_languages(documents)}), "
        f"{len(selected):,} {noun}{'; left out: ' if left else ''}{left}"
    )
    console.print(note)
    if notes is not None:
        notes.append(note)
    if selected.empty:
        raise ValueError(
            f"got no document of the group {group!r}, expected some; check labels, "
            "--group, --hybrids, or compare --head pretrained --label-source "
            "predicted, which needs no labels"
        )
    return selected


def _outside(group: str) -> str:
    """Return what the documents outside a group of registers are."""
    if group == "without_MT":
        return "machine-translated or generated (MT; --group all keeps them)"
    return f"of registers outside --group {group}"


def hold_embeddings(paths: Sequence[Path]) -> bool:
    """Return whether all paths hold embeddings.

    Raises
    ------
    ValueError
        If some do and others are documents.

    """
    from embetter_reg.store import holds_embeddings

    stored = [path for path in paths if holds_embeddings(path)]
    if stored and len(stored) < len(paths):
        raise ValueError(
            f"got embeddings ({stored[0]}) among documents, expected one of them; pass "
            "documents, and embeddings by --embeddings"
        )
    return bool(stored)


def read_spaces_of(
    documents: "pd.DataFrame", paths: Sequence[Path]
) -> "dict[str, Embeddings]":
    """Return the embeddings of each path by the name of its space; those whose
    documents have neither id nor text pair by their order with all documents read.
    """
    from embetter_reg.store import read_embeddings

    spaces: dict[str, Embeddings] = {}
    for path in paths:
        if path.stem in spaces:
            raise ValueError(
                f"got the space {path.stem!r} twice, expected folders of names that "
                "differ; rename one, or leave it out"
            )
        spaces[path.stem] = read_embeddings(path).in_order_of(documents, path)
    return spaces
