"""What RegisterTrainer trains on and how its checks are scored."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from embetter_reg._class_weights import weigh_classes
from embetter_reg._devices import pick_dtype
from embetter_reg._scores import f1_by_language
from embetter_reg.finetune.models._adapters import plain
from embetter_reg.finetune.models._linear_probe import start_from_probe
from embetter_reg.finetune.models._register_documents import Documents, make_windows
from embetter_reg.finetune.models._register_labels import targets
from embetter_reg.text import GRID, raise_parents

if TYPE_CHECKING:
    from embetter_reg.finetune.models._register_run import Examples
    from embetter_reg.finetune.models._register_trainer import RegisterTrainer
    from embetter_reg.finetune.models._run import Recipe


def train_on(
    trainer: "RegisterTrainer",
    model: Any,
    tokenizer: Any,
    documents: Documents,
    held_out: Documents,
    seed: int,
    *,
    keep_checkpoints: bool,
) -> list[dict[str, float]]:
    """Train ``model`` in place on documents and return its history."""
    from embetter_reg.finetune.models._register_run import Objective, train
    from embetter_reg.finetune.models._run import Surroundings

    examples = make_examples(trainer, model, tokenizer, documents)
    recipe = make_recipe(trainer, model, len(examples), seed)
    if trainer.linear_probe and trainer.objective == "register":
        start_from_probe(
            model,
            tokenizer,
            examples,
            batch_size=2 * recipe.batch_size,
            bfloat16=recipe.bfloat16,
        )
    weights = None
    if examples.targets is not None:
        weights = weigh_classes(
            trainer.class_weight, examples.targets, trainer.classes_
        )
    class_weights = None
    if weights is not None:
        class_weights = tuple(weights.tolist())
    held_out_examples = None
    measure = None
    if len(held_out):
        held_out_examples = make_examples(trainer, model, tokenizer, held_out)
        if held_out.labels is not None:
            measure = _measure(trainer, held_out, held_out.labels)
    with _fast_attention(plain(model), recipe):
        return train(
            model,
            tokenizer,
            _shuffled(examples, recipe),
            held_out_examples,
            recipe,
            Objective(
                trainer.objective,
                trainer.mask_share,
                seed,
                class_weights,
                trainer.supcon_weight,
                trainer.temperature,
            ),
            measure=measure,
            surroundings=Surroundings(
                checkpoint_folder=trainer.checkpoint_folder,
                keep_checkpoints=keep_checkpoints,
                report_to=trainer._reporters(),
                log_folder=trainer.log_folder,
                show_progress=trainer.show_progress,
            ),
        )


@contextmanager
def _fast_attention(model: Any, recipe: "Recipe") -> Iterator[None]:
    """Leave torch's fused attention for training in bfloat16 on a CPU, where its
    backward pass takes half of a step.
    """
    if not recipe.bfloat16 or model.device.type != "cpu":
        yield
        return
    usual = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(usual)


def make_examples(
    trainer: "RegisterTrainer", model: Any, tokenizer: Any, documents: Documents
) -> "Examples":
    """Return the windows of documents in their order, with targets of a classifier."""
    from embetter_reg.finetune.models._register_run import Examples

    windows = make_windows(
        documents.texts,
        tokenizer,
        model,
        objective=trainer.objective,
        max_length=trainer.max_length,
        prompt=trainer.prompt,
    )
    y = None
    if documents.labels is not None:
        y = targets(documents.labels, trainer.classes_, trainer.is_multi_label_)
    groups = None
    if trainer.supcon_weight and documents.labels is not None:
        groups = _groups(documents)
    return Examples(windows, y, np.arange(len(windows)), groups)


def _groups(documents: Documents) -> np.ndarray:
    """Return the number of each document's language; where they are not known, or all
    the same, every document is a group of its own.
    """
    names, numbers = np.unique(documents.language_names, return_inverse=True)
    if len(names) < 2:
        return np.arange(len(documents))
    return numbers


def make_recipe(
    trainer: "RegisterTrainer", model: Any, n_windows: int, seed: int
) -> "Recipe":
    """Return the recipe of a run over so many windows an epoch."""
    from embetter_reg.finetune.models._run import Recipe

    steps_per_epoch = n_windows / (trainer.batch_size * trainer.accumulate)
    n_steps = trainer.max_steps
    if n_steps is None:
        n_steps = max(1, math.ceil(trainer.n_epochs * steps_per_epoch))
    dtype = pick_dtype(trainer.dtype, next(model.parameters()).device.type)
    return Recipe(
        batch_size=trainer.batch_size,
        n_steps=n_steps,
        steps_per_epoch=steps_per_epoch,
        learning_rate=trainer.learning_rate_,
        bfloat16=dtype == torch.bfloat16,
        seed=seed,
        warmup_ratio=trainer.warmup_ratio,
        weight_decay=trainer.weight_decay,
        accumulate=trainer.accumulate,
        check_every=trainer.check_every,
        n_iter_no_change=trainer.n_iter_no_change,
        dropout=trainer.dropout,
    )


def text_figures(trainer: "RegisterTrainer", documents: Documents) -> pd.DataFrame:
    """Return the loss of a token and the perplexity by language, and for ``"all"``."""
    from embetter_reg.finetune.models._register_run import Objective, mean_loss

    objective = Objective(trainer.objective, trainer.mask_share, seed=0)
    languages = documents.language_names
    rows = []
    for name in [*sorted(set(languages)), "all"]:
        chosen = documents
        if name != "all":
            chosen = documents.take(np.flatnonzero(languages == name))
        examples = make_examples(trainer, trainer.model_, trainer.tokenizer_, chosen)
        loss = mean_loss(
            trainer.model_,
            trainer.tokenizer_,
            examples,
            objective,
            2 * trainer.batch_size,
        )
        rows.append(
            {
                "language": name,
                "n_documents": len(chosen),
                "loss": loss,
                "perplexity": math.exp(loss),
            }
        )
    return pd.DataFrame(rows)


def _shuffled(examples: "Examples", recipe: "Recipe") -> "Examples":
    """Return examples in the order of all steps, each epoch in an order of its own."""
    from embetter_reg.finetune.models._register_run import Examples

    n_places = recipe.n_steps * recipe.batch_size * recipe.accumulate
    n_epochs = math.ceil(n_places / len(examples))
    rng = np.random.default_rng(recipe.seed)
    order = [rng.permutation(len(examples)) for _ in range(n_epochs)]
    return Examples(
        examples.windows,
        examples.targets,
        np.concatenate(order)[:n_places],
        examples.groups,
    )


def _measure(
    trainer: "RegisterTrainer", held_out: Documents, gold: list[list[str]]
) -> Callable[[np.ndarray], dict[str, float]]:
    """Return what turns held-out logits into F1, several labels at the threshold that
    is best for them all.
    """
    classes = trainer.classes_

    def table_at(predictions: np.ndarray) -> pd.DataFrame:
        predicted = [
            [classes[column] for column in np.flatnonzero(row)] for row in predictions
        ]
        return f1_by_language(gold, predicted, held_out.language_names)

    def best_table(logits: np.ndarray) -> pd.DataFrame:
        if not trainer.is_multi_label_:
            return table_at(np.eye(len(classes), dtype=bool)[logits.argmax(axis=1)])
        sigmoids = torch.as_tensor(logits, dtype=torch.float32).sigmoid()
        probabilities = raise_parents(sigmoids.numpy(), classes)
        tables = [table_at(probabilities >= threshold) for threshold in GRID]
        return max(tables, key=lambda table: table["micro_f1"].iloc[-1])

    def measure(logits: np.ndarray) -> dict[str, float]:
        table = best_table(logits)
        micro = table.set_index("language")["micro_f1"]
        figures = {"f1": micro["all"], "f1_macro": table["macro_f1"].iloc[-1]}
        if held_out.languages is not None:
            for name, value in micro.drop("all").items():
                figures[f"f1_{name}"] = value
        return figures

    return measure
