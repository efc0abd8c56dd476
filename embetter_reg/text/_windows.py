"""Documents cut into windows that a model takes, run in batches, and put together
again.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

LONG = ("head", "head_tail", "chunks")
_BLOCK = 2048  # documents tokenized and sorted by length together
_CACHED_TOKENS = 2048  # whose hidden states stay in a processor's cache
_CHARS_A_TOKEN = (
    12  # rarely more in any language, so a beginning of that length fills the room
)


class Window(NamedTuple):
    """What one row of a batch holds: a document, or a part of a long one."""

    document: int
    ids: list[
        int
    ]  # with special tokens and prompts; -1-r stands for row r of a soft prompt
    start: int  # where the document's own tokens begin in ids
    positions: Sequence[int]  # places of these tokens in the document


@dataclass
class Splitter:
    """Cuts documents into windows of at most ``limit`` tokens, special tokens and
    prompts included.
    """

    tokenizer: Any
    limit: int
    before: Sequence[
        int
    ] = ()  # prompt tokens in front of each window's document tokens
    after: Sequence[int] = ()
    prefix: list[int] = field(init=False)  # special tokens
    suffix: list[int] = field(init=False)

    def __post_init__(self):
        self.prefix, self.suffix = special_tokens(self.tokenizer)

    def windows(
        self, texts: Sequence[str], *, long: str, overlap: int
    ) -> tuple[list[Window], int]:
        """Return the windows of all documents, and how many documents lost tokens."""
        head = [*self.prefix, *self.before]
        tail = [*self.after, *self.suffix]
        room = self.limit - len(head) - len(tail)
        smallest = overlap + 1 if long == "chunks" else 1
        if long not in LONG:
            raise ValueError(
                f"got long={long!r}, expected one of {list(LONG)}; pick one"
            )
        if overlap < 0 or room < smallest:
            raise ValueError(
                f"got room for {room} tokens of a document (max_length {self.limit}, "
                f"overlap {overlap}, special and "
                f"prompt tokens {self.limit - room}), expected at least {smallest}; "
                "pass a larger max_length"
            )
        found, n_truncated = [], 0
        for document, ids in enumerate(
            self._tokenize(texts, room if long == "head" else None)
        ):
            n_truncated += long != "chunks" and len(ids) > room
            bare = [] if ids or self.prefix or self.suffix else [self._stand_in()]
            for positions in split_long(len(ids), room, long, overlap):
                found.append(
                    Window(
                        document,
                        head + bare + [ids[i] for i in positions] + tail,
                        len(head),
                        positions,
                    )
                )
        return found, n_truncated

    def pad(self, batch: Sequence[Window]) -> tuple[Any, Any]:
        """Return ``ids`` and the attention mask, int64 tensors ``(n_windows, longest)``
        on the CPU.
        """
        import torch

        ids = torch.full(
            (len(batch), max(len(window.ids) for window in batch)),
            self.tokenizer.pad_token_id or 0,
        )
        mask = torch.zeros_like(ids)
        for row, window in enumerate(batch):
            ids[row, : len(window.ids)] = torch.tensor(window.ids)
            mask[row, : len(window.ids)] = 1
        return ids, mask

    def _tokenize(self, texts: Sequence[str], room: int | None) -> list[list[int]]:
        """Tokenize; where only ``room`` tokens are read, a beginning that has more of
        them is enough.

        The cut is at white space, which no token crosses, so the tokens that are read
        stay the same.
        """
        if room is None:
            return tokenize(self.tokenizer, texts)
        n_chars = _CHARS_A_TOKEN * room
        beginnings = [
            text if len(text) <= n_chars else text[: text.rfind(" ", 0, n_chars) + 1]
            for text in texts
        ]
        found = tokenize(self.tokenizer, beginnings)
        short = [
            i
            for i, ids in enumerate(found)
            if len(ids) <= room and len(beginnings[i]) < len(texts[i])
        ]
        for i, ids in zip(
            short, tokenize(self.tokenizer, [texts[i] for i in short]), strict=True
        ):
            found[i] = ids
        return found

    def _stand_in(self) -> int:
        """Return the token that stands for an empty document where the tokenizer adds
        none.
        """
        for token in (
            self.tokenizer.bos_token_id,
            self.tokenizer.eos_token_id,
            self.tokenizer.pad_token_id,
        ):
            if token is not None:
                return token
        return 0


def run_batches(
    windows: Sequence[Window], step: Callable, *, batch_size: int, on_cpu: bool = False
) -> Iterator[tuple[list[Window], Any]]:
    """Yield batches, longest windows first, each with ``step(batch)``.

    A processor is fastest while a batch fits in its cache, so ``on_cpu`` takes fewer
    long windows at once. Where memory runs out the batch size is halved for this and
    all later batches.
    """
    import torch

    if batch_size < 1:
        raise ValueError(
            f"got batch_size={batch_size}, expected at least 1; pass for example 32"
        )
    order = sorted(windows, key=lambda window: -len(window.ids))
    start = 0
    while start < len(order):
        n_windows = (
            min(batch_size, max(1, _CACHED_TOKENS // len(order[start].ids)))
            if on_cpu
            else batch_size
        )
        batch = order[start : start + n_windows]
        result = None
        try:
            with torch.inference_mode():
                result = step(batch)
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            if len(batch) == 1:
                raise RuntimeError(
                    f"got a document of {len(batch[0].ids)} tokens that does not fit "
                    "in memory by itself, expected a "
                    "shorter one; pass a smaller max_length, a smaller dtype or "
                    "another device"
                ) from error
        if (
            result is None
        ):  # outside the except block, which would keep the failed batch alive
            batch_size = len(batch) // 2
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            continue
        yield batch, result
        start += len(batch)


def over_documents(
    texts: Sequence[str],
    splitter: Splitter,
    step: Callable[[list[Window]], list[np.ndarray]],
    widths: Sequence[int],
    *,
    maximum: Sequence[bool],
    long: str,
    overlap: int,
    batch_size: int,
    on_cpu: bool,
    show_progress: bool,
) -> tuple[list[np.ndarray], int]:
    """Return ``step``'s arrays by document, and how many documents lost tokens.

    ``step`` gives, for a batch of windows, one array ``(n_windows, width)`` for each of
    ``widths``. The windows of a document are averaged by their numbers of tokens, or
    their maximum is taken where ``maximum`` says so.
    """
    from tqdm.auto import tqdm

    n = len(texts)
    totals = [
        np.full((n, width), -np.inf if top else 0, np.float32)
        for width, top in zip(widths, maximum, strict=True)
    ]
    n_tokens = np.zeros((n, 1), np.float32)
    n_truncated = 0
    with tqdm(total=n, unit="text", disable=not show_progress) as bar:
        for first in range(0, n, _BLOCK):
            block = texts[first : first + _BLOCK]
            windows, n_cut = splitter.windows(block, long=long, overlap=overlap)
            n_truncated += n_cut
            bar.total += len(windows) - len(block)
            for batch, arrays in run_batches(
                windows, step, batch_size=batch_size, on_cpu=on_cpu
            ):
                rows = np.array([first + window.document for window in batch])
                weight = np.array(
                    [[max(1, len(window.positions))] for window in batch], np.float32
                )
                np.add.at(n_tokens, rows, weight)
                for total, values, top in zip(totals, arrays, maximum, strict=True):
                    if top:
                        np.maximum.at(total, rows, values)
                    else:
                        np.add.at(total, rows, weight * values)
                bar.update(len(batch))
    for total, top in zip(totals, maximum, strict=True):
        if not top:
            total /= n_tokens
    return totals, n_truncated


def warn_truncated(n_truncated: int, n_documents: int, limit: int, long: str) -> None:
    """Warn once a call about documents that lost tokens."""
    if n_truncated:
        what = "first" if long == "head" else "first and last"
        warnings.warn(
            f"{n_truncated} of {n_documents} documents are longer than {limit} "
            f"tokens; the {what} ones were read "
            '(long="chunks" reads all)',
            stacklevel=4,
        )


def tokenize(tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Return token numbers without special tokens, at any length."""
    if not texts:
        return []
    return tokenizer(
        list(texts),
        add_special_tokens=False,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )["input_ids"]


def special_tokens(tokenizer) -> tuple[list[int], list[int]]:
    """Return the special tokens that the tokenizer puts before and after a document."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    full = tokenizer("a")["input_ids"]
    for start in range(len(full) - len(bare) + 1):
        if full[start : start + len(bare)] == bare:
            return full[:start], full[start + len(bare) :]
    return [], []


def split_long(
    n_tokens: int, room: int, long: str, overlap: int
) -> list[Sequence[int]]:
    """Return the token positions of each window of a document.

    ``"head_tail"`` keeps a quarter from the beginning and the rest from the end, as Sun
    et al. (2019, "How to Fine-Tune BERT for Text Classification?") do with 128 + 382
    tokens.
    """
    if n_tokens <= room:
        return [range(n_tokens)]
    if long == "head":
        return [range(room)]
    if long == "head_tail":
        n_head = room // 4
        return [[*range(n_head), *range(n_tokens - room + n_head, n_tokens)]]
    return [
        range(start, min(start + room, n_tokens))
        for start in range(0, n_tokens - overlap, room - overlap)
    ]


def _is_out_of_memory(error: RuntimeError) -> bool:
    import torch

    return isinstance(error, torch.OutOfMemoryError) or any(
        words in str(error).lower()
        for words in ("out of memory", "can't allocate memory")
    )
