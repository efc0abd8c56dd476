"""Workers of Ray write the very files of one process."""

import shutil

import pytest

from embetter_reg.corpus import load_registers
from embetter_reg.store import encode_files, folder_status
from embetter_reg.store._inputs import Work
from embetter_reg.store._ray import _Worker
from embetter_reg.text import SurfaceEncoder, fingerprint

ray = pytest.importorskip(
    "ray", reason="Ray is not installed: pip install 'embetter-reg[ray]'"
)


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("part-*"))}


def test_two_workers_write_what_one_process_writes(tmp_path):
    documents = load_registers().head(60)
    documents["labels"] = documents["labels"].map(list)
    source = tmp_path / "source"
    source.mkdir()
    for number in range(4):
        part = documents.iloc[number::4]
        part.to_json(source / f"{number}.jsonl", orient="records", lines=True)
    encoder = SurfaceEncoder(scale=False)
    one = encode_files(encoder, source, tmp_path / "one", shard_size=4)
    two = tmp_path / "two"
    shutil.copytree(one, two)
    # A job that was killed: one file is done, one begun, two are missing.
    for path in [*two.glob("part-0000[13]*"), two / "part-00002-00001.parquet"]:
        path.unlink()
    states = ["done", "missing", "begun", "missing"]
    assert folder_status(two)["state"].tolist() == states
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        encode_files(encoder, source, two, shard_size=4, engine="ray", workers=2)
    finally:
        ray.shutdown()
    assert contents(two) == contents(one)
    assert set(folder_status(two)["state"]) == {"done"}


def test_a_worker_tells_a_bad_row_in_one_sentence(tmp_path):
    class Bad(Work):
        def run(self, number, moved):
            raise ValueError(f"got no text in the input {number}, expected one")

    encoder = SurfaceEncoder(scale=False)
    plan = {"fingerprint": fingerprint(encoder)}
    worker = _Worker(Bad(encoder, [], tmp_path, plan))
    assert worker({"number": 3}) == {
        "number": 3,
        "n_documents": 0,
        "problem": "got no text in the input 3, expected one",
    }
    with pytest.raises(ValueError, match="which holds embeddings with other weights"):
        _Worker(Bad(encoder, [], tmp_path, {"fingerprint": "other"}))
