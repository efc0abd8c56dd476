"""What the tests of the trainers share."""

import json
import signal
import subprocess
import sys

import pytest

KILLED = """
import importlib, json, os, signal, sys
from embetter_reg import finetune

module, name, options, texts, labels = json.loads(sys.argv[1])
trainer = importlib.import_module(f"embetter_reg.finetune.models.{module}")._Trainer
step, calls = trainer.training_step, []
def training_step(self, *args, **kwargs):
    calls.append(1)
    if len(calls) == 11:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, *args, **kwargs)
trainer.training_step = training_step
getattr(finetune, name)(**options).fit(texts, labels)
"""


@pytest.fixture
def fit_killed():
    """Return what fits ``finetune.<name>`` in another process, which is killed in the
    eleventh step of training.
    """

    def run(module, name, options, texts, labels):
        given = json.dumps([module, name, options, texts, labels])
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, given], capture_output=True
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()

    return run
