"""The command line: the only module that parses arguments or prints."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.logging import RichHandler

import eigrad

app = typer.Typer(
    help="Which features make a trained network treat one class of samples differently, and which are significant.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
errors = Console(stderr=True)

PathName = Literal["straight", "neighbors", "latent-straight", "latent-neighbors"]
BaselineName = Literal["zero", "encoded-zero", "median", "k-means", "close", "random"]
SiteBaselineName = Literal["zero", "median", "k-means", "close", "random"]
DirectionName = Literal["included", "excluded"]
TissueName = Literal["hippocampus", "heart", "liver", "lung", "spleen", "thymus"]
TransformName = Literal["abs", "share", "signed", "rank"]


@contextmanager
def in_one_sentence() -> Iterator[None]:
    """Say in one sentence what was wrong with the input (exit code 2), or that the run was interrupted (130)."""
    try:
        yield
    except KeyboardInterrupt:
        errors.print("Interrupted. What was finished is kept: the same command goes on from there.", soft_wrap=True)
        raise typer.Exit(130) from None
    except (ValueError, OSError) as error:
        errors.print(f"Error: {error}", style="red", markup=False, emoji=False, highlight=False, soft_wrap=True)
        raise typer.Exit(2) from None


def _version(asked: bool) -> bool:
    if asked:
        typer.echo(f"eigrad {eigrad.__version__}")
        raise typer.Exit
    return asked


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Log nothing but errors.")] = False,
) -> None:
    level = logging.ERROR if quiet else logging.INFO
    handler = RichHandler(console=errors, show_path=False, show_level=False, log_time_format="[%X]")
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler], force=True)
    logging.getLogger("eigrad").setLevel(level)
    warnings.showwarning = lambda message, *_, **__: logging.getLogger("eigrad").warning("%s", message)


@app.command()
@in_one_sentence()
def digits(
    sample: Annotated[int, typer.Option(help="The digit to explain.", show_default=True)] = 5,
    baseline: Annotated[int, typer.Option(help="The digit it is compared with.")] = 3,
    path: Annotated[
        PathName,
        typer.Option(help="The path; networks without an autoencoder take its feature-space kin."),
    ] = "latent-straight",
    baseline_kind: Annotated[BaselineName, typer.Option(help="How baselines are chosen.")] = "median",
    n_baselines: Annotated[int, typer.Option(help="Baselines for each image.")] = 3,
    n_samples: Annotated[int, typer.Option(help="Images of the digit, and as many null images.")] = 300,
    n_points: Annotated[int, typer.Option(help="Points on each path.")] = 250,
    null_target: Annotated[
        Literal["own", "class"],
        typer.Option(help="Null images are explained for their predicted class, or the digit."),
    ] = "own",
    transform: Annotated[
        TransformName,
        typer.Option(help="What is tested: |a|, its share of the image, a, or its rank in the image."),
    ] = "abs",
    data: Annotated[
        str | None,
        typer.Option(
            help="A folder of MNIST's IDX files (gzipped or not), or 'full' to download all 70,000 images. "
            "By default the 10,000 images in the package.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the split, the training and every draw.")] = 0,
    out: Annotated[Path, typer.Option(help="The run folder.")] = Path("runs/digits"),
    device: Annotated[str, typer.Option(help="Where PyTorch computes, such as cpu or cuda:0.")] = "cpu",
    quick: Annotated[bool, typer.Option("--quick", help="Small networks and fewer repeats, for a first look.")] = False,
) -> None:
    """Explain what makes one handwritten digit differ from another, as in the paper.

    Example: eigrad digits --sample 5 --baseline 3 --out runs/digits
    """
    from eigrad.cases.digits.settings import Settings
    from eigrad.cases.digits.study import run

    page = run(
        Settings(
            out=out, sample=sample, baseline=baseline, path=path, baseline_kind=baseline_kind, n_baselines=n_baselines,
            n_samples=n_samples, n_points=n_points, null_target=null_target, transform=transform, data=data,
            seed=seed, device=device, quick=quick,
        )
    )  # fmt: skip
    typer.echo(f"The page is at {page.resolve()}")


@app.command()
@in_one_sentence()
def junctions(
    baseline_kind: Annotated[
        SiteBaselineName, typer.Option(help="How baselines are chosen among training windows without a site.")
    ] = "close",
    n_baselines: Annotated[int, typer.Option(help="Baselines for each window.")] = 5,
    n_samples: Annotated[int, typer.Option(help="Held-out windows of each set that is explained.")] = 150,
    n_networks: Annotated[int, typer.Option(help="Networks that are trained, and explained as one.")] = 5,
    data: Annotated[
        str | None,
        typer.Option(
            help="A CSV table (gzipped or not) with the columns sequence and label (EI, IE or N); junctions lie in the "
            "middle. By default the 3,190 primate windows in the package.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the split, the training and every draw.")] = 0,
    out: Annotated[Path, typer.Option(help="The run folder.")] = Path("runs/junctions"),
    device: Annotated[str, typer.Option(help="Where PyTorch computes, such as cpu or cuda:0.")] = "cpu",
) -> None:
    """Explain which positions make a window of DNA a splice donor, or an acceptor.

    Example: eigrad junctions --seed 1 --out runs/junctions
    """
    from eigrad.cases.junctions.settings import Settings
    from eigrad.cases.junctions.study import run

    settings = Settings(out, baseline_kind, n_baselines, n_samples, n_networks, data, seed, device)
    typer.echo(f"The page is at {run(settings).resolve()}")


@app.command()
@in_one_sentence()
def simulate(
    factor: Annotated[
        str, typer.Option(help="The protein that drives the tissue, such as RBFOX1, A1CF or QKI; 'none' for a control.")
    ] = "RBFOX1",
    tissue: Annotated[TissueName, typer.Option(help="The tissue it drives.")] = "hippocampus",
    direction: Annotated[
        DirectionName, typer.Option(help="What its sites downstream of an exon do to it there; upstream the opposite.")
    ] = "included",
    n_events: Annotated[int, typer.Option(help="Exon triplets, half of them about cassette exons.")] = 4000,
    seed: Annotated[int, typer.Option(help="Seed of everything that is drawn.")] = 0,
    out: Annotated[Path, typer.Option(help="The folder of the world.")] = Path("runs/world"),
) -> None:
    """Simulate a transcriptome whose regulation is known: the files a lab would have, and the truth beside them.

    Example: eigrad simulate --factor A1CF --tissue liver --seed 1 --out runs/world
    """
    from eigrad.cases.splicing.simulate import Settings
    from eigrad.cases.splicing.simulate import simulate as made

    world = made(Settings(out, n_events, factor, tissue, direction, seed=seed))
    typer.echo(f"The world is in {world.resolve()}")


@app.command()
@in_one_sentence()
def splicing(
    world: Annotated[
        Path | None, typer.Option(help="A folder of eigrad simulate; by default one is made in the run folder.")
    ] = None,
    events: Annotated[
        list[Path] | None,
        typer.Option(help="A table by MAJIQ, rMATS or VAST-TOOLS, plain CSV, or a folder of tables; may be repeated."),
    ] = None,
    majiq: Annotated[Path | None, typer.Option(help="A folder of voila tsv tables: the same as --events.")] = None,
    fasta: Annotated[Path | None, typer.Option(help="The genome, with --events.")] = None,
    gtf: Annotated[Path | None, typer.Option(help="The annotation, with --events.")] = None,
    bigwig: Annotated[Path | None, typer.Option(help="A conservation track.")] = None,
    motifs: Annotated[
        Path | None, typer.Option(help="Motifs in MEME format; by default 36 of the package's own.")
    ] = None,
    condition: Annotated[
        str | None, typer.Option(help="The condition of interest; by default the world's tissue.")
    ] = None,
    reference: Annotated[
        str, typer.Option(help="The condition it is compared with, or 'all' for the mean over all others.")
    ] = "all",
    direction: Annotated[
        DirectionName, typer.Option(help="Exons more included, or more excluded, in the condition.")
    ] = "included",
    min_others: Annotated[int, typer.Option(help="In at least so many comparisons.")] = 2,
    min_dpsi: Annotated[float, typer.Option(help="By at least so much.")] = 0.2,
    network: Annotated[Literal["dense", "sparse"], typer.Option(help="The network that is explained.")] = "sparse",
    path: Annotated[PathName, typer.Option(help="The path of the main method.")] = "straight",
    baseline_kind: Annotated[BaselineName, typer.Option(help="The baselines of the main method.")] = "close",
    n_baselines: Annotated[int, typer.Option(help="Baselines for each exon.")] = 5,
    n_samples: Annotated[int, typer.Option(help="Exons of each set that are explained, at most.")] = 300,
    n_events: Annotated[int, typer.Option(help="Events of the world that is made by default.")] = 4000,
    methods: Annotated[
        str, typer.Option(help="Methods beside the main one, with semicolons between them, or 'all'.")
    ] = "all",
    seed: Annotated[int, typer.Option(help="Seed of the world, the training and every draw.")] = 0,
    out: Annotated[Path, typer.Option(help="The run folder.")] = Path("runs/splicing"),
    device: Annotated[str, typer.Option(help="Where PyTorch computes, such as cpu or cuda:0.")] = "cpu",
) -> None:
    """Explain what makes exons more included (or excluded) in one condition, by every path and baseline.

    Example: eigrad splicing --direction included --seed 1 --out runs/splicing
    """
    from eigrad.cases.splicing.study.settings import Settings
    from eigrad.cases.splicing.study.study import run

    tables = (*(events or ()), *((majiq,) if majiq else ()))
    chosen = tuple(name.strip() for name in methods.split(";"))
    settings = Settings(
        out, world, tables, fasta, gtf, bigwig, motifs, condition, reference, direction, min_others, min_dpsi, network,
        path, baseline_kind, n_baselines, n_samples, n_events, chosen, seed, device,
    )  # fmt: skip
    typer.echo(f"The page is at {run(settings).resolve()}")


@app.command()
@in_one_sentence()
def compare(
    variants: Annotated[
        str, typer.Option(help="Worlds with known causes, with commas between them, or 'all'.")
    ] = "plain,proxies,interactions",
    seeds: Annotated[str, typer.Option(help="Seeds, such as 0 or 0-2,5: a data set and its networks each.")] = "0-2",
    networks: Annotated[str, typer.Option(help="The networks explained: paper, sparse, or both.")] = "paper,sparse",
    methods: Annotated[str, typer.Option(help="Methods, with commas between them, or 'all'.")] = "all",
    n_samples: Annotated[int, typer.Option(help="Samples of a data set.")] = 10_000,
    n_explained: Annotated[int, typer.Option(help="Samples of a class that are explained.")] = 450,
    out: Annotated[Path, typer.Option(help="The run folder.")] = Path("runs/compare"),
) -> None:
    """Compare methods, in every order, on simulated data whose causes are known.

    Example: eigrad compare --variants plain,xor --seeds 0-2 --out runs/compare
    """
    from eigrad.cases.synthetic import WORLDS
    from eigrad.cases.synthetic.compare import METHODS
    from eigrad.cases.synthetic.study import Comparison, run

    settings = Comparison(
        out, _names(variants, WORLDS), _numbers(seeds), _names(networks, ()), _names(methods, METHODS), n_samples,
        n_explained,
    )  # fmt: skip
    typer.echo(f"The means are in {run(settings).resolve()}")


def _names(text: str, known: Iterable[str]) -> tuple[str, ...]:
    """a,b as a and b; 'all' as all that are known."""
    return tuple(known) if text == "all" else tuple(name.strip() for name in text.split(","))


def _numbers(text: str) -> tuple[int, ...]:
    """0-2,5 as 0, 1, 2, 5."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if not first.isdigit() or not (last or first).isdigit():
            raise ValueError(f"--seeds: got {text!r}, expected numbers and ranges such as 0-2,5")
        found += range(int(first), int(last or first) + 1)
    return tuple(dict.fromkeys(found))


@app.command()
@in_one_sentence()
def calibrate(
    run: Annotated[Path, typer.Argument(help="A finished run folder of eigrad digits.", metavar="RUN")],
    repeats: Annotated[int, typer.Option(help="Draws of random images against random images.")] = 100,
) -> None:
    """Say what a run's test finds in random images and in networks that know nothing, and add it to the page.

    Example: eigrad calibrate runs/digits
    """
    from eigrad.cases.digits.calibrate import run as calibrated

    typer.echo(f"The page is at {calibrated(run, repeats).resolve()}")


@app.command()
@in_one_sentence()
def report(
    run: Annotated[Path, typer.Argument(help="A finished run folder.", metavar="RUN")],
) -> None:
    """Build the page of a run folder again, from its files alone.

    Example: eigrad report runs/digits
    """
    from eigrad.report import build

    typer.echo(f"The page is at {build(run).resolve()}")


def main() -> None:
    """Run the command line."""
    app()
