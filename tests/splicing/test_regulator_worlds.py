"""The benchmark of the search takes up what it finished before only where arguments and source are the same."""

from dataclasses import replace

import pytest

pytest.importorskip("captum")

from benchmarks import regulators
from benchmarks.engine import code

from eigrad.cases.splicing.simulate import Settings as World
from eigrad.data import write_json


@pytest.fixture
def simulated(monkeypatch):
    """Worlds asked for, which are as good as made."""
    worlds = []

    def simulate(world):
        world.out.mkdir(exist_ok=True)
        write_json(world.out / "world.json", {"arguments": world.arguments()})
        worlds.append(world)

    monkeypatch.setattr(regulators, "simulate", simulate)
    return worlds


@pytest.fixture
def source(monkeypatch):
    """Hashes of a source that may change."""
    hashes = dict.fromkeys(("eigrad", *regulators.MAKERS), "1")
    monkeypatch.setattr(regulators, "source", lambda: dict(hashes))
    return hashes


def test_a_world_is_made_anew_for_other_arguments_or_source(tmp_path, simulated, source):
    world = World(tmp_path / "world", factor="QKI", seed=1)
    for asked, changed, n in [
        (world, {}, 1), (world, {}, 1), (world, {"eigrad": "2"}, 1), (world, {"simulate": "2"}, 2),
        (replace(world, seed=2), {}, 3), (replace(world, seed=2), {"features": "2"}, 4), (world, {}, 5),
    ]:  # fmt: skip
        source.update(changed)
        regulators.made(asked, tmp_path)
        assert len(simulated) == n
    (world.out / "world.json").unlink()  # interrupted
    regulators.made(world, tmp_path)
    assert len(simulated) == 6


def test_what_other_source_computed_is_not_gone_on_from(tmp_path, simulated, source):
    world = World(tmp_path / "world", seed=1)
    regulators.made(world, tmp_path)
    for name in ("models", "methods"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "kept").touch()
    (tmp_path / "features.json").touch()
    there = {path.name for path in tmp_path.iterdir()}
    regulators.made(world, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == there
    source["eigrad"] = "2"
    regulators.made(world, tmp_path)
    assert there - {path.name for path in tmp_path.iterdir()} == {"models", "methods", "features.json"}


def test_a_finding_is_taken_up_only_where_all_it_hangs_on_is_the_same(tmp_path, monkeypatch, source):
    done = tmp_path / "found.json"
    monkeypatch.setattr(regulators, "made", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))  # it is made anew

    def finished():
        write_json(done, {"made_of": regulators.fingerprint(regulators.planned(3, False, tmp_path)), "place": 1})

    finished()
    assert regulators.one(3, False, tmp_path)["place"] == 1
    with pytest.raises(KeyboardInterrupt):
        regulators.one(3, True, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        regulators.one(4, False, tmp_path)
    for change in (
        lambda: source.update(eigrad="2"),
        lambda: monkeypatch.setattr(regulators, "LOSSES", {"nothing": ()}),
        lambda: monkeypatch.setattr(regulators.Search, "alpha", 0.01),
        lambda: write_json(done, {"place": 1}),
        lambda: done.write_text("{"),
    ):
        finished()
        assert regulators.one(3, False, tmp_path)["place"] == 1
        change()
        with pytest.raises(KeyboardInterrupt):
            regulators.one(3, False, tmp_path)


def test_the_hash_of_source_is_that_of_its_files(tmp_path):
    (tmp_path / "a.py").write_text("one")
    (tmp_path / "a.txt").write_text("other")
    before = code(tmp_path)
    (tmp_path / "a.txt").write_text("another")
    assert code(tmp_path) == before
    (tmp_path / "a.py").write_text("two")
    assert code(tmp_path) != before
    assert {"eigrad", *regulators.MAKERS} == set(regulators.source())
    assert len(set(regulators.source().values())) == len(regulators.source())


def test_decoys_are_counted_by_experiment_and_by_whose_sites_are_beside_theirs():
    def world(factor, *decoys):
        rows = [
            {"decoy": "X", "beside": beside, "supports": {"clip": clip, "knockout": knockout}}
            for beside, clip, knockout in decoys
        ]
        return {"factor": factor, "decoys": rows}

    planted = [world("QKI", ("QKI", True, False), ("ESRP1", False, False), ("QKI", False, False))]
    planted.append(world("A1CF", ("A1CF", True, True), ("QKI", False, True)))
    lines = list(regulators.decoys(planted, [world("none", ("QKI", True, True), ("A1CF", False, True))]))
    assert lines[2:] == [
        "| CLIP | 2 of 3 | 0 of 2 | 1 of 2 |",
        "| knock-out | 1 of 3 | 1 of 2 | 2 of 2 |",
        "| either | 2 of 3 | 1 of 2 | 2 of 2 |",
    ]
