"""The only place that trains: step, epoch, fit."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from embetter_reg.finetune.heads._losses import cosine_loss
from embetter_reg.finetune.heads._networks import HeadNetwork

SCHEDULES: dict[str, Callable[[float], float]] = {
    "linear": lambda done: 1 - done,
    "cosine": lambda done: 0.5 * (1 + np.cos(np.pi * done)),
    "constant": lambda done: 1.0,
}
_BETAS = 0.9, 0.999
_SMALL_STEP = (
    20_000_000  # multiplications in a step, below which a second thread only costs
)


class Task(Protocol):
    """What a network is trained on."""

    def __len__(self) -> int:
        """Return the number of documents or pairs in an epoch."""

    def batches(
        self, size: int, rng: np.random.Generator
    ) -> Iterator[tuple[Tensor, ...]]:
        """Yield one epoch; the second tensor of a batch has a row for each document or
        pair.
        """

    def loss(
        self, network: HeadNetwork, *batch: Any
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Return the loss of a batch, and its gradients at the tuned space and at the
        outputs.
        """

    def everything(self) -> tuple[Tensor, ...]:
        """Return all there is as one batch, to evaluate on."""


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
    criterion: Callable[..., tuple[Tensor, Tensor | None, Tensor | None]]
    mixup: float = 0.0

    def __len__(self):
        """Return the number of documents."""
        return len(self.rows)

    def batches(self, size, rng):
        """Yield rows, targets and weights in random order, mixed."""
        order = torch.from_numpy(rng.permutation(len(self.rows))).to(self.rows.device)
        columns = [self.rows[order], self.targets[order]] + (
            [] if self.weight is None else [self.weight[order]]
        )
        for batch in zip(*(column.split(size) for column in columns), strict=True):
            if self.mixup:
                share = rng.beta(self.mixup, self.mixup)
                partner = torch.from_numpy(rng.permutation(len(batch[0]))).to(
                    order.device
                )
                batch = tuple(
                    torch.lerp(column[partner], column, share) for column in batch
                )
            yield batch

    def loss(self, network, *batch):
        """Return the loss and its gradients."""
        rows, targets, *weight = batch
        return self.criterion(*network.propagate(rows), targets, *(weight or [None]))

    def everything(self):
        """Return rows, targets and weights."""
        return (
            (self.rows, self.targets)
            if self.weight is None
            else (self.rows, self.targets, self.weight)
        )


@dataclass
class Paired:
    """Prepared rows, and pairs of them with similarities: the same every epoch, or
    drawn anew by ``draw``.

    ``weight`` has one number a row; a pair counts the product of its two.
    """

    rows: Tensor
    n_pairs: int
    draw: Callable[[], tuple[np.ndarray, np.ndarray, np.ndarray]]
    weight: Tensor | None = None
    margin: float | None = None

    def __len__(self):
        """Return the number of pairs."""
        return self.n_pairs

    def batches(self, size, rng):
        """Yield rows, which of them is the first side of each pair, similarities and
        weights.

        In random order of first sides: a document that begins several pairs of a batch
        is passed through once.
        """
        first, second, *rest = self._pairs()
        order = np.argsort(
            rng.permutation(len(self.rows))[first.numpy(force=True)], kind="stable"
        )
        columns = [
            column[torch.from_numpy(order).to(self.rows.device)]
            for column in (first, second, *rest)
        ]
        for first, second, *rest in zip(
            *(column.split(size) for column in columns), strict=True
        ):
            yield self._batch(first, second, *rest)

    def loss(self, network, rows, place, similarity, *weight):
        """Return the loss and its gradient at the tuned space."""
        embedding, _ = network.propagate(rows)
        n_first = len(rows) - len(place)
        a, b = embedding[:n_first][place], embedding[n_first:]
        loss, at_first, at_second = cosine_loss(
            a, b, similarity, *weight, margin=self.margin
        )
        summed = at_first.new_zeros(n_first, at_first.shape[1]).index_add_(
            0, place, at_first
        )
        return loss, torch.cat([summed, at_second]), None

    def everything(self):
        """Return all pairs."""
        return self._batch(*self._pairs())

    def _batch(self, first, second, *rest):
        first, place = torch.unique_consecutive(first, return_inverse=True)
        return self.rows.index_select(0, torch.cat([first, second])), place, *rest

    def _pairs(self) -> list[Tensor]:
        columns = [
            torch.from_numpy(column).to(self.rows.device) for column in self.draw()
        ]
        if self.weight is None:
            return columns
        return [*columns, self.weight[columns[0]] * self.weight[columns[1]]]


@dataclass
class Trainer:
    """Train a network in memory, with Adam and decoupled weight decay."""

    network: HeadNetwork
    learning_rate: float
    weight_decay: float
    batch_size: int
    rng: np.random.Generator
    schedule: str = "linear"
    warmup: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._weights, self._gradient = self.network.flatten()
        self._mean, self._square = (
            torch.zeros_like(self._weights),
            torch.zeros_like(self._weights),
        )
        self._n_steps, self._now = 0, self.learning_rate

    def step(self, task: Task, batch: tuple[Tensor, ...]) -> Tensor:
        """Take one step down the gradient of one batch; return its loss."""
        loss, *gradients = task.loss(self.network, *batch)
        self.network.backpropagate(*gradients)
        self._adam()
        return loss

    def _adam(self) -> None:
        """Adam with decoupled weight decay (Loshchilov & Hutter 2019), on all weights
        in one vector.
        """
        self._n_steps += 1
        self._mean.lerp_(self._gradient, 1 - _BETAS[0])
        self._square.mul_(_BETAS[1]).addcmul_(
            self._gradient, self._gradient, value=1 - _BETAS[1]
        )
        bias = [1 - beta**self._n_steps for beta in _BETAS]
        scale = self._square.sqrt().add_(1e-8 * bias[1] ** 0.5)
        self._weights.mul_(1 - self._now * self.weight_decay)
        self._weights.addcdiv_(
            self._mean, scale, value=-self._now * bias[1] ** 0.5 / bias[0]
        )

    @torch.inference_mode()
    def epoch(
        self, task: Task, begun: float = 0.0, ended: float | None = None
    ) -> float:
        """Pass over everything once, in random order; return the mean loss.

        The learning rate follows the schedule from ``begun`` to ``ended``, shares of
        the whole training; without ``ended`` it is constant.
        """
        self.network.train()
        n_rows = len(task)
        n_steps = -(-n_rows // self.batch_size)
        total = torch.zeros((), device=self.network.offset.device)
        for place, batch in enumerate(task.batches(self.batch_size, self.rng)):
            if ended is not None:
                self._now = self._rate(begun + (ended - begun) * place / n_steps)
            total += self.step(task, batch) * (len(batch[1]) / n_rows)
        self.network.eval()
        return float(total)

    def _rate(self, done: float) -> float:
        if done < self.warmup:
            return self.learning_rate * (done + 1e-3) / self.warmup
        return self.learning_rate * SCHEDULES[self.schedule](
            (done - self.warmup) / (1 - self.warmup)
        )

    def fit(
        self,
        task: Task,
        n_epochs: int,
        validation: Task | None = None,
        patience: int = 10,
        show_progress: bool = False,
    ) -> None:
        """Train; with ``validation`` stop once its loss is not better for ``patience``
        epochs, and restore the best.
        """
        best_loss, best_epoch, best_weights = float("inf"), 0, None
        held = None if validation is None else validation.everything()
        for epoch in (
            bar := tqdm(
                range(1, n_epochs + 1),
                desc="tuning",
                disable=not show_progress,
                mininterval=0.5,
            )
        ):
            record = {
                "epoch": epoch,
                "loss": self.epoch(task, (epoch - 1) / n_epochs, epoch / n_epochs),
            }
            if validation is not None and held is not None:
                record["validation_loss"] = self.evaluate(validation, held)
            self.history.append(record)
            bar.set_postfix(
                {
                    key: f"{value:.3f}"
                    for key, value in record.items()
                    if key != "epoch"
                },
                refresh=False,
            )
            if validation is None:
                continue
            if record["validation_loss"] < best_loss:
                best_loss, best_epoch = record["validation_loss"], epoch
                best_weights = {
                    key: value.clone()
                    for key, value in self.network.state_dict().items()
                }
            elif epoch - best_epoch >= patience:
                break
        if best_weights is not None:
            self.network.load_state_dict(best_weights)

    @torch.inference_mode()
    def evaluate(self, task: Task, batch: tuple[Tensor, ...]) -> float:
        """Return the loss on a batch that is not trained on."""
        return float(task.loss(self.network, *batch)[0])


@contextmanager
def threads_for(n_multiplications: int, device: torch.device) -> Iterator[None]:
    """Use one thread where a step is too small to share, and give the caller's number
    back.
    """
    before = torch.get_num_threads()
    if device.type == "cpu" and n_multiplications < _SMALL_STEP:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
