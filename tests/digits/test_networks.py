"""Networks are trained once, and again where anything differs."""

import logging
from dataclasses import replace

import pytest
import torch
from tests.digits.runs import load, never

from eigrad.cases.digits import networks
from eigrad.cases.digits.settings import KINDS
from eigrad.training import load_config, model_hash

# What networks trained for a second give to a five is far from what they give to digits in general.
pytestmark = pytest.mark.filterwarnings("ignore::eigrad.significance.SignificanceWarning")


def test_small_data_gets_up_to_three_times_the_epochs_and_quick_a_quarter():
    for kind, epochs in (("vae", (12, 5)), ("cnn", (None, 4)), ("cvae", (5, 5))):
        for n_train, factor in ((60_000, 1), (100_000, 1), (30_000, 2), (20_000, 3), (600, 3)):
            for quick in (False, True):
                recipe = networks.recipe(kind, n_train, quick)
                schedules = (recipe.autoencoder_schedule, recipe.schedule)
                expected = [n and max(1, round(n * factor / (4 if quick else 1))) for n in epochs]
                assert [schedule and schedule.epochs for schedule in schedules] == expected
                assert (recipe.n_latent is None) == (kind == "cnn")


def test_another_kind_of_network_is_refused():
    with pytest.raises(ValueError, match="network: got 'mlp', expected vae, cnn or cvae"):
        networks.recipe("mlp", 600, quick=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_is_ready_to_be_explained_whatever_the_memory_format(trained, digits, kind):
    network, x = trained[kind].network, torch.from_numpy(digits.test.values)
    modules = [network, *([] if kind == "cnn" else [trained[kind].autoencoder])]
    assert not any(module.training for whole in modules for module in whole.modules())
    assert not any(parameter.requires_grad for whole in modules for parameter in whole.parameters())
    logits = network(x)
    assert logits.shape == (120, 10)
    torch.testing.assert_close(network(x.to(memory_format=torch.channels_last)), logits, rtol=1e-5, atol=1e-5)
    plain = networks.Assembled(kind, networks.recipe(kind, 440, quick=True))
    plain.network().load_state_dict({name: tensor.contiguous() for name, tensor in network.state_dict().items()})
    torch.testing.assert_close(plain.eval().network()(x), logits, rtol=1e-5, atol=1e-5)
    accuracy = (logits.argmax(1).numpy() == digits.test.labels).mean()
    assert trained[kind].accuracy == pytest.approx(accuracy, abs=1 / 120)
    if kind != "cnn":
        assert torch.equal(network[0](x), trained[kind].autoencoder.encode(x))


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_network_is_reused(run, digits, trained, kind, monkeypatch):
    monkeypatch.setattr(networks, "_train", never)
    before = (run / "models" / f"{kind}.safetensors").stat()
    again = load(run, kind, digits)
    modules = (again.network, again.autoencoder), (trained[kind].network, trained[kind].autoencoder)
    assert model_hash(*modules[0]) == model_hash(*modules[1])
    assert (again.config, again.accuracy) == (trained[kind].config, trained[kind].accuracy)
    assert (run / "models" / f"{kind}.safetensors").stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize(
    "change",
    [
        lambda digits: (digits, {"seed": 1}),
        lambda digits: (digits, {"quick": False}),
        lambda digits: (replace(digits, hash="of other images"), {}),
    ],
)
def test_another_seed_recipe_or_data_trains_again_and_replaces(run, digits, change, monkeypatch):
    count = []
    monkeypatch.setattr(networks, "_train", lambda *arguments: count.append(arguments))
    other, options = change(digits)
    path, before = run / "models" / "cnn.safetensors", load_config(run / "models" / "cnn.safetensors")
    found = load(run, "cnn", other, **options)
    assert load_config(path) == found.config != before
    load(run, "cnn", other, **options)
    assert len(count) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[:-7],
        lambda raw: raw[:5],
        lambda raw: b"",
        lambda raw: b"{" + raw[1:],
        lambda raw: raw.replace(b'"config"', b'"gifnoc"'),
        lambda raw: raw.replace(b"classifier.0.bias", b"classifier.9.bias"),
    ],
)
def test_a_damaged_network_is_trained_again_with_a_warning(run, digits, damage, monkeypatch, caplog):
    monkeypatch.setattr(networks, "_train", lambda *_: None)
    path = run / "models" / "cnn.safetensors"
    config = load_config(path)
    path.write_bytes(damage(path.read_bytes()))
    with caplog.at_level(logging.WARNING):
        load(run, "cnn", digits)
    assert [message.endswith("; training again") for message in caplog.messages] == [True]
    assert "cnn.safetensors: " in caplog.text
    assert load_config(path) == config


def test_training_learns_repeats_itself_and_leaves_global_random_numbers_alone(digits, tmp_path):
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first, second = (load(tmp_path / name, "cnn", digits, progress=False) for name in "ab")
    assert torch.equal(torch.get_rng_state(), state)
    assert model_hash(first.network) == model_hash(second.network)
    assert first.accuracy > 0.2
    assert [path.name for path in (tmp_path / "a" / "models").iterdir()] == ["cnn.safetensors"]
