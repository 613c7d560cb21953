"""What strangers bring: tables of samples, queries over their labels, and networks, none of it by a pickle."""

from eigrad.inputs.groups import read_groups
from eigrad.inputs.networks import read_network
from eigrad.inputs.query import chosen
from eigrad.inputs.samples import Samples, read_samples

__all__ = ["Samples", "chosen", "read_groups", "read_network", "read_samples"]
