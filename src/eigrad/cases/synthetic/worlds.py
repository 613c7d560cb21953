"""Tabular worlds of correlated groups of features, some of which decide the class.

Class 0 is the reference; every other class has causes of its own, in groups of features that go together. What a class
owes to its causes is its logit, scaled to a given spread, and labels are drawn from the softmax of the logits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int
from numpy.typing import NDArray
from scipy import optimize, special

from eigrad.data import Examples

Role = Literal["cause", "proxy", "member", "bystander"]
Pair = tuple[int, int]


@dataclass(frozen=True)
class World:
    """What is simulated: features in groups, causes by class, and what makes them hard to find.

    `n_causes` features of each class but the reference, each in a group of its own, act on its logit: by `n_pairs`
    pairs as a product, or as an exclusive or ("xor": the sign of the product, where no cause alone says anything), the
    others by themselves. `n_shared` further causes act on all classes but the reference alike. Of those that act by
    themselves a share is `saturated` (a steep tanh), and a share `peaked`: most is owed to one value of the feature,
    drawn from -1 to 1, and less to those on both of its sides.

    A share `common` of every feature's variance comes from `n_factors` factors, in proportions of its group's own: so
    most groups go along with causes a little. Of the rest members of a group share `correlation`. `n_proxies` causes of
    each class have a proxy: a feature of another group that follows the cause at `proxy_correlation` and does nothing
    itself.
    Features have standard deviation 1 and a mean of `offset`, drawn in sign. `spread` is the standard deviation of a
    logit: the larger, the surer the labels. A share `reference` of them is of class 0. Where they are `shuffled`
    nothing is a cause.
    """

    n_groups: int = 300
    group_size: int = 4
    n_classes: int = 3
    n_causes: int = 12
    n_shared: int = 0
    n_pairs: int = 0
    pairs: Literal["product", "xor"] = "product"
    saturated: float = 0.2
    peaked: float = 0.4
    correlation: float = 0.5
    n_factors: int = 10
    common: float = 0.2
    n_proxies: int = 0
    proxy_correlation: float = 0.9
    offset: float = 0.0
    spread: float = 3.0
    reference: float = 0.7
    shuffled: bool = False

    def __post_init__(self) -> None:
        taken = (self.n_classes - 1) * (self.n_causes + self.n_proxies) + self.n_shared
        if taken > self.n_groups:
            raise ValueError(
                f"world: causes and proxies take {taken} groups, expected at most the {self.n_groups} there are"
            )
        if 2 * self.n_pairs > self.n_causes or self.n_proxies > self.n_causes:
            raise ValueError(
                f"world: got {self.n_pairs} pairs and {self.n_proxies} proxies for {self.n_causes} causes of a class, "
                "expected at most one pair for two causes and one group of proxies for each"
            )
        if self.saturated + self.peaked > 1:
            raise ValueError(
                f"world: {self.saturated} saturated and {self.peaked} peaked are shares of a whole, expected at most 1"
            )
        if min(self.n_classes - 1, self.group_size, self.n_groups, self.n_factors) < 1:
            raise ValueError("world: expected at least 2 classes, 1 factor, and groups of at least 1 feature")
        for name in ("saturated", "peaked", "correlation", "proxy_correlation", "common"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"world: {name} is {getattr(self, name)}, expected a number from 0 to 1")
        if not 0 < self.reference < 1:
            raise ValueError(f"world: reference is {self.reference}, expected a share between 0 and 1")

    def draw(self, n_samples: int, seed: int) -> Simulated:
        """A data set of this world: the causes are drawn by the seed, and the samples."""
        rng = np.random.default_rng(seed)
        truth = _Truth.drawn(self, rng)
        features = truth.features(n_samples, rng)
        logits = truth.logits(features, rng)
        values = features + self.offset * rng.choice([-1.0, 1.0], features.shape[1])
        labels = (logits + rng.gumbel(size=logits.shape)).argmax(1)
        if self.shuffled:
            labels = rng.permutation(labels)
        names = tuple(f"g{group:03}_{member}" for group in range(self.n_groups) for member in range(self.group_size))
        return Simulated(Examples(values.astype(np.float32), labels, names), truth.table(names), logits)


@dataclass(frozen=True)
class Simulated:
    """Examples, the truth about every feature, and the logits the labels were drawn from.

    The truth has one row a feature: feature, group, role ("cause"; "proxy" of a cause; "member" of a cause's group;
    "bystander"), cause_of (the class, 0 of none, -1 of all but the reference), follows (the cause a proxy follows),
    partner (in a pair), weight.
    """

    examples: Examples
    truth: pd.DataFrame
    logits: Float64[np.ndarray, "samples classes"]

    @property
    def groups(self) -> NDArray[np.object_]:
        """The group of every feature."""
        return self.truth["group"].to_numpy(dtype=object)

    def causal(self, label: int) -> pd.Series:
        """Whether each group, in order, has a cause of a class."""
        is_cause = (self.truth["role"] == "cause") & self.truth["cause_of"].isin([label, -1])
        return is_cause.groupby(self.truth["group"], sort=False).any()

    def proxies(self) -> pd.Series:
        """Whether each group, in order, has a proxy."""
        return (self.truth["role"] == "proxy").groupby(self.truth["group"], sort=False).any()


@dataclass(frozen=True)
class _Truth:
    """Who causes what: features by class (causes, shared ones last), weights, pairs, proxies."""

    world: World
    causes: dict[int, Int[np.ndarray, " _"]]
    shared: Int[np.ndarray, " _"]
    weights: Float64[np.ndarray, " features"]
    steep: NDArray[np.bool_]
    peaks: Float64[np.ndarray, " features"]  # NaN: none
    pairs: dict[int, list[Pair]]
    follows: dict[int, int]  # a proxy to the cause it follows
    loadings: Float64[np.ndarray, "factors groups"]

    @classmethod
    def drawn(cls, world: World, rng: np.random.Generator) -> _Truth:
        n_features = world.n_groups * world.group_size
        places = iter(
            rng.permutation(world.n_groups) * world.group_size + rng.integers(0, world.group_size, world.n_groups)
        )

        def take(n: int) -> Int[np.ndarray, " _"]:
            return np.array([next(places) for _ in range(n)], dtype=np.int64)

        causes = {label: take(world.n_causes) for label in range(1, world.n_classes)}
        shared = take(world.n_shared)
        pairs = {
            label: list(zip(*found[: 2 * world.n_pairs].reshape(-1, 2).T.tolist(), strict=True))
            for label, found in causes.items()
        }
        follows = {
            int(proxy): int(cause)
            for found in causes.values()
            for proxy, cause in zip(take(world.n_proxies), found, strict=False)
        }
        weights = rng.choice([-1.0, 1.0], n_features) * rng.uniform(0.75, 1.25, n_features)
        shape = rng.random(n_features)
        steep = shape < world.saturated
        peaks = np.where(shape >= 1 - world.peaked, rng.uniform(-1, 1, n_features), np.nan)
        loadings = rng.standard_normal((world.n_factors, world.n_groups))
        loadings /= np.linalg.norm(loadings, axis=0)
        return cls(world, causes, shared, weights, steep, peaks, pairs, follows, loadings)

    def features(self, n_samples: int, rng: np.random.Generator) -> Float64[np.ndarray, "samples features"]:
        """Groups with a factor each; a proxy follows its cause in place of it."""
        world = self.world
        factors = rng.standard_normal((n_samples, world.n_factors)) @ self.loadings
        groups = rng.standard_normal((n_samples, world.n_groups, 1))
        own = rng.standard_normal((n_samples, world.n_groups, world.group_size))
        values = _mixed(factors[:, :, None], _mixed(groups, own, world.correlation), world.common)
        flat = values.reshape(n_samples, -1)
        for proxy, cause in self.follows.items():
            flat[:, proxy] = _mixed(flat[:, cause], own.reshape(n_samples, -1)[:, proxy], world.proxy_correlation**2)
        return flat

    def logits(self, features: np.ndarray, rng: np.random.Generator) -> Float64[np.ndarray, "samples classes"]:
        """What every class owes to its causes, of mean 0 and the world's spread; a constant for the reference."""
        world = self.world
        found = np.zeros((len(features), world.n_classes))
        for label, causes in self.causes.items():
            alone = np.concatenate([causes[2 * world.n_pairs :], self.shared])
            found[:, label] = self._alone(features[:, alone], alone).sum(1)
            for first, second in self.pairs[label]:
                product = features[:, first] * features[:, second]
                found[:, label] += self.weights[first] * 1.5 * (np.sign(product) if world.pairs == "xor" else product)
            if found[:, label].std() > 0:
                found[:, label] *= world.spread / found[:, label].std()
            found[:, label] -= found[:, label].mean()
        found[:, 0] = _lead(found, world.reference)
        return found

    def _alone(self, values: np.ndarray, places: Int[np.ndarray, " _"]) -> np.ndarray:
        bent = np.where(self.steep[places], np.tanh(3 * values), values)
        peaks = self.peaks[places]
        bent = np.where(np.isnan(peaks), bent, 3 * np.exp(-2 * (values - peaks) ** 2))
        result: np.ndarray = self.weights[places] * bent
        return result

    def table(self, names: tuple[str, ...]) -> pd.DataFrame:
        world, n_features = self.world, len(names)
        group = np.arange(n_features) // world.group_size
        role = np.full(n_features, "bystander", dtype=object)
        cause_of, follows, partner = (
            np.zeros(n_features, int),
            np.full(n_features, "", object),
            np.full(n_features, "", object),
        )
        if not world.shuffled:
            all_causes = np.concatenate([*self.causes.values(), self.shared])
            role[np.isin(group, all_causes // world.group_size)] = "member"
            role[all_causes] = "cause"
            for label, causes in self.causes.items():
                cause_of[causes] = label
            cause_of[self.shared] = -1
            for proxy, cause in self.follows.items():
                role[proxy] = "proxy"
                follows[proxy] = names[cause]
            for first, second in (pair for pairs in self.pairs.values() for pair in pairs):
                partner[first], partner[second] = names[second], names[first]
        weight = np.where(role == "cause", self.weights, 0.0)
        return pd.DataFrame(
            {"feature": names, "group": [name.split("_")[0] for name in names], "role": role, "cause_of": cause_of,
             "follows": follows, "partner": partner, "weight": weight}
        )  # fmt: skip


def _lead(logits: np.ndarray, share: float) -> float:
    """What the reference's logit must be for this share of the labels, in the mean."""

    def excess(lead: float) -> float:
        return (
            float(np.mean(np.exp(lead - special.logsumexp(np.c_[np.full(len(logits), lead), logits[:, 1:]], axis=1))))
            - share
        )

    return float(optimize.brentq(excess, -100, 100))


def _mixed(common: np.ndarray, own: np.ndarray, correlation: float) -> np.ndarray:
    """Standard normal values, of which those with the same common part correlate."""
    result: np.ndarray = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own
    return result


PLAIN = World()
WORLDS = {
    "plain": PLAIN,
    "proxies": replace(PLAIN, n_proxies=12, proxy_correlation=0.9),
    "interactions": replace(PLAIN, n_pairs=2),
    "xor": replace(PLAIN, n_pairs=2, pairs="xor"),
    "offset": replace(PLAIN, offset=5.0),
    "dense": replace(PLAIN, n_causes=100, spread=4.0),
    "shuffled": replace(PLAIN, shuffled=True),
}
