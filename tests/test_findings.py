"""A page from Python: what it writes is what was explained, and what is no finding is refused."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from eigrad import Explainer, draw_sets, recommended, store
from eigrad.baselines import Close
from eigrad.findings import write_page

N, D = 210, 7
CAUSES = {"gene 2", "gene 5"}


@pytest.fixture(scope="module")
def found():
    """A network that sees two of seven genes, which the class has more or less of, and its three sets explained."""
    rng = np.random.default_rng(5)
    kind = rng.permutation(np.repeat([0, 1, 2], N // 3))
    values = rng.normal(size=(N, D)).astype(np.float32)
    values[kind == 0, 2] += 2
    values[kind == 0, 5] -= 2
    table = pd.DataFrame(values, columns=[f"gene {i}" for i in range(D)])
    network = nn.Linear(D, 3)
    with torch.no_grad():
        network.weight.zero_()
        network.weight[1, 2], network.weight[1, 5] = 2.0, -1.5
    sets = draw_sets(kind == 0, kind == 1, n_samples=40)
    explainer = Explainer(network, 1, baseline=Close(table.iloc[sets.points].values, n=2), progress=False)
    return sets, {name: explainer(table.iloc[places]) for name, places in sets.explained.items()}


def written(found, folder, **more):
    _, each = found
    return write_page(folder, each["class"], each["null"], each["reference"], progress=False, **more)


@pytest.fixture(scope="module")
def page(found, tmp_path_factory):
    folder = tmp_path_factory.mktemp("findings") / "run"
    names = ("<b>ill</b>", "well")
    return written(found, folder, title="What sets <i>it</i> apart", names=names, score="output 1", sets=found[0])


def test_the_page_says_what_was_planted(page):
    text = page.read_text()
    assert "2 of 7 features are significant for output 1" in text
    assert "What sets &lt;i&gt;it&lt;/i&gt; apart" in text
    assert "Class: &lt;b&gt;ill&lt;/b&gt; (40 explained)" in text
    assert "<b>ill</b>" not in text
    assert set(json.loads((page.parent / "summary.json").read_text())["top"]) == CAUSES


def test_tables_are_those_of_the_attributions(found, page):
    sets, each = found
    table = pd.read_csv(page.parent / "features.csv").set_index("feature")
    expected = recommended(each["class"], each["null"], each["reference"], progress=False).set_index("feature")
    np.testing.assert_allclose(
        table.loc[expected.index, expected.columns].astype(float), expected.astype(float), rtol=1e-6
    )
    assert (np.diff(table["magnitude"]) <= 0).all()
    samples = pd.read_csv(page.parent / "samples.csv").set_index("feature")
    for name, attributions in each.items():
        values = attributions.to_pandas()
        np.testing.assert_allclose(table[f"mean_{name}"], values.mean()[table.index], rtol=1e-4, atol=1e-6)
        columns = [f"{name} {place}" for place in sets.explained[name]]
        np.testing.assert_allclose(samples[columns].T, values[samples.index], rtol=1e-3, atol=1e-6)
        assert torch.equal(store.load(page.parent / "attributions.zarr" / name).values, attributions.values)


def test_groups_are_rows_of_the_page(found, tmp_path):
    _, each = found
    groups = ["quiet", "quiet", "up", "quiet", "quiet", "down", "quiet"]
    folder = written(found, tmp_path / "run", groups=groups).parent
    table = pd.read_csv(folder / "features.csv").set_index("feature")
    assert set(table.index[table["significant"]]) == {"up", "down"}
    quiet = each["class"].numpy()[:, [i for i, name in enumerate(groups) if name == "quiet"]].sum(axis=1)
    boxes = pd.read_csv(folder / "distributions.csv").set_index("feature")
    np.testing.assert_allclose(boxes.loc["quiet", "class_75"], np.percentile(quiet, 75), rtol=1e-6, atol=1e-12)


def test_a_page_is_replaced_and_nothing_else_is(found, page, tmp_path):
    folder = tmp_path / "run"
    assert written(found, folder, seed=1) == folder / "report.html"
    assert "another title" in written(found, str(folder), title="another title").read_text()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("mine")
    with pytest.raises(ValueError, match=r"folder: .* holds no run of eigrad write_page"):
        written(found, tmp_path / "mine")
    assert [each.name for each in (tmp_path / "mine").iterdir()] == ["thesis.tex"]


def test_what_fails_leaves_the_page_before_it(found, tmp_path):
    folder = written(found, tmp_path / "run").parent
    before = (folder / "report.html").read_bytes()
    with pytest.raises(ValueError, match="alpha"):
        written(found, folder, alpha=2.0)
    assert (folder / "report.html").read_bytes() == before


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"feature_names": ["a"] * D}, "feature_names: got 'a' twice, expected a name of its own"),
        ({"feature_names": ["a"]}, "feature_names has 1 names"),
        ({"sets": draw_sets(np.arange(40) < 9, np.arange(40) > 12)}, "expected the 40 explained"),
        ({"test": "z"}, "test is 'z'"),
    ],
)
def test_what_is_no_finding_is_refused_at_the_door(found, tmp_path, more, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        written(found, tmp_path / "run", **more)
    assert not (tmp_path / "run").exists()


def test_pixels_are_called_by_their_place(tmp_path):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(6, 2))
    explainer = Explainer(network, 0, progress=False)
    each = {name: explainer(torch.randn(12, 2, 3)) for name in ("class", "reference", "null")}
    folder = written((None, each), tmp_path / "run").parent
    assert set(pd.read_csv(folder / "features.csv")["feature"]) == {"0,0", "0,1", "0,2", "1,0", "1,1", "1,2"}
