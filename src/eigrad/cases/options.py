"""What the options of the studies stand for: paths and baselines by name, seeds, devices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from eigrad import baselines, paths
from eigrad.latent import AutoencoderLike

MAX_SEED = 2**32 - 1  # NumPy's legacy generators, by which scikit-learn draws, take no more

PATHS: dict[str, Callable[[Any, Tensor], paths.Path]] = {
    "straight": lambda autoencoder, points: paths.Straight(),
    "neighbors": lambda autoencoder, points: paths.Neighbors(points),
    "latent-straight": lambda autoencoder, points: paths.LatentStraight(autoencoder),
    "latent-neighbors": lambda autoencoder, points: paths.LatentNeighbors(autoencoder, points),
}
BASELINES: dict[str, Callable[[Tensor, int, int, AutoencoderLike], baselines.Baseline]] = {
    "zero": lambda points, n, seed, autoencoder: baselines.Zero(),
    "encoded-zero": lambda points, n, seed, autoencoder: baselines.EncodedZero(autoencoder),
    "median": lambda points, n, seed, autoencoder: baselines.Median(points, n),
    "k-means": lambda points, n, seed, autoencoder: baselines.KMeans(points, n, seed=seed),
    "close": lambda points, n, seed, autoencoder: baselines.Close(points, n),
    "random": lambda points, n, seed, autoencoder: baselines.Random(points, n, seed=seed),
}


def require_device(device: str) -> None:
    """Refuse what PyTorch cannot compute on here."""
    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, ImportError) as error:
        reason = str(error).splitlines()[0].split(". ")[0]
        raise ValueError(f"--device: got {device!r}, expected a device PyTorch can use here ({reason})") from error
