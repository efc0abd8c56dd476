"""Streams give what read_documents gives, in batches."""

import gzip
import json
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from embetter_reg.corpus import iter_documents, load_registers, read_documents
from embetter_reg.corpus._counting import estimate_documents
from embetter_reg.corpus._seen import _HashSet


def write_lines(path, rows):
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    if path.suffix == ".gz":
        content = gzip.compress(content)
    elif path.suffix == ".zst":
        # In two frames, as parallel compressors write.
        half = len(content) // 2
        codec = pa.Codec("zstd")
        content = b"".join(
            codec.compress(part, asbytes=True)
            for part in (content[:half], content[half:])
        )
    path.write_bytes(content)
    return path


@pytest.fixture(scope="module")
def rows():
    documents = load_registers().head(50)[["lang", "labels", "text"]]
    rows = documents.to_dict("records")
    # Some documents repeat, and some have ids.
    rows = [{**row, "labels": list(row["labels"])} for row in [*rows, *rows[:7]] * 2]
    for number in range(0, len(rows), 5):
        rows[number]["id"] = f"given-{number}"
    return rows


@pytest.mark.parametrize(
    "name", ["x.jsonl", "x.jsonl.gz", "x.jsonl.zst", "x.tsv", "x.csv", "x.parquet"]
)
@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_batches_are_what_is_read_at_once(name, batch_size, rows, tmp_path):
    path = tmp_path / name
    table = pd.DataFrame(rows)
    if ".jsonl" in name:
        write_lines(path, rows)
    elif name == "x.parquet":
        table.to_parquet(path, row_group_size=10)
    else:
        plain = table.assign(
            labels=table["labels"].map(" ".join),
            text=table["text"].str.replace(r"\s", " ", regex=True),
        )
        plain.to_csv(path, index=False, sep="\t" if name == "x.tsv" else ",")
    batches = list(iter_documents(path, batch_size))
    assert {len(batch) for batch in batches[:-1]} <= {batch_size}
    pd.testing.assert_frame_equal(
        pd.concat(batches, ignore_index=True), read_documents(path)
    )


def test_files_of_a_folder_in_order_and_never_mixed(rows, tmp_path):
    write_lines(tmp_path / "b.jsonl.zst", rows[:30])
    write_lines(tmp_path / "a.jsonl.gz", rows[30:50])
    batches = list(iter_documents(tmp_path, 25))
    assert [len(batch) for batch in batches] == [20, 25, 5]
    pd.testing.assert_frame_equal(
        pd.concat(batches, ignore_index=True), read_documents(tmp_path)
    )


def test_zst_of_every_text_form(tmp_path):
    codec = pa.Codec("zstd")
    for name in ("fr.tsv", "fr.csv"):
        separator = "\t" if name == "fr.tsv" else ","
        text = f"labels{separator}text\nNA{separator}Voilà.\n"
        path = tmp_path / f"{name}.zst"
        path.write_bytes(codec.compress(text.encode("utf-8-sig"), asbytes=True))
        assert read_documents(path).drop(columns="id").to_dict("records") == [
            {"lang": "fr", "labels": ["NA"], "text": "Voilà."}
        ]


@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b[:40] + b"?" + b[41:]])
def test_damaged_zst_is_named(damage, rows, tmp_path):
    path = write_lines(tmp_path / "x.jsonl.zst", rows)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"x\.jsonl\.zst.*(damaged|JSON|UTF-8)"):
        list(iter_documents(path))


def test_fields_inside_others_are_named_by_path(tmp_path):
    row = {
        "content": {"plain": "Bonjour."},
        "lang": ["fra_Latn", "oci_Latn"],
        "meta": {"url": "u", "lang": "xx"},
    }
    path = write_lines(tmp_path / "x.jsonl", [row])
    options = {"text_column": "content.plain", "id_column": "meta.url"}
    (batch,) = iter_documents(path, **options, lang_column="lang.0")
    assert batch[["id", "lang", "text"]].to_numpy().tolist() == [
        ["u", "fra_Latn", "Bonjour."]
    ]
    (batch,) = iter_documents(path, **options, lang_column="meta.lang")
    assert batch["lang"].tolist() == ["xx"]
    with pytest.raises(ValueError, match=r"x\.jsonl:1: got no column 'lang\.2' among"):
        list(iter_documents(path, **options, lang_column="lang.2"))


def test_an_id_that_comes_twice_is_an_error_however_far_apart(tmp_path):
    rows = [{"id": n, "lang": "en", "text": "x"} for n in [*range(100), 3]]
    path = write_lines(tmp_path / "x.jsonl", rows)
    for batch_size in (1, 10, 1000):
        with pytest.raises(ValueError, match="got the id '3' twice, expected one id"):
            list(iter_documents(path, batch_size))


def test_errors_come_when_they_are_reached_and_options_at_once(tmp_path):
    good = {"lang": "en", "text": "x"}
    path = write_lines(tmp_path / "x.jsonl", [good, good, {"lang": "en"}, good])
    stream = iter_documents(path, 2)
    assert len(next(stream)) == 2
    with pytest.raises(ValueError, match=r"x\.jsonl:3: got no column 'text'"):
        next(stream)
    with pytest.warns(UserWarning, match=r"skipped 1 bad rows; the last: .*:3"):
        batches = list(iter_documents(path, 2, on_error="skip"))
    assert [len(batch) for batch in batches] == [2, 1]
    with pytest.raises(ValueError, match="got batch_size=0"):
        iter_documents(path, 0)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        iter_documents(tmp_path / "no.jsonl")


def test_a_set_of_hashes_is_a_set():
    rng = np.random.default_rng(0)
    ours, theirs = _HashSet(), set()
    for size in rng.integers(0, 50, size=60):
        values = [str(number) for number in rng.integers(0, 3000, size=size)]
        assert ours.contains(values).tolist() == [value in theirs for value in values]
        ours.add(values)
        theirs |= set(values)


def test_memory_is_that_of_a_batch(tmp_path):
    rows = [{"id": n, "lang": "en", "text": f"{n} " * 100} for n in range(5000)]
    path = write_lines(tmp_path / "x.jsonl.zst", rows)
    peaks = []
    for n_batches in (4, 40):
        tracemalloc.start()
        for number, _ in enumerate(iter_documents(path, 100), start=1):
            if number == n_batches:
                break
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # Of ten times the documents, whose texts are 2 MB, the ids alone.
    assert peaks[1] < peaks[0] + 16 * 5000


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz", "x.jsonl.zst", "x.parquet"])
def test_paths_of_other_machines(name, rows, tmp_path):
    """By fsspec, whose memory stands for a bucket."""
    upath = pytest.importorskip("upath", reason="the extra remote is not installed")
    path = tmp_path / name
    if name == "x.parquet":
        pd.DataFrame(rows).to_parquet(path)
    else:
        write_lines(path, rows)
    folder = upath.UPath(f"memory://bucket-{name}/crawl")
    folder.mkdir(parents=True)
    (folder / name).write_bytes(path.read_bytes())
    expected = read_documents(path)
    as_given_to_commands = Path(f"{folder}/{name}")
    for given in (folder, str(folder), f"{folder}/{name}", [as_given_to_commands]):
        found = pd.concat(iter_documents(given, 30), ignore_index=True)
        pd.testing.assert_frame_equal(found, expected)
    with pytest.raises(FileNotFoundError, match=r"memory://.*does not exist"):
        iter_documents(f"{folder}/no.jsonl")


def test_other_machines_need_an_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "upath", None)
    with pytest.raises(ImportError, match=r"reading s3:// needs .*\[remote\]"):
        iter_documents("s3://bucket/crawl.jsonl")


def test_the_number_of_documents_is_about_right(rows, tmp_path):
    paths = []
    for number, ending in enumerate(["jsonl", "jsonl.gz", "jsonl.zst"] * 5):
        paths.append(write_lines(tmp_path / f"{number}.{ending}", rows * 3))
    table = tmp_path / "x.parquet"
    pd.DataFrame(rows).to_parquet(table)
    estimates = estimate_documents([table, *paths])
    n_documents = 3 * len(rows)
    assert estimates[:10] == [len(rows), *[n_documents] * 9]  # read to their end
    assert sum(estimates) == pytest.approx(len(rows) + 15 * n_documents, rel=0.5)
    big = write_lines(tmp_path / "big.jsonl.zst", rows * 300)
    (estimate,) = estimate_documents([big])
    assert estimate == pytest.approx(300 * len(rows), rel=0.2)


def test_urls_of_this_machine_and_of_no_file_system(tmp_path):
    pytest.importorskip("upath", reason="the extra remote is not installed")
    path = tmp_path / "en.jsonl"
    path.write_text('{"text": "One."}\n')
    for name in (f"file://{path}", Path(f"file://{path}")):
        (batch,) = iter_documents(name)
        assert batch["text"].tolist() == ["One."]
    with pytest.raises(ValueError, match=r"got foo://x/en\.jsonl, which cannot be"):
        iter_documents("foo://x/en.jsonl")
