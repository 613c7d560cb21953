"""The command that explains a network of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from eigrad.cli.common import BaselineName, PathName, app, in_one_sentence


@app.command()
@in_one_sentence()
def explain(
    model: Annotated[
        str | None,
        typer.Option(help="FILE.py:FUNCTION, TorchScript, torch.export (.pt2), or weights of ours (.safetensors)."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Samples: .csv, .tsv, .parquet, .npy, .npz, .zarr, .h5ad or FASTA.")
    ] = None,
    of: Annotated[
        str | None, typer.Option("--class", help="A query: the class, such as \"tissue == 'liver' and psi > 0.5\".")
    ] = None,
    reference: Annotated[str | None, typer.Option(help="A query: what the class is compared with.")] = None,
    labels: Annotated[Path | None, typer.Option(help="A table with a row a sample, for the queries.")] = None,
    about: Annotated[
        list[str] | None, typer.Option(help="A column of numbers that is no feature; may be repeated.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="The array of .npz or .zarr, or the layer of .h5ad.")] = None,
    groups: Annotated[
        Path | None, typer.Option(help="A table of features and their groups, which are summed before they are tested.")
    ] = None,
    target: Annotated[
        int | None, typer.Option(help="The output explained; by default the one the class has most often.")
    ] = None,
    path: Annotated[PathName | None, typer.Option(help="The path; straight by default.")] = None,
    baseline_kind: Annotated[
        BaselineName | None, typer.Option(help="How baselines are chosen; close by default.")
    ] = None,
    n_baselines: Annotated[int | None, typer.Option(help="Baselines for each sample; 3 by default.")] = None,
    n_samples: Annotated[int | None, typer.Option(help="Samples of each set explained; 300 by default.")] = None,
    autoencoder: Annotated[
        str | None, typer.Option(help="For latent paths: FILE.py:FUNCTION, or auto (default): trained on the data.")
    ] = None,
    n_points: Annotated[int | None, typer.Option(help="Points of every path, instead of a tolerance.")] = None,
    tol: Annotated[float | None, typer.Option(help="Relative error to reach; 0.01 by default.")] = None,
    precision: Annotated[str | None, typer.Option(help="full (default), bfloat16, or tf32 on CUDA.")] = None,
    test: Annotated[str | None, typer.Option(help="maxt (default), welch or mannwhitney.")] = None,
    alpha: Annotated[float | None, typer.Option(help="Level of significance; 0.05 by default.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every draw; 0 by default.")] = None,
    device: Annotated[str | None, typer.Option(help="Where PyTorch computes, such as cpu or cuda:0.")] = None,
    config: Annotated[Path | None, typer.Option(help="A YAML file with any of these; options take precedence.")] = None,
    out: Annotated[Path, typer.Option(help="The run folder.")] = Path("runs/explain"),
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was interrupted.")] = False,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes that explain at once (needs dask).", show_default=False),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="The address of a Dask scheduler whose workers explain.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done and how long it takes.")] = False,
) -> None:
    """Explain which features set one class of samples apart, for a network and data of your own.

    Example: eigrad explain --model net.py:load --data cells.csv --class "type == 'B'" --reference "type == 'T'"
    """
    from eigrad.cases.own.settings import settings_of
    from eigrad.cases.own.study import plan, run
    from eigrad.distribute import connected

    given = {
        "model": model, "data": data, "of": of, "reference": reference, "labels": labels, "about": about, "key": key,
        "groups": groups,
        "target": target, "path": path, "baseline_kind": baseline_kind, "n_baselines": n_baselines,
        "n_samples": n_samples, "autoencoder": autoencoder, "n_points": n_points, "tol": tol, "precision": precision,
        "test": test, "alpha": alpha, "seed": seed, "device": device,
    }  # fmt: skip
    settings = settings_of(out, given, config)
    if dry_run:
        typer.echo(plan(settings))
    else:
        with connected(scheduler, workers) as client:
            typer.echo(f"The page is at {run(settings, resume=resume, client=client).resolve()}")
