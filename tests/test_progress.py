"""Bars of documents, and lines where nothing can be drawn."""

import io
import time

import numpy as np
import pytest

from embetter_reg import _progress
from embetter_reg._progress import documents_bar, progress, step, texts_bar
from embetter_reg.corpus import load_registers
from embetter_reg.store import encode_documents
from embetter_reg.text import LiteTextEncoder, SurfaceEncoder


@pytest.fixture
def log(monkeypatch, capsys):
    """What standard error, which is no terminal, has; and a clock that is moved by
    hand.
    """
    clock = {"now": 1000.0}
    monkeypatch.setattr("tqdm.std.time", lambda: clock["now"])

    def move(seconds):
        clock["now"] += seconds

    return lambda: capsys.readouterr().err, move


def test_a_file_has_a_line_a_minute(log):
    shown, move = log
    with progress(total=300, desc="encoding") as bar:
        for _ in range(300):
            move(1)
            bar.update()
    text = shown()
    lines = text.splitlines()
    assert len(lines) == 6  # after two seconds, each minute, and at the end
    assert lines[0].startswith(
        "encoding: 2 of 300 documents in 00:02, 1.00 documents/s, 04:58 left"
    )
    assert lines[-1].startswith("encoding: 300 of 300 documents in 05:00")
    assert "\r" not in text


def test_slow_work_has_a_rate_a_second(log, monkeypatch):
    shown, move = log
    for draws, text in (
        (False, "2 of 2 steps in 00:50, 0.04 steps/s"),
        (True, "2/2 ["),
    ):
        monkeypatch.setattr(_progress, "_draws", lambda draws=draws: draws)
        with progress(total=2, unit="step") as bar:
            for _ in range(2):
                move(25)
                bar.update()
        written = shown()
        assert (
            text in written and "0.04 steps/s" in written and "s/ step" not in written
        )


def test_what_is_short_writes_nothing(log):
    shown, move = log
    for _ in progress(range(10), total=10):
        move(0.1)
    with progress(total=9, show=False) as bar:
        move(100)
        bar.update(9)
    assert shown() == ""


def test_texts_inside_documents_move_their_bar(log):
    shown, move = log
    with documents_bar(40, "encoding", show=True) as bar:
        with texts_bar(20, show=True) as inner:
            inner.total += 20  # two windows a text
            for _ in range(10):
                inner.update(2)
            assert bar.n == pytest.approx(10)
            move(30)
        assert bar.n == pytest.approx(20)
        with texts_bar(20, show=False):
            pass
        assert bar.n == pytest.approx(40)
    with texts_bar(5, show=False) as alone:
        alone.update(5)
    assert "40 of 40 documents" in shown().splitlines()[-1]


def test_a_step_tells_its_age(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr(_progress, "_FIRST", 0.01)
    with step("fitting"):
        while not stream.getvalue():
            time.sleep(0.005)
    assert stream.getvalue() == "fitting: 00:00\n"
    with step("fitting", show=False):
        time.sleep(0.03)
    assert stream.getvalue() == "fitting: 00:00\n"


def test_encoding_is_told_by_documents(log, tmp_path):
    shown, move = log

    class Slow(SurfaceEncoder):
        def transform(self, X):
            move(59)
            return super().transform(X)

    documents = load_registers().head(30)
    encode_documents(
        Slow().fit(documents["text"]),
        documents,
        tmp_path,
        shard_size=10,
        show_progress=True,
    )
    counts = [line.split(" of ")[0] for line in shown().splitlines()]
    assert counts == ["encoding: 10", "encoding: 30", "encoding: 30"]


def test_what_an_encoder_learned_is_kept_where_that_is_asked_for(tmp_path):
    documents = load_registers().head(30)
    encoder = LiteTextEncoder(n_components=4, random_state=0)
    for name, keep in (("a", False), ("b", True)):
        folder = encode_documents(
            encoder, documents, tmp_path / name, shard_size=10, keep_encoder=keep
        )
        assert (folder / "encoder.skops").exists() == keep
        (folder / "part-00001.parquet").unlink()
        encode_documents(encoder, documents, folder, shard_size=10, keep_encoder=keep)
    parts = [(tmp_path / name / "part-00001.parquet").read_bytes() for name in "ab"]
    assert parts[0] == parts[1]


def test_the_space_of_few_documents_is_the_exact_svd():
    from scipy.sparse.linalg import svds

    texts = load_registers()["text"].head(60).tolist()
    encoder = LiteTextEncoder(n_components=8, normalize=False).fit(texts)
    weights = encoder._weigh(encoder._count(texts)).astype(float)
    _, singular, components = svds(weights, k=8, random_state=0)
    lengths = np.linalg.norm(encoder.transform(texts), axis=0)
    np.testing.assert_allclose(lengths, singular[::-1], rtol=1e-5)
    overlap = np.abs(encoder.components_ @ components[::-1].T)
    np.testing.assert_allclose(overlap, np.eye(8), atol=1e-3)
