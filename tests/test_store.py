"""What is saved comes back to the bit, or is refused; nothing half-written is ever in the place of a whole."""

import json
import logging
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import zarr

from eigrad import store
from eigrad.attribute import TENSORS, Attributions, Explainer

FINGERPRINT = {"model": "abc", "seed": 3, "target": "predicted", "digits": [5, 3], "none": None}


def attributions(*outputs, seed=0, dtype=torch.float32):
    """Attributions of 7 samples of 2 x 5 features and 3 baselines."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape):
        return torch.randn(*outputs, *shape, generator=generator, dtype=dtype)

    return Attributions(
        values=drawn(7, 2, 5), direction=drawn(7, 2, 5), score=drawn(7), change=drawn(7, 3), gap=drawn(7, 3),
        error=drawn(7, 3), relative_error=drawn(7), n_points=torch.arange(7), crowded=torch.arange(7) > 3,
        rule="secant", reason="secant: relu bends", n_evaluations=5250, path="Straight()", baseline="Zero()",
    )  # fmt: skip


def same(one, other):
    """Equal to the bit: also the sign of zero and NaN."""
    facts = all(getattr(one, name) == getattr(other, name) for name in store.FACTS)
    return facts and all(
        a.dtype == b.dtype and a.shape == b.shape and a.numpy().tobytes() == b.numpy().tobytes()
        for a, b in ((getattr(one, name), getattr(other, name)) for name in TENSORS)
    )


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def one_sentence(refused):
    text = str(refused.value)
    return "\n" not in text and not text.endswith(".")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("outputs", [(), (4,)])
def test_attributions_come_back_equal_to_the_bit(tmp_path, outputs, dtype):
    saved = attributions(*outputs, dtype=dtype)
    store.save(tmp_path / "fives", saved)
    loaded = store.load(tmp_path / "fives")
    assert same(loaded, saved)
    assert loaded.n_outputs == saved.n_outputs


@pytest.mark.parametrize("value", [0.0, -0.0, float("nan"), float("inf"), 1e-45])
def test_constant_tensors_come_back_too(tmp_path, value):
    saved = attributions()
    saved = replace(saved, values=torch.full_like(saved.values, value), error=torch.full_like(saved.error, value))
    store.save(tmp_path / "fives", saved)
    assert same(store.load(tmp_path / "fives"), saved)


def test_names_of_features_come_back(tmp_path):
    names = ("a", 5, *"cdefghi", "the tenth")
    store.save(tmp_path / "fives", replace(attributions(), feature_names=names))
    assert store.load(tmp_path / "fives").feature_names == names
    odd = [("up", 2), 0.5, None, *"defghij"]
    frame = pd.DataFrame(np.random.default_rng(0).random((7, 10)), columns=pd.Index(odd, tupleize_cols=False))
    store.stream(tmp_path / "streamed", Explainer(lambda x: x.sum(1), progress=False), frame)
    assert store.load(tmp_path / "streamed").feature_names == tuple(map(str, odd))


def test_tensors_that_are_views_or_want_gradients_are_saved_as_they_look(tmp_path):
    saved = attributions()
    odd = replace(saved, values=saved.values.transpose(1, 2), gap=saved.gap.clone().requires_grad_())
    store.save(tmp_path / "fives", odd)
    loaded = store.load(tmp_path / "fives")
    assert torch.equal(loaded.values, saved.values.transpose(1, 2))
    assert torch.equal(loaded.gap, saved.gap)


def test_an_array_of_many_chunks_comes_back(tmp_path):
    saved = attributions()
    saved = replace(saved, values=torch.randn(7, 300, 1111, generator=torch.Generator().manual_seed(1)))
    store.save(tmp_path / "fives", saved)
    assert same(store.load(tmp_path / "fives"), saved)


def test_a_zarr_folder_around_the_groups_lists_them(tmp_path):
    whole = tmp_path / "run" / "attributions.zarr"
    for name in ("cnn-3-class", "vae-3-null"):
        store.save(whole / name, attributions())
    group = zarr.open_group(whole, mode="r")
    assert sorted(group.group_keys()) == ["cnn-3-class", "vae-3-null"]
    assert sorted(group["vae-3-null"].array_keys()) == sorted(TENSORS)
    assert sorted(path.name for path in whole.iterdir()) == ["cnn-3-class", "vae-3-null", "zarr.json"]


def test_a_folder_not_named_zarr_gets_no_files_of_its_own(tmp_path):
    store.save(tmp_path / "run" / "fives", attributions())
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["fives"]


def test_saving_again_replaces_all_of_the_old(tmp_path):
    store.save(tmp_path / "fives", attributions(4, seed=1), FINGERPRINT)
    store.save(tmp_path / "fives", attributions(seed=2))
    assert same(store.load(tmp_path / "fives"), attributions(seed=2))
    assert [path.name for path in tmp_path.iterdir()] == ["fives"]


@pytest.mark.parametrize("error", [OSError("no space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["group._checksum", "whole._replace"])
def test_a_failed_write_leaves_the_old_group_whole_and_no_litter(tmp_path, monkeypatch, error, step):
    whole = tmp_path / "attributions.zarr"
    store.save(whole / "fives", attributions(seed=1), FINGERPRINT)
    before = files(tmp_path)

    def fails(*_):
        raise error

    monkeypatch.setattr(f"eigrad.store.{step}", fails)
    with pytest.raises(type(error)):
        store.save(whole / "fives", attributions(seed=2), FINGERPRINT)
    with pytest.raises(type(error)):
        store.save(whole / "threes", attributions(seed=2), FINGERPRINT)
    assert files(tmp_path) == before
    assert sorted(path.name for path in whole.iterdir()) == ["fives", "zarr.json"]


def test_a_rename_that_fails_puts_the_old_group_back(tmp_path, monkeypatch):
    store.save(tmp_path / "fives", attributions(seed=1), FINGERPRINT)
    before, rename = files(tmp_path), type(tmp_path).rename

    def fails(self, target):
        if self.name == "new":
            raise OSError("the disk is gone")
        return rename(self, target)

    monkeypatch.setattr(type(tmp_path), "rename", fails)
    with pytest.raises(OSError, match="the disk is gone"):
        store.save(tmp_path / "fives", attributions(seed=2))
    assert files(tmp_path) == before


# loading what is not whole


def chunk(name):
    def damaged(group, change):
        (path,) = [path for path in (group / name / "c").rglob("*") if path.is_file()]
        change(path)

    return damaged


def metadata(*parts):
    def damaged(group, change):
        change(group.joinpath(*parts, "zarr.json"))

    return damaged


def lost(path):
    path.unlink()


def truncated(path):
    path.write_bytes(path.read_bytes()[:-7])


def emptied(path):
    path.write_bytes(b"")


def flipped(path):
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(bytes(raw))


def listed(path):
    path.write_text("[]")


DAMAGES = [
    *((chunk(name), change) for name in ("values", "score") for change in (lost, truncated, emptied, flipped)),
    *((metadata(*parts), change) for parts in ((), ("gap",)) for change in (lost, truncated, emptied, listed)),
]


@pytest.mark.parametrize(("where", "change"), DAMAGES)
def test_damage_is_refused_in_one_sentence(tmp_path, where, change):
    store.save(tmp_path / "fives", attributions())
    where(tmp_path / "fives", change)
    with pytest.raises(ValueError, match="fives: expected attributions saved by eigrad") as refused:
        store.load(tmp_path / "fives")
    assert one_sentence(refused)


@pytest.mark.parametrize(("where", "change"), DAMAGES)
def test_damage_is_computed_over_with_a_warning(tmp_path, caplog, where, change):
    compute = Counted()
    store.load_or_compute(tmp_path / "fives", FINGERPRINT, compute)
    where(tmp_path / "fives", change)
    with caplog.at_level(logging.WARNING):
        found = store.load_or_compute(tmp_path / "fives", FINGERPRINT, compute)
    assert compute.calls == 2
    assert same(found, attributions(seed=2))
    assert same(store.load(tmp_path / "fives"), found)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert caplog.messages[0].endswith("; computing again")


def test_a_folder_of_something_else_or_none_is_refused(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "file").write_text("no folder")
    zarr.open_group(tmp_path / "others", mode="w").create_array("values", data=torch.zeros(3).numpy())
    for name in ("notes", "file", "others", "nowhere"):
        with pytest.raises(ValueError, match=f"{name}: expected attributions saved by eigrad") as refused:
            store.load(tmp_path / name)
        assert one_sentence(refused)


def test_arrays_swapped_behind_the_back_are_noticed(tmp_path):
    store.save(tmp_path / "fives", attributions())
    (tmp_path / "fives" / "values").rename(tmp_path / "fives" / "other")
    (tmp_path / "fives" / "direction").rename(tmp_path / "fives" / "values")
    (tmp_path / "fives" / "other").rename(tmp_path / "fives" / "direction")
    with pytest.raises(ValueError, match="values is not what was saved"):
        store.load(tmp_path / "fives")


# computing once


class Counted:
    """Computes other attributions each time, and counts."""

    calls = 0

    def __call__(self):
        self.calls += 1
        return attributions(seed=self.calls)


def test_what_was_computed_once_is_reused(tmp_path, caplog):
    compute = Counted()
    first = store.load_or_compute(tmp_path / "fives", FINGERPRINT, compute)
    again = store.load_or_compute(tmp_path / "fives", dict(reversed(FINGERPRINT.items())), compute)
    assert compute.calls == 1
    assert same(first, again)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    "other",
    [{"seed": 4}, {"target": 5}, {"digits": [3, 5]}, {"model": "abd"}, {"more": 1}, {"none": 0}],
)
def test_another_fingerprint_computes_again_and_replaces(tmp_path, other):
    compute = Counted()
    store.load_or_compute(tmp_path / "fives", FINGERPRINT, compute)
    found = store.load_or_compute(tmp_path / "fives", {**FINGERPRINT, **other}, compute)
    assert compute.calls == 2
    assert same(found, attributions(seed=2))
    assert same(store.load(tmp_path / "fives"), found)


def test_a_fingerprint_of_tuples_is_known_again(tmp_path):
    compute = Counted()
    for _ in range(2):
        store.load_or_compute(tmp_path / "fives", {"shape": (28, 28)}, compute)
    assert compute.calls == 1


def test_attributions_saved_without_a_fingerprint_are_not_reused(tmp_path):
    store.save(tmp_path / "fives", attributions(seed=9))
    compute = Counted()
    store.load_or_compute(tmp_path / "fives", {}, compute)
    assert compute.calls == 1


def test_a_computation_that_fails_leaves_what_was_there(tmp_path):
    store.load_or_compute(tmp_path / "fives", FINGERPRINT, Counted())
    before = files(tmp_path)

    def fails():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.load_or_compute(tmp_path / "fives", {"other": 1}, fails)
    assert files(tmp_path) == before


def test_a_fingerprint_that_is_no_json_leaves_what_was_there(tmp_path):
    store.save(tmp_path / "fives", attributions())
    before = files(tmp_path)
    with pytest.raises(TypeError):
        store.save(tmp_path / "fives", attributions(seed=1), {"bad": object()})
    assert files(tmp_path) == before
    assert json.loads((tmp_path / "fives" / "zarr.json").read_text())["attributes"]["fingerprint"] is None


def test_streaming_writes_what_explaining_at_once_gives(tmp_path, monkeypatch, seed):
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(5, 3, generator=generator)
    samples = torch.randn(11, 5, generator=generator)
    np.save(tmp_path / "samples.npy", samples.numpy())
    monkeypatch.setattr("eigrad.attribute.session.PAIRS_AT_ONCE", 4)
    explainer = Explainer(lambda x: torch.relu(x @ weights).square(), 2, progress=False)
    store.stream(tmp_path / "runs" / "one", explainer, np.load(tmp_path / "samples.npy", mmap_mode="r"))
    assert same(store.load(tmp_path / "runs" / "one"), explainer(samples))
    store.stream(tmp_path / "runs" / "two", explainer, samples, target=(0, 1))
    assert same(store.load(tmp_path / "runs" / "two"), explainer(samples, target=(0, 1)))
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["one", "two"]
