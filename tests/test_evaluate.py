"""Laws of retraining on chosen features."""

import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from eigrad.data import Examples
from eigrad.evaluate import binary_problem, growing_subsets, subset_score

SHAPE = (2, 5)
CAUSES = [7, 2]


def examples(n, seed, noise=0.3):
    """Images whose label is the sign of pixel 7 plus half of pixel 2; the others are noise."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((n, *SHAPE)).astype(np.float32)
    flat = values.reshape(n, -1)
    score = flat[:, 7] + 0.5 * flat[:, 2] + noise * rng.standard_normal(n)
    names = tuple(f"f{i}" for i in range(flat.shape[1]))
    return Examples(values, np.where(score > 0, 5, 3), names)


@pytest.fixture(scope="module")
def train():
    return examples(300, 0)


@pytest.fixture(scope="module")
def test():
    return examples(211, 1)


class Recorder(ClassifierMixin, BaseEstimator):
    """Keeps what it is given, and says the first label."""

    seen = []  # noqa: RUF012 (shared by the clones on purpose)

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, x, y):
        self.answer_ = y[0]
        Recorder.seen.append((self.random_state, x.copy(), y.copy()))
        return self

    def predict(self, x):
        Recorder.seen.append((self.random_state, x.copy(), None))
        return np.full(len(x), self.answer_)


@pytest.fixture
def seen():
    Recorder.seen.clear()
    return Recorder.seen


def test_the_classifier_sees_the_chosen_columns_and_no_others(train, test, seen):
    accuracy = subset_score(train, test, [7, 2, 4], classifier=Recorder(), seed=8)
    (fit_seed, x, y), (_, x_test, _) = seen
    np.testing.assert_array_equal(x, train.values.reshape(300, 10)[:, [7, 2, 4]])
    np.testing.assert_array_equal(y, train.labels)
    np.testing.assert_array_equal(x_test, test.values.reshape(211, 10)[:, [7, 2, 4]])
    assert accuracy == np.mean(test.labels == train.labels[0])
    assert fit_seed == 8
    assert x.dtype == np.float32


def test_accuracy_is_that_of_the_classifier_by_hand(train, test):
    x, x_test = (part.values.reshape(len(part), 10)[:, CAUSES] for part in (train, test))
    expected = GaussianNB().fit(x, train.labels).score(x_test, test.labels)
    assert subset_score(train, test, CAUSES, classifier=GaussianNB()) == expected


def test_causes_predict_and_noise_does_not(train, test):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert subset_score(train, test, CAUSES) > 0.85
        assert subset_score(train, test, [0, 1, 3]) < 0.6


def test_the_default_does_not_depend_on_the_features_units(train, test):
    unit = np.float32(2.0) ** np.linspace(-20, 20, 10).round().astype(np.float32).reshape(SHAPE)
    scaled = [Examples(e.values * unit, e.labels, e.feature_names) for e in (train, test)]
    assert subset_score(*scaled, CAUSES) == subset_score(train, test, CAUSES)


def test_the_given_classifier_is_left_as_it_was(train, test):
    given = make_pipeline(StandardScaler(), MLPClassifier((3,), max_iter=1, random_state=77))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = subset_score(train, test, CAUSES, classifier=given, seed=1)
    assert not hasattr(given[-1], "coefs_")
    assert given[-1].random_state == 77
    # The seed reaches the network inside the pipeline.
    assert first == subset_score(train, test, CAUSES, classifier=given, seed=1)
    others = {subset_score(train, test, CAUSES, classifier=given, seed=s) for s in range(2, 6)}
    assert others != {first}


def test_no_global_generator_is_touched(train, test):
    np.random.seed(3)  # noqa: NPY002 (the generator that must not move)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    growing_subsets(train, test, CAUSES, [1, 2], repeats=1, seed=0, progress=False)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    assert subset_score(train, test, CAUSES, seed=4) == subset_score(train, test, CAUSES, seed=4)


def test_growing_subsets_take_the_best_first(train, test, seen):
    order = [7, 2, 9, 0]
    table = growing_subsets(train, test, order, [3, 1], repeats=2, seed=5, classifier=Recorder(), progress=False)
    assert list(table) == [
        "n_features",
        "accuracy_significant",
        "accuracy_random",
        "accuracy_random_sd",
    ]
    assert list(table.n_features) == [3, 1]
    columns = train.values.reshape(300, 10).T
    fits = [x for _, x, y in seen if y is not None]
    used = [[int(np.flatnonzero((columns == column).all(axis=1))[0]) for column in x.T] for x in fits]
    three, one = used[:3], used[3:]
    assert three[0] == [7, 2, 9]
    assert one[0] == [7]
    assert three[1] != three[2]
    for larger, smaller in zip(three[1:], one[1:], strict=True):
        assert smaller == larger[:1]
        assert len(set(larger)) == 3


def test_random_features_are_drawn_from_all(train, test, seen):
    growing_subsets(train, test, [7], [1], repeats=60, seed=0, classifier=Recorder(), progress=False)
    columns = train.values.reshape(300, 10).T
    drawn = {int(np.flatnonzero((columns == x[:, 0]).all(axis=1))[0]) for _, x, y in seen[2:] if y is not None}
    assert drawn == set(range(10))


def test_accuracies_are_means_over_the_repeats(train, test):
    logistic = LogisticRegression()
    options = {"seed": 2, "classifier": logistic, "progress": False}
    table = growing_subsets(train, test, CAUSES, [2, 1], repeats=3, **options)
    rng = np.random.default_rng(2)
    orders = [rng.permutation(10) for _ in range(3)]
    for row in table.itertuples():
        n = row.n_features
        drawn = [subset_score(train, test, o[:n], classifier=logistic) for o in orders]
        assert row.accuracy_random == pytest.approx(np.mean(drawn), rel=1e-12)
        assert row.accuracy_random_sd == pytest.approx(np.std(drawn, ddof=1), rel=1e-12)
        chosen = subset_score(train, test, CAUSES[:n], classifier=logistic)
        assert row.accuracy_significant == chosen
        assert row.accuracy_significant > row.accuracy_random
    single = growing_subsets(train, test, CAUSES, [1], repeats=1, **options)
    assert single.accuracy_random_sd.isna().all()


def test_a_binary_problem_keeps_two_labels_in_order():
    rng = np.random.default_rng(0)
    labels = np.array([4, 9, 4, 1, 9, 9, 1])
    everything = Examples(rng.random((7, 2, 3)).astype(np.float32), labels, tuple("abcdef"))
    two = binary_problem(everything, 9, 4)
    np.testing.assert_array_equal(two.labels, [4, 9, 4, 9, 9])
    np.testing.assert_array_equal(two.values, everything.values[[0, 1, 2, 4, 5]])
    assert two.feature_names == everything.feature_names
    with pytest.raises(ValueError, match=r"no example has label 7; .*: 1, 4, 9"):
        binary_problem(everything, 4, 7)
    with pytest.raises(ValueError, match=r"both labels are 4; expected two different"):
        binary_problem(everything, 4, 4)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([], r"float64 of shape \(0,\); expected a list of feature numbers"),
        (np.ones(10, dtype=bool), r"bool of shape \(10,\); expected"),
        (np.array([[1, 2]]), r"shape \(1, 2\); expected"),
        ([0, 10], r"numbers from 0 to 10; expected 0 to 9"),
        ([-1, 2], r"numbers from -1 to 2; expected 0 to 9"),
        ([3, 1, 3], r"names a feature twice"),
    ],
)
def test_refused_features(train, test, features, message):
    with pytest.raises(ValueError, match="features .*" + message):
        subset_score(train, test, features)
    with pytest.raises(ValueError, match="order .*" + message):
        growing_subsets(train, test, features, [1], repeats=1, seed=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": [1, 3]}, r"subset of 3 features .* order of 2; expected sizes from 1 to 2"),
        ({"sizes": [0]}, r"subset of 0 features"),
        ({"sizes": []}, r"sizes is empty; expected at least one"),
        ({"repeats": 0}, r"repeats is 0; expected at least 1"),
    ],
)
def test_refused_growth(train, test, change, message):
    arguments = {"sizes": [1], "repeats": 1, "seed": 0, **change}
    with pytest.raises(ValueError, match=message):
        growing_subsets(train, test, CAUSES, **arguments)


def test_train_and_test_must_have_the_same_features(train):
    other = Examples(np.ones((4, 7), dtype=np.float32), np.array([3, 3, 5, 5]), tuple("abcdefg"))
    with pytest.raises(ValueError, match=r"train has 10 features and test 7; expected the same"):
        subset_score(train, other, [0])


def test_groups_come_with_all_their_features(train, test):
    labels = ["a", "b", "a", "c", "b", "c", "d", "e", "d", "e"]
    options = {"repeats": 1, "seed": 3, "classifier": LogisticRegression(), "progress": False}
    curve = growing_subsets(train, test, [4, 0, 1, 2, 3], [1, 2, 5], groups=iter(labels), **options)
    for size, features in ((1, [7, 9]), (2, [7, 9, 0, 2]), (5, list(range(10)))):
        found = curve.set_index("n_features").loc[size, "accuracy_significant"]
        assert found == subset_score(train, test, features, classifier=LogisticRegression(), seed=3)
    with pytest.raises(ValueError, match="groups has 9 labels; expected one for each of the 10 features"):
        growing_subsets(train, test, [0], [1], groups=labels[:9], **options)
    with pytest.raises(ValueError, match="order has numbers from 5 to 5; expected 0 to 4"):
        growing_subsets(train, test, [5], [1], groups=labels, **options)


def test_the_area_under_the_curve_is_that_of_the_larger_label(train, test):
    found = subset_score(train, test, CAUSES, classifier=LogisticRegression(), metric="auc")
    model = LogisticRegression().fit(train.values.reshape(len(train), -1)[:, CAUSES], train.labels)
    margin = model.decision_function(test.values.reshape(len(test), -1)[:, CAUSES])
    assert found == pytest.approx(roc_auc_score(test.labels == 5, margin))
    options = {"repeats": 2, "seed": 0, "classifier": LogisticRegression(), "progress": False}
    curve = growing_subsets(train, test, [7, 2, 0], [2], metric="auc", **options)
    assert list(curve) == ["n_features", "auc_significant", "auc_random", "auc_random_sd"]
    assert curve["auc_significant"].tolist() == [found]
    with pytest.raises(ValueError, match="metric is 'f1'; expected one of accuracy, auc"):
        subset_score(train, test, CAUSES, metric="f1")
    with pytest.raises(ValueError, match="metric is 'auc' for other than two labels"):
        subset_score(train, test.of_class(5), CAUSES, metric="auc")
