"""What several commands read: documents, stored spaces, numbers."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embetter_reg.cli._app import console

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


def column_names(text: str, labels: str, lang: str, id: str) -> dict[str, Any]:
    """Return the options that name columns, as `read_documents` takes them.

    An empty name of the column of labels leaves labels out.
    """
    return {
        "text_column": text,
        "labels_column": labels or None,
        "lang_column": lang,
        "id_column": id,
    }


def reading_options(
    language: str | None, skip_bad_rows: bool, columns: dict[str, Any]
) -> dict[str, Any]:
    """Return the options of `iter_documents`."""
    on_error = "skip" if skip_bad_rows else "raise"
    return {**columns, "language": language, "on_error": on_error}


def read_docs(
    docs: list[Path],
    language: str | None,
    skip_bad_rows: bool,
    columns: dict[str, Any],
) -> "pd.DataFrame":
    """Read documents and print how many of each language they are."""
    from embetter_reg.corpus import read_documents

    reading = reading_options(language, skip_bad_rows, columns)
    documents = read_documents(docs, **reading)
    console.print(f"{len(documents):,} documents read ({count_languages(documents)})")
    return documents


def count_docs(docs: list[Path], reading: dict[str, Any]) -> "pd.DataFrame":
    """Return the languages and labels of documents, without their texts."""
    import pandas as pd

    from embetter_reg.corpus import iter_documents

    batches = iter_documents(docs, **reading)
    return pd.concat([batch[["lang", "labels"]] for batch in batches])


def read_labeled(
    docs: list[Path],
    language: str | None,
    skip_bad_rows: bool,
    columns: dict[str, Any],
) -> "pd.DataFrame":
    """Read documents, those of embeddings, or, of no path, the bundled corpus."""
    from embetter_reg.corpus import load_registers
    from embetter_reg.store import holds_embeddings, read_embeddings

    if not docs:
        return load_registers()
    if all(map(holds_embeddings, docs)):
        return read_embeddings(docs).documents
    return read_docs(docs, language, skip_bad_rows, columns)


def count_languages(documents: "pd.DataFrame") -> str:
    """Return the number of documents of each language as text."""
    counts = documents["lang"].value_counts().sort_index()
    return ", ".join(f"{count:,} {language}" for language, count in counts.items())


def read_spaces(
    paths: list[Path],
    layers: list[str] | None,
    choose: Callable[["pd.DataFrame"], "pd.DataFrame"],
    *,
    named_by_layer: bool = False,
) -> tuple[dict[str, "np.ndarray"], "pd.DataFrame"]:
    """Return spaces by name, and their documents, as chosen of those of the first.

    A space has the name of its folder and its layer; of one folder alone, where it is
    ``named_by_layer``, the layer's, which is the same in the folders of other folds.
    """
    from embetter_reg.store import read_embeddings, rows_in

    spaces: dict[str, np.ndarray] = {}
    documents: Any = None
    every: Any = None
    for path in paths:
        stored = read_embeddings(path, layers=layers)
        if documents is None:
            every = stored.documents
            documents = choose(every)
        stored = stored.in_order_of(every, path)
        rows = stored.rows_of(documents, path)
        for layer, X in stored.layers.items():
            name = f"{path.stem} {layer}".removesuffix(" embedding")
            if named_by_layer and len(paths) == 1:
                name = str(layer)
            if name in spaces:
                raise ValueError(
                    f"got the space {name!r} twice, expected names that differ; "
                    "rename a folder"
                )
            spaces[name] = rows_in(X, rows)
    return spaces, documents


def parse_numbers(option: str, text: str) -> list[int]:
    """Return numbers and ranges such as ``2-33,64`` as a list.

    Raises
    ------
    ValueError
        If a part is no number or range, or a range falls.

    """
    numbers: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        last = last or first
        if not (first.isdigit() and last.isdigit() and int(first) <= int(last)):
            raise ValueError(
                f"got {option} {text}, expected numbers and rising ranges; pass for "
                "example 2-33,64"
            )
        numbers += range(int(first), int(last) + 1)
    return numbers


def parse_names(text: str) -> list[str]:
    """Return the names of an option such as ``LEACE,TF-IDF``; ``none`` is no name."""
    if text == "none":
        return []
    return text.split(",")


def parse_layers(text: str | None) -> list[int | str] | None:
    """Return layers such as ``first,half,-1``: numbers as int, names as str."""
    if text is None:
        return None
    layers: list[int | str] = []
    for part in text.split(","):
        name = part.strip()
        if name.removeprefix("-").isdecimal():
            layers.append(int(name))
        else:
            layers.append(name)
    return layers
