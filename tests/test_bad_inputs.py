"""A hundred and more bad inputs over Python and the command line: one clear sentence, and nothing half-done."""

import json
import re
import subprocess
import sys

import pytest
from tests import bad_inputs
from typer.testing import CliRunner

from eigrad.cli import app

NO_OTHER = {"significance of several outputs": "choose one", "another output than there are": "none to choose"}

# Commands with what they should say; {here} is a folder with files of every kind of damage.
COMMANDS = [
    (["explain"], "--model: got none, expected it"),
    (["explain", "--model", "{here}/net.py:load"], "--data: got none"),
    (["explain", "{good}", "--class", "kind == 'z'"], "--class: "),
    (["explain", "{good}", "--class", "kind = 'a'"], "--class: "),
    (["explain", "{good}", "--class", "open('x')"], "--class: "),
    (["explain", "{good}", "--reference", "kind == 'a'"], "of the class as well"),
    (["explain", "{good}", "--data", "{here}/words.csv"], "no column of numbers"),
    (["explain", "{good}", "--data", "{here}/hole.csv"], "missing or not finite"),
    (["explain", "{good}", "--data", "{here}/empty.csv"], "cannot be read as a table"),
    (["explain", "{good}", "--data", "{here}/cut.npy"], "cannot be read as arrays"),
    (["explain", "{good}", "--data", "{here}/pickled.npy"], "not pickled"),
    (["explain", "{good}", "--data", "{here}/letters.fa"], "expected a nucleotide"),
    (["explain", "{good}", "--data", "{here}"], "expected"),
    (["explain", "{good}", "--data", "{here}/nowhere.csv"], "expected a file that exists"),
    (["explain", "{good}", "--model", "{here}/pickled.pt"], "pickled.pt"),
    (["explain", "{good}", "--model", "{here}/net.py:wide"], "does not take the data"),
    (["explain", "{good}", "--model", "{here}/net.py:broken"], "ZeroDivisionError"),
    (["explain", "{good}", "--model", "{here}/net.py"], "expected FILE.py:FUNCTION"),
    (["explain", "{good}", "--model", "{here}/syntax.py:load"], "SyntaxError"),
    (["explain", "{good}", "--model", "{here}/net.py:text"], "text"),
    (["explain", "{good}", "--n-samples", "0"], "--n-samples: got 0"),
    (["explain", "{good}", "--alpha", "nan"], "--alpha: got nan"),
    (["explain", "{good}", "--tol", "-1"], "--tol: got -1"),
    (["explain", "{good}", "--seed", "99999999999"], "--seed: got 99999999999"),
    (["explain", "{good}", "--target", "7"], "--target: got 7"),
    (["explain", "{good}", "--device", "cuda:99"], "--device: got 'cuda:99'"),
    (["explain", "{good}", "--config", "{here}/list.yaml"], "expected names and values"),
    (["explain", "{good}", "--config", "{here}/unsafe.yaml"], "cannot be read"),
    (["explain", "{good}", "--out", "{here}/words.csv"], "--out"),
    (["explain", "{good}", "--out", "{here}"], "holds no run of eigrad explain"),
    (["explain", "{good}", "--path", "crooked"], "--path"),
    (["explain", "{good}", "--workers", "many"], "--workers"),
    (["digits", "--sample", "5", "--baseline-digit", "5"], "No such option"),
    (["digits", "--sample", "12"], "--sample: got digit 12"),
    (["digits", "--data", "{here}/nowhere"], "is no folder"),
    (["digits", "--data", "{here}"], "--data"),
    (["junctions", "--data", "{here}/words.csv"], "words.csv"),
    (["junctions", "--data", "{here}/nowhere.csv"], "nowhere.csv"),
    (["junctions", "--n-networks", "0"], "--n-networks: got 0"),
    (["simulate", "--factor", "XYZ"], "--factor: got 'XYZ'"),
    (["simulate", "--n-events", "3"], "--n-events: got 3"),
    (["splicing", "--world", "{here}"], "--world: "),
    (["splicing", "--events", "{here}/words.csv"], "--fasta: "),
    (["splicing", "--methods", "guess"], "--methods: got 'guess'"),
    (["splicing", "--min-dpsi", "2"], "--min-dpsi: got 2"),
    (["regulators", "{here}"], "{here}"),
    (["compare", "--variants", "moon"], "moon"),
    (["compare", "--seeds", "x"], "--seeds"),
    (["calibrate", "{here}"], "{here}"),
    (["report", "{here}/nowhere"], "no such folder"),
    (["report", "{here}/words.csv"], "no such folder"),
    (["report", "{here}"], "is not an eigrad run folder"),
    (["dance"], "dance"),
]


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """Data and networks that are sound, and others that are damaged each in its way."""
    folder = tmp_path_factory.mktemp("bad")
    rows = [f"{i % 7},{i % 3},{'ab'[i % 2]}" for i in range(40)]
    (folder / "good.csv").write_text("\n".join(["x,y,kind", *rows]))
    (folder / "net.py").write_text(
        "from torch import nn\n\n\ndef load():\n    return nn.Linear(2, 2)\n\n\n"
        "def wide():\n    return nn.Linear(3, 2)\n\n\ndef broken():\n    return 1 / 0\n\n\ntext = 'net'\n"
    )
    texts = {
        "words.csv": "a,b\nx,y\n", "hole.csv": "x,y,kind\n1,2,a\n,2,b\n", "empty.csv": "", "letters.fa": ">a\nA!\n",
        "syntax.py": "def load(:\n", "list.yaml": "- a\n", "unsafe.yaml": "model: !!python/object/apply:os.getcwd []\n",
    }  # fmt: skip
    for name, text in texts.items():
        (folder / name).write_text(text)
    (folder / "cut.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00{'descr'")
    (folder / "pickled.npy").write_bytes(b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00\x8c\x01a\x94.")
    (folder / "pickled.pt").write_bytes(b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00\x8c\x01a\x94.")
    return folder


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What is raised of every bad input in Python: its kind and its message."""
    command = [sys.executable, "-m", "tests.bad_inputs", str(tmp_path_factory.mktemp("api"))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_a_hundred_are_tried(said):
    assert len(said) + len(COMMANDS) > 150


@pytest.mark.parametrize("name", bad_inputs.NAMES)
def test_in_python_one_sentence_says_what_was_got_and_what_is_expected(said, name):
    kind, message = said[name]
    assert kind == "ValueError", message
    assert "\n" not in message
    assert NO_OTHER.get(name, "expected") in message
    assert 20 < len(message) < 500


def line(words, here):
    good = ["--model", f"{here}/net.py:load", "--data", f"{here}/good.csv"]
    good += ["--class", "kind == 'a'", "--reference", "kind == 'b'"]
    return [each for word in words for each in (good if word == "{good}" else [word.format(here=here)])]


@pytest.mark.parametrize(("words", "expected"), COMMANDS, ids=lambda value: " ".join(value)[:60])
def test_on_the_command_line_nothing_is_left_behind(here, tmp_path, monkeypatch, words, expected):
    monkeypatch.chdir(tmp_path)
    before = contents(here)
    result = CliRunner().invoke(app, ["-q", *line(words, here)], env={"COLUMNS": "400"})
    output = re.sub(r"\s+", " ", result.output)
    assert result.exit_code == 2, output
    assert "Traceback" not in output
    assert expected.format(here=here) in output
    assert contents(here) == before
    assert not [path for path in tmp_path.rglob("*") if path.name in ("report.html", "summary.json")]


def test_the_good_data_are_good(here, tmp_path):
    result = CliRunner().invoke(app, ["-q", *line(["explain", "{good}", "--out", f"{tmp_path}/run"], here)])
    assert result.exit_code == 0, result.output
