"""Autoencoders: shapes, the variational loss against torch.distributions, and codes that are means."""

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from eigrad.autoencoder import Autoencoder, Mean, VariationalAutoencoder, convolutional, dense, dense_layers, train
from eigrad.latent import AutoencoderLike
from eigrad.training import Schedule, seeded


def made(build, *arguments, **options):
    with seeded(3):
        return build(*arguments, **options)


BUILDERS = {
    "dense variational": (lambda: dense((2, 3, 5), (11, 7), 4), (2, 3, 5)),
    "dense variational, real": (lambda: dense((6,), (5,), 4, binary=False), (6,)),
    "dense variational, no hidden layer": (lambda: dense((3, 2), (), 4), (3, 2)),
    "dense plain": (lambda: dense((2, 3, 5), (11, 7), 4, variational=False), (2, 3, 5)),
    "dense plain, real": (lambda: dense((6,), (5,), 4, variational=False, binary=False), (6,)),
    "convolutional": (lambda: convolutional((3, 8, 12), (5, 6), 13, 4), (3, 8, 12)),
}


@pytest.fixture(params=BUILDERS)
def built(request):
    build, shape = BUILDERS[request.param]
    return made(build), shape


def images(n, shape, seed=1):
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(seed))


def test_codes_and_reconstructions_have_their_shapes(built):
    autoencoder, shape = built
    x = images(9, shape)
    codes = autoencoder.encode(x)
    assert codes.shape == (9, 4)
    assert autoencoder.decode(codes).shape == (9, *shape)
    assert torch.equal(autoencoder(x), autoencoder.decode(codes))
    assert autoencoder.loss(x).shape == ()
    assert isinstance(autoencoder, AutoencoderLike)


def test_codes_are_deterministic_in_both_modes_and_row_by_row(built):
    autoencoder, shape = built
    x = images(9, shape)
    codes = autoencoder.train().encode(x)
    assert torch.equal(autoencoder.encode(x), codes)
    assert torch.equal(autoencoder.eval().encode(x), codes)
    torch.testing.assert_close(autoencoder.encode(x[4:5]), codes[4:5])


@pytest.mark.parametrize("name", [name for name in BUILDERS if "real" not in name])
def test_decoded_probabilities_are_probabilities_whatever_the_code(name):
    autoencoder = made(BUILDERS[name][0])
    decoded = autoencoder.decode(1000 * torch.randn(20, 4, generator=torch.Generator().manual_seed(2)))
    assert decoded.min() >= 0
    assert decoded.max() <= 1


@pytest.mark.parametrize("variational", [False, True])
def test_decoded_real_features_are_not_bounded(variational):
    autoencoder = made(dense, (6,), (5,), 4, variational=variational, binary=False)
    decoded = autoencoder.decode(1000 * torch.randn(20, 4, generator=torch.Generator().manual_seed(2)))
    assert decoded.min() < 0
    assert decoded.max() > 1


def bound_by_hand(autoencoder, x, noise):
    mean, log_variance = autoencoder.encoder(x).chunk(2, 1)
    posterior = Normal(mean, torch.exp(log_variance / 2))
    prior = Normal(torch.zeros_like(mean), torch.ones_like(mean))
    decoded = autoencoder.decode(mean + posterior.scale * noise)
    if autoencoder.binary:
        reconstruction = -Independent(Bernoulli(decoded), x.ndim - 1).log_prob(x)
    else:
        reconstruction = (decoded - x).square().flatten(1).sum(1)
    return (reconstruction + autoencoder.beta * kl_divergence(posterior, prior).sum(1)).mean()


@pytest.mark.parametrize("beta", [1.0, 0.25])
@pytest.mark.parametrize("binary", [True, False])
def test_the_loss_is_the_negative_evidence_lower_bound(binary, beta, seed):
    autoencoder = made(dense, (2, 3), (7,), 4, binary=binary, beta=beta).double()
    x = images(9, (2, 3)).double().round() if binary else images(9, (2, 3)).double() * 3 - 1
    torch.testing.assert_close(
        autoencoder.eval().loss(x), bound_by_hand(autoencoder, x, torch.tensor(0.0)), rtol=1e-10, atol=0
    )
    with seeded(seed):
        noise = torch.randn(9, 4, dtype=torch.float64)
    with seeded(seed):
        noisy = autoencoder.train().loss(x)
    torch.testing.assert_close(noisy, bound_by_hand(autoencoder, x, noise), rtol=1e-10, atol=0)


def test_the_builders_hand_beta_on():
    assert dense((6,), (5,), 4, beta=0.1).beta == 0.1
    assert convolutional((1, 4, 8), (2, 3), 5, 4, beta=0.1).beta == 0.1
    assert not dense((6,), (5,), 4, binary=False).binary


def test_the_plain_loss_is_the_squared_error_of_a_sample():
    autoencoder = Autoencoder(torch.nn.Identity(), torch.nn.Identity())
    autoencoder.decode = lambda z: z + torch.tensor([1.0, 2.0, 3.0])
    assert autoencoder.loss(images(5, (3,))).item() == pytest.approx(14.0)


def test_noise_varies_the_training_loss_and_not_the_evaluated_one():
    autoencoder, x = made(dense, (6,), (5,), 4), images(9, (6,))
    assert autoencoder.train().loss(x) != autoencoder.loss(x)
    assert autoencoder.eval().loss(x) == autoencoder.loss(x)


def test_the_mean_as_a_layer_is_the_code():
    for name in ("dense variational", "convolutional"):
        build, shape = BUILDERS[name]
        autoencoder, x = made(build), images(9, shape)
        layer = Mean(autoencoder.encoder)
        assert torch.equal(layer(x), autoencoder.encode(x))
        assert {id(p) for p in layer.parameters()} == {id(p) for p in autoencoder.encoder.parameters()}


@pytest.mark.parametrize("shape", [(1, 6, 8), (1, 8, 10), (2, 7, 9)])
def test_sides_that_are_no_multiples_of_four_are_refused(shape):
    with pytest.raises(ValueError, match=f"got images of {shape[1]} x {shape[2]}, expected multiples of four"):
        convolutional(shape, (2, 3), 5, 4)


def test_layers_have_the_sizes_named_and_end_linear():
    layers = dense_layers([6, 5, 3])
    assert [type(layer).__name__ for layer in layers] == ["Linear", "ReLU", "Linear"]
    assert [(layer.in_features, layer.out_features) for layer in layers[::2]] == [(6, 5), (5, 3)]


@pytest.mark.parametrize(
    ("build", "shape"),
    [
        pytest.param(lambda: dense((2, 3, 5), (11, 7), 4, beta=0.1), (2, 3, 5), id="dense variational"),
        pytest.param(lambda: dense((2, 3, 5), (11, 7), 4, variational=False), (2, 3, 5), id="dense plain"),
        pytest.param(lambda: convolutional((3, 8, 12), (5, 6), 13, 4, beta=0.1), (3, 8, 12), id="convolutional"),
    ],
)
def test_training_improves_the_reconstruction_and_follows_its_seed(build, shape, seed):
    patterns = images(3, shape, seed=5).round()
    values = torch.einsum("nk,k...->n...", torch.eye(3)[torch.arange(120) % 3], patterns)

    def trained(seed):
        autoencoder = made(build)
        schedule = Schedule(60, batch_size=20, learning_rate=0.02, patience=60)
        history = train(autoencoder, values[:90], values[90:], schedule, seed=seed, progress=False)
        return autoencoder, history

    def error(autoencoder):
        return (autoencoder.eval()(values) - values).square().mean().item()

    autoencoder, history = trained(seed)
    assert error(autoencoder) < 0.8 * values.var(0).mean()  # a decoder that ignores its code gives the variance
    assert history.validation[history.best_epoch] < history.validation[0]
    again, _ = trained(seed)
    assert all(torch.equal(a, b) for a, b in zip(autoencoder.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize("values", [-0.1, 1.1, np.nan])
def test_binary_features_outside_zero_to_one_are_refused(values, seed):
    x = images(9, (6,))
    x[3, 2] = values
    autoencoder = dense((6,), (5,), 4)
    assert isinstance(autoencoder, VariationalAutoencoder)
    with pytest.raises(ValueError, match="expected 0 to 1 for binary features"):
        train(autoencoder, x, x, Schedule(1), seed=seed, progress=False)


def test_real_features_may_be_anything(seed):
    x = 10 * images(9, (6,)) - 5
    history = train(dense((6,), (5,), 4, binary=False), x, x, Schedule(1), seed=seed, progress=False)
    assert np.isfinite(history.train[0])
