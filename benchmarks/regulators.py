"""The search for regulators on simulated worlds: is the planted factor found, and nobody where there is none?

    python -m benchmarks.regulators --seeds 0 20 --out runs/regulator-worlds --docs docs

Every world has its folder, and what is finished there is not done again unless it was made of other arguments or source
code; several processes may share them, seeds apart.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.engine import code
from benchmarks.splicing import CLOSE, chosen_methods
from eigrad.cases import splicing
from eigrad.cases.splicing.regulators.study.finished import of_study, read_evidence
from eigrad.cases.splicing.regulators.study.settings import Settings as Search
from eigrad.cases.splicing.regulators.study.study import gathered
from eigrad.cases.splicing.regulators.study.verdict import judged, verdict
from eigrad.cases.splicing.simulate import Settings as World
from eigrad.cases.splicing.simulate import simulate
from eigrad.cases.splicing.study.evaluation import quality
from eigrad.cases.splicing.study.explain import explain
from eigrad.cases.splicing.study.prepare import prepared, surveyed
from eigrad.cases.splicing.study.results import described
from eigrad.cases.splicing.study.settings import Settings
from eigrad.cases.splicing.study.sources import arguments_of
from eigrad.data import write_atomic, write_json, write_table
from eigrad.folder import Clock

FACTORS = ("A1CF", "RBFOX1", "QKI", "MBNL1", "CELF2", "HNRNPL", "ESRP1", "KHDRBS1", "MATR3", "RBM24")
TISSUES, DIRECTIONS = ("liver", "hippocampus"), ("included", "excluded")
# What is taken away: words for the page, and the lines.
LOSSES = {
    "nothing": (), "motif": ("motif",), "expression": ("expression",), "motif map": ("motif_map",), "CLIP": ("clip",),
    "knock-out": ("knockout",), "CLIP and knock-out": ("clip", "knockout"),
    "expression, CLIP and knock-out": ("expression", "clip", "knockout"),
    "motif and motif map": ("motif", "motif_map"),
}  # fmt: skip
EXPERIMENTS = {"clip": "CLIP", "knockout": "knock-out"}
MAKERS = ("events", "features", "simulate")  # packages of the splicing case that make a world
COMPUTED = ("models", "methods")  # what a study leaves beside its features, to go on from


def planned(seed: int, control: bool, folder: Path) -> World:
    """The world of a seed: every factor twice, in either tissue and direction."""
    factor = "none" if control else FACTORS[seed % len(FACTORS)]
    turn = seed // len(FACTORS)
    tissue, direction = TISSUES[(seed + turn) % 2], DIRECTIONS[(seed // 2 + turn) % 2]
    return World(folder / "world", factor=factor, tissue=tissue, direction=direction, seed=seed)


@cache
def source() -> dict[str, str]:
    """Hashes of eigrad's source, and of what makes worlds, when first asked for: later edits do not reach a process."""
    folder = Path(splicing.__file__).parent
    return {"eigrad": code(), **{name: code(folder / name) for name in MAKERS}}


def fingerprint(world: World) -> dict[str, Any]:
    """What a finding hangs on, as JSON has it."""
    made_of = {"world": world.arguments(), "code": source()["eigrad"], "losses": LOSSES, "alpha": Search.alpha}
    return dict(json.loads(json.dumps(made_of)))


def stored(path: Path) -> dict[str, Any]:
    """What a file of JSON says, nothing where there is none."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def made(world: World, folder: Path) -> None:
    """The world, in a folder in which nothing is left of other source code; both are kept where they are the same."""
    folder.mkdir(parents=True, exist_ok=True)
    path, now = folder / "made-by.json", source()
    before = stored(path)
    if before != now:
        (folder / "features.json").unlink(missing_ok=True)
        for name in COMPUTED:
            if (folder / name).is_dir():
                shutil.rmtree(folder / name)
    if arguments_of(world.out) != world.arguments() or any(before.get(name) != now[name] for name in MAKERS):
        path.unlink(missing_ok=True)
        simulate(world)
    write_json(path, now)


def one(seed: int, control: bool, folder: Path) -> dict[str, Any]:
    """What the search says of one world, with all evidence and with some of it taken away."""
    world, done, clock = planned(seed, control, folder), folder / "found.json", Clock()
    made_of = fingerprint(world)
    if (found := stored(done)).get("made_of") == made_of:
        return found
    made(world, folder)
    study = prepared(surveyed(Settings(folder, world=world.out, seed=seed)), folder, clock)
    tables = explain(
        chosen_methods(study, "sparse", [CLOSE]), study.data.features, study.groups, study.data.part != "test",
        folder / "methods", {"files": study.sources.hashes()}, seed=seed,
    )  # fmt: skip
    finished = of_study(study, described(tables[CLOSE], study.data, study.groups))
    evidence = read_evidence(Search(folder, folder), finished)
    judgement = judged(gathered(finished, evidence, clock).lines, Search.alpha)
    write_table(folder / "evidence.csv", judgement)
    found = {
        "made_of": made_of, "seed": seed, "factor": world.factor, "tissue": world.tissue, "direction": world.direction,
        "sets": {name: int(mask.sum()) for name, mask in finished.sets.items()},
        **quality(study.data, study.trained.networks["sparse"], study.score, study.groups), "lost": {},
        "decoys": of_decoys(world.out, judgement),
    }  # fmt: skip
    for name, lines in LOSSES.items():
        table = verdict(judgement, lines)
        places = dict(zip(table["candidate"], table["place"], strict=True))
        found["lost"][name] = {
            "first": str(table["candidate"].iloc[0]), "place": int(places.get(world.factor, 0)),
            "passed": table.loc[table["passes"], "candidate"].tolist(),
        }  # fmt: skip
    found["supported"] = judgement.loc[
        (judgement["candidate"] == world.factor) & judgement["supports"], "line"
    ].tolist()
    write_json(done, found)
    return found


def of_decoys(world: Path, judgement: pd.DataFrame) -> list[dict[str, Any]]:
    """Of every decoy with experiments: the factor that its sites were sown beside, and which experiments support it."""
    beside = pd.read_csv(world / "truth" / "decoys.csv").set_index("motif")["factor"]
    rows = judgement[judgement["line"].isin(list(EXPERIMENTS)) & judgement["candidate"].isin(beside.index)]
    found = []
    for name, part in rows.groupby("candidate"):
        supports = dict(zip(part["line"], map(bool, part["supports"]), strict=True))
        found.append({"decoy": name, "beside": str(beside[name]), "supports": supports})
    return found


def losses(planted: list[dict[str, Any]], control: list[dict[str, Any]]) -> Iterator[str]:
    """A line for each kind of evidence that is taken away."""
    yield "| taken away | planted factor first | in the top three | passes | others that pass | controls: any passes |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name in LOSSES:
        rows = [each["lost"][name] for each in planted]
        first, three = sum(row["place"] == 1 for row in rows), sum(1 <= row["place"] <= 3 for row in rows)
        right = sum(each["factor"] in each["lost"][name]["passed"] for each in planted)
        others = sum(len(set(each["lost"][name]["passed"]) - {each["factor"]}) for each in planted)
        false = sum(bool(each["lost"][name]["passed"]) for each in control)
        n, m = len(planted), len(control)
        yield f"| {name} | {first} of {n} | {three} of {n} | {right} of {n} | {others} | {false} of {m} |"


def decoys(planted: list[dict[str, Any]], control: list[dict[str, Any]]) -> Iterator[str]:
    """A line for each experiment: how many decoys it supports, of how many that it was made of."""
    of_planted = [
        (each["beside"] == found["factor"], each["supports"]) for found in planted for each in found["decoys"]
    ]
    beside, others = ([supports for own, supports in of_planted if own is which] for which in (True, False))
    sets = beside, others, [each["supports"] for found in control for each in found["decoys"]]
    yield "| supported by | planted worlds: decoys beside the planted factor | other decoys | controls: decoys |"
    yield "| --- | --- | --- | --- |"
    for name, word in EXPERIMENTS.items():
        tested = [[each[name] for each in part if name in each] for part in sets]
        yield f"| {word} | {' | '.join(f'{sum(each)} of {len(each)}' for each in tested)} |"
    yield f"| either | {' | '.join(f'{sum(any(e.values()) for e in part)} of {len(part)}' for part in sets)} |"


def worlds(planted: list[dict[str, Any]]) -> Iterator[str]:
    """A line for each planted world."""
    yield "| seed | factor | tissue | direction | exons of the class | place | supported by | first by sequence alone |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for each in planted:
        cells = [
            *(each[name] for name in ("seed", "factor", "tissue", "direction")), each["sets"]["included"],
            each["lost"]["nothing"]["place"], ", ".join(each["supported"]).replace("_", " "),
            each["lost"]["expression, CLIP and knock-out"]["first"],
        ]  # fmt: skip
        yield f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs=2, default=(0, 20), help="from, and up to (not included)")
    parser.add_argument("--out", type=Path, default=Path("runs/regulator-worlds"))
    parser.add_argument("--docs", type=Path)
    given = parser.parse_args()
    found: dict[bool, list[dict[str, Any]]] = {False: [], True: []}
    for seed in range(*given.seeds):
        for control in found:
            name = f"{'control' if control else 'planted'}-{seed}"
            found[control].append(one(seed, control, given.out / name))
    rows = pd.DataFrame([
        {
            **{name: each[name] for name in ("seed", "factor", "tissue", "direction", "auc")}, "taken_away": name,
            "first": lost["first"], "place": lost["place"], "passed": " ".join(lost["passed"]),
        }
        for each in (*found[False], *found[True]) for name, lost in each["lost"].items()
    ])  # fmt: skip
    write_table(given.out / "regulator-worlds.csv", rows)
    parts = {
        "losses": "\n".join(losses(found[False], found[True])), "decoys": "\n".join(decoys(found[False], found[True])),
        "worlds": "\n".join(worlds(found[False])),
    }  # fmt: skip
    print("\n\n".join(parts.values()))
    if given.docs is not None:
        write_table(given.docs / "images" / "regulator-worlds.csv", rows)
        text = files("benchmarks").joinpath("regulators.md").read_text(encoding="utf-8")
        parts["auc"] = f"{np.median([each['auc'] for each in found[False]]):.2f}"
        for name, part in parts.items():
            text = text.replace(f"{{{{{name}}}}}", part)
        with write_atomic(given.docs / "regulator-worlds.md") as beside:
            beside.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
