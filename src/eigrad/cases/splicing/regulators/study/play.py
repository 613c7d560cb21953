"""The search on a simulated world: made, explained, and searched from nothing."""

from __future__ import annotations

from pathlib import Path

from eigrad.cases.splicing.regulators.study.settings import Settings
from eigrad.cases.splicing.regulators.study.study import run
from eigrad.cases.splicing.simulate import Settings as World
from eigrad.cases.splicing.simulate import simulate
from eigrad.cases.splicing.study.settings import Settings as Study
from eigrad.cases.splicing.study.sources import arguments_of
from eigrad.cases.splicing.study.study import run as explained
from eigrad.data import write_json
from eigrad.folder import opened, versions

FACTOR, TISSUE = "A1CF", "liver"  # the paper's


def play(out: Path, seed: int = 0) -> Path:
    """A world that A1CF drives in liver, its splicing run with one method, and the search; the page is returned.

    All lies in `out`; what is finished there is not done again.
    """
    folder = opened(out, "regulators")
    if not (folder / "config.json").is_file():
        write_json(
            folder / "config.json", {"command": "regulators", "arguments": {"seed": seed}, "versions": versions()}
        )
    wanted = World(folder / "world", factor=FACTOR, tissue=TISSUE, seed=seed)
    study = Study(folder / "splicing", world=wanted.out, seed=seed)
    study = Study(folder / "splicing", world=wanted.out, seed=seed, methods=(study.main,))
    if arguments_of(wanted.out) != wanted.arguments():
        simulate(wanted)
    explained(study)
    return run(Settings(study.out, folder))
