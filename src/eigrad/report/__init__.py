"""The page of a run: a run folder in, one self-contained HTML file out, made from the files alone."""

from eigrad.report.assemble import build

__all__ = ["build"]
