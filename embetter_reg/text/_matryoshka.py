"""The first dimensions of models that are trained to be shortened."""

from embetter_reg.text._sentence import SentenceEncoder


class MatryoshkaEncoder(SentenceEncoder):
    """Encode documents with the first ``truncate_dim`` dimensions of a Matryoshka
    model.

    Such models are trained so that any prefix of their vectors is an embedding
    (Kusupati et al. 2022, "Matryoshka Representation Learning"). All other parameters
    are those of `SentenceEncoder`, of which it has no ``layers``; with
    ``normalize=True`` the shortened vectors have unit length.

    Examples
    --------
    >>> from embetter_reg.text import MatryoshkaEncoder
    >>> MatryoshkaEncoder(truncate_dim=64).transform(["A first document."]).shape  # doctest: +SKIP
    (1, 64)

    """

    def __init__(
        self,
        name="tomaarsen/mpnet-base-nli-matryoshka",
        *,
        truncate_dim=256,
        batch_size=32,
        device="auto",
        normalize=False,
        prompt=None,
        prompt_name=None,
        long="head",
        overlap=64,
        max_length=None,
        dtype="auto",
        backend="torch",
        model_kwargs=None,
        revision=None,
        local_files_only=False,
        show_progress=False,
    ):
        super().__init__(
            name,
            batch_size=batch_size,
            device=device,
            normalize=normalize,
            truncate_dim=truncate_dim,
            prompt=prompt,
            prompt_name=prompt_name,
            long=long,
            overlap=overlap,
            max_length=max_length,
            dtype=dtype,
            backend=backend,
            model_kwargs=model_kwargs,
            revision=revision,
            local_files_only=local_files_only,
            show_progress=show_progress,
        )
