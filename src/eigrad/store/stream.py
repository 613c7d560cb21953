"""Samples explained into a store chunk by chunk: what is committed is kept whatever happens, and gone on from."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zarr
from filelock import FileLock, Timeout

from eigrad.attribute import Attributions, Explainer, Session, Settled
from eigrad.model import Target, Values
from eigrad.progress import track
from eigrad.store.fingerprint import differing, fingerprint
from eigrad.store.group import COMMITS, Commit, Place, Writer, begin, damaged, opened, recorded
from eigrad.store.whole import make_parent

logger = logging.getLogger(__name__)

SETTLED = "settled"


def stream(
    place: Place,
    explainer: Explainer,
    samples: Any,
    *,
    target: Target = None,
    extra: Values | Sequence[Values] = (),
    resume: bool = False,
    overwrite: bool = False,
) -> None:
    """Explain samples chunk by chunk into the Zarr group `place`, a path or a URL that fsspec knows, holding one chunk.

    `samples` may be memory-mapped. With `resume` what is committed there is kept, after a look whether it is still what
    was written, and the rest is added: ValueError where it was begun with another model, data or settings, with their
    names. Without, ValueError where something is there, unless it is to be overwritten.
    """
    with writing(place):
        writer, session, left = begun(
            place, explainer, samples, target=target, extra=extra, resume=resume, overwrite=overwrite
        )
        for i in track(left, "explaining", enabled=explainer.progress):
            commit(writer, session, i)


def begun(
    place: Place,
    explainer: Explainer,
    samples: Any,
    *,
    target: Target = None,
    extra: Values | Sequence[Values] = (),
    resume: bool = False,
    overwrite: bool = False,
) -> tuple[Writer, Session, list[int]]:
    """What writes into the group, the session that fills it, and the numbers of the chunks that are left to do."""
    facts = json.loads(json.dumps(fingerprint(explainer, samples, target=target, extra=extra)))
    there = _anything(place)
    if there and not (resume or overwrite):
        raise ValueError(f"{place}: there is something already, expected resume, overwrite, or another place")
    group, settled = _resumed(place, facts) if there and not overwrite else (None, None)
    session = explainer.session(samples, target=target, extra=extra, settled=settled)
    found = session.settled if settled is None else settled  # refuses before anything is written or written over
    n_samples = session.chunks[-1].stop
    if group is None:
        group = begin(place, n_samples, facts)
    elif group.attrs.get("n_samples") != n_samples:
        group.attrs["n_samples"] = n_samples  # damaged: of these facts it can be no other
    if settled is None:
        group.attrs[SETTLED] = found.as_json()
    return Writer(group), session, _left(group, session, place)


def commit(writer: Writer, session: Session, i: int) -> None:
    """Explain a chunk and commit it."""
    writer(i, session.chunks[i], of_outputs(session(i), session))


def of_outputs(part: Attributions, session: Session) -> Attributions:
    """As it is asked for: with an axis of outputs only where there are several, or a tuple of one."""
    return part.output(0) if part.n_outputs == 1 and not session.several else part


@contextmanager
def writing(place: Place) -> Iterator[None]:
    """A block in which no other process of this machine writes there; ValueError where one does."""
    if _is_url(place):
        yield
        return
    path = Path(place)
    make_parent(path)
    lock = FileLock(path.parent / f".{path.name}.lock", blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise ValueError(f"{place}: another process is writing there, expected one at a time") from None
    try:
        yield
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def _anything(place: Place) -> bool:
    """Whether there is more than what is left of a run that was interrupted before it began to write."""
    if _is_url(place):
        import fsspec  # type: ignore[import-untyped]

        filesystem, path = fsspec.core.url_to_fs(place)
        return bool(filesystem.exists(path))
    path = Path(place)
    return path.exists() and not (path.is_dir() and all(each.suffix == ".partial" for each in path.iterdir()))


def _resumed(place: Place, facts: dict[str, Any]) -> tuple[zarr.Group, Settled | None]:
    """The group to go on with, and what its first chunk settled."""
    with opened(place) as group:
        before: Any = group.attrs["fingerprint"]
        settled: Any = group.attrs.get(SETTLED)
        kept = None if settled is None else Settled.from_json(settled)
    if before != facts:
        names = ", ".join(differing(before, facts)) if isinstance(before, dict) else "run"
        raise ValueError(f"{place}: was begun with another {names}, expected the same to resume, or another place")
    for leftover in Path(place).rglob("*.partial") if not _is_url(place) else ():
        leftover.unlink()
    return zarr.open_group(place, mode="r+"), kept


def _left(group: zarr.Group, session: Session, place: Place) -> list[int]:
    """The numbers of the chunks that are not committed, or no longer what was; these lose their commit."""
    done = set()
    for i, each in recorded(group).items():
        name = _damaged(group, each, session.chunks[i] if i < len(session) else None)
        if name is None:
            done.add(i)
            continue
        logger.warning("%s: %s of chunk %d is not what was saved; computing it again", place, name, i)
        del group[f"{COMMITS}/{i}"]
    return [i for i in range(len(session)) if i not in done]


def _damaged(group: zarr.Group, each: Commit | None, rows: slice | None) -> str | None:
    if each is None:
        return "the commit"
    return damaged(group, each) if each.rows == rows else "the number"


def _is_url(place: Place) -> bool:
    return isinstance(place, str) and "://" in place
