"""Autoencoders: an encoder to latent codes and a decoder back, plain or variational, dense or convolutional."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from eigrad.training import History, Schedule, fit


class Autoencoder(nn.Module):
    """encode: (samples, *shape) -> (samples, latent); decode: the way back."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def encode(self, x: Float[Tensor, samples * shape]) -> Float[Tensor, "samples latent"]:
        codes: Tensor = self.encoder(x)
        return codes

    def decode(self, z: Float[Tensor, "samples latent"]) -> Float[Tensor, samples * shape]:
        points: Tensor = self.decoder(z)
        return points

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x))

    def loss(self, x: Tensor) -> Tensor:
        """Squared error of the reconstruction, summed over features and averaged over samples."""
        error: Tensor = self(x) - x
        return error.square().flatten(1).sum(1).mean()


class VariationalAutoencoder(Autoencoder):
    """An autoencoder whose encoder gives mean and log-variance of a Gaussian; a code is the mean.

    Its loss is the negative evidence lower bound (Kingma and Welling, 2014) with the divergence weighted by `beta`.
    With `binary` features in [0, 1] the decoder gives probabilities and the reconstruction is a cross-entropy.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, beta: float = 1.0, binary: bool = True) -> None:
        super().__init__(encoder, decoder)
        self.beta = beta
        self.binary = binary

    def encode(self, x: Tensor) -> Tensor:
        mean: Tensor = self.encoder(x).chunk(2, 1)[0]
        return mean

    def loss(self, x: Tensor) -> Tensor:
        mean, log_variance = self.encoder(x).chunk(2, 1)
        noise = torch.randn_like(mean) if self.training else torch.zeros_like(mean)
        decoded = self.decode(mean + noise * torch.exp(log_variance / 2))
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
        if self.binary:
            reconstruction = functional.binary_cross_entropy(decoded, x, reduction="none")
        else:
            reconstruction = (decoded - x).square()
        bound: Tensor = reconstruction.flatten(1).sum(1) + self.beta * divergence
        return bound.mean()


class Mean(nn.Module):
    """The code of a variational encoder, as a layer: the first half of its output."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, x: Tensor) -> Tensor:
        first: Tensor = self.encoder(x).chunk(2, 1)[0]
        return first


def dense_layers(sizes: Sequence[int], activation: Callable[[], nn.Module] = nn.ReLU) -> nn.Sequential:
    """Linear layers of these sizes with activations between them."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), activation()]
    return nn.Sequential(*layers[:-1])


def dense(
    shape: tuple[int, ...],
    hidden: Sequence[int],
    n_latent: int,
    *,
    variational: bool = True,
    binary: bool = True,
    beta: float = 1.0,
    activation: Callable[[], nn.Module] = nn.ReLU,
) -> Autoencoder:
    """A dense autoencoder of samples of this shape; the decoder mirrors the encoder."""
    sizes = (*shape, *hidden, n_latent)
    if not shape or min(sizes) < 1:
        raise ValueError(
            f"dense autoencoder: got the shape {tuple(shape)}, hidden layers {tuple(hidden)} and {n_latent} latent "
            "numbers, expected at least one axis and sizes of at least 1"
        )
    n = math.prod(shape)
    encoder = nn.Sequential(nn.Flatten(), *dense_layers([n, *hidden, n_latent * (1 + variational)], activation))
    decoder = nn.Sequential(
        *dense_layers([n_latent, *reversed(hidden), n], activation),
        *([nn.Sigmoid()] if binary else []),
        nn.Unflatten(1, shape),
    )
    return VariationalAutoencoder(encoder, decoder, beta, binary) if variational else Autoencoder(encoder, decoder)


def convolutional(
    shape: tuple[int, int, int],
    channels: tuple[int, int],
    n_hidden: int,
    n_latent: int,
    *,
    beta: float = 1.0,
) -> VariationalAutoencoder:
    """A convolutional variational autoencoder of images in [0, 1] whose sides are multiples of four.

    Its activations are smooth: the error of an integral then falls fourfold when the points of the path double.
    """
    colors, height, width = shape
    if height % 4 or width % 4:
        raise ValueError(f"convolutional autoencoder: got images of {height} x {width}, expected multiples of four")
    first, second = channels
    small = (second, height // 4, width // 4)
    encoder = nn.Sequential(
        nn.Conv2d(colors, first, 3, stride=2, padding=1), nn.SiLU(),
        nn.Conv2d(first, second, 3, stride=2, padding=1), nn.SiLU(),
        nn.Flatten(), nn.Linear(math.prod(small), n_hidden), nn.SiLU(), nn.Linear(n_hidden, 2 * n_latent),
    )  # fmt: skip
    decoder = nn.Sequential(
        nn.Linear(n_latent, n_hidden), nn.SiLU(), nn.Linear(n_hidden, math.prod(small)), nn.SiLU(),
        nn.Unflatten(1, small),
        nn.ConvTranspose2d(second, first, 4, stride=2, padding=1), nn.SiLU(),
        nn.ConvTranspose2d(first, colors, 4, stride=2, padding=1), nn.Sigmoid(),
    )  # fmt: skip
    return VariationalAutoencoder(encoder, decoder, beta)


def train(
    autoencoder: Autoencoder,
    values: Tensor,
    validation: Tensor,
    schedule: Schedule,
    *,
    seed: int,
    progress: bool = True,
) -> History:
    """Train an autoencoder by its own loss."""
    if isinstance(autoencoder, VariationalAutoencoder) and autoencoder.binary:
        low, high = float(values.min()), float(values.max())
        if not 0 <= low <= high <= 1:
            raise ValueError(f"autoencoder: got values from {low:g} to {high:g}, expected 0 to 1 for binary features")

    def loss(module: nn.Module, x: Tensor) -> Tensor:
        assert isinstance(module, Autoencoder)
        return module.loss(x)

    return fit(
        autoencoder,
        loss,
        (values,),
        (validation,),
        schedule,
        seed=seed,
        description="training the autoencoder",
        progress=progress,
    )
