"""Networks that know nothing, to see what an analysis says of them."""

import copy

from torch import nn

from eigrad.training import seeded


def randomized(network: nn.Module, seed: int) -> nn.Module:
    """A copy of the network with all weights drawn anew, each layer as PyTorch draws them when it is made.

    Source: the randomization test of Adebayo et al., Sanity checks for saliency maps, NeurIPS 2018. ValueError for a
    module with parameters of its own that cannot draw them (no `reset_parameters`).
    """
    other = copy.deepcopy(network)
    device = next((parameter.device for parameter in other.parameters()), None)
    if device is None:
        raise ValueError("randomized: got a network without parameters, expected one with weights to draw anew")
    with seeded(seed, device):
        for name, module in other.named_modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()
            elif next(module.parameters(recurse=False), None) is not None:
                raise ValueError(
                    f"randomized: got {type(module).__name__} ({name or 'the network itself'}) with parameters of its "
                    "own, expected a reset_parameters() by which it draws them"
                )
    return other
