"""Latent space, opened by any object with `encode` and `decode`: in batches, in the caller's dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from eigrad.data import one_line
from eigrad.model import in_batches, placement
from eigrad.undisturbed import evaluating


@runtime_checkable
class AutoencoderLike(Protocol):
    """What latent paths and baselines ask of an autoencoder: (samples, *shape) to codes and back."""

    def encode(self, x: Tensor) -> Tensor: ...
    def decode(self, z: Tensor) -> Tensor: ...


def require_autoencoder(name: str, given: object) -> None:
    """Refuse what cannot encode and decode."""
    if isinstance(given, type) or not isinstance(given, AutoencoderLike):
        lacking = [verb for verb in ("encode", "decode") if not callable(getattr(given, verb, None))]
        got = f"the class {given.__name__}" if isinstance(given, type) else f"a {type(given).__name__}"
        without = f" without {' and '.join(lacking)}" if lacking else ""
        raise ValueError(f"{name}: got {got}{without}, expected an autoencoder, an object with encode and decode")


def encoded(autoencoder: AutoencoderLike, values: Tensor) -> Tensor:
    """Latent codes of the values, in their own floating dtype and on their device."""
    return in_batches(_in_place(autoencoder, autoencoder.encode, values), values)


def decoded(autoencoder: AutoencoderLike, codes: Tensor) -> Tensor:
    """Points of feature space for latent codes, in the codes' own dtype and on their device."""
    return in_batches(decoder(autoencoder, codes), codes)


def decoder(autoencoder: AutoencoderLike, like: Tensor) -> Callable[[Tensor], Tensor]:
    """`decode` as a differentiable function between tensors of the dtype and device of `like`."""
    return _in_place(autoencoder, autoencoder.decode, like)


def _in_place(
    autoencoder: AutoencoderLike, function: Callable[[Tensor], Tensor], like: Tensor
) -> Callable[[Tensor], Tensor]:
    module: Any = autoencoder
    device, dtype = placement(module, like)

    def run(values: Tensor) -> Tensor:
        with evaluating(module):
            result = _called(function, values.to(device, dtype))
            return result.to(like) if like.is_floating_point() else result.to(like.device)

    return run


def _called(function: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
    """The result; ValueError where even one sample is not what the function takes."""
    try:
        return function(values)
    except (RuntimeError, ValueError, TypeError) as error:
        try:
            function(values[:1])
        except (RuntimeError, ValueError, TypeError):
            name, reason = getattr(function, "__name__", "autoencoder"), one_line(error)
            raise ValueError(
                f"autoencoder: got a sample of shape {tuple(values.shape[1:])} to {name}, expected one it takes "
                f"({reason})"
            ) from error
        raise
