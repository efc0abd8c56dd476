"""One batched pass of documents through a transformer: documents in, pooled hidden states out."""

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from embetter_reg.text._pretrained import not_loaded

POOLINGS = ("mean", "cls", "last_token", "max")
LONG = ("head", "head_tail", "chunks")
_BLOCK = 2048  # documents tokenised and sorted by length together
_NO_LIMIT = 1_000_000  # tokenizers without a limit give a huge number


class Window(NamedTuple):
    """What one row of a batch holds: a document, or a part of a long one."""

    document: int
    ids: list[int]  # with special tokens and prompts; -1-r stands for row r of a soft prompt
    start: int  # where the document's own tokens begin in ids
    positions: Sequence[int]  # places of these tokens in the document


@dataclass
class Pooled:
    """Document vectors a layer ``float32 (n_documents, n_dims)``, and scores."""

    layers: dict[int, np.ndarray]
    scores: np.ndarray  # (n_documents, n_scores)
    n_truncated: int


def resolve_layer(layer: int | str, n_layers: int) -> int:
    """Return a layer's number from 0, the embedding layer, to ``n_layers``.

    Takes the number, a negative number counted from the end, or a name: ``"first"`` is layer 1, ``"half"``
    and ``"three_quarters"`` are rounded up, ``"last"`` is layer ``n_layers``.
    """
    names = {
        "first": 1,
        "half": math.ceil(n_layers / 2),
        "three_quarters": math.ceil(n_layers * 0.75),
        "last": n_layers,
    }
    number: Any = names.get(layer, layer) if isinstance(layer, str) else layer
    if isinstance(number, str) and number.lstrip("-").isdigit():
        number = int(number)
    if isinstance(number, bool) or not isinstance(number, int | np.integer) or not -n_layers - 1 <= number <= n_layers:
        raise ValueError(
            f"got the layer {layer!r}, expected a number from 0 to {n_layers} or one of {list(names)}; pick one"
        )
    return int(number) % (n_layers + 1)


def pick_device(device: str | None) -> str:
    """Return ``device``, or the accelerator that is there, or the CPU."""
    import torch

    if device is not None:
        return str(device)
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def pick_dtype(dtype: str | None, device: str):
    """Return the torch type: as asked; else bfloat16 on a GPU that has it, float16 on another, float32 on CPU."""
    import torch

    allowed = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if dtype is not None:
        if dtype not in allowed:
            raise ValueError(f"got dtype={dtype!r}, expected one of {list(allowed)} or None; pick one")
        return allowed[dtype]
    if not device.startswith("cuda"):
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def load_transformer(auto_class: str, name: str, *, device, dtype, revision, local_files_only) -> tuple[Any, Any]:
    """Return the tokenizer and the model of the transformers class ``auto_class``, ready to run."""
    import transformers

    device = pick_device(device)
    hub = {"revision": revision, "local_files_only": local_files_only}
    torch_dtype = pick_dtype(dtype, device)
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(name, **hub)
        model = getattr(transformers, auto_class).from_pretrained(name, dtype=torch_dtype, **hub)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise not_loaded(name, error) from error
    return tokenizer, model.eval().to(device)


def longest_input(tokenizer, model) -> int:
    """Return how many tokens a model takes: the smaller of what its tokenizer and its positions allow."""
    limits = [tokenizer.model_max_length] if tokenizer.model_max_length < _NO_LIMIT else []
    config = model.config.get_text_config()
    if n_positions := getattr(config, "max_position_embeddings", None):
        for name, module in model.named_modules():  # RoBERTa's kin start counting after the padding index
            if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
                n_positions -= module.padding_idx + 1
                break
        limits.append(n_positions)
    return min(limits, default=512)


@dataclass
class HiddenPass:
    """Runs documents through a transformer in batches of similar length.

    ``module`` is called with ``input_ids`` or ``inputs_embeds`` and ``attention_mask`` and returns an output
    with ``hidden_states``. ``before`` and ``after`` are prompt tokens around every window; they are attended
    to, but a mean or maximum leaves them out.
    """

    tokenizer: Any
    module: Any
    max_length: int | None = None
    before: Sequence[int] = ()
    after: Sequence[int] = ()
    soft_prompt: Any = None  # tensor (n_tokens, d_model)
    pool_special: bool = True  # whether special tokens such as [CLS] count in a mean or maximum
    n_layers: int = field(init=False)
    n_dims: int = field(init=False)
    limit: int = field(init=False)

    def __post_init__(self):
        config = self.module.config.get_text_config()
        self.n_layers, self.n_dims = config.num_hidden_layers, config.hidden_size
        self._prefix, self._suffix = special_tokens(self.tokenizer)
        longest = longest_input(self.tokenizer, self.module)
        self.limit = longest if self.max_length is None else self.max_length
        if not 0 < self.limit <= longest:
            raise ValueError(f"got max_length={self.max_length}, expected 1 to {longest} for this model; pass that")

    def windows(self, texts: Sequence[str], *, long: str, overlap: int) -> tuple[list[Window], int]:
        """Cut documents into what the model takes; return also how many lost tokens."""
        head = [*self._prefix, *self.before]
        tail = [*self.after, *self._suffix]
        room = self.limit - len(head) - len(tail)
        smallest = overlap + 1 if long == "chunks" else 1
        if long not in LONG:
            raise ValueError(f"got long={long!r}, expected one of {list(LONG)}; pick one")
        if overlap < 0 or room < smallest:
            raise ValueError(
                f"got room for {room} tokens of a document (max_length {self.limit}, overlap {overlap}, special and "
                f"prompt tokens {self.limit - room}), expected at least {smallest}; pass a larger max_length"
            )
        found, n_truncated = [], 0
        for document, ids in enumerate(tokenize(self.tokenizer, texts)):
            n_truncated += long != "chunks" and len(ids) > room
            bare = [] if ids or self._prefix or self._suffix else [self._stand_in()]
            for positions in split_long(len(ids), room, long, overlap):
                found.append(Window(document, head + bare + [ids[i] for i in positions] + tail, len(head), positions))
        return found, n_truncated

    def run(
        self, windows: Sequence[Window], reduce: Callable, *, batch_size: int
    ) -> Iterator[tuple[list[Window], Any]]:
        """Yield batches, longest windows first, with ``reduce(batch, output, attention mask)``.

        Where memory runs out the batch size is halved for this and all later batches.
        """
        import torch

        if batch_size < 1:
            raise ValueError(f"got batch_size={batch_size}, expected at least 1; pass for example 32")
        order = sorted(windows, key=lambda window: -len(window.ids))
        start = 0
        while start < len(order):
            batch = order[start : start + batch_size]
            reduced = None
            try:
                with torch.inference_mode():
                    inputs = self._inputs(batch)
                    output = self.module(**inputs, output_hidden_states=True, return_dict=True)
                    reduced = reduce(batch, output, inputs["attention_mask"])
            except RuntimeError as error:
                if not _is_out_of_memory(error):
                    raise
                if len(batch) == 1:
                    raise RuntimeError(
                        f"got a document of {len(batch[0].ids)} tokens that does not fit in memory by itself, expected "
                        "a shorter one; pass a smaller max_length, a smaller dtype or another device"
                    ) from error
            if reduced is None:  # outside the except block, which would keep the failed batch alive
                batch_size = len(batch) // 2
                del inputs
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()
                continue
            yield batch, reduced
            start += len(batch)

    def documents(
        self,
        texts: Sequence[str],
        layers: Sequence[int],
        pooling: str,
        *,
        long: str = "head",
        overlap: int = 64,
        batch_size: int = 32,
        score: Callable | None = None,
        n_scores: int = 0,
        show_progress: bool = False,
    ) -> Pooled:
        """Return one vector a document and layer, and the mean of ``score(output)`` over its windows.

        The windows of a document are averaged by their numbers of tokens (their maximum for ``"max"``).
        """
        from tqdm.auto import tqdm

        if pooling not in POOLINGS:
            raise ValueError(f"got pooling={pooling!r}, expected one of {list(POOLINGS)}; pick one")
        n = len(texts)
        start_value = -np.inf if pooling == "max" else 0
        vectors = {layer: np.full((n, self.n_dims), start_value, np.float32) for layer in dict.fromkeys(layers)}
        scores = np.zeros((n, n_scores), np.float32)
        n_tokens = np.zeros((n, 1), np.float32)
        n_truncated = 0

        def reduce(batch, output, mask):
            pooled = [self._pool(output.hidden_states[layer], batch, mask, pooling) for layer in vectors]
            return pooled, score(output).float().cpu().numpy() if score else None

        with tqdm(total=n, unit="text", disable=not show_progress) as bar:
            for first in range(0, n, _BLOCK):
                windows, n_cut = self.windows(texts[first : first + _BLOCK], long=long, overlap=overlap)
                n_truncated += n_cut
                bar.total += len(windows) - len(texts[first : first + _BLOCK])
                for batch, (pooled, batch_scores) in self.run(windows, reduce, batch_size=batch_size):
                    rows = np.array([first + window.document for window in batch])
                    weight = np.array([[max(1, len(window.positions))] for window in batch], np.float32)
                    np.add.at(n_tokens, rows, weight)
                    for total, values in zip(vectors.values(), pooled, strict=True):
                        if pooling == "max":
                            np.maximum.at(total, rows, values)
                        else:
                            np.add.at(total, rows, weight * values)
                    if score is not None:
                        np.add.at(scores, rows, weight * batch_scores)
                    bar.update(len(batch))
        if pooling != "max":
            for total in vectors.values():
                total /= np.maximum(n_tokens, 1)
        scores /= np.maximum(n_tokens, 1)
        return Pooled(vectors, scores, n_truncated)

    def _inputs(self, batch: list[Window]) -> dict[str, Any]:
        import torch

        device = self.module.device
        width = max(len(window.ids) for window in batch)
        pad = self.tokenizer.pad_token_id or 0
        ids = torch.full((len(batch), width), pad)
        mask = torch.zeros((len(batch), width), dtype=torch.long)
        for row, window in enumerate(batch):
            ids[row, : len(window.ids)] = torch.tensor(window.ids)
            mask[row, : len(window.ids)] = 1
        ids, mask = ids.to(device), mask.to(device)
        if self.soft_prompt is None:
            return {"input_ids": ids, "attention_mask": mask}
        embedded = self.module.get_input_embeddings()(ids.clamp(min=0))
        soft = self.soft_prompt.to(device=device, dtype=embedded.dtype)
        embedded[ids < 0] = soft[-1 - ids[ids < 0]]
        return {"inputs_embeds": embedded, "attention_mask": mask}

    def _pool(self, hidden, batch: list[Window], mask, pooling: str) -> np.ndarray:
        import torch

        hidden = hidden.float()
        if pooling == "cls":
            return hidden[:, 0].cpu().numpy()
        if pooling == "last_token":
            last = mask.sum(dim=1) - 1
            return hidden[torch.arange(len(batch), device=hidden.device), last].cpu().numpy()
        counted = torch.zeros(mask.shape, dtype=torch.bool)
        for row, window in enumerate(batch):
            length = len(window.ids)
            counted[row, window.start : length - len(self.after) - len(self._suffix)] = True
            if self.pool_special or not window.positions:
                counted[row, : len(self._prefix)] = True
                counted[row, length - len(self._suffix) : length] = True
        counted = counted.to(hidden.device).unsqueeze(2)
        if pooling == "max":
            return hidden.masked_fill(~counted, -torch.inf).amax(dim=1).cpu().numpy()
        return ((hidden * counted).sum(dim=1) / counted.sum(dim=1)).cpu().numpy()

    def _stand_in(self) -> int:
        """Return the token that stands for an empty document where the tokenizer adds none."""
        for token in (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id, self.tokenizer.pad_token_id):
            if token is not None:
                return token
        return 0


def warn_truncated(n_truncated: int, n_documents: int, limit: int, long: str) -> None:
    """Warn once a call about documents that lost tokens."""
    if n_truncated:
        what = "first" if long == "head" else "first and last"
        warnings.warn(
            f"{n_truncated} of {n_documents} documents are longer than {limit} tokens; the {what} ones were read "
            '(long="chunks" reads all)',
            stacklevel=3,
        )


def tokenize(tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Return token numbers without special tokens, at any length."""
    if not texts:
        return []
    return tokenizer(
        list(texts), add_special_tokens=False, return_attention_mask=False, return_token_type_ids=False, verbose=False
    )["input_ids"]


def special_tokens(tokenizer) -> tuple[list[int], list[int]]:
    """Return the special tokens that the tokenizer puts before and after a document."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    full = tokenizer("a")["input_ids"]
    for start in range(len(full) - len(bare) + 1):
        if full[start : start + len(bare)] == bare:
            return full[:start], full[start + len(bare) :]
    return [], []


def split_long(n_tokens: int, room: int, long: str, overlap: int) -> list[Sequence[int]]:
    """Return the token positions of each window of a document.

    ``"head_tail"`` keeps a quarter from the beginning and the rest from the end, as Sun et al. (2019, "How to
    Fine-Tune BERT for Text Classification?") do with 128 + 382 tokens.
    """
    if n_tokens <= room:
        return [range(n_tokens)]
    if long == "head":
        return [range(room)]
    if long == "head_tail":
        n_head = max(1, room // 4) if room > 1 else 1
        return [[*range(n_head), *range(n_tokens - room + n_head, n_tokens)]]
    return [range(start, min(start + room, n_tokens)) for start in range(0, n_tokens - overlap, room - overlap)]


def _is_out_of_memory(error: RuntimeError) -> bool:
    import torch

    return isinstance(error, torch.OutOfMemoryError) or any(
        words in str(error).lower() for words in ("out of memory", "can't allocate memory")
    )
