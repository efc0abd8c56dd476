"""What is installed is whole: the wheel carries the corpus and works outside the repo."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

REPO = Path(__file__).parents[1]


def test_the_wheel_carries_the_corpus(tmp_path):
    source = tmp_path / "source"
    for name in ("embetter_reg", "datasets"):
        shutil.copytree(
            REPO / name, source / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPO / name, source / name)
    build = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--skip-dependency-check",
    ]
    subprocess.run(
        [*build, "--outdir", tmp_path, source], check=True, capture_output=True
    )
    installed = tmp_path / "installed"
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    assert {"py.typed", "datasets"} <= {
        path.name for path in (installed / "embetter_reg").iterdir()
    }
    pretrained = installed / "embetter_reg" / "pretrained"
    for path in (REPO / "embetter_reg" / "pretrained").glob("*/*"):
        if path.parent.name != "__pycache__":
            copy = pretrained / path.parent.name / path.name
            assert copy.read_bytes() == path.read_bytes()
    assert wheel.stat().st_size < 12_000_000
    shutil.rmtree(source)
    code = (
        "import embetter_reg as e; from embetter_reg.corpus import load_examples; "
        "print(e.__file__, len(e.load_registers()), len(load_examples('messages')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    place, *sizes = done.stdout.split()
    assert Path(place).is_relative_to(installed) and sizes == ["480", "101"]
