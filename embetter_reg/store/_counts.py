"""Predictions counted as they come."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import pandas as pd

from embetter_reg.corpus.registers import has_several_mains, sort_labels


@dataclass
class PredictionCounts:
    """Documents of each language with each label, counted as they come."""

    by_language: dict[str, Counter[str]] = field(default_factory=dict)

    @property
    def n_documents(self) -> int:
        """The number of documents so far."""
        return sum(tally["n_documents"] for tally in self.by_language.values())

    def add(self, languages: Iterable[str], label_lists: Iterable[list[str]]) -> None:
        """Count documents."""
        for language, labels in zip(languages, label_lists, strict=True):
            tally = self.by_language.setdefault(language, Counter())
            tally.update(labels)
            tally["n_documents"] += 1
            tally["hybrid"] += has_several_mains(labels)
            tally["none"] += not labels

    def merge(self, by_language: dict[str, dict[str, int]]) -> None:
        """Add the counts of other documents."""
        for language, tally in by_language.items():
            self.by_language.setdefault(language, Counter()).update(tally)

    def table(self, classes: Iterable[str] | None) -> pd.DataFrame:
        """Return the table of `label_counts`; None counts all labels that occur."""
        if classes is None:
            occurring = {name for tally in self.by_language.values() for name in tally}
            classes = occurring - {"n_documents", "hybrid", "none"}
        columns = ["n_documents", *sort_labels(classes), "hybrid", "none"]
        rows = [
            [self.by_language[language][name] for name in columns]
            for language in sorted(self.by_language)
        ]
        counts = pd.DataFrame(rows, columns=columns, dtype=int)
        counts.insert(0, "language", sorted(self.by_language))
        if len(counts) > 1:
            total = {"language": "all", **counts[columns].sum().to_dict()}
            counts = pd.concat([counts, pd.DataFrame([total])], ignore_index=True)
        return counts
