"""How far attributions are from the integral: a float64 reference by a loop of its own, and the error against it."""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from benchmarks.models import Case, Problem, save_tensors

LEVEL_QUANTILE = 0.95


def relative_error(values: Tensor, reference: Tensor) -> Tensor:
    """sum_j |a_j - r_j| / sum_j |r_j| of every sample."""
    difference = (values.double() - reference).abs().flatten(1).sum(1)
    return difference / reference.abs().flatten(1).sum(1)


def upper(error: Tensor) -> float:
    """The 95th percentile over samples; not a number where any error is none."""
    return float(error.double().quantile(LEVEL_QUANTILE))


def integral(problem: Problem, n_points: int, batch: int = 100) -> Tensor:
    """The integral in float64 by the midpoint rule of n_points, one pair of sample and baseline after another."""
    model, samples, baselines, target, extra = problem
    model = copy.deepcopy(model).double()
    there = {"dtype": torch.float64, "device": samples.device}
    places = (torch.arange(n_points, **there) + 0.5) / n_points
    values = torch.zeros(samples.shape, **there)
    for i, sample in enumerate(samples.double()):
        for baseline in baselines[i].double():
            step, total = sample - baseline, torch.zeros_like(sample)
            for t in places.split(batch):
                points = (baseline + t.view(-1, *(1 for _ in sample.shape)) * step).requires_grad_()
                held = (tensor[i].double().expand(len(t), *tensor.shape[1:]) for tensor in extra)
                total += torch.autograd.grad(model(points, *held)[:, target].sum(), points)[0].sum(0)
            values[i] += step * total / n_points / baselines.shape[1]
    return values


def reference(folder: Path, case: Case, n_samples: int, n_points: int) -> Tensor:
    """The reference of the case's first samples, from the folder if it is there: it is slow."""
    path = folder / f"{case.name}-reference-{n_points}.safetensors"
    problem = case.problem(n_samples)
    key = _fingerprint(case)
    if path.exists():
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get("case") == key and len(file.get_tensor("values")) >= len(problem.samples):
                return load_file(path)["values"][: len(problem.samples)]
    values = integral(problem, n_points)
    save_tensors(path, {"values": values}, {"case": key})
    return values


def _fingerprint(case: Case) -> str:
    """A hash of weights, samples and baselines."""
    digest = hashlib.sha256()
    for tensor in (*case.network.state_dict().values(), case.samples, case.baselines, *case.extra):
        digest.update(tensor.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()
