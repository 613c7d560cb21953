"""Laws of what Captum's tools and tables of cells get: the same numbers as everybody."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import sparse
from tests.laws.strategies import SEEDS, drawn, law, network, shapes
from tests.standins import AnnData
from torch import nn

from eigrad import Explainer, SignificanceWarning, significance, tl
from eigrad.baselines import Random
from eigrad.captum import EnhancedIntegratedGradients
from eigrad.captum.inputs import Same

KINDS = ("acinar", "beta", "delta")


class Joined(nn.Module):
    """A network of several inputs, which it joins."""

    def __init__(self, seed, n_features) -> None:
        super().__init__()
        self.inner = network(seed, n_features, 3)

    def forward(self, *inputs):
        return self.inner(torch.cat([each.flatten(1) for each in inputs], 1))


@law(15)
@given(
    shape=shapes(),
    n=st.integers(1, 4),
    seed=SEEDS,
    target=st.integers(0, 2),
    kind=st.sampled_from(["none", "number", "row", "rows"]),
    n_steps=st.sampled_from([None, 9]),
)
def test_captum_gets_what_everybody_gets(shape, n, seed, target, kind, n_steps):
    samples, start = drawn(seed, n, *shape), drawn(seed + 1, n, *shape)
    model = Joined(seed, samples[0].numel())
    given = {"none": None, "number": 0.5, "row": start[:1], "rows": start}[kind]
    method = EnhancedIntegratedGradients(model)
    values, delta = method.attribute(samples, given, target, n_steps=n_steps, return_convergence_delta=True)
    starts = {"none": samples * 0, "number": samples * 0 + 0.5, "row": start[:1].expand_as(samples), "rows": start}[
        kind
    ]
    for i in range(n):
        baseline = Same(starts[i : i + 1])
        found = Explainer(model, target, baseline=baseline, n_points=n_steps, progress=False)(samples[i : i + 1])
        torch.testing.assert_close(values[i : i + 1], found.values, rtol=1e-9, atol=1e-11)
    with torch.no_grad():
        change = (model(samples) - model(starts))[:, target]
    torch.testing.assert_close(values.flatten(1).sum(1) - change, delta, rtol=1e-9, atol=1e-9)


@law(10)
@given(sizes=st.lists(shapes(3), min_size=1, max_size=3), n=st.integers(1, 4), seed=SEEDS)
def test_several_inputs_are_explained_as_one(sizes, n, seed):
    inputs = tuple(drawn(seed + i, n, *shape) for i, shape in enumerate(sizes))
    whole = torch.cat([each.flatten(1) for each in inputs], 1)
    model = Joined(seed, whole.shape[1])
    found = EnhancedIntegratedGradients(model).attribute(inputs, target=1)
    assert [each.shape for each in found] == [each.shape for each in inputs]
    one = EnhancedIntegratedGradients(model).attribute(whole, target=1)
    torch.testing.assert_close(torch.cat([each.flatten(1) for each in found], 1), one, rtol=1e-9, atol=1e-11)


@law(8)
@given(shape=shapes(), n=st.integers(1, 4), seed=SEEDS)
def test_without_the_step_it_is_a_mean_gradient(shape, n, seed):
    samples, start = drawn(seed, n, *shape), drawn(seed + 1, n, *shape)
    start.flatten(1)[0, 0] = samples.flatten(1)[0, 0]
    weights = drawn(seed + 2, samples[0].numel())
    method = EnhancedIntegratedGradients(lambda x: x.flatten(1) @ weights, multiply_by_inputs=False)
    found = method.attribute(samples, start)
    torch.testing.assert_close(found, weights.view(shape).expand_as(samples), rtol=1e-3, atol=1e-3)


@law(6)
@given(
    counts=st.tuples(st.integers(2, 9), st.integers(6, 12), st.integers(6, 9)), n_genes=st.integers(2, 5), seed=SEEDS,
    n_samples=st.none() | st.integers(2, 6), form=st.sampled_from(["sparse", "layer", "single", "copy"]),
    reference=st.sampled_from(["rest", "beta"]), whole=st.booleans(),
)  # fmt: skip
def test_cells_explained_are_of_the_two_sets_and_the_table_is_theirs(
    counts, n_genes, seed, n_samples, form, reference, whole
):
    kinds = np.random.default_rng(seed).permutation(np.repeat(KINDS, counts))
    values = drawn(seed, len(kinds), n_genes).numpy()
    values = np.round(4 * values) if whole else values
    assume(len(np.unique(values, axis=0)) == len(values))  # else cells may be taken for others
    adata, model = cells(values, kinds), network(seed, n_genes, 2)
    written = explained(adata, model, reference, n_samples)
    layer = written.layers["eigrad"]
    there = ~np.isnan(layer).any(1)
    assert (np.isnan(layer).any(1) == np.isnan(layer).all(1)).all()
    most = len(kinds) if n_samples is None else n_samples
    others = kinds != "acinar" if reference == "rest" else kinds == reference
    first, second = there & (kinds == "acinar"), there & others
    assert not (there & ~(first | second)).any()
    assert first.sum() == min(most, counts[0])
    assert second.sum() == min(most, others.sum() // 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SignificanceWarning)
        table = significance(
            layer[first], layer[second], transform="signed", test="welch", seed=3, progress=False,
            feature_names=adata.var_names,
        )  # fmt: skip
    pd.testing.assert_frame_equal(written.varm["eigrad"], table.drop(columns="feature").set_index(adata.var_names))
    for name in ("effect", "p_adjusted", "significant"):
        assert list(written.var[f"eigrad_{name}"]) == list(table[name])
    given = {
        "sparse": (sparse.csr_matrix(values), {}), "layer": (values * 0, {"layer": "counts"}), "single": (values, {}),
        "copy": (values, {"copy": True}),
    }[form]  # fmt: skip
    other = cells(given[0], kinds)
    other.layers["counts"] = values
    again = explained(other, model, reference, n_samples, **given[1])
    np.testing.assert_array_equal(again.layers["eigrad"], layer)
    assert ("eigrad" in other.uns) == (form != "copy")


def cells(values, kinds):
    obs = pd.DataFrame({"cell_type": kinds}, index=[f"cell {i}" for i in range(len(kinds))])
    return AnnData(values, obs, pd.DataFrame(index=[f"gene {i}" for i in range(values.shape[1])]))


def explained(adata, model, reference, n_samples, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SignificanceWarning)
        found = tl.explain(
            adata, model, "cell_type", "acinar", reference, target=1, n_samples=n_samples, test="welch", seed=3,
            progress=False, **options,
        )  # fmt: skip
    return adata if found is None else found


@law(5)
@given(seed=SEEDS, n=st.integers(3, 6), n_baselines=st.integers(1, 3))
def test_a_baseline_of_ones_own_is_taken(seed, n, n_baselines):
    values, kinds = drawn(seed, 2 * n, 3), np.repeat(["acinar", "beta"], n)
    adata, model = cells(values.numpy(), kinds), network(seed, 3, 2)
    baseline = Random(drawn(seed + 1, 5, 3), n_baselines)
    found = explained(adata, model, "beta", None, baseline=baseline)
    whole = Explainer(model, 1, baseline=baseline, progress=False)(values)
    np.testing.assert_allclose(found.layers["eigrad"], whole.values, rtol=1e-9, atol=1e-11)
    assert found.uns["eigrad"]["n_baselines"] == n_baselines
    with pytest.raises(ValueError, match="group: got 'gamma'"):
        tl.explain(adata, model, "cell_type", "gamma", target=1, progress=False)
