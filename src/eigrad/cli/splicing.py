"""Commands about splicing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from eigrad.cli.common import BaselineName, DirectionName, OrderName, PathName, TissueName, app, in_one_sentence


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
        typer.Option(help="A table by MAJIQ or rMATS, plain CSV, or a folder of tables; may be repeated."),
    ] = None,
    groups: Annotated[
        list[str] | None,
        typer.Option(help="The names of groups 1 and 2 of an rMATS table, such as brain,liver; one for each table."),
    ] = None,
    changes: Annotated[
        Path | None, typer.Option(help="The second table of plain CSV: which events change between which conditions.")
    ] = None,
    majiq: Annotated[Path | None, typer.Option(help="A folder of voila tsv tables: the same as --events.")] = None,
    fasta: Annotated[Path | None, typer.Option(help="The genome, with --events.")] = None,
    gtf: Annotated[Path | None, typer.Option(help="The annotation, with --events.")] = None,
    bigwig: Annotated[Path | None, typer.Option(help="A conservation track.")] = None,
    motifs: Annotated[
        Path | None, typer.Option(help="Motifs in MEME format; by default 36 of the package's own.")
    ] = None,
    structure: Annotated[
        bool, typer.Option("--structure", help="RNA structure about the splice sites as well, by ViennaRNA; slow.")
    ] = False,
    condition: Annotated[
        str | None, typer.Option(help="The condition of interest; by default the world's tissue.")
    ] = None,
    reference: Annotated[
        str, typer.Option(help="The condition it is compared with, or 'all' for the mean over all others.")
    ] = "all",
    direction: Annotated[
        DirectionName, typer.Option(help="Exons more included, or more excluded, in the condition.")
    ] = "included",
    min_others: Annotated[
        int | None,
        typer.Option(
            help="In at least so many comparisons; by default 2, or 1 where there is one only.", show_default=False
        ),
    ] = None,
    min_dpsi: Annotated[float, typer.Option(help="By at least so much.")] = 0.2,
    network: Annotated[Literal["dense", "sparse"], typer.Option(help="The network that is explained.")] = "sparse",
    order: Annotated[
        OrderName, typer.Option(help="The order meta-features are read in: by mean |attribution|, t, or their product.")
    ] = "magnitude",
    path: Annotated[PathName, typer.Option(help="The path of the main method.")] = "straight",
    baseline_kind: Annotated[BaselineName, typer.Option(help="The baselines of the main method.")] = "close",
    n_baselines: Annotated[int, typer.Option(help="Baselines for each exon.")] = 5,
    n_samples: Annotated[int, typer.Option(help="Exons of each set that are explained, at most.")] = 300,
    n_compared: Annotated[int, typer.Option(help="Exons of each set that methods are compared on, at most.")] = 100,
    n_events: Annotated[
        int | None, typer.Option(help="Events of the world that is made by default: 4000.", show_default=False)
    ] = None,
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
        out, world, tables, fasta, gtf, bigwig, motifs, structure, condition, reference, direction, min_others,
        min_dpsi, network, order, path, baseline_kind, n_baselines, n_samples, n_compared, n_events, chosen, seed,
        device, changes, tuple(groups or ()),
    )  # fmt: skip
    typer.echo(f"The page is at {run(settings).resolve()}")


@app.command()
@in_one_sentence()
def regulators(
    run: Annotated[
        Path | None,
        typer.Argument(
            help="A finished run folder of eigrad splicing; without one a world is simulated and explained first.",
            metavar="[RUN]",
            show_default=False,
        ),
    ] = None,
    expression: Annotated[
        Path | None, typer.Option(help="TPM of genes by tissue: a column a tissue, or gene_name, tissue, tpm.")
    ] = None,
    tissue: Annotated[
        str | None, typer.Option(help="The name of the run's condition in the table of expression, if it is another.")
    ] = None,
    clip: Annotated[
        list[str] | None, typer.Option(help="NAME=FILE: cross-linked sites of a protein, BED or CTK; may be repeated.")
    ] = None,
    min_tags: Annotated[
        int | None, typer.Option(help="Tags with the mutation that a site of CTK must have; 2 by default.")
    ] = None,
    knockout: Annotated[
        list[str] | None,
        typer.Option(help="NAME=FILE: a table of wild type against loss of a protein; may be repeated."),
    ] = None,
    wildtype: Annotated[
        list[str] | None,
        typer.Option(
            help="The wild type in knock-outs, or NAME=CONDITION for one of them; by default the first condition."
        ),
    ] = None,
    motifs: Annotated[
        Path | None, typer.Option(help="Known motifs in MEME format, of all candidates; by default the run's own.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the world that is made without RUN; 0 by default.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The folder of the search; by default regulators in RUN.", show_default=False),
    ] = None,
) -> None:
    """Rank proteins by every line of evidence that they regulate the exons of a splicing run.

    Example: eigrad regulators runs/splicing --expression tpm.csv --clip QKI=qki.bed --knockout QKI=qki.deltapsi.tsv
    """
    from eigrad.cases.splicing.regulators.study.play import play
    from eigrad.cases.splicing.regulators.study.settings import Settings, named_files, wild_types
    from eigrad.cases.splicing.regulators.study.study import run as searched

    if run is None:
        given = {
            "expression": expression, "tissue": tissue, "clip": clip, "min-tags": min_tags, "knockout": knockout,
            "wildtype": wildtype, "motifs": motifs,
        }  # fmt: skip
        if name := next((name for name, each in given.items() if each not in (None, [])), None):
            raise ValueError(f"RUN: got none with --{name}, expected a finished run folder of eigrad splicing")
        page = play(out or Path("runs/regulators"), seed or 0)
    else:
        if seed is not None:
            raise ValueError(f"--seed: got {seed} with RUN {run}, expected it where a world is made")
        knockouts = named_files("--knockout", knockout or [])
        settings = Settings(
            run, out or run / "regulators", expression, tissue, named_files("--clip", clip or []),
            2 if min_tags is None else min_tags, knockouts, wild_types(wildtype or [], knockouts), motifs,
        )  # fmt: skip
        page = searched(settings)
    typer.echo(f"The page is at {page.resolve()}")
