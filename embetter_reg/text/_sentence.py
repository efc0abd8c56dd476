"""Any sentence-transformers model as a scikit-learn transformer."""

import re
from typing import Any

import numpy as np

from embetter_reg._devices import pick_device, pick_dtype
from embetter_reg._hub import loading
from embetter_reg._optional import optional_import
from embetter_reg._parameters import Rule, one_of
from embetter_reg.text._batches import over_documents, warn_truncated
from embetter_reg.text._pretrained import PretrainedEncoder
from embetter_reg.text._rules import DTYPES
from embetter_reg.text._windows import Splitter, Window, special_tokens

BACKENDS = {
    "torch": (),
    "onnx": ("optimum.onnxruntime", "onnx"),
    "openvino": ("optimum.intel", "openvino"),
}


def _is_device(value: Any) -> bool:
    several = value if isinstance(value, list) else [value]
    pattern = r"auto|cpu|mps|cuda(:\d+)?"
    return bool(several) and all(re.fullmatch(pattern, str(each)) for each in several)


_RULES: dict[str, Rule] = {
    "device": (_is_device, "'auto', 'cpu', 'cuda', 'mps', or a list of devices"),
    "dtype": one_of([*DTYPES, "int8"]),
    "backend": one_of(BACKENDS),
    "model_kwargs": (lambda x: x is None or isinstance(x, dict), "a dict or None"),
}


class SentenceEncoder(PretrainedEncoder):
    """Encode documents with a sentence-transformers model.

    Nothing is loaded when the encoder is made; the model is loaded once, at the first
    `transform`, and again when a parameter that decides it changes. Clones and pickles
    carry no weights.

    Parameters
    ----------
    name : str
        A model's name on a hub, or a folder.
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
        Keep only the first dimensions, for models trained for that (Matryoshka); see
        `MatryoshkaEncoder`.
    prompt : str or None
        Text in front of every document, such as ``"query: "``.
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
        """Return the embedding of documents ``X``, ``float32 (n_documents, n_dims)``."""
        texts = self._texts(X)
        model = self._model()
        n_dims = _width(model)
        if self.truncate_dim is not None and not 1 <= self.truncate_dim <= n_dims:
            raise ValueError(
                f"got truncate_dim={self.truncate_dim}, expected 1 to {n_dims} for "
                "this model; pass that"
            )
        prompt = self._prompt(model)
        if not texts:
            vectors = np.empty((0, n_dims), np.float32)
        elif isinstance(self.device, list) or not _reads_plain_text(model):
            vectors = self._library(model, texts, prompt)
        else:
            vectors = self._windows(model, texts, prompt)
        vectors = vectors[:, : self.truncate_dim]
        if self.normalize:
            vectors = vectors / np.maximum(
                np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12
            )
        return np.ascontiguousarray(vectors, dtype=np.float32)

    def _windows(self, model, texts: list[str], prompt: str) -> np.ndarray:
        """Encode windows of tokens, sorted by length."""
        tokenizer = model.tokenizer
        longest = model.max_seq_length
        limit = longest if self.max_length is None else self.max_length
        if longest is not None and not 0 < limit <= longest:
            raise ValueError(
                f"got max_length={self.max_length}, expected 1 to {longest} for this "
                "model; pass that"
            )
        splitter = Splitter(tokenizer, limit, prompt=prompt)
        n_prompt = _n_prompt_tokens(tokenizer, prompt)
        unit_length = any(type(module).__name__ == "Normalize" for module in model)

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
            [_width(model)],
            maximum=[False],
            long=self.long,
            overlap=self.overlap,
            batch_size=self.batch_size,
            on_cpu=model.device.type == "cpu",
            show_progress=self.show_progress,
        )
        warn_truncated(self.n_truncated_, len(texts), limit, self.long)
        if unit_length and self.long == "chunks":  # the mean of unit vectors is shorter
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
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
        return model.encode(
            texts,
            prompt=prompt or None,
            batch_size=self.batch_size,
            device=self.device if isinstance(self.device, list) else None,
            convert_to_numpy=True,
            show_progress_bar=self.show_progress,
        ).astype(np.float32, copy=False)

    def _prompt(self, model) -> str:
        if self.prompt is not None:
            return self.prompt
        name = self.prompt_name or model.default_prompt_name
        if name is None:
            return ""
        if name not in model.prompts:
            raise ValueError(
                f"got prompt_name={name!r}, expected one of {sorted(model.prompts)}; "
                "pick one or pass prompt="
            )
        return model.prompts[name]

    @property
    def _n_features_out(self) -> int:
        n_dims = _width(self._model())
        return n_dims if self.truncate_dim is None else min(n_dims, self.truncate_dim)

    def _load_model(self):
        from sentence_transformers import SentenceTransformer

        if self.backend != "torch":
            module, extra = BACKENDS[self.backend]
            optional_import(
                module,
                package=f"sentence-transformers[{extra}]",
                purpose=f"backend={self.backend!r}",
            )
        device = "cpu" if isinstance(self.device, list) else pick_device(self.device)
        if self.dtype == "int8" and device != "cpu":
            raise ValueError(
                f"got dtype='int8' on {device}, expected the CPU; pass device='cpu' "
                "or dtype='bfloat16'"
            )
        options = dict(self.model_kwargs or {})
        if self.backend == "torch":
            options.setdefault(
                "dtype",
                pick_dtype("float32" if self.dtype == "int8" else self.dtype, device),
            )
        elif self.dtype != "auto":
            raise ValueError(
                f"got dtype={self.dtype!r} with backend={self.backend!r}, expected "
                "'auto'; name an exported model "
                'of that type in model_kwargs={"file_name": ...}'
            )
        with loading(self.name):
            model = SentenceTransformer(
                self.name,
                device=device,
                backend=self.backend,
                revision=self.revision,
                local_files_only=self.local_files_only,
                model_kwargs=options,
            )
        if _reads_plain_text(model):
            special_tokens(model.tokenizer)  # its first call changes the tokenizer
        if self.dtype == "int8":
            from embetter_reg.text._int8 import quantize

            quantize(model)
        return model.eval()


class MatryoshkaEncoder(SentenceEncoder):
    """Encode documents with the first ``truncate_dim`` dimensions of a Matryoshka
    model.

    Such models are trained so that any prefix of their vectors is an embedding
    (Kusupati et al. 2022, "Matryoshka Representation Learning"). All other parameters
    are those of `SentenceEncoder`; with ``normalize=True`` the shortened vectors have
    unit length.

    Examples
    --------
    >>> from embetter_reg.text import MatryoshkaEncoder
    >>> MatryoshkaEncoder(truncate_dim=64).transform(["A first document."]).shape  # doctest: +SKIP
    (1, 64)

    """

    def __init__(
        self,
        name="tomaarsen/mpnet-base-nli-matryoshka",
        *,
        truncate_dim=256,
        batch_size=32,
        device="auto",
        normalize=False,
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
        super().__init__(
            name,
            batch_size=batch_size,
            device=device,
            normalize=normalize,
            truncate_dim=truncate_dim,
            prompt=prompt,
            prompt_name=prompt_name,
            long=long,
            overlap=overlap,
            max_length=max_length,
            dtype=dtype,
            backend=backend,
            model_kwargs=model_kwargs,
            revision=revision,
            local_files_only=local_files_only,
            show_progress=show_progress,
        )


def _width(model) -> int:
    """Return the embedding's width; older sentence-transformers name the method
    otherwise.
    """
    new = getattr(model, "get_embedding_dimension", None)
    return new() if new else model.get_sentence_embedding_dimension()


def _n_prompt_tokens(tokenizer: Any, prompt: str) -> int:
    """Return how many tokens a pooling layer that leaves prompts out leaves out: as the
    library counts them, on the prompt alone.
    """
    if not prompt:
        return 0
    ids = tokenizer(prompt)["input_ids"]
    return len(ids) - (ids[-1] in tokenizer.all_special_ids)


def _reads_plain_text(model) -> bool:
    """Say whether the model takes token numbers alone, with no chat template and no
    query expansion.
    """
    first = model[0]
    tokenizer: Any = getattr(first, "tokenizer", None)
    config = getattr(first, "modality_config", {"text": {}})
    return (
        type(first).__name__ == "Transformer"
        and hasattr(tokenizer, "model_input_names")
        and isinstance(config, dict)
        and set(config) == {"text"}
        and not getattr(first, "query_expansion", None)
    )
