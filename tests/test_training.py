"""Training is a function of its seed, keeps its best weights, and networks come back from disk as they were."""

import json
import logging

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from eigrad.training import Schedule, accuracy, fit, load_config, load_weights, predict, save_model, seeded


def mean_squares(module, x, y):
    return functional.mse_loss(module(x), y)


def data(n, seed=0):
    """Rows of three numbers and a linear map of them to two."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 3, generator=generator)
    return x, x @ torch.tensor([[1.0, -2.0], [0.5, 0.0], [3.0, 1.0]]) + torch.tensor([0.3, -0.7])


def network(dropout=0.0):
    with seeded(7):
        return nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Dropout(dropout), nn.Linear(5, 2))


def trained(seed, *, dropout=0.0, epochs=3, **options):
    module = network(dropout)
    schedule = Schedule(epochs, batch_size=16, learning_rate=0.01)
    history = fit(module, mean_squares, data(50), data(20, 1), schedule, seed=seed, progress=False, **options)
    return module, history


def weights(module):
    return torch.cat([tensor.detach().flatten() for tensor in module.state_dict().values()])


def one_sentence(refused):
    text = str(refused.value)
    return "\n" not in text and not text.endswith(".") and ". " not in text


# fit


def test_training_learns_a_linear_map():
    module = nn.Linear(3, 2)
    schedule = Schedule(60, batch_size=32, learning_rate=0.1, patience=60)
    fit(module, mean_squares, data(200), data(50, 1), schedule, seed=0, progress=False)
    x, y = data(30, 2)
    torch.testing.assert_close(predict(module, x), y, atol=1e-3, rtol=0)


def test_a_seed_gives_the_same_weights_to_the_bit_and_another_seed_others(seed):
    (first, history), (again, history_again) = (trained(seed, dropout=0.3) for _ in range(2))
    other, _ = trained(seed + 1, dropout=0.3)
    assert torch.equal(weights(first), weights(again))
    assert history == history_again
    assert not torch.equal(weights(first), weights(other))


def test_the_seed_governs_shuffling_where_there_is_no_noise(seed):
    assert not torch.equal(weights(trained(seed)[0]), weights(trained(seed + 1)[0]))


def test_the_callers_generators_neither_matter_nor_move(seed):
    torch.manual_seed(1)
    first, _ = trained(seed, dropout=0.3)
    torch.manual_seed(2)
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    second, _ = trained(seed, dropout=0.3)
    assert torch.equal(weights(first), weights(second))
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002


def test_seeding_leaves_the_generators_of_devices_not_asked_for(monkeypatch, seed):
    def touched(*_):
        raise AssertionError("every GPU was seeded")

    monkeypatch.setattr(torch.cuda, "manual_seed_all", touched)
    with seeded(seed):
        first = torch.rand(4)
    with seeded(seed):
        assert torch.equal(torch.rand(4), first)


def test_seeding_ends_with_its_block_even_after_an_error(seed):
    def broken():
        with seeded(seed):
            raise KeyError(torch.rand(3))

    before = torch.get_rng_state()
    with pytest.raises(KeyError):
        broken()
    assert torch.equal(torch.get_rng_state(), before)


def scripted(losses):
    """A loss whose gradient always moves the weight, and whose validation value follows a script."""
    seen, left = [], list(losses)

    def loss(module, x):
        if module.training:
            return (module.weight * x).sum() * 0.1
        seen.append(module.weight.item())
        return torch.tensor(left.pop(0))

    return loss, seen


@pytest.fixture
def weight():
    module = nn.Linear(1, 1, bias=False)
    nn.init.constant_(module.weight, 1.0)
    return module


ONE_ROW = (torch.ones(1, 1),)


def test_the_best_weights_are_kept_not_the_last(weight):
    loss, seen = scripted([3.0, 1.0, 2.0, 2.5, 2.4])
    history = fit(weight, loss, ONE_ROW, ONE_ROW, Schedule(5, patience=9), seed=0, progress=False)
    assert seen[1] not in seen[2:]
    assert weight.weight.item() == seen[1]
    assert history.best_epoch == 1
    assert history.validation == pytest.approx((3.0, 1.0, 2.0, 2.5, 2.4))


def test_the_first_of_equally_good_epochs_is_kept(weight):
    loss, seen = scripted([2.0, 1.0, 1.0])
    history = fit(weight, loss, ONE_ROW, ONE_ROW, Schedule(3, patience=9), seed=0, progress=False)
    assert (history.best_epoch, weight.weight.item()) == (1, seen[1])


def test_training_stops_when_the_validation_loss_has_not_fallen_for_so_many_epochs(weight):
    loss, seen = scripted([3.0, 4.0, 2.0, 5.0, 6.0, 7.0, 0.0])
    history = fit(weight, loss, ONE_ROW, ONE_ROW, Schedule(7, patience=3), seed=0, progress=False)
    assert len(history.train) == len(history.validation) == len(seen) == 6
    assert (history.best_epoch, weight.weight.item()) == (2, seen[2])


def test_a_loss_that_diverges_later_gives_the_weights_from_before(weight):
    loss, seen = scripted([3.0, 2.0, float("nan"), 0.0])
    history = fit(weight, loss, ONE_ROW, ONE_ROW, Schedule(4, patience=9), seed=0, progress=False)
    assert len(seen) == 3
    assert (history.best_epoch, weight.weight.item()) == (1, seen[1])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_was_never_finite_is_refused(weight, value):
    loss, _ = scripted([value])
    with pytest.raises(ValueError, match="reading tea leaves: the loss is not finite") as refused:
        fit(weight, loss, ONE_ROW, ONE_ROW, Schedule(4), seed=0, description="reading tea leaves", progress=False)
    assert one_sentence(refused)


def test_losses_are_means_over_samples_also_where_the_last_batch_is_small():
    x = torch.arange(7.0)[:, None]

    def loss(module, part):
        return (module(part) * 0 + part).mean()

    history = fit(nn.Linear(1, 1), loss, (x,), (x[:5],), Schedule(1, batch_size=3), seed=0, progress=False)
    assert history.train == pytest.approx((3.0,))
    assert history.validation == pytest.approx((2.0,))


def test_a_validation_set_of_many_batches_is_weighed_by_samples():
    x = torch.arange(1500.0)[:, None]

    def loss(module, part):
        return (module(part) * 0 + part).mean()

    history = fit(nn.Linear(1, 1), loss, (x[:2],), (x,), Schedule(1), seed=0, progress=False)
    assert history.validation == pytest.approx((749.5,))


def test_every_sample_is_seen_once_an_epoch_with_its_partner(seed):
    x = torch.arange(11.0)[:, None]
    seen = []

    def loss(module, part, double):
        assert torch.equal(double, 2 * part)
        if module.training:
            seen.append(part.flatten())
        return module(part).square().mean()

    schedule = Schedule(2, batch_size=4, learning_rate=1e-4)
    fit(nn.Linear(1, 1), loss, (x, 2 * x), (x, 2 * x), schedule, seed=seed, progress=False)
    epochs = torch.cat(seen).reshape(2, 11)
    assert all(torch.equal(epoch.sort().values, x.flatten()) for epoch in epochs)
    assert not torch.equal(epochs[0], epochs[1])


def test_frozen_parameters_stay_and_the_others_move(seed):
    module = network()
    module[0].requires_grad_(False)
    before = [parameter.clone() for parameter in module.parameters()]
    fit(module, mean_squares, data(50), data(20, 1), Schedule(2), seed=seed, progress=False)
    same = [torch.equal(old, new) for old, new in zip(before, module.parameters(), strict=True)]
    assert same == [True, True, False, False]
    assert [parameter.requires_grad for parameter in module.parameters()] == [False, False, True, True]


def test_noise_is_on_in_training_and_off_in_validation(seed):
    modes = []

    def loss(module, x, y):
        modes.append([part.training for part in module.modules()])
        return mean_squares(module, x, y)

    module = network(0.5)
    fit(module, loss, data(10), data(6, 1), Schedule(1), seed=seed, progress=False)
    assert modes == [[True] * 5, [False] * 5]
    assert not any(part.training for part in module.modules())


def test_the_module_keeps_its_dtype_and_device(seed):
    module = network().double()
    part = (tuple(tensor.double() for tensor in data(20)),) * 2
    fit(module, mean_squares, *part, Schedule(1), seed=seed, progress=False)
    assert {(tensor.dtype, tensor.device.type) for tensor in module.parameters()} == {(torch.float64, "cpu")}


def test_what_cannot_be_trained_is_refused_in_one_sentence(seed):
    x, y = data(6)

    def refused(module, train, validation):
        with pytest.raises(ValueError, match="expected") as error:
            fit(module, mean_squares, train, validation, Schedule(1), seed=seed, progress=False)
        return one_sentence(error)

    assert refused(network().requires_grad_(False), (x, y), (x, y))
    assert refused(network(), (x, y[:5]), (x, y))
    assert refused(network(), (x, y), (x[:5], y))
    assert refused(network(), (x[:0], y[:0]), (x, y))
    assert refused(network(), (x, y), (x[:0], y[:0]))


# predictions


def test_predictions_do_not_depend_on_the_batch_and_leave_the_mode(seed):
    module = network(0.5).train()
    x, _ = data(11)
    together = predict(module, x)
    torch.testing.assert_close(predict(module, x, batch_size=3), together)
    torch.testing.assert_close(together, module.eval()(x).detach())
    assert not together.requires_grad
    module.train()
    predict(module, x)
    assert all(part.training for part in module.modules())


def test_accuracy_is_the_fraction_of_largest_outputs_that_are_the_label():
    outputs = torch.tensor([[0.1, 0.9, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 5.0], [-1.0, -2.0, -3.0]])
    assert accuracy(nn.Identity(), outputs, np.array([1, 0, 1, 2])) == 0.5


# on disk

CONFIG = {"kind": "network", "sizes": [3, 5, 2], "rate": 0.1, "none": None}


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "models" / "network.safetensors"
    save_model(path, network(), CONFIG)
    return path


def test_weights_and_configuration_come_back_to_the_bit(saved):
    module = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Dropout(), nn.Linear(5, 2))
    load_weights(saved, module)
    assert torch.equal(weights(module), weights(network()))
    assert load_config(saved) == CONFIG
    assert [path.name for path in saved.parent.iterdir()] == ["network.safetensors"]


def test_the_file_is_safetensors_alone(saved):
    raw = saved.read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    assert json.loads(header["__metadata__"]["config"]) == CONFIG
    assert set(load_file(saved)) == set(network().state_dict())


def test_the_same_network_gives_the_same_file(saved, tmp_path):
    save_model(tmp_path / "again.safetensors", network(), dict(reversed(CONFIG.items())))
    assert (tmp_path / "again.safetensors").read_bytes() == saved.read_bytes()


def test_tied_and_transposed_weights_can_be_saved(tmp_path):
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    second.weight = first.weight
    path = tmp_path / "tied.safetensors"
    save_model(path, nn.Sequential(first, second), {})
    other = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    load_weights(path, other)
    assert torch.equal(other[0].weight, first.weight)
    assert torch.equal(other[1].weight, first.weight)
    third = nn.Linear(4, 3)
    third.weight = nn.Parameter(torch.randn(4, 3).T)
    save_model(path, third, {})
    assert torch.equal(load_file(path)["weight"], third.weight)


def test_a_configuration_that_is_no_json_leaves_the_old_file(saved):
    before = saved.read_bytes()
    with pytest.raises(TypeError):
        save_model(saved, network(), {"bad": object()})
    assert saved.read_bytes() == before
    assert len(list(saved.parent.iterdir())) == 1


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda raw: raw[:-1], id="a byte short"),
        pytest.param(lambda raw: raw[:40], id="half a header"),
        pytest.param(lambda raw: b"", id="empty"),
        pytest.param(lambda raw: b"PK\3\4" + raw, id="a zip"),
        pytest.param(lambda raw: b"\x80\x04." + bytes(60), id="a pickle"),
    ],
)
def test_a_damaged_or_foreign_file_is_refused_in_one_sentence(saved, damage):
    saved.write_bytes(damage(saved.read_bytes()))
    for read in (load_config, lambda path: load_weights(path, network())):
        with pytest.raises(ValueError, match=r"network\.safetensors: cannot be read") as refused:
            read(saved)
        assert one_sentence(refused)


def test_files_that_are_not_there_folders_and_other_safetensors_are_refused(tmp_path):
    save_file({"a": torch.zeros(2)}, tmp_path / "plain.safetensors")
    save_file({"a": torch.zeros(2)}, tmp_path / "list.safetensors", metadata={"config": "[1]"})
    save_file({"a": torch.zeros(2)}, tmp_path / "broken.safetensors", metadata={"config": "{"})
    for name in ("plain.safetensors", "list.safetensors", "broken.safetensors", "nowhere", "."):
        with pytest.raises(ValueError, match="expected a network saved by eigrad") as refused:
            load_config(tmp_path / name)
        assert one_sentence(refused)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Dropout(), nn.Linear(5, 4)), id="shape"),
        pytest.param(nn.Sequential(nn.Linear(3, 5)), id="fewer"),
        pytest.param(nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Dropout(), nn.Linear(5, 2), nn.PReLU()), id="more"),
    ],
)
def test_weights_of_another_architecture_are_refused_and_none_is_taken(saved, other):
    before = weights(other)
    with pytest.raises(ValueError, match=r"network\.safetensors: .* weights of another network") as refused:
        load_weights(saved, other)
    assert one_sentence(refused)
    assert torch.equal(weights(other), before)


def test_nothing_here_warns_or_logs(saved, caplog):
    with caplog.at_level(logging.DEBUG):
        trained(0)
        load_config(saved)
    assert not caplog.records
