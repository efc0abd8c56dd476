"""Inputs done by workers of Ray, each of which holds the encoder."""

from collections.abc import Iterator, Sequence
from typing import Any

from embetter_reg._optional import optional_import
from embetter_reg.corpus import use_scheme
from embetter_reg.store._inputs import Work


def run_on_ray(
    work: Work,
    numbers: Sequence[int],
    address: str | None,
    workers: int,
    gpus_per_worker: float,
) -> Iterator[tuple[int, int]]:
    """Do inputs in any order; yield the number of each and that of its documents.

    Ray Data hands them out to a pool of actors, and replaces an actor that dies; its
    input goes on where it stopped, as that of a task that is repeated.
    """
    package = '"embetter-reg[ray]"'
    ray = optional_import("ray", package=package, purpose="engine='ray'")
    data = optional_import("ray.data", package=package, purpose="engine='ray'")
    if not ray.is_initialized():
        ray.init(address=address, log_to_driver=False, logging_level="WARNING")
    data.DataContext.get_current().enable_progress_bars = False
    items = [{"number": number} for number in numbers]
    inputs = data.from_items(items, override_num_blocks=len(items))
    results = inputs.map(
        _Worker,
        fn_constructor_args=(work,),
        compute=data.ActorPoolStrategy(size=workers),
        num_gpus=gpus_per_worker,
    )
    for result in results.iter_rows():
        if result["problem"]:
            raise ValueError(result["problem"])
        yield result["number"], result["n_documents"]


class _Worker:
    """An actor: it checks and keeps the encoder, and does one input after the other."""

    def __init__(self, work: Work):
        work.check_encoder()
        self._work = work

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        number = int(row["number"])
        n_documents = 0
        problem = ""
        try:
            with use_scheme(self._work.scheme):
                n_documents = self._work.run(number, lambda n_documents: None)
        except (ValueError, TypeError, OSError) as error:
            problem = str(error)  # told by the driver, in one sentence
        return {"number": number, "n_documents": n_documents, "problem": problem}
