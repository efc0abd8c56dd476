"""Files of estimators: equal bytes for equal fits, and nothing but listed classes."""

import json
import subprocess
import sys
import zipfile
from importlib import import_module

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

from embetter_reg import erase, grab, model, text
from embetter_reg._skops import TRUSTED, dump_estimator, load_estimator
from embetter_reg.finetune import heads
from embetter_reg.text import CachedEncoder, LiteTextEncoder, SurfaceEncoder

TEXTS = ["a cat sat", "the law passed", "my cat eats", "laws are read!"] * 3


def union(folder="cache"):
    parts = [
        ("lite", LiteTextEncoder(3, min_df=1, random_state=0)),
        ("surface", CachedEncoder(SurfaceEncoder(scale=False), folder)),
    ]
    return make_pipeline(FeatureUnion(parts), StandardScaler())


def test_equal_fits_give_equal_bytes_and_read_back(tmp_path, monkeypatch):
    for name in ("two", "one"):  # each with an empty cache of the same name
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        fitted = union().fit(TEXTS)
        dump_estimator(fitted, tmp_path / f"{name}.skops")
    data = (tmp_path / "one.skops").read_bytes()
    assert data == (tmp_path / "two.skops").read_bytes()
    again = load_estimator(tmp_path / "one.skops")
    dump_estimator(again, tmp_path / "again.skops")
    assert data == (tmp_path / "again.skops").read_bytes()
    np.testing.assert_array_equal(again.transform(TEXTS), fitted.transform(TEXTS))
    dump_estimator(union().fit(TEXTS[:7]), tmp_path / "other.skops")
    assert data != (tmp_path / "other.skops").read_bytes()


def test_another_process_writes_the_same_bytes(tmp_path, one_thread):
    code = (
        "import torch; torch.set_num_threads(1)\n"
        "from embetter_reg.text import LiteTextEncoder\n"
        f"encoder = LiteTextEncoder(3, min_df=1, random_state=0).fit({TEXTS})\n"
        f"encoder.save({str(tmp_path / 'theirs')!r})"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    LiteTextEncoder(3, min_df=1, random_state=0).fit(TEXTS).save(tmp_path / "ours")
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


def test_shared_and_repeated_arrays_read_back(tmp_path):
    """Two attributes that are one array, and two equal arrays, keep their values."""
    encoder = SurfaceEncoder().fit(TEXTS)
    encoder.scale_ = encoder.mean_
    encoder.extra_ = {"file": "a.npy", "n": [encoder.mean_.copy(), 1, 1.0, None]}
    dump_estimator(encoder, tmp_path / "e.skops")
    again = load_estimator(tmp_path / "e.skops", SurfaceEncoder)
    assert again.scale_ is again.mean_ and again.extra_["file"] == "a.npy"
    np.testing.assert_array_equal(again.mean_, encoder.mean_)
    np.testing.assert_array_equal(again.extra_["n"][0], encoder.mean_)
    assert again.extra_["n"][1:] == [1, 1.0, None]


def rename(source, target, old, new):
    """Copy a skops file with another name of a class in it."""
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(target, "w") as after:
        for name in before.namelist():
            data = before.read(name)
            if name == "schema.json":
                schema = json.loads(data)
                for key in ("__module__", "__class__"):
                    schema[key] = new[key] if schema[key] == old[key] else schema[key]
                data = json.dumps(schema)
            after.writestr(name, data)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("embetter_reg.store._files", "Path"),  # imported there, defined elsewhere
        ("embetter_reg.text._cached", "os.system"),
        ("embetter_reg.finetune.models", "RegisterTrainer"),
        ("subprocess", "Popen"),
    ],
)
def test_only_listed_classes_are_loaded(tmp_path, module, name):
    dump_estimator(SurfaceEncoder().fit(TEXTS), tmp_path / "e.skops")
    old = {"__module__": SurfaceEncoder.__module__, "__class__": "SurfaceEncoder"}
    new = {"__module__": module, "__class__": name}
    rename(tmp_path / "e.skops", tmp_path / "bad.skops", old, new)
    with pytest.raises(ValueError, match=rf"types \['{module}.{name}'\]"):
        load_estimator(tmp_path / "bad.skops")


def test_other_objects_and_damaged_files(tmp_path):
    path = tmp_path / "e.skops"
    dump_estimator(SurfaceEncoder().fit(TEXTS), path)
    message = "holds a SurfaceEncoder, expected a LiteTextEncoder"
    with pytest.raises(ValueError, match=message):
        LiteTextEncoder.load(path)
    dump_estimator(LiteTextEncoder(), path)
    with pytest.raises(ValueError, match="an encoder that is not fitted"):
        LiteTextEncoder.load(path)
    dump_estimator(LiteTextEncoder(3, min_df=1).fit(TEXTS), path)
    whole = path.read_bytes()
    for damaged in (b"", b"junk" * 99, whole[:200], whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="cannot be read as a skops file"):
            LiteTextEncoder.load(path)
    with pytest.raises(FileNotFoundError, match="which is no file"):
        LiteTextEncoder.load(tmp_path)


def test_the_list_holds_every_estimator_that_skops_can_write():
    """And every name in it is a class that is defined where the name says."""
    for name in TRUSTED:
        module, _, attribute = name.rpartition(".")
        assert hasattr(import_module(module), attribute), name
        if module != "pathlib":
            assert getattr(import_module(module), attribute).__module__ == module
    public = [getattr(text, name) for name in text.__all__]
    public += [getattr(erase, name) for name in erase.__all__]
    public += [getattr(heads, name) for name in heads.__all__]
    public += [grab.ColumnGrabber, grab.KeyGrabber, model.DifferenceClassifier]
    for cls in public:
        if isinstance(cls, type) and issubclass(cls, BaseEstimator):
            assert f"{cls.__module__}.{cls.__qualname__}" in TRUSTED
