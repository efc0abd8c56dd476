"""The only place that trains: step, epoch, fit."""

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from embetter_reg._progress import progress
from embetter_reg.finetune.heads._networks import HeadNetwork
from embetter_reg.finetune.heads._tasks import Columns, Task

# The share of the highest learning rate, by the share of the training that is done.
SCHEDULES: dict[str, Callable[[float], float]] = {
    "linear": lambda done: 1 - done,
    "cosine": lambda done: 0.5 * (1 + math.cos(math.pi * done)),
    "constant": lambda done: 1.0,
}
# Multiplications in a step, below which a second thread only costs.
_SMALL_STEP = 20_000_000
# torch's number of threads belongs to the process. Small steps hold Python's lock most
# of the time, so two trainings at once would not be faster than one after the other.
_ONE_AT_A_TIME = threading.RLock()


@dataclass
class Trainer:
    """Train a network on data in memory, with Adam and decoupled weight decay.

    ``rng`` decides the order of documents, mixing and dropout; ``history`` has a record
    an epoch.
    """

    network: HeadNetwork
    learning_rate: float
    weight_decay: float
    batch_size: int
    rng: np.random.Generator
    schedule: str = "linear"
    warmup_ratio: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=self.learning_rate,
            weight_decay=self.weight_decay,
            fused=True,
        )

    def step(self, task: Task, batch: Columns) -> Tensor:
        """Take one step down the gradient of one batch; return its loss."""
        # The optimizer's zero_grad takes as long as its step on weights this small.
        for parameter in self.network.parameters():
            parameter.grad = None
        loss = task.loss(self.network, batch, self.rng)
        loss.backward()
        self._optimizer.step()
        return loss.detach()

    def epoch(
        self, task: Task, begun: float = 0.0, ended: float | None = None
    ) -> float:
        """Pass over everything once, in random order; return the mean loss.

        The learning rate follows the schedule from ``begun`` to ``ended``, shares of
        the whole training; without ``ended`` it is constant.
        """
        n_steps = math.ceil(len(task) / self.batch_size)
        losses, sizes = [], []
        for number, batch in enumerate(task.batches(self.batch_size, self.rng)):
            if ended is not None:
                self._set_rate(begun + (ended - begun) * number / n_steps)
            losses.append(self.step(task, batch))
            sizes.append(len(batch[0]))
        # One transfer an epoch: a number a step would make a GPU wait each time.
        return float(np.average(torch.stack(losses).cpu().numpy(), weights=sizes))

    def _set_rate(self, done: float) -> None:
        if done < self.warmup_ratio:
            share = (done + 1e-3) / self.warmup_ratio
        else:
            falling = (done - self.warmup_ratio) / (1 - self.warmup_ratio)
            share = SCHEDULES[self.schedule](falling)
        self._optimizer.param_groups[0]["lr"] = self.learning_rate * share

    def fit(
        self,
        task: Task,
        n_epochs: int,
        validation: Task | None = None,
        patience: int = 10,
        show_progress: bool = False,
    ) -> None:
        """Train; with ``validation`` stop once its loss is not better for ``patience``
        epochs, and restore the best weights.
        """
        best = _Best()
        held: Any = None
        if validation is not None:
            held = validation.everything()
        bar = progress(
            range(1, n_epochs + 1),
            desc="tuning",
            total=n_epochs,
            unit="epoch",
            show=show_progress,
        )
        for epoch in bar:
            loss = self.epoch(task, (epoch - 1) / n_epochs, epoch / n_epochs)
            record = {"loss": loss}
            if validation is not None:
                record["validation_loss"] = self.evaluate(validation, held)
                best.see(record["validation_loss"], epoch, self.network)
            self.history.append({"epoch": epoch, **record})
            bar.set_postfix(
                {name: f"{value:.3f}" for name, value in record.items()}, refresh=False
            )
            if validation is not None and epoch - best.epoch >= patience:
                break
        if best.weights is not None:
            self.network.load_state_dict(best.weights)

    @torch.no_grad()
    def evaluate(self, task: Task, batch: Columns) -> float:
        """Return the loss on a batch that is not trained on."""
        return float(task.loss(self.network, batch))


@dataclass
class _Best:
    """The lowest validation loss so far, and the weights that had it."""

    loss: float = math.inf
    epoch: int = 0
    weights: dict[str, Tensor] | None = None

    def see(self, loss: float, epoch: int, network: HeadNetwork) -> None:
        if loss < self.loss:
            self.loss = loss
            self.epoch = epoch
            self.weights = {
                name: value.clone() for name, value in network.state_dict().items()
            }


@contextmanager
def threads_for(n_multiplications: int, device: torch.device) -> Iterator[None]:
    """Use one thread where a step is too small to share, and give the caller's number
    back.
    """
    if device.type != "cpu" or n_multiplications >= _SMALL_STEP:
        yield
        return
    with _ONE_AT_A_TIME:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)
