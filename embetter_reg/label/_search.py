"""The search of one person: the part of the documents that the map is narrowed to."""

from dataclasses import dataclass

import numpy as np

from embetter_reg.label._labels import in_group
from embetter_reg.label._workspace import Workspace

ANY = "any"


@dataclass
class Filter:
    """What the search narrows the map to: a part of the text, a label, a language."""

    query: str = ""
    label: str = ANY
    language: str = ANY


def matches(work: Workspace, wanted: Filter) -> np.ndarray:
    """Return which documents a filter lets through; bool (n_documents,)."""
    mask = np.ones(len(work.ids), bool)
    if wanted.language != ANY:
        mask &= work.language == wanted.language
    if wanted.label != ANY:
        mask &= work.labels.mapped(lambda label: in_group(label, wanted.label))
    query = wanted.query.strip().casefold()
    if query:
        for row in np.flatnonzero(mask):
            is_id = query == work.ids[row].casefold()
            mask[row] = is_id or query in work.text[row].casefold()
    return mask
