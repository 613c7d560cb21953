"""An explanation of a stranger's network: read, plan, explain chunk by chunk, test, draw, and report."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml  # type: ignore[import-untyped]
from torch import Tensor, nn

from eigrad import autoencoder, recommended, store
from eigrad.attribute import Attributions, Explainer
from eigrad.cases.folder import Clock, opened, versions
from eigrad.cases.options import BASELINES, PATHS
from eigrad.cases.own import figures, page
from eigrad.cases.own.sets import Sets, drawn, values_of
from eigrad.cases.own.settings import AUTO, Settings
from eigrad.data import write_atomic, write_json, write_table
from eigrad.distribute import distribute
from eigrad.inputs import Samples, read_network, read_samples
from eigrad.latent import AutoencoderLike
from eigrad.report import build
from eigrad.report.spread import PERCENTS, SETS
from eigrad.training import Schedule, model_hash, predict, reloaded, save_model, seeded

logger = logging.getLogger(__name__)

RESULTS = ("summary.json", "page.json", "report.html", "features.csv", "distributions.csv", "samples.csv")
TRIED = 64  # samples by which a dry run tells the time of all
WIDTHS, LATENT = (256, 64), 16  # of an autoencoder that is trained on the spot, and how many numbers it keeps
DIGITS = 7  # significant ones, of statistics of attributions in single precision
SHOWN, MOST, SHOWN_DIGITS = 100, 200_000, 4  # features whose samples are written, attributions in all, and their digits


@dataclass(frozen=True)
class Task:
    """What is to be explained, once everything is read."""

    settings: Settings
    samples: Samples
    sets: Sets
    network: nn.Module
    target: int
    values: dict[str, Tensor]
    points: Tensor

    @property
    def names(self) -> tuple[str, ...]:
        """A name for every feature of a flattened sample: a column's, or its place."""
        if self.samples.names is not None:
            return self.samples.names
        places = np.ndindex(*self.points.shape[1:])
        return tuple(",".join(map(str, place)) for place in places)


def run(settings: Settings, *, resume: bool = False, client: Any = None) -> Path:
    """Explain into `settings.out` and return its page; with `resume` what is finished there is gone on from.

    `client` is of a dask.distributed cluster, whose workers explain.
    """
    clock = Clock()
    with clock("data"):
        task = read(settings)
    folder = opened(settings.out, "explain")
    _begin(task, folder, resume)
    explainer = _explainer(task, _autoencoder(task, folder / "models", clock))
    found: dict[str, Attributions] = {}
    for name, values in task.values.items():
        with clock(name):
            place = folder / "attributions.zarr" / name
            if client is None:
                store.stream(place, explainer, values, resume=resume)
            else:
                distribute(place, explainer, values, client, resume=resume, device=settings.device)
            found[name] = store.load(place)
    with clock("significance"):
        table = _tested(task, found)
        write_table(folder / "features.csv", table, DIGITS)
        write_table(folder / "distributions.csv", _distributions(task, found, table), DIGITS)
        write_table(folder / "samples.csv", _samples(task, found, table), SHOWN_DIGITS)
    with clock("figures"):
        figures.draw(table, found, task.names, folder / "figures")
    summary = _summary(task, found, table)
    write_json(folder / "page.json", page.describe(settings, summary))
    write_json(folder / "summary.json", summary | {"seconds": clock.seconds, "versions": versions()})
    return build(folder)


def plan(settings: Settings) -> str:
    """What a run would do, in lines: samples, network, rule, and about how long it takes."""
    task = read(settings)
    sets, n = task.sets, {name: len(values) for name, values in task.values.items()}
    lines = [
        f"data: {settings.data}, {len(task.samples):,} samples of shape {tuple(task.points.shape[1:])}",
        f"class: {sets.n_class:,} samples, {n['class']} explained; reference: {sets.n_reference:,}, {n['reference']} "
        f"explained, {len(task.points)} for baselines; null: {n['null']} of all",
        f"target: output {task.target}",
    ]
    if settings.is_latent and settings.autoencoder == AUTO:
        return "\n".join([*lines, "autoencoder: trained first; the plan of a latent path is not made without it"])
    explainer = _explainer(task, _given_autoencoder(settings))
    lines.append(str(explainer.diagnose(task.values["class"], target=task.target)))
    explainer(task.values["class"][:1], target=task.target)  # what is done once is not timed
    start = time.perf_counter()
    tried = explainer(task.values["class"][:TRIED], target=task.target)
    seconds = (time.perf_counter() - start) / len(tried) * sum(n.values())
    held = sum(tensor.numel() * tensor.element_size() for tensor in (tried.values, tried.direction)) / len(tried)
    lines += [
        f"time: about {seconds:.0f} s on {settings.device} for {sum(n.values())} samples, by {len(tried)} of them; "
        "less for many",
        f"disk: about {held * sum(n.values()) / 2**20:.1f} MiB of attributions",
    ]
    return "\n".join(lines)


def read(settings: Settings) -> Task:
    """Data, network and sets; ValueError says what is wrong with them."""
    samples = read_samples(settings.data, labels=settings.labels, about=settings.about, key=settings.key)
    sets = drawn(samples, settings)
    network = read_network(settings.model, settings.device)
    values = {name: values_of(samples, places) for name, places in sets.explained.items()}
    target = _target(settings, network, values["class"])
    return Task(settings, samples, sets, network, target, values, values_of(samples, sets.points))


def _target(settings: Settings, network: nn.Module, values: Tensor) -> int:
    """The output that is asked for, or the one that is the largest for most of the class."""
    try:
        outputs = predict(network, values)
    except (RuntimeError, TypeError, ValueError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(
            f"--model: {settings.model} does not take the data, of shape {tuple(values.shape[1:])} ({reason})"
        ) from error
    if not isinstance(outputs, Tensor) or outputs.ndim > 2:
        raise ValueError("--model: its output is no tensor (samples, outputs), expected one")
    n_outputs = outputs.shape[1] if outputs.ndim == 2 else 1
    if settings.target is not None:
        if not 0 <= settings.target < n_outputs:
            raise ValueError(f"--target: got {settings.target}, expected an output of the {n_outputs} there are")
        return settings.target
    most = 0 if n_outputs == 1 else int(outputs.argmax(1).mode().values)
    logger.info("explaining output %d of %d", most, n_outputs)
    return most


def _begin(task: Task, folder: Path, resume: bool) -> None:
    """The folder is of these settings, and holds no results from here on."""
    arguments, path = task.settings.arguments(), folder / "config.json"
    if path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))["arguments"]
        if not resume:
            raise ValueError(
                f"--out: {folder} holds a run already, expected --resume to go on with it, or a new folder"
            )
        if differing := [name for name in arguments if before.get(name) != arguments[name]]:
            raise ValueError(f"--resume: {folder} was begun with another {', '.join(differing)}, expected the same")
    for name in RESULTS:
        (folder / name).unlink(missing_ok=True)
    content = {
        "command": "explain", "arguments": arguments, "seed": task.settings.seed, "target": task.target,
        "model": {"hash": model_hash(task.network)}, "versions": versions(),
    }  # fmt: skip
    write_json(path, content)
    with write_atomic(folder / "explain.yaml") as beside:
        beside.write_text(yaml.safe_dump(arguments, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _explainer(task: Task, encoder: AutoencoderLike | None) -> Explainer:
    settings = task.settings
    device = torch.device(settings.device)
    baseline = BASELINES[settings.baseline_kind](task.points, settings.n_baselines, settings.seed, encoder)  # type: ignore[arg-type]
    return Explainer(
        task.network.to(device), task.target, path=PATHS[settings.path](encoder, task.points), baseline=baseline,
        n_points=settings.n_points, tol=settings.tol, precision=settings.precision,
    )  # fmt: skip


def _given_autoencoder(settings: Settings) -> AutoencoderLike | None:
    """The user's, None where none is needed."""
    if not settings.is_latent:
        return None
    given: Any = read_network(settings.autoencoder, settings.device)
    if not isinstance(given, AutoencoderLike):
        raise ValueError(f"--autoencoder: {settings.autoencoder} has no encode and decode, expected both")
    return given


def _autoencoder(task: Task, folder: Path, clock: Clock) -> AutoencoderLike | None:
    """The user's, or one that is trained on the reference's points and the null, and kept."""
    settings = task.settings
    if not settings.is_latent or settings.autoencoder != AUTO:
        return _given_autoencoder(settings)
    seen = torch.cat([task.points, task.values["null"]])
    config = {"shape": list(seen.shape[1:]), "hidden": list(WIDTHS), "n_latent": LATENT, "seed": settings.seed}
    with clock("autoencoder"), seeded(settings.seed, settings.device):
        made = autoencoder.dense(tuple(seen.shape[1:]), WIDTHS, LATENT, binary=False).to(settings.device)
        if not reloaded(folder / "autoencoder.safetensors", config, made):
            cut = max(1, len(seen) // 10)
            shuffled = seen[torch.randperm(len(seen), generator=torch.Generator().manual_seed(settings.seed))]
            autoencoder.train(made, shuffled[cut:], shuffled[:cut], Schedule(60), seed=settings.seed)
            save_model(folder / "autoencoder.safetensors", made, config)
    return made


def _tested(task: Task, found: Mapping[str, Attributions]) -> pd.DataFrame:
    """The recommended table, with the mean of each set, largest magnitude first."""
    settings = task.settings
    table = recommended(
        found["class"], found["null"], found["reference"], alpha=settings.alpha, test=settings.test,
        feature_names=task.names, seed=settings.seed,
    )  # fmt: skip
    for name in ("class", "reference", "null"):
        table[f"mean_{name}"] = found[name].numpy().mean(axis=0)
    attributes = table.attrs
    table = table.sort_values("magnitude", ascending=False, kind="stable").reset_index(drop=True)
    table.attrs.update(attributes)
    return table


def _places(task: Task, features: pd.Series) -> list[int]:
    """Where these features are in a flattened sample."""
    place = {str(name): i for i, name in enumerate(task.names)}
    return [place[str(feature)] for feature in features]


def _distributions(task: Task, found: Mapping[str, Attributions], table: pd.DataFrame) -> pd.DataFrame:
    """Quantiles of the attributions of every feature in every set, in the order of the table."""
    places = _places(task, table["feature"])
    columns = {"feature": table["feature"]}
    for name in SETS:
        quantiles = np.percentile(found[name].numpy(), PERCENTS, axis=0)[:, places]
        columns |= {f"{name}_{percent}": row for percent, row in zip(PERCENTS, quantiles, strict=True)}
    return pd.DataFrame(columns)


def _samples(task: Task, found: Mapping[str, Attributions], table: pd.DataFrame) -> pd.DataFrame:
    """Attributions of the first features, a column a sample, as `class 17` by its place in the data."""
    n = max(1, min(SHOWN, MOST // sum(map(len, found.values()))))
    features = table["feature"].head(n)
    places = _places(task, features)
    columns = [f"{name} {sample}" for name in SETS for sample in task.sets.explained[name]]
    values = np.concatenate([found[name].numpy()[:, places] for name in SETS]).T
    return pd.concat([features, pd.DataFrame(values, columns=columns)], axis=1)


def _summary(task: Task, found: Mapping[str, Attributions], table: pd.DataFrame) -> dict[str, Any]:
    significant = table[table["significant"]]
    worst = {name: float(each.relative_error.quantile(0.95)) for name, each in found.items()}
    first = found["class"]
    return {
        "n_features": len(table), "n_significant": len(significant),
        "top": significant["feature"].head(10).tolist(), "largest": table["feature"].head(10).tolist(),
        "n_explained": {name: len(each) for name, each in found.items()}, "n_samples": len(task.samples),
        "n_class": task.sets.n_class, "n_reference": task.sets.n_reference, "n_points": len(task.points),
        "target": task.target, "rule": first.rule, "reason": first.reason, "path": first.path,
        "error_p95": worst, "warnings": table.attrs["warnings"], "precision_error": first.precision_error,
    }  # fmt: skip
