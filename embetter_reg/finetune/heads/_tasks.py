"""What a network is trained on: documents with labels, or pairs, kept in memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from embetter_reg.finetune.heads._networks import HeadNetwork
from embetter_reg.finetune.losses import weighted_mean
from embetter_reg.finetune.pairs import Pairs

# Columns of a batch, the last of which, weights, may be None.
Columns = tuple[Any, ...]
# Embeddings of both sides (n_pairs, n_dims) and similarities (n_pairs,) to losses (n_pairs,).
PairLoss = Callable[[Tensor, Tensor, Tensor], Tensor]
# Tuned space, outputs and targets, a row a document each, to losses (n_documents,).
LabelLoss = Callable[[Tensor, Tensor, Tensor], Tensor]


class Task(Protocol):
    """What `Trainer` needs of it."""

    def __len__(self) -> int:
        """Return the number of documents or pairs in an epoch."""

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[Columns]:
        """Yield one epoch in random order."""

    def everything(self) -> Columns:
        """Return all there is as one batch, to evaluate on."""

    def loss(
        self,
        network: HeadNetwork,
        batch: Columns,
        rng: np.random.Generator | None = None,
    ) -> Tensor:
        """Return the mean loss of a batch; ``rng`` draws the dropout."""


@dataclass
class Labeled:
    """Prepared rows with targets (n_documents, n_classes) and weights.

    ``mixup`` is the parameter of the Beta distribution that mixes random pairs of rows
    and their targets (Zhang, Cisse, Dauphin & Lopez-Paz 2018); 0 trains on the rows as
    they are.
    """

    rows: Tensor
    targets: Tensor
    weight: Tensor | None
    criterion: LabelLoss
    mixup: float = 0.0

    def __len__(self) -> int:
        """Return the number of documents."""
        return len(self.rows)

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[Columns]:
        """Yield rows, targets and weights in random order, mixed."""
        order = torch.from_numpy(rng.permutation(len(self))).to(self.rows.device)
        for chosen in order.split(size):
            batch = _select(self.everything(), chosen)
            if self.mixup:
                batch = self._mix(batch, chosen, rng)
            yield batch

    def everything(self) -> Columns:
        """Return rows, targets and weights."""
        return self.rows, self.targets, self.weight

    def loss(self, network, batch, rng=None) -> Tensor:
        """Return the weighted mean of the criterion."""
        rows, targets, weight = batch
        embedding, outputs = network.propagate(rows, rng)
        losses = self.criterion(embedding, outputs, targets)
        return weighted_mean(losses, weight)

    def _mix(self, batch: Columns, chosen: Tensor, rng: np.random.Generator) -> Columns:
        share = rng.beta(self.mixup, self.mixup)
        partner = torch.from_numpy(rng.permutation(len(chosen))).to(chosen.device)
        partners = _select(batch, partner)
        return tuple(
            None if column is None else torch.lerp(other, column, share)
            for column, other in zip(batch, partners, strict=True)
        )


@dataclass
class Paired:
    """Prepared rows, and pairs of them that ``draw`` returns anew for each epoch.

    ``weight`` has one number a row; a pair counts the product of its two.
    """

    rows: Tensor
    n_pairs: int
    draw: Callable[[], Pairs]
    weight: Tensor | None
    criterion: PairLoss

    def __len__(self) -> int:
        """Return the number of pairs."""
        return self.n_pairs

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[Columns]:
        """Yield row numbers of both sides, similarities and weights."""
        pairs = self.everything()
        order = torch.from_numpy(rng.permutation(len(self))).to(self.rows.device)
        for chosen in order.split(size):
            yield _select(pairs, chosen)

    def everything(self) -> Columns:
        """Return one epoch of pairs."""
        first, second, similarity = (
            torch.from_numpy(column).to(self.rows.device) for column in self.draw()
        )
        if self.weight is None:
            return first, second, similarity, None
        return first, second, similarity, self.weight[first] * self.weight[second]

    def loss(self, network, batch, rng=None) -> Tensor:
        """Return the weighted mean of the criterion."""
        first, second, similarity, weight = batch
        rows = self.rows.index_select(0, torch.cat([first, second]))
        embedding, _ = network.propagate(rows, rng)
        one, other = embedding.chunk(2)
        losses = self.criterion(one, other, similarity)
        if losses.shape != similarity.shape:
            raise ValueError(
                f"got a loss of shape {tuple(losses.shape)} for {len(similarity)} "
                "pairs, expected one number a pair; return a 1-D tensor"
            )
        return weighted_mean(losses, weight)


def _select(columns: Columns, rows: Tensor) -> Columns:
    return tuple(
        None if column is None else column.index_select(0, rows) for column in columns
    )
