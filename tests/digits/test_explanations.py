"""What is explained, and what attributions depend on."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.neural_network import MLPClassifier
from tests.digits.runs import (
    interrupted,
    studied,
)
from torch import nn

from eigrad import store
from eigrad.cases.digits import evaluation, networks
from eigrad.cases.digits.explain import Explanation, Images
from eigrad.data import Examples

# What networks trained for a second give to a five is far from what they give to digits in general.
pytestmark = pytest.mark.filterwarnings("ignore::eigrad.significance.SignificanceWarning")


def explanation(run, table, groups=None):
    sample, null = (store.load(run / "attributions.zarr" / f"vae-3-{name}") for name in ("class", "null"))
    return Explanation(sample, null, table, groups)


def rows(examples):
    return {image.tobytes() for image in examples.values}


@pytest.mark.parametrize("digit", [5, 1])
def test_the_null_shares_no_image_with_the_class(digits, digit, seed):
    images = Images.draw(digits.train, digit, 30, seed)
    assert set(images.sample.labels) == {digit}
    assert len(rows(images.sample)) == len(rows(images.null)) == 30
    assert not rows(images.sample) & rows(images.null)
    assert rows(images.sample) | rows(images.null) < rows(digits.train)
    again, other = (Images.draw(digits.train, digit, 30, s) for s in (seed, seed + 1))
    assert rows(again.sample) == rows(images.sample) != rows(other.sample)
    assert rows(again.null) == rows(images.null) != rows(other.null)


def test_the_null_may_hold_other_images_of_the_digit(digits, seed):
    images = Images.draw(digits.train, 5, 8, seed)
    everything = Images.draw(digits.train.take(digits.train.labels == 5), 5, 8, seed)
    assert len(np.unique(images.null.labels)) > 1
    assert set(everything.null.labels) == {5}
    assert not rows(everything.sample) & rows(everything.null)


@pytest.mark.parametrize(("n_fives", "n_others", "most"), [(11, 30, 11), (30, 11, 20), (0, 30, 0)])
def test_as_many_images_as_there_are_can_be_drawn_and_no_more(n_fives, n_others, most, seed):
    labels = np.array([5] * n_fives + [3] * n_others)
    train = Examples(np.arange(len(labels), dtype=np.float32)[:, None], labels, ("ink",))
    for n in (most + 1, 1000):
        with pytest.raises(ValueError, match=f"--n-samples: got {n}, expected at most {most} of {n_fives} training"):
            Images.draw(train, 5, n, seed)
    if most:
        images = Images.draw(train, 5, most, seed)
        assert len(rows(images.sample) | rows(images.null)) == 2 * most


def test_kept_and_ranked_follow_the_table(whole):
    table = pd.DataFrame(
        {
            "feature": ["b", "a", "c", "d"],
            "effect": [0.5, 2.0, 0.5, 9.0],
            "significant": [True, True, True, False],
        }
    )
    assert explanation(whole, table).ranked().tolist() == [1, 0, 2]
    assert explanation(whole, table).kept.tolist() == [True, True, True, False]
    grouped = explanation(whole, table, np.array(["d", "c", "d", "a", "b", "c", "d"], object))
    assert grouped.kept.tolist() == [False, True, False, True, True, True, False]


def fingerprints(trained, digits, data, whole, monkeypatch, kind="vae", **options):
    """What attributions of one network are known by."""
    found = {}

    def known(path, fingerprint, _):
        found[path.name] = json.dumps(fingerprint, sort_keys=True)
        return store.load(whole / "attributions.zarr" / f"vae-3-{path.name.rsplit('-', 1)[1]}")

    monkeypatch.setattr(store, "load_or_compute", known)
    asked = studied(trained, digits, data, **options)
    asked.explain(kind, asked.settings.baseline, asked.settings.n_points, Path())
    return list(found.values())


@pytest.mark.parametrize(
    ("options", "same"),
    [
        ({"sample": 4}, (False, False)),
        ({"baseline": 4}, (False, False)),
        ({"seed": 1}, (False, False)),
        ({"n_samples": 21}, (False, False)),
        ({"n_points": 11}, (False, False)),
        ({"n_baselines": 2}, (False, False)),
        ({"baseline_kind": "close"}, (False, False)),
        ({"path": "straight"}, (False, False)),
        ({"null_target": "class"}, (True, False)),
        ({"transform": "rank"}, (True, True)),
    ],
)
def test_attributions_are_known_by_all_that_they_depend_on(trained, digits, data, whole, options, same, monkeypatch):
    first, second = (fingerprints(trained, digits, data, whole, monkeypatch, **given) for given in ({}, options))
    assert tuple(a == b for a, b in zip(first, second, strict=True)) == same


def test_attributions_are_known_by_the_data_and_every_network_behind_them(trained, digits, data, whole, monkeypatch):
    given = {"kind": "cnn", "baseline_kind": "encoded-zero"}
    other = networks.Assembled("cvae", networks.recipe("cvae", 440, quick=True)).eval()
    borrowed = {**trained, "cvae": replace(trained["cvae"], autoencoder=other.autoencoder)}
    own = {**trained, "cnn": replace(trained["cnn"], network=nn.Sequential(trained["cnn"].network))}
    first, *others = (
        fingerprints(models, images, data, whole, monkeypatch, **given)[0]
        for models, images in (
            (trained, digits),
            (borrowed, digits),
            (own, digits),
            (trained, replace(digits, hash="x")),
        )
    )
    assert first not in others


@pytest.mark.parametrize(
    "evaluate",
    [
        lambda asked, found: evaluation.binary_accuracies(asked, {3: found}),
        lambda asked, found: evaluation.subset_curve(asked, found),
    ],
)
def test_an_interruption_is_no_end_of_training(whole, trained, digits, data, evaluate, monkeypatch):
    monkeypatch.setattr(MLPClassifier, "_backprop", interrupted)
    table = pd.DataFrame({"feature": range(784), "effect": 1.0, "significant": np.arange(784) < 3})
    asked, found = studied(trained, digits, data), explanation(whole, table)
    with pytest.raises(KeyboardInterrupt):
        evaluate(asked, found)
