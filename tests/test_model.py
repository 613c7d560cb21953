"""A network as a score per example: which output, which rows, which state."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from eigrad.model import as_samples, as_tensor, in_batches, placement, score
from eigrad.undisturbed import Undisturbed, evaluating

N = 5


@pytest.fixture
def model(generator):
    weights = torch.rand(6, 4, generator=generator, dtype=torch.float64)
    return lambda x: torch.tanh(x.flatten(1) @ weights) ** 2


@pytest.fixture
def samples(generator):
    return torch.rand(N, 2, 3, generator=generator, dtype=torch.float64)


ROWS = torch.arange(N)


# scores


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (2, lambda y: y[:, [2]]),
        (np.int64(2), lambda y: y[:, [2]]),
        ((3, 0), lambda y: y[:, [3, 0]]),
        (torch.tensor([1, 0, 3, 3, 2]), lambda y: y[ROWS, [1, 0, 3, 3, 2]][:, None]),
        (np.array([1, 0, 3, 3, 2]), lambda y: y[ROWS, [1, 0, 3, 3, 2]][:, None]),
        ("predicted", lambda y: y.max(1, keepdim=True).values),
        (lambda y: y[:, 0] - y[:, 1], lambda y: (y[:, 0] - y[:, 1])[:, None]),
        (lambda y: y[:, :2] ** 3, lambda y: y[:, :2] ** 3),
    ],
    ids=["output", "NumPy's whole number", "outputs", "tensor", "array", "predicted", "function", "functions"],
)
def test_a_target_is_what_it_says(target, expected, model, samples):
    resolved = score(model, samples, target)
    torch.testing.assert_close(resolved(samples, ROWS), expected(model(samples)))


def test_own_outputs_follow_their_row_not_their_place(model, samples):
    resolved = score(model, samples, torch.tensor([1, 0, 3, 3, 2]))
    rows = torch.tensor([4, 4, 1, 0])
    torch.testing.assert_close(resolved(samples[rows], rows)[:, 0], model(samples[rows])[torch.arange(4), [2, 2, 0, 1]])


@pytest.mark.parametrize("one", [lambda y: y[:, 1], lambda y: y[:, 1:2]])
def test_a_single_output_needs_no_target(one, model, samples):
    resolved = score(lambda x: one(model(x)), samples)
    torch.testing.assert_close(resolved(samples, ROWS), model(samples)[:, 1:2])


def test_extra_inputs_follow_their_row(model, samples):
    scale, shift = torch.linspace(1, 2, N, dtype=torch.float64), torch.rand(N, 4, dtype=torch.float64)
    resolved = score(lambda x, a, b: model(x) * a[:, None] + b, samples, 3, (scale, shift.numpy()))
    rows = torch.tensor([3, 0, 3])
    expected = model(samples[rows])[:, [3]] * scale[rows, None] + shift[rows][:, [3]]
    torch.testing.assert_close(resolved(samples[rows], rows), expected)


def test_extra_inputs_decide_the_predicted_class(model, generator):
    many = torch.rand(300, 2, 3, generator=generator, dtype=torch.float64)
    turn = torch.randint(4, (300,), generator=generator)

    def turned(x, by):
        return torch.stack([row.roll(int(k)) for row, k in zip(model(x), by, strict=True)])

    own = score(turned, many, "predicted", (turn,)).own
    assert torch.equal(own, (model(many).argmax(1) + turn) % 4)


# state


def test_every_part_comes_back_in_its_own_mode():
    network = nn.Sequential(nn.Dropout(), nn.Sequential(nn.Dropout(), nn.Linear(2, 3)))
    network[1].eval()
    before = [part.training for part in network.modules()]
    assert len(set(before)) == 2
    with evaluating(network, len):
        assert not any(part.training for part in network.modules())
    assert [part.training for part in network.modules()] == before
    with pytest.raises(KeyError), evaluating(network):
        raise KeyError
    assert [part.training for part in network.modules()] == before


def test_a_network_computes_where_its_first_floating_tensor_is():
    values = torch.ones(3, 2, dtype=torch.float64)

    class Counted(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("count", torch.zeros(1, dtype=torch.long))
            self.register_buffer("mean", torch.zeros(1, dtype=torch.bfloat16))

    assert placement(nn.Linear(2, 3), values) == (torch.device("cpu"), torch.float32)
    assert placement(nn.Linear(2, 3, device="meta"), values)[0].type == "meta"
    assert placement(Counted(), values)[1] == torch.bfloat16
    assert placement(len, values)[1] == torch.float64
    assert placement(nn.ReLU(), values.long())[1] == torch.get_default_dtype()


# batches and values


@pytest.mark.parametrize("size", [1, 2, 5, 99])
def test_batches_give_what_the_whole_does(size, samples):
    found = in_batches(lambda a, b: a * b[:, None, None], samples.requires_grad_(), ROWS, size=size)
    torch.testing.assert_close(found, (samples * ROWS[:, None, None]).detach())
    assert not found.requires_grad


def test_samples_are_tensors_of_numbers():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3, 4], "c": [True, False]})
    assert torch.equal(as_samples(frame[["a", "b"]]), torch.tensor([[1.0, 3.0], [2.0, 4.0]], dtype=torch.float64))
    same = torch.ones(2, 3)
    assert as_samples(same) is same
    with torch.inference_mode():
        made = torch.ones(2, 3)
    assert not as_samples(made).is_inference()


def test_an_array_that_is_read_only_is_left_so():
    array = np.arange(6.0).reshape(2, 3)
    array.flags.writeable = False
    as_tensor(array, "values")[0, 0] = 9
    assert array[0, 0] == 0


# at the door


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (torch.ones(3), r"points: got shape \(3,\), expected \(samples, features...\) with at least one of each"),
        (torch.ones(0, 3), r"got shape \(0, 3\)"),
        (torch.ones(3, 0), r"got shape \(3, 0\)"),
        (torch.ones(3, 2, dtype=torch.complex64), "got complex values, expected real numbers"),
        (np.array([["a", "b"]]), "got values of type <U1, expected numbers"),
        (pd.DataFrame({"a": [1, "x"]}), "got values of type object, expected numbers"),
        (np.array([[1, np.nan], [0, 1], [np.inf, -np.inf]]), "2 of 3 rows hold NaN or infinite values"),
    ],
)
def test_values_that_are_no_samples_are_refused(values, sentence):
    with pytest.raises(ValueError, match=sentence):
        as_samples(values, "points")


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        (4, "got output 4, expected 0 to 3"),
        (-1, "got output -1, expected 0 to 3"),
        ((0, 4), "got output 4"),
        ((), "expected whole numbers, the indices of outputs"),
        (True, "expected whole numbers"),
        (torch.ones(N), "expected whole numbers"),
        (torch.ones(N - 1, dtype=torch.long), "got 4 indices for 5 samples, expected one index a sample"),
        ("highest", "got 'highest', expected 'predicted', output indices or a function"),
        (None, "the model has 4 outputs, expected the index of the one to explain"),
        (lambda y: y.sum(), r"target function: got scores of shape"),
        (lambda y: y[:, :0], "target function: got scores of shape"),
    ],
)
def test_a_target_that_is_none_is_refused(target, sentence, model, samples):
    with pytest.raises(ValueError, match=sentence):
        score(model, samples, target)


@pytest.mark.parametrize("one", [lambda y: y[:, 1], lambda y: y[:, 1:2]])
def test_the_predicted_class_of_a_single_output_is_refused(one, model, samples):
    with pytest.raises(ValueError, match="got 'predicted' for a model with one output"):
        score(lambda x: one(model(x)), samples, "predicted")


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (lambda x: torch.ones(len(x), 3, dtype=x.dtype), "does not depend on its input through a gradient"),
        (lambda x: x.detach().flatten(1), "does not depend on its input"),
        (lambda x: x, r"got shape \(1, 2, 3\) for one sample, expected \(samples, outputs\) or \(samples,\)"),
        (lambda x: x.flatten(1).sum(), r"got shape \(\) for one sample"),
        (lambda x: (x, x), "got a tuple for one sample"),
        (lambda x: x.flatten(1) @ torch.ones(9, 2, dtype=x.dtype), r"got a sample of shape \(2, 3\), expected one it"),
    ],
)
def test_a_model_that_cannot_be_explained_is_refused(model, sentence, samples):
    with pytest.raises(ValueError, match=sentence):
        score(model, samples, 0)


@pytest.mark.parametrize("extra", [torch.ones(N + 1), torch.tensor(1.0), np.ones((2, N))])
def test_an_extra_input_without_a_row_for_each_sample_is_refused(extra, model, samples):
    with pytest.raises(ValueError, match=r"extra input: got shape .*, expected 5 rows, one a sample"):
        score(lambda x, e: model(x), samples, 0, (extra,))


def test_recurrent_networks_are_run_without_cudnn_and_it_comes_back():
    class Watching(nn.LSTM):
        def forward(self, x):
            seen.append(torch.backends.cudnn.enabled)
            return super().forward(x)

    seen: list[bool] = []
    recurrent, plain = Watching(3, 4, batch_first=True), nn.Linear(3, 4)
    before = torch.backends.cudnn.enabled
    with Undisturbed(nn.Sequential(recurrent)):
        recurrent(torch.rand(2, 5, 3))
    with pytest.raises(KeyError), Undisturbed(recurrent):
        raise KeyError
    with Undisturbed(plain):
        seen.append(torch.backends.cudnn.enabled)
    assert seen == [False, before]
    assert torch.backends.cudnn.enabled is before
