"""A page from Python: what it writes is what was explained, and what is no finding is refused."""

import json
import re
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.axes import Axes
from torch import nn

from eigrad import Explainer, SignificanceWarning, draw_sets, recommended, store
from eigrad.baselines import Close
from eigrad.findings import write_page
from eigrad.findings.figures import short
from eigrad.report import build

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
    return write_page(folder, each["class"], null=each["null"], reference=each["reference"], progress=False, **more)


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


@pytest.mark.parametrize(
    "more", [{"alpha": 2.0}, {"title": " "}, {"feature_names": list("aabcdef")}, {"groups": ["a"]}]
)
def test_what_fails_leaves_the_page_before_it(found, tmp_path, more):
    folder = written(found, tmp_path / "run").parent
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(ValueError, match="expected"):
        written(found, folder, **more)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_what_is_killed_is_not_taken_for_whole(found, tmp_path, monkeypatch):
    folder = written(found, tmp_path / "run").parent
    save, saved = store.save, []

    def killed(path, attributions):
        if saved:
            raise KeyboardInterrupt
        saved.append(path)
        save(path, attributions)

    monkeypatch.setattr(store, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        written(found, folder)
    assert sorted(path.name for path in folder.iterdir()) == ["attributions.zarr", "config.json"]
    assert len([path for path in (folder / "attributions.zarr").iterdir() if path.is_dir()]) == 1
    with pytest.raises(ValueError, match=re.escape("has no page.json")):
        build(folder)


def many(names=None, **options):
    """A network that needs each of nine features, all of which the class has more of, and its sets explained."""
    rng = np.random.default_rng(2)
    explainer = Explainer(nn.Linear(9, 1), None, progress=False, **options)
    with torch.no_grad():
        explainer.model.weight[:] = torch.arange(1.0, 10.0)
    shift = {"class": 3.0, "reference": 0.0, "null": 1.0}
    values = {name: (rng.normal(size=(50, 9)) + by).astype(np.float32) for name, by in shift.items()}
    return {name: explainer(pd.DataFrame(each, columns=names)) for name, each in values.items()}


def test_the_page_says_the_floor_what_more_there_is_and_how_samples_are_numbered(tmp_path):
    folder = written((None, many()), tmp_path / "run", min_share=0.25).parent
    page = json.loads((folder / "page.json").read_text())
    assert page["headline"] == [
        "7 of 9 features are significant for the score: 8, 7, 6, 5, 4 and 2 more.",
        "Class: 50 samples explained.", "Reference: 50 samples explained.",
    ]  # fmt: skip
    text = json.dumps(page)
    assert "{" not in re.sub(r'[{"}]: |[{}]', "", "".join(page["reading"]))
    assert "at least 25 % of the largest" in text
    assert "is 25 % of the largest" in text
    assert "numbered within their set, from 0" in text
    assert "Baselines: Zero()." in text
    samples = pd.read_csv(folder / "samples.csv")
    assert samples.columns[1] == "class 0"
    numbers = json.loads((folder / "summary.json").read_text())
    assert numbers["min_share"] == 0.25
    assert numbers["n_explained"] == {"class": 50, "reference": 50, "null": 50}


def test_seeds_and_worst_samples_are_as_said(found, tmp_path):
    _, each = found
    one, other = (
        pd.read_csv(written(found, tmp_path / f"{seed}", seed=seed).parent / "features.csv") for seed in (1, 2)
    )
    assert not one["p_null"].equals(other["p_null"])
    errors = torch.arange(40) / 40
    worse = {**each, "null": replace(each["null"], relative_error=errors)}
    folder = written((found[0], worse), tmp_path / "run").parent
    assert json.loads((folder / "summary.json").read_text())["error_p95"]["null"] == pytest.approx(0.95 * 39 / 40)
    nothing = {**each, "null": replace(each["null"], relative_error=torch.full((40,), torch.nan))}
    assert "not known (null)" in written((found[0], nothing), tmp_path / "run").read_text()


def test_sets_that_were_explained_otherwise_are_cautioned_of(found, tmp_path):
    other = Explainer(nn.Linear(D, 1), None, progress=False)
    _, each = found
    mixed = {**each, "null": other(torch.randn(40, D))}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SignificanceWarning)
        page = written((found[0], {**mixed, "null": replace(mixed["null"], feature_names=None)}), tmp_path / "run")
    assert (
        "Caution: the null was explained with another baseline (Zero()) than the class (Close(n=2))" in page.read_text()
    )


def test_cautions_are_on_the_page_too(tmp_path):
    each = many()
    few = {name: replace(one, values=one.values * (4 if name == "class" else 1)) for name, one in each.items()}
    with pytest.warns(SignificanceWarning, match="spread at least 2 times as widely"):
        page = written((None, few), tmp_path / "run")
    assert "Caution: against the null" in page.read_text()


NAMES = ["", "nan", "<script>alert(1)</script>", "a\r\nb", "$x^2$", "\N{CJK UNIFIED IDEOGRAPH-57FA}", None, 3, ("t", 1)]


def test_names_are_text_whatever_they_are(tmp_path):
    page = written((None, many()), tmp_path / "run", feature_names=NAMES)
    table = pd.read_csv(page.parent / "features.csv", keep_default_na=False)
    assert set(table["feature"]) == {*NAMES[:3], "a  b", *NAMES[4:6], "None", "3", "('t', 1)"}
    assert "<script>alert" not in page.read_text()


def test_figures_show_every_set_as_it_is(found, tmp_path, monkeypatch):
    drawn = []

    def boxplot(self, values, **options):
        drawn.append((values, options["positions"]))
        return original(self, values, **options)

    original = Axes.boxplot
    monkeypatch.setattr(Axes, "boxplot", boxplot)
    labels = []
    monkeypatch.setattr(Axes, "set_yticks", lambda self, ticks, names=(), **_: labels.extend(names))
    folder = written(found, tmp_path / "run").parent
    table = pd.read_csv(folder / "features.csv")
    assert len(drawn) == 3
    for (values, positions), name, offset in zip(drawn, ("class", "reference", "null"), (-0.27, 0, 0.27), strict=True):
        np.testing.assert_allclose([each.mean() for each in values], table[f"mean_{name}"], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(positions, np.arange(D) + offset)
    assert [label.endswith(" *") for label in labels] == table["significant"].tolist()
    assert short("$x$" + "y" * 30) == r"\$x\$" + "y" * 20 + "\N{HORIZONTAL ELLIPSIS}"


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
