"""What a notebook shows of documents: counts in words, as a small table."""

from collections import Counter
from collections.abc import Iterable, Mapping
from html import escape

from embetter_reg.corpus.registers import full_name, mains, sort_labels

_UNLABELED = "unlabeled"


def registers_of(labels: Iterable[str] | None) -> str:
    """Return the main registers of a document, or its labels where they are others."""
    codes = [str(label) for label in labels] if labels is not None else []
    return " ".join(mains(codes) or codes) or _UNLABELED


def count_words(labels: Iterable[str]) -> str:
    """Return how many there are of each label, such as "NA narrative 12, HI … 3"."""
    counts = Counter(map(str, labels))
    n_unlabeled = counts.pop(_UNLABELED, 0)
    words = [f"{full_name(name)} {counts[name]:,}" for name in sort_labels(counts)]
    if n_unlabeled:
        words.append(f"{_UNLABELED} {n_unlabeled:,}")
    return ", ".join(words)


def draw_facts(heading: str, facts: Mapping[str, str]) -> str:
    """Return HTML of facts by name."""
    rows = "".join(
        f'<tr><th style="text-align:left">{escape(name)}</th>'
        f'<td style="text-align:left">{escape(value)}</td></tr>'
        for name, value in facts.items()
    )
    return f"<p><b>{escape(heading)}</b></p><table>{rows}</table>"
