"""What every test shares: a seed, one thread, figures drawn without a screen, and a small autoencoder."""

import logging
from pathlib import Path

import matplotlib
import pytest
import torch
from rich.logging import RichHandler
from tests.runs import table, write_run
from torch import Tensor, nn

matplotlib.use("Agg")
torch.set_num_threads(1)  # tiny tensors: more threads cost more than they give


class SmallAutoencoder(nn.Module):
    """Smooth, in double precision, from points of any shape to three numbers and back; far from a perfect copy."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        n = torch.Size(shape).numel()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(n, 7), nn.Tanh(), nn.Linear(7, 3))
        self.decoder = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, n), nn.Unflatten(1, shape))
        self.double()

    def encode(self, x: Tensor) -> Tensor:
        return self.encoder(x)

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(z)


@pytest.fixture(autouse=True)
def as_many_threads_as_before():
    """Nothing changes how many threads the process has: what is computed later would come out otherwise."""
    yield
    assert torch.get_num_threads() == 1


@pytest.fixture(autouse=True)
def logging_as_before():
    """The command line sets up logging for the whole process, in fixtures of a module too: tests after it hear all."""
    _forget_command_line()
    yield
    _forget_command_line()


def _forget_command_line() -> None:
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, RichHandler):
            root.removeHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("eigrad").setLevel(logging.NOTSET)


@pytest.fixture
def seed() -> int:
    """The one seed of the tests: change it here to see that no law holds for one draw only."""
    return 20_200_619


@pytest.fixture
def generator(seed) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def autoencoder_for(seed):
    """An autoencoder for points of a shape."""

    def make(*shape: int) -> SmallAutoencoder:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return SmallAutoencoder(shape)

    return make


@pytest.fixture
def run(tmp_path, seed) -> Path:
    return write_run(tmp_path / "run", table(seed))
