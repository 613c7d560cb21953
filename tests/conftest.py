"""What every test shares: a seed, one thread, figures drawn without a screen."""

import matplotlib
import pytest
import torch

matplotlib.use("Agg")
torch.set_num_threads(1)  # tiny tensors: more threads cost more than they give


@pytest.fixture
def seed() -> int:
    """The one seed of the tests: change it here to see that no law holds for one draw only."""
    return 20_200_619
