"""Meta-features: every feature in one group, those that belong together in the same."""

import numpy as np
import pytest

from eigrad.significance import by_prefix, correlated, members, patches, significance

N_SAMPLES = 200


@pytest.fixture
def rng():
    return np.random.default_rng(4)


@pytest.fixture
def factors(rng):
    """Three factors seen by 4, 3 and 1 features, one of them with opposite sign, and a feature that is constant."""
    hidden = rng.standard_normal((N_SAMPLES, 3))
    seen = hidden[:, [0, 1, 0, 1, 2, 0, 1, 0]] + 0.3 * rng.standard_normal((N_SAMPLES, 8))
    seen[:, 3] *= -2
    return np.column_stack([seen, np.full(N_SAMPLES, 7.0)])


def test_patches_tile_the_image():
    labels = patches((3, 7, 5), 3)
    assert labels.shape == (3 * 7 * 5,)
    image = labels.reshape(3, 7, 5)
    for channel in image:
        np.testing.assert_array_equal(channel, image[0])
    assert image[0, 3, 4] == "r3-5 c3-4"
    assert image[0, 6, 2] == "r6-6 c0-2"
    for row in range(7):
        for column in range(5):
            same = np.argwhere(image[0] == image[0, row, column])
            top, left = row // 3 * 3, column // 3 * 3
            expected = [(r, c) for r in range(top, min(top + 3, 7)) for c in range(left, min(left + 3, 5))]
            assert [tuple(place) for place in same] == expected
    np.testing.assert_array_equal(patches((7, 5), 3), image[0].ravel())
    assert patches((28, 28), 3)[28 * 3 + 6] == "r03-05 c06-08"


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_correlated_features_are_found(factors, method):
    labels = correlated(factors, feature_names=list("abcdefghi"), method=method)
    assert [sorted(np.flatnonzero(labels == label).tolist()) for label in dict.fromkeys(labels)] == [
        [0, 2, 5, 7],
        [1, 3, 6],
        [4],
        [8],
    ]
    assert labels[0] in {"a +3", "c +3", "f +3", "h +3"}
    assert labels[4] == "e"
    assert labels[8] == "i"


def test_the_threshold_is_the_mean_correlation_that_joins(rng):
    values = rng.standard_normal((N_SAMPLES, 2))
    r = abs(np.corrcoef(values.T)[0, 1])
    assert len(set(correlated(values, r - 1e-6))) == 1
    assert len(set(correlated(values, r + 1e-6))) == 2


def test_a_chain_is_joined_only_as_far_as_its_mean_correlation(rng):
    hidden = rng.standard_normal((20_000, 2))
    angle = np.arccos([1.0, 0.85, 0.5])  # neighbors correlate at about 0.85 and 0.88, the ends at 0.5
    chain = np.stack([np.cos(angle), np.sin(angle)]).T @ hidden.T
    r = np.abs(np.corrcoef(chain))
    assert min(r[0, 1], r[1, 2]) > 0.8
    assert (r[0, 1] + r[0, 2]) / 2 < 0.75
    assert len(set(correlated(chain.T, 0.75))) == 2
    assert len(set(correlated(chain.T, 0.65))) == 1


def test_the_unit_the_order_and_the_sign_do_not_matter(factors, rng):
    columns = rng.permutation(9)
    scale = rng.uniform(1e-6, 1e6, 9) * rng.choice([-1, 1], 9)
    labels = correlated(factors, feature_names=range(9))
    again = correlated((factors * scale)[:, columns], feature_names=columns)
    assert (again == labels[columns]).all()


def test_one_feature_is_a_group(rng):
    assert correlated(rng.standard_normal((9, 1)), feature_names=["x"]).tolist() == ["x"]


def test_prefixes():
    names = ["exon_gc", "exon_gc_5p", "intron_gc", "length"]
    assert by_prefix(names).tolist() == ["exon", "exon", "intron", "length"]
    assert by_prefix(names, depth=2).tolist() == ["exon_gc", "exon_gc", "intron_gc", "length"]
    assert by_prefix(["a.b", "a.c"], separator=".").tolist() == ["a", "a"]


def test_members_are_listed_by_group():
    table = members(["x", ("t", 1), "x", "x"], ["a", "b", "c", "d"])
    assert table.group.tolist() == ["x", "x", "x", ("t", 1)]
    assert table.feature.tolist() == ["a", "c", "d", "b"]
    assert table.position.tolist() == [0, 2, 3, 1]
    assert table.n_members.tolist() == [3, 3, 3, 1]


def test_groups_are_rows_of_the_table(factors, rng):
    labels = correlated(factors)
    group, null = rng.standard_normal((2, 20, 9))
    table = significance(group, null, groups=labels)
    assert table.feature.tolist() == list(dict.fromkeys(labels))
    assert table.feature.tolist() == members(labels).group.drop_duplicates().tolist()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v: patches((4,), 2), r"shape is \(4,\); expected \(height, width\)"),
        (lambda v: patches((4, 0), 2), r"shape is \(4, 0\)"),
        (lambda v: patches((4, 6), 0), r"size is 0; expected at least 1"),
        (lambda v: correlated(v, 0.0), r"threshold is 0.0; expected a correlation above 0"),
        (lambda v: correlated(v, method="kendall"), r"method is 'kendall'"),
        (lambda v: correlated(v, feature_names="ab"), r"has 2 names; expected one for each of 9"),
        (lambda v: correlated(v * np.nan), r"NaN or infinite"),
        (lambda v: correlated(np.ones((2, 30_001), np.float32)), r"30,001 features; expected at most 30,000"),
        (lambda v: by_prefix("ab", depth=0), r"depth is 0"),
        (lambda v: members("ab", "a"), r"feature_names has 1 names; .* 2 labels"),
    ],
)
def test_refusals(factors, call, message):
    with pytest.raises(ValueError, match=message):
        call(factors)


def test_names_are_kept_apart(rng):
    first, other = rng.standard_normal((2, 50))
    values = np.column_stack([first, first, other])
    assert correlated(values, feature_names=["x", "y", "x +1"]).tolist() == ["x +1'", "x +1'", "x +1"]
    assert correlated(values, feature_names=[("a", 1), ("a", 2), ("b", 1)])[2] == ("b", 1)
    with pytest.raises(ValueError, match="feature_names has 'x' twice; expected a name of its own"):
        correlated(values, feature_names=["x", "y", "x"])


def test_labels_may_come_one_at_a_time_and_be_tuples(rng):
    group, null = rng.standard_normal((2, 30, 4))
    labels = [("a", 1), ("b", 1), ("a", 1), ("b", 2)]
    table = significance(group, null, groups=iter(labels))
    assert table["feature"].tolist() == [("a", 1), ("b", 1), ("b", 2)]
