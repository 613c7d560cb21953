"""Workers of a cluster write what one process writes, lost ones are made up for, and a run is gone on from."""

import os
import signal
import threading

import pytest
import torch
from distributed import Client, LocalCluster
from torch import nn

from eigrad import Explainer, baselines, store
from eigrad.distribute import distribute

N, D, PAIRS = 61, 7, 4

# Of a worker that is killed on purpose, and of processes that take their time to end on a busy machine.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr("eigrad.attribute.session.PAIRS_AT_ONCE", PAIRS)


@pytest.fixture(scope="module")
def cluster():
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as made:
        yield made


@pytest.fixture
def client(cluster):
    with Client(cluster) as made:
        made.wait_for_workers(2)
        yield made


@pytest.fixture
def samples(generator):
    return torch.randn(N, D, generator=generator)


@pytest.fixture
def explainer(seed, samples):
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(D, 12), nn.ReLU(), nn.Linear(12, 3)).eval()
    return Explainer(network, 1, baseline=baselines.Median(samples[-9:], n=2), progress=False)


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_workers_write_what_one_process_writes(tmp_path, client, explainer, samples):
    call = {"target": torch.arange(N) % 3}
    store.stream(tmp_path / "one", explainer, samples, **call)
    distribute(tmp_path / "many", explainer, samples, client, **call)
    assert files(tmp_path / "many") == files(tmp_path / "one")
    assert len(store.progress(tmp_path / "many").rows) == 31
    with pytest.raises(ValueError, match="there is something already"):
        distribute(tmp_path / "many", explainer, samples, client, **call)


def test_a_run_is_gone_on_from_by_either(tmp_path, client, explainer, samples):
    store.stream(tmp_path / "one", explainer, samples)
    whole = files(tmp_path / "one")
    for number in (0, 3, 30):
        (tmp_path / "one" / "commits" / str(number) / "zarr.json").unlink()
    distribute(tmp_path / "one", explainer, samples, client, resume=True)
    assert files(tmp_path / "one") == whole
    distribute(tmp_path / "one", explainer, samples, client, resume=True)
    assert files(tmp_path / "one") == whole


def test_what_a_worker_refuses_is_said_here(tmp_path, client, samples):
    def model(x):
        if (x[:, 2] > 50).any():
            raise ValueError("too large a number")
        return torch.relu(x).sum(1)

    samples[40, 2] = 99.0
    with pytest.raises(ValueError, match="too large a number"):
        distribute(tmp_path / "run", Explainer(model, progress=False), samples, client)
    assert 0 < store.progress(tmp_path / "run").n_done < N


def test_chunks_of_a_lost_worker_are_explained_by_another(tmp_path, client, explainer, samples):
    store.stream(tmp_path / "one", explainer, samples)
    first = next(iter(client.run(os.getpid).values()))
    threading.Timer(0.3, os.kill, (first, signal.SIGKILL)).start()
    distribute(tmp_path / "many", explainer, samples, client)
    assert files(tmp_path / "many") == files(tmp_path / "one")
