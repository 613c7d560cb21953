"""Laws of where attributions start, of the way they take, and of the nodes along it."""

import itertools
import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from tests.laws.strategies import (
    BASELINES,
    KINDS,
    LAYOUTS,
    PATHS,
    SEEDS,
    Autoencoder,
    baseline,
    drawn,
    laid_out,
    law,
    of_kind,
    path,
    shapes,
    tables,
)

from eigrad.baselines import Close, EncodedZero, KMeans, Median, Random, Zero
from eigrad.curves import Curve, Leg, traced
from eigrad.integrate import RULES
from eigrad.paths import LatentStraight, Neighbors, Straight

SIZES = st.integers(1, 5)
UNITS = st.integers(-60, 60).map(lambda power: 2.0**power)


def members(chosen, points):
    """The places of points among others, with -1 for those that are not there."""
    same = (chosen[:, None] == points[None]).flatten(2).all(2)
    return torch.where(same.any(1), same.int().argmax(1), -1)


# baselines


@law(42)
@given(
    shape=shapes(), n=SIZES, n_points=st.integers(2, 9), seed=SEEDS, name=st.sampled_from(BASELINES),
    n_baselines=st.integers(1, 8), dtype=st.sampled_from([torch.float32, torch.float64]),
)  # fmt: skip
def test_every_sample_has_its_baselines_in_its_own_shape_and_kind(shape, n, n_points, seed, name, n_baselines, dtype):
    n_baselines = min(n_baselines, n_points - 1)
    samples, points = drawn(seed, n, *shape, dtype=dtype), drawn(seed + 1, n_points, *shape)
    chosen = baseline(name, seed, points, n_baselines)
    found = chosen(samples)
    assert found.shape == (n, 1 if "zero" in name else n_baselines, *shape)
    assert found.dtype == dtype
    assert not found.requires_grad
    for i in range(n):
        assert torch.equal(chosen(samples[i : i + 1])[0], found[i])
    if name != "close":
        assert (found == found[:1]).all()


@law(28)
@given(
    shape=shapes(), n_points=st.integers(2, 9), seed=SEEDS, n=st.integers(1, 8), kind=st.sampled_from(KINDS),
    layout=st.sampled_from(LAYOUTS), name=st.sampled_from(["median", "close", "random"]),
)  # fmt: skip
@example(shape=(2,), n_points=5, seed=0, n=2, kind="int64", layout="backwards", name="median")
@example(shape=(2,), n_points=5, seed=0, n=2, kind="float32", layout="big endian", name="close")
@example(shape=(3,), n_points=5, seed=0, n=2, kind="bool", layout="plain", name="median")
@example(shape=(3,), n_points=5, seed=0, n=2, kind="float16", layout="plain", name="close")
def test_chosen_points_are_points_of_the_class(shape, n_points, seed, n, kind, layout, name):
    values = of_kind(seed, kind, n_points, *shape)
    points, n = torch.from_numpy(values.astype(np.float64)), min(n, n_points - 1)
    found = baseline(name, seed, laid_out(values, layout), n)(drawn(seed, 3, *shape))
    for each in found:
        assert (members(each, points) >= 0).all()
    distinct = torch.unique(points.flatten(1), dim=0)
    if len(distinct) == n_points:
        assert all(len(set(members(each, points).tolist())) == n for each in found)


@law(28)
@given(points=tables(st.integers(2, 8), st.integers(1, 4)), n=st.integers(1, 8), unit=UNITS, seed=SEEDS)
def test_medians_are_no_farther_from_the_median_than_what_is_left(points, n, unit, seed):
    n = min(n, len(points))
    found = Median(points * unit, n)(torch.zeros(2, points.shape[1], dtype=torch.float64))[0].numpy() / unit
    distance = np.linalg.norm(points - np.median(points, axis=0), axis=1)
    own = np.linalg.norm(found - np.median(points, axis=0), axis=1)
    np.testing.assert_allclose(own, np.sort(distance)[:n], rtol=1e-12, atol=1e-12)


@law(21)
@given(
    points=tables(st.integers(2, 8), st.integers(1, 4)), n=st.integers(1, 7), seed=SEEDS,
    unit=st.sampled_from([1e-30, 1e-20, 1e-8, 1.0, 1e8, 1e20, 1e30]),
)  # fmt: skip
@example(points=np.array([[3.0], [1.0], [2.0], [7.0]]), n=1, seed=0, unit=1e20)
@example(points=np.array([[3.0], [1.0], [2.0], [7.0]]), n=1, seed=0, unit=1e-30)
def test_single_precision_holds_at_every_scale_it_has(points, n, seed, unit):
    points, n = np.round(points * 8) / 8, min(n, len(points) - 1)
    samples = np.round(np.random.default_rng(seed).normal(size=(3, points.shape[1])) * 8) / 8
    assume(len(np.unique(np.abs(points - np.median(points, axis=0)).sum(1))) == len(points))
    for kind, take in ((Median, n), (Close, n), (Random, n)):
        single = torch.from_numpy((points * unit).astype(np.float32))
        found = kind(single, take)(torch.from_numpy((samples * unit).astype(np.float32))).double()
        expected = kind(points, take)(torch.from_numpy(samples))
        if kind is Close:  # of equal distances either is right
            first, second = (
                np.sort(np.linalg.norm(each.numpy() - samples[:, None], axis=2)) for each in (found / unit, expected)
            )
            np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-6)
        elif kind is Random:
            torch.testing.assert_close(found / unit, expected, rtol=1e-6, atol=1e-6)
        else:
            center = np.median(points, axis=0)
            first, second = (np.linalg.norm(each[0].numpy() - center, axis=1) for each in (found / unit, expected))
            np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-6)


@law(21)
@given(points=tables(st.integers(3, 8), st.integers(1, 4)), n=st.integers(1, 7), seed=SEEDS, own=st.booleans())
def test_close_points_are_the_nearest_but_one(points, n, seed, own):
    n = min(n, len(points) - 1)
    samples = points[:2] if own else np.random.default_rng(seed).normal(size=(2, points.shape[1]))
    found = Close(points, n)(torch.from_numpy(samples.copy())).numpy()
    for sample, chosen in zip(samples, found, strict=True):
        away, own = (np.sort(np.linalg.norm(each - sample, axis=1)) for each in (points, chosen))
        np.testing.assert_allclose(own, away[1 : n + 1], rtol=1e-6, atol=1e-6)


@law(21)
@given(
    points=tables(st.integers(2, 8), st.integers(1, 4)), kind=st.sampled_from(["float64", "float32", "int64", "bool"]),
    unit=st.sampled_from([1.0, 2.0**-40, 2.0**40]), order=SEEDS,
)  # fmt: skip
@example(points=np.array([[0.0], [1.0]]), kind="int64", unit=1.0, order=0)
@example(points=np.array([[0.0], [1.0]]), kind="bool", unit=1.0, order=0)
def test_one_centroid_is_the_mean(points, kind, unit, order):
    given = (points * (unit if kind.startswith("float") else 1)).astype(kind)
    found = KMeans(given, 1)(torch.zeros(1, points.shape[1], dtype=torch.float64))[0, 0].numpy()
    expected = given.astype(np.float64).mean(0)
    size = np.abs(given.astype(np.float64)).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=(1e-6 if kind == "float32" else 1e-12) * size)
    shuffled = np.random.default_rng(order).permutation(given)
    again = KMeans(shuffled, 1)(torch.zeros(1, points.shape[1], dtype=torch.float64))[0, 0].numpy()
    np.testing.assert_allclose(again, found, rtol=0, atol=(1e-6 if kind == "float32" else 1e-12) * size)


@law(14)
@given(points=tables(st.integers(3, 9), st.integers(1, 3)), n=st.integers(1, 6), auto=st.booleans())
@example(points=np.ones((4, 2)), n=3, auto=False)
@example(points=np.ones((4, 2)), n=3, auto=True)
@example(points=np.array([[0.0], [0.0], [0.0], [1.0]]), n=3, auto=True)
def test_centroids_lie_among_the_points_and_are_as_many_as_asked(points, n, auto):
    points, n = np.round(points * 8) / 8, min(n, len(points))  # apart by more than rounding, or the same
    chosen = KMeans(points, "auto" if auto else n)
    distinct = len(np.unique(points + 0.0, axis=0))
    if distinct < (2 if auto else n):
        with pytest.raises(
            ValueError,
            match=r"baseline KMeans: got .* (of {distinct} clusters|all the same), expected".replace(
                "{distinct}", str(distinct)
            ),
        ):
            chosen(torch.zeros(2, points.shape[1]))
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        found = chosen(torch.zeros(2, points.shape[1], dtype=torch.float64))[0].numpy()
    assert len(found) == n or auto
    assert 2 <= len(found) <= distinct or not auto
    assert (found >= points.min(0) - 1e-12).all()
    assert (found <= points.max(0) + 1e-12).all()


@law(14)
@given(n_points=st.integers(1, 30), n=st.integers(1, 30), seed=st.integers(0, 50), shape=shapes())
def test_random_points_are_distinct(n_points, n, seed, shape):
    n = min(n, n_points)
    points = torch.arange(n_points * math.prod(shape)).view(n_points, *shape).double()
    found = Random(points, n, seed).chosen
    assert len(set(members(found, points).tolist())) == n
    assert torch.equal(found, Random(points, n, seed)(points)[0])


@law(10)
@given(shape=shapes(), n=SIZES, seed=SEEDS)
def test_zeros_are_zero_in_their_space(shape, n, seed):
    samples, coder = drawn(seed, n, *shape), Autoencoder(seed, shape)
    assert torch.equal(Zero()(samples), torch.zeros(n, 1, *shape, dtype=torch.float64))
    found = EncodedZero(coder)(samples)
    with torch.no_grad():
        torch.testing.assert_close(found, coder.decode(torch.zeros(n, 2, dtype=torch.float64))[:, None])


@law(14)
@given(
    shape=shapes(), n_points=st.integers(3, 8), n=st.integers(1, 5), seed=SEEDS,
    kind=st.sampled_from([Median, Close, KMeans]), whole=st.booleans(),
)  # fmt: skip
def test_what_is_chosen_in_latent_space_is_chosen_among_codes(shape, n_points, n, seed, kind, whole):
    n, coder = min(n, n_points - 1), Autoencoder(seed, shape)
    samples, points = drawn(seed, 3, *shape), drawn(seed + 1, n_points, *shape) * 3
    points = points.round() if whole else points
    with torch.no_grad():
        codes, there = coder.encode(points), coder.encode(samples)
        assume(len(torch.unique(codes, dim=0)) == n_points)
        found = kind(points.long() if whole else points, n, coder)(samples)
        expected = kind(codes, n)(there)
        if kind is KMeans:
            wanted = coder.decode(expected.flatten(0, 1)).view(found.shape)
            torch.testing.assert_close(found, wanted, rtol=1e-5 if whole else 1e-9, atol=1e-6 if whole else 1e-9)
        else:
            for mine, others in zip(found, expected, strict=True):
                assert members(mine, points).tolist() == members(others, codes).tolist()


# paths


@law(42)
@given(
    shape=shapes(), n=SIZES, n_points=st.integers(2, 12), seed=SEEDS, name=st.sampled_from(PATHS),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)  # fmt: skip
def test_a_path_runs_from_its_start_to_its_end_and_is_no_shorter_than_the_line(shape, n, n_points, seed, name, dtype):
    starts, ends = drawn(seed, 2, n, *shape, dtype=dtype)
    curve = path(name, seed, drawn(seed + 1, n_points, *shape)).between(starts, ends)
    pairs = torch.arange(n)
    first, last = torch.zeros(n, 1, dtype=torch.long), torch.full((n, 1), curve.n_segments - 1)
    assert torch.equal(curve.points(pairs, first, torch.zeros(n, 1, dtype=dtype))[:, 0], starts)
    assert torch.equal(curve.points(pairs, last, torch.ones(n, 1, dtype=dtype))[:, 0], ends)
    lengths, line = curve.lengths(), (ends - starts).flatten(1).norm(dim=1)
    assert lengths.shape == (n, curve.n_segments)
    assert (lengths >= 0).all()
    assert (lengths.sum(1) >= line * (1 - 1e-5)).all()
    torch.testing.assert_close(curve.deltas(pairs).sum(1), ends - starts, rtol=1e-4, atol=1e-5)
    if name == "straight":
        torch.testing.assert_close(lengths[:, 0], line)
    alone = path(name, seed, drawn(seed + 1, n_points, *shape)).between(starts[:1], ends[:1])
    torch.testing.assert_close(alone.lengths().sum(1), lengths[:1].sum(1), rtol=1e-5, atol=1e-6)


@law(42)
@given(
    points=tables(st.integers(2, 9), st.integers(1, 4)), k=st.integers(1, 8), n=st.integers(1, 4), seed=SEEDS,
    metric=st.sampled_from(["euclidean", "manhattan", "cosine"]), apart=st.booleans(), unit=UNITS,
)  # fmt: skip
def test_routes_stay_on_points_and_no_way_through_one_point_is_shorter(points, k, n, seed, metric, apart, unit):
    k = min(k, len(points) - 1)
    points = points + apart * 100.0 * (np.arange(len(points)) % 2)[:, None]  # in several pieces
    starts, ends = np.random.default_rng(seed).normal(size=(2, n, points.shape[1])) * 3
    way = Neighbors(points, k, metric)
    corners = way.between(torch.from_numpy(starts), torch.from_numpy(ends)).legs[0].vertices
    assert torch.equal(corners[:, 0], torch.from_numpy(starts))
    assert torch.equal(corners[:, -1], torch.from_numpy(ends))
    for pair, (start, end) in zip(corners.numpy(), zip(starts, ends, strict=True), strict=True):
        inner = [row for row in pair[1:-1] if not np.array_equal(row, end)]
        assert all((points == row).all(1).any() for row in inner)
        away, near = (distances(each, points, metric) for each in (start, end))
        direct = distances(start, end[None], metric)[0]
        length = sum(distances(a, b[None], metric)[0] for a, b in itertools.pairwise(pair))
        if direct < min(away.min(), near.min()) * (1 - 1e-9):
            assert not inner
        elif direct > min(away.min(), near.min()) * (1 + 1e-9) + 1e-12:
            both = set(np.argsort(away)[:k]) & set(np.argsort(near)[:k])
            ties = len(set(np.round(away, 9))) < len(points) or len(set(np.round(near, 9))) < len(points)
            if both and not ties:
                assert length <= min(away[i] + near[i] for i in both) * (1 + 1e-9) + 1e-9
    if metric != "cosine":
        scaled = Neighbors(points * unit, k, metric)
        again = scaled.between(torch.from_numpy(starts * unit), torch.from_numpy(ends * unit))
        assert torch.equal(again.legs[0].vertices, corners * unit)


def distances(one, others, metric):
    if metric == "manhattan":
        return np.abs(others - one).sum(1)
    if metric == "euclidean":
        return np.linalg.norm(others - one, axis=1)
    norms = np.linalg.norm(one), np.linalg.norm(others, axis=1)
    units = one / (norms[0] or 1), others / np.where(norms[1] > 0, norms[1], 1)[:, None]
    return np.square(units[1] - units[0]).sum(1) / 2


@law(21)
@given(n_points=st.integers(3, 14), n_features=st.integers(1, 4), k=st.integers(1, 6), seed=SEEDS)
def test_the_way_back_is_as_long_and_the_order_of_the_points_does_not_matter(n_points, n_features, k, seed):
    points, ends = drawn(seed, n_points, n_features), drawn(seed + 1, 2, 5, n_features) * 2
    k, order = min(k, n_points - 1), torch.from_numpy(np.random.default_rng(seed).permutation(n_points))
    there = Neighbors(points, k).between(*ends).lengths().sum(1)
    back = Neighbors(points, k).between(ends[1], ends[0]).lengths().sum(1)
    torch.testing.assert_close(back, there, rtol=1e-9, atol=1e-12)
    shuffled = Neighbors(points[order], k).between(*ends).lengths().sum(1)
    torch.testing.assert_close(shuffled, there, rtol=1e-9, atol=1e-12)


@law(14)
@given(
    shape=shapes(), n=SIZES, n_points=st.integers(2, 9), seed=SEEDS, kind=st.sampled_from(KINDS),
    layout=st.sampled_from(LAYOUTS), latent=st.booleans(),
)  # fmt: skip
def test_points_of_a_graph_are_the_same_however_they_come(shape, n, n_points, seed, kind, layout, latent):
    values = of_kind(seed, kind, n_points, *shape)
    starts, ends = drawn(seed + 1, 2, n, *shape) * 3
    name = "latent neighbors" if latent else "neighbors"
    assume(not (latent and kind in ("float32", "float16")))  # codes in the precision of the points
    found, expected = (
        path(name, seed, points).between(starts, ends)
        for points in (torch.as_tensor(as_plain(laid_out(values, layout))), torch.from_numpy(values.astype("float64")))
    )
    torch.testing.assert_close(found.lengths(), expected.lengths(), rtol=1e-9, atol=1e-12)


def as_plain(points):
    """What a path makes of points: Values become a tensor."""
    return Neighbors(points, 1).points


@law(14)
@given(shape=shapes(), n=SIZES, seed=SEEDS)
def test_through_a_perfect_autoencoder_a_latent_line_is_the_line(shape, n, seed):
    class Perfect:
        def encode(self, x):
            return x.flatten(1) * 4

        def decode(self, z):
            return z.view(-1, *shape) / 4

    starts, ends = drawn(seed, 2, n, *shape)
    curve = LatentStraight(Perfect()).between(starts, ends)
    line = Straight().between(starts, ends)
    torch.testing.assert_close(curve.lengths()[:, 1], line.lengths()[:, 0])
    assert (curve.lengths()[:, [0, 2]] == 0).all()
    t = torch.from_numpy(np.random.default_rng(seed).random((n, 5)))
    pairs, middle = torch.arange(n), torch.ones(n, 5, dtype=torch.long)
    torch.testing.assert_close(curve.points(pairs, middle, t), line.points(pairs, middle - 1, t))
    point, tangent = curve.points_and_tangents(pairs, middle, t)
    torch.testing.assert_close(tangent, (ends - starts)[:, None].expand_as(point))


# curves


@st.composite
def curves(draw):
    """Polylines, some segments of no length, some drawn in a latent space."""
    n, shape, seed = draw(st.integers(1, 4)), draw(shapes(3)), draw(SEEDS)
    corners = drawn(seed, n, draw(st.integers(2, 5)), *shape)
    for i in draw(st.lists(st.integers(1, corners.shape[1] - 1), max_size=2)):
        corners[draw(st.integers(0, n - 1)), i] = corners[0, i - 1]
    legs = [Leg(corners)]
    if draw(st.booleans()):
        coder = Autoencoder(seed, shape)
        codes = drawn(seed + 1, n, draw(st.integers(2, 4)), 2)
        with torch.no_grad():
            first = coder.decode(codes[:, 0])
        legs = [Leg(torch.cat([corners, first[:, None]], 1)), Leg(codes, coder.decode)]
    return Curve(tuple(legs))


@law(28)
@given(curve=curves(), pieces=st.integers(1, 9), seed=SEEDS)
def test_a_curve_is_the_same_cut_finer_or_taken_apart(curve, pieces, seed):
    n = len(curve.legs[0].vertices)
    with torch.no_grad():
        finer, lengths = curve.refined(pieces), curve.lengths()
        assert (finer.lengths().sum(1) >= lengths.sum(1) * (1 - 1e-12)).all()  # chords within chords
        every = torch.arange(n)
        torch.testing.assert_close(finer.deltas(every).sum(1), curve.deltas(every).sum(1))
        if curve.is_straight:
            cut = curve.legs[0].refined(pieces)
            torch.testing.assert_close(cut.lengths().sum(1), lengths.sum(1))
            assert cut.n_segments >= pieces
            assert torch.equal(cut.vertices[:, 0], curve.legs[0].vertices[:, 0])
            torch.testing.assert_close(cut.vertices[:, -1], curve.legs[0].vertices[:, -1])
        some = torch.from_numpy(np.random.default_rng(seed).integers(0, n, 3))
        torch.testing.assert_close(curve.take(some).lengths(), lengths[some])
        torch.testing.assert_close(curve.take(some).deltas(torch.arange(3)), curve.deltas(some))


@law(21)
@given(curve=curves(), seed=SEEDS)
def test_tangents_are_how_points_move(curve, seed):
    n, rng = len(curve.legs[0].vertices), np.random.default_rng(seed)
    pairs = torch.arange(n)
    segment = torch.from_numpy(rng.integers(0, curve.n_segments, (n, 3)))
    t, step = torch.from_numpy(rng.uniform(0.1, 0.9, (n, 3))), 1e-5
    with torch.no_grad():
        points, tangents = curve.points_and_tangents(pairs, segment, t)
        after, before = (curve.points(pairs, segment, t + by) for by in (step, -step))
        torch.testing.assert_close(points, curve.points(pairs, segment, t))
    torch.testing.assert_close(tangents, (after - before) / 2 / step, rtol=1e-6, atol=1e-7)


@law(14)
@given(curve=curves(), n=st.integers(2, 40))
def test_a_traced_curve_has_its_ends(curve, n):
    points = traced(curve, n)
    deltas = curve.deltas(torch.arange(1)).detach()
    torch.testing.assert_close(points[0], curve.legs[0].vertices[0, 0])
    torch.testing.assert_close(points[-1] - points[0], deltas[0].sum(0), rtol=1e-9, atol=1e-9)
    assert len(points) >= min(n, 2)


# rules


@law(42)
@given(curve=curves(), rule=st.sampled_from([name for name in RULES if name != "gradient"]), n=st.integers(2, 40))
def test_weights_make_up_every_segment_that_has_a_length(curve, rule, n):
    with torch.no_grad():
        straight = Curve.through(curve.legs[0].vertices)
        grid, lengths = RULES[rule].grid(straight, n), straight.lengths()
    assert ((grid.t >= 0) & (grid.t <= 1)).all()
    assert ((grid.segment >= 0) & (grid.segment < straight.n_segments)).all()
    place = grid.segment + grid.t
    assert (place.diff(dim=1) >= 0).all()
    there = lengths > 1e-12 * lengths.sum(1, keepdim=True)
    sums = grid.weights[0].sum(2)
    torch.testing.assert_close(sums[there], torch.ones_like(sums[there]))
    wrong = (grid.weights[0] != 0) & (torch.arange(straight.n_segments)[:, None] != grid.segment[:, None])
    if not RULES[rule].nested:  # whose corners count in two segments
        assert not bool(wrong.any())
    if not RULES[rule].slopes:  # first moments: linear functions are integrated exactly
        within = (place[:, None] - torch.arange(straight.n_segments)[:, None]).clamp(0, 1)
        moment = (grid.weights[0] * within).sum(2)
        torch.testing.assert_close(moment[there], torch.full_like(moment[there], 0.5))


@law(14)
@given(rule=st.sampled_from(["gauss-legendre", "clenshaw-curtis"]), n=st.integers(3, 12), seed=SEEDS)
def test_polynomials_are_integrated_to_the_degree_of_the_rule(rule, n, seed):
    line = Straight().between(torch.zeros(1, 1, dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64))
    grid = RULES[rule].grid(line, n)
    degree = 2 * grid.t.shape[1] - 1 if rule == "gauss-legendre" else grid.t.shape[1] - 1
    coefficients = np.random.default_rng(seed).normal(size=degree + 1)
    polynomial = np.polynomial.Polynomial(coefficients)
    found = float((grid.weights[0, 0, 0] * torch.from_numpy(polynomial(grid.t[0].numpy()))).sum())
    assert found == pytest.approx(float(polynomial.integ()(1.0)), abs=1e-10)
