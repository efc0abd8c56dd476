"""Documents encoded into a folder of shards, so that a kill loses nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.utils import get_tags

from embetter_reg._files import check_folder, remove_drafts
from embetter_reg._fingerprint import fingerprint
from embetter_reg._progress import documents_bar, step
from embetter_reg._validation import check_path, check_space, check_texts
from embetter_reg.corpus import id_strings
from embetter_reg.store._fitted import FITTED, fitted_encoder, is_to_fit
from embetter_reg.store._manifest import (
    add_shard,
    is_intact,
    read_manifest,
    shard_path,
    shards_in,
    write_manifest,
)
from embetter_reg.store._plan import check_same, documents_digest, encoding_plan
from embetter_reg.store._predictions import add_best, prediction_columns
from embetter_reg.store._records import MANIFEST, check_kind
from embetter_reg.store._tables import (
    check_precision,
    document_columns,
    label_list,
    vector_column,
)


def encode_documents(
    encoder: Any,
    documents: pd.DataFrame,
    out: str | Path,
    *,
    layers: Sequence[int | str] | None = None,
    precision: str = "float32",
    shard_size: int = 1000,
    text: bool = True,
    keep_encoder: bool = False,
    show_progress: bool = False,
) -> Path:
    """Encode documents into a folder of Parquet shards, or go on where a killed run
    stopped.

    Parameters
    ----------
    encoder : text encoder
        One that is fitted, or needs no fitting, is used as it is. Of one that is not, a
        clone is fitted on the documents. A register
        classifier adds probabilities, the labels at 0.5 (``predicted``), and those at
        its best threshold (``predicted_best``): the one that
        `RegisterEncoder.fit_threshold` chose before, or else one chosen on the gold
        labels of these documents, which the manifest records and which no figure on
        them may use.
    documents : DataFrame
        With the columns ``id, lang, labels, text``, as `read_documents` gives it.
    out : path
        Where the shards go. A folder with finished shards of the same documents and
        encoder is completed, and its damaged shards are written anew; one with others
        is refused.
    layers : sequence of int or str, or None
        Layers of an encoder that has several; None takes its own default.
    precision : {"float32", "float16"}
        How vectors are stored.
    shard_size : int
        Documents in a file. A kill loses the work on one of them at most.
    text : bool
        Keep the documents' text; its digest is kept in any case.
    keep_encoder : bool
        Keep an encoder that was fitted here as ``encoder.skops``, for `load_estimator`
        to encode other documents into the same space. It may be many times larger than
        the vectors; otherwise it is there only as long as a run that is killed would
        need it.
    show_progress : bool
        Draw a progress bar over documents.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ValueError
        If the folder holds embeddings of other documents or options, or of an encoder
        with other parameters, weights or computation type; if there are no documents, a
        column or a text is missing, or an id comes twice.
    TypeError
        If the encoder cannot be told apart from others on disk.
    OSError
        If the folder cannot be written to; finished shards stay.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from embetter_reg import load_registers
    >>> from embetter_reg.store import encode_documents, read_embeddings
    >>> from embetter_reg.text import SurfaceEncoder
    >>> documents = load_registers()
    >>> folder = encode_documents(SurfaceEncoder(), documents, mkdtemp(), shard_size=200)
    >>> sorted(path.name for path in folder.glob("*.parquet"))
    ['part-00000.parquet', 'part-00001.parquet', 'part-00002.parquet']
    >>> read_embeddings(folder).layers["embedding"].shape
    (480, 58)

    """
    out = check_path("out", out)
    check_encoding(
        encoder, out, layers=layers, precision=precision, shard_size=shard_size
    )
    documents = check_documents(documents)
    plan = encoding_plan(
        encoder,
        layers=layers,
        precision=precision,
        shard_size=shard_size,
        text=text,
    )
    plan["documents"] = documents_digest(documents)
    plan["n_documents"] = len(documents)
    check_kind(out, MANIFEST)
    manifest = read_manifest(out)
    if not manifest and shards_in(out):
        raise ValueError(
            f"got {out} with shards but no manifest, expected an empty folder; pass "
            "another one"
        )
    check_same(out, manifest, plan)
    out.mkdir(parents=True, exist_ok=True)
    remove_drafts(out)
    if is_to_fit(encoder) and _is_whole(out, manifest, keep_encoder):
        return out  # its parameters and documents are the same
    starts = range(0, len(documents), shard_size)
    name = f"{type(encoder).__name__} on {len(documents):,} documents"
    with step(f"fitting {name}", show_progress and get_tags(encoder).requires_fit):
        encoder = fitted_encoder(
            encoder,
            documents["text"].tolist(),
            out,
            anew=not manifest,
            keep=keep_encoder or len(starts) > 1,
        )
    plan["fingerprint"] = fingerprint(encoder)
    check_same(out, manifest, plan)
    manifest = manifest or {**plan, "complete": False, "shards": {}}
    with documents_bar(len(documents), "encoding", show_progress) as bar:
        for number, start in enumerate(starts):
            path = shard_path(out, number)
            part = documents.iloc[start : start + shard_size]
            if not is_intact(path, manifest):
                columns, facts = encode_texts(
                    encoder, part["text"].tolist(), layers, precision
                )
                if not facts.items() <= manifest.items():  # before the first shard
                    manifest = write_manifest(out, {**manifest, **facts})
                columns = {**document_columns(part, text=text), **columns}
                manifest = add_shard(out, path, columns, manifest)
            bar.update(start + len(part) - bar.n)
    if manifest.get("multi_label"):
        manifest = add_best(encoder, documents, out, manifest)
    write_manifest(out, {**manifest, "complete": True})
    if not keep_encoder:
        (out / FITTED).unlink(missing_ok=True)
    return out


def _is_whole(out: Path, manifest: dict[str, Any], keep_encoder: bool) -> bool:
    """Return whether an encoding has finished and nothing of it is missing."""
    if not manifest.get("complete") or (keep_encoder and not (out / FITTED).exists()):
        return False
    shards = manifest.get("shards", {})
    return bool(shards) and all(is_intact(out / name, manifest) for name in shards)


def check_encoding(
    encoder: Any,
    out: str | Path,
    *,
    layers: Sequence[int | str] | None = None,
    precision: str = "float32",
    shard_size: int = 1000,
) -> None:
    """Check the options of `encode_documents`; a model whose layers are chosen is
    loaded.

    Raises
    ------
    ValueError
        If the encoder lacks a layer, or an option is out of its range.
    TypeError
        If ``encoder`` is no encoder, or ``layers`` no list.
    OSError
        If the folder cannot be written to.

    """
    encodes = hasattr(encoder, "transform") or hasattr(encoder, "encode")
    is_class = isinstance(encoder, type)
    if is_class or not encodes or not hasattr(encoder, "get_params"):
        raise TypeError(
            f"got {type(encoder).__name__} as the encoder, expected one with a method "
            "transform; pass for example LiteTextEncoder()"
        )
    check_precision(precision)
    if isinstance(shard_size, bool) or not isinstance(shard_size, int | np.integer):
        raise TypeError(
            f"got shard_size={shard_size!r}, expected a whole number; pass for example "
            "1000"
        )
    if shard_size < 1:
        raise ValueError(
            f"got shard_size={shard_size}, expected at least 1; pass for example 1000"
        )
    check_folder(check_path("out", out))
    if layers is None:
        return
    if isinstance(layers, str) or not hasattr(layers, "__len__") or not len(layers):
        raise TypeError(
            f"got layers={layers!r}, expected a list of numbers or names; pass for "
            "example ['last']"
        )
    if not hasattr(encoder, "encode"):
        raise ValueError(
            f"got layers={list(layers)} for {type(encoder).__name__}, which has none "
            "to choose, expected None; leave them out"
        )
    encoder.encode([], layers)  # refuses a layer that the model lacks


def check_documents(documents: pd.DataFrame) -> pd.DataFrame:
    """Return documents with ids as str, or refuse them."""
    if not isinstance(documents, pd.DataFrame):
        raise TypeError(
            f"got {type(documents).__name__} as documents, expected a DataFrame with "
            "id, lang, labels and text; pass what read_documents returns"
        )
    missing = [c for c in ("id", "lang", "labels", "text") if c not in documents]
    if missing:
        raise ValueError(
            f"got documents with the columns {list(documents)}, expected id, lang, "
            f"labels and text; add {', '.join(missing)}"
        )
    if documents.empty:
        raise ValueError(
            "got no documents, expected at least one to encode; check the paths"
        )
    ids = pd.Index(id_strings(documents["id"]), dtype=object)
    if not ids.is_unique:
        raise ValueError(
            f"got the id {ids[ids.duplicated()][0]!r} twice, expected one id a "
            "document; rename it"
        )
    for number, text in enumerate(check_texts(documents["text"])):
        if not _is_unicode(text):
            raise ValueError(
                f"got half a surrogate pair in the text of the document "
                f"{ids[number]!r}, expected Unicode; mend or drop the document"
            )
    labels = pd.Series(documents["labels"].map(label_list), dtype=object)
    return documents.assign(id=list(ids), labels=labels)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def encode_texts(
    encoder: Any,
    texts: list[str],
    layers: Sequence[int | str] | None,
    precision: str,
) -> tuple[dict[str, pa.Array], dict[str, Any]]:
    """Return a shard's columns of vectors, and what the manifest records of them."""
    if not hasattr(encoder, "encode"):
        return _layer_columns({"embedding": encoder.transform(texts)}, texts, precision)
    encoded = encoder.encode(texts) if layers is None else encoder.encode(texts, layers)
    columns, facts = _layer_columns(encoded.layers, texts, precision)
    if encoded.probabilities is not None:
        columns |= prediction_columns(encoder, encoded.probabilities)
        facts["classes"] = list(encoded.classes)
        facts["multi_label"] = bool(encoder.is_multi_label_)
    return columns, facts


def _layer_columns(
    layers: dict[Any, Any], texts: list[str], precision: str
) -> tuple[dict[str, pa.Array], dict[str, Any]]:
    columns: dict[str, pa.Array] = {}
    for layer, vectors in layers.items():
        X = check_space(str(layer), vectors)
        if len(X) != len(texts):
            raise ValueError(
                f"got {len(X)} vectors for {len(texts)} documents, expected one for "
                "each; use an encoder that keeps all documents"
            )
        columns[f"embed_{layer}"] = vector_column(X, precision)
        n_dims = X.shape[1]
    return columns, {"n_dims": n_dims, "layers_written": [str(x) for x in layers]}
