"""One batched pass of documents through a transformer: documents in, pooled hidden
states out.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from embetter_reg._hub import loading
from embetter_reg._validation import check_choice, check_texts
from embetter_reg.text._batches import over_documents, run_batches
from embetter_reg.text._loading import (
    check_layers,
    load_transformer,
    longest_input,
    resolve_layer,
)
from embetter_reg.text._rules import POOLINGS, check_list
from embetter_reg.text._windows import Splitter, Window


@dataclass(frozen=True)
class Encoded:
    """What one pass over documents gives.

    ``layers`` maps each requested layer to ``float32 (n_documents, n_dims)``. A classifier
    gives ``probabilities``, ``float32 (n_documents, n_classes)``, with columns in the
    order of ``classes``; other models None.
    """

    layers: dict[int | str, np.ndarray]
    probabilities: np.ndarray | None = None
    classes: Sequence[str] = ()


@dataclass
class Pooled:
    """Document vectors a layer ``float32 (n_documents, n_dims)``, and scores
    ``(n_documents, n_scores)``.
    """

    layers: dict[int | str, np.ndarray]
    scores: np.ndarray
    n_truncated: int


def encode_layers(
    name: str,
    X: Any,
    layers: Sequence[int | str] = ("first", "half", "last"),
    *,
    pooling: str = "mean",
    prompt: str = "",
    long: str = "head",
    max_length: int | None = None,
    batch_size: int = 32,
    device: str = "auto",
    dtype: str = "auto",
) -> dict[int | str, np.ndarray]:
    """Return layers of any transformer, whatever its head is, so that models before and
    after training compare.

    Parameters
    ----------
    name : str
        A model's name on a hub, or a folder; one with adapters in files of their own is
        read with them.
    X : sequence of str
        Documents.
    layers, pooling, long, max_length, batch_size, device, dtype
        As in `RegisterEncoder`.
    prompt : str
        Written in front of every document.

    Returns
    -------
    dict
        ``float32 (n_documents, n_dims)`` for each layer.

    Raises
    ------
    OSError
        If the model cannot be loaded.

    """
    from transformers import AutoConfig

    texts = check_texts(X)
    layers = check_list("layers", layers, '["last"]')
    with loading(name):
        config = AutoConfig.from_pretrained(name)
    check_layers(name, layers, None, False)
    (architecture, *_) = config.architectures or ["AutoModel"]
    loaded = load_transformer(
        architecture,
        name,
        device=device,
        dtype=dtype,
        revision=None,
        local_files_only=False,
    )
    return layers_of(
        *loaded,
        texts,
        layers,
        pooling=pooling,
        prompt=prompt,
        long=long,
        max_length=max_length,
        batch_size=batch_size,
    )


def layers_of(
    tokenizer: Any,
    model: Any,
    X: Any,
    layers: Sequence[int | str],
    *,
    pooling: str = "mean",
    prompt: str = "",
    long: str = "head",
    max_length: int | None = None,
    batch_size: int = 32,
) -> dict[int | str, np.ndarray]:
    """Return layers of a model that is loaded already; see `encode_layers`."""
    run = HiddenPass(
        tokenizer,
        model.base_model,
        max_length=max_length,
        prompt=prompt,
        pool_prompt=True,
    )
    return run.documents(
        check_texts(X), layers, pooling, long=long, batch_size=batch_size
    ).layers


@dataclass
class HiddenPass:
    """Runs documents through a transformer in batches of similar length.

    ``module`` is called with ``input_ids`` or ``inputs_embeds`` and ``attention_mask``
    and returns an output with ``hidden_states``. The text ``prompt`` and the tensor
    ``soft_prompt`` stand before or after every window, the soft one outermost; they are
    attended to, but a mean or maximum leaves them out unless ``pool_prompt``.
    """

    tokenizer: Any
    module: Any
    max_length: int | None = None
    prompt: str = ""
    prompt_position: str = "before"
    soft_prompt: Any = None  # tensor (n_tokens, d_model)
    pool_special: bool = True  # special tokens such as [CLS] count in a mean or maximum
    pool_prompt: bool = False
    n_layers: int = field(init=False)
    n_dims: int = field(init=False)
    splitter: Splitter = field(init=False)

    def __post_init__(self):
        config = self.module.config.get_text_config()
        self.n_layers, self.n_dims = config.num_hidden_layers, config.hidden_size
        longest = longest_input(self.tokenizer, self.module)
        limit = self.max_length
        if limit is None:
            limit = longest
        if not isinstance(limit, int | np.integer) or not 0 < limit <= longest:
            raise ValueError(
                f"got max_length={self.max_length}, expected 1 to {longest} for this "
                "model; pass that"
            )
        self.splitter = Splitter(
            self.tokenizer,
            limit,
            prompt=self.prompt,
            prompt_position=self.prompt_position,
        )
        if self.soft_prompt is not None:
            rows = [-1 - row for row in range(len(self.soft_prompt))]
            setattr(self.splitter, self.prompt_position, rows)

    def documents(
        self,
        texts: Sequence[str],
        layers: Sequence[int | str],
        pooling: str,
        *,
        score: Callable | None = None,
        n_scores: int = 0,
        long: str = "head",
        overlap: int = 64,
        batch_size: int = 32,
        show_progress: bool = False,
    ) -> Pooled:
        """Return one vector a document and layer, and the mean of ``score(output)``
        over its windows.
        """
        check_choice("pooling", pooling, POOLINGS)
        number_of = {layer: resolve_layer(layer, self.n_layers) for layer in layers}
        numbers = list(dict.fromkeys(number_of.values()))

        def step(batch):
            output, mask = self._forward(batch)
            pooled = [
                self._pool(output.hidden_states[number], batch, mask, pooling)
                for number in numbers
            ]
            scores = (
                score(output).float().cpu().numpy()
                if score
                else np.empty((len(batch), 0), np.float32)
            )
            return [*pooled, scores]

        (*vectors, scores), n_truncated = over_documents(
            texts,
            self.splitter,
            step,
            [*[self.n_dims] * len(numbers), n_scores],
            maximum=[*[pooling == "max"] * len(numbers), False],
            long=long,
            overlap=overlap,
            batch_size=batch_size,
            on_cpu=self._on_cpu,
            show_progress=show_progress,
        )
        by_number = dict(zip(numbers, vectors, strict=True))
        by_layer = {layer: by_number[number] for layer, number in number_of.items()}
        return Pooled(by_layer, scores, n_truncated)

    def tokens(
        self, windows: Sequence[Window], layer: int, *, batch_size: int
    ) -> Iterator[tuple[list[Window], list[np.ndarray]]]:
        """Yield each batch of windows with the vectors of its document tokens, one
        array a window.
        """

        def step(batch):
            hidden = self._forward(batch)[0].hidden_states[layer].float().cpu().numpy()
            return [
                hidden[row, w.start : w.start + len(w.positions)]
                for row, w in enumerate(batch)
            ]

        return run_batches(windows, step, batch_size=batch_size, on_cpu=self._on_cpu)

    @property
    def _on_cpu(self) -> bool:
        return self.module.device.type == "cpu"

    def _forward(self, batch: list[Window]) -> tuple[Any, Any]:
        ids, mask = (
            tensor.to(self.module.device) for tensor in self.splitter.pad(batch)
        )
        inputs = {"input_ids": ids}
        if self.soft_prompt is not None:
            embedded = self.module.get_input_embeddings()(ids.clamp(min=0))
            soft = self.soft_prompt.to(device=embedded.device, dtype=embedded.dtype)
            embedded[ids < 0] = soft[-1 - ids[ids < 0]]
            inputs = {"inputs_embeds": embedded}
        return self.module(
            **inputs, attention_mask=mask, output_hidden_states=True, return_dict=True
        ), mask

    def _pool(self, hidden, batch: list[Window], mask, pooling: str) -> np.ndarray:
        import torch

        hidden = hidden.float()
        if pooling == "cls":
            return hidden[:, 0].cpu().numpy()
        if pooling == "last_token":
            last = mask.sum(dim=1) - 1
            return (
                hidden[torch.arange(len(batch), device=hidden.device), last]
                .cpu()
                .numpy()
            )
        n_prefix, n_suffix = len(self.splitter.prefix), len(self.splitter.suffix)
        counted = torch.zeros(mask.shape, dtype=torch.bool)
        for row, window in enumerate(batch):
            length = len(window.ids)
            counted[row, window.start : window.start + len(window.positions)] = True
            if self.pool_prompt:
                counted[row, n_prefix : length - n_suffix] = True
            if self.pool_special or not window.positions:
                counted[row, :n_prefix] = True
                counted[row, length - n_suffix : length] = True
            if not counted[row].any():  # an empty document without special tokens
                counted[row, :length] = True
        counted = counted.to(hidden.device).unsqueeze(2)
        if pooling == "max":
            return hidden.masked_fill(~counted, -torch.inf).amax(dim=1).cpu().numpy()
        return ((hidden * counted).sum(dim=1) / counted.sum(dim=1)).cpu().numpy()
