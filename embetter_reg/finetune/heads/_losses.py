"""Losses, each with its gradient written out.

``weight`` is one number a document or pair, or None; a loss is the weighted mean. All
return the loss first.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def cross_entropy(
    logits: Tensor,
    targets: Tensor,
    weight: Tensor | None = None,
    *,
    smoothing: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Cross-entropy for one label a document, and its gradient at the logits; rows of
    ``targets`` sum to one.
    """
    if smoothing:
        targets = torch.lerp(
            targets, torch.full_like(targets, 1 / targets.shape[1]), smoothing
        )
    log_p = logits.log_softmax(dim=1)
    weight = _share(weight, logits)
    return -(log_p * targets * weight).sum(), (log_p.exp() - targets) * weight


def binary_cross_entropy(
    logits: Tensor,
    targets: Tensor,
    weight: Tensor | None = None,
    *,
    smoothing: float = 0.0,
    positive_weight: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Binary cross-entropy, mean over labels, for documents with any number of them,
    and its gradient.

    ``positive_weight`` (n_classes,) is what a label's presence counts against its
    absence.
    """
    if smoothing:
        targets = torch.lerp(targets, torch.full_like(targets, 0.5), smoothing)
    weight = _share(weight, logits) / logits.shape[1]
    presence = targets if positive_weight is None else targets * positive_weight
    absence = 1 - targets
    loss = presence * F.softplus(-logits) + absence * F.softplus(logits)
    return (loss * weight).sum(), (
        torch.sigmoid(logits) * (presence + absence) - presence
    ) * weight


def cosine_loss(
    first: Tensor,
    second: Tensor,
    similarity: Tensor,
    weight: Tensor | None = None,
    *,
    margin: float | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Loss on the cosine of pairs, and its gradients at both sides.

    Without ``margin`` the squared difference of cosine and similarity. With it the
    contrastive loss of Hadsell, Chopra & LeCun (2006, "Dimensionality Reduction by
    Learning an Invariant Mapping") on the cosine distance ``d = 1 - cosine``: ``s d² +
    (1 - s) max(0, margin - d)²``.
    """
    (a, norm_a), (b, norm_b) = _unit(first), _unit(second)
    cosine = (a * b).sum(dim=1)
    if margin is None:
        apart = cosine - similarity
        losses, slopes = apart.square(), 2 * apart
    else:
        distance = 1 - cosine
        short = F.relu(margin - distance)
        losses = similarity * distance.square() + (1 - similarity) * short.square()
        slopes = 2 * (1 - similarity) * short - 2 * similarity * distance
    share = _share(weight, first)
    slopes = slopes[:, None] * share
    along = cosine[:, None]
    return (
        (losses[:, None] * share).sum(),
        slopes * (b - along * a) / norm_a,
        slopes * (a - along * b) / norm_b,
    )


def supervised_contrastive(
    embedding: Tensor,
    targets: Tensor,
    weight: Tensor | None = None,
    *,
    temperature: float = 0.3,
) -> tuple[Tensor, Tensor]:
    """Supervised contrastive loss of a batch, and its gradient at the embedding.

    Each document should find those of its labels among all others (Khosla et al. 2020,
    "Supervised Contrastive Learning"). With several labels, or mixed ones, others count
    by the overlap of label sets.
    """
    unit, norm = _unit(embedding)
    shared = targets @ targets.T
    sizes = targets.sum(dim=1)
    partner = shared / (sizes[:, None] + sizes - shared).clamp(min=1e-12)
    partner.fill_diagonal_(0)
    total = partner.sum(dim=1, keepdim=True)
    weight = _share(weight, embedding) * (
        total > 0
    )  # a document without a partner says nothing
    partner /= total.clamp(min=1e-12)
    logits = (unit @ unit.T) / temperature
    logits.fill_diagonal_(-torch.inf)
    log_p = logits.log_softmax(
        dim=1
    )  # -inf for the document itself; NaN where it is alone
    loss = -(partner * log_p.nan_to_num(neginf=0.0) * weight).sum()
    slopes = (log_p.exp().nan_to_num() - partner) * weight / temperature
    gradient = (slopes + slopes.T) @ unit
    return loss, (gradient - (gradient * unit).sum(dim=1, keepdim=True) * unit) / norm


def _share(weight: Tensor | None, rows: Tensor) -> Tensor:
    """Return what each row counts in a weighted mean, shape (n, 1)."""
    if weight is None:
        return rows.new_full((len(rows), 1), 1 / len(rows))
    return (weight / weight.sum().clamp(min=1e-12))[:, None]


def _unit(rows: Tensor) -> tuple[Tensor, Tensor]:
    norm = rows.norm(dim=1, keepdim=True).clamp(min=1e-8)
    return rows / norm, norm
