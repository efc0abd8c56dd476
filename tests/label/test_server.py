"""The server as a process: limits, signals, and what it refuses to start with."""

import os
import signal
import socket
import sys
import threading
import time
from collections import Counter
from importlib.util import find_spec
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from browser import serving

from embetter_reg.cli import main
from embetter_reg.label import LabelServer

pytestmark = pytest.mark.skipif(
    find_spec("bokeh") is None, reason="the extra label is not installed"
)


@pytest.fixture
def server(embeddings, tmp_path):
    arguments = ["--reducer", "pca", "--out", tmp_path / "labels.jsonl"]
    with serving(embeddings / "embeddings", *arguments) as one:
        yield one


def load(address, answers):
    try:
        with urlopen(address, timeout=120) as answer:
            answers.append((answer.status, answer.read()))
    except HTTPError as error:
        answers.append((error.code, error.read()))
    except OSError:
        answers.append((0, b""))


def load_at_once(address, n):
    answers = []
    threads = [threading.Thread(target=load, args=(address, answers)) for _ in range(n)]
    for thread in threads:
        thread.start()
    return threads, answers


def test_many_page_loads_are_bounded_and_the_rest_is_answered(server):
    threads, answers = load_at_once(server.address, 150)
    for thread in threads:
        thread.join()
    counts = Counter(status for status, _ in answers)
    # Eight at once; on a machine so slow that the first ones are given up, some more.
    assert set(counts) == {200, 503} and 8 <= counts[200] <= 24
    assert sum(counts.values()) == 150
    refused = next(body for status, body in answers if status == 503)
    assert b"tries again in three seconds" in refused


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_in_the_middle_of_its_work(server, number):
    threads, answers = load_at_once(server.address, 150)
    while not answers:
        time.sleep(0.01)
    start = time.monotonic()
    os.kill(server.pid, number)
    assert server.wait(20) == 0
    assert time.monotonic() - start < 6  # 0.1 s where nothing else runs
    for thread in threads:
        thread.join()
    assert "Traceback" not in server.stderr.read()


def refused(monkeypatch, capsys, *arguments):
    """Return what the command says, and check that it ends with 2."""
    monkeypatch.setattr(sys, "argv", ["embetter-reg", "label", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    return " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--port", 99999], "got port 99999, expected a number from 0 to 65535"),
        (["--head", "neck"], "got the head 'neck'"),
        (["--reducer", "lda"], "got reducer='lda'"),
        (["--keep-labels", "2"], "expected a share in [0, 1]"),
    ],
)
def test_options_are_refused_before_anything_is_read(
    monkeypatch, capsys, tmp_path, arguments, sentence
):
    out = tmp_path / "labels.jsonl"
    message = refused(
        monkeypatch, capsys, tmp_path / "nothing", "--out", out, *arguments
    )
    assert sentence in message and "Traceback" not in message
    assert not out.exists()


@pytest.mark.parametrize("content", [b"\xff\xfe\n", b"a log\n", b"[" * 99_999 + b"\n"])
def test_a_log_that_is_none_is_refused_and_left_as_it_is(
    monkeypatch, capsys, tmp_path, content
):
    out = tmp_path / "labels.jsonl"
    out.write_bytes(content)
    message = refused(monkeypatch, capsys, tmp_path / "nothing", "--out", out)
    assert "labels.jsonl:1: got a line that is no action" in message
    assert out.read_bytes() == content


def test_a_folder_is_no_log(monkeypatch, capsys, tmp_path):
    message = refused(monkeypatch, capsys, tmp_path / "nothing", "--out", tmp_path)
    assert "which cannot be used" in message


def test_a_port_in_use_is_one_sentence(monkeypatch, capsys, embeddings, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        message = refused(
            monkeypatch,
            capsys,
            embeddings / "embeddings",
            "--reducer",
            "pca",
            "--out",
            tmp_path / "docs[en].jsonl",
            "--port",
            port,
        )
    assert f"got port {port}, which cannot be used at 127.0.0.1" in message


def test_a_port_below_0_is_refused(make_work):
    with pytest.raises(ValueError, match="got port -1"):
        LabelServer(make_work(), port=-1)
