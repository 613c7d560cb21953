"""An explanation of a stranger's network: read, plan, explain chunk by chunk, test, draw, and report."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml  # type: ignore[import-untyped]
from torch import Tensor, nn

from eigrad import autoencoder, store
from eigrad.attribute import Attributions, Explainer
from eigrad.cases.options import BASELINES, PATHS
from eigrad.cases.own.sets import Drawn, drawn, values_of
from eigrad.cases.own.settings import AUTO, Settings
from eigrad.data import one_line, write_atomic, write_json
from eigrad.distribute import distribute
from eigrad.findings import Findings, Question, figures
from eigrad.findings.findings import place_names
from eigrad.findings.words import described
from eigrad.findings.write import clear, finish, tabulate
from eigrad.folder import Clock, opened, versions
from eigrad.inputs import Samples, read_groups, read_network, read_samples
from eigrad.latent import AutoencoderLike
from eigrad.training import Schedule, model_hash, predict, reloaded, save_model, seeded

logger = logging.getLogger(__name__)

TRIED = 64  # samples by which a dry run tells the time of all
WIDTHS, LATENT = (256, 64), 16  # of an autoencoder that is trained on the spot, and how many numbers it keeps


@dataclass(frozen=True)
class Task:
    """What is to be explained, once everything is read."""

    settings: Settings
    samples: Samples
    sets: Drawn
    network: nn.Module
    target: int
    values: dict[str, Tensor]
    points: Tensor
    names: tuple[str, ...]
    groups: tuple[str, ...] | None


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
        findings = _findings(task, found)
        tabulate(folder, findings)
    with clock("figures"):
        figures.draw(findings, folder / "figures")
    more = _numbers(task) | {"seconds": clock.seconds, "versions": versions()}
    return finish(folder, described(_question(task), findings.summary()), findings.summary() | more)


def plan(settings: Settings) -> str:
    """What a run would do, in lines: samples, network, rule, and about how long it takes."""
    task = read(settings)
    sets, n = task.sets, {name: len(values) for name, values in task.values.items()}
    lines = [
        f"data: {settings.data}, {len(task.samples):,} samples of shape {tuple(task.points.shape[1:])}",
        f"class: {sets.n_class:,} samples, {n['class']} explained; reference: {sets.n_reference:,}, "
        f"{n['reference']} explained, {len(task.points)} for baselines; null: {n['null']} of all",
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
    points = values_of(samples, sets.points)
    names = samples.names or place_names(points.shape[1:])
    groups = samples.groups if settings.groups is None else read_groups(settings.groups, names)
    return Task(settings, samples, sets, network, target, values, points, names, groups)


def _target(settings: Settings, network: nn.Module, values: Tensor) -> int:
    """The output that is asked for, or the one that is the largest for most of the class."""
    try:
        outputs = predict(network, values)
    except (RuntimeError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"--model: {settings.model} does not take the data, of shape {tuple(values.shape[1:])} ({one_line(error)})"
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
        before = json.loads(path.read_text(encoding="utf-8")).get("arguments")  # a run of ours, as `opened` knows
        if not resume:
            raise ValueError(
                f"--out: {folder} holds a run already, expected --resume to go on with it, or a new folder"
            )
        if not isinstance(before, dict):
            raise ValueError(f"--resume: {path} does not say the arguments it was begun with, expected them")
        if differing := [name for name in arguments if before.get(name) != arguments[name]]:
            raise ValueError(f"--resume: {folder} was begun with another {', '.join(differing)}, expected the same")
    clear(folder)
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


def _findings(task: Task, found: Mapping[str, Attributions]) -> Findings:
    settings = task.settings
    numbers = {name: places.tolist() for name, places in task.sets.explained.items()}
    return Findings.of(
        found, numbers=numbers, feature_names=task.names, groups=task.groups, alpha=settings.alpha, test=settings.test,
        seed=settings.seed,
    )  # fmt: skip


def _question(task: Task) -> Question:
    settings, sets = task.settings, task.sets
    who = {
        "class": f"{settings.of}, {sets.n_class:,} samples",
        "reference": f"{settings.reference}, {sets.n_reference:,} samples",
    }
    how = [
        f"Network: {settings.model}. Data: {settings.data}, {len(task.samples):,} samples.",
        f"Baselines: {settings.n_baselines} {settings.baseline_kind} for each sample, those of the reference among its "
        f"{len(task.points):,} samples that are not explained.",
    ]
    if task.groups is not None:
        n_groups = len(set(task.groups))
        how.append(f"Attributions of {len(task.names):,} features are summed in {n_groups:,} groups, which are tested.")
    return Question(f"What sets {settings.of} apart", f"output {task.target}", who, how)


def _numbers(task: Task) -> dict[str, Any]:
    """What the summary has beside the numbers of the findings."""
    sets = task.sets
    return {
        "n_samples": len(task.samples), "n_class": sets.n_class, "n_reference": sets.n_reference,
        "n_points": len(task.points), "target": task.target,
    }  # fmt: skip
