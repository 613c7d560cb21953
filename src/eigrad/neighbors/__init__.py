"""The k-nearest-neighbor graph of a data set, in one piece, and shortest paths through it."""

from eigrad.neighbors.graph import NeighborGraph
from eigrad.neighbors.search import SEARCHES, require_search
from eigrad.neighbors.space import METRICS

__all__ = ["METRICS", "SEARCHES", "NeighborGraph", "require_search"]
