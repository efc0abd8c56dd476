"""An encoder that counts: named features of register that any language has. No
download.
"""

import math
import operator
import re
import unicodedata
import zlib
from collections import Counter
from functools import cache
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from embetter_reg._validation import check_texts
from embetter_reg.text._rules import check_encoder

_CLIP = 5.0
_SEGMENT = 50  # words in a segment of the type-token ratio
_OPENING = 300  # words among which a word may occur once only; more words would repeat more of them
_ZIPPED = 4000  # characters that are compressed

# Characters of one kind in any script, first by sign, then by Unicode category;
# full-width forms are folded.
_SIGNS = {
    "comma": ",،、፣՝",
    "stop": ".。۔।॥።։",
    "colon": ":፥፦",
    "semicolon": ";؛፤\u0387",
    "question": "?؟\u037e՞፧",
    "exclamation": "!՜",
    "ellipsis": "…⋯",
    "quote": '"“”„‟«»‹›‘‚‛「」『』《》〝〞〟',
    "apostrophe": "'’ʼ´`",
    "hyphen": "-‐‑",
    "slash": "/\\",
    "bar": "|¦",
    "percent": "%٪‰",
    "at": "@",
    "hash": "#",
    "ampersand": "&",
    "bullet": "•●○◦‣▪▫■□◆◇►▶",
    "doubled": "¿¡",  # the sign that ends the sentence is counted already
}
_CATEGORIES = {
    "upper": "Lu Lt",
    "lower": "Ll",
    "caseless": "Lo Lm",
    "accent": "Mn Mc",
    "digit": "Nd",
    "dash": "Pd",
    "bracket": "Ps Pe",
    "currency": "Sc",
    "math": "Sm",
    "space": "Zs Zl Zp Cc Cf",
}
_KIND_OF_SIGN = {sign: kind for kind, signs in _SIGNS.items() for sign in signs}
_QUESTIONS, _EXCLAMATIONS = (
    frozenset(_SIGNS["question"] + "？"),
    frozenset(_SIGNS["exclamation"] + "！"),
)
_KIND_OF_CATEGORY = {
    category: kind
    for kind, categories in _CATEGORIES.items()
    for category in categories.split()
}

# Thai, Lao, Burmese, Khmer, Han and kana leave no space between words: a letter counts as a word.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff"
    "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_ACCENTS = (
    "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0963"
    "\u0971-\u0df3\u200c\u200d"
)
_RUN = rf"[^\W_{_UNSPACED}]+"
_WORD = re.compile(
    rf"{_RUN}(?:(?:['’{_ACCENTS}-]+|(?<=\d)[.,:](?=\d)){_RUN})*[{_ACCENTS}]*|(?=\w)[{_UNSPACED}]"
)
_TIGHT_END = "。！？｡።፧\n"  # after these no space is needed
_END = f"[.!?…؟\u037e۔।॥։{_TIGHT_END}]"
# Tried once in a run of marks, or "!!!!!" would take the square of its length.
_SENTENCE_END = re.compile(
    f"{_END}(?<!{_END}{{2}}){_END}*+[\"'”’»)\\]」』）]*(?:(?!\\S)|(?<=[”’」』）{_TIGHT_END}]))"
)
_GREEK = re.compile("[\u0370-\u03ff]")
_QUOTED = re.compile('["“”„«»「『][^"“”„«»「」『』]{2,400}["“”«»」』]')
_REPEATED_MARKS = re.compile(r"[!?！？؟](?:\s?[!?！？؟])+")
_DOTS = re.compile(r"\.\.+")
_URL = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+\.[\w.-]+")
_EMOTICON = re.compile(r"[:;=<](?:(?<!<)['’]?-?[()DPpOo|](?!\w)|(?<=<)3(?!\d))")
_LINE_MARK = re.compile(r"(?:[-–*·]|\(?(?:\d\d?|[a-z])[.)])(?!\S)")
_INLINE_MARK = re.compile(r"[^\S\n]\(?(?:\d\d?|[a-z])\)\s")

# Numbers are taken out of a document once, with the marks between digits, and told apart afterward.
_FIGURE = re.compile(r"\d[\d.,:：/年月日-]*")
_DIGITS = re.compile(r"\d+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_TIME = re.compile(r"(?<!\d)[0-2]?\d[:：][0-5]\d(?!\d)")
_DATE = re.compile(
    r"(?<!\d)(?:\d\d?([./-])\d\d?\1(?:\d{4}|\d\d)?(?!\d)|\d{4}([./-])\d\d?\2\d\d?(?!\d))"
    r"|\d{4}年(?:\d\d?月)?(?:\d\d?日)?|\d\d?月\d\d?日"
)
_MONEY = "$€£¥￥₹₽₩₺₴元円"
_PRICE = re.compile(
    rf"[\d{_MONEY}](?:(?<!\d)\s?\d|(?<=\d)\s?(?:[{_MONEY}]|(?:EUR|USD|GBP|SEK|NOK|DKK|CHF|JPY|kr)\b))"
)


class SurfaceEncoder(TransformerMixin, BaseEstimator):
    """Fifty-eight named counts: punctuation, numbers, sentences, repetition, lines,
    marks of the web.

    Biber (1988, "Variation across Speech and Writing") found the dimensions along which
    registers vary by counting features of English grammar in texts and looking at which
    of them go together. These features follow him as far as one can without knowing the
    language: they read signs, digits, case, length and repetition, whose meaning is
    much the same in all languages and scripts. They have names
    (``get_feature_names_out``), so that a probe's weights can be read.

    Figures are rates per 1,000 words or characters (space left out), shares between 0
    and 1, or logarithms. Word length differs between languages more than between
    registers, so words and sentences are compared with the mean of their own document
    (``long_words``, ``sentence_length_variation``, …). In scripts that leave no space
    between words (Han, kana, Thai, Lao, Burmese, Khmer) each letter counts as a word.
    Addresses (URLs, e-mail) are counted, then left out of everything else.

    Parameters
    ----------
    max_chars : int or None
        Read only this many characters of a document; None reads all.
    scale : bool
        Take square roots (rare marks have long tails), then standardize by the mean and
        standard deviation of the documents fitted on, within ±5. False gives the
        figures as counted and needs no fit.
    normalize : bool
        Give every scaled document unit length, as the other encoders do, so that
        neither drowns the other in a ``FeatureUnion``. Without ``scale`` this does
        nothing.

    Attributes
    ----------
    mean_ : ndarray of float64, shape (n_features,)
        Means of the square roots; only with ``scale``.
    scale_ : ndarray of float64, shape (n_features,)
        Standard deviations of the square roots, 1 where a feature is constant; only
        with ``scale``.

    Raises
    ------
    ValueError
        If a document is missing, or there is none to fit on.

    Examples
    --------
    >>> from embetter_reg.text import SurfaceEncoder
    >>> texts = ["Why? Who knows!", "Boil 2 eggs, then add 300 g of flour."]
    >>> counts = SurfaceEncoder(scale=False).set_output(transform="pandas").fit_transform(texts)
    >>> counts["question_sentences"].tolist(), counts["numbers"].round().tolist()
    ([0.5, 0.0], [0.0, 222.0])

    """

    def __init__(self, *, max_chars=None, scale=True, normalize=True):
        self.max_chars = max_chars
        self.scale = scale
        self.normalize = normalize

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the mean and spread of each feature from documents ``X``."""
        self.fit_transform(X)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Fit on ``X`` and return its features, ``float32 (n_documents, n_features)``."""
        check_encoder(self)
        counts = self._count(check_texts(X))
        if not self.scale:
            return counts.astype(np.float32)
        if len(counts) == 0:
            raise ValueError(
                "got no documents, expected some to learn the scale from; pass them "
                "or scale=False"
            )
        roots = np.sqrt(counts)
        self.mean_ = roots.mean(axis=0)
        spread = roots.std(axis=0)
        self.scale_ = np.where(spread > 1e-9, spread, 1.0)
        return self._scale(counts)

    def transform(self, X: Any) -> np.ndarray:
        """Return the features of documents ``X``, ``float32 (n_documents,
        n_features)``.
        """
        if self.scale:
            check_is_fitted(self, "mean_")
        check_encoder(self)
        counts = self._count(check_texts(X))
        return self._scale(counts) if self.scale else counts.astype(np.float32)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the features' own names; ``input_features`` is not used."""
        return np.array(_NAMES, dtype=object)

    def _count(self, texts: list[str]) -> np.ndarray:
        rows = [list(count_surface(text[: self.max_chars]).values()) for text in texts]
        return np.array(rows, np.float64).reshape(len(texts), len(_NAMES))

    def _scale(self, counts: np.ndarray) -> np.ndarray:
        scaled = np.clip((np.sqrt(counts) - self.mean_) / self.scale_, -_CLIP, _CLIP)
        if self.normalize:
            scaled /= np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), 1e-9)
        return scaled.astype(np.float32)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = bool(self.scale)
        return tags


def count_surface(text: str) -> dict[str, float]:
    """Return every feature of one document by name."""
    text, n_urls = (
        _URL.subn(" ", text) if "://" in text or "www." in text else (text, 0)
    )
    text, n_emails = _EMAIL.subn(" ", text) if "@" in text else (text, 0)
    text = _DOTS.sub("…", text)
    if ";" in text and 2 * len(_GREEK.findall(text)) > len(text):
        text = text.replace(";", "\u037e")  # the Greek question mark as it is typed
    sentences, ends = _split_sentences(text)
    words = [word for sentence in sentences for word in sentence]
    lines = [line.strip() for line in text.splitlines()]
    kinds: Counter[str] = Counter()
    for char, n in Counter(text).items():
        kinds[_kind(char)] += n
    n_characters = len(text) - kinds["space"]
    return {
        **_words(words),
        **_sentences(sentences, ends, n_characters),
        **_signs(text, kinds, words, n_characters),
        **_numbers(text, len(words), kinds["digit"], n_characters),
        **_lines(text, lines),
        "urls": _rate(n_urls, len(words)),
        "emails": _rate(n_emails, len(words)),
        "emoticons": _rate(kinds["emoji"] + len(_EMOTICON.findall(text)), len(words)),
        "list_marks": _rate(
            kinds["bullet"] + _count_list_marks(text, lines), len(words)
        ),
    }


def _words(words: list[str]) -> dict[str, float]:
    """Length, richness and repetition of the vocabulary; words in capitals."""
    n = len(words)
    folded = " ".join(words).lower().split(" ") if n else []
    counts = Counter(folded)
    opening = Counter(folded[:_OPENING])
    # what follows the last whole segment is left out, for a shorter one repeats fewer words
    segments = [
        folded[i : i + _SEGMENT] for i in range(0, max(n - _SEGMENT, 0) + 1, _SEGMENT)
    ]
    lengths = list(map(len, words))
    mean, spread, longest = _mean_spread_max(lengths)
    single_capitals = sum(map(str.isupper, [word for word in words if len(word) == 1]))
    return {
        "type_token_ratio": _share(
            sum(map(len, map(set, segments))), sum(map(len, segments))
        ),
        "words_used_once": _share(list(opening.values()).count(1), min(n, _OPENING)),
        "top_ten_words": _share(sum(sorted(counts.values())[-10:]), n),
        "doubled_words": _rate(sum(map(operator.eq, folded, folded[1:])), n),
        "word_length_variation": _share(spread, mean),
        "longest_word": _share(longest, mean),
        "long_words": _share(sum(map((1.5 * mean).__lt__, lengths)), n),
        "capital_words": _rate(sum(map(str.isupper, words)) - single_capitals, n),
        "single_capitals": _rate(single_capitals, n),
    }


def _split_sentences(text: str) -> tuple[list[list[str]], list[str]]:
    """Return the words of every sentence that has some, and the marks that end it."""
    sentences, ends, start = [], [], 0
    for match in _SENTENCE_END.finditer(text + "\n"):
        if words := _WORD.findall(text, start, match.start()):
            sentences.append(words)
            ends.append(match[0])
        start = match.end()
    return sentences, ends


def _sentences(
    sentences: list[list[str]], ends: list[str], n_characters: int
) -> dict[str, float]:
    """Length of sentences, how they begin and how they end."""
    n = len(sentences)
    mean, spread, longest = _mean_spread_max(list(map(len, sentences)))
    starts = [words[0] for words in sentences]
    return {
        "log_characters": math.log1p(n_characters),
        "log_sentence_characters": math.log1p(_share(n_characters, n)),
        "sentence_length_variation": _share(spread, mean),
        "longest_sentence": _share(longest, mean),
        "lower_case_starts": _share(sum(start[0].islower() for start in starts), n),
        "repeated_starts": _share(n - len(set(starts)), n),
        "question_sentences": _share(
            sum(not _QUESTIONS.isdisjoint(end) for end in ends), n
        ),
        "exclamation_sentences": _share(
            sum(not _EXCLAMATIONS.isdisjoint(end) for end in ends), n
        ),
        "open_sentences": _share(sum(end.isspace() for end in ends), n),
    }


def _signs(
    text: str, kinds: Counter[str], words: list[str], n: int
) -> dict[str, float]:
    """Punctuation and other signs per 1,000 characters; capitals among letters."""
    in_words = "".join(words).count("-")
    repeated = (
        _REPEATED_MARKS.findall(text)
        if kinds["question"] + kinds["exclamation"] > 1
        else []
    )
    return {
        "commas": _rate(kinds["comma"], n),
        "full_stops": _rate(kinds["stop"], n),
        "colons": _rate(kinds["colon"], n),
        "semicolons": _rate(kinds["semicolon"], n),
        "question_marks": _rate(kinds["question"], n),
        "exclamation_marks": _rate(kinds["exclamation"], n),
        "repeated_marks": _rate(len(repeated), n),
        "ellipses": _rate(kinds["ellipsis"], n),
        "quotes": _rate(kinds["quote"], n),
        "quoted_share": _share(
            sum(map(len, _QUOTED.findall(text))) if kinds["quote"] > 1 else 0, len(text)
        ),
        "apostrophes": _rate(kinds["apostrophe"], n),
        "dashes": _rate(kinds["dash"] + kinds["hyphen"] - in_words, n),
        "brackets": _rate(kinds["bracket"], n),
        "slashes": _rate(kinds["slash"], n),
        "bars": _rate(kinds["bar"], n),
        "percent_signs": _rate(kinds["percent"], n),
        "currency_signs": _rate(kinds["currency"], n),
        "at_signs": _rate(kinds["at"], n),
        "hash_signs": _rate(kinds["hash"], n),
        "ampersands": _rate(kinds["ampersand"], n),
        "math_signs": _rate(kinds["math"], n),
        "other_signs": _rate(kinds["other"], n),
        "capitals": _share(
            kinds["upper"], kinds["upper"] + kinds["lower"] + kinds["caseless"]
        ),
    }


def _numbers(
    text: str, n_words: int, n_digits: int, n_characters: int
) -> dict[str, float]:
    """Digits per 1,000 characters; numbers, years, prices, times and dates per 1,000
    words.
    """
    figures = " ".join(_FIGURE.findall(text)) if n_digits else ""
    years = [
        digits
        for digits in _DIGITS.findall(figures)
        if len(digits) == 4 and 1500 <= int(digits) < 2100
    ]
    return {
        "digits": _rate(n_digits, n_characters),
        "numbers": _rate(len(_NUMBER.findall(figures)), n_words),
        "years": _rate(len(years), n_words),
        "prices": _rate(len(_PRICE.findall(text)) if figures else 0, n_words),
        "times": _rate(len(_TIME.findall(figures)), n_words),
        "dates": _rate(len(_DATE.findall(figures)), n_words),
    }


def _count_list_marks(text: str, lines: list[str]) -> int:
    """Return how often a number, letter or dash opens a line, or "a)" stands in one."""
    at_start = sum(_LINE_MARK.match(line) is not None for line in lines)
    return at_start + (len(_INLINE_MARK.findall(text)) if ")" in text else 0)


def _lines(text: str, lines: list[str]) -> dict[str, float]:
    """How the document is broken into lines, and how well it compresses."""
    filled = [line for line in lines if line]
    mean, spread, _ = _mean_spread_max(list(map(len, filled)))
    opening = text[:_ZIPPED].encode("utf-8", "replace")
    return {
        "log_lines": math.log1p(len(filled)),
        "log_line_length": math.log1p(mean),
        "line_length_variation": _share(spread, mean),
        "short_lines": _share(sum(len(line) < 40 for line in filled), len(filled)),
        "blank_lines": _share(len(lines) - len(filled), len(lines)),
        "repeated_lines": _share(len(filled) - len(set(filled)), len(filled)),
        "compressed_size": _share(len(zlib.compress(opening, 1)), len(opening)),
    }


@cache
def _kind(char: str) -> str:
    """Return what a character is: a sign by name, or its Unicode category in plain
    words.
    """
    if "\U0001f300" <= char <= "\U0001faff" or char in "☹☺♥❤":
        return "emoji"
    if char not in _KIND_OF_SIGN:
        char = unicodedata.normalize("NFKC", char)[:1]
    return _KIND_OF_SIGN.get(char) or _KIND_OF_CATEGORY.get(
        unicodedata.category(char), "other"
    )


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _rate(count: float, whole: int) -> float:
    return 1000 * count / whole if whole else 0.0


def _mean_spread_max(sizes: list[int]) -> tuple[float, float, int]:
    if not sizes:
        return 0.0, 0.0, 0
    mean = sum(sizes) / len(sizes)
    variance = sum(map(operator.mul, sizes, sizes)) / len(sizes) - mean * mean
    return mean, math.sqrt(max(variance, 0.0)), max(sizes)


_NAMES = tuple(count_surface(""))
