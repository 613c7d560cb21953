"""What the documents show runs as it stands."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn

from eigrad.autoencoder import dense

ROOT = Path(__file__).parent.parent


def code_of(name: str) -> str:
    return "\n".join(re.findall(r"^```python\n(.*?)^```", (ROOT / name).read_text(encoding="utf-8"), re.S | re.M))


def test_the_tutorial_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(code_of("docs/tutorial.md"), "tutorial.md", "exec"), {"__name__": "tutorial"})
    printed = capsys.readouterr().out
    assert float(re.search(r"test accuracy (\d\.\d+)", printed)[1]) > 0.8
    assert {path.name for path in tmp_path.iterdir()} == {"fives.png", "fives.svg"}


def test_the_readmes_first_screen_runs(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    given = {
        "model": nn.Sequential(nn.Linear(7, 11), nn.ReLU(), nn.Linear(11, 6)),
        "autoencoder": dense((7,), (5,), 2),
        **{
            name: torch.rand(n, 7, generator=generator) for name, n in (("fives", 13), ("threes", 12), ("anything", 14))
        },
    }
    exec(compile(code_of("README.md"), "README.md", "exec"), given)
    assert "significant" in capsys.readouterr().out
    assert len(given["table"]) == 7
