"""Laws of attributions: what they sum to, what they do not depend on, and what they follow."""

import importlib.util
import math
import sys
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import assume, example, given
from hypothesis import strategies as st
from tests import standins
from tests.laws.strategies import (
    BASELINES,
    KINDS,
    LAYOUTS,
    PATHS,
    POWERS,
    SEEDS,
    Quadratic,
    attributions,
    baseline,
    drawn,
    laid_out,
    law,
    network,
    of_kind,
    path,
    shapes,
)
from torch import nn

from eigrad import Explainer, diagnose, simple_gradients
from eigrad.attribute import TENSORS
from eigrad.baselines import Random
from eigrad.integrate import RULES
from eigrad.model import as_samples, score

GRADIENTS = ("trapezoid", "gauss-legendre", "hale-trefethen", "clenshaw-curtis")
EXACT = tuple(rule for rule in RULES if rule != "gradient")
ROUNDING = 1e-10
WAYS = {"path": st.sampled_from(PATHS), "baseline": st.sampled_from(BASELINES)}


def explained(model, samples, *, target=None, extra=(), **options):
    return Explainer(model, target, progress=False, **options)(samples, extra=extra)


def alike(one, other, rtol=ROUNDING):
    """Whether attributions are the same up to rounding of what a sample has in all."""
    size = other.abs().flatten(1).sum(1) + torch.finfo(torch.float64).tiny
    return bool(((one - other).abs().flatten(1).sum(1) <= rtol * size).all())


def data(seed, shape, n, n_points=7):
    return drawn(seed, n, *shape), drawn(seed + 1, n_points, *shape) - 1


@law(16)
@given(shape=shapes(), n=st.integers(1, 4), seed=SEEDS, n_baselines=st.integers(1, 3), **WAYS)
def test_kinks_are_integrated_to_completeness(shape, n, seed, n_baselines, path, baseline):
    samples, points = data(seed, shape, n)
    model = network(seed, math.prod(shape))
    found = explained(model, samples, **ways(path, baseline, seed, points, n_baselines), tol=0.3)
    with torch.no_grad():
        torch.testing.assert_close(found.score, model(samples)[:, 0], rtol=1e-12, atol=1e-12)
    assert found.rule == "secant"
    whole = found.values.flatten(1).abs().sum(1) + found.change.abs().mean(1) + 1e-3
    assert ((found.values.flatten(1).sum(1) - found.change.mean(1)).abs() <= 1e-10 * whole).all()


@law(12)
@given(shape=shapes(3), n=st.integers(1, 3), seed=SEEDS, tol=st.sampled_from([0.1, 0.01, 0.001]), **WAYS)
def test_smooth_scores_are_integrated_to_the_tolerance(shape, n, seed, tol, path, baseline):
    samples, points = data(seed, shape, n)
    model = network(seed, math.prod(shape), activation=nn.Tanh)
    found = explained(model, samples, **ways(path, baseline, seed, points, 2), tol=tol)
    assume(bool((found.relative_error <= tol).all()))  # else the points did not suffice, and it says so
    summed = found.values.flatten(1).abs().sum(1)
    assert ((found.values.flatten(1).sum(1) - found.change.mean(1)).abs() <= tol * summed + 1e-12).all()


def ways(path_name, baseline_name, seed, points, n):
    return {"path": path(path_name, seed, points), "baseline": baseline(baseline_name, seed, points, n)}


@law(16)
@given(shape=shapes(), n=st.integers(1, 4), seed=SEEDS, rule=st.sampled_from(tuple(RULES)), **WAYS)
def test_a_linear_score_has_the_same_attributions_along_every_path(shape, n, seed, rule, path, baseline):
    assume(rule != "clenshaw-curtis" or not path.startswith("latent"))  # which it refuses
    assume(rule != "gradient" or path == "straight")
    samples, points = data(seed, shape, n)
    weights = drawn(seed + 2, math.prod(shape))
    given = ways(path, baseline, seed, points, 2)
    found = explained(lambda x: x.flatten(1) @ weights + 1, samples, rule=rule, n_points=2, **given)
    starts = given["baseline"](samples)
    expected = ((samples[:, None] - starts) * weights.view(shape)).mean(1)
    if path.startswith("latent") and rule in ("gauss-legendre", "hale-trefethen"):  # steps along tangents
        found = explained(lambda x: x.flatten(1) @ weights + 1, samples, rule=rule, n_points=121, **given)
        assert alike(found.values, expected, 1e-3)
    else:
        assert alike(found.values, expected, 1e-12)


@law(12)
@given(shape=shapes(), n=st.integers(1, 4), seed=SEEDS, rule=st.sampled_from(EXACT), n_points=st.integers(3, 30))
def test_a_quadratic_score_is_integrated_exactly_whatever_the_points(shape, n, seed, rule, n_points):
    assume("secant" not in rule)
    samples, points = data(seed, shape, n)
    model = Quadratic(seed, math.prod(shape))
    found = explained(model, samples, rule=rule, n_points=n_points, baseline=baseline("random", seed, points, 2))
    starts = baseline("random", seed, points, 2)(samples).flatten(2)
    ends = samples.flatten(1)[:, None]
    with torch.no_grad():
        slope = model.w + ((starts + ends) @ model.v)[..., None] * model.v  # the gradient in the middle
        assert alike(found.values.flatten(1), (slope * (ends - starts)).mean(1), 1e-11)


@law(10)
@given(
    shape=shapes(), n=st.integers(2, 6), seed=SEEDS, size=st.integers(1, 40), smooth=st.booleans(),
    n_points=st.sampled_from([None, 9]), **WAYS,
)  # fmt: skip
def test_neither_order_nor_company_matters(shape, n, seed, size, smooth, n_points, path, baseline):
    samples, points = data(seed, shape, n)
    model = network(seed, math.prod(shape), 3, nn.Tanh if smooth else nn.ReLU)
    given = {**ways(path, baseline, seed, points, 2), "n_points": n_points, "target": 1}
    together = explained(model, samples, **given)
    order = torch.from_numpy(np.random.default_rng(seed).permutation(n))
    shuffled = explained(model, samples[order], batch_size=size, **given)
    alone = [explained(model, samples[i : i + 1], **given) for i in range(n)]
    if n_points is None and path.endswith(
        "neighbors"
    ):  # the longest way among them sets how few points they begin with
        assert alike(shuffled.values, together.values[order], 0.02)
        assert alike(torch.cat([each.values for each in alone]), together.values, 0.02)
        return
    for name in ("values", "score", "change", "n_points"):
        expected = getattr(together, name)
        torch.testing.assert_close(getattr(shuffled, name), expected[order], rtol=1e-9, atol=1e-11)
        torch.testing.assert_close(torch.cat([getattr(each, name) for each in alone]), expected, rtol=1e-9, atol=1e-11)


@law(12)
@given(shape=shapes(), n=st.integers(1, 3), seed=SEEDS, factor=POWERS, rule=st.sampled_from(tuple(RULES)), **WAYS)
def test_a_score_scaled_scales_attributions(shape, n, seed, factor, rule, path, baseline):
    assume(rule != "clenshaw-curtis" or not path.startswith("latent"))
    samples, points = data(seed, shape, n)
    model = network(seed, math.prod(shape), 3)
    given = {**ways(path, baseline, seed, points, 2), "rule": rule, "n_points": 7}
    one, scaled = (
        explained(model, samples, target=target, **given)
        for target in (lambda outputs: outputs[:, 2], lambda outputs: -factor * outputs[:, 2])
    )
    for name in ("values", "direction", "score", "change", "gap"):
        first, second = getattr(one, name), getattr(scaled, name) / -factor
        torch.testing.assert_close(second, first, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(scaled.relative_error, one.relative_error, rtol=1e-6, atol=1e-12, equal_nan=True)


@law(10)
@given(shape=shapes(), n=st.integers(1, 3), seed=SEEDS, rule=st.sampled_from([*GRADIENTS, "gradient"]), **WAYS)
def test_attributions_of_a_sum_are_the_sum_of_attributions(shape, n, seed, rule, path, baseline):
    assume(rule != "clenshaw-curtis" or not path.startswith("latent"))
    samples, points = data(seed, shape, n)
    first, second = (network(seed + at, math.prod(shape), activation=nn.Tanh) for at in (0, 50))
    given = {**ways(path, baseline, seed, points, 2), "rule": rule, "n_points": 7}
    both = explained(lambda x: first(x) + second(x), samples, **given).values
    each = [explained(model, samples, **given).values for model in (first, second)]
    torch.testing.assert_close(both, sum(each), rtol=1e-9, atol=1e-12)


@law(12)
@given(shape=shapes(), n=st.integers(1, 4), seed=SEEDS, rule=st.sampled_from(["auto", *RULES]), smooth=st.booleans())
def test_what_is_ignored_or_does_not_change_gets_exactly_nothing_along_straight_lines(shape, n, seed, rule, smooth):
    samples, points = data(seed, shape, n)
    n_features, rng = math.prod(shape), np.random.default_rng(seed)
    model = network(seed, n_features, 2, nn.Tanh if smooth else nn.ReLU)
    ignored, still = torch.from_numpy(rng.random((2, n_features)) < 0.4)
    with torch.no_grad():
        model[1].weight[:, ignored] = 0
    assume(not bool(ignored.all() or still.all()))
    points.flatten(1)[:, still] = samples.flatten(1)[0, still]
    samples.flatten(1)[:, still] = samples.flatten(1)[0, still]
    found = explained(model, samples, target=1, rule=rule, baseline=Random(points, 2))
    for values in (found.values, found.direction):
        assert (values.flatten(1)[:, ignored | still] == 0).all()
    assert torch.isfinite(found.values).all()


@law(8)
@given(shape=shapes(), n=st.integers(1, 4), seed=SEEDS, rule=st.sampled_from(["auto", *EXACT]), where=st.integers(0, 3))
def test_a_sample_that_is_its_baseline_has_no_attribution(shape, n, seed, rule, where):
    samples, _ = data(seed, shape, n)
    samples[where % n] = 0
    found = explained(network(seed, math.prod(shape)), samples, rule=rule)
    for name in ("values", "direction", "change", "gap", "error", "relative_error"):
        assert (getattr(found, name)[where % n] == 0).all()
        assert torch.isfinite(getattr(found, name)).all()


@law(10)
@given(shape=shapes(), n=st.integers(1, 3), seed=SEEDS, unit=POWERS, smooth=st.booleans(), name=WAYS["baseline"])
def test_the_unit_of_the_features_does_not_matter(shape, n, seed, unit, smooth, name):
    assume(name != "encoded zero")
    samples, points = data(seed, shape, n)
    model = network(seed, math.prod(shape), activation=nn.Tanh if smooth else nn.ReLU)
    given = {"n_points": 9, "target": 0}
    one = explained(model, samples, baseline=baseline(name, seed, points, 2), **given)
    other = explained(Scaled(model, unit), samples * unit, baseline=baseline(name, seed, points * unit, 2), **given)
    assert alike(other.values, one.values)


class Scaled(nn.Module):
    def __init__(self, model: nn.Module, unit: float) -> None:
        super().__init__()
        self.model, self.unit = model, unit

    def forward(self, x):
        return self.model(x / self.unit)


@law(16)
@given(
    shape=shapes(), n=st.integers(1, 4), seed=SEEDS, kind=st.sampled_from(KINDS), layout=st.sampled_from(LAYOUTS),
    targeted=st.sampled_from(["one", "own", "extra"]),
)  # fmt: skip
@example(shape=(7,), n=5, seed=0, kind="float64", layout="columns first", targeted="one")
@example(shape=(2,), n=3, seed=0, kind="float64", layout="backwards", targeted="own")
@example(shape=(2,), n=3, seed=0, kind="float32", layout="big endian", targeted="extra")
@example(shape=(2,), n=3, seed=0, kind="float64", layout="read only", targeted="own")
def test_the_same_numbers_have_the_same_attributions_however_they_come(shape, n, seed, kind, layout, targeted):
    values = of_kind(seed, kind, n, *shape)
    assume(layout != "table" or kind != "float16")
    model, own = Two(network(seed, math.prod(shape), 3)), np.random.default_rng(seed).integers(0, 3, n)
    given, plain = laid_out(values, layout), torch.from_numpy(values.astype(np.float64))
    extra = np.arange(2 * n).reshape(n, 2) / 5
    said = {"one": ({"target": 2}, {}), "own": ({"target": laid_out(own, layout)}, {"target": torch.from_numpy(own)})}
    more = said.get(targeted, ({"target": 1, "extra": (laid_out(extra, layout),)},))
    plainly = {**more[0], **(more[1] if targeted != "extra" else {"extra": (torch.from_numpy(extra),)})}
    assume(not (targeted == "own" and layout == "table"))
    found, expected = explained(model, given, **more[0]), explained(model, plain, **plainly)
    assert torch.equal(found.values, expected.values)
    assert found.values.dtype == torch.float64


class Two(nn.Module):
    """A network that takes a further input, if it is given."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x, more=None):
        return self.inner(x) if more is None else self.inner(x) * more.sum(1, keepdim=True)


@law(6)
@given(shape=shapes(), n=st.integers(1, 5), seed=SEEDS, smooth=st.booleans(), n_points=st.sampled_from([None, 9]))
def test_outputs_are_explained_together_as_alone(shape, n, seed, smooth, n_points):
    samples, points = data(seed, shape, n)
    model = network(seed, math.prod(shape), 4, nn.Tanh if smooth else nn.ReLU)
    given = {"baseline": Random(points, 2), "n_points": 9}
    together, outputs = explained(model, samples, target=(3, 0, 3), **given), (3, 0, 3)
    assert together.n_outputs == 3
    with torch.no_grad():
        own = model(samples).argmax(1)
    alone = {i: explained(model, samples, target=i, **given) for i in range(4)}
    for i, output in enumerate(outputs):
        assert alike(together.output(i).values, alone[output].values)
        torch.testing.assert_close(together.output(i).score, alone[output].score)
    picked = torch.stack([alone[int(output)].values[i] for i, output in enumerate(own)])
    for target in ("predicted", own, own.numpy()):
        assert alike(explained(model, samples, target=target, **given).values, picked)


@law(6)
@given(shape=shapes(), n=st.integers(1, 3), seed=SEEDS, n_baselines=st.integers(1, 4), rule=st.sampled_from(EXACT))
def test_baselines_are_averaged(shape, n, seed, n_baselines, rule):
    samples, points = data(seed, shape, n, 5)
    model = network(seed, math.prod(shape))
    several = Random(points, n_baselines)
    found = explained(model, samples, baseline=several, rule=rule, n_points=9)
    single = [
        explained(model, samples, baseline=Random(each[None], 1), rule=rule, n_points=9) for each in several.chosen
    ]
    assert alike(found.values, torch.stack([each.values for each in single]).mean(0))
    assert alike(found.direction, torch.stack([each.direction for each in single]).mean(0))
    torch.testing.assert_close(found.change, torch.cat([each.change for each in single], 1))


@law(6)
@given(shape=shapes(), n=st.integers(1, 5), seed=SEEDS, smooth=st.booleans())
def test_simple_gradients_are_gradient_times_input(shape, n, seed, smooth):
    samples, _ = data(seed, shape, n)
    model = network(seed, math.prod(shape), activation=nn.Tanh if smooth else nn.ReLU)
    found = simple_gradients(model, samples, progress=False)
    wanted = samples.clone().requires_grad_()
    gradient = torch.autograd.grad(model(wanted).sum(), wanted)[0]
    torch.testing.assert_close(found.values, gradient * samples, rtol=1e-10, atol=1e-12)
    assert found.relative_error.isnan().all()


@law(4)
@given(shape=shapes(3), n=st.integers(1, 9), seed=SEEDS, n_baselines=st.sampled_from([100, 256]))
def test_chunks_follow_one_another_as_one_call(shape, n, seed, n_baselines):
    samples, points = data(seed, shape, n, 260)
    explainer = Explainer(network(seed, math.prod(shape)), baseline=Random(points, n_baselines), progress=False)
    whole, parts = explainer(samples), [part.output(0) for part in explainer.stream(samples)]
    assert [len(part) for part in parts] == [256 // n_baselines] * (n // (256 // n_baselines)) + [1] * (
        n % (256 // n_baselines) > 0
    )
    session = explainer.session(samples)
    for i in reversed(range(len(session))):
        for name in ("values", "change", "n_points"):
            assert torch.equal(getattr(session(i).output(0), name), getattr(whole, name)[session.chunks[i]])
            assert torch.equal(getattr(parts[i], name), getattr(whole, name)[session.chunks[i]])


@law(10)
@given(seed=SEEDS, shape=shapes(), n=st.integers(1, 5), n_outputs=st.integers(1, 4), which=st.integers(0, 3))
def test_a_score_is_the_outputs_that_were_asked_for(seed, shape, n, n_outputs, which):
    samples, model, which = drawn(seed, n, *shape), network(seed, math.prod(shape), n_outputs), which % n_outputs
    rows = torch.arange(n).flip(0)
    with torch.no_grad():
        outputs = model(samples[rows])
        own = torch.from_numpy(np.random.default_rng(seed).integers(0, n_outputs, n))
        for target, expected in (
            (which, outputs[:, [which]]),
            (np.int64(which), outputs[:, [which]]),
            ((which, 0), outputs[:, [which, 0]]),
            (own, outputs.gather(1, own[rows, None])),
            (lambda outputs: outputs.sum(1), outputs.sum(1, keepdim=True)),
            (lambda outputs: outputs.square(), outputs.square()),
        ):
            assert torch.equal(score(model, samples, target)(samples[rows], rows), expected)


@law(6)
@given(
    shape=shapes(),
    n=st.integers(1, 4),
    seed=SEEDS,
    name=st.sampled_from(PATHS),
    kind=st.sampled_from([nn.ReLU, nn.Tanh, nn.Identity]),
)
def test_the_diagnosis_is_what_is_done(shape, n, seed, name, kind):
    samples, points = data(seed, shape, n)
    model, chosen = network(seed, math.prod(shape), activation=kind), path(name, seed, points)
    told = diagnose(model, samples, path=chosen)
    done = explained(model, samples, path=chosen)
    assert (told.rule, told.reason) == (done.rule, done.reason)
    assert told.fused == (told.no_fusion is None and not name.startswith("latent"))
    assert {nn.ReLU: bool(told.kinked), nn.Tanh: bool(told.smooth), nn.Identity: not told.kinked + told.smooth}[kind]
    assert told.reason in str(told)
    assert diagnose(model, samples[:1], path=chosen) == told


# what they are turned into


@law(12)
@given(
    found=attributions(finite=False, outputs=False), labels=st.lists(st.integers() | st.text(), min_size=6, max_size=6)
)
def test_a_frame_keeps_every_number(found, labels):
    frame = found.to_pandas(labels[: len(found)])
    assert frame.to_numpy().tobytes() == found.values.numpy().tobytes()
    assert list(frame.index) == labels[: len(found)]
    assert list(frame.columns) == list(range(frame.shape[1]) if found.feature_names is None else found.feature_names)


@law(8)
@given(found=attributions(finite=False))
def test_a_dataset_keeps_every_number(found):
    with pytest.MonkeyPatch.context() as patch:
        if importlib.util.find_spec("xarray") is None:
            patch.setitem(sys.modules, "xarray", standins.xarray)
        dataset = found.to_xarray()
    for name in TENSORS:
        assert np.asarray(dataset[name]).tobytes() == getattr(found, name).numpy().tobytes()
    assert dataset.attrs["n_evaluations"] == found.n_evaluations
    assert dict(dataset.sizes)["sample"] == len(found)


@law(8)
@given(found=attributions(outputs=False), layout=st.sampled_from(LAYOUTS))
def test_an_explanation_keeps_every_number(found, layout):
    assume(found.values.dtype != torch.float16)
    given = laid_out(found.score.new_zeros(found.values.shape).numpy() + 3, layout)
    if isinstance(given, pd.DataFrame) and found.feature_names is not None:
        given.columns = pd.Index(list(found.feature_names), dtype=object)
    explanation = found.to_shap(given)
    assert np.array_equal(explanation.values, found.values.numpy())
    assert (explanation.data == 3).all()
    whole = replace(found, change=found.values.flatten(1).sum(1, keepdim=True).expand_as(found.change))  # complete
    explanation = whole.to_shap(given)
    np.testing.assert_allclose(
        explanation.base_values + explanation.values.reshape(len(found), -1).sum(1), found.score, rtol=0, atol=2e-5
    )


@law(12)
@given(found=attributions())
def test_one_of_several_outputs_has_its_numbers(found):
    assert len(found) == len(found.n_points)
    if found.n_outputs is None:
        with pytest.raises(ValueError, match="a single output was explained"):
            found.output(0)
        return
    for i in range(found.n_outputs):
        one = found.output(i)
        assert one.n_outputs is None
        assert len(one) == len(found)
        for name in TENSORS:
            same = getattr(found, name)
            assert torch.equal(getattr(one, name), same if name in ("n_points", "crowded") else same[i])
        assert one.numpy().shape == (len(found), one.values[0].numel())


@law(16)
@given(shape=shapes(), n=st.integers(1, 5), seed=SEEDS, kind=st.sampled_from(KINDS), layout=st.sampled_from(LAYOUTS))
@example(shape=(2,), n=3, seed=0, kind="float64", layout="backwards")
@example(shape=(2,), n=3, seed=0, kind="float32", layout="big endian")
def test_samples_become_tensors_of_the_same_numbers_without_a_warning(shape, n, seed, kind, layout):
    values = of_kind(seed, kind, n, *shape)
    given = laid_out(values, layout)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = as_samples(given)
    assert found.shape == values.shape
    assert np.array_equal(found.numpy(), values)
