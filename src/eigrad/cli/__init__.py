"""The command line: the only part that parses arguments or prints."""

from eigrad.cli import general, own, splicing
from eigrad.cli.common import app

__all__ = ["app", "general", "main", "own", "splicing"]


def main() -> None:
    """Run the command line."""
    app()
