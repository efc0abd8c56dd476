"""Files of documents: which there are, of what kind, and what their names say."""

import gzip
import io
import re
import warnings
from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any, TextIO, cast

import pyarrow as pa

from embetter_reg._optional import optional_import

KINDS = (".tsv", ".csv", ".jsonl", ".parquet")
BIG_FIELD = 2**31 - 1
COMPRESSED = (".gz", ".zst")
_SAME_KIND = {".json": ".jsonl", ".ndjson": ".jsonl"}
_N_NAMED = 5
_BUFFER_SIZE = 2**20
_URL = re.compile("([a-z][a-z0-9+.-]+):/{1,2}(?=[^/])")

# ISO 639-1, with the codes that were withdrawn since.
_ISO_639_1 = """
aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu
cv cy da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi
ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks
ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl
nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk
sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz
ve vi vo wa wo xh yi yo za zh zu
"""
_LANGUAGES = frozenset(_ISO_639_1.split())
# Languages whose codes begin English names, such as my_test.tsv.
_ENGLISH_WORDS = {"am", "an", "as", "be", "my", "or", "so", "to"}
_SPLITS = {"train", "dev", "val", "valid", "validation", "test", "more", "unseen"}
_PARTS_OF_A_CORPUS = _SPLITS | {"emb", "embeds", "embeddings"}


def find_files(paths: str | PathLike | Iterable[str | PathLike]) -> list[Path]:
    """Return the files that paths name, those of a folder in the order of their names.

    A Hugging Face dataset saved to disk counts as a file. Names that begin with a dot
    are no documents; anything else that a folder holds besides is named in a warning.

    Raises
    ------
    FileNotFoundError
        If a path does not exist.
    ValueError
        If there is no path, a folder holds no documents, or a file is named twice.
    TypeError
        If ``paths`` is no path nor a list of paths.

    """
    files = [file for path in _as_paths(paths) for file in _files_of(path)]
    if not files:
        raise ValueError("got no paths, expected files or folders; pass at least one")
    seen: set[Path] = set()
    for file in files:
        if file.resolve() in seen:
            raise ValueError(
                f"got {file} twice, expected each file once; leave one of the paths out"
            )
        seen.add(file.resolve())
    return files


def _as_paths(paths: str | PathLike | Iterable[str | PathLike]) -> list[Path]:
    if _is_path(paths):
        return [_as_path(paths)]
    if isinstance(paths, Iterable):
        listed = list(paths)
        if all(map(_is_path, listed)):
            return [_as_path(path) for path in listed]
    raise TypeError(
        f"got {type(paths).__name__} as paths, expected a path or a list of paths; "
        "pass the files or folders to read"
    )


def _is_path(value: Any) -> bool:
    return isinstance(value, str | PathLike) or _is_remote(value)


def _is_remote(value: Any) -> bool:
    """Return whether a value is a path of universal-pathlib, on a file system of its
    own.
    """
    return hasattr(value, "fs") and hasattr(value, "protocol")


def _as_path(path: Any) -> Path:
    """Return a path of this machine, or of what fsspec reads, such as ``s3://``."""
    if _is_remote(path):
        return path
    text = str(path)
    if text.startswith("file:/"):
        return Path("/" + text.removeprefix("file:").lstrip("/"))
    url = _URL.match(text)
    if url is None or Path(text).exists():
        return Path(path)
    upath = optional_import(
        "upath", package='"embetter-reg[remote]"', purpose=f"reading {url[1]}://"
    )
    # A Path has lost a slash of the two.
    name = f"{url[1]}://{text[url.end() :]}"
    try:
        remote = upath.UPath(name)
        _ = remote.fs  # loads the library that reads it
    except (ImportError, ValueError) as error:
        raise ValueError(
            f"got {name}, which cannot be read ({error}), expected a URL that fsspec "
            "reads; install what that needs, or pass another path"
        ) from error
    return remote


def _files_of(path: Path) -> Iterator[Path]:
    if not path.exists():
        raise FileNotFoundError(
            f"got {path}, which does not exist, expected a file or folder; check the "
            "path"
        )
    if path.is_file() or _is_saved_dataset(path):
        yield path
        return
    entries = sorted(path.iterdir())
    shown = [entry for entry in entries if not entry.name.startswith(".")]
    files = [entry for entry in shown if entry.is_file() and kind_of(entry) in KINDS]
    others = [
        entry.name + "/" * entry.is_dir() for entry in shown if entry not in files
    ]
    if not files:
        raise ValueError(
            f"got the folder {path} with no {', '.join(KINDS)} file"
            f"{_among(others)}, expected one at least; pass another folder, or files"
        )
    if others:
        warnings.warn(
            f"left out of the folder {path}: {shortened(others)}; pass what holds "
            "documents by its own path",
            stacklevel=5,
        )
    yield from files


def _among(names: list[str]) -> str:
    if not names:
        return ""
    return f" among {shortened(names)}"


def shortened(names: list[str]) -> str:
    """Return the first names, and how many there are besides."""
    rest = len(names) - _N_NAMED
    if rest <= 0:
        return ", ".join(names)
    return f"{', '.join(names[:_N_NAMED])} and {rest} more"


def kind_of(path: Path) -> str:
    """Return the ending that decides the format, such as ``.jsonl`` of en.JSON.gz."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    if not suffixes:
        return ""
    return _SAME_KIND.get(suffixes[-1], suffixes[-1])


def _is_saved_dataset(path: Path) -> bool:
    return (path / "state.json").exists() or (path / "dataset_dict.json").exists()


def open_text(path: Path, *, newline: str = "", errors: str = "strict") -> TextIO:
    """Open a text file, compressed or not; a byte-order mark is left out."""
    options: dict[str, Any] = {
        "encoding": "utf-8-sig",
        "newline": newline,
        "errors": errors,
    }
    is_local = isinstance(path, Path)
    if path.suffix.lower() == ".gz":
        source: Any = path if is_local else path.open("rb")
        return cast(TextIO, gzip.open(source, "rt", **options))
    stream: Any = path.open("rb")
    if path.suffix.lower() == ".zst":
        # Unlike zstandard, pyarrow notices a file that was cut off.
        stream = pa.CompressedInputStream(stream, "zstd")
        stream = io.BufferedReader(stream, _BUFFER_SIZE)
    return io.TextIOWrapper(stream, **options)


def language_of_name(path: str | PathLike) -> str | None:
    """Return the language that a file's name gives; None where it gives none.

    The name is a code of ISO 639-1, or such a code first or last beside parts of a
    corpus: ``fr.tsv``, ``fr_train.tsv``, ``en.test.jsonl.gz``, ``emb_fr.tsv``. A code
    that is an English word counts alone or before a dot: ``my_test.tsv`` has none.

    Examples
    --------
    >>> from embetter_reg.corpus import language_of_name
    >>> language_of_name("fr.tsv"), language_of_name("en.test.jsonl.gz")
    ('fr', 'en')
    >>> language_of_name("my_docs.tsv") is None
    True

    """
    if not isinstance(path, str | PathLike):
        raise TypeError(
            f"got {type(path).__name__} as a file's name, expected a path; pass one"
        )
    stem = _stem(Path(path))
    parts = re.split(r"[._-]", stem)
    others = [part for part in parts if part not in _LANGUAGES]
    if len(others) != len(parts) - 1:
        return None
    code = next(part for part in parts if part in _LANGUAGES)
    if code not in (parts[0], parts[-1]) or not all(map(_is_part_of_corpus, others)):
        return None
    if code in _ENGLISH_WORDS and stem.split(".")[0] != code:
        return None
    return code


def is_language_alone(path: Path) -> bool:
    """Return whether a file's name is a language and nothing else, such as fr.tsv."""
    return _stem(path) in _LANGUAGES


def _is_part_of_corpus(part: str) -> bool:
    return part in _PARTS_OF_A_CORPUS or part.isdecimal()


def _stem(path: Path) -> str:
    """Return a name without the endings of its format: en.train of en.train.jsonl.gz."""
    name = path.name.lower()
    for suffix in COMPRESSED:
        name = name.removesuffix(suffix)
    return name.removesuffix(Path(name).suffix)
