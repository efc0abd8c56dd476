"""Causal language models as encoders, with prompts, and as classifiers without
training.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embetter_reg._validation import check_texts
from embetter_reg.text._hidden import Encoded, HiddenPass
from embetter_reg.text._layers import join_layers, list_layers
from embetter_reg.text._loading import check_layers, load_transformer
from embetter_reg.text._pretrained import PretrainedEncoder
from embetter_reg.text._rules import check_list
from embetter_reg.text._windows import tokenize

if TYPE_CHECKING:
    import torch


class CausalLMEncoder(PretrainedEncoder):
    """Embed documents with a causal language model such as GPT-2 or Pythia.

    Parameters
    ----------
    name : str
        A model's name on a hub, or a folder.
    layers : int, str or sequence of them
        Numbers (0 is the embedding layer, negative ones count from the end), or
        ``"first"``, ``"half"``, ``"three_quarters"``, ``"last"``. Several are joined as
        by `join_layers`.
    pooling : {"last_token", "mean", "max", "cls"}
        ``"last_token"`` is the hidden state from which the next token is predicted.
        Means and maxima run over the document's own tokens, without prompts and special
        tokens.
    prompt : str or None
        Text prompt, joined to every document as it stands: put a space where one is
        wanted.
    soft_prompt : path or None
        File of a trained soft prompt: one tensor ``(n_tokens, d_model)`` in
        safetensors, or saved by ``torch.save`` or ``numpy.save`` (read without running
        code).
    prompt_position : {"before", "after"}
        Where prompts stand. With both, the soft prompt is the outer one.
    long : {"head", "head_tail", "chunks"}
        Documents longer than the model: read the beginning, or a quarter from the
        beginning and the rest from the end, or all of it in overlapping windows
        averaged by their tokens. Each window has the prompt.
    overlap, max_length, batch_size, device, dtype, revision, local_files_only, show_progress
        As in `RegisterEncoder`.

    Attributes
    ----------
    n_truncated_ : int
        Documents of the last call that were longer than the model and lost tokens.

    Notes
    -----
    An empty document is its prompt alone; without one, the model's beginning-of-text
    token. Tokenizers need no padding token.

    Examples
    --------
    >>> from embetter_reg.text import CausalLMEncoder
    >>> encoder = CausalLMEncoder(
    ...     "gpt2", prompt=" In one word, this text is", prompt_position="after"
    ... )
    >>> encoder.token_scores(["Loved it!"], tokens=[" good", " bad"])  # doctest: +SKIP

    """

    _model_parameters = ("name", "device", "dtype", "revision", "local_files_only")

    def __init__(
        self,
        name="gpt2",
        *,
        layers="last",
        pooling="last_token",
        prompt=None,
        soft_prompt=None,
        prompt_position="before",
        long="head",
        overlap=64,
        max_length=None,
        batch_size=16,
        device="auto",
        dtype="auto",
        revision=None,
        local_files_only=False,
        show_progress=False,
    ):
        self.name = name
        self.layers = layers
        self.pooling = pooling
        self.prompt = prompt
        self.soft_prompt = soft_prompt
        self.prompt_position = prompt_position
        self.long = long
        self.overlap = overlap
        self.max_length = max_length
        self.batch_size = batch_size
        self.device = device
        self.dtype = dtype
        self.revision = revision
        self.local_files_only = local_files_only
        self.show_progress = show_progress

    def transform(self, X: Any) -> np.ndarray:
        """Return the embedding of documents ``X``, ``float32 (n_documents, n_dims)``."""
        layers = list_layers(self.layers)
        encoded = self._encode(X, layers, self.pooling)
        return join_layers([encoded[layer] for layer in layers])

    def encode(
        self, X: Any, layers: Sequence[int | str] = ("first", "half", "last")
    ) -> Encoded:
        """Return every requested layer of documents ``X`` in one pass."""
        layers = check_list("layers", layers, '["last"]')
        return Encoded(self._encode(X, layers, self.pooling))

    def token_scores(self, X: Any, tokens: Sequence[str]) -> np.ndarray:
        """Return the probabilities of chosen next tokens, ``float32 (n_documents,
        n_tokens)``.

        The language-model head is restricted to ``tokens`` and each row sums to 1: a
        classifier without training. The end of the prompt, or of the document, is where
        the next token is asked for.

        Raises
        ------
        ValueError
            If a string of ``tokens`` is not exactly one token of the model; note that
            `" good"` with a space usually is one.

        """
        import torch

        tokens = check_list("tokens", tokens, '[" good", " bad"]')
        check_texts(tokens)
        tokenizer, model = self._model()
        if getattr(model, "missing_head_", None):
            raise ValueError(
                f"got the model {self.name!r} without the weights of "
                f"{', '.join(model.missing_head_)}, expected a language-model head to "
                "score tokens with; pass another model"
            )
        numbers = []
        for token in tokens:
            ids = tokenize(tokenizer, [token])[0]
            if len(ids) != 1:
                raise ValueError(
                    f"got {token!r}, which is {len(ids)} tokens for {self.name!r}, "
                    "expected exactly one; pick another "
                    "word, or try it with a space before it"
                )
            numbers.append(ids[0])
        if len(set(numbers)) < 2:
            raise ValueError(
                f"got tokens={list(tokens)}, expected at least two different ones; "
                "add one to compare with"
            )
        last = torch.from_numpy(self._encode(X, ["last"], "last_token")["last"])
        head = model.get_output_embeddings()
        logits = last @ head.weight[numbers].float().cpu().T
        if getattr(head, "bias", None) is not None:
            logits = logits + head.bias[numbers].float().cpu()
        return logits.softmax(dim=1).detach().numpy()

    @property
    def _n_features_out(self) -> int:
        n_dims = self._model()[1].config.get_text_config().hidden_size
        return n_dims * len(list_layers(self.layers))

    def _load_model(self):
        return load_transformer(
            "AutoModelForCausalLM",
            self.name,
            device=self.device,
            dtype=self.dtype,
            revision=self.revision,
            local_files_only=self.local_files_only,
        )

    def _encode(
        self, X, layers: list[int | str], pooling: str
    ) -> dict[int | str, np.ndarray]:
        texts = self._texts(X)
        if self._current() is None:
            check_layers(self.name, layers, self.revision, self.local_files_only)
        tokenizer, model = self._model()
        soft = None if self.soft_prompt is None else read_soft_prompt(self.soft_prompt)
        n_dims = model.get_input_embeddings().weight.shape[1]
        if soft is not None and soft.shape[1] != n_dims:
            raise ValueError(
                f"got a soft prompt of width {soft.shape[1]}, expected {n_dims}; pass "
                f"one trained for {self.name!r}"
            )
        run = HiddenPass(
            tokenizer,
            model.base_model,  # the language-model head would score the whole vocabulary
            max_length=self.max_length,
            prompt=self.prompt or "",
            prompt_position=self.prompt_position,
            soft_prompt=soft,
            pool_special=False,
        )
        return self._documents(run, texts, layers, pooling).layers


def read_soft_prompt(path: str | Path) -> "torch.Tensor":
    """Return the tensor ``(n_tokens, d_model)`` of a soft-prompt file, without running
    code from it.
    """
    import torch

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"got the soft prompt {path}, which does not exist, expected a tensor "
            "file; check the path"
        )
    loaded: Any
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            loaded = load_file(path)
        elif path.suffix == ".npy":
            loaded = torch.from_numpy(np.load(path, allow_pickle=False))
        else:
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # each format raises its own
        raise ValueError(
            f"got the soft prompt {path}, which could not be read, expected one "
            "tensor; save it anew"
        ) from error
    if isinstance(loaded, dict):
        if len(loaded) != 1:
            raise ValueError(
                f"got {len(loaded)} tensors in {path} ({sorted(loaded)}), expected one; "
                "save only the prompt"
            )
        loaded = next(iter(loaded.values()))
    if (
        not isinstance(loaded, torch.Tensor)
        or loaded.ndim != 2
        or not len(loaded)
        or not torch.isfinite(loaded).all()
    ):
        shape = tuple(getattr(loaded, "shape", ()))
        raise ValueError(
            f"got a soft prompt of shape {shape}, expected finite numbers (n_tokens, "
            "d_model); save it anew"
        )
    return loaded.detach().float()
