"""The application that commands are added to, how they fail, and the names that several of their options take."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
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
OrderName = Literal["magnitude", "t", "product"]
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
