"""Networks of the splicing code: normalization inside, an encoder, and a head that is told the pair of conditions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from eigrad.autoencoder import Autoencoder, VariationalAutoencoder, dense_layers
from eigrad.cases.splicing.model.dataset import TARGETS


class Standardize(nn.Module):
    """Features less their mean, by their spread; with `inverse` the way back."""

    mean: Tensor
    spread: Tensor

    def __init__(self, mean: Tensor, spread: Tensor, inverse: bool = False) -> None:
        super().__init__()
        self.inverse = inverse
        self.register_buffer("mean", mean.clone())
        self.register_buffer("spread", torch.where(spread > 0, spread, torch.ones_like(spread)))

    @classmethod
    def of(cls, values: Tensor) -> Standardize:
        """By the mean and spread of these rows."""
        wide = values.double()
        return cls(wide.mean(0).to(values), wide.std(0, correction=0).to(values))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.spread + self.mean if self.inverse else (x - self.mean) / self.spread


def in_units(inner: Autoencoder, standardize: Standardize) -> Autoencoder:
    """An autoencoder of standardized features as one of the features themselves."""
    back = Standardize(standardize.mean, standardize.spread, inverse=True)
    parts = nn.Sequential(standardize, inner.encoder), nn.Sequential(inner.decoder, back)
    if isinstance(inner, VariationalAutoencoder):
        return VariationalAutoencoder(*parts, inner.beta, inner.binary)
    return Autoencoder(*parts)


def between_units(autoencoder: Autoencoder) -> tuple[Autoencoder, Standardize]:
    """What `in_units` was given: the autoencoder of standardized features, and how they are standardized."""
    standardize, encoder = autoencoder.encoder.get_submodule("0"), autoencoder.encoder.get_submodule("1")
    decoder = autoencoder.decoder.get_submodule("0")
    assert isinstance(standardize, Standardize)
    if isinstance(autoencoder, VariationalAutoencoder):
        return VariationalAutoencoder(encoder, decoder, autoencoder.beta, autoencoder.binary), standardize
    return Autoencoder(encoder, decoder), standardize


class SplicingCode(nn.Module):
    """Features (exons, features) to logits of the three targets for every pair of conditions, (exons, pairs, 3).

    The head sees the latent code and two one-hots: which condition, and which reference.
    """

    codes: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        n_latent: int,
        hidden: Sequence[int],
        pairs: Sequence[tuple[str, str]],
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        names = list(dict.fromkeys(name for pair in pairs for name in pair))
        codes = torch.zeros(len(pairs), 2 * len(names))
        for i, (condition, reference) in enumerate(pairs):
            codes[i, names.index(condition)] = codes[i, len(names) + names.index(reference)] = 1.0
        self.encoder = encoder
        self.pairs = tuple(pairs)
        self.register_buffer("codes", codes)
        self.dropout = nn.Dropout(dropout)
        self.head = dense_layers([n_latent + 2 * len(names), *hidden, len(TARGETS)])

    def forward(self, x: Float[Tensor, "exons features"]) -> Float[Tensor, "exons pairs 3"]:
        return self.told(self.dropout(self.encoder(x)), self.codes)

    def told(self, latent: Float[Tensor, "exons latent"], codes: Tensor) -> Float[Tensor, "exons pairs 3"]:
        """Logits of latent codes for the pairs whose one-hots these are."""
        both = (len(latent), len(codes), -1)
        logits: Tensor = self.head(torch.cat([latent[:, None].expand(both), codes.expand(both)], dim=2))
        return logits


class Score(nn.Module):
    """One target of one pair of conditions as a logit, (exons, 1): what is explained.

    Without a reference it is the mean of the logits over all conditions that the first is compared with.
    """

    told: Tensor

    def __init__(self, code: SplicingCode, condition: str, reference: str | None, target: str) -> None:
        super().__init__()
        chosen = [i for i, pair in enumerate(code.pairs) if pair[0] == condition and reference in (None, pair[1])]
        if not chosen:
            known = ", ".join(dict.fromkeys(name for pair in code.pairs for name in pair))
            raise ValueError(f"pair: got {condition!r} and {reference!r}, expected two that are compared, of {known}")
        if target not in TARGETS:
            raise ValueError(f"target: got {target!r}, expected one of {', '.join(TARGETS)}")
        self.code = code
        self.register_buffer("told", code.codes[chosen].clone())
        self.target = TARGETS.index(target)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.code.told(self.code.encoder(x), self.told)[..., self.target]
        return logits.mean(dim=1, keepdim=True)
