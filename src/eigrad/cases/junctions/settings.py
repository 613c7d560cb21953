"""What a splice-site study is asked to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eigrad.cases.options import BASELINES, MAX_SEED, require_device

CLASSES = ("EI", "IE", "N")
SITES = {"donors": 0, "acceptors": 1}  # by the place of their class among CLASSES
NEITHER = 2
KINDS = tuple(name for name in BASELINES if name != "encoded-zero")


@dataclass(frozen=True)
class Settings:
    """Arguments of a splice-site study, checked at the door."""

    out: Path
    baseline_kind: str = "close"
    n_baselines: int = 5
    n_samples: int = 150
    n_networks: int = 5
    data: str | None = None
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.baseline_kind not in KINDS:
            raise ValueError(f"--baseline-kind: got {self.baseline_kind!r}, expected one of {', '.join(KINDS)}")
        for name, least in (("n_baselines", 1), ("n_samples", 4), ("n_networks", 1), ("seed", 0)):
            if getattr(self, name) < least:
                option = name.replace("_", "-")
                raise ValueError(f"--{option}: got {getattr(self, name)}, expected at least {least}")
        if self.seed > MAX_SEED:
            raise ValueError(f"--seed: got {self.seed}, expected at most {MAX_SEED}")
        require_device(self.device)

    def arguments(self) -> dict[str, Any]:
        """The settings as JSON values, without the folder they are written to."""
        return {name: value for name, value in asdict(self).items() if name != "out"}
