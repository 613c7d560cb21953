"""Explaining samples: every pairing counted, every target meant, and nothing of the caller's changed."""

import copy
import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from captum.attr import IntegratedGradients
from torch import nn

import eigrad.attribute
import eigrad.attribute.session
from eigrad import Explainer, baselines, paths, recommended, significance, simple_gradients
from eigrad.curves import Curve
from eigrad.significance.calibration import null_p_values

SHAPE = (2, 3)
N, B = 7, 4
PATHS = ["straight", "neighbors", "latent straight", "latent neighbors"]


def classifier(generator, dtype=torch.float64, n_outputs=5):
    with torch.random.fork_rng():
        torch.manual_seed(int(torch.randint(10**6, (1,), generator=generator)))
        layers = nn.Sequential(nn.Flatten(), nn.Linear(6, 8), nn.Softplus(), nn.Linear(8, n_outputs))
    return layers.to(dtype)


@pytest.fixture
def model(generator):
    return classifier(generator)


@pytest.fixture
def samples(generator):
    return 1 + torch.rand(N, *SHAPE, generator=generator, dtype=torch.float64)


@pytest.fixture
def others(generator):
    return torch.rand(30, *SHAPE, generator=generator, dtype=torch.float64)


@pytest.fixture
def path_for(autoencoder_for, others):
    autoencoder = autoencoder_for(*SHAPE)
    data = torch.cat([others, others + 1])
    return {
        "straight": paths.Straight(),
        "neighbors": paths.Neighbors(data, k=3),
        "latent straight": paths.LatentStraight(autoencoder),
        "latent neighbors": paths.LatentNeighbors(autoencoder, data, k=3),
    }.__getitem__


def explainer(model, target=2, **options):
    return Explainer(model, target, **{"n_points": 20, "rule": "trapezoid", "progress": False, **options})


@dataclasses.dataclass(frozen=True)
class Baselines:
    """The baselines (samples, n, *shape) of the samples to come, all in one chunk."""

    given: torch.Tensor

    def __call__(self, samples):
        return self.given[: len(samples)]


def assert_same(found, expected, rtol=1e-10, atol=1e-12):
    for name in eigrad.attribute.TENSORS:
        torch.testing.assert_close(
            getattr(found, name), getattr(expected, name), rtol=rtol, atol=atol, equal_nan=True, check_dtype=False
        )


# closed forms


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("kind", ["close", "random"])
def test_a_linear_model_gives_weight_times_distance_from_the_mean_baseline(
    name, kind, path_for, samples, others, generator
):
    weights = torch.rand(6, 5, generator=generator, dtype=torch.float64)
    baseline = {"close": baselines.Close(others, B), "random": baselines.Random(others, B)}[kind]
    found = explainer(lambda x: x.flatten(1) @ weights, path=path_for(name), baseline=baseline)(samples)
    mean = baseline(samples).mean(1)
    torch.testing.assert_close(found.values, weights[:, 2].view(SHAPE) * (samples - mean), rtol=0, atol=1e-10)
    assert found.gap.abs().max() < 1e-10


@pytest.mark.parametrize("name", PATHS)
def test_every_sample_meets_every_baseline_once(name, path_for, model, samples, others):
    baseline = baselines.Close(others, B)
    found = explainer(model, path=path_for(name), baseline=baseline)(samples)
    points = baseline(samples)
    total = torch.zeros_like(samples)
    for i in range(N):
        for b in range(B):
            alone = explainer(model, path=path_for(name), baseline=Baselines(points[i : i + 1, b : b + 1]))(
                samples[i : i + 1]
            )
            total[i] += alone.values[0]
            change = model(samples[i : i + 1])[0, 2] - model(points[i, b][None])[0, 2]
            torch.testing.assert_close(found.change[i, b], change)
            torch.testing.assert_close(found.gap[i, b], alone.gap[0, 0], rtol=1e-8, atol=1e-12)
            torch.testing.assert_close(found.error[i, b], alone.error[0, 0], rtol=1e-8, atol=1e-12)
    torch.testing.assert_close(found.values, total / B, rtol=1e-10, atol=1e-12)
    assert found.change.unique().numel() == N * B


@pytest.mark.parametrize("name", PATHS)
def test_the_gap_closes_and_the_check_adds_up(name, path_for, model, samples, others):
    few, many = (
        explainer(model, path=path_for(name), baseline=baselines.Median(others, 3), n_points=n)(samples)
        for n in (20, 1280)
    )
    assert many.gap.abs().max() < 1e-4
    assert many.gap.abs().mean() < few.gap.abs().mean() / 100
    for found in (few, many):
        mean_gap = found.values.flatten(1).sum(1) - found.change.mean(1)
        torch.testing.assert_close(found.gap.mean(1), mean_gap, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(found.relative_gap, found.gap.abs() / found.change.abs())
        torch.testing.assert_close(found.score, model(samples)[:, 2])


@pytest.mark.parametrize("n_points", [5, 20, 50])
def test_parity_with_captum_on_straight_paths(n_points, generator, others):
    """Captum keeps its quadrature weights in single precision."""
    model = classifier(generator)
    samples = 1 + torch.rand(N, *SHAPE, generator=generator, dtype=torch.float64)
    reference = others[3]

    found = explainer(
        model, 4, baseline=Baselines(reference.expand(N, 1, *SHAPE)), rule="gauss-legendre", n_points=n_points
    )(samples)
    expected = IntegratedGradients(model).attribute(
        samples, reference[None], target=4, n_steps=n_points, method="gausslegendre"
    )
    assert (found.values - expected).abs().max() <= 1e-6 * expected.abs().max()


def test_the_direction_is_the_sign_of_the_change_in_each_feature(model, samples, others):
    one = explainer(model, baseline=baselines.Median(others, 1))(samples - 0.6)
    sign = (samples - 0.6 - baselines.Median(others, 1)(samples)[:, 0]).sign()
    assert set(sign.unique().tolist()) == {-1.0, 1.0}
    torch.testing.assert_close(one.direction, one.values * sign)

    two = Baselines(torch.stack([samples - 0.9, samples - 0.3], 1))
    both = explainer(model, baseline=two)(samples - 0.6)
    ones = [explainer(model, baseline=Baselines(two.given[:, b : b + 1]))(samples - 0.6) for b in range(2)]
    torch.testing.assert_close(both.direction, (ones[0].values - ones[1].values) / 2)


def test_simple_gradients_are_gradient_times_input(model, samples):
    found = simple_gradients(model, samples, 1, progress=False)
    x = samples.clone().requires_grad_()
    model(x)[:, 1].sum().backward()
    torch.testing.assert_close(found.values, x.grad * samples)
    assert found.n_evaluations == N
    assert found.error.isnan().all()
    assert found.rule == "gradient"
    assert found.gap.abs().min() > 0


# targets and extra inputs


def test_several_outputs_are_each_what_it_is_alone(model, samples, others):
    baseline = baselines.Random(others, B)
    together = explainer(model, (4, 0, 2), baseline=baseline)(samples)
    assert together.n_outputs == 3
    assert len(together) == N
    for i, output in enumerate((4, 0, 2)):
        alone = explainer(model, output, baseline=baseline)(samples)
        assert alone.n_outputs is None
        assert_same(together.output(i), alone)
    assert explainer(model, (4,), baseline=baseline)(samples).values.shape == (1, N, *SHAPE)


def test_several_outputs_cost_one_forward_pass(model, samples):
    forwards = []
    model.register_forward_hook(lambda module, inputs, output: forwards.append(len(output)))
    explainer(model, 4)(samples)
    one = sum(forwards)
    forwards.clear()
    explainer(model, (0, 1, 2, 3, 4))(samples)
    assert sum(forwards) == one


@pytest.mark.parametrize("as_array", [torch.tensor, np.array])
def test_a_target_for_each_sample_is_the_output_it_names(as_array, model, samples):
    wanted = [4, 0, 2, 2, 1, 3, 0]
    found = explainer(model)(samples, target=as_array(wanted))
    for i, output in enumerate(wanted):
        same_row = explainer(model, output)(samples[i : i + 1])
        torch.testing.assert_close(found.values[i], same_row.values[0])
        torch.testing.assert_close(found.score[i], model(samples)[i, output])


def test_predicted_is_each_samples_own_class(model, samples):
    own = model(samples).argmax(1)
    assert_same(explainer(model, "predicted")(samples), explainer(model, own)(samples))


def test_a_function_of_the_outputs_is_explained(model, samples):
    contrast = explainer(model, lambda y: y[:, 3] - y[:, 1])(samples)
    both = explainer(model, (3, 1))(samples)
    torch.testing.assert_close(contrast.values, both.output(0).values - both.output(1).values)
    two = explainer(model, lambda y: torch.stack([y[:, 3], y[:, 1] ** 2], 1))(samples)
    torch.testing.assert_close(two.output(0).values, both.output(0).values)


def test_extra_inputs_follow_their_sample(model, samples, others, generator):
    class Conditioned(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = model

        def forward(self, x, scale, shift):
            return self.inner(x * scale[:, None, None]) + shift[:, :1]

    scale = 1 + torch.rand(N, generator=generator, dtype=torch.float64)
    shift = torch.rand(N, 2, generator=generator, dtype=torch.float64)
    explain = explainer(Conditioned(), baseline=baselines.Close(others, B))
    found = explain(samples, extra=(scale, shift))
    order = torch.randperm(N, generator=generator)
    shuffled = explain(samples[order], extra=(scale[order], shift[order].numpy()))
    torch.testing.assert_close(shuffled.values, found.values[order])
    for i in range(N):
        scaled = explainer(lambda x, i=i: model(x * scale[i]), baseline=baselines.Close(others, B))(samples[i : i + 1])
        torch.testing.assert_close(found.values[i], scaled.values[0])
    one = explainer(lambda x, s: model(x) * s[:, None])(samples, extra=scale)
    torch.testing.assert_close(one.score, model(samples)[:, 2] * scale)


# invariance


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("rule", ["trapezoid", "gauss-legendre"])
def test_batch_size_changes_results_by_rounding_only(name, rule, path_for, generator, samples, others):
    model = classifier(generator, torch.float32)
    found = {
        size: explainer(model, path=path_for(name), baseline=baselines.Close(others, B), rule=rule, batch_size=size)(
            samples.float()
        )
        for size in (1, 2, 3, 7, 500, None)
    }
    scale = found[500].values.abs().max()
    for each in found.values():
        assert (each.values - found[500].values).abs().max() <= 1e-5 * scale
        assert each.n_evaluations == found[500].n_evaluations


@pytest.mark.parametrize("name", PATHS)
def test_chunks_of_samples_change_nothing(name, path_for, model, samples, others, monkeypatch):
    scale = torch.linspace(1, 2, N, dtype=torch.float64)
    targets = torch.tensor([4, 0, 2, 2, 1, 3, 0])
    conditioned = explainer(
        lambda x, s: model(x) * s[:, None], path=path_for(name), baseline=baselines.Close(others, B)
    )

    def explain():
        return conditioned(samples, target=targets, extra=scale)

    whole = explain()
    monkeypatch.setattr(eigrad.attribute.session, "PAIRS_AT_ONCE", 2 * B)
    assert_same(explain(), whole)
    monkeypatch.setattr(eigrad.attribute.session, "VALUES_AT_ONCE", 1)
    assert_same(explain(), whole)


@pytest.mark.parametrize("name", PATHS)
def test_the_order_of_samples_does_not_matter(name, path_for, model, samples, others, generator):
    order = torch.randperm(N, generator=generator)
    explain = explainer(model, path=path_for(name), baseline=baselines.Close(others, B))
    torch.testing.assert_close(explain(samples[order]).values, explain(samples).values[order])


READ_ONLY = np.arange(N * 6) % 5
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    "counts",
    [
        READ_ONLY.reshape(N, *SHAPE),
        torch.tensor(READ_ONLY).view(N, *SHAPE).int(),
        pd.DataFrame(READ_ONLY.reshape(N, 6)),
    ],
    ids=["an array that is read only", "integers", "a data frame"],
)
def test_whatever_holds_numbers_holds_samples(counts, generator):
    model = classifier(generator)
    expected = explainer(model)(torch.tensor(READ_ONLY).view(N, *SHAPE).double())
    found = explainer(model)(counts)
    torch.testing.assert_close(found.values.view(N, 6), expected.values.view(N, 6))


def test_columns_of_a_data_frame_name_the_features_of_its_attributions_and_their_tests(generator, monkeypatch):
    counts = torch.rand(2 * N, 6, generator=generator, dtype=torch.float64).numpy()
    frame = pd.DataFrame(counts, columns=list("fedcba"), index=np.linspace(0, 1, 2 * N))
    explain = explainer(classifier(generator))
    one, other, third = (explain(frame.iloc[rows]) for rows in (slice(0, 5), slice(5, 10), slice(10, 14)))
    assert one.feature_names == next(explain.stream(frame)).feature_names == tuple("fedcba")
    assert explain(counts).feature_names is None
    assert explain(frame, target=(0, 3)).output(1).feature_names == tuple("fedcba")
    monkeypatch.setattr(eigrad.attribute.session, "PAIRS_AT_ONCE", 4)  # rows of a chunk by place, not by the index
    assert torch.equal(torch.cat([part.values[0] for part in explain.stream(frame)]), explain(counts).values)
    assert significance(one, other)["feature"].tolist() == list("fedcba")
    assert significance(one, explain(counts[5:10]))["feature"].tolist() == list("fedcba")
    assert recommended(one, other, third, progress=False)["feature"].tolist() == list("fedcba")
    assert null_p_values(one, 2, 2).columns.tolist() == list("fedcba")
    with pytest.raises(ValueError, match="the null has the column 'a' where another has 'f'"):
        significance(one, explain(frame[list("abcdef")].iloc[5:10]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ["straight", "latent straight"])  # rounding may well choose another neighbor
def test_networks_in_half_precision_are_explained_to_their_precision(name, dtype, path_for, model, samples, others):
    explain = explainer(model, path=path_for(name), baseline=baselines.Close(others, B))
    expected = explain(samples)
    found = dataclasses.replace(explain, model=copy.deepcopy(model).to(dtype))(samples)
    assert found.values.dtype == dtype
    assert found.numpy().shape == (N, 6)
    assert (found.values.double() - expected.values).abs().max() < 0.1 * expected.values.abs().max()


def test_memory_is_bounded_by_the_batch(model, samples, others):
    sizes = []
    model.register_forward_pre_hook(lambda module, inputs: sizes.append(len(inputs[0])))
    explainer(model, baseline=baselines.Random(others, B), n_points=300, batch_size=9)(samples)
    assert max(sizes) == 9


def test_images_are_explained_as_images(generator):
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(24, 3)).double()
    images = torch.rand(4, 1, 5, 6, generator=generator, dtype=torch.float64)
    found = explainer(network, n_points=400)(images)
    assert found.values.shape == images.shape
    assert found.gap.abs().max() < 1e-5
    assert found.numpy().shape == (4, 30)
    assert np.array_equal(found.numpy(), found.values.flatten(1).numpy())


def test_a_model_with_one_output_needs_no_target(model, samples):
    for one in (lambda x: model(x)[:, 2], lambda x: model(x)[:, 2:3]):
        assert_same(explainer(one, None)(samples), explainer(model, 2)(samples))


# what is left as it was found


class Bystander(nn.Module):
    """Dropout, batch norm and a frozen layer: everything whose state explaining could change."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(6)
        self.drop = nn.Dropout(0.5)
        self.first = nn.Linear(6, 8).requires_grad_(False)
        self.second = nn.Linear(8, 5)
        self.double().train()
        self.norm.eval()

    def forward(self, x):
        return self.second(torch.tanh(self.drop(self.first(self.norm(x.flatten(1))))))


def state_of(model):
    return (
        {name: tensor.clone() for name, tensor in model.state_dict().items()},
        [(p.requires_grad, p.grad is None, p.device, p.dtype) for p in model.parameters()],
        [part.training for part in model.modules()],
    )


def equal(a, b):
    return a[1:] == b[1:] and all(torch.equal(a[0][name], b[0][name]) for name in a[0])


def test_the_network_the_samples_and_the_generators_are_left_as_found(samples, others, autoencoder_for):
    model, autoencoder = Bystander(), autoencoder_for(*SHAPE).train()
    before = [state_of(module) for module in (model, autoencoder)]
    values, generators = samples.clone(), (torch.get_rng_state(), np.random.get_state()[1].copy())  # noqa: NPY002
    explain = explainer(model, path=paths.LatentStraight(autoencoder), baseline=baselines.KMeans(others, 2))
    first, second = explain(samples), explain(samples)
    assert_same(first, second, rtol=0, atol=0)
    assert all(equal(state_of(module), was) for module, was in zip((model, autoencoder), before, strict=True))
    assert torch.equal(samples, values)
    assert torch.equal(torch.get_rng_state(), generators[0])
    assert np.array_equal(np.random.get_state()[1], generators[1])  # noqa: NPY002
    assert torch.is_grad_enabled()


def test_the_network_is_left_as_found_when_it_fails(samples):
    model = Bystander()
    before, calls = state_of(model), []

    def fail(module, inputs):
        calls.append(1)
        if len(calls) > 5:
            raise RuntimeError("out of memory")

    model.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        explainer(model, batch_size=3)(samples)
    assert equal(state_of(model), before)


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("rule", ["trapezoid", "gauss-legendre", "gradient"])
def test_it_explains_where_gradients_are_off(context, rule, model, samples, others, path_for):
    def explain(samples, others, scale):
        scaled = explainer(
            lambda x, s: model(x) * s[:, None],
            path=path_for("latent straight"),
            baseline=Baselines(others[: 2 * N].unflatten(0, (N, 2))),
            rule=rule,
        )
        return scaled(samples, extra=scale)

    scale = torch.linspace(1, 2, N, dtype=torch.float64)
    expected = explain(samples, others, scale)
    with context():
        found = explain(samples.clone(), others.clone(), scale.clone())
        assert not torch.is_grad_enabled()
    assert_same(found, expected)


def test_results_carry_no_graph_and_the_samples_precision_follows_the_model(generator, samples):
    found = explainer(classifier(generator, torch.float32))(samples.clone().requires_grad_())
    assert found.values.dtype == torch.float32
    assert not any(getattr(found, name).requires_grad for name in eigrad.attribute.TENSORS)


def test_what_explains_is_frozen_and_says_what_it_did(model, samples, others):
    explain = explainer(model, path=paths.Straight(), baseline=baselines.Median(others, 2), n_points=12)
    found = explain(samples)
    assert (found.rule, found.path, found.baseline) == ("trapezoid", "Straight()", "Median(n=2)")
    assert found.n_points.tolist() == [12] * N
    assert found.n_evaluations == N * 2 * 12
    for value, name in ((explain, "n_points"), (found, "rule"), (paths.Straight(), "k")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, name, 3)


def test_a_path_and_a_baseline_of_ones_own(model, samples):
    class Bent:
        def between(self, starts, ends):
            return Curve.through(torch.stack([starts, starts + 1, ends - 1, ends], 1))

    class Halves:
        def __call__(self, samples):
            return torch.stack([samples / 2, samples / 3], 1)

    found = explainer(model, path=Bent(), baseline=Halves(), n_points=2000)(samples)
    assert found.gap.abs().max() < 1e-5
    assert found.change.shape == (N, 2)


# at the door


def test_no_change_has_no_gap_to_speak_of(model):
    found = explainer(model)(torch.zeros(3, *SHAPE, dtype=torch.float64))
    assert torch.equal(found.relative_gap, torch.zeros(3, 1, dtype=torch.float64))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"rule": "simpson"}, "rule: got 'simpson', expected one of auto, trapezoid"),
        ({"path": paths.Straight}, "path: got the class Straight, expected an object such as paths.Straight"),
        ({"baseline": baselines.Median}, "baseline: got the class Median, expected an object such as baselines.Zero"),
        ({"n_points": 1}, "n_points: got 1, expected a whole number of at least 2"),
        ({"n_points": True}, "n_points: got True"),
        ({"batch_size": 0}, "batch_size: got 0, expected a whole number of at least 1"),
    ],
)
def test_an_explainer_that_cannot_be_is_refused(options, sentence, model):
    with pytest.raises(ValueError, match=sentence):
        explainer(model, **options)


@pytest.mark.parametrize(
    ("samples", "options", "sentence"),
    [
        (torch.full((3, *SHAPE), torch.nan), {}, "3 of 3 rows hold NaN or infinite values"),
        (torch.ones(0, *SHAPE), {}, r"got shape \(0, 2, 3\), expected \(samples, features...\)"),
        (torch.ones(3, 4), {}, r"got a sample of shape \(4,\), expected one it can evaluate"),
        (pd.DataFrame({"a": ["x"]}), {}, "samples: got values of type .*, expected numbers"),
        (torch.ones(3, *SHAPE), {"target": 5}, "got output 5, expected 0 to 4"),
        (torch.ones(3, *SHAPE), {"extra": torch.ones(4)}, r"extra input: got shape \(4,\), expected 3 rows"),
    ],
)
def test_what_cannot_be_explained_is_refused(samples, options, sentence, model):
    with pytest.raises(ValueError, match=sentence):
        explainer(model)(samples, **options)


def test_a_class_compared_with_itself_is_refused(model, samples, others):
    with pytest.raises(ValueError, match="all 3 samples explained are among the 30 points of the baseline class"):
        explainer(model, baseline=baselines.Close(others, 2))(others[[4, 0, 7]])
    mixed = torch.cat([others[:1], samples[:1]])
    assert len(explainer(model, baseline=baselines.Close(others, 2))(mixed)) == 2


def test_a_class_is_known_where_some_of_it_stand_there_twice(model, others):
    points = torch.cat([others, others[:2]])
    with pytest.raises(ValueError, match="all 5 samples explained are among the 32 points of the baseline class"):
        explainer(model, baseline=baselines.Close(points, 2))(others[:5])
    everyone_twice = torch.cat([others, others])  # who is who is not known
    assert len(explainer(model, baseline=baselines.Close(everyone_twice, 2))(others[:5])) == 5


def test_only_all_samples_together_are_a_class(model, samples, others, monkeypatch):
    explained = explainer(model, baseline=baselines.Close(others, 2))
    whole = explained(torch.cat([others[:4], samples[:2]]))
    monkeypatch.setattr("eigrad.attribute.session.PAIRS_AT_ONCE", 2)  # one sample in a chunk
    parts = explained(torch.cat([others[:4], samples[:2]]))
    assert torch.allclose(parts.values, whole.values, rtol=1e-9)
    with pytest.raises(ValueError, match="all 5 samples explained are among the 30 points of the baseline class"):
        explained(others[:5])


def test_a_baseline_of_another_shape_is_refused(model, samples):
    with pytest.raises(ValueError, match=r"got points of shape \(6,\), expected the samples' \(2, 3\)"):
        explainer(model, baseline=baselines.Median(torch.ones(9, 6), 2))(samples)


def test_one_of_several_outputs_must_be_chosen(model, samples):
    several = explainer(model, (0, 1))(samples)
    with pytest.raises(ValueError, match="2 outputs were explained, choose one with output"):
        several.numpy()
    with pytest.raises(ValueError, match="a single output was explained"):
        several.output(0).output(0)


def test_a_result_says_what_was_done_without_its_numbers(model, samples):
    one, several = explainer(model)(samples), explainer(model, (0, 1))(samples)
    text = repr(one)
    assert text.startswith(f"Attributions({len(samples)} samples of shape (2, 3); Straight(), Zero(")
    assert f"{one.rule}, at most {int(one.n_points.max())} points; largest error" in text
    assert "shape (2, 3), 2 outputs;" in repr(several)
    assert max(len(text), len(repr(several))) < 250
