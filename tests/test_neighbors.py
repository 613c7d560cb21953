"""The neighbor graph against brute force: its edges, its one piece, and the length of every route."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components, floyd_warshall
from scipy.spatial.distance import cdist
from sklearn import config_context

from eigrad.neighbors import NeighborGraph
from eigrad.neighbors import graph as graphs

METRICS = ["euclidean", "manhattan", "cosine"]
N, K = 60, 3


@pytest.fixture
def rng(seed):
    return np.random.default_rng(seed)


@pytest.fixture
def points(rng):
    return rng.normal(size=(N, 4)) + 3


def distances(a, b, metric):
    return cdist(a, b, {"manhattan": "cityblock"}.get(metric, metric))


def edges_by_hand(points, k, metric):
    """The weight of every edge between points of which one is among the k nearest of the other, infinity elsewhere."""
    all_pairs = distances(points, points, metric)
    np.fill_diagonal(all_pairs, np.inf)
    near = np.zeros_like(all_pairs, bool)
    np.put_along_axis(near, all_pairs.argsort(1)[:, :k], True, axis=1)
    return np.where(near | near.T, all_pairs, np.inf)


def shortest_by_hand(graph, start, end, metric):
    """Length of the shortest way between points outside of the graph, each joined to its k nearest."""
    n = len(graph.points)
    full = np.full((n + 2, n + 2), np.inf)
    full[:n, :n] = np.where(graph.weights.toarray() > 0, graph.weights.toarray(), np.inf)
    for i, outside in ((n, start), (n + 1, end)):
        away = distances(outside[None], graph.points, metric)[0]
        near = away.argsort()[: graph.k]
        full[i, near] = full[near, i] = np.maximum(away[near], 1e-300)
    return floyd_warshall(full)[n, n + 1]


def length(graph, start, route, end, metric):
    way = np.array([start, *graph.points[route], end])
    return sum(distances(a[None], b[None], metric)[0, 0] for a, b in pairwise(way))


@pytest.mark.parametrize("metric", METRICS)
def test_the_graph_joins_every_point_to_its_nearest(points, metric):
    weights = NeighborGraph.of(points, K, metric).weights.toarray()
    expected = edges_by_hand(points, K, metric)
    in_one_piece = connected_components(np.isfinite(expected))[0] == 1
    there = np.isfinite(expected)
    np.testing.assert_allclose(weights[there], expected[there], rtol=1e-6, atol=1e-9)
    assert np.array_equal(weights, weights.T)
    assert in_one_piece == (not weights[~there].any())


@pytest.mark.parametrize("metric", METRICS)
def test_routes_are_as_short_as_can_be(points, rng, metric):
    graph = NeighborGraph.of(points, K, metric)
    starts, ends = rng.normal(size=(2, 11, 4)) + 3
    winding = 0
    for start, end, route in zip(starts, ends, graph.routes(starts, ends), strict=True):
        to_points = min(distances(end_[None], points, metric).min() for end_ in (start, end))
        if distances(start[None], end[None], metric)[0, 0] < to_points:
            assert route == []
            continue
        found = length(graph, start, route, end, metric)
        assert found == pytest.approx(shortest_by_hand(graph, start, end, metric), rel=1e-6)
        for a, b in pairwise(route):
            assert graph.weights[a, b] > 0
        assert route[0] in distances(start[None], points, metric)[0].argsort()[:K]
        assert route[-1] in distances(end[None], points, metric)[0].argsort()[:K]
        winding += len(route) > 2
    assert winding > 3


@pytest.mark.parametrize("mebibytes", [1e-3, 1024])
def test_pieces_are_joined_by_their_shortest_links(rng, mebibytes):
    clusters = [rng.normal(size=(9, 2)) * 0.1 + center for center in ([0, 0], [5, 0], [5, 7], [-20, 3])]
    points = np.concatenate(clusters)
    with config_context(working_memory=mebibytes):  # distances come in one block or in many
        weights = NeighborGraph.of(points, 2).weights.toarray()
    assert connected_components(weights)[0] == 1
    links = {
        tuple(sorted((i // 9, j // 9))): (i, j) for i, j in zip(*weights.nonzero(), strict=True) if i // 9 != j // 9
    }
    for (a, b), (i, j) in links.items():
        between = cdist(clusters[a], clusters[b])
        assert weights[i, j] == pytest.approx(between.min())
    # The tree that spans the clusters: each by its shortest link to the rest.
    assert set(links) == {(0, 1), (1, 2), (0, 3)}


def test_ends_nearer_to_each_other_than_to_any_point_have_no_route(points):
    graph = NeighborGraph.of(points, K)
    far = np.full((1, 4), 99.0)
    assert graph.routes(far, far + 0.1) == [[]]
    assert graph.routes(far, points[:1]) != [[]]


def test_one_end_near_a_point_is_enough_for_a_route(rng):
    points = rng.normal(size=(9, 2)) * 0.1
    near, far = np.array([[1.0, 0.0]]), np.array([[9.0, 0.0]])
    graph = NeighborGraph.of(points, 2)
    assert cdist(near, points).min() < cdist(near, far) < cdist(far, points).min()
    assert graph.routes(near, far) != [[]]
    assert graph.routes(far, near) != [[]]


@pytest.mark.parametrize("copies", [2, K + 2])
def test_points_that_stand_there_several_times_break_nothing(points, copies):
    graph = NeighborGraph.of(np.repeat(points[:20], copies, axis=0), K)
    assert connected_components(graph.weights)[0] == 1
    (route,) = graph.routes(points[30:31], points[31:32])
    assert length(graph, points[30], route, points[31], "euclidean") == pytest.approx(
        shortest_by_hand(graph, points[30], points[31], "euclidean"), rel=1e-6
    )


def test_ends_in_the_graph_are_their_own_nearest_points(points):
    graph = NeighborGraph.of(points, K)
    (route,) = graph.routes(points[4:5], points[17:18])
    assert length(graph, points[4], route, points[17], "euclidean") == pytest.approx(
        floyd_warshall(graph.weights)[4, 17], rel=1e-9
    )
    (nowhere,) = graph.routes(points[4:5], points[4:5])
    assert length(graph, points[4], nowhere, points[4], "euclidean") == pytest.approx(0, abs=1e-12)


def test_pairs_together_have_the_routes_of_each_alone(points, rng, monkeypatch):
    graph = NeighborGraph.of(points, K)
    starts = np.repeat(rng.normal(size=(9, 4)) + 3, 2, axis=0)
    ends = rng.normal(size=(18, 4)) + 3
    together = graph.routes(starts, ends)
    assert together == [graph.routes(starts[i : i + 1], ends[i : i + 1])[0] for i in range(18)]
    monkeypatch.setattr(graphs, "STARTS_AT_ONCE", 4)
    assert graph.routes(starts, ends) == together
    order = rng.permutation(18)
    assert graph.routes(starts[order], ends[order]) == [together[i] for i in order]
