"""Mechanisms whose answer is known: every path ranks what acts above what stands by, and lines from zero are exact."""

import pytest
import torch

from eigrad import Explainer, paths
from eigrad.autoencoder import dense, train
from eigrad.cases.synthetic.units import N_FEATURES, UNITS
from eigrad.training import Schedule, seeded

N_SAMPLES, N_POINTS = 23, 300


@pytest.fixture(scope="module")
def data():
    """Points all over the box [-1, 1], so that neighbors and an autoencoder see every direction."""
    return 2 * torch.rand(N_POINTS, N_FEATURES, generator=torch.Generator().manual_seed(3)) - 1


@pytest.fixture(scope="module")
def autoencoder(data):
    with seeded(0):
        model = dense((N_FEATURES,), [40], N_FEATURES, variational=False, binary=False)
    schedule = Schedule(epochs=60, batch_size=50, learning_rate=5e-3, patience=60)
    train(model, data[:250], data[250:], schedule, seed=0, progress=False)
    return model


@pytest.mark.parametrize("name", UNITS)
def test_a_line_from_zero_gives_what_is_known(name):
    generator = torch.Generator().manual_seed(1)
    samples = 2 * torch.rand(N_SAMPLES, N_FEATURES, generator=generator, dtype=torch.float64) - 1
    unit = UNITS[name]
    found = Explainer(unit.model, tol=1e-5, progress=False)(samples)
    assert torch.allclose(found.values, unit.from_zero(samples), rtol=0, atol=2e-5)
    assert torch.allclose(unit.from_zero(samples).sum(1), unit.function(samples), rtol=0, atol=1e-12)


@pytest.mark.parametrize("path", ["straight", "neighbors", "latent straight", "latent neighbors"])
@pytest.mark.parametrize("name", UNITS)
def test_every_path_ranks_what_acts_above_what_stands_by(name, path, data, autoencoder):
    made = {
        "straight": paths.Straight(),
        "neighbors": paths.Neighbors(data, k=10),
        "latent straight": paths.LatentStraight(autoencoder),
        "latent neighbors": paths.LatentNeighbors(autoencoder, data, k=10),
    }[path]
    unit = UNITS[name]
    found = Explainer(unit.model, path=made, progress=False)(data[:N_SAMPLES])
    use = found.values.abs().mean(0)
    bystanders = [j for j in range(N_FEATURES) if j not in unit.causes]
    assert use[bystanders].max() < 1e-6 * use[list(unit.causes)].min()
