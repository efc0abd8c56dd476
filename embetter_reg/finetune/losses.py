"""Losses: functions of tensors that return one number a document or pair.

`weighted_mean` makes one number of them.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def weighted_mean(losses: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the mean of ``losses``, each counted by ``weight`` where there is one."""
    if weight is None:
        return losses.mean()
    return (losses * weight).sum() / weight.sum().clamp(min=1e-12)


def cross_entropy(logits: Tensor, targets: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """Return the cross-entropy of each document; rows of ``targets`` sum to one."""
    return F.cross_entropy(logits, targets, reduction="none", label_smoothing=smoothing)


def binary_cross_entropy(
    logits: Tensor,
    targets: Tensor,
    *,
    smoothing: float = 0.0,
    positive_weight: Tensor | None = None,
) -> Tensor:
    """Return the binary cross-entropy of each document, a mean over labels.

    ``positive_weight`` (n_classes,) is what a label's presence counts against its
    absence.
    """
    targets = targets * (1 - smoothing) + smoothing / 2
    losses = F.binary_cross_entropy_with_logits(
        logits, targets, reduction="none", pos_weight=positive_weight
    )
    return losses.mean(dim=1)


def cosine_loss(first: Tensor, second: Tensor, similarity: Tensor) -> Tensor:
    """Return the squared difference of each pair's cosine and similarity."""
    return (F.cosine_similarity(first, second) - similarity).square()


def contrastive_loss(
    first: Tensor, second: Tensor, similarity: Tensor, *, margin: float = 0.5
) -> Tensor:
    """Return ``s d² + (1 - s) max(0, margin - d)²`` with ``d = 1 - cosine`` of each pair.

    The loss of Hadsell, Chopra & LeCun (2006, "Dimensionality Reduction by Learning an
    Invariant Mapping") on the cosine distance.
    """
    distance = 1 - F.cosine_similarity(first, second)
    near = F.relu(margin - distance)
    return similarity * distance.square() + (1 - similarity) * near.square()


def supervised_contrastive(
    embedding: Tensor,
    targets: Tensor,
    *,
    temperature: float = 0.3,
    groups: Tensor | None = None,
) -> Tensor:
    """Return the supervised contrastive loss of each document of a batch.

    A document should find those of its labels among all others (Khosla et al. 2020,
    "Supervised Contrastive Learning"). With several labels, or mixed ones, others count
    by the overlap of label sets. With ``groups`` (n_documents,), such as languages, only
    those of another group are partners. A document without a partner has a loss of 0.
    """
    partners = label_overlap(targets).fill_diagonal_(0)
    if groups is not None:
        partners = partners * (groups[:, None] != groups)
    total = partners.sum(dim=1, keepdim=True)
    unit = F.normalize(embedding)
    logits = unit @ unit.T / temperature
    # A large finite number: -inf times the diagonal's share of 0 would be NaN.
    logits = logits - 1e9 * torch.eye(len(logits), device=logits.device)
    log_p = logits.log_softmax(dim=1)
    return -(partners / total.clamp(min=1e-12) * log_p).sum(dim=1)


def label_overlap(targets: Tensor) -> Tensor:
    """Return the Jaccard overlap of the label sets of all documents, (n, n)."""
    shared = targets @ targets.T
    sizes = targets.sum(dim=1)
    return shared / (sizes[:, None] + sizes - shared).clamp(min=1e-12)
