"""Chunks explained by the workers of a dask.distributed cluster, and committed by this process."""

from __future__ import annotations

import copy
import importlib.util
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import torch
from torch import nn

from eigrad.attribute import Attributions, Explainer, Session, Settled
from eigrad.attribute.session import Shipped
from eigrad.data import one_line
from eigrad.model import Target, Values
from eigrad.progress import track
from eigrad.store.group import Place
from eigrad.store.stream import begun, commit, of_outputs, writing

# Dask tells glibc to give memory back at once, which tensors then ask for again and again: at 1.6 times the time.
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
KEPT = {"MALLOC_TRIM_THRESHOLD_": 2**30, "MALLOC_MMAP_THRESHOLD_": 2**30}
# What Dask looks at many times a second wakes threads that compute; there is no dashboard here to show it.
QUIET = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
}
WAITING = 3  # chunks a worker has, so that it need not wait for the next


@contextmanager
def connected(scheduler: str | None, n_workers: int | None) -> Iterator[Any]:
    """A client of the scheduler at this address, or of so many workers on this machine; None where neither is given."""
    if scheduler is None and n_workers is None:
        yield None
        return
    if importlib.util.find_spec("distributed") is None:
        raise ValueError("--scheduler, --workers: need a package that is not installed: pip install dask[distributed]")
    if n_workers is not None and (n_workers < 1 or scheduler is not None):
        raise ValueError(f"--workers: got {n_workers}, expected at least 1, and no --scheduler beside it")
    distributed: Any = importlib.import_module("distributed")
    if scheduler is None:
        options = {"n_workers": n_workers, "threads_per_worker": 1, "dashboard_address": None}
        options["memory_limit"] = 0  # none: one process has none either, and a worker is not to be killed for its part
        settings = {"distributed.nanny.pre-spawn-environ": dict.fromkeys(THREADS, 1) | KEPT, **QUIET}
        with (
            importlib.import_module("dask").config.set(settings),
            distributed.LocalCluster(**options) as cluster,
            distributed.Client(cluster, direct_to_workers=True) as client,
        ):
            yield client
        return
    try:
        client = distributed.Client(scheduler, timeout=10)
    except (OSError, ValueError, TimeoutError) as error:
        raise ValueError(
            f"--scheduler: got {scheduler!r} ({one_line(error)}), expected the address of one that runs"
        ) from error
    with client:
        yield client


def distribute(
    place: Place,
    explainer: Explainer,
    samples: Any,
    client: Any,
    *,
    target: Target = None,
    extra: Values | Sequence[Values] = (),
    resume: bool = False,
    overwrite: bool = False,
    device: str | None = None,
) -> None:
    """As `store.stream`, with the chunks explained by the workers of a `dask.distributed.Client`.

    The first chunk is explained here, and settles the rule for all; the network is sent to every worker once, and moved
    to `device` there (by default it stays where it is). A chunk whose worker is lost is explained by another. What is
    written is what one process writes, where workers compute with as many threads as it does. Give a worker one thread,
    and on GPUs one worker each (dask-cuda does so).
    """
    with writing(place):
        writer, session, left = begun(
            place, explainer, samples, target=target, extra=extra, resume=resume, overwrite=overwrite
        )
        if left and session.first in left:
            commit(writer, session, session.first)
            left.remove(session.first)
        if not left:
            return
        payload = client.submit(Payload, explainer, session.settled, session.shipped(session.first), device, pure=False)
        done = _explained_by(client, payload, session, left)
        for i, part in track(done, "explaining", len(left), enabled=explainer.progress):
            writer(i, session.chunks[i], of_outputs(part, session))


@dataclass
class Payload:
    """What a worker needs once: the explainer, what is settled, and the chunk along which its network is surveyed."""

    explainer: Explainer
    settled: Settled
    first: Shipped
    device: str | None

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._session: Session | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.__post_init__()

    def explained(self, shipped: Shipped) -> Attributions:
        """The attributions of a chunk; one at a time, since a network is in one mode."""
        with self._lock:
            if self._session is None:
                self._session = self._begun()
            return self._session.explained(shipped)

    def _begun(self) -> Session:
        explainer = copy.deepcopy(self.explainer)  # to memory of PyTorch's own, as in the process it came from
        if self.device is not None and isinstance(explainer.model, nn.Module):
            explainer = replace(explainer, model=explainer.model.to(torch.device(self.device)))
        values, target, extra = self.first
        return explainer.session(values, target=target, extra=extra, settled=self.settled)


def _explain(payload: Payload, shipped: Shipped) -> Attributions:
    return payload.explained(shipped)


def _explained_by(
    client: Any, payload: Any, session: Session, left: Sequence[int]
) -> Iterator[tuple[int, Attributions]]:
    """Chunks as they are finished, with few of them under way at once."""
    distributed: Any = importlib.import_module("distributed")
    waiting = iter(left)
    number: dict[str, int] = {}

    def submitted(i: int) -> Any:
        with warnings.catch_warnings():  # of chunks of a few MiB, which are sent once and not kept
            warnings.filterwarnings("ignore", "Sending large graph")
            future = client.submit(_explain, payload, session.shipped(i), pure=False)
        number[future.key] = i
        return future

    n_threads = max(1, sum(client.nthreads().values()))
    first = [submitted(i) for i in islice(waiting, WAITING * n_threads)]
    under_way = distributed.as_completed(first)
    for future in under_way:
        yield number.pop(future.key), future.result()
        future.release()
        for i in waiting:
            under_way.add(submitted(i))
            break
