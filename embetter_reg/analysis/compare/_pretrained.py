"""The pretrained register space beside the same model as it was: nothing is fitted."""

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from embetter_reg.analysis.compare._weights import ClassifierWeights, StoredWeights
from embetter_reg.corpus.registers import is_hybrid


def without_seen(
    weights: ClassifierWeights | StoredWeights | None,
    encoders: Iterable[Any],
    documents: pd.DataFrame,
    keep_seen: bool,
) -> tuple[pd.DataFrame, list[str]]:
    """Leave out documents that pretrained weights, or those of an encoder that knows
    them, were trained on; return the ids of those, too.

    Raises
    ------
    ValueError
        If no other document remains.

    """
    trained = np.zeros(len(documents), dtype=bool)
    if weights is not None:
        trained |= weights.seen(documents)
    for encoder in encoders:
        if hasattr(encoder, "seen"):
            trained |= encoder.seen(documents["text"])
    ids = documents["id"][trained].tolist()
    if keep_seen or not trained.any():
        return documents, ids
    if trained.all():
        raise ValueError(
            "got only documents that trained the pretrained weights, expected others to "
            "report on; pass others, or keep_seen to report all the same"
        )
    warnings.warn(
        f"{trained.sum():,} documents trained the pretrained weights; they are left out",
        stacklevel=3,
    )
    return documents[~trained].reset_index(drop=True), ids


class PretrainedSpaces:
    """Documents, and their spaces before and after the pretrained weights.

    Parameters
    ----------
    weights : ClassifierWeights or StoredWeights
    documents : DataFrame

    """

    def __init__(
        self, weights: ClassifierWeights | StoredWeights, documents: pd.DataFrame
    ):
        self.weights = weights
        self.documents = documents
        self.is_predicted = False
        self._tuned: np.ndarray | None = None

    def labeled(self, label_source: str) -> pd.DataFrame:
        """Return the documents that are compared, with their registers."""
        if label_source == "gold":
            return self._with_gold()
        return self._with_predictions()

    def _with_gold(self) -> pd.DataFrame:
        """Return the documents that have gold labels."""
        labeled = self.documents["labels"].map(len) > 0
        if not labeled.any():
            raise ValueError(
                "got no document with a gold label to report on, expected some; label "
                "some, or pass label_source='predicted' to report on the model's own "
                "predictions"
            )
        self._keep(labeled.to_numpy(), "have no gold label")
        return self.documents

    def _with_predictions(self) -> pd.DataFrame:
        """Return documents with the one register that the model itself predicts in
        place of gold ones; documents of none or several are left out.
        """
        self.is_predicted = True
        self._tuned, labels = self.weights.tuned(self.documents)
        self.documents = self.documents.assign(
            labels=pd.Series(labels, index=self.documents.index, dtype=object)
        )
        single = [len(codes) > 0 and not is_hybrid(codes) for codes in labels]
        self._keep(
            np.array(single, dtype=bool), "are predicted none or several registers"
        )
        return self.documents

    def spaces(self) -> dict[str, np.ndarray]:
        """Return the space of the model as it was, and that of the weights."""
        if self._tuned is None:
            self._tuned, _ = self.weights.tuned(self.documents)
        original = self.weights.original(self.documents)
        return {"original": original, "pretrained": self._tuned}

    def about(self, n_given: int, n_seen: int, keep_seen: bool) -> dict[str, str]:
        """Return what the report says of the weights, of which ``n_seen`` of the
        ``n_given`` documents were trained on.
        """
        card = self.weights.card
        languages = sorted(set(self.documents["lang"]))
        trained = [name for name in languages if name in card.languages]
        others = [name for name in languages if name not in card.languages]
        facts = "left out of every figure"
        if keep_seen:
            facts = "kept, and figures on them are too good"
        about = {
            "head": self.weights.head,
            "encoder": self.weights.encoder,
            "pretrained weights": (
                f"trained on {card.n_documents:,} documents in "
                f"{', '.join(card.languages)}"
            ),
            "documents that trained them": (f"{n_seen:,} of {n_given:,}, {facts}"),
            "languages that they were trained on": ", ".join(trained) or "none",
            "languages that they were not trained on": ", ".join(others) or "none",
        }
        if self.is_predicted:
            about["predictions"] = (
                "of the pretrained model itself: figures say how far its space agrees "
                "with its own labels, not whether those are right"
            )
        return about

    def _keep(self, mask: np.ndarray, reason: str) -> None:
        if mask.all():
            return
        warnings.warn(
            f"{(~mask).sum():,} of {len(mask):,} documents {reason}; they are left out",
            stacklevel=5,
        )
        self.documents = self.documents[mask].reset_index(drop=True)
        if self._tuned is not None:
            self._tuned = self._tuned[mask]
