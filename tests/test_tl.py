"""Cells of a group explained in a table of cells: what is written where, of which cells, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from tests.standins import AnnData
from torch import nn

import eigrad
from eigrad import Explainer, baselines, paths, significance
from eigrad.tl import AnnDataLike

CELLS, GENES, KINDS, RAISED = 97, 7, 3, 2  # RAISED is the gene that makes a cell of kind 1


@pytest.fixture
def counts(seed):
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, KINDS, CELLS)
    values = rng.poisson(1.0, (CELLS, GENES)).astype(np.float32)
    values[kind == 1, RAISED] += 4
    return values, kind


@pytest.fixture
def adata(counts):
    values, kind = counts
    named = np.array(["acinar", "beta", "delta"])[kind]
    obs = pd.DataFrame(
        {"cell_type": pd.Categorical(named, [*np.unique(named), "unused"]), "leiden": kind.astype(str), "kind": kind},
        index=[f"cell{i}" for i in range(CELLS)],
    )
    return AnnData(values, obs, pd.DataFrame(index=[f"gene{i}" for i in range(GENES)]))


@pytest.fixture
def network(counts, seed):
    values, kind = (torch.tensor(each) for each in counts)
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(GENES, 9), nn.ReLU(), nn.Linear(9, KINDS))
    optimizer = torch.optim.Adam(network.parameters(), 0.05)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(values), kind).backward()
        optimizer.step()
    return network


@pytest.fixture
def explain(network):
    def call(adata, *names, **options):
        return eigrad.tl.explain(adata, network, *names, **{"target": 1, "progress": False, **options})

    return call


def explained(adata, key="eigrad"):
    """Which cells have attributions: all of a cell's, or none."""
    missing = np.isnan(adata.layers[key])
    assert (missing.all(1) == missing.any(1)).all()
    return ~missing.all(1)


def same(one, other, key="eigrad"):
    np.testing.assert_array_equal(one.layers[key], other.layers[key])
    pd.testing.assert_frame_equal(one.varm[key], other.varm[key])


def test_the_gene_that_makes_the_group_is_found(adata, explain):
    assert isinstance(adata, AnnDataLike)
    assert explain(adata, "cell_type", "beta") is None
    assert list(adata.var.columns) == ["eigrad_effect", "eigrad_p_adjusted", "eigrad_significant"]
    assert adata.var["eigrad_effect"].abs().idxmax() == f"gene{RAISED}"
    assert adata.var["eigrad_significant"][f"gene{RAISED}"]
    assert (adata.var["eigrad_significant"] == (adata.var["eigrad_p_adjusted"] <= 0.05)).all()


def test_the_numbers_are_those_of_an_explainer_and_of_significance(adata, explain, network, seed):
    explain(adata, "cell_type", "beta", "delta", layer=None, seed=seed)
    cells, group = explained(adata), (adata.obs["cell_type"] == "beta").to_numpy()
    reference = (adata.obs["cell_type"] == "delta").to_numpy()
    assert cells[group].all()
    assert cells[reference].sum() == reference.sum() // 2
    assert not cells[~group & ~reference].any()
    left = adata.X[reference & ~cells]  # the cells that choose the baseline are not explained
    explainer = Explainer(network, 1, baseline=baselines.Median(left, n=3), progress=False)
    found, null = explainer(adata.X[group]), explainer(adata.X[reference & cells])
    np.testing.assert_allclose(adata.layers["eigrad"][group], found.numpy(), rtol=0, atol=1e-5)
    np.testing.assert_allclose(adata.layers["eigrad"][reference & cells], null.numpy(), rtol=0, atol=1e-5)
    table = significance(found, null, transform="signed", test="maxt", seed=seed, progress=False)
    for name in ("effect", "p_adjusted"):
        np.testing.assert_allclose(adata.var[f"eigrad_{name}"], table[name], rtol=1e-4, atol=0)
    assert list(adata.varm["eigrad"].columns) == list(table.columns[1:])
    facts = adata.uns["eigrad"]
    assert (facts["n_group"], facts["n_reference"], facts["n_baselines"]) == (group.sum(), reference.sum() // 2, 3)
    assert (facts["group"], facts["reference"], facts["seed"], facts["layer"]) == ("beta", "delta", seed, "X")


def test_values_of_any_form_give_the_same(adata, explain):
    forms = {"csr": sparse.csr_matrix, "array": sparse.csr_array, "csc": sparse.csc_matrix}
    explain(adata, "cell_type", "beta")
    for form, convert in forms.items():
        other = AnnData(convert(adata.X), adata.obs, adata.var.copy())
        explain(other, "cell_type", "beta")
        same(other, adata)
        assert sparse.issparse(other.X), form
    layered = AnnData(sparse.csr_matrix(adata.X * np.nan), adata.obs, adata.var.copy())
    layered.layers["counts"] = adata.X.astype(int)
    explain(layered, "cell_type", "beta", layer="counts")
    same(layered, adata)
    assert layered.uns["eigrad"]["layer"] == "counts"


@pytest.mark.parametrize(
    ("groupby", "group", "reference"),
    [
        ("leiden", "1", "2"),
        ("leiden", 1, 2),
        ("kind", 1, 2),
        ("kind", np.int64(1), "2"),
        ("cell_type", "beta", "delta"),
    ],
)
def test_a_group_is_found_by_any_of_its_names(adata, explain, groupby, group, reference):
    explain(adata, "leiden", "1", "2", key_added="first")
    explain(adata, groupby, group, reference, key_added="second")
    np.testing.assert_array_equal(adata.layers["first"], adata.layers["second"])


def test_cells_without_a_label_are_of_no_group(adata, explain):
    unlabeled = (adata.obs["cell_type"] == "acinar").to_numpy()
    for column in ("cell_type", "leiden"):
        adata.obs[column] = adata.obs[column].mask(unlabeled)
    adata.obs["nullable"] = adata.obs["leiden"].astype("string")
    explain(adata, "cell_type", "beta")
    assert not explained(adata)[unlabeled].any()
    for column in ("leiden", "nullable"):
        explain(adata, column, "1", key_added=column)
        np.testing.assert_array_equal(adata.layers[column], adata.layers["eigrad"])


def test_the_seed_draws_so_many_cells(adata, explain):
    drawn = {}
    for seed in (3, 4):
        explain(adata, "cell_type", "beta", n_samples=10, seed=seed, key_added=f"seed{seed}")
        drawn[seed] = explained(adata, f"seed{seed}")
        group = (adata.obs["cell_type"] == "beta").to_numpy()
        assert (drawn[seed][group].sum(), drawn[seed][~group].sum()) == (10, 10)
    assert (drawn[3] != drawn[4]).any()
    explain(adata, "cell_type", "beta", n_samples=10, seed=3, key_added="again")
    np.testing.assert_array_equal(adata.layers["again"], adata.layers["seed3"])
    explain(adata, "cell_type", "beta", n_samples=None, key_added="all")
    assert explained(adata, "all")[group].all()


def test_a_copy_leaves_the_original_alone(adata, explain):
    changed = explain(adata, "cell_type", "beta", copy=True, key_added="new")
    assert explained(changed, "new").any()
    assert not adata.layers
    assert not adata.uns
    assert not adata.varm
    assert list(adata.var.columns) == []


def test_paths_baselines_and_tests_of_ones_own_are_taken(adata, explain):
    apart = (adata.obs["cell_type"] == "acinar").to_numpy()
    explain(
        adata, "cell_type", "beta", "delta", path=paths.Neighbors(adata.X, k=4), test="welch", transform="share",
        baseline=baselines.KMeans(adata.X[apart], n=2),
    )  # fmt: skip
    facts = adata.uns["eigrad"]
    assert facts["path"].startswith("Neighbors")
    assert (facts["baseline"].split("(")[0], facts["n_baselines"], facts["test"]) == ("KMeans", 2, "welch")
    assert explained(adata)[(adata.obs["cell_type"] == "delta").to_numpy()].all()  # none is needed for a baseline


def test_what_would_mislead_is_warned_of_and_kept(adata, explain):
    with pytest.warns(eigrad.SignificanceWarning, match="class samples are tested against"):
        explain(adata, "cell_type", "beta", test="welch", transform="share", n_samples=None)
    assert len(adata.uns["eigrad"]["warnings"]) == 1


@pytest.mark.parametrize(
    ("names", "options", "words"),
    [
        (("tissue", "beta"), {}, "groupby: got 'tissue', expected a column of obs: cell_type, leiden, kind"),
        (
            ("cell_type", "gamma"),
            {},
            r"group: got 'gamma', expected a label in obs\['cell_type'\]: acinar, beta, delta",
        ),
        (("cell_type", "unused"), {}, "group: got 'unused', expected a label"),
        (("cell_type", "beta", "gamma"), {}, "reference: got 'gamma', expected a label"),
        (
            ("cell_type", "beta", "beta"),
            {},
            "reference: got 'beta', the group itself, expected another group or 'rest'",
        ),
        (("rare", "one"), {}, "group: got 1 cells of 'one', expected at least 2"),
        (("rare", "many", "five"), {}, "reference: got 5 cells of 'five', expected at least 6"),
        (
            ("rare", "many", "one"),
            {"baseline": baselines.Zero()},
            "reference: got 1 cells of 'one', expected at least 2",
        ),
        (("cell_type", "beta"), {"layer": "raw"}, "layer: got 'raw', expected one of log"),
        (("cell_type", "beta"), {"layer": "log"}, r"layer 'log': \d+ of \d+ rows hold NaN or infinite values"),
        (("cell_type", "beta"), {"n_samples": 1}, "n_samples: got 1, expected a whole number of at least 2"),
        (("cell_type", "beta"), {"n_baselines": 0}, "n_baselines: got 0, expected a whole number of at least 1"),
        (("cell_type", "beta"), {"target": None}, "target: the model has 3 outputs, expected the index"),
        (("cell_type", "beta"), {"n_samples": 2}, "2 class and 2 null samples can be arranged in 6 ways"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_is_written(adata, explain, names, options, words):
    adata.obs["rare"] = ["one"] + ["five"] * 5 + ["many"] * (CELLS - 6)
    with np.errstate(divide="ignore"):
        adata.layers["log"] = np.log(adata.X)  # zeros become infinite
    with pytest.raises(ValueError, match=words):
        explain(adata, *names, **options)
    assert list(adata.layers) == ["log"]
    assert not adata.uns
