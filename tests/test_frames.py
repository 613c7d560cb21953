"""Attributions as values of pandas, xarray and SHAP: the same numbers, where each library looks for them."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from tests import standins
from torch import nn

from eigrad import Explainer, baselines
from eigrad.attribute import TENSORS

N, D, B, K = 11, 5, 2, 3  # samples, features, baselines, outputs


@pytest.fixture
def samples(seed):
    rows = np.random.default_rng(seed).normal(size=(N, D))
    return pd.DataFrame(rows, columns=list("abcde"), index=[f"cell {i}" for i in range(N)])


@pytest.fixture
def explainer(seed, samples):
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(D, 7), nn.Tanh(), nn.Linear(7, K)).double()
    return Explainer(network, 1, baseline=baselines.Random(samples * 2 - 1, n=B), progress=False)


@pytest.fixture
def images(seed):
    """Samples of three axes, and their attributions."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(7, 2, 4, 6, generator=generator, dtype=torch.float64)
    return values, Explainer(lambda x: x.sin().sum((1, 2, 3)), progress=False)(values)


@pytest.fixture
def xarray(monkeypatch):
    """xarray, or what stands in for it."""
    try:
        import xarray
    except ImportError:
        monkeypatch.setitem(sys.modules, "xarray", standins.xarray)
        return standins.xarray
    return xarray


def test_a_frame_has_a_row_a_sample_and_a_column_a_feature(explainer, samples):
    result = explainer(samples)
    frame = result.to_pandas(samples.index)
    assert list(frame.columns) == list("abcde")
    assert frame.index.equals(samples.index)
    np.testing.assert_array_equal(frame.to_numpy(), result.values.numpy())
    np.testing.assert_allclose(frame.sum(axis=1), result.change.mean(1) + result.gap.mean(1), rtol=0, atol=1e-12)
    unnamed = explainer(samples.to_numpy()).to_pandas()
    assert list(unnamed.columns) == list(range(D))
    assert list(unnamed.index) == list(range(N))


def test_a_frame_of_samples_of_several_axes_is_flat(images):
    _, result = images
    np.testing.assert_array_equal(result.to_pandas(), result.values.flatten(1))


def test_names_of_several_levels_are_levels_of_a_frame_and_single_names_of_a_dataset(explainer, samples, xarray):
    pairs = [("exon", 1), ("exon", 2), ("intron", 1), ("intron", 2), ("intron", 3)]
    result = explainer(samples.set_axis(pd.MultiIndex.from_tuples(pairs), axis=1))
    assert list(result.to_pandas()["intron"].columns) == [1, 2, 3]
    assert dict(result.to_xarray().sizes) == {"sample": N, "feature": D, "baseline": B}


def test_a_dataset_holds_every_tensor_with_its_axes_named(explainer, samples, xarray):
    result = explainer(samples)
    dataset = result.to_xarray()
    assert isinstance(dataset, xarray.Dataset)
    assert dict(dataset.sizes) == {"sample": N, "feature": D, "baseline": B}
    for name in TENSORS:
        np.testing.assert_array_equal(np.asarray(dataset[name]), getattr(result, name).numpy())
    assert list(dataset.coords) == ["feature"]
    assert {dataset.attrs[name] for name in ("rule", "baseline")} == {result.rule, "Random(n=2, seed=0)"}


def test_a_dataset_of_several_outputs_or_axes_names_them_too(explainer, samples, images, xarray):
    several = explainer(samples.to_numpy(), target=(0, 1, 2)).to_xarray()
    assert dict(several.sizes) == {"output": K, "sample": N, "feature": D, "baseline": B}
    assert list(several.coords) == []
    of_axes = images[1].to_xarray()
    assert dict(of_axes.sizes) == {"sample": 7, "feature_0": 2, "feature_1": 4, "feature_2": 6, "baseline": 1}


def test_an_explanation_adds_up_to_the_score(explainer, samples):
    result = explainer(samples)
    explanation = result.to_shap(samples)
    network, points = explainer.model, explainer.baseline.chosen
    with torch.no_grad():
        at_baselines = network(points)[:, 1].mean()
        scores = network(torch.tensor(samples.to_numpy()))[:, 1]
    np.testing.assert_allclose(explanation.base_values, np.full(N, at_baselines), rtol=0, atol=1e-12)
    total = explanation.base_values + explanation.values.sum(1) - result.gap.mean(1).numpy()
    np.testing.assert_allclose(total, scores, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(explanation.data, samples)
    assert explanation.feature_names == list("abcde")
    assert explainer(samples.to_numpy()).to_shap(samples).feature_names == list("abcde")
    assert explainer(samples.to_numpy()).to_shap(samples.to_numpy()).feature_names is None


def test_shap_draws_it(explainer, samples, images):
    result = explainer(samples)
    import shap

    axes = shap.plots.beeswarm(result.to_shap(samples), show=False)
    drawn = [label.get_text() for label in axes.get_yticklabels()]
    assert drawn == list(result.to_pandas().abs().mean().sort_values().index)  # the largest on top
    plt.close("all")
    assert images[1].to_shap(images[0]).values.shape == (7, 2, 4, 6)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda r, x: r.to_pandas(list("xyz")), "index: got 3 labels for 11 samples, expected one a sample"),
        (lambda r, x: r.to_shap(x.head(4)), r"samples: got shape \(4, 5\), expected that of the attributions, \(11, 5"),
        (lambda r, x: r.to_shap(x[list("abced")]), "samples: got other columns than those that were explained"),
        (lambda r, x: r.to_shap(x * np.nan), "samples: 11 of 11 rows hold NaN"),
    ],
)
def test_what_does_not_belong_to_the_attributions_is_refused(explainer, samples, made, words):
    with pytest.raises(ValueError, match=words):
        made(explainer(samples), samples)


def test_several_outputs_are_to_be_chosen_from(explainer, samples):
    several = explainer(samples, target=(0, 2))
    for made in (several.to_pandas, lambda: several.to_shap(samples)):
        with pytest.raises(ValueError, match=r"2 outputs were explained, choose one with output\(i\)"):
            made()
    assert several.output(1).to_pandas().shape == (N, D)


@pytest.mark.parametrize(
    ("library", "made", "words"),
    [
        ("xarray", lambda r, x: r.to_xarray(), "to_xarray needs xarray: pip install xarray"),
        ("shap", lambda r, x: r.to_shap(x), r"to_shap needs shap: pip install 'eigrad\[compare\]'"),
    ],
)
def test_a_library_that_is_missing_is_named(explainer, samples, monkeypatch, library, made, words):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ValueError, match=words):
        made(explainer(samples), samples)
