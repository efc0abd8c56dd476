"""Linear layers in int8 on the CPU, with one scale a token, so that documents do not
coarsen each other.
"""

import torch
from torch import nn


class Int8Linear(nn.Module):
    """A linear layer whose weights are int8 with one scale an output, and whose inputs
    become int8 as they come.

    ``torch.ao`` scales a whole batch at once, so that one outlier coarsens every
    document in it. Here each token has its own scale (Yao et al. 2022, "ZeroQuant").
    """

    weight: torch.Tensor
    scale: torch.Tensor
    bias: torch.Tensor

    def __init__(self, linear: nn.Linear):
        super().__init__()
        weight = linear.weight.detach().float()
        scale = (weight.abs().amax(dim=1) / 127).clamp(min=1e-12)
        self.register_buffer(
            "weight", (weight / scale[:, None]).round().to(torch.int8).T.contiguous()
        )
        self.register_buffer("scale", scale)
        bias = (
            torch.zeros_like(scale)
            if linear.bias is None
            else linear.bias.detach().float()
        )
        self.register_buffer("bias", bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``x @ weight.T + bias`` in float32."""
        rows = x.reshape(-1, x.shape[-1]).float()
        scale = (rows.abs().amax(dim=1, keepdim=True) / 127).clamp_(min=1e-12)
        product = torch._int_mm((rows / scale).round_().to(torch.int8), self.weight)
        return torch.addcmul(self.bias, product * self.scale, scale).reshape(
            *x.shape[:-1], -1
        )


def quantize(module: nn.Module) -> nn.Module:
    """Replace every linear layer inside ``module``, in place."""
    for name, child in module.named_children():
        if type(child) is nn.Linear:
            setattr(module, name, Int8Linear(child))
        else:
            quantize(child)
    return module
