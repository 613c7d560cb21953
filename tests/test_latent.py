"""Latent space, in the caller's precision, with the autoencoder left as it was."""

import subprocess
import sys

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


ASKED = """
import torch
from torch import nn
from eigrad import baselines, paths
from eigrad.autoencoder import Autoencoder

class Coder:
    def encode(self, x): return x

points = torch.eye(5)
for ask in (
    paths.LatentStraight,
    lambda given: paths.LatentNeighbors(given, points, k=2),
    baselines.EncodedZero,
    lambda given: baselines.Median(points, space=given),
    lambda given: baselines.KMeans(points, space=given),
    lambda given: baselines.Close(points, space=given),
):
    for given in (nn.Linear(5, 2), Coder(), Autoencoder):
        try:
            ask(given)
        except ValueError as error:
            print(error)
"""


def test_what_cannot_encode_and_decode_is_refused_where_it_is_handed_in():
    """In a process of its own: here beartype, which checks types while testing, comes first."""
    done = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, check=True)
    got = ("a Linear without encode and decode", "a Coder without decode", "the class Autoencoder")
    asked = ("path LatentStraight", "path LatentNeighbors", "baseline EncodedZero")
    spaces = [f"baseline {name}: space" for name in ("Median", "KMeans", "Close")]
    assert done.stdout.splitlines() == [
        f"{name}: got {each}, expected an autoencoder, an object with encode and decode"
        for name in (*asked, *spaces)
        for each in got
    ]


def test_anything_with_both_verbs_is_an_autoencoder(autoencoder, values):
    class Halves:
        def encode(self, x):
            return x / 2

        def decode(self, z):
            return z * 2

    assert isinstance(Halves(), AutoencoderLike)
    assert not isinstance(nn.Linear(2, 3), AutoencoderLike)
    torch.testing.assert_close(decoded(Halves(), encoded(Halves(), values)), values)
