"""Latent space, in the caller's precision, with the autoencoder left as it was."""

import pytest
import torch
from torch import nn

from eigrad.latent import AutoencoderLike, decoded, decoder, encoded


class Noisy(nn.Module):
    """An autoencoder that would drop half of its codes in training mode."""

    def __init__(self, inner):
        super().__init__()
        self.inner, self.drop = inner, nn.Dropout(0.5)

    def encode(self, x):
        return self.drop(self.inner.encode(x))

    def decode(self, z):
        return self.inner.decode(self.drop(z))


@pytest.fixture
def autoencoder(autoencoder_for):
    return Noisy(autoencoder_for(2, 5)).train()


@pytest.fixture
def values(generator):
    return torch.rand(11, 2, 5, generator=generator, dtype=torch.float64)


def test_codes_and_points_are_those_of_evaluation_mode(autoencoder, values):
    codes = encoded(autoencoder, values)
    points = decoded(autoencoder, codes)
    torch.testing.assert_close(codes, autoencoder.inner.encode(values).detach())
    torch.testing.assert_close(points, autoencoder.inner.decode(codes).detach())
    assert not codes.requires_grad
    assert not points.requires_grad
    assert autoencoder.training
    assert autoencoder.drop.training


def test_the_callers_precision_comes_back(autoencoder, values):
    autoencoder.float()
    for dtype in (torch.float32, torch.float64):
        codes = encoded(autoencoder, values.to(dtype))
        assert codes.dtype == dtype
        assert decoded(autoencoder, codes).dtype == dtype
    assert encoded(autoencoder, torch.ones(3, 2, 5, dtype=torch.int64)).dtype == torch.float32


def test_batches_of_any_size_agree(autoencoder, generator):
    many = torch.rand(2050, 2, 5, generator=generator, dtype=torch.float64)
    codes = encoded(autoencoder, many)
    assert len(codes) == 2050
    torch.testing.assert_close(codes[2040:], encoded(autoencoder, many[2040:]))


def test_the_decoder_is_differentiable(autoencoder, values):
    codes = encoded(autoencoder, values)
    of_all = torch.autograd.functional.jacobian(decoder(autoencoder, values), codes[:1])
    expected = torch.autograd.functional.jacobian(autoencoder.inner.decode, codes[:1])
    torch.testing.assert_close(of_all, expected)


def test_anything_with_both_verbs_is_an_autoencoder(autoencoder, values):
    class Halves:
        def encode(self, x):
            return x / 2

        def decode(self, z):
            return z * 2

    assert isinstance(Halves(), AutoencoderLike)
    assert not isinstance(nn.Linear(2, 3), AutoencoderLike)
    torch.testing.assert_close(decoded(Halves(), encoded(Halves(), values)), values)
