"""SbertLearner: fine-tune a sentence-transformers model on pairs of texts."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from embetter_reg._devices import pick_device, pick_dtype
from embetter_reg._hub import loading
from embetter_reg._parameters import one_of
from embetter_reg._random import draw_seed, seeded_torch
from embetter_reg._validation import check_same_length, check_texts
from embetter_reg.finetune.models._checks import check_extra, check_trainer
from embetter_reg.finetune.models._sbert_files import load_model, save_model
from embetter_reg.finetune.pairs import Pairs

LOSSES = ("cosine", "cosent", "contrastive")


class SbertLearner(BaseEstimator):
    """Fine-tune a sentence-transformers model on pairs of texts with similarities.

    The model that is passed stays as it is; ``model_`` is a trained copy. Needs the
    extra ``sbert``.

    Parameters
    ----------
    model : SentenceTransformer, str or Path
        A model, its name on a hub, or a folder; the latter two are loaded in `fit`.
    batch_size : int
        Pairs a step, and texts encoded together.
    n_epochs : int
        Passes over the pairs in `fit`.
    learning_rate : float
        Of AdamW, at its highest.
    warmup_ratio : float
        Share of the steps over which the learning rate rises from zero, in [0, 1]; then
        it falls linearly to zero.
    loss : {"cosine", "cosent", "contrastive"}
        Squared error of the cosine; CoSENT, which asks only for the right order of
        cosines within a batch (Su 2022); or the contrastive loss with margin 0.5 on
        cosine distances (Hadsell et al. 2006).
    early_stopping : bool
        Hold back ``validation_fraction`` of the pairs, stop when their loss has not
        improved for ``n_iter_no_change`` checks, and keep the best weights.
    validation_fraction : float
        In (0, 1).
    n_iter_no_change : int
    check_every : int or None
        Steps between two checks: a record in the history, a look at the held-out pairs,
        a checkpoint. None is an epoch.
    checkpoint_folder : path or None
        Where checkpoints go. A `fit` that was killed goes on from the last of them when
        it is called again with the same model, pairs, parameters and folder, and ends
        with the same weights; its checkpoints are removed at the end. Needs a
        ``random_state``.
    copy : bool
        Train a copy of a model that is passed as an object; False trains that object
        itself.
    dtype : {"auto", "float32", "bfloat16"}
        Type of the computation; the weights are float32. ``"auto"`` takes bfloat16 on a
        GPU that has it.
    random_state : int, RandomState or None
        Decides order, dropout and what is held back. The same seed gives the same
        weights.
    device : {"auto", "cpu", "cuda", "mps"}
        ``"auto"`` is the accelerator that is there, else the CPU.
    show_progress : bool
        Draw a progress bar over steps.

    Attributes
    ----------
    model_ : SentenceTransformer
    history_ : list of dict
        A record a check: ``step``, ``epoch``, ``loss`` (mean since the record before)
        and, with early stopping, ``validation_loss``.

    Raises
    ------
    ValueError
        If lengths differ, a text is missing, a similarity is outside [0, 1], or a
        parameter is wrong.
    OSError
        If the model cannot be loaded, or a checkpoint cannot be written.
    ImportError
        If the extra ``sbert`` is not installed.

    Examples
    --------
    >>> from embetter_reg.finetune import SbertLearner
    >>> name = "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"
    >>> learner = SbertLearner(name, random_state=0)
    >>> first = ["Mix the flour.", "Mix the flour."]
    >>> second = ["Sekoita jauhot.", "The law was passed."]
    >>> learner.fit(first, second, [1, 0]).predict(first, second).shape  # doctest: +SKIP
    (2,)

    """

    def __init__(
        self,
        model="all-MiniLM-L6-v2",
        batch_size=16,
        n_epochs=1,
        learning_rate=2e-5,
        warmup_ratio=0.1,
        *,
        loss="cosine",
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=3,
        check_every=None,
        checkpoint_folder=None,
        copy=True,
        dtype="auto",
        random_state=None,
        device="auto",
        show_progress=False,
    ):
        self.model = model
        self.batch_size = batch_size
        self.n_epochs = n_epochs
        self.learning_rate = learning_rate
        self.warmup_ratio = warmup_ratio
        self.loss = loss
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.check_every = check_every
        self.checkpoint_folder = checkpoint_folder
        self.copy = copy
        self.dtype = dtype
        self.random_state = random_state
        self.device = device
        self.show_progress = show_progress

    def fit(self, X1: ArrayLike, X2: ArrayLike, y: ArrayLike) -> Self:
        """Train a new copy of the model on pairs of texts and similarities ``y``, from
        0 to 1.
        """
        self._check_parameters()
        texts, pairs = _check_pairs(X1, X2, y)
        seed = draw_seed(self.random_state)
        rng = np.random.default_rng(seed)
        rows = rng.permutation(len(pairs.first))
        held_out = None
        if self.early_stopping:
            n_held_out = int(np.ceil(self.validation_fraction * len(rows)))
            if n_held_out == len(rows):
                raise ValueError(
                    f"got {len(rows)} pairs with early_stopping, expected some beside "
                    f"the {n_held_out} held-out ones; pass more pairs or "
                    "early_stopping=False"
                )
            held_out = _take(pairs, rows[:n_held_out])
            rows = rows[n_held_out:]
        epochs = [_take(pairs, rng.permutation(rows)) for _ in range(self.n_epochs)]
        return self._fit(texts, epochs, held_out, seed)

    def partial_fit(self, X1: ArrayLike, X2: ArrayLike, y: ArrayLike) -> Self:
        """Continue training: one pass over these pairs at the full learning rate,
        without checks or checkpoints.
        """
        self._check_parameters()
        texts, pairs = _check_pairs(X1, X2, y)
        if not hasattr(self, "model_"):
            self._start(draw_seed(self.random_state))
        seed = self._next_seed()
        order = np.random.default_rng(seed).permutation(len(pairs.first))
        return self._continue(texts, _take(pairs, order), seed)

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the embedding of texts ``X``, ``float32 (n_documents, n_dims)``."""
        check_is_fitted(self)
        texts = check_texts(X)
        if not texts:
            return np.empty((0, self._n_features_out), np.float32)
        vectors = self.model_.encode(
            texts,
            batch_size=self.batch_size,
            show_progress_bar=self.show_progress,
            convert_to_numpy=True,
        )
        return np.ascontiguousarray(vectors, dtype=np.float32)

    def predict(self, X1: ArrayLike, X2: ArrayLike) -> np.ndarray:
        """Return the cosine of each pair of texts, ``float32 (n_pairs,)``."""
        check_same_length(X1=check_texts(X1), X2=check_texts(X2))
        first = self.transform(X1)
        second = self.transform(X2)
        norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
        return (first * second).sum(axis=1) / np.maximum(norms, 1e-12)

    def save(self, folder: str | Path) -> None:
        """Write the tuned model into a folder that SentenceTransformer,
        `SentenceEncoder` and `load` read.

        Raises
        ------
        OSError
            If the folder cannot be written to.

        """
        check_is_fitted(self)
        save_model(self.model_, folder, self.get_params(), self.history_)

    @classmethod
    def load(cls, folder: str | Path, **parameters: Any) -> Self:
        """Return a fitted learner from a folder that `save` wrote.

        Its parameters are those that were saved, but ``model`` is the folder, so that a
        new `fit` starts from the tuned model, and ``device`` is ``"auto"``.
        ``parameters`` override them.

        Raises
        ------
        ValueError
            If the folder was not written by `save`.
        OSError
            If the model cannot be loaded.

        """
        saved, history = load_model(folder, cls)
        learner = cls(**{**saved, **parameters})
        learner._start(draw_seed(learner.random_state))
        learner.model_.eval()
        learner.history_ = history
        return learner

    # -- what fit is made of -----------------------------------------------------------

    def _fit(
        self,
        texts: Sequence[str],
        epochs: Sequence[Pairs],
        held_out: Pairs | None,
        seed: int,
    ) -> Self:
        """Train a new model on the pairs of each epoch, in their order."""
        self._start(seed)
        self.history_ = self._train(texts, epochs, held_out, seed)
        return self

    def _start(self, seed: int) -> None:
        """Forget what was learned."""
        self.__dict__.pop("_optimizer", None)
        with seeded_torch(seed):  # of layers that the saved model lacks
            self.model_ = self._load()
        self.history_ = []

    def _next_seed(self) -> int:
        """Return the seed of the next `partial_fit`."""
        return (draw_seed(self.random_state) + len(self.history_)) % 2**31

    def _continue(self, texts: Sequence[str], pairs: Pairs, seed: int) -> Self:
        """Go on training with the same optimizer."""
        if not hasattr(self, "_optimizer"):
            self._optimizer = torch.optim.AdamW(
                self.model_.parameters(), self.learning_rate, weight_decay=0.0
            )
        records = self._train(texts, [pairs], None, seed, optimizer=self._optimizer)
        last = {"step": 0, "epoch": 0.0}
        if self.history_:
            last = self.history_[-1]
        for record in records:
            step = last["step"] + record["step"]
            epoch = last["epoch"] + record["epoch"]
            self.history_.append({**record, "step": step, "epoch": epoch})
        return self

    def _train(
        self,
        texts: Sequence[str],
        epochs: Sequence[Pairs],
        held_out: Pairs | None,
        seed: int,
        *,
        optimizer: torch.optim.Optimizer | None = None,
    ) -> list[dict[str, float]]:
        """Train the model; with an ``optimizer`` to go on with, at a constant rate."""
        from embetter_reg.finetune.models import _sbert_run
        from embetter_reg.finetune.models._run import Recipe, Surroundings

        steps_per_epoch = int(np.ceil(len(epochs[0].first) / self.batch_size))
        dtype = pick_dtype(self.dtype, self.model_.device.type)
        recipe = Recipe(
            batch_size=self.batch_size,
            n_steps=steps_per_epoch * len(epochs),
            steps_per_epoch=steps_per_epoch,
            learning_rate=self.learning_rate,
            bfloat16=dtype == torch.bfloat16,
            seed=seed,
            warmup_ratio=self.warmup_ratio,
            check_every=self.check_every,
            n_iter_no_change=self.n_iter_no_change,
        )
        surroundings = Surroundings(
            checkpoint_folder=self.checkpoint_folder, show_progress=self.show_progress
        )
        if optimizer is not None:
            recipe = replace(
                recipe, schedule="constant", warmup_ratio=0.0, check_every=None
            )
            surroundings = replace(surroundings, checkpoint_folder=None)
        history = _sbert_run.train(
            self.model_,
            texts,
            epochs,
            held_out,
            recipe,
            loss=self.loss,
            optimizer=optimizer,
            surroundings=surroundings,
        )
        self.model_.eval()
        return history

    def _load(self) -> Any:
        """Return the model to train, on its device."""
        # The last of them came with version 6 of sentence-transformers.
        check_extra(
            self,
            "datasets",
            "accelerate",
            "sentence_transformers.sentence_transformer",
        )
        from sentence_transformers import SentenceTransformer

        device = pick_device(self.device)
        if isinstance(self.model, SentenceTransformer):
            model = self.model
            if self.copy:
                model = copy.deepcopy(model)
            return model.to(device)
        if not isinstance(self.model, str | Path):
            raise TypeError(
                f"got {type(self.model).__name__} as model, expected a "
                "SentenceTransformer, a name or a folder; pass one of them"
            )
        with loading(str(self.model)):
            return SentenceTransformer(
                str(self.model), device=device, model_kwargs={"dtype": torch.float32}
            )

    @property
    def _n_features_out(self) -> int:
        return self.model_.get_embedding_dimension()

    def _check_parameters(self) -> None:
        check_trainer(self, loss=one_of(LOSSES))

    def __getstate__(self):
        # A loaded learner that continues starts with fresh moments of the optimizer.
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_optimizer"}


def _check_pairs(X1, X2, y) -> tuple[list[str], Pairs]:
    """Return all texts, and the pairs as row numbers among them."""
    first = check_texts(X1)
    second = check_texts(X2)
    try:
        similarity = np.asarray(y, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "got similarities that are not numbers, expected one in [0, 1] a pair; "
            "convert y"
        ) from error
    if similarity.ndim != 1 or not len(first):
        raise ValueError(
            f"got similarities of shape {similarity.shape}, expected one a pair; pass "
            "at least one pair"
        )
    check_same_length(X1=first, X2=second, y=similarity)
    is_wrong = ~((similarity >= 0) & (similarity <= 1))
    if is_wrong.any():
        position = np.flatnonzero(is_wrong)[0]
        raise ValueError(
            f"got the similarity {similarity[position]} at position {position}, "
            "expected one in [0, 1]; rescale y"
        )
    rows = np.arange(len(first))
    return first + second, Pairs(rows, rows + len(first), similarity)


def _take(pairs: Pairs, rows: np.ndarray) -> Pairs:
    return Pairs(*(column[rows] for column in pairs))
