"""Corpora that outgrow memory: peak memory and cost a document of streams, reading beside
other libraries, workers of Ray beside one process, and what kills lose.

The documents are sentences of the bundled corpus, drawn anew.

OMP_NUM_THREADS=1 python benchmarks/scale.py stream
OMP_NUM_THREADS=1 python benchmarks/scale.py read (pip install datasets polars zstandard)
OMP_NUM_THREADS=1 python benchmarks/scale.py ray
OMP_NUM_THREADS=1 python benchmarks/scale.py kills
OMP_NUM_THREADS=1 python benchmarks/scale.py model FOLDER_OF_E5_SMALL
"""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa

from embetter_reg.corpus import iter_documents, load_registers
from embetter_reg.store import (
    count_predictions,
    encode_files,
    folder_status,
    iter_embeddings,
    predict_files,
    read_embeddings,
)
from embetter_reg.text import SurfaceEncoder

N_KILLS = 20


def write_crawl(folder, n_documents, n_files, n_sentences=2):
    """Write files of short documents in ten languages, as .jsonl.zst."""
    documents = load_registers()
    sentences = {
        language: [
            sentence
            for text in part["text"]
            for sentence in text.split(". ")
            if 20 < len(sentence) < 200
        ]
        for language, part in documents.groupby("lang")
    }
    languages = list(sentences)
    draws = random.Random(0)
    folder.mkdir(parents=True)
    size = n_documents // n_files
    for number in range(n_files):
        lines = []
        for row in range(number * size, (number + 1) * size):
            language = languages[row % len(languages)]
            text = ". ".join(draws.sample(sentences[language], n_sentences))
            line = {"id": f"d{row}", "lang": language, "text": text}
            lines.append(json.dumps(line, ensure_ascii=False) + "\n")
        content = "".join(lines).encode()
        compressed = pa.Codec("zstd").compress(content, asbytes=True)
        (folder / f"{number:03d}.jsonl.zst").write_bytes(compressed)
    return folder


def in_process(command, *arguments):
    """Run a command of this file in a process of its own; return what it measured."""
    done = subprocess.run(
        [sys.executable, __file__, command, *map(str, arguments)],
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def measured(start, n_documents):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    seconds = time.perf_counter() - start
    each = 1e6 * seconds / n_documents
    of_cpu = 1e6 * time.process_time() / n_documents
    figures = {"s": seconds, "us": each, "us_of_cpu": of_cpu, "peak_gb": peak}
    print(json.dumps({name: round(value, 2) for name, value in figures.items()}))


def encode_one(crawl, out, n_documents):
    start = time.perf_counter()
    encode_files(
        SurfaceEncoder(scale=False), crawl, out, precision="float16", text=False
    )
    measured(start, int(n_documents))


def head_one(out, n_documents):
    """Predict by a head on stored vectors, part by part."""
    from embetter_reg.finetune import FeedForwardTuner

    documents = load_registers()
    encoder = SurfaceEncoder(scale=False)
    labels = documents["labels"].str[0]
    head = FeedForwardTuner(n_epochs=5, random_state=0)
    head.fit(encoder.transform(documents["text"]), labels)
    start = time.perf_counter()
    n_predicted = 0
    for part in iter_embeddings(out):
        probabilities = head.predict_proba(part.layers["embedding"])
        n_predicted += len(np.argmax(probabilities, axis=1))
    assert n_predicted == int(n_documents)
    measured(start, n_predicted)


def stream():
    with TemporaryDirectory() as folder:
        for n_documents in (100_000, 1_000_000):
            crawl = write_crawl(Path(folder) / f"c{n_documents}", n_documents, 10)
            out = Path(folder) / f"e{n_documents}"
            encoded = in_process("encode_one", crawl, out, n_documents)
            print(f"encode {n_documents:,}: {encoded}", flush=True)
            predicted = in_process("head_one", out, n_documents)
            print(f"head on vectors {n_documents:,}: {predicted}", flush=True)
            n_bytes = sum(path.stat().st_size for path in out.iterdir())
            print(f"disk: {n_bytes / n_documents:.0f} bytes a document", flush=True)


def read():
    import polars

    import datasets

    def ours(path):
        return sum(len(batch) for batch in iter_documents(path))

    def streamed(path):
        rows = datasets.load_dataset(
            "json", data_files=str(path), split="train", streaming=True
        )
        return sum(1 for _ in rows)

    def loaded(path):
        with TemporaryDirectory() as cache:
            rows = datasets.load_dataset(
                "json", data_files=str(path), split="train", cache_dir=cache
            )
            return sum(1 for _ in rows)

    def table(path):
        return len(polars.read_ndjson(path))

    n_documents = 200_000
    with TemporaryDirectory() as folder:
        write_crawl(Path(folder) / "crawl", n_documents, 1)
        path = Path(folder) / "crawl" / "000.jsonl.zst"
        for number in range(3):
            for function in (ours, streamed, loaded, table):
                start = time.perf_counter()
                assert function(path) == n_documents
                rate = n_documents / (time.perf_counter() - start)
                print(f"{number} {function.__name__}: {rate:,.0f} documents a second")


def ray(*sizes):
    """Time one process, two tasks of it, and workers of Ray; the first crawl is over at
    once, so that what it takes is the start of the engine.
    """
    crawls = [("counts", int(size)) for size in sizes]
    crawls = crawls or [("counts", 80), ("counts", 1_000_000), ("waits", 100_000)]
    engines = [("process", 1), ("tasks", 2), ("ray", 1), ("ray", 2)]
    for kind, n_documents in crawls:
        with TemporaryDirectory() as folder:
            crawl = write_crawl(Path(folder) / "crawl", n_documents, 8)
            for engine, workers in engines:
                out = Path(folder) / f"{engine}-{workers}"
                start = time.perf_counter()
                if engine == "tasks":
                    two_tasks(crawl, out, kind)
                    taken = {"s": round(time.perf_counter() - start, 1)}
                else:
                    taken = in_process("engine_one", crawl, out, engine, workers, kind)
                print(
                    f"{kind} {n_documents:,}, {engine} {workers}: {taken}", flush=True
                )


def two_tasks(crawl, out, kind):
    """Encode by ``--shard 1/2`` and ``--shard 2/2`` at the same time: what two processes
    can reach on this machine.
    """
    arguments = [
        sys.executable,
        __file__,
        "engine_one",
        str(crawl),
        str(out),
        "process",
    ]
    tasks = [
        subprocess.Popen([*arguments, "1", kind, str(number), "2"]) for number in (1, 2)
    ]
    assert all(task.wait() == 0 for task in tasks)


class Waiting(SurfaceEncoder):
    """Takes 1.5 ms a document and no processor, as if a GPU did the work."""

    def transform(self, X):
        """Return vectors of ones."""
        time.sleep(0.0015 * len(X))
        return np.ones((len(X), 64), np.float32)


def engine_one(crawl, out, engine, workers, kind="counts", *shard):
    encoder = {"counts": SurfaceEncoder, "waits": Waiting}[kind](scale=False)
    start = time.perf_counter()
    encode_files(
        encoder,
        crawl,
        out,
        text=False,
        engine=engine,
        workers=int(workers),
        shard=tuple(map(int, shard)) or None,
    )
    print(json.dumps({"s": round(time.perf_counter() - start, 1)}))


def kills():
    """Kill tasks, workers of Ray and their driver, each time at a random moment."""
    import psutil

    n_documents = 40_000
    draws = random.Random(0)
    with TemporaryDirectory() as folder:
        crawl = write_crawl(Path(folder) / "crawl", n_documents, 8)
        out = Path(folder) / "out"
        whole = Path(folder) / "whole"
        start = time.perf_counter()
        encode_files(SurfaceEncoder(scale=False), crawl, whole, text=False)
        seconds = time.perf_counter() - start
        n_killed = {"task": 0, "worker": 0, "driver": 0}
        wanted = {"task": 10, "worker": 5, "driver": 5}
        while n_killed != wanted:
            kind = draws.choice([k for k in wanted if n_killed[k] < wanted[k]])
            arguments = [crawl, out, "process", 1]
            if kind != "task":
                arguments = [crawl, out, "ray", 2]
            job = subprocess.Popen(
                [sys.executable, __file__, "engine_one", *map(str, arguments)],
                start_new_session=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            before = _n_shards(out)
            while job.poll() is None and _n_shards(out) == before:
                time.sleep(0.05)  # until it has begun to write
            time.sleep(draws.uniform(0, 1))
            victims = []
            if job.poll() is None:
                victims = [psutil.Process(job.pid)]
                if kind == "worker":
                    workers = [
                        each
                        for each in victims[0].children(recursive=True)
                        if "_Worker" in " ".join(each.cmdline())
                    ]
                    victims = draws.sample(workers, min(len(workers), 1))
            for victim in victims:
                victim.kill()
                n_killed[kind] += 1
            if kind == "worker":
                job.wait()  # Ray replaces it
                assert job.returncode == 0
            _end_group(job)
            print(kind, n_killed, _n_shards(out), flush=True)
            if folder_status(out)["state"].eq("done").all() and n_killed != wanted:
                for path in list(out.glob("part-*"))[::3]:
                    path.unlink()  # so that there is work to kill again
        encode_files(SurfaceEncoder(scale=False), crawl, out, text=False)
        names = {path.name for path in whole.glob("part-*")}
        assert names == {path.name for path in out.glob("part-*")}
        for name in names:
            assert (out / name).read_bytes() == (whole / name).read_bytes(), name
        assert read_embeddings(out).documents["id"].is_unique
        print(
            f"{sum(wanted.values())} kills of {wanted}, {seconds:.0f} s uninterrupted:"
        )
        print(f"{len(names)} files equal to the last byte")


def _n_shards(folder):
    return len(list(folder.glob("part-*.parquet")))


def _end_group(job):
    """End what is left of a job that this script started."""
    with suppress(ProcessLookupError):
        os.killpg(job.pid, signal.SIGKILL)
    job.wait()


def model(base):
    """Classify documents of 20 sentences by the pretrained weights, one thread."""
    from embetter_reg.text import PretrainedRegisters

    n_documents = 400
    with TemporaryDirectory() as folder:
        crawl = write_crawl(Path(folder) / "crawl", n_documents, 2, 20)
        n_characters = sum(
            int(batch["text"].str.len().sum()) for batch in iter_documents(crawl)
        )
        classifier = PretrainedRegisters(base, local_files_only=True)
        classifier.transform(["loaded"])
        start = time.perf_counter()
        out = predict_files(classifier, crawl, Path(folder) / "predicted")
        seconds = time.perf_counter() - start
        print(count_predictions(out).tail(1).to_string())
        n_bytes = sum(path.stat().st_size for path in out.glob("*.jsonl"))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
        print(f"peak {peak:.1f} GB")
        print(
            f"{n_documents / seconds:.1f} documents of {n_characters / n_documents:.0f} "
            f"characters a second, {n_bytes / n_documents:.0f} bytes of output each"
        )
        shutil.rmtree(out)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
