"""Several networks as one."""

from collections.abc import Sequence

from torch import Tensor, nn


class Ensemble(nn.Module):
    """The mean of the outputs of networks of one task, such as those of other seeds.

    Attributions of the ensemble are the mean of its networks' along the same paths, from one run.
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        if not networks:
            raise ValueError("ensemble: got no networks, expected at least one")
        self.networks = nn.ModuleList(networks)

    def forward(self, *inputs: Tensor) -> Tensor:
        outputs = [network(*inputs) for network in self.networks]
        total: Tensor = sum(outputs[1:], outputs[0])
        return total / len(outputs)
