"""Training with early stopping, and networks on disk as safetensors with their configuration."""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from eigrad.data import one_line, write_atomic
from eigrad.model import in_batches, placement
from eigrad.progress import track
from eigrad.undisturbed import evaluating

logger = logging.getLogger(__name__)

Loss = Callable[..., Tensor]


@dataclass(frozen=True)
class Schedule:
    """How a network is trained: Adam under a one-cycle learning rate, best validation loss kept.

    Training stops when the validation loss has not fallen for `patience` epochs.
    """

    epochs: int
    batch_size: int = 128
    learning_rate: float = 2e-3
    patience: int = 5

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience"):
            if getattr(self, name) < 1:
                raise ValueError(f"schedule: got {name} {getattr(self, name)}, expected at least 1")
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"schedule: got learning_rate {self.learning_rate}, expected a number above 0")


@dataclass(frozen=True)
class History:
    """Mean losses of every epoch, and the epoch whose weights were kept."""

    train: tuple[float, ...]
    validation: tuple[float, ...]
    best_epoch: int


@contextmanager
def seeded(seed: int, device: torch.device | str = "cpu") -> Iterator[None]:
    """PyTorch's random numbers from this seed within the block, and the caller's own generators left untouched."""
    device = torch.device(device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(seed)  # not torch.manual_seed: it would seed every GPU there is
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


def fit(
    module: nn.Module,
    loss: Loss,
    train: tuple[Tensor, ...],
    validation: tuple[Tensor, ...],
    schedule: Schedule,
    *,
    seed: int,
    description: str = "training",
    progress: bool = True,
    after_step: Callable[[torch.optim.Optimizer], None] | None = None,
) -> History:
    """Minimize `loss(module, *batch)`, a mean over the batch, on the module's device; the module ends in eval mode.

    `train` and `validation` hold tensors of one row a sample. The seed governs shuffling and all noise inside. After
    each step of Adam `after_step` may change the weights.
    """
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if not parameters:
        raise ValueError(f"{description}: got a module without parameters that require a gradient, expected some")
    _require_rows(train, f"{description}, training data")
    _require_rows(validation, f"{description}, validation data")
    device = parameters[0].device
    n_batches = math.ceil(len(train[0]) / schedule.batch_size)
    optimizer = torch.optim.Adam(parameters, lr=schedule.learning_rate)
    rate = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, schedule.learning_rate, total_steps=schedule.epochs * n_batches
    )
    shuffle = torch.Generator().manual_seed(seed)
    losses: list[tuple[float, float]] = []
    best, best_weights = math.inf, copy.deepcopy(module.state_dict())
    with seeded(seed, device):
        for epoch in track(range(schedule.epochs), description, enabled=progress):
            module.train()
            total = 0.0
            for index in torch.randperm(len(train[0]), generator=shuffle).split(schedule.batch_size):
                value = loss(module, *(tensor[index].to(device) for tensor in train))
                _step(value, optimizer, after_step)
                rate.step()
                total += float(value.detach()) * len(index)
            losses.append((total / len(train[0]), held_out_loss(module, loss, validation)))
            if losses[-1][1] < best:
                best, best_weights = losses[-1][1], copy.deepcopy(module.state_dict())
                best_epoch = epoch
            elif not math.isfinite(losses[-1][1]) or epoch - best_epoch >= schedule.patience:
                break
    if not math.isfinite(best):
        raise ValueError(f"{description}: the loss is not finite, expected a lower learning rate or scaled inputs")
    module.load_state_dict(best_weights)
    module.eval()
    first, second = zip(*losses, strict=True)
    return History(first, second, best_epoch)


def _step(
    value: Tensor, optimizer: torch.optim.Optimizer, after: Callable[[torch.optim.Optimizer], None] | None
) -> None:
    optimizer.zero_grad(set_to_none=True)
    value.backward()
    optimizer.step()
    if after is not None:
        after(optimizer)


def _require_rows(data: tuple[Tensor, ...], name: str) -> None:
    sizes = [len(tensor) for tensor in data]
    if len(set(sizes)) != 1 or sizes[0] == 0:
        raise ValueError(f"{name}: got tensors of {sizes} rows, expected as many in each and at least one")


def held_out_loss(module: nn.Module, loss: Loss, data: tuple[Tensor, ...]) -> float:
    """The mean loss in evaluation mode."""
    device = next(module.parameters()).device
    with evaluating(module), torch.no_grad():
        parts = zip(*(tensor.split(1024) for tensor in data), strict=True)
        return sum(float(loss(module, *(tensor.to(device) for tensor in part))) * len(part[0]) for part in parts) / len(
            data[0]
        )


def predict(module: nn.Module, values: Tensor, batch_size: int = 1024) -> Tensor:
    """Outputs of a module in evaluation mode, on the device of the values."""
    device, dtype = placement(module, values)
    with evaluating(module):
        return in_batches(lambda part: module(part.to(device, dtype)).to(values.device), values, size=batch_size)


def accuracy(module: nn.Module, values: Tensor, labels: NDArray[Any]) -> float:
    """Fraction of samples whose largest output is their label."""
    return float(np.mean(predict(module, values).argmax(1).cpu().numpy() == labels))


def save_model(path: Path, module: nn.Module, config: Mapping[str, Any]) -> None:
    """Write the weights as safetensors, with the configuration as JSON in the file's metadata."""
    # A copy each: tied weights share memory, which safetensors refuses.
    weights = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in module.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_atomic(path) as beside:
        save_file(weights, beside, metadata={"config": json.dumps(config, sort_keys=True)})


def load_config(path: Path) -> dict[str, Any]:
    """The configuration a network was saved with; ValueError when the file is not one of ours, or not whole."""
    try:
        with safe_open(path, framework="pt") as file:
            return dict(json.loads((file.metadata() or {})["config"]))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: cannot be read ({one_line(error)}), expected a network saved by eigrad") from error


def load_weights(path: Path, module: nn.Module) -> None:
    """Read the weights of a saved network into a module of the same architecture, all of them or none."""
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{path}: cannot be read ({one_line(error)}), expected weights of a network") from error
    found, expected = (
        {name: tuple(tensor.shape) for name, tensor in tensors.items()} for tensors in (weights, module.state_dict())
    )
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            raise ValueError(
                f"{path}: {name} has shape {found.get(name)}, expected {expected.get(name)}: weights of another network"
            )
    module.load_state_dict(weights)


def reloaded(path: Path, config: Mapping[str, Any], module: nn.Module) -> bool:
    """Whether the file holds a network of this configuration, which is then loaded; a broken one is as good as none."""
    if not path.exists():
        return False
    try:
        if load_config(path) != config:
            return False
        load_weights(path, module)
    except ValueError as error:
        logger.warning("%s; training again", error)
        return False
    return True


def model_hash(*modules: nn.Module | None) -> str:
    """SHA-256 of the weights."""
    digest = hashlib.sha256()
    for module in modules:
        for name, tensor in (module.state_dict() if module is not None else {}).items():
            digest.update(name.encode())
            raw = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)  # NumPy has no bfloat16
            digest.update(raw.numpy().tobytes())
    return digest.hexdigest()
