"""What several commands read: documents, stored spaces, numbers."""

from pathlib import Path
from typing import Any

from embetter_reg.cli._app import console


def column_names(text: str, labels: str, lang: str, id: str) -> dict[str, Any]:
    """Return the options that name columns, as `read_documents` takes them; an empty
    name of labels leaves them out.
    """
    return {
        "text_column": text,
        "labels_column": labels or None,
        "lang_column": lang,
        "id_column": id,
    }


def read_docs(
    docs: list[Path],
    language: str | None,
    skip_bad_rows: bool,
    columns: dict[str, Any],
):
    from embetter_reg.corpus import read_documents

    documents = read_documents(
        docs,
        **columns,
        language=language,
        on_error="skip" if skip_bad_rows else "raise",
    )
    console.print(f"{len(documents):,} documents read ({count_languages(documents)})")
    return documents


def count_languages(documents) -> str:
    counts = documents["lang"].value_counts().sort_index()
    return ", ".join(f"{count:,} {language}" for language, count in counts.items())


def read_spaces(paths: list[Path], layers: list[str] | None, choose):
    """Return spaces by name, and their documents, as chosen of those of the first."""
    from embetter_reg.store import read_embeddings

    spaces, documents = {}, None
    for path in paths:
        stored = read_embeddings(path, layers=layers)
        documents = choose(stored.documents) if documents is None else documents
        rows = stored.rows_of(documents, path)
        for layer, X in stored.layers.items():
            name = path.stem if layer == "embedding" else f"{path.stem} {layer}"
            if name in spaces:
                raise ValueError(
                    f"got the space {name!r} twice, expected names that differ; "
                    "rename a folder"
                )
            spaces[name] = X[rows]
    return spaces, documents


def parse_numbers(option: str, text: str) -> list[int]:
    numbers: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        if not (first.isdigit() and (last or first).isdigit()):
            raise ValueError(
                f"got {option} {text}, expected numbers and ranges; pass for example "
                "2-33,64"
            )
        numbers += range(int(first), int(last or first) + 1)
    return numbers
