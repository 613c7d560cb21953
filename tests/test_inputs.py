"""What strangers bring is read as it is, or refused in one sentence; nothing is unpickled."""

import gzip
import os
import pickle
import re
import zipfile

import numpy as np
import pandas as pd
import pytest
import torch
import zarr
from torch import nn

from eigrad import Explainer
from eigrad.autoencoder import dense_layers
from eigrad.inputs import Samples, chosen, read_groups, read_network, read_samples
from eigrad.training import save_model

N, D = 7, 3


@pytest.fixture
def values(seed):
    return np.random.default_rng(seed).normal(size=(N, D)).astype(np.float32)


@pytest.fixture
def table(values):
    frame = pd.DataFrame(values, columns=["a", "b", "c d"])
    return frame.assign(tissue=list("xxyyzzz"), age=np.arange(N))


def same(found, values):
    assert np.array_equal(np.asarray(found.values[1:4]), values[1:4])
    places = np.array([5, 0, 3])
    assert np.array_equal(found.take(places), values[places])
    assert len(found) == N


# samples


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".tsv", ".TSV"])
def test_numbers_in_a_table_are_features_and_the_rest_says_something_of_the_sample(tmp_path, table, values, ending):
    path = tmp_path / f"cells{ending}"
    table.to_csv(path, index=False, sep="\t" if "tsv" in ending.lower() else ",")
    found = read_samples(path, about=["age"])
    same(found, values)
    assert found.names == ("a", "b", "c d")
    assert found.about["age"].tolist() == list(range(N))
    assert found.about["tissue"].tolist() == list("xxyyzzz")
    assert read_samples(path).names == ("a", "b", "c d", "age")


def test_arrays_are_read_where_they_lie(tmp_path, values):
    np.save(tmp_path / "x.npy", values)
    found = read_samples(tmp_path / "x.npy")
    same(found, values)
    assert isinstance(found.values, np.memmap)
    np.savez(tmp_path / "x.npz", X=values, other=values[:, :2], age=np.arange(N), short=np.arange(N - 1))
    same(read_samples(tmp_path / "x.npz"), values)
    assert list(read_samples(tmp_path / "x.npz").about) == ["age"]
    assert read_samples(tmp_path / "x.npz", key="other").values.shape == (N, 2)
    group = zarr.open_group(tmp_path / "x.zarr", mode="w")
    group.create_array("X", data=values)
    group.create_array("age", data=np.arange(N))
    same(read_samples(tmp_path / "x.zarr"), values)
    zarr.save_array(tmp_path / "y.zarr", values)
    same(read_samples(tmp_path / "y.zarr"), values)


def test_fasta_is_one_hot(tmp_path):
    text = ">one first of all\nAC\nGT\n>two\nNNac\n"
    (tmp_path / "s.fa").write_text(text)
    (tmp_path / "s.fasta.gz").write_bytes(gzip.compress(text.encode()))
    for name in ("s.fa", "s.fasta.gz"):
        found = read_samples(tmp_path / name)
        assert found.values.shape == (2, 4, 4)
        assert np.array_equal(found.values[0], np.eye(4))
        assert found.about["name"].tolist() == ["one", "two"]
        assert found.about["description"].tolist() == ["first of all", ""]
        assert found.names[3:6] == ("A4", "C1", "C2")
        assert found.groups == ("1", "2", "3", "4") * 4


def test_labels_come_from_a_table_beside(tmp_path, values):
    np.save(tmp_path / "x.npy", values)
    pd.DataFrame({"kind": list("aabbccc")}).to_csv(tmp_path / "l.csv", index=False)
    assert read_samples(tmp_path / "x.npy", labels=tmp_path / "l.csv").about["kind"].tolist() == list("aabbccc")


def test_features_are_put_together_by_a_table(tmp_path):
    path = tmp_path / "sets.tsv"
    path.write_text("group\tfeature\nup\ta\nup\tc d\nelsewhere\tz\nup\ta\n")
    assert read_groups(path, ("a", "b", "c d")) == ("up", "b", "up")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("feature,set\na,x\n", "has no column 'group', expected the columns feature and group"),
        ("feature,group\na,x\nb,\n", "row 2 is not filled"),
        ("feature,group\na,x\na,y\n", "'a' is in several groups"),
        ("feature,group\nz,x\n", "names none of the 3 features, such as 'a'"),
        ("feature,group\na,b\n", "'b' is a group and a feature outside it"),
    ],
)
def test_what_are_no_groups_is_said(tmp_path, text, said):
    path = tmp_path / "sets.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=re.escape(said)):
        read_groups(path, ("a", "b", "c d"))


REFUSED = {
    "none.csv": (None, "expected a file that exists"),
    "x.xlsx": ("a", "expected .h5ad, .parquet, .csv"),
    "empty.csv": ("", "cannot be read as a table"),
    "words.csv": ("a,b\nx,y\n", "has no column of numbers"),
    "hole.csv": ("a,b\n1,2\n3,\n", "row 2, column 'b' is missing"),
    "infinite.csv": ("a,b\n1,2\ninf,3\n", "row 2, column 'a' is missing or not finite"),
    "ragged.csv": ("a,b\n1,2\n1,2,3,4\n", "cannot be read as a table"),
    "head.csv": ("a,b\n", "has no column of numbers"),
    "bad.npy": ("no array", "cannot be read as arrays"),
    "bad.npz": ("no array", "cannot be read as arrays"),
    "s.fa": ("ACGT\n", "line 1 comes before any '>'"),
    "lengths.fa": (">a\nAC\n>b\nACG\n", "sequences"),
    "letters.fa": (">a\nAC\n>b\nA!\n", "sequences"),
    "bytes.csv.gz": ("not gzipped", "cannot be read as a table"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_files_that_cannot_be_read_are_refused_in_a_sentence(tmp_path, name):
    text, said = REFUSED[name]
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=re.escape(said)) as refused:
        read_samples(tmp_path / name)
    assert "\n" not in str(refused.value)


def test_arrays_of_the_wrong_kind_are_refused(tmp_path, values):
    np.save(tmp_path / "one.npy", values[:, 0])
    np.save(tmp_path / "text.npy", np.array([["a", "b"]]))
    np.savez(tmp_path / "two.npz", A=values, B=values)
    pd.DataFrame({"kind": ["a"]}).to_csv(tmp_path / "l.csv", index=False)
    np.save(tmp_path / "x.npy", values)
    for name in ("one.npy", "text.npy"):
        with pytest.raises(ValueError, match="expected numbers, a row a sample"):
            read_samples(tmp_path / name)
    with pytest.raises(ValueError, match="got the arrays A, B, expected --key"):
        read_samples(tmp_path / "two.npz")
    with pytest.raises(ValueError, match="got 1 rows for 7 samples"):
        read_samples(tmp_path / "x.npy", labels=tmp_path / "l.csv")
    with pytest.raises(ValueError, match="has no column 'moon'"):
        read_samples(tmp_path / "l.csv", about=["moon"])
    with pytest.raises(ValueError, match="got no samples"):
        Samples(values[:0], pd.DataFrame(index=range(0)))


class Bomb:
    """What would be run by whoever unpickles it."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_no_pickle_is_loaded_whatever_it_is_called(tmp_path, values):
    fuse = tmp_path / "exploded"
    array = np.empty(2, dtype=object)
    array[:] = [Bomb(fuse), Bomb(fuse)]
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    np.savez(tmp_path / "a.npz", X=array)
    for name in ("m.pt", "m.ts", "m.pt2", "m.safetensors"):
        torch.save({"weights": Bomb(fuse)}, tmp_path / name)
        (tmp_path / f"raw-{name}").write_bytes(pickle.dumps(Bomb(fuse)))
    with zipfile.ZipFile(tmp_path / "e.pt2", "w") as archive:
        archive.writestr("e/archive_format", "pt2")
        archive.writestr("e/data/constants/opaque_obj_0", pickle.dumps(Bomb(fuse)))
    for name in ("a.npy", "a.npz"):
        with pytest.raises(ValueError, match=r"a\.np"):
            read_samples(tmp_path / name)
    for path in [*sorted(tmp_path.glob("*m.*")), tmp_path / "e.pt2"]:
        with pytest.raises(ValueError, match=re.escape(path.name)):
            read_network(str(path))
    assert not fuse.exists()


# queries


@pytest.fixture
def about():
    return pd.DataFrame({"tissue": list("xxyyzzz"), "psi": np.linspace(0, 1, N), "cell type": list("abcabca")})


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("tissue == 'x'", [0, 1]),
        ("tissue in ['x', 'y'] and psi > 0.2", [2, 3]),
        ("not (tissue == 'z')", [0, 1, 2, 3]),
        ("`cell type` == 'b' or psi == 1.0", [1, 4, 6]),
        ("tissue != 'user@home.org'", [0, 1, 2, 3, 4, 5, 6]),
    ],
)
def test_queries_name_samples_by_what_is_said_of_them(about, query, expected):
    assert chosen(about, query, "--class").tolist() == expected
    shuffled = about.set_index(pd.Index(list("gfedcba")))
    assert chosen(shuffled, query, "--class").tolist() == expected


def test_columns_may_be_called_as_words_of_python_are(about):
    about = about.rename(columns={"tissue": "class", "psi": "is"})
    for query in ("class == 'x'", "`class` == 'x'", "not class in ['y', 'class']"):
        expected = [0, 1, 4, 5, 6] if query.startswith("not") else [0, 1]
        assert chosen(about, query, "--class").tolist() == expected


@pytest.mark.parametrize(
    "query",
    [
        "tissue == ", "moon == 'x'", "psi", "tissue = 'x'", "psi > 'x'", "@about", "tissue.str.len() > 0",
        "tissue.__class__", "__import__('os')", "tissue == 'nothing'", "", "psi > 0; psi < 1", "abs(psi) > 2",
    ],
)  # fmt: skip
def test_what_is_no_query_is_refused(about, query):
    with pytest.raises(ValueError, match="--class: ") as refused:
        chosen(about, query, "--class")
    assert "\n" not in str(refused.value)


# networks


@pytest.fixture
def network(seed):
    torch.manual_seed(seed)
    return dense_layers([D, 6, 2]).eval()


def test_a_network_is_the_same_from_any_file(tmp_path, network, values):
    x = torch.from_numpy(values)
    save_model(tmp_path / "m.safetensors", network, {"architecture": "dense", "sizes": [D, 6, 2]})
    dim = torch.export.Dim("n", min=1)
    torch.export.save(torch.export.export(network, (x,), dynamic_shapes=({0: dim},)), tmp_path / "m.pt2")
    weights = {name: tensor.tolist() for name, tensor in network.state_dict().items()}
    (tmp_path / "m.py").write_text(
        "import torch\nfrom eigrad.autoencoder import dense_layers\n\n\ndef load():\n"
        f"    network = dense_layers([{D}, 6, 2])\n"
        f"    network.load_state_dict({{k: torch.tensor(v) for k, v in {weights!r}.items()}})\n    return network\n"
    )
    expected = Explainer(network, 1, progress=False)(x)
    for given in ("m.safetensors", "m.pt2", "m.py:load"):
        found = read_network(str(tmp_path / given))
        assert not found.training
        torch.testing.assert_close(Explainer(found, 1, progress=False)(x).values, expected.values)


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_torchscript_is_read(tmp_path, network, values):
    x = torch.from_numpy(values)
    torch.jit.trace(network, x).save(str(tmp_path / "m.ts"))
    torch.testing.assert_close(read_network(str(tmp_path / "m.ts"))(x), network(x))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("none.pt", "expected FILE.py:FUNCTION"),
        ("m.py:nothing", "AttributeError: module"),
        ("m.py:fails", "ZeroDivisionError"),
        ("m.py:number", "returned int, expected a torch.nn.Module"),
        ("none.py:load", "expected a Python file that exists"),
        ("text.pt", "is no archive of PyTorch"),
        ("empty.pt2", "cannot be read"),
        ("other.safetensors", "expected the architecture 'dense' with sizes"),
        ("text.safetensors", "expected a network saved by eigrad"),
    ],
)
def test_what_is_no_network_is_refused_in_a_sentence(tmp_path, given, said):
    (tmp_path / "m.py").write_text("def fails():\n    1 / 0\n\n\ndef number():\n    return 3\n")
    for name in ("text.pt", "text.safetensors"):
        (tmp_path / name).write_text("no network")
    with zipfile.ZipFile(tmp_path / "empty.pt2", "w") as archive:
        archive.writestr("e/archive_format", "pt2")
    save_model(tmp_path / "other.safetensors", nn.Linear(2, 3), {"kind": "cnn"})
    with pytest.raises(ValueError, match=re.escape(said)) as refused:
        read_network(str(tmp_path / given))
    assert "\n" not in str(refused.value)
