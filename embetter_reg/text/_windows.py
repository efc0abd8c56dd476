"""Documents cut into windows of tokens that a model takes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from embetter_reg._validation import check_choice

LONG = ("head", "head_tail", "chunks")
POSITIONS = ("before", "after")
# Tokens rarely have more characters in any language, so that a beginning of so many
# characters a token fills a window.
_CHARS_A_TOKEN = 12


class Window(NamedTuple):
    """What one row of a batch holds: a document, or a part of a long one.

    ``ids`` holds special tokens and prompts too; -1-r stands for row r of a soft
    prompt. The document's own tokens begin at ``start``; ``positions`` are their places
    in the document.
    """

    document: int
    ids: list[int]
    start: int
    positions: Sequence[int]


class _Pieces(NamedTuple):
    """A document's tokens, and those of the text prompt before and after it."""

    lead: list[int]
    ids: list[int]
    trail: list[int]


@dataclass
class Splitter:
    """Cuts documents into windows of at most ``limit`` tokens, special tokens and
    prompts included.

    A text ``prompt`` is tokenized together with each document, as one text; a token
    that holds characters of both belongs to the document. ``before`` and ``after`` are
    numbers around that, such as those of a soft prompt.
    """

    tokenizer: Any
    limit: int
    before: Sequence[int] = ()
    after: Sequence[int] = ()
    prompt: str = ""
    prompt_position: str = "before"
    prefix: list[int] = field(init=False)  # special tokens
    suffix: list[int] = field(init=False)

    def __post_init__(self) -> None:
        check_choice("prompt_position", self.prompt_position, POSITIONS)
        self.prefix, self.suffix = special_tokens(self.tokenizer)

    def windows(
        self, texts: Sequence[str], *, long: str, overlap: int
    ) -> tuple[list[Window], int]:
        """Return the windows of all documents, and how many documents lost tokens."""
        check_choice("long", long, LONG)
        windows: list[Window] = []
        n_truncated = 0
        for document, pieces in enumerate(self._split(texts, whole=long != "head")):
            head = [*self.prefix, *self.before, *pieces.lead]
            tail = [*pieces.trail, *self.after, *self.suffix]
            room = self._room(len(head) + len(tail), long, overlap)
            ids = pieces.ids
            if not (head or ids or tail):
                head = [self._stand_in()]
            n_truncated += long != "chunks" and len(ids) > room
            for positions in split_long(len(ids), room, long, overlap):
                part = [ids[i] for i in positions]
                windows.append(
                    Window(document, head + part + tail, len(head), positions)
                )
        return windows, n_truncated

    def pad(self, batch: Sequence[Window]) -> tuple[Any, Any]:
        """Return ``ids`` and the attention mask, int64 tensors ``(n_windows, longest)``
        on the CPU.
        """
        import torch

        longest = max(len(window.ids) for window in batch)
        ids = torch.full((len(batch), longest), self.tokenizer.pad_token_id or 0)
        mask = torch.zeros_like(ids)
        for row, window in enumerate(batch):
            ids[row, : len(window.ids)] = torch.tensor(window.ids)
            mask[row, : len(window.ids)] = 1
        return ids, mask

    def _room(self, n_around: int, long: str, overlap: int) -> int:
        """Return how many tokens of a document a window takes."""
        room = self.limit - n_around
        smallest = overlap + 1 if long == "chunks" else 1
        if overlap < 0 or room < smallest:
            raise ValueError(
                f"got room for {room} tokens of a document (max_length {self.limit}, "
                f"overlap {overlap}, special and prompt tokens {n_around}), expected "
                f"at least {smallest}; pass a larger max_length"
            )
        return room

    def _split(self, texts: Sequence[str], *, whole: bool) -> list[_Pieces]:
        """Tokenize; unless the ``whole`` is read, a beginning that fills the window is
        enough.

        The cut is at white space, which no token crosses, so that the tokens which are
        read stay the same.
        """
        if whole:
            return self._tokenize(texts)
        n_chars = _CHARS_A_TOKEN * self.limit
        beginnings = list(texts)
        for i, text in enumerate(texts):
            if len(text) > n_chars:
                beginnings[i] = text[: max(text.rfind(" ", 0, n_chars), 0)]
        split = self._tokenize(beginnings)
        short = []
        for i, pieces in enumerate(split):
            if len(pieces.ids) <= self.limit and len(beginnings[i]) < len(texts[i]):
                short.append(i)
        again = self._tokenize([texts[i] for i in short])
        for i, pieces in zip(short, again, strict=True):
            split[i] = pieces
        return split

    def _tokenize(self, texts: Sequence[str]) -> list[_Pieces]:
        if not self.prompt:
            return [_Pieces([], ids, []) for ids in tokenize(self.tokenizer, texts)]
        joined = [text + self.prompt for text in texts]
        if self.prompt_position == "before":
            joined = [self.prompt + text for text in texts]
        split: list[_Pieces] = []
        if not joined:
            return split
        with_places = self.tokenizer.is_fast
        encoded = self.tokenizer(
            joined,
            add_special_tokens=False,
            return_offsets_mapping=with_places,
            verbose=False,
        )
        for row, ids in enumerate(encoded["input_ids"]):
            if with_places:
                spans = encoded["offset_mapping"][row]
                border = self._border(spans, len(texts[row]))
            else:
                border = self._likely_border(ids)
            if self.prompt_position == "before":
                split.append(_Pieces(ids[:border], ids[border:], []))
            else:
                split.append(_Pieces([], ids[:border], ids[border:]))
        return split

    def _border(self, spans: Sequence[tuple[int, int]], n_chars: int) -> int:
        """Return how many tokens come before the first of the document, or of the
        prompt that follows a document of ``n_chars`` characters.
        """
        if self.prompt_position == "before":
            beyond = (i for i, (_, end) in enumerate(spans) if end > len(self.prompt))
        else:
            beyond = (i for i, (start, _) in enumerate(spans) if start >= n_chars)
        return next(beyond, len(spans))

    def _likely_border(self, ids: list[int]) -> int:
        """Return the border where the tokenizer gives no places: tokens at the prompt's
        end that it has by itself too are its own.
        """
        (alone,) = tokenize(self.tokenizer, [self.prompt])
        if self.prompt_position == "before":
            return _n_shared(ids, alone)
        return len(ids) - _n_shared(ids[::-1], alone[::-1])

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


def tokenize(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
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


def special_tokens(tokenizer: Any) -> tuple[list[int], list[int]]:
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


def _n_shared(one: Sequence[int], other: Sequence[int]) -> int:
    """Return how many tokens two lists have in common at their beginning."""
    for number, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return number
    return min(len(one), len(other))
