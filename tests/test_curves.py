"""Laws of deletion and insertion, and of networks taken together."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from eigrad import Explainer, baselines
from eigrad.evaluate import Ensemble, areas, deletion_insertion

N, SHAPE = 11, (2, 3)


@pytest.fixture
def points(generator):
    return torch.randn(N, *SHAPE, generator=generator, dtype=torch.float64)


@pytest.fixture
def start(generator):
    return torch.randn(N, *SHAPE, generator=generator, dtype=torch.float64)


def network(seed, n_outputs=3):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(6, 7), nn.Tanh(), nn.Linear(7, n_outputs)).double().eval()


def linear(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(6, 1)).double().eval()


def test_a_linear_score_loses_exactly_what_is_attributed(points, start, seed):
    model = linear(seed)
    attributions = (points - start) * model[1].weight.detach().view(SHAPE)
    curve = deletion_insertion(model, points, attributions, start, fractions=[k / 6 for k in range(7)])
    gone = attributions.flatten(1).sort(1, descending=True).values.cumsum(1).mean(0)
    whole, none = model(points).mean().item(), model(start).mean().item()
    expected = whole - np.concatenate([[0.0], gone.numpy()])
    assert curve["deletion"].to_numpy() == pytest.approx(expected, abs=1e-12)
    assert (curve["deletion"] + curve["insertion"]).to_numpy() == pytest.approx(whole + none, abs=1e-12)
    assert (curve["deletion"][1:-1] < curve["deletion_random"][1:-1]).all()
    assert (curve["insertion"][1:-1] > curve["insertion_random"][1:-1]).all()
    area = areas(curve)
    assert area["deletion"] == pytest.approx(np.mean((expected[1:] + expected[:-1]) / 2))
    assert set(area.index) == {"deletion", "insertion", "deletion_random", "insertion_random"}


def test_the_reverse_order_turns_deletion_into_insertion(points, start, seed, generator):
    model = network(seed)
    attributions = torch.randn(N, *SHAPE, generator=generator)
    options = {"target": 2, "fractions": [0, 0.5, 1], "repeats": 2}
    one = deletion_insertion(model, points, attributions, start, **options)
    other = deletion_insertion(model, points, -attributions, start, **options)
    assert one["deletion"].to_numpy() == pytest.approx(other["insertion"].to_numpy()[::-1], abs=1e-12)
    assert one["deletion"][0] == pytest.approx(model(points)[:, 2].mean().item())
    assert one["deletion"][2] == pytest.approx(model(start)[:, 2].mean().item())
    assert (one["deletion_random_sd"][[0, 2]] < 1e-12).all()
    assert one["deletion_random_sd"][1] > 0


def test_each_sample_keeps_its_target_and_one_baseline_serves_all(points, seed):
    model, zero = network(seed), torch.zeros(SHAPE, dtype=torch.float64)
    own = torch.arange(N) % 3
    few = {"fractions": [0, 0.5], "repeats": 1, "batch_size": 4}
    curve = deletion_insertion(model, points, points, zero, own, **few)
    assert curve["deletion"][0] == pytest.approx(model(points)[torch.arange(N), own].mean().item())
    again = deletion_insertion(model, points.numpy(), points.numpy(), zero.expand(N, *SHAPE), own, **few)
    assert curve.equals(again)
    assert curve["insertion_random_sd"].isna().all()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"attributions": torch.ones(N, 6)}, r"got attributions of shape \(11, 6\)"),
        ({"baseline": torch.ones(4, *SHAPE)}, r"a baseline of shape \(4, 2, 3\)"),
        ({"fractions": [0, 1.5]}, r"got fractions \(0, 1\.5\)"),
        ({"fractions": []}, r"got fractions \(\)"),
        ({"repeats": 0}, "0 repeats, expected some from 0 to 1 and at least one repeat"),
    ],
)
def test_refusals(change, sentence, points, start, seed):
    given = {"attributions": points, "baseline": start, **change}
    with pytest.raises(ValueError, match=sentence):
        deletion_insertion(linear(seed), points, **given)


def test_attributions_of_an_ensemble_are_the_mean_of_its_networks(points, seed):
    networks = [network(seed + i) for i in range(3)]
    options = {"baseline": baselines.Zero(), "progress": False, "n_points": 20, "rule": "gauss-legendre"}
    together = Explainer(Ensemble(networks), 1, **options)(points)
    alone = [Explainer(each, 1, **options)(points).values for each in networks]
    assert torch.allclose(together.values, torch.stack(alone).mean(0), rtol=1e-10, atol=1e-14)
    with pytest.raises(ValueError, match="got no networks"):
        Ensemble([])


def test_areas_do_not_depend_on_the_order_of_fractions():
    curve = pd.DataFrame({"fraction": [0.0, 0.5, 1.0], "deletion": [3.0, 1.0, 0.0], "insertion": [0.0, 2.0, 3.0]})
    assert areas(curve[::-1]).to_dict() == areas(curve).to_dict() == {"deletion": 1.25, "insertion": 1.75}
    with pytest.raises(ValueError, match="areas: got 1 fractions, expected at least two different ones"):
        areas(curve[:1])
