"""Losses. They take logits and soft targets, both ``(n_documents, n_classes)``, and return the mean."""

from torch import Tensor
from torch.nn import functional as F


def cross_entropy(logits: Tensor, targets: Tensor, class_weight: Tensor | None = None) -> Tensor:
    """Cross-entropy for one label a document; rows of ``targets`` sum to one."""
    if class_weight is None:
        return F.cross_entropy(logits, targets)
    loss = F.cross_entropy(logits, targets, weight=class_weight, reduction="sum")
    return loss / (targets @ class_weight).sum()


def binary_cross_entropy(logits: Tensor, targets: Tensor, class_weight: Tensor | None = None) -> Tensor:
    """Binary cross-entropy over all labels, for documents with any number of them."""
    return F.binary_cross_entropy_with_logits(logits, targets, pos_weight=class_weight)
