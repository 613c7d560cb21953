"""What strangers get wrong, tried as they would: in a process of its own, without the type checks of the tests.

`python -m tests.bad_inputs FOLDER` writes for every name what was raised, and its message, as JSON.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

import eigrad
from eigrad import Explainer, baselines, draw_sets, patches, paths, recommended, significance, store, tl
from eigrad.autoencoder import convolutional, dense
from eigrad.captum import EnhancedIntegratedGradients
from eigrad.data import Examples, split
from eigrad.evaluate import enrichment, growing_subsets, recovery
from eigrad.findings import write_page
from eigrad.sequence import one_hot
from eigrad.training import Schedule, fit

N, D = 12, 5


class Cells:
    """What `tl.explain` needs of an AnnData."""

    def __init__(self) -> None:
        self.X = X.numpy()
        self.obs = pd.DataFrame({"type": ["a", "b", "b", "b"] * 3})
        self.var = pd.DataFrame(index=[f"g{i}" for i in range(D)])
        self.var_names, self.layers, self.varm, self.uns = self.var.index, {}, {}, {}

    def copy(self) -> Cells:
        return Cells()


class Stateful(nn.Module):
    """Draws random numbers, as dropout that is left on does."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x * torch.rand_like(x)).sum(1, keepdim=True)


class Mixing(nn.Module):
    """Rows influence each other."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x - x.mean(0)).sum(1, keepdim=True) ** 2


class Constant(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.ones(len(x), 1)


class Endless(nn.Module):
    """Gives NaN away from zero."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sqrt(-x.abs().sum(1, keepdim=True))


torch.manual_seed(0)
X = torch.randn(N, D)
NETWORK = nn.Sequential(nn.Linear(D, 4), nn.ReLU(), nn.Linear(4, 3))
NAN, INFINITE = X.clone(), X.clone()
NAN[2, 1], INFINITE[3, 0] = float("nan"), float("inf")
A, B = np.random.default_rng(0).normal(size=(2, 30, D))
FLAG = np.arange(N) < 4


def explained(samples: Any = X, **options: Any) -> Any:
    options = {"model": NETWORK, "target": 0, "progress": False} | options
    return Explainer(**options)(samples)


def compared(a: Any = None, b: Any = None, **options: Any) -> Any:
    return significance(A if a is None else a, B if b is None else b, progress=False, **options)


def cells(**options: Any) -> Any:
    given = {"adata": Cells(), "model": NETWORK, "groupby": "type", "group": "a", "target": 0, "progress": False}
    return tl.explain(**given | options)


def page(folder: Path, *, place: Path | None = None, **options: Any) -> Any:
    found = explained()
    sets = {"group": found, "null": found, "reference": found} | options
    return write_page(folder / "page" if place is None else place, progress=False, **sets)


def captum(inputs: Any = X, **options: Any) -> Any:
    return EnhancedIntegratedGradients(NETWORK).attribute(inputs, **{"target": 0, **options})


def subsets(examples: Any, **options: Any) -> Any:
    return growing_subsets(examples, examples, np.arange(D), **options)


def examples(values: Any = A, labels: Any = None, **options: Any) -> Examples:
    names = {"feature_names": tuple("abcde")} | options
    return Examples(values.astype(np.float32), np.arange(len(values)) % 2 if labels is None else labels, **names)


Inputs = dict[str, Callable[[], Any]]


def of_samples() -> Inputs:
    return {
        "samples NaN": lambda: explained(NAN),
        "samples infinite": lambda: explained(INFINITE),
        "samples none": lambda: explained(X[:0]),
        "samples a number": lambda: explained(3.0),
        "samples one row": lambda: explained(X[0]),
        "samples text": lambda: explained(["a", "b"]),
        "samples complex": lambda: explained(X + 1j),
        "samples of another width": lambda: explained(torch.randn(N, D + 1)),
        "samples of objects": lambda: explained(np.array([[object()] * D] * N)),
        "samples None": lambda: explained(None),
        "samples a frame of text": lambda: explained(pd.DataFrame({"a": list("xyz")})),
        "samples a frame with a hole": lambda: explained(pd.DataFrame(NAN.numpy())),
        "samples ragged": lambda: explained([[1.0, 2.0], [1.0]]),
    }


def of_models() -> Inputs:
    return {
        "model None": lambda: explained(model=None),
        "model text": lambda: explained(model="net.pt"),
        "model a class": lambda: explained(model=nn.Linear),
        "model random": lambda: explained(model=Stateful()),
        "model that mixes rows": lambda: explained(model=Mixing()),
        "model constant": lambda: explained(model=Constant(), target=None),
        "model NaN": lambda: explained(model=Endless(), target=None),
        "model that gives text": lambda: explained(model=lambda x: "yes"),
        "model that gives a tuple": lambda: explained(model=lambda x: (x, x)),
        "model of one row": lambda: explained(model=lambda x: x.sum()[None]),
        "model in three axes": lambda: explained(model=lambda x: x[:, None, None]),
        "model in whole numbers": lambda: explained(model=lambda x: (x > 0).long(), target=0),
    }


def of_targets() -> Inputs:
    return {
        "target too large": lambda: explained(target=3),
        "target negative": lambda: explained(target=-1),
        "target text": lambda: explained(target="five"),
        "target a list": lambda: explained(target=[0, 1]),
        "target none of several": lambda: explained(target=None),
        "target a fraction": lambda: explained(target=0.5),
        "target a flag": lambda: explained(target=True),
        "target of too few": lambda: explained(target=torch.zeros(3, dtype=torch.long)),
        "target an empty tuple": lambda: explained(target=()),
        "target function in three axes": lambda: explained(target=lambda y: y[:, :, None]),
        "target function of all rows": lambda: explained(target=lambda y: y.sum()),
    }


def of_explainers() -> Inputs:
    return {
        "path a class": lambda: explained(path=paths.Straight),
        "path text": lambda: explained(path="straight"),
        "baseline text": lambda: explained(baseline="zero"),
        "baseline a class": lambda: explained(baseline=baselines.Zero),
        "baseline a tensor": lambda: explained(baseline=X),
        "rule unknown": lambda: explained(rule="simpson"),
        "tol zero": lambda: explained(tol=0),
        "tol text": lambda: explained(tol="small"),
        "tol NaN": lambda: explained(tol=float("nan")),
        "n_points one": lambda: explained(n_points=1),
        "n_points a fraction": lambda: explained(n_points=2.5),
        "n_points NaN": lambda: explained(n_points=float("nan")),
        "n_points text": lambda: explained(n_points="many"),
        "batch_size zero": lambda: explained(batch_size=0),
        "max_points one": lambda: explained(max_points=1),
        "precision half": lambda: explained(precision="half"),
        "extra of too few rows": lambda: Explainer(NETWORK, 0)(X, extra=X[:3]),
    }


def of_baselines_and_paths() -> Inputs:
    coder = dense((D,), (6,), 2)
    return {
        "Close with too many": lambda: baselines.Close(X, n=N),
        "Close with none": lambda: baselines.Close(X, n=0),
        "Close of NaN": lambda: baselines.Close(NAN),
        "Close of another shape": lambda: explained(baseline=baselines.Close(torch.randn(9, 3))),
        "Median of nothing": lambda: baselines.Median(X[:0]),
        "Median in a space that is none": lambda: baselines.Median(X, space=NETWORK),
        "KMeans of text": lambda: baselines.KMeans(X, n="some"),
        "Random with a fraction": lambda: baselines.Random(X, n=1.5),
        "EncodedZero of no autoencoder": lambda: baselines.EncodedZero(NETWORK),
        "Neighbors with too many": lambda: paths.Neighbors(X, k=N),
        "Neighbors by another metric": lambda: paths.Neighbors(X, metric="taxi"),
        "Neighbors by another search": lambda: paths.Neighbors(X, search="luck"),
        "Neighbors of another shape": lambda: explained(path=paths.Neighbors(torch.randn(30, 3))),
        "LatentStraight of no autoencoder": lambda: paths.LatentStraight(NETWORK),
        "LatentStraight of another shape": lambda: explained(
            torch.randn(4, 6), model=nn.Linear(6, 1), path=paths.LatentStraight(coder)
        ),
        "the class against itself": lambda: explained(baseline=baselines.Close(X)),
    }


def of_sets_and_tests() -> Inputs:
    return {
        "draw_sets of labels": lambda: draw_sets(np.arange(N), ~FLAG),
        "draw_sets of few": lambda: draw_sets(FLAG, np.arange(N) > 7),
        "draw_sets half": lambda: draw_sets(FLAG, ~FLAG, n_samples=4.5),
        "draw_sets overlapping": lambda: draw_sets(FLAG, FLAG),
        "significance of other features": lambda: compared(b=B[:, :3]),
        "significance of one sample": lambda: compared(a=A[:1]),
        "significance of NaN": lambda: compared(a=np.full((9, D), np.nan)),
        "significance of text": lambda: compared(a="A"),
        "significance by another test": lambda: compared(test="z"),
        "significance by another transform": lambda: compared(transform="log"),
        "significance by another correction": lambda: compared(correction="hope"),
        "significance at alpha 1": lambda: compared(alpha=1.0),
        "significance with few names": lambda: compared(feature_names=["a"]),
        "significance with few groups": lambda: compared(groups=["a"]),
        "significance of several outputs": lambda: compared(a=explained(target=(0, 1))),
        "draw of too many": lambda: compared(draw=eigrad.NullDraw(n=99)),
        "draw text": lambda: compared(draw="all"),
        "recommended at another floor": lambda: recommended(A, B, B, min_share=1.0),
        "recommended of other features": lambda: recommended(A, B, B[:, :2], progress=False),
        "patches too large": lambda: patches((4, 4), 0),
    }


def of_files_and_libraries(folder: Path) -> Inputs:
    saved = folder / "saved"
    return {
        "page of one text as names": lambda: page(folder, names="ab"),
        "page of a number as names": lambda: page(folder, names=5),
        "page without a title": lambda: page(folder, title=""),
        "page of a mapping as sets": lambda: page(folder, sets={}),
        "page in a name too long": lambda: page(folder, place=folder / ("x" * 300)),
        "draw_sets without an end": lambda: draw_sets(FLAG, ~FLAG, n_samples=float("inf")),
        "draw_sets None": lambda: draw_sets(FLAG, ~FLAG, n_samples=None),
        "draw_sets of many": lambda: draw_sets(FLAG, ~FLAG, n_samples="many"),
        "page of an array": lambda: page(folder, group=A),
        "page of three names": lambda: page(folder, names=("a", "b", "c")),
        "page of other sets": lambda: page(folder, sets=draw_sets(FLAG, ~FLAG)),
        "page in a file": lambda: page(folder, place=folder / "file"),
        "page over something else": lambda: page(folder, place=folder),
        "store of nothing": lambda: store.load(folder / "nothing"),
        "store of a file": lambda: store.load(folder / "file"),
        "store of a folder": lambda: store.load(folder / "empty"),
        "stream over something": lambda: store.stream(saved, Explainer(NETWORK, 0, progress=False), X),
        "resume of something else": lambda: store.stream(saved, Explainer(NETWORK, 1, progress=False), X, resume=True),
        "to_pandas with few labels": lambda: explained().to_pandas(["a"]),
        "to_shap of other samples": lambda: explained().to_shap(X[:3]),
        "cells of no column": lambda: cells(groupby="kind"),
        "cells of no group": lambda: cells(group="z"),
        "cells of no layer": lambda: cells(layer="raw"),
        "cells against themselves": lambda: cells(reference="a"),
        "cells with a fraction": lambda: cells(n_samples=2.5),
        "cells of few": lambda: cells(reference="b", n_baselines=9),
        "captum by another method": lambda: captum(method="simpson"),
        "captum with one step": lambda: captum(n_steps=1),
        "captum with another baseline": lambda: captum(baselines=X[:3]),
        "captum of NaN": lambda: captum(NAN),
        "captum with no target": lambda: captum(target=None),
        "captum of text": lambda: captum("x"),
    }


def of_the_rest() -> Inputs:
    return {
        "sequences of none": lambda: one_hot([]),
        "sequences of two lengths": lambda: one_hot(["AC", "ACG"]),
        "sequences of other letters": lambda: one_hot(["AC", "A!"]),
        "examples of other labels": lambda: examples(labels=np.arange(3)),
        "examples of few names": lambda: examples(feature_names=("a",)),
        "split that does not add up": lambda: split(examples(), (0.5, 0.1), 0),
        "a schedule of no epochs": lambda: Schedule(0),
        "fitting nothing": lambda: fit(NETWORK, lambda m, x: m(x).sum(), (X[:0],), (X,), Schedule(1), seed=0),
        "an autoencoder of nothing": lambda: dense((), (3,), 2),
        "a convolutional one of odd images": lambda: convolutional((1, 7, 7), (4, 4), 8, 2),
        "recovery of no truth": lambda: recovery(np.arange(D), np.zeros(3, dtype=bool)),
        "enrichment of nothing": lambda: enrichment([], ["a"], []),
        "another output than there are": lambda: explained().output(0),
        "a copy with a bad rule": lambda: replace(Explainer(NETWORK), rule="best"),
    }


def inputs(folder: Path) -> Inputs:
    """Every bad input by a name that says what is wrong."""
    return {
        **of_samples(),
        **of_models(),
        **of_targets(),
        **of_explainers(),
        **of_baselines_and_paths(),
        **of_sets_and_tests(),
        **of_files_and_libraries(folder),
        **of_the_rest(),
    }


NAMES = tuple(inputs(Path()))


def main() -> None:
    warnings.simplefilter("ignore")
    folder, said = Path(sys.argv[1]), {}
    store.save(folder / "saved", explained())
    (folder / "file").write_text("mine")
    (folder / "empty").mkdir()
    for name, call in inputs(folder).items():
        try:
            call()
            said[name] = ["nothing", ""]
        except Exception as error:
            said[name] = [type(error).__name__, str(error)]
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main()
