"""Baselines are the points they say they are, found in the space they say, and the same each time."""

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.datasets import make_blobs

from eigrad.baselines import Close, EncodedZero, KMeans, Median, Random, Zero

N, M, N_POINTS = 6, 4, 40
SHAPES = [(5,), (2, 3)]


@pytest.fixture(params=SHAPES, ids=str)
def shape(request):
    return request.param


@pytest.fixture
def samples(shape, generator):
    return torch.rand(N, *shape, generator=generator, dtype=torch.float64)


@pytest.fixture
def points(shape, generator):
    return torch.randn(N_POINTS, *shape, generator=generator, dtype=torch.float64)


@pytest.fixture
def autoencoder(shape, autoencoder_for):
    return autoencoder_for(*shape)


@pytest.fixture(params=["feature space", "latent space"])
def space(request, autoencoder):
    return None if request.param == "feature space" else autoencoder


def located(values, space):
    """Where values lie in the space in which a baseline is chosen."""
    with torch.no_grad():
        return (values if space is None else space.encode(values)).flatten(1)


def is_among(chosen, points):
    return [(points == row).flatten(1).all(1).any().item() for row in chosen]


# what each is


def test_zero_is_zero(samples, shape):
    assert torch.equal(Zero()(samples), torch.zeros(N, 1, *shape, dtype=torch.float64))


def test_encoded_zero_is_the_decoded_origin(samples, shape, autoencoder):
    with torch.no_grad():
        expected = autoencoder.decode(torch.zeros(1, 3, dtype=torch.float64))
    assert torch.equal(EncodedZero(autoencoder)(samples), expected.expand(N, 1, *shape))


def test_the_median_is_the_points_closest_to_the_feature_wise_median(samples, points, space):
    there = located(points, space).numpy()
    center = np.array([sorted(column)[19:21] for column in there.T]).mean(1)
    distance = [np.sqrt(sum((row - center) ** 2)) for row in there]
    expected = points[np.argsort(distance)[:M].copy()]
    found = Median(points, M, space)(samples)
    for row in found:
        assert torch.equal(row, expected)
    rest = [distance[i] for i in range(N_POINTS) if i not in np.argsort(distance)[:M]]
    assert max(np.sort(distance)[:M]) < min(rest)


def test_the_medians_distance_is_euclidean():
    points = np.array([[1.5, 0.0], [1.0, 1.0], [0.0, 30.0], [-9.0, -9.0], [-8.0, -8.0]])
    assert np.array_equal(np.median(points, axis=0), [0, 0])
    by_l1, by_l2 = (np.linalg.norm(points, ord=order, axis=1) for order in (1, 2))
    assert by_l1.argmin() != by_l2.argmin()
    assert np.array_equal(Median(points, 1)(torch.zeros(1, 2, dtype=torch.float64))[0, 0], points[by_l2.argmin()])


def test_k_means_centers_are_the_means_of_the_points_nearest_to_them(samples, points):
    centers = KMeans(points, M)(samples)[0].flatten(1)
    flat = points.flatten(1)
    nearest = torch.cdist(flat, centers).argmin(1)
    assert len(nearest.unique()) == M
    for i, center in enumerate(centers):
        torch.testing.assert_close(center, flat[nearest == i].mean(0), rtol=1e-9, atol=1e-9)


def test_latent_k_means_centers_are_decoded(samples, points, autoencoder):
    codes = located(points, autoencoder)
    expected = autoencoder.decode(KMeans(codes, M)(codes[:1])[0]).detach()
    torch.testing.assert_close(KMeans(points, M, autoencoder)(samples)[0], expected)


@pytest.mark.parametrize("planted", [2, 3, 5])
def test_auto_finds_the_number_of_clusters(planted, seed):
    points = make_blobs(90, 4, centers=20 * np.eye(5, 4)[:planted], random_state=seed)[0]
    assert KMeans(points, "auto")(torch.zeros(1, 4)).shape == (1, planted, 4)


def test_auto_looks_no_further_than_asked(seed):
    points = make_blobs(90, 4, centers=20 * np.eye(5, 4), random_state=seed)[0]
    assert KMeans(points, "auto", most=3).chosen.shape[0] <= 3
    assert KMeans(points[:4], "auto").chosen.shape[0] in (2, 3)


def test_close_points_are_each_samples_nearest_but_the_very_nearest(samples, points, space):
    distance = torch.cdist(located(samples, space), located(points, space))
    found = Close(points, M, space)(samples)
    for i in range(N):
        order = distance[i].argsort()
        assert torch.equal(found[i], points[order[1 : M + 1]])
    assert len({tuple(row.flatten().tolist()) for row in found}) == N


def test_random_points_are_distinct_points_of_the_class_drawn_by_the_seed(samples, points):
    found = Random(points, M)(samples)
    assert all(torch.equal(row, found[0]) for row in found)
    assert all(is_among(found[0], points))
    assert len(torch.unique(found[0].flatten(1), dim=0)) == M
    assert torch.equal(found, Random(points, M)(samples))
    others = [Random(points, M, seed=seed)(samples)[0] for seed in range(1, 9)]
    assert not any(torch.equal(other, found[0]) for other in others)
    assert len(torch.unique(Random(points, N_POINTS).chosen.flatten(1), dim=0)) == N_POINTS


# laws of all of them


@pytest.fixture(params=["zero", "encoded zero", "median", "k-means", "close", "random"])
def make(request, autoencoder):
    return {
        "zero": lambda points: Zero(),
        "encoded zero": lambda points: EncodedZero(autoencoder),
        "median": lambda points: Median(points, M),
        "k-means": lambda points: KMeans(points, M),
        "close": lambda points: Close(points, M),
        "random": lambda points: Random(points, M),
    }[request.param]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_baselines_come_in_the_samples_shape_and_precision(make, samples, points, shape, dtype):
    found = make(points)(samples.to(dtype))
    assert found.shape in ((N, 1, *shape), (N, M, *shape))
    assert found.dtype == dtype
    assert not found.requires_grad


def test_a_sample_has_its_baselines_whatever_its_company(make, samples, points):
    baseline = make(points)
    together = baseline(samples)
    for i in range(N):
        torch.testing.assert_close(baseline(samples[i : i + 1])[0], together[i])


def test_arrays_and_tensors_are_the_same_points(make, samples, points):
    torch.testing.assert_close(make(points.numpy())(samples), make(points)(samples))


@pytest.mark.parametrize("kind", [Median, KMeans, Close])
def test_the_order_of_the_points_does_not_matter(kind, samples, points, generator):
    order = torch.randperm(N_POINTS, generator=generator)
    found, shuffled = (kind(p, M)(samples).flatten(2).sort(1).values for p in (points, points[order]))
    if kind is not KMeans:  # whose local optimum depends on where it starts
        torch.testing.assert_close(found, shuffled)
    again = kind(points, M)(samples).flatten(2).sort(1).values
    assert torch.equal(found, again)


def test_no_global_generator_is_touched(make, samples, points):
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    make(points)(samples)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002


def test_baselines_are_frozen_and_short_to_print(make, points):
    baseline = make(points)
    assert len(repr(baseline)) < 60
    with pytest.raises(dataclasses.FrozenInstanceError):
        baseline.points = None


# at the door


@pytest.mark.parametrize("kind", [Median, KMeans, Close, Random])
@pytest.mark.parametrize(
    ("points", "n", "sentence"),
    [
        (np.ones((5, 3)), 0, "got n=0 with 5 points of the baseline class, expected a whole number of at least 1"),
        (np.ones((5, 3)), 6, "got n=6 with 5 points"),
        (np.full((5, 3), np.nan), 2, "points: 5 of 5 rows hold NaN or infinite values"),
        (np.ones((0, 3)), 2, r"points: got shape \(0, 3\)"),
        (np.ones(3), 2, r"points: got shape \(3,\)"),
        (np.ones((5, 3)), True, "got n=True"),
    ],
)
def test_points_that_cannot_be_a_baseline_are_refused(kind, points, n, sentence):
    with pytest.raises(ValueError, match=sentence):
        kind(points, n)


def test_close_needs_one_point_more_than_it_gives():
    assert Close(np.eye(5), 4)(torch.zeros(1, 5)).shape == (1, 4, 5)
    with pytest.raises(ValueError, match=r"got n=5 with 5 points of the baseline class, .* at least 6 points"):
        Close(np.eye(5), 5)


@pytest.mark.parametrize("kind", [Median, KMeans, Random])
def test_samples_of_another_shape_are_refused(kind):
    with pytest.raises(ValueError, match=r"got points of shape \(5,\), expected the samples' \(4,\)"):
        kind(np.eye(5), 2)(torch.zeros(3, 4))
    with pytest.raises(ValueError, match=r"got points of shape \(5,\), expected the samples' \(4,\)"):
        Close(np.eye(5), 2)(torch.zeros(3, 4))
