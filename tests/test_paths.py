"""Paths start at the baseline, end at the sample, and go where they say in between."""

import math

import numpy as np
import pytest
import torch

from eigrad.curves import LATENT_PIECES, Curve, Leg, traced
from eigrad.neighbors import NeighborGraph
from eigrad.paths import LatentNeighbors, LatentStraight, Neighbors, Straight

SHAPES = [(5,), (2, 3, 4)]
NAMES = ["straight", "neighbors", "latent straight", "latent neighbors"]


@pytest.fixture(params=SHAPES, ids=str)
def shape(request):
    return request.param


@pytest.fixture
def ends(shape, generator):
    """Eleven pairs of baselines and samples, far apart."""
    starts = torch.rand(11, *shape, generator=generator, dtype=torch.float64)
    return starts, 3 + torch.rand(11, *shape, generator=generator, dtype=torch.float64)


@pytest.fixture
def data(shape, generator):
    """Points along the way from the baselines to the samples."""
    spread = torch.rand(60, *shape, generator=generator, dtype=torch.float64)
    return spread + 3 * torch.rand(60, *(1 for _ in shape), generator=generator, dtype=torch.float64)


@pytest.fixture
def autoencoder(shape, autoencoder_for):
    return autoencoder_for(*shape)


@pytest.fixture(params=NAMES)
def path(request, data, autoencoder):
    return {
        "straight": lambda: Straight(),
        "neighbors": lambda: Neighbors(data, k=4),
        "latent straight": lambda: LatentStraight(autoencoder),
        "latent neighbors": lambda: LatentNeighbors(autoencoder, data, k=4),
    }[request.param]()


def at(curve, segment, t):
    """The points of all pairs at one place."""
    n = len(curve.legs[0].vertices)
    return curve.points(torch.arange(n), torch.full((n, 1), segment), torch.full((n, 1), t, dtype=torch.float64))[:, 0]


def corners(curve):
    return torch.stack([*(at(curve, s, 0.0) for s in range(curve.n_segments)), at(curve, curve.n_segments - 1, 1.0)], 1)


# laws of every path


def test_a_path_starts_at_the_baseline_and_ends_at_the_sample(path, ends):
    curve = path.between(*ends)
    assert torch.equal(at(curve, 0, 0.0), ends[0])
    assert torch.equal(at(curve, curve.n_segments - 1, 1.0), ends[1])


def test_segments_meet(path, ends):
    curve = path.between(*ends)
    for segment in range(curve.n_segments - 1):
        torch.testing.assert_close(at(curve, segment, 1.0), at(curve, segment + 1, 0.0), rtol=0, atol=1e-12)


def test_refining_moves_no_point(path, ends):
    curve, finer = path.between(*ends), path.between(*ends).refined(12)
    drawn = corners(finer)
    # Every corner of the coarse curve is one of the fine curve, in the same order.
    for corner in corners(curve).unbind(1):
        away = (drawn - corner[:, None]).flatten(2).norm(dim=2)
        assert away.min(1).values.max() < 1e-12
    torch.testing.assert_close(at(finer, 0, 0.0), ends[0])
    torch.testing.assert_close(at(finer, finer.n_segments - 1, 1.0), ends[1])


def test_a_segments_length_is_that_of_its_chord(path, ends):
    curve = path.between(*ends)
    expected = corners(curve).diff(dim=1).flatten(2).norm(dim=2)
    torch.testing.assert_close(curve.lengths(), expected, rtol=1e-12, atol=1e-12)
    assert (curve.lengths().sum(1) >= (ends[1] - ends[0]).flatten(1).norm(dim=1) - 1e-12).all()


def test_the_tangent_is_the_derivative_of_the_point(path, ends):
    curve, step = path.between(*ends), 1e-5
    n = len(ends[0])
    for segment in range(curve.n_segments):
        here = (torch.arange(n), torch.full((n, 1), segment), torch.full((n, 1), 0.37, dtype=torch.float64))
        points, tangents = curve.points_and_tangents(*here)
        torch.testing.assert_close(points[:, 0], at(curve, segment, 0.37))
        expected = (at(curve, segment, 0.37 + step) - at(curve, segment, 0.37 - step)) / (2 * step)
        torch.testing.assert_close(tangents[:, 0], expected, rtol=1e-6, atol=1e-7)


def test_a_pair_does_not_depend_on_its_company(path, ends, generator):
    together = path.between(*ends).refined(12)
    order = torch.randperm(len(ends[0]), generator=generator)
    shuffled = path.between(ends[0][order], ends[1][order]).refined(12)
    torch.testing.assert_close(shuffled.lengths(), together.lengths()[order], rtol=1e-9, atol=1e-12)
    for i in range(len(ends[0])):
        alone = path.between(ends[0][i : i + 1], ends[1][i : i + 1]).refined(12).lengths()[0]
        company = together.lengths()[i]
        torch.testing.assert_close(company[company > 1e-9], alone[alone > 1e-9], rtol=1e-9, atol=1e-12)


def test_points_of_many_places_are_the_points_of_each(path, ends, generator):
    curve = path.between(*ends)
    pairs = torch.randperm(len(ends[0]), generator=generator)[:4]
    segment = torch.randint(curve.n_segments, (4, 9), generator=generator)
    t = torch.rand(4, 9, generator=generator, dtype=torch.float64)
    points = curve.points(pairs, segment, t)
    for i, pair in enumerate(pairs.tolist()):
        for j in range(9):
            expected = at(curve, int(segment[i, j]), float(t[i, j]))[pair]
            torch.testing.assert_close(points[i, j], expected, rtol=1e-12, atol=1e-12)


def test_the_callers_precision_is_kept(path, ends):
    curve = path.between(*(end.float() for end in ends))
    points = curve.points(torch.arange(2), torch.zeros(2, 1, dtype=torch.long), torch.full((2, 1), 0.5))
    assert points.dtype == torch.float32


# where each goes


def test_a_straight_path_is_the_straight_line(ends):
    torch.testing.assert_close(at(Straight().between(*ends), 0, 0.25), 0.75 * ends[0] + 0.25 * ends[1])


def test_a_latent_path_is_straight_in_latent_space_between_joints_from_the_true_ends(ends, autoencoder):
    curve = LatentStraight(autoencoder).between(*ends)
    first, last = (autoencoder.encode(end) for end in ends)
    assert curve.n_segments == 3
    torch.testing.assert_close(at(curve, 1, 0.3), autoencoder.decode(0.7 * first + 0.3 * last))
    torch.testing.assert_close(at(curve, 0, 0.5), (ends[0] + autoencoder.decode(first)) / 2)
    torch.testing.assert_close(at(curve, 2, 0.5), (ends[1] + autoencoder.decode(last)) / 2)


def test_a_neighbor_path_goes_by_way_of_data_as_the_graph_says(ends, data):
    path = Neighbors(data, k=4)
    drawn = corners(path.between(*ends))
    routes = path.graph.routes(*(end.flatten(1).numpy() for end in ends))
    assert max(len(route) for route in routes) > 1
    for i, route in enumerate(routes):
        expected = torch.stack([ends[0][i], *data[route], ends[1][i]])
        assert torch.equal(drawn[i, : len(expected)], expected)
        assert torch.equal(drawn[i, len(expected) :], ends[1][i].expand_as(drawn[i, len(expected) :]))


def test_a_latent_neighbor_path_is_the_neighbor_path_of_the_codes_decoded(ends, data, autoencoder):
    latent = LatentNeighbors(autoencoder, data, k=4).between(*ends)
    with torch.no_grad():
        codes = Neighbors(autoencoder.encode(data), k=4).between(*(autoencoder.encode(end) for end in ends))
        decoded = autoencoder.decode(corners(codes).flatten(0, 1)).unflatten(0, (len(ends[0]), -1))
    drawn = corners(latent)
    torch.testing.assert_close(drawn[:, 1:-1], decoded)
    assert decoded.shape[1] > 2


@pytest.mark.parametrize("kind", ["feature", "latent"])
def test_a_path_keeps_its_graph_in_a_file_and_finds_it_there(kind, ends, data, autoencoder, tmp_path, monkeypatch):
    before = () if kind == "feature" else (autoencoder,)
    build = Neighbors if kind == "feature" else LatentNeighbors
    plain = build(*before, data, k=4)
    path = build(*before, data, k=4, cache=tmp_path / "graph.npz")
    assert repr(path) == repr(plain)  # where it is kept is no part of what was done
    drawn = corners(path.between(*ends))
    assert torch.equal(drawn, corners(plain.between(*ends)))
    monkeypatch.setattr(NeighborGraph, "of", None)
    again = build(*before, data, k=4, cache=str(tmp_path / "graph.npz"))
    assert torch.equal(corners(again.between(*ends)), drawn)


def test_near_ends_are_joined_by_the_straight_line(data, shape):
    start = torch.full((1, *shape), -9.0, dtype=torch.float64)
    curve = Neighbors(data, k=4).between(start, start + 0.01)
    assert curve.n_segments == 1


def test_a_latent_legs_length_in_feature_space_settles_as_it_is_refined(ends, autoencoder):
    leg = LatentStraight(autoencoder).between(*ends).legs[1]
    coarse, fine, finest = (leg.refined(n).lengths().sum(1) for n in (4, LATENT_PIECES, 512))
    assert (coarse <= fine + 1e-12).all()
    assert (fine <= finest + 1e-12).all()
    assert ((finest - fine) / finest).max() < 0.02


def test_a_leg_refined_has_equal_parts_and_at_least_as_many_as_asked(generator):
    leg = Leg(torch.rand(3, 6, 2, generator=generator))
    finer = leg.refined(12)
    assert finer.n_segments == 15
    torch.testing.assert_close(finer.lengths().view(3, 5, 3), (leg.lengths() / 3)[..., None].expand(3, 5, 3))


def test_curve_through_points_draws_them(generator):
    vertices = torch.rand(3, 5, 7, generator=generator, dtype=torch.float64)
    assert torch.equal(corners(Curve.through(vertices)), vertices)


# at the door


@pytest.mark.parametrize("kind", ["feature", "latent"])
@pytest.mark.parametrize(
    ("points", "options", "sentence"),
    [
        (np.ones((6, 5)), {"k": 6}, "got k=6 for 6 points, expected 1 <= k < points"),
        (np.ones((6, 5)), {"k": 0}, "got k=0 for 6 points"),
        (np.ones((9, 5)), {"search": "magic"}, "got search 'magic', expected one of exact, pynndescent"),
        (np.ones((9, 5)), {"metric": "taxi"}, "got metric 'taxi', expected one of euclidean, manhattan, cosine"),
        (np.full((9, 5), math.nan), {}, "9 of 9 rows hold NaN or infinite values"),
        (np.ones((0, 5)), {}, r"got shape \(0, 5\)"),
    ],
)
def test_a_graph_that_cannot_be_built_is_refused(kind, points, options, sentence, autoencoder_for):
    before = () if kind == "feature" else (autoencoder_for(5),)
    build = Neighbors if kind == "feature" else LatentNeighbors
    with pytest.raises(ValueError, match=sentence):
        build(*before, points, **options)


def test_samples_of_another_shape_than_the_graphs_are_refused(data, autoencoder):
    ends = torch.zeros(3, 7), torch.ones(3, 7)
    for path in (Neighbors(data, k=4), LatentNeighbors(autoencoder, data, k=4)):
        with pytest.raises(ValueError, match=r"got points of shape .*, expected the samples' \(7,\)"):
            path.between(*ends)


def test_an_autoencoder_of_another_shape_is_refused(autoencoder_for):
    class Flat:
        def encode(self, x):
            return x.flatten(1)

        def decode(self, z):
            return z

    images = torch.rand(3, 2, 4)
    with pytest.raises(ValueError, match=r"decoded shape \(8,\), expected the samples' \(2, 4\)"):
        LatentStraight(Flat()).between(images, images + 1)


def test_a_curve_is_traced_from_end_to_end():
    vertices = torch.tensor([[[0.0, 0.0], [2.0, 0.0], [2.0, 1.0]], [[9.0, 9.0], [9.0, 9.0], [9.0, 9.0]]])
    points = traced(Curve.through(vertices.double()), 10)
    assert points.dtype == torch.float64
    assert points.tolist()[:5] == [[0, 0], [0.5, 0], [1, 0], [1.5, 0], [2, 0]]
    assert points.tolist()[5:] == [[2, 0], [2, 0.25], [2, 0.5], [2, 0.75], [2, 1]]
