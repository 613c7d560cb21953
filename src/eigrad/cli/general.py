"""Commands of the studies of digits, splice sites and worlds with known truth, and of run folders."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import typer

from eigrad.cli.common import BaselineName, PathName, SiteBaselineName, TransformName, app, in_one_sentence


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
