"""The networks behind the heads."""

import torch
from torch import Tensor, nn

ACTIVATIONS = {"tanh": nn.Tanh, "relu": nn.ReLU, "gelu": nn.GELU, "sigmoid": nn.Sigmoid}


class FeedForwardNetwork(nn.Module):
    """One hidden layer. `embed` gives the tuned space, `forward` the logits.

    Inputs are centred and divided by their root mean square norm, so that one learning rate fits
    vectors of any scale. Both statistics are buffers: they travel with the weights.
    """

    offset: Tensor
    scale: Tensor

    def __init__(self, n_in: int, hidden_dim: int, n_out: int, activation: str, dropout: float):
        super().__init__()
        self.register_buffer("offset", torch.zeros(n_in))
        self.register_buffer("scale", torch.ones(()))
        self.hidden = nn.Linear(n_in, hidden_dim)
        self.activation = ACTIVATIONS[activation]()
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden_dim, n_out)

    @torch.no_grad()
    def adapt_to(self, X: Tensor) -> None:
        """Take offset and scale from the rows of ``X``."""
        self.offset.copy_(X.mean(dim=0))
        norm = (X - self.offset).square().sum(dim=1).mean().sqrt()
        self.scale.copy_(norm if norm > 0 else torch.ones(()))

    def embed(self, X: Tensor) -> Tensor:
        """Return the hidden layer, shape (n_documents, hidden_dim)."""
        return self.activation(self.hidden((X - self.offset) / self.scale))

    def forward(self, X: Tensor) -> Tensor:
        """Return one logit a class, shape (n_documents, n_classes)."""
        return self.output(self.dropout(self.embed(X)))
