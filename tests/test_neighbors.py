"""The neighbor graph against brute force: its edges, its one piece, the length of every route, and its file."""

import sys
from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components, dijkstra, floyd_warshall, minimum_spanning_tree
from scipy.spatial.distance import cdist

from eigrad.neighbors import NeighborGraph, pieces, search, space
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


@pytest.mark.parametrize("block", [5, 2048])
@pytest.mark.parametrize("most_pieces", [3, 2048])
def test_pieces_are_joined_by_their_shortest_links(rng, monkeypatch, block, most_pieces):
    monkeypatch.setattr(search, "BLOCK", block)
    monkeypatch.setattr(pieces, "MAX_PIECES", most_pieces)  # by one table of all pieces, or by halving their number
    clusters = [rng.normal(size=(9, 2)) * 0.1 + center for center in ([0, 0], [5, 0], [5, 7], [-20, 3])]
    points = np.concatenate(clusters)
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


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("most_pieces", [7, 2048])
def test_the_links_of_many_pieces_weigh_as_little_as_a_spanning_tree(rng, monkeypatch, metric, most_pieces):
    monkeypatch.setattr(search, "BLOCK", 16)
    monkeypatch.setattr(pieces, "MAX_PIECES", most_pieces)
    sizes = rng.integers(3, 8, size=29)
    points = np.repeat(rng.normal(size=(29, 4)) * 9, sizes, axis=0) + rng.normal(size=(sizes.sum(), 4)) * 1e-2
    n_pieces, piece = connected_components(np.isfinite(edges_by_hand(points, 2, metric)))
    assert n_pieces > 20
    weights = NeighborGraph.of(points, 2, metric).weights.toarray()
    links = np.triu(np.where(piece[:, None] != piece, weights, 0))
    assert np.count_nonzero(links) == n_pieces - 1
    assert connected_components(weights)[0] == 1
    full = distances(points, points, metric)
    table = np.array([[full[np.ix_(piece == a, piece == b)].min() for a in range(n_pieces)] for b in range(n_pieces)])
    assert links.sum() == pytest.approx(minimum_spanning_tree(np.triu(table, 1)).sum(), rel=1e-9)


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


def test_routes_are_as_short_as_one_dijkstra_a_pair(rng):
    points = rng.normal(size=(211, 7)).astype(np.float32)
    graph = NeighborGraph.of(points, K)
    starts, ends = np.repeat(points[:3] + 0.1, 5, axis=0), np.tile(rng.normal(size=(5, 7)), (3, 1)).astype(np.float32)
    compared = 0
    for start, end, route in zip(starts, ends, graph.routes(starts, ends), strict=True):
        if not route:
            continue
        full = np.zeros((213, 213))
        full[:211, :211] = graph.weights.toarray()
        for i, outside in ((211, start), (212, end)):
            away = distances(outside[None], points, "euclidean")[0]
            near = away.argsort()[:K]
            full[i, near] = full[near, i] = away[near]
        expected = dijkstra(full, indices=211)[212]
        assert length(graph, start, route, end, "euclidean") == pytest.approx(expected, rel=1e-6)
        compared += 1
    assert compared > 9


def test_a_graphs_shortest_lengths_obey_the_triangle(points):
    away = floyd_warshall(NeighborGraph.of(points, K).weights)
    assert (away[:, None] <= away[:, :, None] + away[None] + 1e-12).all()
    assert (away >= distances(points, points, "euclidean") - 1e-12).all()


def test_the_points_are_prepared_once_and_distinct_ends_together(points, rng, monkeypatch):
    graph = NeighborGraph(points, NeighborGraph.of(points, K).weights, K, "euclidean")
    starts, ends = rng.normal(size=(2, 5, 4)) + 3
    prepared = []
    original = space.Space.prepared
    monkeypatch.setattr(space.Space, "prepared", lambda self, rows: prepared.append(len(rows)) or original(self, rows))
    graph.routes(np.repeat(starts[:2], 5, axis=0), np.tile(ends, (2, 1)))
    graph.routes(starts, ends)
    assert sorted(prepared) == [7, 10, N]


# the search


def nearest_by_hand(points, k, metric, queries=None):
    """Distances to the k nearest: of every query, or of every point to the others."""
    away = distances(points if queries is None else queries, points, metric)
    if queries is None:
        np.fill_diagonal(away, np.inf)
    return np.sort(away, axis=1)[:, :k]


def spread(kind, rng):
    """Point clouds on which a search by float32 products must be on its guard."""
    cloud = rng.normal(size=(131, 7))
    return {
        "plain": lambda: cloud,
        "duplicates": lambda: np.repeat(cloud[:27], [1, 2, 9] * 9, axis=0),
        "ties": lambda: rng.integers(0, 3, size=(131, 7)) - 1.0,
        "far from zero": lambda: cloud * 1e-3 + 1e4,
        "two scales": lambda: np.concatenate([cloud * 1e-6, cloud[:60] * 1e4 + 1e5]),
        "tiny": lambda: cloud * 1e-25,
        "single precision": lambda: (cloud + 3).astype(np.float32),
        "whole numbers": lambda: rng.integers(0, 256, size=(131, 7)).astype(np.uint8),
    }[kind]()


SPREADS = ["plain", "duplicates", "ties", "far from zero", "two scales", "tiny", "single precision", "whole numbers"]


@pytest.mark.parametrize("kind", SPREADS)
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("block", [17, 2048])
def test_the_nearest_are_those_of_brute_force(rng, monkeypatch, kind, metric, block):
    monkeypatch.setattr(search, "BLOCK", block)
    points = spread(kind, rng).astype(np.float64)
    if metric == "cosine":
        points = points[np.linalg.norm(points, axis=1) > 0]  # SciPy knows no angle of a zero vector
    there = space.Space(points, metric)
    queries = np.concatenate([points[5:16] * 1.01, points[20:25]])
    # In the cosine metric the oracle, 1 - a.b, is itself no better than the rounding of one.
    tolerance = {"rtol": 1e-9, "atol": 1e-15 if metric == "cosine" else 0}
    for found, expected in (
        (search.nearest_others(there, 5), nearest_by_hand(points, 5, metric)),
        (search.nearest_to(there, queries, 5), nearest_by_hand(points, 5, metric, queries)),
    ):
        np.testing.assert_allclose(there.distances(found.keys), expected, **tolerance)
        assert (np.diff(np.sort(found.points, axis=1), axis=1) > 0).all()
    assert (search.nearest_others(there, 5).points != np.arange(len(points))[:, None]).all()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", SPREADS)
def test_a_lower_bound_is_never_above_the_key(rng, kind, metric):
    there = space.Space(spread(kind, rng), metric)
    queries = np.concatenate([there.points[:9] * 1.01, there.points[:9] * 1e3])
    rows, columns = np.divmod(np.arange(len(queries) * len(there.points)), len(there.points))
    keys = there.keys(queries, rows, columns).reshape(len(queries), -1)
    bounds = there.lower_bounds(there.prepared(queries), there.rows)
    assert (bounds <= keys).all()
    if kind == "plain":
        assert (keys - bounds)[:9].max() < 1e-4  # of keys of one: a bound that excludes nothing would be of no use


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_the_callers_precision_changes_no_neighbor(rng, dtype):
    points = rng.integers(0, 256, size=(131, 7)).astype(dtype)
    found, whole = (search.nearest_others(space.Space(p, "euclidean"), 5) for p in (points, points.astype(np.float64)))
    assert np.array_equal(found.points, whole.points)
    assert np.array_equal(found.keys, whole.keys)


@pytest.mark.parametrize("metric", METRICS)
def test_few_pairs_are_measured_exactly_even_among_duplicates(rng, monkeypatch, metric):
    points = np.concatenate([np.repeat(rng.normal(size=(1, 7)), 301, axis=0), rng.normal(size=(299, 7))])
    measured = []
    original = space.Space.keys
    monkeypatch.setattr(
        space.Space, "keys", lambda self, *pairs: measured.append(len(pairs[1])) or original(self, *pairs)
    )
    monkeypatch.setattr(search, "BLOCK", 128)
    search.nearest_others(space.Space(points, metric), 5)
    assert sum(measured) < 0.1 * len(points) ** 2


def test_ends_farther_than_float32_reaches_find_their_nearest(points):
    there = space.Space(points, "euclidean")
    far = np.array([[1e25, 0, 0, 0], [0, -1e30, 1, 3]])
    found = search.nearest_to(there, far, K)
    np.testing.assert_allclose(there.distances(found.keys), nearest_by_hand(points, K, "euclidean", far), rtol=1e-12)


def test_a_zero_vector_stands_at_one_half_from_every_other(points):
    there = space.Space(np.concatenate([points, np.zeros((2, 4))]), "cosine")
    found = search.nearest_others(there, K)
    np.testing.assert_allclose(there.distances(found.keys)[-2:], [[0, 0.5, 0.5]] * 2)


# the file


@pytest.fixture
def saved(points, tmp_path):
    graph = NeighborGraph.of(points, K, "cosine")
    graph.save(tmp_path / "kept" / "graph")
    return graph, tmp_path / "kept" / "graph"


def test_a_graph_saved_is_the_graph_loaded(saved, rng):
    graph, path = saved
    loaded = NeighborGraph.load(path, graph.points)
    for name in ("data", "indices", "indptr"):
        ours, theirs = getattr(graph.weights, name), getattr(loaded.weights, name)
        assert ours.dtype == theirs.dtype
        assert ours.tobytes() == theirs.tobytes()
    assert (loaded.k, loaded.metric, loaded.search) == (K, "cosine", "exact")
    starts, ends = rng.normal(size=(2, 5, 4)) + 3
    assert loaded.routes(starts, ends) == graph.routes(starts, ends)
    assert [file.name for file in path.parent.iterdir()] == ["graph"]


def test_other_points_are_refused(saved, points):
    _, path = saved
    moved = points.copy()
    moved[7, 2] = np.nextafter(moved[7, 2], 9)
    for others in (moved, points[:-1], points.astype(np.float32), points[::-1]):
        with pytest.raises(ValueError, match=r"got a graph of other points, expected one of the \d+ points given"):
            NeighborGraph.load(path, others)


def rewritten(path, **changes):
    with np.load(path, allow_pickle=False) as stored:
        content = {**stored, **changes}
    with path.open("wb") as file:
        np.savez(file, **{name: value for name, value in content.items() if value is not None})


def flipped(path):
    content = bytearray(path.read_bytes())
    content[1000] ^= 255
    path.write_bytes(content)


def one_array(path):
    with path.open("wb") as file:
        np.save(file, np.ones(3))


def out_of_bounds(path):
    with np.load(path, allow_pickle=False) as stored:
        indices = stored["indices"]
    rewritten(path, indices=indices + N)


DAMAGE = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-40]),
    "flipped": flipped,
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("metric: cosine"),
    "array": one_array,
    "gone": lambda path: path.unlink(),
    "pickled": lambda path: rewritten(path, data=np.array([{}], dtype=object)),
    "lacking": lambda path: rewritten(path, indices=None),
    "foreign": lambda path: rewritten(path, format="another"),
    "out of bounds": out_of_bounds,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_refused(saved, damage):
    graph, path = saved
    DAMAGE[damage](path)
    with pytest.raises(ValueError, match=r"graph: cannot be read .*, expected a neighbor graph that eigrad saved"):
        NeighborGraph.load(path, graph.points)
    if damage != "gone":
        before = path.read_bytes()
        with pytest.raises(ValueError, match="cannot be read"):
            NeighborGraph.cached(path, graph.points, K, "cosine")
        assert path.read_bytes() == before  # it may be another's: it is not written over


def test_a_cached_graph_is_built_once_for_its_points_and_settings(points, tmp_path, monkeypatch):
    built = []
    original = graphs.nearest_others
    monkeypatch.setattr(graphs, "nearest_others", lambda space, k: built.append(k) or original(space, k))
    path = tmp_path / "graph.npz"
    for data, k, metric in (
        (points, 3, "cosine"),
        (points, 4, "cosine"),
        (points, 4, "euclidean"),
        (-points, 4, "cosine"),
    ):
        first = NeighborGraph.cached(path, data, k, metric)
        again = NeighborGraph.cached(path, data, k, metric)
        assert np.array_equal(first.weights.toarray(), again.weights.toarray())
        assert (again.k, again.metric) == (k, metric)
    assert built == [3, 4, 4, 4]


# approximate search


def test_a_search_whose_package_is_absent_names_it(points, monkeypatch):
    monkeypatch.setattr(search.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"needs a package that is not installed: pip install pynndescent"):
        NeighborGraph.of(points, K, search="pynndescent")
    with pytest.raises(ValueError, match="got search 'magic', expected one of exact, pynndescent"):
        NeighborGraph.of(points, K, search="magic")


def test_what_an_approximate_search_misses_leaves_one_piece_with_exact_weights(points, monkeypatch):
    class Index:
        """Finds the two nearest of every point and the point itself, not in order, and nothing more (-1)."""

        def __init__(self, data, metric, n_neighbors, random_state):
            near = distances(data, data, metric).argsort(1)[:, :3]
            self.neighbor_graph = np.concatenate([near[:, ::-1], np.full((len(data), n_neighbors - 3), -1)], 1), None

    monkeypatch.setattr(search.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setitem(sys.modules, "pynndescent", type("Module", (), {"NNDescent": Index}))
    graph = NeighborGraph.of(points, K, search="pynndescent")
    weights = graph.weights.toarray()
    expected = edges_by_hand(points, 2, "euclidean")
    there = np.isfinite(expected)
    np.testing.assert_allclose(weights[there], expected[there], rtol=1e-12)
    assert connected_components(weights)[0] == 1
    assert graph.search == "pynndescent"
    assert graph.fingerprint != NeighborGraph.of(points, K).fingerprint


@pytest.mark.parametrize("metric", METRICS)
def test_pynndescent_finds_nearly_all_neighbors(rng, metric):
    pytest.importorskip("pynndescent")
    points = rng.normal(size=(310, 7)) + 3
    exact, approximate = (NeighborGraph.of(points, K, metric, kind).weights.toarray() for kind in search.SEARCHES)
    both = (exact > 0) & (approximate > 0)
    assert both.sum() > 0.95 * (exact > 0).sum()
    np.testing.assert_allclose(approximate[both], exact[both], rtol=1e-12)
