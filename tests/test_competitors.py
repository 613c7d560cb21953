"""Every competitor says what it should where the answer is known, and all of them run on a small world."""

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import nn

from eigrad.cases.synthetic import World
from eigrad.cases.synthetic.compare import IMPORTANCE, compare
from eigrad.competitors import ATTRIBUTIONS, NETWORK_FREE, Margin, beside_network, permutation_importance
from eigrad.data import Examples
from eigrad.significance import ORDERS

N_FEATURES = 7
QUIET = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PendingDeprecationWarning")  # of Captum and SHAP


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(9)


@QUIET
@pytest.mark.parametrize("method", ATTRIBUTIONS)
def test_a_linear_score_is_shared_out_by_its_weights(generator, method):
    network = nn.Sequential(nn.Linear(N_FEATURES, 3))
    samples, background = (
        torch.randn(4, N_FEATURES, generator=generator),
        torch.randn(6, N_FEATURES, generator=generator),
    )
    weight = (network[0].weight[2] - network[0].weight[1]).detach()
    found = ATTRIBUTIONS[method](Margin(network, 2, 1), samples, background)
    near = torch.stack([background[(background - x).norm(dim=1).argsort()[1:6]].mean(0) for x in samples])
    start = {"EIG close": near, "EIG random": background.mean(0), "Deep SHAP": background.mean(0)}.get(method)
    if method == "gradient":
        torch.testing.assert_close(found, weight.expand(4, -1))
    elif method == "GradientSHAP":  # draws rows of the background
        limits = torch.stack([(samples - row) * weight for row in background])
        assert (found >= limits.amin(0) - 1e-5).all()
        assert (found <= limits.amax(0) + 1e-5).all()
    else:
        expected = (samples - (0 if start is None else start)) * weight
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", NETWORK_FREE)
def test_without_a_network_the_causes_come_first(name):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((600, N_FEATURES)).astype(np.float32)
    y = x[:, 2] - x[:, 5] + 0.5 * rng.standard_normal(600) > 0
    found = NETWORK_FREE[name](x[:400], y[:400], x[400:], 0)
    assert set(np.argsort(-found.score)[:2]) == {2, 5}
    assert (found.score >= 0).all()
    auc = found.auc(y[400:])
    assert auc is None if name == "t-test on inputs" else 0.9 < auc <= 1


def test_permuting_a_group_costs_what_it_says(generator):
    network = nn.Linear(N_FEATURES, 2)
    with torch.no_grad():
        network.weight.zero_()
        network.weight[1, 3] = 4.0
    x = torch.randn(500, N_FEATURES, generator=generator).numpy()
    importance = permutation_importance(Margin(network, 1, 0), x, x[:, 3] > 0, np.array(list("aabbccc")), seed=0)
    assert importance[[0, 2]].tolist() == [0, 0]
    assert importance[1] > 0.5


@QUIET
def test_all_methods_are_compared_on_a_world():
    world = World(n_groups=14, group_size=2, n_classes=2, n_causes=4, n_proxies=2, common=0.1, reference=0.5)
    found = compare(world, 1, n_samples=900, n_explained=40, progress=False)
    table, groups = found.methods, found.groups
    for network in ("paper", "sparse"):
        part = table[table.network == network]
        assert set(part.method) == {*ATTRIBUTIONS, "permutation importance"}
        assert set(part.order) == {*ORDERS, "score"}
        assert part.auc.nunique() == 1
    assert set(table[table.network == "none"].method) == set(NETWORK_FREE)
    close = table[(table.method == "EIG close") & (table.order == "magnitude")]
    assert (close.average_precision > 0.7).all()
    assert (close.average_precision_no_proxies >= close.average_precision).all()
    assert table.average_precision.between(0, 1).all()
    assert (table.chance == 4 / 14).all()
    assert len(groups) == 14 * (2 * len({*ATTRIBUTIONS, IMPORTANCE}) + len(NETWORK_FREE))
    for row in table[table.network == "sparse"].itertuples():
        part = groups[(groups.network == "sparse") & (groups.method == row.method)]
        assert average_precision_score(part.causal, part[row.order]) == pytest.approx(row.average_precision)
        if row.method != IMPORTANCE:
            assert part.significant.sum() == row.n_significant


def test_methods_are_compared_that_are_asked_for():
    world = World(n_groups=14, group_size=2, n_classes=2, n_causes=4, common=0.1, reference=0.5)
    options = {"n_samples": 600, "n_explained": 30, "networks": ("paper",), "progress": False}
    table = compare(world, 1, methods=("EIG zero", "t-test on inputs"), **options).methods
    assert set(zip(table.network, table.method, strict=True)) == {("paper", "EIG zero"), ("none", "t-test on inputs")}
    assert len(table) == 3 + 1


def test_what_predicts_better_than_the_network_is_called_so(generator):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((900, 2, 3)).astype(np.float32)
    y = np.where(x[:, 1, 2] + 0.7 * rng.standard_normal(900) > 0, 4, 1)
    examples = Examples(x, y, tuple("abcdef"))
    train, test = examples.take(np.arange(500)), examples.take(np.arange(500, 900))

    class Linear(nn.Module):
        def __init__(self, weight):
            super().__init__()
            self.weight = nn.Parameter(torch.tensor(weight))

        def forward(self, x):
            return x.flatten(1) @ self.weight[:, None]

    good, bad = Linear([0.0, 0, 0, 0, 0, 1]), Linear([1.0, 1, 1, 1, 1, 1])
    for network, better in ((good, False), (bad, True)):
        table = beside_network(network, train, test, 4, n_resamples=200)
        assert list(table.method) == ["the network", "random forest", "L1 logistic"]
        assert table.better.tolist() == [False, better, better]
        assert table.auc[0] == pytest.approx(
            roc_auc_score(test.labels == 4, network(torch.from_numpy(test.values))[:, 0].detach())
        )
        assert table.lead[0] == table.lead_low[0] == table.lead_high[0] == 0
        assert (table.lead_low <= table.lead).all()
        assert (table.lead <= table.lead_high).all()


def test_lists_of_groups_and_labels_of_zero_and_one_are_as_good_as_arrays(generator):
    x = torch.randn(60, 3, generator=generator)
    y = (x[:, 0] > 0).numpy()
    network = nn.Linear(3, 1)
    groups = np.array(["a", "a", "b"], object)
    given = (network.eval(), x.numpy(), y)
    expected = permutation_importance(*given, groups, seed=0)
    assert permutation_importance(*given, groups.tolist(), seed=0).tolist() == expected.tolist()
    assert (expected != 0).all()
    find = NETWORK_FREE["t-test on inputs"]
    whole = find(x.numpy(), y, x.numpy(), 0).score
    assert find(x.numpy(), y.astype(int), x.numpy(), 0).score.tolist() == whole.tolist()
    with pytest.raises(ValueError, match="got 2 groups and 60 labels for values of shape"):
        permutation_importance(*given, groups[:2], seed=0)


@pytest.mark.parametrize("labels", [[0] * 40, [0, 1, 2, 3] * 10, [2, 3] * 20])
def test_two_classes_are_held_against_each_other(labels):
    rng = np.random.default_rng(1)
    names = ("a", "b", "c")
    good, bad = (
        Examples(rng.standard_normal((40, 3)).astype(np.float32), np.array(each), names)
        for each in ([0, 1] * 20, labels)
    )
    with pytest.raises(ValueError, match=r"beside_network: test has the labels .*, expected 1 and one other"):
        beside_network(nn.Linear(3, 1), good, bad, 1)
