"""What a search for regulators is asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ALPHA = 0.05


@dataclass(frozen=True)
class Settings:
    """Arguments of a search for regulators, checked at the door.

    `run` is a finished folder of eigrad splicing. `clip` and `knockout` have a file for each protein's name. What is
    not given is taken from the simulated world of the run, where it is of one, and is missing otherwise. `tissue` is
    the name of the run's condition in the table of expression, `wildtype` the control's in a protein's knock-out, or
    under "" in all of them.
    """

    run: Path
    out: Path
    expression: Path | None = None
    tissue: str | None = None
    clip: Mapping[str, Path] = field(default_factory=dict)
    min_tags: int = 2
    knockout: Mapping[str, Path] = field(default_factory=dict)
    wildtype: Mapping[str, str] = field(default_factory=dict)
    motifs: Path | None = None
    alpha: float = ALPHA

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"--alpha: got {self.alpha}, expected a number between 0 and 1")
        if self.min_tags < 0:
            raise ValueError(f"--min-tags: got {self.min_tags}, expected at least 0")
        for name, path in self.files().items():
            if not path.is_file():
                raise ValueError(f"{name}: got {path}, expected a file")

    def files(self) -> dict[str, Path]:
        """Every file that is given, by its option."""
        single = {"--expression": self.expression, "--motifs": self.motifs}
        found = {name: path for name, path in single.items() if path is not None}
        for option, each in (("--clip", self.clip), ("--knockout", self.knockout)):
            found |= {f"{option} {name}": path for name, path in each.items()}
        return found

    def wildtype_of(self, name: str) -> str | None:
        """The control in a protein's knock-out, None where it is not said."""
        return self.wildtype.get(name, self.wildtype.get(""))

    def arguments(self) -> dict[str, Any]:
        """The settings as JSON values, without the folder they are written to."""
        return {
            "run": str(self.run.absolute()), **{name: str(path.absolute()) for name, path in self.files().items()},
            "tissue": self.tissue, "min_tags": self.min_tags, "wildtype": dict(self.wildtype), "alpha": self.alpha,
        }  # fmt: skip


def wild_types(given: list[str], knockout: Mapping[str, Path]) -> dict[str, str]:
    """CONDITION, for all knock-outs, or NAME=CONDITION, by name; "" stands for all."""
    found: dict[str, str] = {}
    for text in given:
        name, _, condition = text.partition("=")
        if name not in knockout:
            name, condition = "", text
        if name in found:
            raise ValueError(f"--wildtype: got {text!r} and another for the same, expected one")
        found[name] = condition
    return found


def named_files(option: str, given: list[str]) -> dict[str, Path]:
    """NAME=FILE, as the options of proteins have it, by name."""
    found: dict[str, Path] = {}
    for text in given:
        name, equals, path = text.partition("=")
        if not equals or not name.strip() or not path.strip():
            raise ValueError(f"{option}: got {text!r}, expected NAME=FILE, such as A1CF=sites.bed")
        if name.strip() in found:
            raise ValueError(f"{option}: got {name.strip()!r} twice, expected a file for each protein")
        found[name.strip()] = Path(path.strip())
    return found
