"""What a digits study is asked to do, and the paths and baselines its names stand for."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eigrad.cases.options import BASELINES, MAX_SEED, PATHS, require_device

KINDS = ("vae", "cnn", "cvae")
TRANSFORMS = ("abs", "share", "signed", "rank")
NULL_TARGETS = ("own", "class")


@dataclass(frozen=True)
class Settings:
    """Arguments of a digits study, checked at the door."""

    out: Path
    sample: int = 5
    baseline: int = 3
    path: str = "latent-straight"
    baseline_kind: str = "median"
    n_baselines: int = 3
    n_samples: int = 300
    n_points: int = 250
    null_target: str = "own"
    transform: str = "abs"
    data: str | None = None
    seed: int = 0
    device: str = "cpu"
    quick: bool = False

    def __post_init__(self) -> None:
        for name in ("sample", "baseline"):
            if not 0 <= getattr(self, name) <= 9:
                raise ValueError(f"--{name}: got digit {getattr(self, name)}, expected 0 to 9")
        if self.sample == self.baseline:
            raise ValueError(f"--baseline: got {self.baseline}, expected another digit than --sample")
        for name, allowed in (
            ("path", PATHS),
            ("baseline_kind", BASELINES),
            ("null_target", NULL_TARGETS),
            ("transform", TRANSFORMS),
        ):
            if getattr(self, name) not in allowed:
                option = name.replace("_", "-")
                raise ValueError(f"--{option}: got {getattr(self, name)!r}, expected one of {', '.join(allowed)}")
        for name, least in (("n_baselines", 1), ("n_samples", 4), ("n_points", 2), ("seed", 0)):
            if getattr(self, name) < least:
                option = name.replace("_", "-")
                raise ValueError(f"--{option}: got {getattr(self, name)}, expected at least {least}")
        if self.seed > MAX_SEED:
            raise ValueError(f"--seed: got {self.seed}, expected at most {MAX_SEED}")
        require_device(self.device)

    def arguments(self) -> dict[str, Any]:
        """The settings as JSON values, without the folder they are written to."""
        return {name: value for name, value in asdict(self).items() if name != "out"}

    @property
    def other_n_points(self) -> int:
        """Points on paths from the other digits' baselines: a fifth, since 50 give the significant set of 250."""
        return max(2, self.n_points // 5)

    def path_for(self, kind: str) -> str:
        """The path's name for one network: without an autoencoder a latent path is the one in feature space."""
        return self.path.removeprefix("latent-") if kind == "cnn" else self.path
