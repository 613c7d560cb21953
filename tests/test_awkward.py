"""Awkward models: explained right or refused in one sentence, and always left exactly as found."""

import re
import warnings
from dataclasses import dataclass

import pytest
import torch
from tests.awkward import activations, data, layers, refused, rows, structure, wrapped
from tests.awkward.reference import reference
from tests.awkward.watch import Watch

from eigrad import Explainer

TOL = 1e-3
ENGINE = {"rule": "auto", "tol": TOL}
CASES = [
    *structure.CASES, *rows.CASES, *activations.CASES, *data.CASES, *layers.CASES, *wrapped.CASES,
    *refused.CASES,
]  # fmt: skip


@dataclass(frozen=True)
class Shared:
    """The same baselines for every sample."""

    given: torch.Tensor

    def __call__(self, samples):
        return self.given.expand(len(samples), *self.given.shape)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_right_or_refused_and_leaves_everything_as_found(case, seed):
    problems = []
    with warnings.catch_warnings():
        for message in case.ignored:
            warnings.filterwarnings("ignore", message)
        built = case.build(torch.Generator().manual_seed(seed))
        watch = Watch(built)
        try:
            with case.context():
                explain = Explainer(
                    built.model, built.target, baseline=Shared(built.baselines), progress=False, **ENGINE
                )
                found = explain(built.samples, extra=built.extra).values
        except Exception as error:  # whatever it raises, the model's state is still told
            problems += refusal_problems(case, error)
        else:
            problems += value_problems(case, found, seed)
        problems += watch.changes()
    assert not problems, "\n".join(problems)


def refusal_problems(case, error):
    sentence, pattern = str(error), case.may_refuse if case.expected == "right" else case.expected
    if not isinstance(error, ValueError) or not pattern:
        return [f"raised {type(error).__name__}: {sentence.splitlines()[0]}"]
    if not re.fullmatch(r"[a-z_ ]+: [^\n]{20,300}", sentence) or not re.search(pattern, sentence):
        return [f"not refused clearly: {sentence!r}, expected {pattern!r} after what it is about"]
    return []


def value_problems(case, found, seed):
    if case.expected != "right":
        return [f"explained, expected to be refused with {case.expected!r}"]
    expected, uncertainty = reference(case, seed)
    size = expected.abs().flatten(1).sum(1)
    error = (found.double() - expected).abs().flatten(1).sum(1)
    rtol = case.rtol or 3 * TOL
    problems = []
    if not bool((uncertainty <= rtol / 10 * size).all()):
        problems.append(f"the reference is too coarse: {float((uncertainty / size).max()):.1e}")
    if not bool((error <= rtol * size).all()):  # as written, NaN is wrong too
        problems.append(f"wrong: relative errors {[f'{float(e):.1e}' for e in error / size]}")
    return problems


def test_every_case_has_a_name_of_its_own():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) >= 25
