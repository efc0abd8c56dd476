"""The network of the heads. Its gradients are written out, which for layers this small
is several times faster.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_aten = torch.ops.aten
# Each activation, and its derivative as a function of gradient, input and output.
ACTIVATIONS = {
    "tanh": (
        torch.tanh,
        lambda gradient, before, after: _aten.tanh_backward(gradient, after),
    ),
    "relu": (
        torch.relu,
        lambda gradient, before, after: _aten.threshold_backward(gradient, after, 0),
    ),
    "gelu": (
        F.gelu,
        lambda gradient, before, after: _aten.gelu_backward(gradient, before),
    ),
    "sigmoid": (
        torch.sigmoid,
        lambda gradient, before, after: _aten.sigmoid_backward(gradient, after),
    ),
}


class HeadNetwork(nn.Module):
    """Dense layers. `embed` gives the tuned space, `forward` the outputs.

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
    activate_last : bool
        Whether the tuned space is the last layer after its activation.

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
    ):
        super().__init__()
        self.register_buffer("offset", torch.zeros(n_in))
        self.register_buffer("scale", torch.ones(n_in))
        self.layers = nn.ModuleList(
            nn.Linear(a, b) for a, b in pairwise([n_in, *widths])
        )
        self.output = nn.Linear(widths[-1], n_out) if n_out else None
        self.activation = activation
        self.n_dims = widths[-1]
        self.n_active = len(widths) if activate_last else len(widths) - 1
        self.dropout, self.input_dropout, self.standardize = (
            dropout,
            input_dropout,
            standardize,
        )

    @torch.no_grad()
    def adapt_to(self, X: Tensor) -> None:
        """Take offset and scale from the rows of ``X``."""
        self.offset.copy_(X.mean(dim=0))
        variance = X.var(dim=0, correction=0)
        if self.standardize:
            # A direction with next to no variance is rounding noise; it is not blown up.
            scale = variance.clamp(min=1e-8 * float(variance.max())).sqrt()
        else:
            scale = variance.sum().sqrt().expand_as(variance)
        self.scale.copy_(torch.where(scale > 0, scale, 1.0))

    def activate(self, rows: Tensor) -> Tensor:
        """Return rows after the activation."""
        return ACTIVATIONS[self.activation][0](rows)

    @property
    def n_multiplications(self) -> int:
        """Multiplications that one document costs."""
        return sum(parameter.numel() for parameter in self.parameters())

    @torch.no_grad()
    def embed(self, X: Tensor) -> Tensor:
        """Return the tuned space of rows as they come, shape (n_documents, widths[-1])."""
        first: Any = self.layers[0]
        weight = first.weight / self.scale  # scaling is folded into the first layer
        z = torch.addmm(first.bias - weight @ self.offset, X, weight.T)
        for place, layer in enumerate(self.layers):
            z = layer(z) if place else z
            z = self.activate(z) if place < self.n_active else z
        return z

    @torch.no_grad()
    def forward(self, X: Tensor) -> Tensor:
        """Return the outputs, shape (n_documents, n_out)."""
        outputs: Any = self.output
        return outputs(self.embed(X))

    # -- training -----------------------------------------------------------------------------------

    def flatten(self) -> tuple[Tensor, Tensor]:
        """Lay all parameters into one vector, and return it with the vector of their
        gradients.
        """
        parameters = list(self.parameters())
        flat = torch.cat([parameter.detach().reshape(-1) for parameter in parameters])
        gradient = torch.zeros_like(flat)
        sizes = [parameter.numel() for parameter in parameters]
        for parameter, values, slopes in zip(
            parameters, flat.split(sizes), gradient.split(sizes), strict=True
        ):
            parameter.data, parameter.grad = (
                values.view_as(parameter),
                slopes.view_as(parameter),
            )
        self._steps: list[tuple] = []
        # Plain tensors on the same memory: looking them up in modules takes longer than some of the sums.
        self._dense = [
            (
                layer.weight.detach(),
                layer.bias.detach(),
                layer.weight.grad,
                layer.bias.grad,
            )
            for layer in [*self.layers, *([] if self.output is None else [self.output])]
        ]
        return flat, gradient

    def prepare(self, X: Tensor) -> Tensor:
        """Return rows centered and scaled, as `propagate` takes them."""
        return (X - self.offset) / self.scale

    def propagate(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return tuned space and outputs of prepared rows, with dropout in training;
        keep all for `backpropagate`.
        """
        # A list made once, since setting attributes of modules is slow; without training nothing is kept.
        steps = self._steps if self.training else []
        dropout = self.dropout if self.training else 0.0
        x, _ = _drop(x, self.input_dropout if self.training else 0.0)
        last = len(self.layers) - 1
        activate = ACTIVATIONS[self.activation][0]
        for place, (weight, bias, *_) in enumerate(self._dense[: last + 1]):
            before = torch.addmm(bias, x, weight.T)
            after = activate(before) if place < self.n_active else before
            dropped, mask = (after, None) if place == last else _drop(after, dropout)
            steps.append((x, before, after, mask))
            x = dropped
        if len(self._dense) == last + 1:
            return x, None
        weight, bias, *_ = self._dense[-1]
        dropped, mask = _drop(x, dropout)
        steps.append((dropped, x, x, mask))
        return x, torch.addmm(bias, dropped, weight.T)

    def backpropagate(
        self, embedding_gradient: Tensor | None, output_gradient: Tensor | None
    ) -> None:
        """Fill the parameters' gradients from the loss's gradients at the tuned space
        and at the outputs.
        """
        gradient: Any = embedding_gradient
        if output_gradient is not None:
            dropped, _, _, mask = self._steps.pop()
            _fill(self._dense[-1], output_gradient, dropped)
            from_output = _undrop(
                output_gradient @ self._dense[-1][0], mask, self.dropout
            )
            gradient = from_output if gradient is None else gradient + from_output
        activation_gradient = ACTIVATIONS[self.activation][1]
        for place in reversed(range(len(self._steps))):
            x, before, after, mask = self._steps[place]
            gradient = _undrop(gradient, mask, self.dropout)
            if place < self.n_active:
                gradient = activation_gradient(gradient, before, after)
            _fill(self._dense[place], gradient, x)
            if place:
                gradient = gradient @ self._dense[place][0]
        self._steps.clear()

    def __getstate__(self):
        # What training works with stays behind: it holds documents.
        return {
            key: value
            for key, value in super().__getstate__().items()
            if key not in ("_steps", "_dense")
        }


def _drop(x: Tensor, share: float) -> tuple[Tensor, Tensor | None]:
    return torch.native_dropout(x, share, True) if share else (x, None)


def _undrop(gradient: Tensor, mask: Tensor | None, share: float) -> Tensor:
    return (
        gradient
        if mask is None
        else _aten.native_dropout_backward(gradient, mask, 1 / (1 - share))
    )


def _fill(dense: tuple, gradient: Tensor, x: Tensor) -> None:
    torch.mm(gradient.T, x, out=dense[2])
    torch.sum(gradient, 0, out=dense[3])
