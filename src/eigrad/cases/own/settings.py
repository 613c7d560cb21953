"""What `eigrad explain` is asked to do, by options, by a YAML file, or by both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from eigrad.cases.options import BASELINES, MAX_SEED, PATHS, require_device
from eigrad.data import is_there, one_line
from eigrad.precision import PRECISIONS

WHOLE, NUMBERS = ("n_baselines", "n_samples", "n_points", "seed", "target"), ("tol", "alpha")
LEAST = {"n_baselines": 1, "n_samples": 4, "n_points": 2, "seed": 0}
FILES = ("data", "labels", "groups")
NEEDED = {"model": "--model", "data": "--data", "of": "--class", "reference": "--reference"}
TESTS = ("maxt", "welch", "mannwhitney")
AUTO = "auto"


@dataclass(frozen=True)
class Settings:
    """Arguments of an explanation, checked at the door.

    `of` and `reference` are queries over what the data say of each sample; `target` is an output's index, by default
    the one that is the largest for most samples of the class. Latent paths take `autoencoder`: FILE.py:FUNCTION, or
    "auto" for one that is trained on the data first.
    """

    out: Path
    model: str
    data: Path
    of: str
    reference: str
    labels: Path | None = None
    about: tuple[str, ...] = ()
    key: str | None = None
    groups: Path | None = None
    target: int | None = None
    path: str = "straight"
    baseline_kind: str = "close"
    n_baselines: int = 3
    n_samples: int = 300
    autoencoder: str = AUTO
    n_points: int | None = None
    tol: float = 0.01
    precision: str = "full"
    test: str = "maxt"
    alpha: float = 0.05
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        known: dict[str, Iterable[str]] = {
            "path": PATHS,
            "baseline_kind": BASELINES,
            "precision": PRECISIONS,
            "test": TESTS,
        }
        for name, allowed in known.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{option_of(name)}: got {getattr(self, name)!r}, expected one of {', '.join(allowed)}"
                )
        for name, least in LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{option_of(name)}: got {value}, expected at least {least}")
        for name in ("alpha", "tol"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{option_of(name)}: got {getattr(self, name)}, expected a number between 0 and 1")
        if self.seed > MAX_SEED:
            raise ValueError(f"--seed: got {self.seed}, expected at most {MAX_SEED}")
        for name in FILES:
            file = getattr(self, name)
            if file is not None and not is_there(file):
                raise ValueError(f"{option_of(name)}: got {file}, expected a file that exists")
        require_device(self.device)

    @property
    def is_latent(self) -> bool:
        """Whether the path or the baselines need an autoencoder."""
        return self.path.startswith("latent") or self.baseline_kind == "encoded-zero"

    def arguments(self) -> dict[str, Any]:
        """The settings as JSON and YAML values, without the folder they are written to."""
        found = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "out"}
        plain = {name: str(value.absolute()) if isinstance(value, Path) else value for name, value in found.items()}
        plain["about"] = list(self.about)
        return {("class" if name == "of" else name): value for name, value in plain.items()}


def option_of(name: str) -> str:
    """The option on the command line that sets an argument."""
    return "--" + {"of": "class"}.get(name, name.replace("_", "-"))


def settings_of(out: Path, given: Mapping[str, Any], config: Path | None) -> Settings:
    """Settings of what was given on the command line (not None), then in the file, then by default.

    Files that the YAML names are sought beside it.
    """
    values = {} if config is None else {name: value for name, value in _read(config).items() if value is not None}
    for name in FILES:
        if values.get(name) is not None and config is not None:
            values[name] = config.parent / str(values[name])
    if "class" in values:
        values["of"] = values.pop("class")
    values |= {name: value for name, value in given.items() if value is not None}
    known = {each.name for each in fields(Settings)} - {"out"}
    if unknown := sorted(set(values) - known):
        raise ValueError(f"{config}: got {unknown[0]!r}, expected only {', '.join(sorted(known - {'of'} | {'class'}))}")
    for name, option in NEEDED.items():
        if not str(values.get(name) or "").strip():
            raise ValueError(f"{option}: got none, expected it on the command line or in the file of --config")
    for name in FILES:
        if values.get(name) is not None:
            values[name] = Path(str(values[name]))
    values["about"] = tuple(values.get("about") or ())
    values |= {name: float(values[name]) for name in NUMBERS if name in values}
    return Settings(out, **values)


def _read(config: Path) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (OSError, ValueError, OverflowError, RecursionError, yaml.YAMLError) as error:
        raise ValueError(f"--config: {config} cannot be read ({one_line(error)}), expected YAML") from error
    if not isinstance(content, dict):
        raise ValueError(f"--config: {config} holds {type(content).__name__}, expected names and values")
    named = {str(name): value for name, value in content.items()}
    for name, value in named.items():
        if expected := _refusal(name, value):
            raise ValueError(f"--config: {config}: got {str(value)[:80]!r} as {name!r}, expected {expected}")
    return named


def _refusal(name: str, value: object) -> str | None:
    """What is expected of an argument in place of this value, None where nothing else is."""
    if value is None or name not in {"class", *(each.name for each in fields(Settings))}:
        return None
    if name == "about":
        right = isinstance(value, list) and all(isinstance(each, str) for each in value)
        return None if right else "a list of names"
    if name in WHOLE:
        return None if type(value) is int else "a whole number"
    if name in NUMBERS:
        return None if type(value) is float or (type(value) is int and abs(value) < 1e9) else "a number"
    return None if isinstance(value, str) else "a text"
