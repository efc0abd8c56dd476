"""A classifier's last layer, fitted on what the untrained model gives it."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from embetter_reg.text import Window, run_batches

if TYPE_CHECKING:
    from embetter_reg.finetune.models._register_run import Examples

# Inverse of the penalty, on standardized inputs: weak ones keep the first steps calm.
_C = 0.003


def start_from_probe(
    model: Any, tokenizer: Any, examples: "Examples", *, batch_size: int, bfloat16: bool
) -> None:
    """Fit the last layer of ``model`` on examples, in place, before anything is trained.

    A new layer of random weights sends gradients that mean nothing through the model.
    From a linear probe the first steps already move registers apart (Kumar et al. 2022,
    "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution").

    Raises
    ------
    ValueError
        If the model classifies token by token, as GPT-like ones do.

    """
    targets = examples.targets
    assert targets is not None
    last = _last_layer(model, n_classes=model.config.num_labels)
    inputs = _inputs_of(last, model, tokenizer, examples, batch_size, bfloat16)
    weights, intercepts = _fit(inputs, targets, len(last.weight))
    with torch.no_grad():
        last.weight.copy_(torch.from_numpy(weights))
        last.bias.copy_(torch.from_numpy(intercepts))


def _last_layer(model: Any, n_classes: int) -> torch.nn.Linear:
    layers = [
        module
        for module in model.modules()
        if isinstance(module, torch.nn.Linear)
        and module.out_features == n_classes
        and module.bias is not None
        and module.weight.requires_grad
    ]
    if not layers:
        raise ValueError(
            f"got linear_probe with a {model.config.model_type} model, expected one "
            "with a linear layer after pooling, such as BERT or XLM-R; leave it out"
        )
    return layers[-1]


def _inputs_of(
    last: torch.nn.Linear,
    model: Any,
    tokenizer: Any,
    examples: "Examples",
    batch_size: int,
    bfloat16: bool,
) -> np.ndarray:
    """Return what each document gives the last layer, ``float32 (n_documents, n_dims)``."""
    from embetter_reg.finetune.models._register_run import Collator, Item, Objective

    collate = Collator(tokenizer, Objective("register", mask_share=0.0, seed=0))
    device = next(model.parameters()).device
    given: list[torch.Tensor] = []

    def step(batch: list[Window]) -> np.ndarray:
        padded = collate([Item(0, window, np.zeros(1)) for window in batch])
        del padded["labels"]
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            model(**{name: tensor.to(device) for name, tensor in padded.items()})
        return given.pop().float().cpu().numpy()

    inputs = np.empty((len(examples.windows), last.in_features), dtype=np.float32)
    hook = last.register_forward_pre_hook(lambda _, args: given.append(args[0]))
    was_training = model.training
    model.eval()
    try:
        for batch, rows in run_batches(
            examples.windows,
            step,
            batch_size=batch_size,
            on_cpu=device.type == "cpu",
        ):
            inputs[[window.document for window in batch]] = rows
    finally:
        hook.remove()
        model.train(was_training)
    return inputs


def _fit(
    inputs: np.ndarray, targets: np.ndarray, n_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return weights ``(n_classes, n_dims)`` and intercepts of logistic regressions: one a
    label where there may be several, else one of all classes.
    """
    scaler = StandardScaler().fit(inputs)
    X = scaler.transform(inputs)
    weights = np.zeros((n_classes, inputs.shape[1]))
    intercepts = np.zeros(n_classes)
    model = LogisticRegression(C=_C, max_iter=1000)
    if targets.ndim == 1:
        model.fit(X, targets)
        present = model.classes_.astype(int)
        if len(present) == 2:  # scikit-learn gives one row for both
            weights[present] = np.vstack([-model.coef_, model.coef_]) / 2
            intercepts[present] = np.r_[-model.intercept_, model.intercept_] / 2
        else:
            weights[present] = model.coef_
            intercepts[present] = model.intercept_
    else:
        for column in range(n_classes):
            y = targets[:, column] > 0
            if y.any() and not y.all():
                model.fit(X, y)
                weights[column] = model.coef_
                intercepts[column] = model.intercept_.item()
    weights /= scaler.scale_
    intercepts -= weights @ scaler.mean_
    return weights.astype(np.float32), intercepts.astype(np.float32)
