"""The network of the heads: dense layers over standardized vectors."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import skip_init

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "gelu": F.gelu,
    "sigmoid": torch.sigmoid,
}


class HeadNetwork(nn.Module):
    """Dense layers. `embed` returns the tuned space, calling it the outputs.

    Inputs are centered and divided by their root mean square norm or, where
    ``standardize``, each dimension by its standard deviation, so that one learning rate
    fits vectors of any scale. Both statistics travel with the weights.

    Parameters
    ----------
    n_in : int
    widths : sequence of int
        Of the layers; the last is the tuned space.
    n_out : int or None
        Outputs, such as one a class; None has none.
    activation : str
        A key of ``ACTIVATIONS``.
    activate_last : bool
        Whether the tuned space is the last layer after its activation.
    dropout, input_dropout : float
        Share of each layer and of the inputs dropped in training.
    standardize : bool
    rng : numpy.random.Generator or None
        Draws the first weights; None is for weights that are loaded.

    """

    offset: Tensor
    scale: Tensor

    def __init__(
        self,
        n_in: int,
        widths: Sequence[int],
        n_out: int | None = None,
        *,
        activation: str = "tanh",
        activate_last: bool = True,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        standardize: bool = False,
        rng: np.random.Generator | None = None,
    ):
        super().__init__()
        # What makes another network of this form, as files keep it.
        self.options = {
            "n_in": n_in,
            "widths": list(widths),
            "n_out": n_out,
            "activation": activation,
            "activate_last": activate_last,
            "dropout": dropout,
            "input_dropout": input_dropout,
            "standardize": standardize,
        }
        self.register_buffer("offset", torch.zeros(n_in))
        self.register_buffer("scale", torch.ones(n_in))
        sizes = pairwise([n_in, *widths])
        self.layers = nn.ModuleList(_dense(size, width, rng) for size, width in sizes)
        self.output = None
        if n_out:
            self.output = _dense(widths[-1], n_out, rng)
        self.activate = ACTIVATIONS[activation]
        self.n_dims = widths[-1]
        self.n_active = len(widths) if activate_last else len(widths) - 1
        self.standardize = standardize
        self.input_dropout = input_dropout
        self.dropout = dropout

    @torch.no_grad()
    def adapt_to(self, X: Tensor) -> None:
        """Take offset and scale from the rows of ``X``."""
        self.offset.copy_(X.mean(dim=0))
        variance = X.var(dim=0, correction=0)
        if self.standardize:
            # A direction with next to no variance is rounding noise: not blown up.
            scale = variance.clamp(min=1e-8 * float(variance.max())).sqrt()
        else:
            scale = variance.sum().sqrt().expand_as(variance)
        self.scale.copy_(torch.where(scale > 0, scale, 1.0))

    @property
    def n_multiplications(self) -> int:
        """Multiplications that one document costs."""
        return sum(parameter.numel() for parameter in self.parameters())

    def forward(self, X: Tensor) -> Tensor:
        """Return the outputs for vectors, shape (n_documents, n_out)."""
        return self.propagate(self.prepare(X))[1]

    @torch.no_grad()
    def embed(self, X: Tensor) -> Tensor:
        """Return the tuned space of vectors, shape (n_documents, widths[-1])."""
        first: Any = self.layers[0]
        # Folding the scale into the first layer saves a copy of all vectors.
        weight = first.weight / self.scale
        hidden = torch.addmm(first.bias - weight @ self.offset, X, weight.T)
        for number, layer in enumerate(self.layers):
            if number:
                hidden = layer(hidden)
            if number < self.n_active:
                hidden = self.activate(hidden)
        return hidden

    def prepare(self, X: Tensor) -> Tensor:
        """Return vectors centered and scaled."""
        return (X - self.offset) / self.scale

    def propagate(
        self, rows: Tensor, rng: np.random.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return tuned space and outputs of prepared rows; ``rng`` draws the dropout.

        A network without outputs returns the tuned space twice.
        """
        hidden = drop(rows, self.input_dropout, rng)
        for number, layer in enumerate(self.layers):
            if number:
                hidden = drop(hidden, self.dropout, rng)
            hidden = layer(hidden)
            if number < self.n_active:
                hidden = self.activate(hidden)
        if self.output is None:
            return hidden, hidden
        return hidden, self.output(drop(hidden, self.dropout, rng))


def drop(x: Tensor, share: float, rng: np.random.Generator | None) -> Tensor:
    """Return ``x`` with a share of its entries set to zero and the rest scaled up.

    Without ``rng`` nothing is dropped. torch's own dropout draws from the global
    generator, which other threads share.
    """
    if rng is None or not share:
        return x
    # numpy draws float32 several times as fast as torch, and alike for any device.
    keep = rng.random(tuple(x.shape), dtype=np.float32) >= share
    return x * torch.from_numpy(keep).to(x.device) * (1 / (1 - share))


def _dense(n_in: int, n_out: int, rng: np.random.Generator | None) -> nn.Linear:
    """Return a layer with the first weights of `torch.nn.Linear`, drawn from ``rng``."""
    # skip_init: the ordinary constructor would advance torch's global generator.
    layer = skip_init(nn.Linear, n_in, n_out)
    if rng is not None:
        bound = n_in**-0.5
        for parameter in layer.parameters():
            values = rng.uniform(-bound, bound, tuple(parameter.shape))
            parameter.data.copy_(torch.from_numpy(values))
    return layer
