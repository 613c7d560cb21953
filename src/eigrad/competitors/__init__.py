"""Other ways to say which features matter, behind one interface: attributions of a network, and none of a network."""

from eigrad.competitors.attributions import ATTRIBUTIONS, Attribute, Margin
from eigrad.competitors.network_free import NETWORK_FREE, Found, beside_network, permutation_importance

__all__ = ["ATTRIBUTIONS", "NETWORK_FREE", "Attribute", "Found", "Margin", "beside_network", "permutation_importance"]
