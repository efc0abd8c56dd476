"""The only place that calls ``backward()``: step, epoch, fit."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

Loss = Callable[[Tensor, Tensor], Tensor]
_SMALL_STEP = 20_000_000  # multiplications in a step, below which a second thread only costs


@dataclass
class Trainer:
    """Train a network in memory.

    ``mixup`` is the parameter of the Beta distribution that mixes random pairs of rows and their
    targets (Zhang, Cisse, Dauphin & Lopez-Paz 2018); 0 trains on the rows as they are.
    """

    network: nn.Module
    loss: Loss
    optimizer: torch.optim.Optimizer
    rng: np.random.Generator
    batch_size: int
    mixup: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)

    def step(self, X: Tensor, targets: Tensor) -> Tensor:
        """Take one step down the gradient of one batch; return its loss."""
        if self.mixup > 0:
            X, targets = self._mix(X, targets)
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(self.network(X), targets)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def epoch(self, X: Tensor, targets: Tensor) -> float:
        """Pass over all rows once, in random order; return the mean loss."""
        self.network.train()
        order = self._permutation(X)
        total = torch.zeros((), device=X.device)
        for rows in order.split(self.batch_size):
            total += self.step(X[rows], targets[rows]) * len(rows)
        return float(total / len(X))

    def fit(
        self,
        X: Tensor,
        targets: Tensor,
        n_epochs: int,
        validation: tuple[Tensor, Tensor] | None = None,
        patience: int = 10,
        show_progress: bool = False,
    ) -> None:
        """Train with a learning rate that falls linearly to zero.

        With ``validation`` rows, stop when their loss has not improved for ``patience`` epochs and
        restore the weights of the best one.
        """
        schedule = torch.optim.lr_scheduler.LinearLR(
            self.optimizer, start_factor=1.0, end_factor=1 / n_epochs, total_iters=n_epochs - 1
        )
        best_loss, best_epoch, best_weights = float("inf"), 0, None
        for epoch in (bar := tqdm(range(1, n_epochs + 1), desc="tuning", disable=not show_progress)):
            record = {"epoch": epoch, "loss": self.epoch(X, targets)}
            if validation is not None:
                record["validation_loss"] = self.evaluate(*validation)
            self.history.append(record)
            bar.set_postfix({key: f"{value:.3f}" for key, value in record.items() if key != "epoch"})
            schedule.step()
            if validation is None:
                continue
            if record["validation_loss"] < best_loss:
                best_loss, best_epoch = record["validation_loss"], epoch
                best_weights = {key: value.clone() for key, value in self.network.state_dict().items()}
            elif epoch - best_epoch >= patience:
                break
        if best_weights is not None:
            self.network.load_state_dict(best_weights)

    @torch.no_grad()
    def evaluate(self, X: Tensor, targets: Tensor) -> float:
        """Return the loss on rows that are not trained on."""
        self.network.eval()
        return float(self.loss(self.network(X), targets))

    def _mix(self, X: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        share = self.rng.beta(self.mixup, self.mixup)
        partner = self._permutation(X)
        return torch.lerp(X[partner], X, share), torch.lerp(targets[partner], targets, share)

    def _permutation(self, X: Tensor) -> Tensor:
        return torch.from_numpy(self.rng.permutation(len(X))).to(X.device)


@contextmanager
def threads_for(n_multiplications: int, device: torch.device) -> Iterator[None]:
    """Use one thread where a step is too small to share, and give the caller's number back."""
    before = torch.get_num_threads()
    if device.type == "cpu" and n_multiplications < _SMALL_STEP:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
