"""What a splicing study is asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eigrad.cases.options import BASELINES, MAX_SEED, PATHS, require_device
from eigrad.cases.splicing.model import NETWORKS
from eigrad.significance import ORDERS

ALL = "all"
DIRECTIONS = {"included": "increased", "excluded": "decreased"}  # and the target that is explained for it
PATHS_OF = ("world", "fasta", "gtf", "bigwig", "motifs", "changes")  # arguments that are files or folders
LEAST = {"n_events": 400, "n_baselines": 1, "n_samples": 20, "n_compared": 20, "min_others": 1, "seed": 0}


@dataclass(frozen=True)
class Settings:
    """Arguments of a splicing study, checked at the door.

    The data are a `world` of eigrad simulate, or `events` (tables or folders of tables), `fasta` and `gtf`, with
    `bigwig` and `motifs` where there are any; with none of them a world of `n_events` is simulated in the run folder.
    `groups` has two names, with a comma between them, for each rMATS table; `changes` belongs to plain CSV.
    `condition` is by default the world's tissue; `reference` is another condition, or "all" for the mean over all
    others; `min_others` is by default 2, or 1 where there is one comparison only. Of each set at most `n_samples` exons
    are explained by the main method; methods are compared on at most `n_compared`, the same for all.
    """

    out: Path
    world: Path | None = None
    events: tuple[Path, ...] = ()
    fasta: Path | None = None
    gtf: Path | None = None
    bigwig: Path | None = None
    motifs: Path | None = None
    structure: bool = False
    condition: str | None = None
    reference: str = ALL
    direction: str = "included"
    min_others: int | None = None
    min_dpsi: float = 0.2
    network: str = "sparse"
    order: str = "magnitude"
    path: str = "straight"
    baseline_kind: str = "close"
    n_baselines: int = 5
    n_samples: int = 300
    n_compared: int = 100
    n_events: int | None = None
    methods: tuple[str, ...] = (ALL,)
    seed: int = 0
    device: str = "cpu"
    changes: Path | None = None
    groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, known in (
            ("direction", DIRECTIONS), ("network", NETWORKS), ("order", ORDERS), ("path", PATHS),
            ("baseline_kind", BASELINES),
        ):  # fmt: skip
            if getattr(self, name) not in known:
                raise ValueError(
                    f"--{name.replace('_', '-')}: got {getattr(self, name)!r}, expected one of {', '.join(known)}"
                )
        for name, least in LEAST.items():
            if (given := getattr(self, name)) is not None and given < least:
                raise ValueError(f"--{name.replace('_', '-')}: got {given}, expected at least {least}")
        if self.seed > MAX_SEED:
            raise ValueError(f"--seed: got {self.seed}, expected at most {MAX_SEED}")
        if not 0 < self.min_dpsi < 1:
            raise ValueError(f"--min-dpsi: got {self.min_dpsi}, expected a number between 0 and 1")
        self._require_data()
        require_device(self.device)

    def _require_data(self) -> None:
        own = {"events": self.events, "fasta": self.fasta, "gtf": self.gtf}
        more = {name: getattr(self, name) for name in ("bigwig", "motifs", "changes", "groups")}
        given = [name for name, each in {**own, **more}.items() if each]
        if self.world is not None and given:
            raise ValueError(f"--world: got --{given[0]} as well, expected a world or files of your own")
        if self.n_events is not None and (self.world is not None or given):
            raise ValueError(f"--n-events: got {self.n_events} with data that is there, expected it without")
        missing = [name for name, each in own.items() if not each]
        if given and missing:
            raise ValueError(f"--{missing[0]}: got none, expected one with --{given[0]}")
        if given and self.condition is None:
            raise ValueError("--condition: got none, expected a condition of the tables of events")

    @property
    def target(self) -> str:
        """The output that is explained."""
        return DIRECTIONS[self.direction]

    @property
    def main(self) -> str:
        """The name of the method whose features the page shows."""
        return method_name(self.path, self.baseline_kind)

    def arguments(self) -> dict[str, Any]:
        """The settings as JSON values, paths as absolute ones, without the folder they are written to."""
        return {name: _plain(value) for name, value in asdict(self).items() if name != "out"}

    @classmethod
    def from_arguments(cls, out: Path, arguments: Mapping[str, Any]) -> Settings:
        """The settings of a run folder, from its arguments."""
        given = dict(arguments)
        for name in PATHS_OF:
            if given.get(name) is not None:
                given[name] = Path(given[name])
        for name, kind in (("events", Path), ("methods", str), ("groups", str)):
            given[name] = tuple(kind(each) for each in given.get(name, ()))
        return cls(out, **given)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value.absolute())
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def method_name(path: str, baseline_kind: str) -> str:
    """What a path and a baseline together are called."""
    return f"EIG {path}, {baseline_kind}"
