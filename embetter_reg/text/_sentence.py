"""Any sentence-transformers model as a scikit-learn transformer."""

import re
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from embetter_reg._fingerprint import parameters_that_matter
from embetter_reg._parameters import Rule, one_of, optional
from embetter_reg.text._batches import over_documents, warn_truncated
from embetter_reg.text._hidden import Encoded, HiddenPass
from embetter_reg.text._known_prompts import known_prompt
from embetter_reg.text._layers import join_layers, list_layers, unit_length
from embetter_reg.text._loading import check_layers
from embetter_reg.text._pretrained import PretrainedEncoder
from embetter_reg.text._rules import DTYPES, LAYERS, POOLINGS, check_list
from embetter_reg.text._sentence_model import (
    BACKENDS,
    load_sentence_model,
    n_prompt_tokens,
    pools_prompt,
    reads_plain_text,
    width,
)
from embetter_reg.text._windows import Splitter, Window


def _is_device(value: Any) -> bool:
    several = value if isinstance(value, list) else [value]
    pattern = r"auto|cpu|mps|cuda(:\d+)?"
    return bool(several) and all(re.fullmatch(pattern, str(each)) for each in several)


_RULES: dict[str, Rule] = {
    "device": (_is_device, "'auto', 'cpu', 'cuda', 'mps', or a list of devices"),
    "dtype": one_of([*DTYPES, "int8"]),
    "backend": one_of(BACKENDS),
    "layers": optional(LAYERS),
    "pooling": one_of((*POOLINGS, None)),
    "model_kwargs": (lambda x: x is None or isinstance(x, dict), "a dict or None"),
}


class SentenceEncoder(PretrainedEncoder):
    """Encode documents with a sentence-transformers model, or with layers of any
    transformer.

    Nothing is loaded when the encoder is made; the model is loaded once, at the first
    `transform`, and again when a parameter that decides it changes. Clones and pickles
    carry no weights.

    Parameters
    ----------
    name : str
        A model's name on a hub, or a folder; also of a plain transformer that
        ``AutoModel`` loads.
    layers : int, str, sequence of them, or None
        None is the model's own embedding. Otherwise layers of its transformer, in one
        pass: numbers (0 is the embedding layer, negative ones count from the end), or
        ``"first"``, ``"half"``, ``"three_quarters"``, ``"last"``. Several are joined as
        by `join_layers`. Middle layers often know more of registers than the last.
    pooling : {"mean", "cls", "last_token", "max"} or None
        How the token vectors of ``layers`` become one; None is their mean. Padding
        never counts; special tokens and prompts do.
    batch_size : int
        Windows encoded together. It does not change the result, and is halved where
        memory runs out.
    device : str or list of str
        Such as ``"cpu"`` or ``"cuda"``; ``"auto"`` is the accelerator of this machine,
        or the CPU. A list such as ``["cuda:0", "cuda:1"]`` shares the documents out
        over processes.
    normalize : bool
        Give every document unit length.
    truncate_dim : int or None
        Keep only the first dimensions of the model's own embedding, for models trained
        for that (Matryoshka); see `MatryoshkaEncoder`.
    prompt : str or None
        Text in front of every document, such as ``"query: "``. None is the model's
        default, and ``"query: "`` for E5 models, known by their name or folder, which
        is said when one is loaded; ``""`` is none.
    prompt_name : str or None
        One of the prompts that the model brings.
    long : {"head", "head_tail", "chunks"}
        Documents longer than the model: read the beginning, or a quarter from the
        beginning and the rest from the end, or all of it in overlapping windows
        averaged by their tokens.
    overlap : int
        Tokens that neighboring windows of ``"chunks"`` share.
    max_length : int or None
        Tokens in a window; None takes the model's own setting.
    dtype : {"auto", "float32", "bfloat16", "float16", "int8"}
        Type of the computation; ``"auto"`` is a half type on a GPU, float32 elsewhere.
        ``"int8"`` quantizes the linear layers on the CPU. Results are float32.
    backend : {"torch", "onnx", "openvino"}
        What runs the model, as in sentence-transformers; the last two need its extra of
        that name and take their type from the exported model, which
        ``model_kwargs={"file_name": ...}`` names.
    model_kwargs : dict or None
        Handed to the library with the model, such as ``{"attn_implementation":
        "flash_attention_2"}``.
    revision : str or None
        Branch, tag or commit on the hub.
    local_files_only : bool
        Never ask the hub.
    show_progress : bool
        Draw a progress bar.

    Attributes
    ----------
    n_truncated_ : int
        Documents of the last call that were longer than the model and lost tokens.
        Unknown, and not set, for a list of devices and for models that read more than
        plain text.

    Examples
    --------
    >>> from embetter_reg.text import SentenceEncoder
    >>> encoder = SentenceEncoder("sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2")
    >>> encoder.transform(["A first document.", "Toinen teksti."]).shape  # doctest: +SKIP
    (2, 384)
    >>> joined = SentenceEncoder("intfloat/multilingual-e5-small", layers=[3, 6, 9, 12])
    >>> joined.transform(["A first document.", "Toinen teksti."]).shape  # doctest: +SKIP
    (2, 1536)

    """

    _rules = _RULES
    _model_parameters = (
        "name",
        "device",
        "dtype",
        "backend",
        "model_kwargs",
        "revision",
        "local_files_only",
    )

    def __init__(
        self,
        name="all-MiniLM-L6-v2",
        *,
        layers=None,
        pooling=None,
        batch_size=32,
        device="auto",
        normalize=False,
        truncate_dim=None,
        prompt=None,
        prompt_name=None,
        long="head",
        overlap=64,
        max_length=None,
        dtype="auto",
        backend="torch",
        model_kwargs=None,
        revision=None,
        local_files_only=False,
        show_progress=False,
    ):
        self.name = name
        self.layers = layers
        self.pooling = pooling
        self.batch_size = batch_size
        self.device = device
        self.normalize = normalize
        self.truncate_dim = truncate_dim
        self.prompt = prompt
        self.prompt_name = prompt_name
        self.long = long
        self.overlap = overlap
        self.max_length = max_length
        self.dtype = dtype
        self.backend = backend
        self.model_kwargs = model_kwargs
        self.revision = revision
        self.local_files_only = local_files_only
        self.show_progress = show_progress

    def transform(self, X: Any) -> np.ndarray:
        """Return the embedding of documents ``X``, ``float32 (n_documents, n_dims)``:
        the model's own, or that of ``layers``.
        """
        if self.layers is None:
            vectors = self._embedding(X)
        else:
            layers = list_layers(self.layers)
            encoded = self._hidden(X, layers)
            vectors = join_layers([encoded[layer] for layer in layers])
        if self.normalize:
            vectors = unit_length(vectors)
        return np.ascontiguousarray(vectors, dtype=np.float32)

    def encode(self, X: Any, layers: Sequence[int | str] | None = None) -> Encoded:
        """Return every requested layer of documents ``X`` on its own, in one pass.

        None is what `transform` gives, as the one layer ``"embedding"``.
        """
        if layers is None:
            return Encoded({"embedding": np.asarray(self.transform(X))})
        requested = check_list("layers", layers, '["last"]')
        encoded = self._hidden(X, requested)
        if self.normalize:
            encoded = {name: unit_length(vectors) for name, vectors in encoded.items()}
        return Encoded(encoded)

    def _embedding(self, X: Any) -> np.ndarray:
        """Return the model's own embedding."""
        if self.pooling is not None:
            raise ValueError(
                f"got pooling={self.pooling!r} without layers, whose token vectors it "
                "joins, expected None for the model's own embedding; pass for example "
                "layers='last'"
            )
        texts = self._texts(X)
        model = self._model()
        n_dims = width(model)
        if self.truncate_dim is not None and not 1 <= self.truncate_dim <= n_dims:
            raise ValueError(
                f"got truncate_dim={self.truncate_dim}, expected 1 to {n_dims} for "
                "this model; pass that"
            )
        prompt = self._prompt(model)
        if isinstance(self.device, list) or not reads_plain_text(model):
            vectors = self._library(model, texts, prompt)
        else:
            vectors = self._windows(model, texts, prompt)
        return vectors[:, : self.truncate_dim]

    def _hidden(self, X: Any, layers: list[int | str]) -> dict[int | str, np.ndarray]:
        """Return layers of the transformer inside the model, pooled over tokens."""
        texts = self._texts(X)
        self._check_hidden()
        if self._current() is None:
            check_layers(self.name, layers, self.revision, self.local_files_only)
        model = self._model()
        if not reads_plain_text(model):
            raise ValueError(
                f"got layers={layers} of the model {self.name!r}, which has no layers "
                "over plain text, expected None; leave them out"
            )
        run = HiddenPass(
            model.tokenizer,
            model[0].auto_model,
            max_length=self._limit(model),
            prompt=self._prompt(model),
            pool_prompt=pools_prompt(model),
        )
        return self._documents(run, texts, layers, self.pooling or "mean").layers

    def _check_hidden(self) -> None:
        """Refuse what the layers of a transformer cannot be combined with."""
        if self.truncate_dim is not None:
            raise ValueError(
                f"got truncate_dim={self.truncate_dim} with layers, expected None: only "
                "a model's own embedding is trained to be shortened; leave one out"
            )
        if isinstance(self.device, list) or self.backend != "torch":
            raise ValueError(
                f"got device={self.device!r} and backend={self.backend!r} with layers, "
                "expected one device and 'torch'; pass those"
            )

    def _limit(self, model: Any) -> Any:
        """Return how many tokens a window takes."""
        longest = model.max_seq_length
        limit = longest if self.max_length is None else self.max_length
        if longest is not None and not 0 < limit <= longest:
            raise ValueError(
                f"got max_length={self.max_length}, expected 1 to {longest} for this "
                "model; pass that"
            )
        return limit

    def _windows(self, model, texts: list[str], prompt: str) -> np.ndarray:
        """Encode windows of tokens, sorted by length."""
        tokenizer = model.tokenizer
        limit = self._limit(model)
        splitter = Splitter(tokenizer, limit, prompt=prompt)
        n_prompt = n_prompt_tokens(tokenizer, prompt)
        gives_unit_length = any(
            type(module).__name__ == "Normalize" for module in model
        )

        def step(batch: list[Window]) -> list[np.ndarray]:
            import torch

            ids, mask = (tensor.to(model.device) for tensor in splitter.pad(batch))
            features: dict[str, Any] = {
                "input_ids": ids,
                "attention_mask": mask,
                "modality": "text",
            }
            if "token_type_ids" in tokenizer.model_input_names:
                features["token_type_ids"] = torch.zeros_like(ids)
            if n_prompt:
                features["prompt_length"] = n_prompt
            return [model(features)["sentence_embedding"].float().cpu().numpy()]

        (vectors,), self.n_truncated_ = over_documents(
            texts,
            splitter,
            step,
            [width(model)],
            maximum=[False],
            long=self.long,
            overlap=self.overlap,
            batch_size=self.batch_size,
            on_cpu=model.device.type == "cpu",
            show_progress=self.show_progress,
        )
        warn_truncated(self.n_truncated_, len(texts), limit, self.long)
        if self.long == "chunks" and gives_unit_length:
            vectors = unit_length(vectors)  # the mean of unit vectors is shorter
        return vectors

    def _library(self, model, texts: list[str], prompt: str) -> np.ndarray:
        """Leave it to sentence-transformers: several devices, or models that read more
        than plain text.
        """
        if self.long != "head" or self.max_length is not None:
            raise ValueError(
                f"got long={self.long!r} and max_length={self.max_length} with "
                "several devices or a model that reads "
                "more than plain text, expected 'head' and None; pass one device or "
                "another model"
            )
        if not texts:
            return np.empty((0, width(model)), np.float32)
        return model.encode(
            texts,
            prompt=prompt,
            batch_size=self.batch_size,
            device=self.device if isinstance(self.device, list) else None,
            convert_to_numpy=True,
            show_progress_bar=self.show_progress,
        ).astype(np.float32, copy=False)

    def _prompt(self, model) -> str:
        """Return the text in front of every document."""
        if self.prompt is not None:
            return self.prompt
        name = self.prompt_name or model.default_prompt_name
        if name is None:
            return known_prompt(self.name) or ""
        if name not in model.prompts:
            raise ValueError(
                f"got prompt_name={name!r}, expected one of {sorted(model.prompts)}; "
                "pick one or pass prompt="
            )
        return model.prompts[name]

    def _known_prompt(self) -> str | None:
        """Return the prompt of a known model, where the parameters name none."""
        if self.prompt is not None or self.prompt_name is not None:
            return None
        return known_prompt(self.name)

    def _cache_key(self) -> dict[str, Any]:
        parameters = parameters_that_matter(self)
        return {**parameters, "known_prompt": self._known_prompt()}

    @property
    def _n_features_out(self) -> int:
        model = self._model()
        if self.layers is not None:
            config = model[0].auto_model.config.get_text_config()
            return config.hidden_size * len(list_layers(self.layers))
        n_dims = width(model)
        return n_dims if self.truncate_dim is None else min(n_dims, self.truncate_dim)

    def _load_model(self):
        options = {name: getattr(self, name) for name in self._model_parameters}
        model = load_sentence_model(**options)
        prompt = self._known_prompt()
        if prompt and model.default_prompt_name is None:
            warnings.warn(
                f"{self.name} was trained with {prompt!r} in front of every text, so "
                'documents are read with it; prompt="" (--prompt "") leaves it out',
                stacklevel=2,
            )
        return model
