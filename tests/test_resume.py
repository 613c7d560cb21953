"""A run that was interrupted ends as one that was not: what is committed is kept, checked, and gone on from."""

import copy
import errno
import functools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from itertools import chain
from pathlib import Path

import fsspec
import numpy as np
import pandas as pd
import pytest
import torch
import zarr
from filelock import FileLock
from torch import nn
from zarr.storage import LocalStore

from eigrad import Explainer, baselines, paths, store
from eigrad.attribute import TENSORS, Session
from eigrad.store.fingerprint import differing

N, D, B, H, K = 13, 5, 3, 7, 6  # samples, features, baselines, hidden units, outputs
PAIRS, ROWS = 12, [slice(0, 4), slice(4, 8), slice(8, 12), slice(12, 13)]
KILLS, MANY, LATEST = 3, 60, 16  # how often a run of many chunks is killed, and after how many of them at the latest
EXPLAIN = Session.__call__


class Work(list):
    """The numbers of the chunks that were computed, in order; the one of `stop` is interrupted."""

    stop = None


@pytest.fixture(autouse=True)
def work(monkeypatch):
    numbers = Work()

    def noted(session, i):
        if i == numbers.stop:
            raise KeyboardInterrupt
        numbers.append(i)
        return EXPLAIN(session, i)

    monkeypatch.setattr(Session, "__call__", noted)
    monkeypatch.setattr("eigrad.attribute.session.PAIRS_AT_ONCE", PAIRS)
    return numbers


def network_of(seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(D, H), nn.ReLU(), nn.Linear(H, K))


def explainer_and_samples(seed):
    drawn = torch.randn(2 * N + 4, D, generator=torch.Generator().manual_seed(seed))
    baseline = baselines.Median(drawn[N:], n=B)
    return Explainer(network_of(seed), 1, baseline=baseline, progress=False), drawn[:N].clone()


@pytest.fixture
def explainer(seed):
    return explainer_and_samples(seed)[0]


@pytest.fixture
def samples(seed):
    return explainer_and_samples(seed)[1]


@functools.cache
def never_interrupted(seed):
    with tempfile.TemporaryDirectory() as folder:
        store.stream(Path(folder, "run"), *explainer_and_samples(seed))
        return files(Path(folder, "run"))


@pytest.fixture
def whole(seed, work):
    """The files of a run that nothing interrupted."""
    found = never_interrupted(seed)
    work.clear()
    return found


@pytest.fixture
def place(tmp_path, whole):
    """Such a run, before anything happens to it."""
    for name, content in whole.items():
        path = tmp_path / "run" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "run"


@pytest.fixture
def url():
    """A folder in the memory of this process."""
    yield "memory://resume/run"
    fsspec.filesystem("memory").rm("/resume", recursive=True)


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def lock_of(place):
    return place.parent / f".{place.name}.lock"


def same(one, other):
    """Equal to the bit, and in what they say of themselves."""
    facts = (*store.FACTS, "feature_names", "n_outputs")
    return all(getattr(one, name) == getattr(other, name) for name in facts) and all(
        torch.equal(getattr(one, name), getattr(other, name)) for name in TENSORS
    )


def one_sentence(refused):
    text = str(refused.value)
    return "\n" not in text and not text.endswith(".")


def refused(match, *given, **settings):
    with pytest.raises(ValueError, match=match) as error:
        store.stream(*given, **settings)
    return one_sentence(error)


def interrupt(work, at, *given, **settings):
    work.stop = at
    with pytest.raises(KeyboardInterrupt):
        store.stream(*given, **settings)
    work.stop = None
    work.clear()


# killed


def run_to_be_killed(place, samples, log, seed):
    """Begin or go on, and note the number of every chunk before it is computed."""
    torch.set_num_threads(1)
    sys.modules[Session.__module__].PAIRS_AT_ONCE = 4

    def noted(session, i):
        with Path(log).open("a") as file:
            file.write(f"{i}\n")
        return EXPLAIN(session, i)

    Session.__call__ = noted
    store.stream(place, Explainer(network_of(seed), 1, progress=False), np.load(samples, mmap_mode="r"), resume=True)


def numbers_in(log):
    return [int(line) for line in log.read_text().split()] if log.exists() else []


def killed(place, samples, log, seed, n_chunks, delay):
    """Kill (SIGKILL) a run a moment after so many chunks were begun; what it computed."""
    given = ", ".join([*(repr(str(path)) for path in (place, samples, log)), str(seed)])
    command = [sys.executable, "-c", f"from tests.test_resume import run_to_be_killed as run; run({given})"]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[1], stderr=subprocess.PIPE)
    while len(numbers_in(log)) < n_chunks and process.poll() is None:
        time.sleep(0.001)
    time.sleep(delay)
    process.kill()
    _, said = process.communicate()
    assert process.returncode == -9, said.decode()
    return numbers_in(log)


def test_a_run_killed_again_and_again_ends_as_if_it_had_not_been(tmp_path, monkeypatch, work, seed):
    many = torch.randn(4 * MANY - 1, D, generator=torch.Generator().manual_seed(seed))
    np.save(tmp_path / "samples.npy", many.numpy())
    monkeypatch.setattr("eigrad.attribute.session.PAIRS_AT_ONCE", 4)
    explainer, moments, runs = Explainer(network_of(seed), 1, progress=False), random.Random(seed), []
    for i in range(KILLS):
        moment = moments.randrange(1, LATEST), moments.uniform(0, 0.03)
        runs.append(killed(tmp_path / "run", tmp_path / "samples.npy", tmp_path / f"{i}.log", seed, *moment))
        assert lock_of(tmp_path / "run").exists()  # as the dead leave it
    store.stream(tmp_path / "run", explainer, many, resume=True)
    runs.append([*work, None])  # nothing in flight at its end
    for i in range(KILLS):
        kept, later = runs[i][:-1], chain(*runs[i + 1 :])
        assert not {*kept} & {*later}  # only the chunk in flight is computed again
    assert {*chain(*runs)} - {None} == {*range(MANY)}
    assert not lock_of(tmp_path / "run").exists()
    store.stream(tmp_path / "whole", explainer, many)
    assert files(tmp_path / "run") == files(tmp_path / "whole")


# damaged


def lost(path):
    path.unlink()


def truncated(path):
    path.write_bytes(path.read_bytes()[:-7])


def emptied(path):
    path.write_bytes(b"")


def flipped(path, part=1 / 2):
    raw = bytearray(path.read_bytes())
    raw[int(len(raw) * part)] ^= 1
    path.write_bytes(bytes(raw))


def no_numbers(path):
    path.write_text("[]")


def commit_of(i):
    return f"commits/{i}/zarr.json"


DAMAGES = [
    *((what, change) for what in ("values/c/2/0", "score/c/2") for change in (lost, truncated, emptied, flipped)),
    *((commit_of(2), change) for change in (truncated, emptied, flipped, no_numbers)),
]


def damage_is_refused(place):
    for partial in (False, True):
        with pytest.raises(ValueError, match="run: expected attributions saved by eigrad") as error:
            store.load(place, partial=partial)
        assert one_sentence(error)


@pytest.mark.parametrize(("what", "change"), DAMAGES)
def test_what_is_damaged_is_not_read_and_only_that_is_computed_again(
    place, explainer, samples, whole, work, caplog, what, change
):
    change(place / what)
    damage_is_refused(place)
    store.stream(place, explainer, samples, resume=True)
    assert work == [2]
    assert [(record.levelname, record.message.partition("chunk ")[2]) for record in caplog.records] == [
        ("WARNING", "2 is not what was saved; computing it again")
    ]
    assert files(place) == whole


def test_no_bit_of_what_a_commit_says_may_change(place, explainer, samples, whole, work, seed):
    path = place / commit_of(2)
    text = path.read_text()
    first, last = text.index('"rows"') + 1, text.rindex('"own_sha256"')
    for at in random.Random(seed).sample([at for at in range(first, last) if not text[at].isspace()], 12):
        flipped(path, (at + 0.5) / len(text))
        damage_is_refused(place)
        store.stream(place, explainer, samples, resume=True)
        assert files(place) == whole
    assert work == [2] * 12


def test_several_chunks_are_mended_at_once_and_the_first_like_any(place, explainer, samples, whole, work, caplog):
    for what, change in (("values/c/0/0", lost), (commit_of(0), flipped), ("n_points/c/3", emptied)):
        change(place / what)
    store.stream(place, explainer, samples, resume=True)
    assert work == [0, 3]
    assert len(caplog.records) == 2
    assert files(place) == whole


@pytest.mark.parametrize("change", [lost, truncated, no_numbers])
def test_an_array_that_is_no_longer_known_is_computed_again_whole(
    place, explainer, samples, whole, work, caplog, change
):
    change(place / "gap" / "zarr.json")
    damage_is_refused(place)
    store.stream(place, explainer, samples, resume=True)
    assert work == [0, 1, 2, 3]
    assert len(caplog.records) == 4
    assert files(place) == whole


@pytest.mark.parametrize("left", [(), ("zarr.4b1d.partial",)])
def test_a_chunk_that_lost_its_commit_is_one_that_was_not_done(place, explainer, samples, whole, work, caplog, left):
    lost(place / commit_of(1))
    for name in left:
        (place / "commits" / "1" / name).write_text("half of")
    assert store.progress(place).rows == (ROWS[0], *ROWS[2:])
    with pytest.raises(ValueError, match="run: 9 of 13 samples are there, expected all of them"):
        store.load(place)
    assert len(store.load(place, partial=True)) == 9
    store.stream(place, explainer, samples, resume=True)
    assert work == [1]
    assert not caplog.records
    assert files(place) == whole


# gone on with what is not the same

OTHERS = {
    "model": lambda one, x: (replace(one, model=network_of(1)), x, {}),
    "baseline.points": lambda one, x: (replace(one, baseline=replace(one.baseline, points=torch.ones(N, D))), x, {}),
    "baseline.n": lambda one, x: (replace(one, baseline=replace(one.baseline, n=B + 1)), x, {}),
    "baseline.of, baseline.points, baseline.n": lambda one, x: (replace(one, baseline=baselines.Zero()), x, {}),
    "path.of": lambda one, x: (replace(one, path=Bent()), x, {}),
    "path.of, path.points, path.k, path.metric, path.search": lambda one, x: (
        replace(one, path=paths.Neighbors(torch.ones(N, D))), x, {},
    ),
    "rule": lambda one, x: (replace(one, rule="trapezoid"), x, {}),
    "n_points": lambda one, x: (replace(one, n_points=9), x, {}),
    "n_points, tol": lambda one, x: (replace(one, n_points=9, tol=0.02), x, {}),
    "tol": lambda one, x: (replace(one, tol=0.02), x, {}),
    "max_points": lambda one, x: (replace(one, max_points=99), x, {}),
    "precision": lambda one, x: (replace(one, precision="bfloat16"), x, {}),
    "target": lambda one, x: (one, x, {"target": 2}),
    "samples": lambda one, x: (one, x + 1, {}),
    "extra": lambda one, x: (one, x, {"extra": torch.ones(N, 2)}),
}  # fmt: skip


class Bent:
    """A path of someone else's."""

    def between(self, starts, ends):
        raise NotImplementedError


def stays(place, before):
    return files(place) == before and not lock_of(place).exists()


@pytest.mark.parametrize("name", OTHERS)
def test_going_on_with_something_else_is_refused_by_its_name(place, explainer, samples, work, name):
    lost(place / commit_of(2))
    before = files(place)
    other, values, given = OTHERS[name](explainer, samples)
    match = f"run: was begun with another {name}, expected the same to resume, or another place$"
    assert refused(match, place, other, values, **given, resume=True)
    assert not work
    assert stays(place, before)


@pytest.mark.parametrize("change", [{"batch_size": 40}, {"progress": True}, {"target": np.int64(1)}])
def test_what_changes_no_number_may_be_another(place, explainer, samples, whole, work, change):
    lost(place / commit_of(2))
    store.stream(place, replace(explainer, **change), samples, resume=True)
    assert work == [2]
    assert files(place) == whole


# something there, or nothing


def a_store(place, explainer, samples):
    store.stream(place, explainer, samples + 1)


def a_folder(place, *_):
    place.mkdir()
    (place / "notes.txt").write_text("not of this package")


def a_file(place, *_):
    place.write_text("not of this package")


@pytest.mark.parametrize("something", [a_store, a_folder])
def test_what_is_there_is_left_alone_unless_it_is_to_be_overwritten(
    tmp_path, explainer, samples, whole, work, something
):
    place = tmp_path / "run"
    something(place, explainer, samples)
    work.clear()
    before = files(place)
    match = "run: there is something already, expected resume, overwrite, or another place"
    assert refused(match, place, explainer, samples)
    assert refused(r"run: (was begun with another|expected attributions)", place, explainer, samples, resume=True)
    assert refused("target: got output 6", place, explainer, samples, target=K, overwrite=True)
    assert not work
    assert stays(place, before)
    store.stream(place, explainer, samples, overwrite=True)
    assert stays(place, whole)


def test_a_file_in_the_place_is_refused(tmp_path, explainer, samples):
    a_file(tmp_path / "run")
    assert refused("run: there is something already", tmp_path / "run", explainer, samples)
    assert refused("run: expected attributions", tmp_path / "run", explainer, samples, resume=True)
    assert (tmp_path / "run").read_text() == "not of this package"


def nothing(place):
    pass


def an_empty_folder(place):
    place.mkdir()


def half_a_file(place):
    place.mkdir()
    (place / "zarr.4b1d.partial").write_text('{"attributes":')


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("left", [nothing, an_empty_folder, half_a_file])
def test_where_nothing_is_a_run_begins(tmp_path, explainer, samples, whole, left, resume):
    left(tmp_path / "run")
    store.stream(tmp_path / "run", explainer, samples, resume=resume)
    assert stays(tmp_path / "run", whole)


def test_what_cannot_be_explained_leaves_nothing_behind(tmp_path, explainer, samples):
    assert refused("target: got output 6", tmp_path / "run", explainer, samples, target=K)
    assert not list(tmp_path.iterdir())


def test_going_on_with_a_whole_run_asks_the_network_nothing(place, explainer, samples, whole, work, monkeypatch):
    def fails(*_):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(nn.Sequential, "forward", fails)
    store.stream(place, explainer, samples, resume=True)
    assert not work
    assert stays(place, whole)


# a full disk


class Disk(list):
    """The keys of what was written, in order; no more than `room` of them fit."""

    room = sys.maxsize


@pytest.fixture
def disk(monkeypatch):
    written, put = Disk(), LocalStore.set

    async def kept(self, key, value):
        if len(written) >= written.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(key)
        await put(self, key, value)

    monkeypatch.setattr(LocalStore, "set", kept)
    return written


@pytest.mark.parametrize("room", [0, 1, 2, 4, 21, 34, 47])
def test_what_was_committed_before_the_disk_was_full_is_read_and_kept(
    tmp_path, explainer, samples, whole, work, disk, room
):
    place = tmp_path / "run"
    disk.clear()
    disk.room = room
    with pytest.raises(OSError, match="No space left on device") as error:
        store.stream(place, explainer, samples)
    assert error.value.errno == errno.ENOSPC
    assert not lock_of(place).exists()
    done = [i for i in range(len(ROWS)) if commit_of(i) in disk]
    assert room == 0 or store.progress(place) == store.Progress(N, tuple(ROWS[i] for i in done))
    if done:
        kept = len(done) * 4
        assert torch.equal(store.load(place, partial=True).values, explainer(samples).values[:kept])
    work.clear()
    disk.room = sys.maxsize
    store.stream(place, explainer, samples, resume=True)
    assert work == [i for i in range(len(ROWS)) if i not in done]
    assert stays(place, whole)


# two writers


def test_a_second_writer_is_refused_until_the_first_is_done(place, explainer, samples, whole, work):
    lost(place / commit_of(2))
    before = files(place)
    with FileLock(lock_of(place)):
        for how in ({}, {"resume": True}, {"overwrite": True}):
            match = "run: another process is writing there, expected one at a time"
            assert refused(match, place, explainer, samples, **how)
        assert files(place) == before
        assert lock_of(place).exists()
        assert store.progress(place).n_done == N - 4  # reading needs no lock
    assert not work
    store.stream(place, explainer, samples, resume=True)
    assert stays(place, whole)


def test_a_lock_left_by_the_dead_hinders_nobody(tmp_path, explainer, samples, whole):
    lock_of(tmp_path / "run").touch()
    store.stream(tmp_path / "run", explainer, samples)
    assert stays(tmp_path / "run", whole)


def test_an_interrupted_run_leaves_no_lock(tmp_path, explainer, samples, work):
    interrupt(work, 2, tmp_path / "run", explainer, samples)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


# kinds of places, samples and outputs


def test_a_place_may_be_a_url(explainer, samples, work, url):
    interrupt(work, 2, url, explainer, samples)
    assert store.progress(url) == store.Progress(N, tuple(ROWS[:2]))
    assert refused("there is something already", url, explainer, samples)
    assert refused("another samples", url, explainer, samples + 1, resume=True)
    store.stream(url, explainer, samples, resume=True)
    assert work == [2, 3]
    assert same(store.load(url), explainer(samples))
    store.stream(url, explainer, samples + 1, overwrite=True)
    assert same(store.load(url), explainer(samples + 1))


def test_a_place_may_be_written_as_text(tmp_path, explainer, samples, whole, work):
    place = str(tmp_path / "runs" / "one")
    interrupt(work, 2, place, explainer, samples)
    assert store.progress(place).n_done == 8
    store.stream(place, explainer, samples, resume=True)
    assert work == [2, 3]
    assert same(store.load(place), explainer(samples))
    assert files(Path(place)) == whole


def as_frame(samples, _):
    return pd.DataFrame(samples.numpy(), columns=["a", 5, "c", "the fourth", "ä"])


def as_mapped(samples, folder):
    np.save(folder / "samples.npy", samples.numpy())
    return np.load(folder / "samples.npy", mmap_mode="r")


def as_zarr(samples, folder):
    return zarr.create_array(folder / "samples.zarr", data=samples.numpy(), chunks=(5, 2))


def as_array(samples, _):
    return samples.numpy()


def as_itself(samples, _):
    return samples


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        *((kind, 1) for kind in (as_frame, as_mapped, as_zarr)),
        (as_frame, (0, 2)),
        (as_itself, (0, 2)),
        (as_itself, (1,)),
    ],
)
def test_in_pieces_comes_out_what_comes_out_at_once(tmp_path, explainer, samples, work, kind, target):
    values = kind(samples, tmp_path)
    interrupt(work, 2, tmp_path / "run", explainer, values, target=target)
    store.stream(tmp_path / "run", explainer, values, target=target, resume=True)
    assert work == [2, 3]
    assert same(store.load(tmp_path / "run"), explainer(values if kind is as_frame else samples, target=target))


def test_what_is_there_so_far_is_read_in_order(place, explainer, samples, work):
    for i in (0, 2):
        lost(place / commit_of(i))
    there, part, once = store.progress(place), store.load(place, partial=True), explainer(samples)
    assert there == store.Progress(N, (ROWS[1], ROWS[3]))
    assert (there.n_done, there.whole) == (5, False)
    assert torch.equal(part.values, torch.cat([once.values[rows] for rows in there.rows]))
    assert part.n_evaluations < once.n_evaluations
    store.stream(place, explainer, samples, resume=True)
    assert store.progress(place) == store.Progress(N, tuple(ROWS))
    assert store.progress(place).whole
    assert same(store.load(place, partial=True), once)


# fingerprints


class Buffered(nn.Module):
    """With weights, a buffer that is saved, one that is not, and one that is sparse."""

    def __init__(self, bend=nn.ReLU):
        super().__init__()
        self.inner, self.bend = network_of(0), bend()
        self.register_buffer("kept", torch.arange(D))
        self.register_buffer("unsaved", torch.ones(H), persistent=False)
        self.register_buffer("sparse", torch.eye(K).to_sparse())

    def forward(self, x):
        return self.bend(self.inner(x))


def buffered(change):
    network = Buffered()
    change(network)
    return network


def one_weight(network):
    weight = network.inner[2].bias.data
    weight[3] = torch.nextafter(weight[3], weight[3] + 1)


def one_of(name):
    def change(network):
        buffer = getattr(network, name)
        setattr(network, name, buffer + buffer)

    return change


CHANGES = {
    "a weight": lambda: buffered(one_weight),
    "a buffer": lambda: buffered(one_of("kept")),
    "a buffer that is not saved": lambda: buffered(one_of("unsaved")),
    "a sparse buffer": lambda: buffered(one_of("sparse")),
    "a layer": lambda: Buffered(nn.GELU),
    "double precision": lambda: Buffered().double(),
    "bfloat16": lambda: Buffered().bfloat16(),
}


def differences(one, other):
    return list(differing(one, other))


@pytest.mark.parametrize("change", CHANGES)
def test_another_network_has_another_fingerprint(samples, change):
    one = store.fingerprint(Explainer(Buffered(), 1), samples)
    assert differences(one, store.fingerprint(Explainer(CHANGES[change](), 1), samples)) == ["model"]


def test_the_kind_of_number_tells_even_where_the_values_are_equal(samples):
    short = Buffered().bfloat16()
    long = copy.deepcopy(short).float()
    one, other = (store.fingerprint(Explainer(network, 1), samples) for network in (short, long))
    assert differences(one, other) == ["model"]


class Nearest:
    """A baseline of someone else's: no dataclass, and it keeps what it worked out."""

    def __init__(self, points):
        self.points = points

    @functools.cached_property
    def mean(self):
        return self.points.mean(0)

    def __call__(self, samples):
        return self.mean.expand_as(samples)[:, None]


def test_an_object_of_someone_else_is_known_by_what_it_holds(explainer, samples):
    used, unused, other = (
        replace(explainer, baseline=Nearest(points)) for points in (samples[1:], samples[1:].clone(), samples[:-1])
    )
    used(samples)
    one = store.fingerprint(used, samples)
    assert one == store.fingerprint(unused, samples)
    assert differences(one, store.fingerprint(other, samples)) == ["baseline.points"]


def test_an_autoencoder_is_known_by_its_weights(samples, autoencoder_for):
    one, other, changed = (autoencoder_for(D) for _ in range(3))
    changed.decoder[0].bias.data[0] += 1
    one, other, changed = (
        store.fingerprint(Explainer(network_of(0), 1, path=paths.LatentStraight(each)), samples)
        for each in (one, other, changed)
    )
    assert one == other
    assert differences(one, changed) == ["path.autoencoder"]


@pytest.mark.parametrize("kind", [as_array, as_mapped, as_zarr])
def test_equal_things_have_equal_fingerprints(tmp_path, explainer, samples, kind):
    own = torch.arange(N) % K
    one = store.fingerprint(explainer, samples, target=own, extra=(samples,))
    other = replace(
        explainer, model=copy.deepcopy(explainer.model), batch_size=9, progress=True,
        baseline=replace(explainer.baseline, points=explainer.baseline.points.numpy().copy()),
    )  # fmt: skip
    again = store.fingerprint(other, kind(samples, tmp_path), target=own.numpy(), extra=(samples.clone(),))
    assert again == one
    assert not differences(one, again)


def test_a_fingerprint_is_json(explainer, samples):
    odd = replace(explainer, target=lambda outputs: outputs[:, 0], path=Bent())
    for one in (explainer, odd):
        found = store.fingerprint(one, samples, target=np.int64(3) if one is explainer else None, extra=[samples])
        assert json.loads(json.dumps(found)) == found


def with_one_changed(samples):
    other = samples.clone()
    other[5, 3] = torch.nextafter(other[5, 3], torch.tensor(9.0))
    return other


@pytest.mark.parametrize(
    "change",
    [
        with_one_changed,
        lambda x: x.double(),
        lambda x: x[:, None],
        lambda x: x[:-1],
        lambda x: x.flip(0),
        lambda x: as_frame(x, None),
    ],
)
def test_other_samples_have_another_fingerprint(explainer, samples, change):
    one, other = (store.fingerprint(explainer, values) for values in (samples, change(samples)))
    assert differences(one, other) == ["samples"]


def test_the_names_of_columns_belong_to_a_fingerprint(explainer, samples):
    frame = as_frame(samples, None)
    one, same_names, other = (
        store.fingerprint(explainer, each) for each in (frame, frame.copy(), frame.rename(columns={"a": "b"}))
    )
    assert one == same_names
    assert differences(one, other) == ["samples"]


def test_the_last_of_many_rows_counts(explainer, monkeypatch, samples):
    monkeypatch.setattr(sys.modules[differing.__module__], "ROWS", 5)
    other = samples.clone()
    other[-1, -1] += 1
    one, other = (store.fingerprint(explainer, values) for values in (samples, other))
    assert differences(one, other) == ["samples"]


def test_what_differs_is_named_to_the_leaf():
    one = {"a": 1, "b": {"c": [1, 2], "d": {"e": "x"}}, "f": None}
    other = {"a": 1, "b": {"c": [1, 3], "d": {"e": "y", "g": 1}}, "f": {"h": 2}}
    assert differences(one, other) == ["b.c", "b.d.e", "b.d.g", "f"]
    assert not differences(one, copy.deepcopy(one))
