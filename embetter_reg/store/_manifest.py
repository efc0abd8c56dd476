"""The manifest of a folder of embeddings, and its shards, each with a digest."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from embetter_reg._files import write_atomically
from embetter_reg.store._records import (
    MANIFEST,
    are_shards,
    is_plan,
    read_records,
    record_name,
)

FORMAT = 2
FORMAT_OF_INPUTS = 3  # what is in the folder stands in a record of each input
_READABLE = (1, FORMAT, FORMAT_OF_INPUTS)  # folders of format 1 have no digests
_PARQUET_ERRORS = (pa.ArrowException, OSError, OverflowError, UnicodeDecodeError)
_VERSIONS = (
    "embetter-reg",
    "numpy",
    "scikit-learn",
    "torch",
    "transformers",
    "sentence-transformers",
)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a folder, empty where there is none.

    That of a folder of inputs is joined with their records.

    Raises
    ------
    ValueError
        If it is no JSON object, or of a format that this version does not know.

    """
    path = folder / MANIFEST
    if not path.exists():
        return {}
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"got {path}, which is not JSON ({error}), expected the manifest of "
            "embeddings; encode the documents into another folder"
        ) from error
    if not isinstance(manifest, dict):
        raise ValueError(
            f"got {path}, which holds a {type(manifest).__name__}, expected the "
            "manifest of embeddings; encode the documents into another folder"
        )
    if manifest.get("format") not in _READABLE:
        raise ValueError(
            f"got {path} of the format {manifest.get('format')!r}, expected one of "
            f"{list(_READABLE)}; update embetter-reg, or pass a folder of embeddings"
        )
    if manifest["format"] == FORMAT_OF_INPUTS:
        if "inputs" not in manifest or not is_plan(manifest):
            raise ValueError(
                f"got {path}, whose list of inputs is damaged, expected a name and a "
                "size of each; encode the documents into another folder"
            )
        manifest = _with_records(folder, manifest)
    if not are_shards(manifest.get("shards", {})):
        raise ValueError(
            f"got {path}, whose list of shards is damaged, expected a count and a "
            "digest of each; encode the documents into another folder"
        )
    return manifest


def _with_records(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest with the shards of all inputs, and whether they are complete."""
    records = read_records(folder, manifest)
    joined: dict[str, Any] = {"shards": {}}
    for record in records:
        facts = record.get("facts", {})
        # A threshold that saw gold labels of one input has seen some of all.
        if len(joined) == 1 or facts.get("saw_gold"):
            joined |= facts
        joined["shards"] |= record.get("shards", {})
    is_complete = all(record.get("complete") for record in records)
    if is_complete:
        joined["n_documents"] = sum(record["n_documents"] for record in records)
    return {**manifest, **joined, "complete": is_complete}


def write_manifest(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Write a manifest with the versions of what made it, and return it."""
    manifest = {**manifest, "versions": versions()}
    text = json.dumps(manifest, indent=2, allow_nan=False)
    write_atomically(
        folder / MANIFEST, lambda draft: draft.write_text(text, encoding="utf-8")
    )
    return manifest


def shard_path(folder: Path, number: int, block: int | None = None) -> Path:
    """Return the path of a shard, or of a block of documents of an input."""
    name = record_name(number)
    if block is not None:
        name = f"{name}-{block:05d}"
    return folder / f"{name}.parquet"


def shards_in(folder: Path) -> list[Path]:
    """Return the shards of a folder in the order of their numbers."""
    paths = folder.glob("part-*.parquet")
    return sorted(paths, key=lambda path: list(map(int, re.findall(r"\d+", path.name))))


def add_shard(
    folder: Path, path: Path, columns: dict[str, pa.Array], manifest: dict[str, Any]
) -> dict[str, Any]:
    """Write a shard, then the manifest with its count and digest, and return that."""
    shards = manifest.get("shards", {})
    entry = write_shard(path, columns, manifest)
    return write_manifest(folder, {**manifest, "shards": {**shards, path.name: entry}})


def write_shard(
    path: Path, columns: dict[str, pa.Array], manifest: dict[str, Any]
) -> dict[str, Any]:
    """Write a shard, and return its count and digest."""
    hidden = {"shards", "inputs"}
    about = {name: value for name, value in manifest.items() if name not in hidden}
    table = pa.table(columns)
    table = table.replace_schema_metadata({"embetter_reg": json.dumps(about)})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    content = sink.getvalue()
    write_atomically(path, lambda draft: draft.write_bytes(content))
    return {"n_documents": table.num_rows, "digest": _digest(content)}


def is_intact(path: Path, manifest: dict[str, Any]) -> bool:
    """Return whether a shard is there as the manifest records it."""
    entry = manifest.get("shards", {}).get(path.name)
    if entry is None or not path.is_file():
        return False
    return _digest(path.read_bytes()) == entry["digest"]


def check_shards(folder: Path, manifest: dict[str, Any]) -> None:
    """Check that the shards of a folder are those of its manifest.

    Raises
    ------
    ValueError
        If one is lost or unknown, or the numbers of documents differ.

    """
    present = {path.name for path in shards_in(folder)}
    if "shards" in manifest:
        recorded = set(manifest["shards"])
        for name in sorted(recorded ^ present):
            state = "not in its manifest"
            remedy = "move it elsewhere"
            if name in recorded:
                state = "lost"
                remedy = "run the same encode command again"
            raise ValueError(
                f"got {folder}, where {name} is {state}, expected the "
                f"{len(recorded)} shards of its manifest; {remedy}, or copy the folder "
                "anew"
            )
        n_documents = sum(entry["n_documents"] for entry in manifest["shards"].values())
    else:
        n_documents = sum(_n_rows(path) for path in shards_in(folder))
    expected = manifest.get("n_documents", n_documents)
    if n_documents != expected:
        raise ValueError(
            f"got {n_documents} documents in the shards of {folder}, expected "
            f"{expected} as in its manifest; run the same encode command again, or "
            "copy the folder anew"
        )


def read_shard(
    path: Path,
    manifest: dict[str, Any],
    choose: Callable[[list[str]], list[str]] | None = None,
) -> pa.Table:
    """Return a Parquet file, or the columns that ``choose`` takes of its names.

    Raises
    ------
    ValueError
        If it is damaged: not as the manifest records it, where that does, or else not
        Parquet, or a page differs from its checksum.

    """
    content = path.read_bytes()
    entry = manifest.get("shards", {}).get(path.name)
    if entry is not None and _digest(content) != entry["digest"]:
        raise _damaged(path, "its digest is not that of the manifest")
    try:
        file = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
        names = file.schema_arrow.names
    except _PARQUET_ERRORS as error:
        raise _damaged(path, error) from error
    columns = names if choose is None else choose(names)
    try:
        return file.read(columns)
    except _PARQUET_ERRORS as error:
        raise _damaged(path, error) from error


def manifest_in(path: Path) -> dict[str, Any]:
    """Return the manifest of a Parquet file read alone: that of its folder where it
    records the file, or else what the file itself holds.
    """
    try:
        beside = read_manifest(path.parent)
    except ValueError:  # some other program's
        beside = {}
    if path.name in beside.get("shards", {}):
        return beside
    try:
        metadata = pq.read_schema(path).metadata or {}
        about = json.loads(metadata.get(b"embetter_reg", b"{}"))
    except (*_PARQUET_ERRORS, ValueError, RecursionError) as error:
        raise _damaged(path, error) from error
    return about if isinstance(about, dict) else {}


def distinct(groups: Iterable[Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return manifests without repetitions, in their order."""
    unlike: list[dict[str, Any]] = []
    for group in groups:
        unlike += [manifest for manifest in group if manifest not in unlike]
    return unlike


def check_one_encoder(manifests: Sequence[dict[str, Any]]) -> None:
    """Check that no two sources are of encoders that are known to differ."""
    encoders = {
        manifest["fingerprint"]: str(manifest.get("encoder"))
        for manifest in manifests
        if "fingerprint" in manifest
    }
    if len(encoders) > 1:
        raise ValueError(
            f"got embeddings of different encoders ({', '.join(encoders.values())}, of "
            "other weights or parameters), expected one space; read them apart, or "
            "encode all documents in one call"
        )


def _damaged(path: Path, reason: object) -> ValueError:
    return ValueError(
        f"got {path}, which is damaged ({reason}), expected a whole Parquet file; run "
        "the same encode command again, or copy the file anew"
    )


def _n_rows(path: Path) -> int:
    try:
        return pq.read_metadata(path).num_rows
    except _PARQUET_ERRORS as error:
        raise _damaged(path, error) from error


def _digest(content: Any) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


@cache
def versions() -> dict[str, str]:
    """Return the versions of what decides vectors."""
    return {name: version(name) for name in _VERSIONS}
