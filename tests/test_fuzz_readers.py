"""Damaged files of every kind: read to a sound value, or refused in one line that names them, and nothing else.

`EIGRAD_FUZZ=20` tries twenty times as many.
"""

import gzip
import importlib.util
import json
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import zarr
from tests.damage import (
    Kinds,
    Specimen,
    as_files,
    as_first,
    as_gzip,
    as_safetensors,
    as_zip,
    bounded,
    header_and_data,
    members,
    of_folder,
)
from tests.runs import add_spread, table, write_run
from tests.test_data import idx
from tests.test_store import attributions
from torch import nn

from eigrad import Explainer, store
from eigrad.attribute import TENSORS
from eigrad.autoencoder import dense_layers
from eigrad.cases.junctions import windows
from eigrad.cases.own.settings import Settings, settings_of
from eigrad.data import read_idx
from eigrad.inputs import Samples, chosen, read_network, read_samples
from eigrad.inputs.groups import read_groups
from eigrad.neighbors.graph import NeighborGraph
from eigrad.report import build
from eigrad.training import load_config, load_weights, reloaded, save_model

N, D, K = 7, 3, 4
VALUES = np.random.default_rng(20_200_619).normal(size=(N, D)).astype(np.float32)
specimen = Kinds()


@pytest.mark.parametrize("kind", specimen)
def test_a_damaged_file_is_read_or_refused_in_one_line_that_names_it(tmp_path, kind):
    specimen.tried(kind, tmp_path)


# samples


def sound_samples(found):
    assert isinstance(found, Samples)
    assert len(found) > 0
    assert len(found.about) == len(found)
    rows = found.take(np.array([len(found) - 1, 0]))
    assert rows.shape[0] == 2
    assert rows.ndim > 1
    assert rows.size
    assert rows.dtype.kind in "biuf"
    assert found.names is None or len(found.names) == rows[0].size


def sound_table(found):
    sound_samples(found)
    assert np.isfinite(found.values).all()


def cells(separator=","):
    frame = pd.DataFrame(VALUES.round(3), columns=["a", "b", "c d"]).assign(tissue=list("xxyyzzz"), age=np.arange(N))
    return frame.to_csv(index=False, sep=separator).encode()


@specimen
def csv(folder):
    return Specimen({"cells.csv": cells()}, lambda path: read_samples(path, about=["age"]), sound_table)


@specimen
def tsv(folder):
    return Specimen({"cells.tsv": cells("\t")}, read_samples, sound_table)


@specimen
def gzipped_csv(folder):
    return Specimen({"cells.csv.gz": gzip.compress(cells())}, read_samples, sound_table)


@specimen
def content_of_gzipped_csv(folder):
    return Specimen({"cells.csv": cells()}, read_samples, sound_table, as_gzip)


@specimen
def labels(folder):
    np.save(folder / "x.npy", VALUES)

    def read(path):
        return read_samples(folder / "x.npy", labels=path)

    said = pd.DataFrame({"kind": list("aabbccc"), "age": range(N)}).to_csv(index=False).encode()
    return Specimen({"labels.csv": said}, read, sound_samples)


@specimen
def groups(folder):
    names = ("a", "b", "c d")

    def sound(found):
        assert len(found) == len(names)
        assert all(isinstance(name, str) for name in found)

    text = b"feature,group\na,first\nb,first\nelse,second\n"
    return Specimen({"groups.csv": text}, lambda path: read_groups(path, names), sound)


@specimen
def parquet(folder):
    if importlib.util.find_spec("pyarrow") is None:
        pytest.skip("pyarrow is not here")
    pd.DataFrame(VALUES, columns=list("abc")).assign(tissue=list("xxyyzzz")).to_parquet(folder / "x.parquet")
    return Specimen(of_folder(folder), read_samples, sound_table)


@specimen
def npy(folder):
    np.save(folder / "x.npy", VALUES)
    return Specimen(of_folder(folder), read_samples, sound_samples, examples=80)


@specimen
def npz(folder):
    np.savez(folder / "x.npz", X=VALUES, age=np.arange(N))
    return Specimen(of_folder(folder), read_samples, sound_samples)


@specimen
def members_of_npz(folder):
    np.savez(folder / "x.npz", X=VALUES, age=np.arange(N))
    whole = members((folder / "x.npz").read_bytes())
    return Specimen(whole, read_samples, sound_samples, as_zip("x.npz"), examples=80)


@specimen
def zarr_group(folder):
    group = zarr.open_group(folder / "x.zarr", mode="w")
    group.create_array("X", data=VALUES, chunks=(4, 2))
    group.create_array("age", data=np.arange(N))
    return Specimen(
        of_folder(folder), lambda path: read_samples(path / "x.zarr"), sound_samples, named=("x.zarr",), examples=80
    )


@specimen
def zarr_array(folder):
    zarr.create_array(folder / "x.zarr", data=VALUES, chunks=(4, 2))
    return Specimen(of_folder(folder), lambda path: read_samples(path / "x.zarr"), sound_samples, named=("x.zarr",))


FASTA = b">one first of all\nAC\nGT\n>two\nNNac\n"


@specimen
def fasta(folder):
    return Specimen({"s.fa": FASTA}, read_samples, sound_table, examples=80)


@specimen
def gzipped_fasta(folder):
    return Specimen({"s.fa": FASTA}, read_samples, sound_table, as_gzip)


# queries


@specimen
def query(folder):
    about = pd.DataFrame({"tissue": list("xxyyzzz"), "psi": np.linspace(0, 1, N), "cell type": list("abcabca")})

    def read(path):
        return chosen(about, path.read_bytes().decode("utf-8", "replace"), "--class")

    def sound(places):
        assert 0 < len(places) <= N
        assert set(places.tolist()) <= set(range(N))

    text = b"tissue in ['x', 'y'] and psi > 0.2 or not (`cell type` == 'b' and psi + 0.1 <= 0.5)"
    return Specimen({"query": text}, read, sound, named=("--class",), examples=120)


# networks


def sound_network(found):
    assert isinstance(found, nn.Module)
    assert not found.training


def sound_dense(found):
    sound_network(found)
    assert all(weights.isfinite().all() for weights in found.state_dict().values())


def network(seed=7):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return dense_layers([D, 5, 2]).eval()


@specimen
def safetensors(folder):
    save_model(folder / "m.safetensors", network(), {"architecture": "dense", "sizes": [D, 5, 2]})
    return Specimen(of_folder(folder), lambda path: read_network(str(path)), sound_dense)


@specimen
def header_of_safetensors(folder):
    save_model(folder / "m.safetensors", network(), {"architecture": "dense", "sizes": [D, 5, 2]})
    whole = header_and_data((folder / "m.safetensors").read_bytes())
    write = as_safetensors("m.safetensors")
    return Specimen(whole, lambda path: read_network(str(path)), sound_dense, write, examples=120)


@specimen
def exported(folder):
    x = torch.from_numpy(VALUES)
    torch.export.save(torch.export.export(network(), (x,)), folder / "m.pt2")
    whole = members((folder / "m.pt2").read_bytes())
    return Specimen(whole, lambda path: read_network(str(path)), sound_network, as_zip("m.pt2"), examples=20)


@specimen
def torchscript(folder):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
        torch.jit.trace(network(), torch.from_numpy(VALUES)).save(str(folder / "m.ts"))
    whole = members((folder / "m.ts").read_bytes())
    return Specimen(whole, lambda path: read_network(str(path)), sound_network, as_zip("m.ts"))


@specimen
def saved_by_training(folder):
    config = {"kind": "dense", "sizes": [D, 5, 2], "rate": 0.1}
    save_model(folder / "m.safetensors", network(), config)
    whole = header_and_data((folder / "m.safetensors").read_bytes())

    def read(path):
        reloaded(path, config, network(1))  # refuses nothing
        load_weights(path, module := network(1))
        return load_config(path), module

    def sound(found):
        assert isinstance(found[0], dict)
        sound_network(found[1])

    return Specimen(whole, read, sound, as_safetensors("m.safetensors"), examples=80)


# attributions


def sound_attributions(found):
    assert len(found) == N
    assert found.values.shape == (N, 2, 5)
    for name in TENSORS:
        assert torch.equal(getattr(found, name), getattr(attributions(), name)), name


@specimen
def stored(folder):
    store.save(folder / "fives", attributions(), {"model": "abc"})

    def read(path):
        there = store.progress(path / "fives")
        assert there.whole == (there.n_samples == there.n_done)
        assert there.n_done == N
        return store.load(path / "fives", partial=True)

    return Specimen(of_folder(folder), read, sound_attributions, named=("fives",), examples=80)


@specimen
def resumed(folder):
    samples = torch.from_numpy(VALUES)
    explainer = Explainer(network(), 1, progress=False)
    store.stream(folder / "run", explainer, samples)
    expected = store.load(folder / "run").values

    def read(path):
        store.stream(path / "run", explainer, samples, resume=True)
        return store.load(path / "run")

    def sound(found):
        torch.testing.assert_close(found.values, expected)

    return Specimen(of_folder(folder), read, sound, named=("run",), examples=30)


@specimen
def neighbors(folder):
    points = np.random.default_rng(5).normal(size=(12, 2))
    NeighborGraph.of(points, 3).save(folder / "graph")
    whole = members((folder / "graph").read_bytes())

    def sound(found):
        assert found.weights.shape == (12, 12)
        assert np.isfinite(found.weights.data).all()
        assert (found.weights.data > 0).all()

    return Specimen(whole, lambda path: NeighborGraph.load(path, points), sound, as_zip("graph"), examples=80)


@specimen
def archive_of_neighbors(folder):
    whole = neighbors(folder)
    return replace(whole, pieces={"graph": (folder / "graph").read_bytes()}, write=as_files, examples=30)


# reports, images, windows, settings


@specimen
def report(folder):
    features = table(3)
    add_spread(write_run(folder / "run", features), features, 3)
    pieces = {name: content for name, content in of_folder(folder / "run").items() if not name.endswith(".svg")}

    def sound(page):
        text = page.read_text(encoding="utf-8")
        assert text.rstrip().endswith("</html>")
        assert "<script>alert" not in text

    def write(place, pieces):
        as_files(place / "run", pieces)
        return place / "run"

    return Specimen(pieces, build, sound, write, named=("run",), examples=80)


@specimen
def images(folder):
    def sound(found):
        assert found.dtype.isnative
        assert found.ndim >= 1

    return Specimen({"images.idx": idx(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))}, read_idx, sound, examples=80)


@specimen
def gzipped_images(folder):
    whole = gzip.compress(idx(np.arange(24, dtype=np.int16).reshape(2, 3, 4)))
    return Specimen({"images.idx.gz": whole}, read_idx, lambda found: None)


def junction_windows():
    random = np.random.default_rng(1)
    rows = ["".join(random.choice(list("ACGT"), 12)) for _ in range(36)]
    frame = pd.DataFrame({"sequence": rows, "label": ["EI", "IE", "N"] * 12})
    return frame.to_csv(index=False).encode()


def sound_windows(found):
    assert found.train.values.shape[1] == 4
    parts = (found.train, found.validation, found.test)
    assert all(set(part.labels) == {0, 1, 2} for part in parts)
    assert sum(map(len, parts)) == found.n_read - found.n_duplicates - found.n_contradictory


@specimen
def junctions(folder):
    return Specimen(
        {"windows.csv": junction_windows()}, lambda path: windows.load(str(path), 0), sound_windows, examples=60
    )


@specimen
def gzipped_junctions(folder):
    whole = gzip.compress(junction_windows())
    return Specimen({"windows.csv.gz": whole}, lambda path: windows.load(str(path), 0), sound_windows, examples=20)


@specimen
def yaml(folder):
    text = b"""# what to explain
model: model.py:load
data: cells.csv
class: tissue == 'liver'
reference: "tissue == 'heart'"
about: [tissue, "cell type"]
n_samples: 60
n_points: 8
target: 2
tol: 0.02
alpha: 0.05
seed: 7
key: null
"""

    def sound(found):
        assert isinstance(found, Settings)
        for name in ("n_baselines", "n_samples", "seed"):
            assert type(getattr(found, name)) is int
        for name in ("target", "n_points"):
            assert type(getattr(found, name)) in (int, type(None))
        for name in ("model", "of", "reference", "path", "test", "device"):
            assert isinstance(getattr(found, name), str)
        assert all(isinstance(name, str) for name in found.about)
        assert 0 < found.alpha < 1
        assert found.key is None or isinstance(found.key, str)

    def write(place, pieces):
        (place / "cells.csv").write_bytes(cells())
        return as_first(place, pieces)

    return Specimen(
        {"explain.yaml": text}, lambda path: settings_of(path.parent / "out", {}, path), sound, write,
        named=("explain.yaml", "--"), examples=120,
    )  # fmt: skip


# what the law found, kept


CONFIG = {"architecture": "dense", "sizes": [D, 5, 2]}


@pytest.mark.parametrize("sizes", [[D, 500_000_000, 2], [D, 0, 2], [D, 2.5, 2], ["3", 2], [D, -5, 2], [D, True], None])
def test_sizes_that_no_network_has_are_refused_before_it_is_made(tmp_path, sizes):
    save_model(tmp_path / "m.safetensors", network(), {**CONFIG, "sizes": sizes})
    with bounded(), pytest.raises(ValueError, match=r"m\.safetensors says"):
        read_network(str(tmp_path / "m.safetensors"))


def test_a_network_of_numbers_that_are_not_finite_is_refused(tmp_path):
    broken = network()
    with torch.no_grad():
        next(broken.parameters())[0, 0] = float("nan")
    save_model(tmp_path / "m.safetensors", broken, CONFIG)
    with pytest.raises(ValueError, match=r"m\.safetensors: .* holds NaN or infinite values"):
        read_network(str(tmp_path / "m.safetensors"))


@pytest.mark.parametrize("query", ["psi > 9**9**9", "tissue == 'x' * 9999999999", "0", "[0, 0]", "'x'", "-psi"])
def test_a_query_that_is_no_condition_or_without_an_end_is_refused(query):
    about = pd.DataFrame({"tissue": list("xxyyzzz"), "psi": np.linspace(0, 1, N)})
    with bounded(), pytest.raises(ValueError, match="--class: got"):
        chosen(about, query, "--class")


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"(7, 3)", b"(1000000000, 3)"), (b"(7, 3)", b"(7L, 3)"), (b"\x93NUMPY", b"PK\3\4PY"), (b"<f4", b"|O")],
)
@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_an_array_takes_no_more_memory_than_there_is_of_it(tmp_path, ending, old, new):
    np.save(tmp_path / "X.npy", VALUES)
    content = (tmp_path / "X.npy").read_bytes().replace(old, new)
    write = as_files if ending == "npy" else as_zip("x.npz")
    Specimen({}, read_samples, sound_samples, write).is_read(tmp_path, {"X.npy": content})


def test_numbers_too_large_for_32_bits_and_rows_of_more_cells_are_refused_quietly(tmp_path):
    for name, text in {
        "large.csv": "a,b\n1,2\n1e300,3\n",
        "long.csv": "sequence,label\nx,ACGT,EI\ny,ACGT,IE\n",
    }.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=r"large\.csv: row 2, column 'a' is missing or not finite"):
        read_samples(tmp_path / "large.csv")
    with pytest.raises(ValueError, match=r"long\.csv: got rows of more cells than the header"):
        windows.load(str(tmp_path / "long.csv"), 0)


@pytest.mark.parametrize(
    ("old", "new"), [('"shape":[7,2,5]', '"shape":[7,2,5000000000]'), ('"n_samples":7', '"n_samples":3')]
)
def test_attributions_that_say_they_are_other_than_their_chunks_are_refused(tmp_path, old, new):
    store.save(tmp_path / "fives", attributions())
    changed = 0
    for path in tmp_path.rglob("zarr.json"):
        text = json.dumps(json.loads(path.read_text()), separators=(",", ":"))
        changed += old in text
        path.write_text(text.replace(old, new))
    assert changed
    with bounded(), pytest.raises(ValueError, match="fives: expected attributions saved by eigrad"):
        store.load(tmp_path / "fives")


@pytest.mark.parametrize(
    "text",
    [
        "n_samples: x",
        "seed: 1.5",
        "about: tissue",
        "about: 5",
        "alpha: [1]",
        "1: 2",
        "data: 2001-99-99",
        "[" * 3000,
        "key: [a]",
    ],
)
def test_settings_of_the_wrong_kind_are_refused(tmp_path, text):
    (tmp_path / "explain.yaml").write_text(f"model: m.py:load\ndata: x.csv\nclass: a\nreference: b\n{text}\n")
    with pytest.raises(ValueError, match=r"explain\.yaml") as refused:
        settings_of(tmp_path / "out", {}, tmp_path / "explain.yaml")
    assert "\n" not in str(refused.value)
