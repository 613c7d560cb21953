"""What was found of a class beside a reference and a null: its table, figures and page, as a run folder."""

from eigrad.findings.findings import Findings, Question
from eigrad.findings.write import write_page

__all__ = ["Findings", "Question", "write_page"]
