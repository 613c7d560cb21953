"""The benchmark's own measures are right: Captum's corrected trapezoid, the reference, and the error against it."""

import json
import re

import pandas as pd
import pytest
import torch
from torch import nn

pytest.importorskip("captum")

from benchmarks import accuracy, compare, device, page, peers
from benchmarks.models import Problem


class Quadratic(nn.Module):
    """F(x, c) = x^T A x + c . x for an output of two, c a further input: any trapezoid is exact along a line."""

    def __init__(self, n: int, generator: torch.Generator) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.randn(n, n, generator=generator, dtype=torch.float64))

    def forward(self, x, c):
        return torch.stack([-x.sum(1), ((x @ self.a) * x).sum(1) + (c * x).sum(1)], 1)


@pytest.fixture
def problem(generator):
    samples, more = (torch.randn(4, 5, generator=generator, dtype=torch.float64) for _ in range(2))
    baselines = torch.randn(3, 5, generator=generator, dtype=torch.float64).expand(4, 3, 5)
    return Problem(Quadratic(5, generator), samples, baselines, 1, (more,))


@pytest.fixture
def exact(problem):
    """(x - x') * (the gradient at the middle), averaged over baselines."""
    model, samples, baselines, _, (more,) = problem
    a = model.a.detach()
    middle = (samples[:, None] + baselines) / 2
    return ((samples[:, None] - baselines) * (middle @ (a + a.T) + more[:, None])).mean(1)


@pytest.mark.parametrize("n_points", [2, 3, 11])
@pytest.mark.parametrize("batch", [None, 1, 5, 64])
def test_captums_trapezoid_is_one_once_corrected(problem, exact, n_points, batch):
    found = peers.tool(peers.TRAPEZOID)(problem, n_points, batch)
    torch.testing.assert_close(found, exact, rtol=0, atol=1e-5)  # Captum's weights are float32


def test_the_corrected_trapezoid_is_the_trapezoid_where_it_is_not_exact(generator):
    weights = torch.randn(6, generator=generator, dtype=torch.float64)
    model = lambda x: torch.sin(x @ weights)[:, None]  # noqa: E731
    sample, baseline = torch.randn(2, 1, 6, generator=generator, dtype=torch.float64)
    n = 7
    nodes = torch.linspace(0, 1, n, dtype=torch.float64)
    slopes = torch.cos((baseline + nodes[:, None] * (sample - baseline)) @ weights)
    expected = (sample - baseline) * weights * torch.trapezoid(slopes, nodes)
    found = peers.tool(peers.TRAPEZOID)(Problem(model, sample, baseline[None], 0), n, None)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", [peers.GAUSS, "eigrad trapezoid", "eigrad gauss-legendre"])
def test_the_integrals_agree_on_a_quadratic(problem, exact, name):
    torch.testing.assert_close(peers.tool(name)(problem, 4, 8), exact, rtol=0, atol=1e-5)


def test_the_reference_is_the_integral(problem, exact):
    torch.testing.assert_close(accuracy.integral(problem, 3, batch=2), exact, rtol=0, atol=1e-12)


@pytest.mark.filterwarnings("ignore::UserWarning:captum")
def test_deep_lift_is_exact_on_a_linear_model(generator):
    model, samples = nn.Linear(5, 2), torch.randn(4, 5, generator=generator)
    baselines = torch.randn(3, 5, generator=generator).expand(4, 3, 5)
    expected = (samples - baselines[0].mean(0)) * model.weight[1].detach()
    deep_lift = peers.tool("Captum DeepLift")(Problem(nn.Sequential(model), samples, baselines, 1), None, 4)
    torch.testing.assert_close(deep_lift, expected, rtol=0, atol=1e-5)


def test_the_error_is_relative_to_all_of_a_samples_attribution():
    reference = torch.tensor([[1.0, -3.0], [0.5, 0.0]], dtype=torch.float64)
    values = torch.tensor([[1.5, -2.5], [0.5, 0.25]])
    assert accuracy.relative_error(values, reference).tolist() == [0.25, 0.5]
    assert accuracy.upper(torch.linspace(0, 1, 101)) == pytest.approx(0.95)


def test_a_tool_is_timed_at_its_cheapest_setting_on_the_level():
    rows = [
        {"tool": tool, "n_points": n, "p95": error}
        for tool, n, error in (("a", 4, 0.3), ("a", 8, 0.1), ("a", 16, 0.2), ("b", 4, 0.3), ("c", 4, None))
    ]
    rows += [{"tool": f"{peers.AUTO} {tol}", "n_points": None, "p95": tol} for tol in (0.2, 0.1, 0.05)]
    found = compare.smallest(rows, 0.1)
    assert {name: (row["tool"], row["n_points"]) for name, row in found.items()} == {
        "a": ("a", 8),
        peers.AUTO: (f"{peers.AUTO} 0.1", None),
    }


def test_the_page_says_where_a_peer_is_better(tmp_path):
    plan = vars(compare.Plan())
    machine = {"processor": "P", "cores": 2, "load": 1.0, "python": "3", "eigrad": "0", "torch": "0", "captum": "0"}
    common = {"case": "W1", "title": "T", "accuracy": 0.9, "threads": 1, "samples": 3, "level": 0.01, "mebibytes": 5.0}
    results = [
        {**common, "tool": tool, "n_points": n, "p95": 0.01, "seconds": seconds, "compared_with": peers.GAUSS,
         "ratio": 0.3 / seconds, "ratio_low": 0.3 / seconds, "ratio_high": 0.3 / seconds}
        for tool, n, seconds in ((peers.GAUSS, 192, 0.3), ("eigrad secant", 16, 0.6), (peers.LIMIT, 192, 0.2))
    ]  # fmt: skip
    (tmp_path / "engine").mkdir()
    content = {"settings": {"plan": plan}, "machine": {**machine, "shap": "0"}}
    (tmp_path / "engine" / "W1.json").write_text(json.dumps(content))
    row = {"case": "W1", "tool": "eigrad secant", "n_points": 16, "samples": 3, "seconds": 0.6, "p95": 0.01}
    other = {**row, "tool": "SHAP DeepExplainer", "seconds": None, "median": None, "p95": None, "note": "fails: E: x"}
    for name, rows in {"results": results, "curve": [row], "others": [other]}.items():
        pd.DataFrame(rows).to_csv(tmp_path / f"{name}.csv", index=False)
    text = page.page(tmp_path)
    assert "W1, 1 thread: eigrad is slower (0.50 times as fast)" in text
    assert "fails: E: x" in text
    assert re.search(r"\*\*0\.5\*\* \(0\.5 to 0\.5\)", text)


def test_numbers_in_a_row_are_said_as_a_range():
    assert page.in_words([5, 6, 7, 9, 10, 41]) == "5 to 7, 9, 10, 41"


def test_the_page_of_a_gpu_says_where_bare_gradients_are_faster():
    def rows(case, limit):
        seconds = {peers.TRAPEZOID: 9.0, peers.GAUSS: 8.0, "eigrad secant": 2.0, f"{peers.AUTO} 0.01": 3.0}
        return [
            {
                "case": case, "tool": tool, "n_points": 7, "p95": 0.1, "seconds": s, "times": 8 / s, "low": 1.0,
                "high": 5.0, "mebibytes": 3.0, "samples": 20, "from_cpu_p95": 1e-7,
            }
            for tool, s in {**seconds, peers.LIMIT: limit}.items()
        ]  # fmt: skip

    content = {"device": "a GPU", "machine": {"torch": "1", "captum": "2"}, "rounds": 4, "runs": "one"}
    text = device.page({**content, "rows": rows("W1", 2.5) + rows("W2", 1.5)})
    assert "They are faster than eigrad on W2. " in text
    assert "| gauss-legendre, 7 | 400 | 3 | secant, 7 | 100 | **4.0** (1.0 to 5.0) |" in text
    assert "They are nowhere faster than eigrad. " in device.page({**content, "rows": rows("W1", 2.5)})
