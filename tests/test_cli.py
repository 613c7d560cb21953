"""Every command is documented by an example that parses; what is wrong with the input is said in one sentence."""

import inspect
import json
import logging
import re
import shlex
import subprocess
import sys
import tomllib
import warnings
from dataclasses import asdict, fields
from pathlib import Path
from typing import get_args

import pytest
import typer.main
from typer.testing import CliRunner

import eigrad
from eigrad import cli
from eigrad.cases.digits import settings, study
from eigrad.cases.digits.settings import Settings
from eigrad.cases.junctions import settings as junction_settings
from eigrad.cases.junctions import study as junction_study
from eigrad.cases.splicing import simulate as worlds
from eigrad.cases.splicing.simulate import TISSUES
from eigrad.cases.splicing.study import settings as splicing_settings
from eigrad.cases.splicing.study import study as splicing_study
from eigrad.cli import common
from eigrad.significance import ORDERS

COMMANDS = typer.main.get_command(cli.app).commands
TOO_LONG = "x" * 300


@pytest.fixture(autouse=True)
def isolated(monkeypatch):
    """The command line sets up logging for the whole process: put back what was there."""
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    root, ours = logging.getLogger(), logging.getLogger("eigrad")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    root.handlers = []
    yield
    root.handlers = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


@pytest.fixture
def asked(monkeypatch):
    """The settings the command line asks a study for, without running it."""
    found = []
    monkeypatch.setattr(study, "run", lambda given: found.append(given) or Path("runs/digits/report.html"))
    return found


def eigrad_says(*arguments):
    return CliRunner().invoke(cli.app, list(map(str, arguments)))


def refused(result):
    """The one sentence on stderr of a command that ended with exit code 2."""
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert not line.endswith(".")
    assert ". " not in line
    return line


def example(command):
    (line,) = re.findall(r"^\s*Example: (.*)$", inspect.getdoc(command.callback), re.MULTILINE)
    return shlex.split(line)


# help


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_says_what_it_is_for(name):
    assert all(getattr(parameter, "help", None) for parameter in COMMANDS[name].params)
    result = eigrad_says(name, "--help")
    assert result.exit_code == 0
    assert "Example: eigrad" in result.stdout
    assert eigrad_says(name, "-h").stdout == result.stdout
    first_words = " ".join(inspect.getdoc(COMMANDS[name].callback).split()[:4])
    assert first_words in " ".join(eigrad_says("--help").stdout.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_of_every_command_parses(name):
    program, command, *arguments = example(COMMANDS[name])
    assert (program, command) == ("eigrad", name)
    assert arguments
    context = COMMANDS[name].make_context(name, arguments)
    assert set(context.params) == set(inspect.signature(COMMANDS[name].callback).parameters)


def test_the_example_of_digits_runs_with_its_arguments(asked):
    assert eigrad_says(*example(COMMANDS["digits"])[1:]).exit_code == 0
    assert asked == [Settings(sample=5, baseline=3, out=Path("runs/digits"))]


def test_without_a_command_help_is_shown():
    assert "Usage: " in eigrad_says().output
    assert all(name in eigrad_says().output for name in COMMANDS)


def test_the_version_is_shown_and_nothing_is_run(asked):
    result = eigrad_says("--version", "digits")
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"eigrad {eigrad.__version__}\n", "")
    assert not asked


def test_the_script_the_module_and_main_are_one_command():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"eigrad": "eigrad.cli:main"}
    ran = subprocess.run(
        [sys.executable, "-m", "eigrad", "-q", "digits", "--sample", "11"], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "Error: --sample: got digit 11, expected 0 to 9\n"


# arguments


def test_every_option_reaches_the_study(asked, tmp_path):
    given = {
        "out": tmp_path, "sample": 4, "baseline": 9, "path": "neighbors", "baseline_kind": "k-means", "n_baselines": 2,
        "n_samples": 31, "n_points": 17, "null_target": "class", "transform": "rank", "data": "idx", "seed": 8,
        "device": "cpu:0", "quick": True,
    }  # fmt: skip
    defaults = {field.name: field.default for field in fields(Settings)}
    assert all(value != defaults[name] for name, value in given.items())
    options = [(f"--{name.replace('_', '-')}", value) for name, value in given.items() if name != "quick"]
    result = eigrad_says("digits", "--quick", *(word for option in options for word in option))
    assert result.exit_code == 0
    assert asdict(asked[0]) == given


def test_the_defaults_are_those_of_the_settings(asked):
    eigrad_says("digits")
    assert asked == [Settings(out=Path("runs/digits"))]


def test_every_option_reaches_the_splice_site_study(monkeypatch, tmp_path):
    found = []
    monkeypatch.setattr(junction_study, "run", lambda given: found.append(given) or tmp_path / "report.html")
    given = {
        "out": tmp_path, "baseline_kind": "random", "n_baselines": 2, "n_samples": 31, "n_networks": 3,
        "data": "windows.csv", "seed": 8, "device": "cpu:0",
    }  # fmt: skip
    assert eigrad_says("junctions").exit_code == 0
    options = [(f"--{name.replace('_', '-')}", value) for name, value in given.items()]
    assert eigrad_says("junctions", *(word for option in options for word in option)).exit_code == 0
    assert found == [junction_settings.Settings(Path("runs/junctions")), junction_settings.Settings(**given)]


def test_every_option_of_splicing_reaches_the_study(monkeypatch, tmp_path):
    found = []
    monkeypatch.setattr(splicing_study, "run", lambda given: found.append(given) or Path("report.html"))
    given = {
        "out": tmp_path, "fasta": Path("g.fa"), "gtf": Path("a.gtf"), "bigwig": Path("c.bw"), "motifs": Path("m.meme"),
        "condition": "liver", "reference": "heart", "direction": "excluded", "min_others": 3, "min_dpsi": 0.15,
        "network": "dense", "order": "product", "path": "neighbors", "baseline_kind": "median", "n_baselines": 2,
        "n_samples": 31, "n_compared": 29, "seed": 8, "device": "cpu:0", "changes": Path("ch.csv"),
    }  # fmt: skip
    options = [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", value)]
    tables = ("--events", "a.tsv", "--events", "b.tsv", "--majiq", "tables", "--methods", "gradient; Deep SHAP")
    tables = (*tables, "--groups", "a,b", "--groups", "c,d")
    assert eigrad_says("splicing").exit_code == 0
    assert eigrad_says("splicing", *options, *tables).exit_code == 0
    assert eigrad_says("splicing", "--world", "w").exit_code == 0
    assert eigrad_says("splicing", "--n-events", 999).exit_code == 0
    events = tuple(map(Path, ("a.tsv", "b.tsv", "tables")))
    assert found == [
        splicing_settings.Settings(Path("runs/splicing")),
        splicing_settings.Settings(**given, events=events, methods=("gradient", "Deep SHAP"), groups=("a,b", "c,d")),
        splicing_settings.Settings(Path("runs/splicing"), Path("w")),
        splicing_settings.Settings(Path("runs/splicing"), n_events=999),
    ]


def test_every_option_of_simulate_reaches_the_world(monkeypatch, tmp_path):
    found = []
    monkeypatch.setattr(worlds, "simulate", lambda given: found.append(given) or given.out)
    given = ("--factor", "A1CF", "--tissue", "liver", "--direction", "excluded", "--n-events", 300, "--seed", 4)
    result = eigrad_says("simulate", *given, "--out", tmp_path)
    assert result.stdout == f"The world is in {tmp_path.resolve()}\n"
    assert found == [worlds.Settings(tmp_path, 300, "A1CF", "liver", "excluded", seed=4)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("simulate", "--factor", "XYZ"), "--factor: got 'XYZ', expected none or one of A1CF, "),
        (("simulate", "--n-events", 3), "--n-events: got 3, expected at least 200"),
        (("splicing", "--fasta", "g.fa"), "--events: got none, expected one with --fasta"),
        (("splicing", "--world", "nowhere"), "--world: got nowhere, expected the finished folder of eigrad simulate"),
        (("splicing", "--methods", "LIME"), "--methods: got 'LIME', expected all or some of EIG straight, zero; "),
    ],
)
def test_wrong_input_to_splicing_is_said_in_one_sentence(tmp_path, given, said):
    assert said in refused(eigrad_says("-q", *given, "--out", tmp_path / "out"))


@pytest.mark.parametrize(
    ("literal", "known"),
    [
        (common.PathName, settings.PATHS),
        (common.BaselineName, settings.BASELINES),
        (common.SiteBaselineName, junction_settings.KINDS),
        (common.TransformName, settings.TRANSFORMS),
        (common.TissueName, TISSUES),
        (common.OrderName, ORDERS),
        (common.DirectionName, splicing_settings.DIRECTIONS),
    ],
)
def test_names_on_the_command_line_are_those_the_settings_know(literal, known):
    assert get_args(literal) == tuple(known)


def test_only_the_place_of_the_page_goes_to_stdout(asked):
    result = eigrad_says("digits")
    assert result.stdout == f"The page is at {Path('runs/digits/report.html').resolve()}\n"
    assert result.stderr == ""


@pytest.mark.parametrize("quiet", [False, True])
def test_progress_and_warnings_go_to_stderr_unless_quiet(monkeypatch, quiet):
    def run(_):
        logging.getLogger("eigrad.cases").info("training ...")
        logging.getLogger("matplotlib").info("of no interest")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("uneven groups", UserWarning, stacklevel=1)
        return Path("report.html")

    monkeypatch.setattr(study, "run", run)
    result = eigrad_says(*(["-q"] if quiet else []), "digits")
    said = [re.sub(r"^\[.*?\]", "", line).strip() for line in result.stderr.splitlines()]
    assert said == ([] if quiet else ["training ...", "uneven groups"])
    assert result.stdout.count("\n") == 1


# refusals


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--sample", 11], "--sample: got digit 11, expected 0 to 9"),
        (["--sample", -1], "--sample: got digit -1, expected 0 to 9"),
        (["--baseline", 10], "--baseline: got digit 10, expected 0 to 9"),
        (["--sample", 3], "--baseline: got 3, expected another digit than --sample"),
        (["--n-baselines", 0], "--n-baselines: got 0, expected at least 1"),
        (["--n-samples", 3], "--n-samples: got 3, expected at least 4"),
        (["--n-points", 1], "--n-points: got 1, expected at least 2"),
        (["--seed", -1], "--seed: got -1, expected at least 0"),
        (["--seed", 2**32], f"--seed: got {2**32}, expected at most {2**32 - 1}"),
        (["--device", "gpu"], "--device: got 'gpu', expected a device PyTorch can use here (Expected one of cpu"),
        (["--device", ""], "--device: got '', expected a device"),
        (["--device", "meta"], "--device: got 'meta', expected a device"),
        (["--device", "cuda:99"], "--device: got 'cuda:99', expected a device"),
        (["--device", "xla"], "--device: got 'xla', expected a device"),
        (["--device", "hpu"], "--device: got 'hpu', expected a device"),
    ],
)
def test_what_a_study_cannot_do_is_refused_in_one_sentence(tmp_path, arguments, sentence):
    assert sentence in refused(eigrad_says("digits", "--out", tmp_path / "run", *arguments))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["path", "baseline_kind", "null_target", "transform"])
def test_settings_refuse_names_they_do_not_know(tmp_path, name):
    option = name.replace("_", "-")
    with pytest.raises(ValueError, match=f"--{option}: got 'other', expected one of .*, "):
        Settings(tmp_path, **{name: "other"})


def test_the_least_and_the_most_that_settings_allow_are_allowed(tmp_path):
    least = Settings(tmp_path, sample=0, baseline=9, n_baselines=1, n_samples=4, n_points=2, seed=0)
    assert least.other_n_points == 2
    assert Settings(tmp_path, sample=9, baseline=0, seed=2**32 - 1, n_points=251).other_n_points == 50


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["digits", "--sample", "five"], "--sample"),
        (["digits", "--path", "curved"], "--path"),
        (["digits", "--shape", "round"], "--shape"),
        (["letters"], "letters"),
        (["report"], "RUN"),
    ],
)
def test_what_does_not_parse_is_refused_by_name(arguments, named):
    result = eigrad_says(*arguments)
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    assert named in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("out", ["file", "file/run", "file/deeper/run", TOO_LONG])
def test_an_out_folder_that_cannot_be_made_is_refused(tmp_path, out):
    (tmp_path / "file").write_text("no folder")
    assert str(tmp_path / out) in refused(eigrad_says("digits", "--out", tmp_path / out))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("thesis.tex", "years of work"),
        ("config.json", '{"model_type": "bert"}'),
        ("config.json", '{"command": "others"}'),
        ("config.json", "[1, 2]"),
        ("config.json", "{half"),
        ("models/bert.safetensors", "and thesis.tex"),
    ],
)
def test_a_folder_that_holds_something_else_is_refused_and_left_alone(tmp_path, name, content):
    if "/" in name:
        (tmp_path / "thesis.tex").write_text("years of work")
        (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text(content)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    said = refused(eigrad_says("digits", "--out", tmp_path))
    assert f"{tmp_path} is not empty and holds no run of eigrad digits, expected a new or empty folder" in said
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("left", [{}, {"models": None}, {"config.json": '{"command": "digits"}', "notes.txt": "mine"}])
def test_an_empty_folder_and_what_an_interrupted_run_left_are_taken(tmp_path, left):
    for name, content in left.items():
        (tmp_path / name).mkdir() if content is None else (tmp_path / name).write_text(content)
    assert "--data: nowhere is no folder" in refused(
        eigrad_says("-q", "digits", "--out", tmp_path, "--data", "nowhere")
    )
    assert {path.name for path in tmp_path.iterdir()} == set(left)


@pytest.mark.parametrize("data", ["nowhere", "a:b:c", "[red]", TOO_LONG])
def test_data_that_is_not_there_is_refused_by_its_very_name(tmp_path, data):
    assert data in refused(eigrad_says("-q", "digits", "--data", data, "--out", tmp_path / "run"))


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        (None, "no such folder, expected an eigrad run folder"),
        ([], "is not an eigrad run folder: it has no page.json"),
        (["page.json"], "is not an eigrad run folder: it has no summary.json"),
        (["page.json", "summary.json"], "is not an eigrad run folder: it has no config.json"),
    ],
)
def test_the_page_of_what_is_no_run_is_refused(tmp_path, files, sentence):
    run = tmp_path / "run"
    if files is not None:
        run.mkdir()
    for name in files or ():
        (run / name).write_text(json.dumps({"title": "Fives"}))
    assert sentence in refused(eigrad_says("report", run))
    assert not (run / "report.html").exists()


def test_the_page_of_a_file_is_refused(tmp_path):
    (tmp_path / "run").write_text("no folder")
    assert "run: no such folder" in refused(eigrad_says("report", tmp_path / "run"))


# what goes wrong on the way


def raising(error):
    def run(_):
        raise error

    return run


def test_a_full_disk_is_said_in_one_sentence(monkeypatch):
    monkeypatch.setattr(study, "run", raising(OSError(28, "No space left on device", "vae.safetensors")))
    assert "No space left on device: 'vae.safetensors'" in refused(eigrad_says("digits"))


def test_an_interruption_says_that_the_command_goes_on_and_ends_with_130(monkeypatch):
    monkeypatch.setattr(study, "run", raising(KeyboardInterrupt()))
    monkeypatch.setenv("COLUMNS", "30")
    result = eigrad_says("digits")
    assert (result.exit_code, result.stdout) == (130, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("Interrupted")
    assert "the same command goes on from there" in line


def test_a_mistake_in_the_code_is_not_passed_off_as_one_in_the_input(monkeypatch):
    monkeypatch.setattr(study, "run", raising(RuntimeError("mat1 and mat2 shapes cannot be multiplied")))
    result = eigrad_says("digits")
    assert result.exit_code == 1
    assert isinstance(result.exception, RuntimeError)
