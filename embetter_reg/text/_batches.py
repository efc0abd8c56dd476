"""Windows run in batches of similar length, and put together again by document."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from embetter_reg._progress import texts_bar
from embetter_reg.text._windows import Splitter, Window

_BLOCK = 2048  # documents tokenized and sorted by length together
_CACHED_TOKENS = 2048  # whose hidden states stay in a processor's cache


def run_batches(
    windows: Sequence[Window],
    step: Callable[[list[Window]], Any],
    *,
    batch_size: int,
    on_cpu: bool = False,
) -> Iterator[tuple[list[Window], Any]]:
    """Yield batches, longest windows first, each with ``step(batch)``.

    A processor is fastest while a batch fits in its cache, so ``on_cpu`` takes fewer
    long windows at once. Where memory runs out the batch size is halved for this and
    all later batches.
    """
    import torch

    check_batch_size(batch_size)
    order = sorted(windows, key=lambda window: -len(window.ids))
    start = 0
    while start < len(order):
        n_windows = batch_size
        if on_cpu:
            n_windows = min(n_windows, max(1, _CACHED_TOKENS // len(order[start].ids)))
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
                    "in memory by itself, expected a shorter one; pass a smaller "
                    "max_length, a smaller dtype or another device"
                ) from error
        # Outside the except block, which would keep the failed batch alive.
        if result is None:
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
    ``widths``. The windows of a document are averaged by their numbers of tokens, or,
    where ``maximum``, their maximum is taken.
    """
    n = len(texts)
    totals = []
    for width, top in zip(widths, maximum, strict=True):
        start = -np.inf if top else 0
        totals.append(np.full((n, width), start, np.float32))
    n_tokens = np.zeros((n, 1), np.float32)
    n_truncated = 0
    with texts_bar(n, show_progress) as bar:
        for first in range(0, n, _BLOCK):
            block = texts[first : first + _BLOCK]
            windows, n_cut = splitter.windows(block, long=long, overlap=overlap)
            n_truncated += n_cut
            bar.total += len(windows) - len(block)
            for batch, arrays in run_batches(
                windows, step, batch_size=batch_size, on_cpu=on_cpu
            ):
                rows = np.array([first + window.document for window in batch])
                lengths = [[max(1, len(window.positions))] for window in batch]
                weight = np.array(lengths, np.float32)
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


def check_batch_size(batch_size: Any) -> None:
    """Refuse a batch size that is no whole number of at least 1."""
    whole = isinstance(batch_size, int | np.integer) and not isinstance(
        batch_size, bool
    )
    if not whole or batch_size < 1:
        raise ValueError(
            f"got batch_size={batch_size!r}, expected a whole number of at least 1; "
            "pass for example 32"
        )


def warn_truncated(n_truncated: int, n_documents: int, limit: int, long: str) -> None:
    """Warn once a call about documents that lost tokens."""
    if n_truncated:
        part = "first" if long == "head" else "first and last"
        warnings.warn(
            f"{n_truncated} of {n_documents} documents are longer than {limit} "
            f'tokens; the {part} ones were read (long="chunks", --long chunks, reads all)',
            stacklevel=5,
        )


def _is_out_of_memory(error: RuntimeError) -> bool:
    import torch

    message = str(error).lower()
    return (
        isinstance(error, torch.OutOfMemoryError)
        or "out of memory" in message
        or "can't allocate memory" in message
    )
