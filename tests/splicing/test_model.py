"""The dataset keeps chromosomes together and targets in place; networks normalize inside and can be read again."""

import numpy as np
import pandas as pd
import pytest
import torch

from eigrad.autoencoder import VariationalAutoencoder
from eigrad.cases.splicing.events import targets
from eigrad.cases.splicing.events.table import Change, Triplet, build
from eigrad.cases.splicing.features import Features
from eigrad.cases.splicing.model import PARTS, TARGETS, Recipe, Score, SplicingCode, assembled, load_or_train
from eigrad.cases.splicing.model import training as model_training
from eigrad.cases.splicing.model.dataset import FRACTIONS, joined, parts
from eigrad.cases.splicing.model.networks import Standardize, between_units
from eigrad.training import Schedule, predict

N_QUANTIFIED, N_ANNOTATED, N_FEATURES = 240, 60, 9
CONDITIONS = ("brain", "liver", "heart")
BRIEF = Schedule(3, 32, 1e-3, 3)
SMALL = Recipe(hidden=(11,), n_latent=5, head=(7,), autoencoder=BRIEF, dense=BRIEF, sparse=Schedule(2, 32, 1e-3, 2))


def triplet(number, chrom):
    at = 1000 * number
    return Triplet(f"g{number}", f"G{number}", chrom, "+", [at, at + 50, at + 100, at + 160, at + 300, at + 350])


@pytest.fixture(scope="module")
def events():
    """Three conditions; brain and heart are not compared."""
    rng = np.random.default_rng(0)
    rows = [triplet(i, f"chr{i % 7}") for i in range(N_QUANTIFIED)]
    psi = {name: rng.random(N_QUANTIFIED) for name in CONDITIONS}
    changes = [
        Change(i, a, b, float(psi[b][i] - psi[a][i]), 0.99)
        for a, b in (("brain", "liver"), ("liver", "heart"))
        for i in range(N_QUANTIFIED)
        if i % 5
    ]
    quantified = build(rows, psi, changes)
    return joined(quantified, build([triplet(i, "chr7") for i in range(200, 200 + N_ANNOTATED)], {}))


@pytest.fixture(scope="module")
def features(events):
    rng = np.random.default_rng(1)
    values = rng.normal([5, 0, 100, 0, 0, 0, 0, 0, 0], [1, 1, 10, 1, 0, 1, 1, 1, 1], (len(events), N_FEATURES))
    names = [f"f{i}" for i in range(N_FEATURES)]
    catalogue = pd.DataFrame({"name": names, "region": "exon", "kind": "k-mer", "meta_feature": names, "units": "1"})
    return Features(values.astype(np.float32), tuple(events.exons["event_id"]), catalogue)


@pytest.fixture(scope="module")
def data(events, features):
    return assembled(events, N_QUANTIFIED, features, split(events, 3), seed=3)


def split(events, seed):
    return parts(events.exons["chrom"].to_numpy(object), np.arange(len(events)) < N_QUANTIFIED, seed)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return load_or_train(folder, data, SMALL, fingerprint={"data": "x"}, seed=2, progress=False), folder


def test_annotated_exons_come_last_and_only_where_they_are_not_quantified(events):
    assert len(events) == N_QUANTIFIED + N_ANNOTATED
    assert events.psi[N_QUANTIFIED:].isna().all(axis=None)
    again = joined(events, build([triplet(i, f"chr{i % 7}") for i in range(4)], {}))
    assert again.exons["event_id"].tolist() == events.exons["event_id"].tolist()


def test_targets_lie_with_their_exon_and_pair(events, data):
    assert set(data.pairs) == {("brain", "liver"), ("liver", "brain"), ("liver", "heart"), ("heart", "liver")}
    for pair in data.pairs:
        table = targets(events, *pair, seed=3)
        found = pd.DataFrame(data.of_pair(*pair), index=events.exons["event_id"], columns=list(TARGETS))
        compared = found[:N_QUANTIFIED].dropna()
        assert set(compared.index) == set(table.index)
        np.testing.assert_allclose(compared, table.loc[compared.index], atol=1e-7)
    one, other = data.of_pair("brain", "liver"), data.of_pair("liver", "brain")
    there = ~np.isnan(one[:N_QUANTIFIED, 1])
    gap = (one[:, 1] - one[:, 2])[:N_QUANTIFIED][there]
    assert (gap * (other[:, 1] - other[:, 2])[:N_QUANTIFIED][there] <= 1e-6).all()
    with pytest.raises(ValueError, match="got 'brain' and 'heart', expected two conditions that are compared"):
        data.of_pair("brain", "heart")


def test_annotated_exons_are_always_there_and_never_change(data):
    values = data.targets[data.annotated]
    assert data.annotated.sum() == N_ANNOTATED
    assert (values[..., 0] == 1).all()
    assert ((values[..., 1:] >= 0.01) & (values[..., 1:] <= 0.03)).all()


@pytest.mark.parametrize("seed", range(5))
def test_chromosomes_are_kept_together_in_about_the_shares_asked_for(seed):
    """Of all exons, and of those that are quantified, which lie on other chromosomes more often than not."""
    rng = np.random.default_rng(seed)
    chromosomes = np.array([f"chr{i}" for i in rng.choice(20, 4000, p=rng.dirichlet(np.full(20, 5.0)))], object)
    quantified = rng.random(4000) < pd.Series(chromosomes).str[3:].astype(int).to_numpy() / 20
    part = parts(chromosomes, quantified, seed)
    for chosen in (np.ones(4000, bool), quantified):
        shares = pd.Series(part[chosen]).value_counts(normalize=True)
        assert set(shares.index) == set(PARTS)
        assert abs(shares - pd.Series(dict(zip(PARTS, FRACTIONS, strict=True)))).max() <= 0.1
    assert pd.Series(part).groupby(chromosomes).nunique().eq(1).all()
    if seed:
        assert (part != parts(chromosomes, quantified, seed - 1)).any()


@pytest.mark.parametrize("seed", range(4))
def test_a_large_chromosome_is_trained_on_not_tested(seed):
    chromosomes = np.array(["a"] * 900 + ["b"] * 50 + ["c"] * 50, object)
    part = parts(chromosomes, np.ones(1000, bool), seed)
    assert set(part) == set(PARTS)
    assert (part[:900] == "train").all()


def test_quantified_exons_are_in_every_part_or_it_is_refused():
    chromosomes = np.array([f"chr{i % 9}" for i in range(900)], object)
    for seed in range(4):
        part = parts(chromosomes, np.isin(chromosomes, ["chr1", "chr2", "chr3"]), seed)
        assert set(part[np.isin(chromosomes, ["chr1", "chr2", "chr3"])]) == set(PARTS)
    with pytest.raises(ValueError, match="got quantified exons on 2 chromosomes, expected at least 3"):
        parts(chromosomes, np.isin(chromosomes, ["chr1", "chr2"]), 0)


def test_an_exon_that_is_quantified_is_not_constitutive_by_annotation():
    """Also between other splice sites."""

    def about(start, far=400):
        return Triplet("g", "g", "chr1", "+", [50, 100, start, start + 50, far, far + 60])

    quantified = build([about(200)], {"brain": np.array([0.4])})
    annotated = build([about(200, far=500), about(250), about(200)], {})
    both = joined(quantified, annotated)
    assert both.exons["exon_start"].tolist() == [200, 250]


def test_features_must_be_those_of_the_events(events, features):
    mixed = Features(features.values, features.event_ids[::-1], features.catalogue)
    with pytest.raises(ValueError, match="features are not those of the events in their order"):
        assembled(events, N_QUANTIFIED, mixed, split(events, 3))


def test_features_are_standardized_and_back():
    values = torch.tensor([[1.0, 5.0, 7.0], [3.0, 5.0, 8.0]])
    there = Standardize.of(values)
    assert there(values).tolist() == [[-1, 0, -1], [1, 0, 1]]
    back = Standardize(there.mean, there.spread, inverse=True)
    torch.testing.assert_close(back(there(values)), values)


def test_the_unit_of_a_feature_does_not_matter(data, trained):
    """Normalization is inside: a feature in other units gives the same network but for that layer's numbers."""
    found, _ = trained
    scale = np.array([1000, 1, 1e-3, 1, 1, 1, 1, 1, 1], np.float32)
    scaled = assembled_with(data, data.features.values * scale)
    again = load_or_train_in_memory(scaled)
    for name, network in found.networks.items():
        first, second = (
            predict(each, torch.from_numpy(values))
            for each, values in ((network, data.features.values), (again.networks[name], scaled.features.values))
        )
        torch.testing.assert_close(first, second, atol=2e-3, rtol=2e-3)


def assembled_with(data, values):
    features = Features(values, data.features.event_ids, data.features.catalogue)
    return type(data)(data.exons, features, data.targets, data.pairs, data.part, data.annotated)


def load_or_train_in_memory(data):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        return load_or_train(Path(folder), data, SMALL, fingerprint={"data": "y"}, seed=2, progress=False)


def test_networks_are_read_again_and_not_trained(data, trained, monkeypatch):
    found, folder = trained
    monkeypatch.setattr(model_training, "fit", lambda *_, **__: pytest.fail("trained again"))
    again = load_or_train(folder, data, SMALL, fingerprint={"data": "x"}, seed=2, progress=False)
    x = torch.from_numpy(data.features.values)
    for name in found.networks:
        assert torch.equal(found.networks[name](x), again.networks[name](x))
    assert torch.equal(found.autoencoder(x), again.autoencoder(x))
    assert not any(parameter.requires_grad for parameter in again.networks["sparse"].parameters())


def test_a_network_of_other_data_is_trained_again(data, trained, monkeypatch):
    _, folder = trained
    asked = []
    monkeypatch.setattr(model_training, "_kept", lambda path, config, module, train: asked.append(config["data"]))
    load_or_train(folder, data, SMALL, fingerprint={"data": "other"}, seed=2, progress=False)
    assert asked == ["other"] * 3


def test_the_score_is_one_target_of_one_pair_or_the_mean_over_all(data, trained):
    code = trained[0].networks["dense"]
    x = torch.from_numpy(data.features.values[:6])
    logits = code(x)
    for target, name in enumerate(TARGETS):
        one = Score(code, "liver", "heart", name)(x)
        torch.testing.assert_close(one[:, 0], logits[:, code.pairs.index(("liver", "heart")), target])
        both = [i for i, pair in enumerate(code.pairs) if pair[0] == "liver"]
        torch.testing.assert_close(Score(code, "liver", None, name)(x)[:, 0], logits[:, both, target].mean(1))
    with pytest.raises(ValueError, match="got 'brain' and 'heart', expected two that are compared"):
        Score(code, "brain", "heart", "psi")
    with pytest.raises(ValueError, match="target: got 'dpsi', expected one of psi, increased, decreased"):
        Score(code, "brain", None, "dpsi")


def test_the_loss_sees_what_is_measured_and_nothing_else():
    class Fixed(torch.nn.Module):
        def forward(self, x):
            return torch.zeros(len(x), 2, 3)

    y = torch.full((4, 2, 3), 0.3)
    y[1] = torch.nan
    weights = torch.tensor([1.0, 2.0, 3.0])
    found = model_training.loss(Fixed(), torch.zeros(4, 1), y, weights=weights)
    assert float(found) == pytest.approx(2 * np.log(2))


def test_a_target_weighs_the_less_the_more_there_is_to_know_of_it():
    y = torch.tensor([0.5, 0.1, 0.02]).expand(5, 2, 3).clone()
    y[0, 0] = torch.nan
    entropy = -np.array([p * np.log(p) + (1 - p) * np.log(1 - p) for p in (0.5, 0.1, 0.02)])
    np.testing.assert_allclose(model_training.weights_of(y), 1 / entropy, rtol=1e-5)


@pytest.mark.parametrize("variational", [False, True])
def test_an_autoencoder_has_the_units_of_the_features(data, variational):
    x = torch.from_numpy(data.features.values)
    recipe = Recipe(hidden=(8,), n_latent=4, variational=variational, autoencoder=BRIEF)
    autoencoder = model_training.train_autoencoder(x[:200], x[200:], recipe, seed=0, progress=False)
    assert isinstance(autoencoder, VariationalAutoencoder) == variational
    assert autoencoder.encode(x).shape == (len(x), 4)
    inner, standardize = between_units(autoencoder)
    torch.testing.assert_close(autoencoder.encode(x), inner.encode(standardize(x)))
    torch.testing.assert_close(standardize(autoencoder(x)), inner(standardize(x)), atol=1e-4, rtol=1e-4)
    code = SplicingCode(model_training._encoder(autoencoder), 4, (5,), data.pairs)
    assert code(x).shape == (len(x), len(data.pairs), len(TARGETS))
