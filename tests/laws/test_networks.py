"""Laws of data, of sequences, and of networks that are trained, kept and made sparse."""

import gzip
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.laws.strategies import SEEDS, drawn, law, network, shapes
from torch import nn

from eigrad import sparse
from eigrad.autoencoder import Mean, convolutional, dense, dense_layers
from eigrad.data import IDX_TYPES, Examples, read_idx, split
from eigrad.sequence import IUPAC, LETTERS, one_hot
from eigrad.training import (
    Schedule,
    accuracy,
    fit,
    held_out_loss,
    load_config,
    load_weights,
    model_hash,
    predict,
    reloaded,
    save_model,
    seeded,
)

CODES = "".join(IUPAC)
COMPLEMENT = str.maketrans("ACGTURYSWKMBDHVN", "TGCAAYRSWMKVHDBN")
DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool)
JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=5),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
CONFIGS = st.dictionaries(st.text(max_size=5), JSON, max_size=3)


# sequences


@law(60)
@given(length=st.integers(1, 6), n=st.integers(1, 4), choose=st.data())
def test_one_hot_letters_are_shares_of_one(length, n, choose):
    letters = st.text(CODES + CODES.lower(), min_size=length, max_size=length)
    sequences = choose.draw(st.lists(letters, min_size=n, max_size=n))
    found = one_hot(sequences)
    assert found.shape == (n, 4, length)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-6)
    for row, sequence in zip(found, sequences, strict=True):
        assert [{LETTERS[i] for i in np.flatnonzero(column)} for column in row.T] == [
            set(IUPAC[letter]) for letter in sequence.upper()
        ]
    other = one_hot([sequence.upper().translate(COMPLEMENT)[::-1] for sequence in sequences])
    assert np.array_equal(other, found[:, ::-1, ::-1])
    assert np.array_equal(one_hot(sequences[:1]), found[:1])


@law(60)
@given(sequences=st.lists(st.text(max_size=4) | st.text("ACGTN", min_size=2, max_size=2), max_size=4))
@example(sequences=["ß"])
@example(sequences=["\N{LATIN SMALL LETTER LONG S}"])
@example(sequences=["\0"])
@example(sequences=["ß", "SS"])
def test_what_is_no_sequence_is_refused_in_a_line(sequences):
    lengths = {len(sequence) for sequence in sequences}
    legal = len(lengths) == 1 and 0 not in lengths and set("".join(sequences)) <= set(CODES + CODES.lower())
    if legal:
        assert one_hot(sequences).shape == (len(sequences), 4, *lengths)
        return
    with pytest.raises(ValueError, match=r"^sequences: ") as refused:
        one_hot(sequences)
    assert ", expected" in str(refused.value)


# data


@st.composite
def examples(draw, least=1):
    """Values of any shape whose first is the place of the sample."""
    shape, counts = draw(shapes(3)), draw(st.lists(st.integers(least, 40), min_size=1, max_size=3))
    labels = np.random.default_rng(draw(SEEDS)).permutation(np.repeat(np.arange(len(counts)) * 3, counts))
    values = drawn(draw(SEEDS), len(labels), *shape, dtype=torch.float32).numpy()
    values.reshape(len(labels), -1)[:, 0] = np.arange(len(labels))
    return Examples(values, labels, tuple(f"f{i}" for i in range(math.prod(shape))))


TEN = Examples(np.arange(10, dtype=np.float32)[:, None], np.zeros(10, int), ("f0",))


@law(40)
@given(
    given=examples(10),
    parts=st.sampled_from([(1.0,), (0.5, 0.5), (0.7, 0.2, 0.1), (0.25,) * 4, (0.1,) * 10]),
    seed=st.integers(0, 99),
)
@example(given=TEN, parts=(0.1,) * 10, seed=0)
def test_a_split_is_a_partition_in_proportion(given, parts, seed):
    found = split(given, parts, seed)
    assert len(found) == len(parts)
    places = [part.values.reshape(len(part), -1)[:, 0].astype(int) for part in found]
    assert sorted(np.concatenate(places)) == list(range(len(given)))
    for part, own, fraction in zip(found, places, parts, strict=True):
        assert np.array_equal(part.labels, given.labels[own])
        assert np.array_equal(part.values, given.values[own])
        assert part.feature_names == given.feature_names
        assert abs(len(part) - fraction * len(given)) <= len(parts)
        for label in np.unique(given.labels):
            assert abs((part.labels == label).sum() - fraction * (given.labels == label).sum()) <= len(parts)
    again = split(given, parts, seed)
    assert all(np.array_equal(one.values, other.values) for one, other in zip(found, again, strict=True))


@law(40)
@given(given=examples(), seed=SEEDS)
def test_examples_taken_are_those_asked_for(given, seed):
    rng = np.random.default_rng(seed)
    index, mask = rng.integers(0, len(given), 3), rng.random(len(given)) < 0.5
    for chosen in (index, mask):
        assume(len(given.labels[chosen]))
        some = given.take(chosen)
        assert np.array_equal(some.values, given.values[chosen])
        assert np.array_equal(some.labels, given.labels[chosen])
        assert some.shape == given.shape
        assert some.n_features == len(some.feature_names)
    own = [given.of_class(int(label)) for label in np.unique(given.labels)]
    assert sum(map(len, own)) == len(given)
    assert all(len(np.unique(part.labels)) == 1 for part in own)


@law(40)
@given(
    kind=st.sampled_from(list(IDX_TYPES)),
    shape=hnp.array_shapes(max_dims=3, max_side=4),
    zipped=st.booleans(),
    seed=SEEDS,
    cut=st.integers(1, 9),
)
def test_an_idx_file_has_its_array_or_is_refused(tmp_path_factory, kind, shape, zipped, seed, cut):
    values = np.random.default_rng(seed).integers(0, 100, shape).astype(IDX_TYPES[kind])
    header = bytes([0, 0, kind, len(shape)]) + np.array(shape, ">u4").tobytes()
    content = header + values.tobytes()
    place = tmp_path_factory.mktemp("idx") / "file"
    place.write_bytes(gzip.compress(content) if zipped else content)
    found = read_idx(place)
    assert found.dtype == values.dtype.newbyteorder("=")
    assert np.array_equal(found, values)
    for wrong in (content[:-cut], content + b"\0" * cut, b"\1" + content[1:]):
        place.write_bytes(gzip.compress(wrong) if zipped else wrong)
        with pytest.raises(ValueError, match="file"):
            read_idx(place)


# autoencoders


@law(25)
@given(
    shape=shapes(), hidden=st.lists(st.integers(1, 5), max_size=3), n_latent=st.integers(1, 4), n=st.integers(1, 5),
    variational=st.booleans(), binary=st.booleans(), seed=st.integers(0, 99),
)  # fmt: skip
def test_dense_autoencoders_lead_there_and_back(shape, hidden, n_latent, n, variational, binary, seed):
    with seeded(seed):
        coder = dense(shape, hidden, n_latent, variational=variational, binary=binary, beta=0.0).eval()
    x = torch.sigmoid(drawn(seed, n, *shape, dtype=torch.float32))
    with torch.no_grad():
        codes = coder.encode(x)
        assert codes.shape == (n, n_latent)
        back = coder.decode(codes)
        assert back.shape == x.shape
        assert torch.equal(coder(x), back)
        assert ((back >= 0) & (back <= 1)).all() or not binary
        alone = torch.stack([coder.loss(x[i : i + 1]) for i in range(n)])
        torch.testing.assert_close(coder.loss(x), alone.mean(), rtol=1e-4, atol=1e-5)
        assert (alone >= 0).all()
        if variational:
            assert torch.equal(Mean(coder.encoder)(x), codes)
        else:
            torch.testing.assert_close(coder.loss(x), (back - x).square().flatten(1).sum(1).mean())


@law(12)
@given(
    colors=st.integers(1, 3), height=st.integers(1, 9), width=st.integers(1, 9), first=st.integers(1, 3),
    second=st.integers(1, 3), n_latent=st.integers(1, 3), n=st.integers(1, 3),
)  # fmt: skip
def test_convolutional_autoencoders_lead_there_and_back(colors, height, width, first, second, n_latent, n):
    if height % 4 or width % 4:
        with pytest.raises(ValueError, match="expected multiples of four"):
            convolutional((colors, height, width), (first, second), 5, n_latent)
        height, width = 4 * -(-height // 4), 4 * -(-width // 4)
    coder = convolutional((colors, height, width), (first, second), 5, n_latent).eval()
    x = torch.sigmoid(drawn(n, n, colors, height, width, dtype=torch.float32))
    with torch.no_grad():
        assert coder.encode(x).shape == (n, n_latent)
        back = coder(x)
    assert back.shape == x.shape
    assert ((back >= 0) & (back <= 1)).all()


@law(15)
@given(sizes=st.lists(st.integers(1, 6), min_size=2, max_size=5))
def test_dense_layers_have_these_sizes(sizes):
    layers = dense_layers(sizes, nn.Tanh)
    linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in linear] == list(itertools.pairwise(sizes))
    assert len(layers) == 2 * len(linear) - 1


# files of networks


class Holder(nn.Module):
    """Tensors of any kind."""

    def __init__(self, tensors) -> None:
        super().__init__()
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)


@st.composite
def holders(draw):
    tensors = {}
    for i in range(draw(st.integers(1, 4))):
        shape, dtype = (
            draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)),
            draw(st.sampled_from(DTYPES)),
        )
        tensor = (drawn(draw(SEEDS), *shape) * 3).to(dtype)
        tensors[f"t{i}"] = tensor.mT if tensor.ndim > 1 and draw(st.booleans()) else tensor
    return Holder(tensors)


@law(40)
@given(module=holders(), config=CONFIGS, folder=st.sampled_from(["a", "基因", "a b/c"]))
def test_networks_come_back_to_the_bit(tmp_path_factory, module, config, folder):
    place = tmp_path_factory.mktemp("net") / folder / "network.safetensors"
    save_model(place, module, config)
    other = Holder({name: torch.zeros_like(tensor) for name, tensor in module.state_dict().items()})
    assert load_config(place) == config
    load_weights(place, other)
    for name, tensor in module.state_dict().items():
        found = other.state_dict()[name]
        assert (found.dtype, found.shape) == (tensor.dtype, tensor.shape)
        assert torch.equal(found, tensor)
    assert model_hash(other) == model_hash(module)
    assert reloaded(place, config, other)
    assert not reloaded(place, {**config, "more": 1, "than before": 2}, other)
    bigger = Holder({name: torch.zeros(7, 5) for name in module.state_dict()})
    with pytest.raises(ValueError, match="weights of another network"):
        load_weights(place, bigger)
    assert all((tensor == 0).all() for tensor in bigger.state_dict().values())


@law(30)
@given(module=holders(), which=SEEDS)
@example(module=Holder({"t0": torch.ones(2, dtype=torch.bfloat16)}), which=0)
def test_the_hash_of_weights_changes_with_every_bit(module, which):
    before = model_hash(module)
    assert model_hash(module, None) == before
    tensors = [tensor for tensor in module.state_dict().values() if tensor.numel()]
    assume(tensors)
    chosen = tensors[which % len(tensors)]
    flat = chosen.reshape(-1)
    place = which % len(flat)
    changed = flat.clone()
    changed[place] = 1 - flat[place].double() if chosen.dtype != torch.bool else ~flat[place]
    assume(bool(changed[place] != flat[place]))
    with torch.no_grad():
        chosen.copy_(changed.view(chosen.shape))
    assert model_hash(module) != before


# training


@law(12)
@given(
    n=st.integers(1, 12),
    seed=st.integers(0, 99),
    epochs=st.integers(1, 6),
    batch_size=st.integers(1, 5),
    patience=st.integers(1, 3),
)
def test_training_keeps_the_best_epoch_and_is_the_same_again(n, seed, epochs, batch_size, patience):
    x, y = drawn(seed, n, 3), drawn(seed + 1, n, 1)
    held = drawn(seed + 2, 4, 3), drawn(seed + 3, 4, 1)

    def loss(module, x, y):
        return (module(x) - y).square().mean()

    models = [network(seed, 3), network(seed, 3)]
    state = torch.get_rng_state()
    schedule = Schedule(epochs, batch_size, 0.05, patience)
    first, again = (fit(model, loss, (x, y), held, schedule, seed=seed, progress=False) for model in models)
    assert torch.equal(torch.get_rng_state(), state)
    assert first == again
    assert model_hash(models[0]) == model_hash(models[1])
    assert 1 <= len(first.train) == len(first.validation) <= epochs
    assert first.best_epoch == int(np.argmin(first.validation))
    assert held_out_loss(models[0], loss, held) == pytest.approx(min(first.validation), rel=1e-9)
    assert len(first.validation) == epochs or len(first.validation) - 1 - first.best_epoch == patience
    assert not models[0].training


@law(20)
@given(n=st.integers(1, 9), seed=SEEDS, size=st.integers(1, 12), shape=shapes())
def test_predictions_do_not_depend_on_batches(n, seed, size, shape):
    model, x = network(seed, math.prod(shape), 3).train(), drawn(seed, n, *shape)
    found = predict(model, x, size)
    torch.testing.assert_close(found, model(x).detach(), rtol=1e-12, atol=1e-12)
    assert model.training
    labels = found.argmax(1).numpy()
    assert accuracy(model, x, labels) == 1
    assert accuracy(model, x, (labels + 1) % 3) == 0
    labels[0] += 1
    assert accuracy(model, x, labels) == pytest.approx((n - 1) / n)


# sparse training


@law(40)
@given(n_in=st.integers(1, 5), n_out=st.integers(1, 4), seed=SEEDS, penalty=st.floats(0, 4), steps=st.integers(1, 4))
def test_the_penalty_shortens_columns_and_turns_none(n_in, n_out, seed, penalty, steps):
    layer = nn.Linear(n_in, n_out).double()
    with torch.no_grad():
        layer.weight.copy_(drawn(seed, n_out, n_in))
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
    for i in range(steps):
        layer.weight.grad, layer.bias.grad = drawn(seed + i, n_out, n_in), drawn(seed + i, n_out)
        optimizer.step()
    with torch.no_grad():
        layer.weight[:, 0] = 0
    before, bias = layer.weight.detach().clone(), layer.bias.detach().clone()
    sparse.shrink(layer, penalty, optimizer)
    after = layer.weight.detach()
    squares = optimizer.state[layer.weight]["exp_avg_sq"]
    by = 0.1 * penalty / ((squares / (1 - 0.999**steps)).sqrt().mean(0) + 1e-8)
    expected = (before.norm(dim=0) - by).clamp(min=0)
    torch.testing.assert_close(after.norm(dim=0), expected, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(after * before.norm(dim=0), before * after.norm(dim=0), rtol=1e-9, atol=1e-12)
    assert torch.equal(layer.bias.detach(), bias)
    assert torch.equal(sparse.used(layer), (after != 0).any(0))
    assert not bool(sparse.used(layer)[0])


@law(4)
@given(
    seed=st.integers(0, 99),
    penalties=st.lists(st.sampled_from([0.01, 0.1, 1.0, 30.0]), min_size=1, max_size=3, unique=True).map(sorted),
)
def test_sparse_training_keeps_the_network_of_least_loss(seed, penalties):
    x, model = drawn(seed, 20, 3), network(seed, 3)
    held = drawn(seed + 1, 9, 3)

    def loss(module, x):
        return (module(x)[:, 0] - x[:, 0]).square().mean()

    assert sparse.first_layer(model) is model[1]
    found = sparse.fine_tune(model, loss, (x,), (held,), Schedule(2, 8), penalties=penalties, seed=seed, progress=False)
    assert found.penalties == (0.0, *penalties)[: len(found.penalties)]
    assert len(found.losses) == len(found.n_used) == len(found.penalties)
    assert found.losses[found.chosen] == min(found.losses)
    assert held_out_loss(model, loss, (held,)) == pytest.approx(min(found.losses), rel=1e-12)
    assert int(sparse.used(model).sum()) == found.n_used[found.chosen]
    assert found.stalled == len(found.losses) - 1 - found.chosen
