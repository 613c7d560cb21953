"""What the tests of the digits study share: small settings, and ways to look into a run folder."""

import json
from pathlib import Path

from eigrad.cases.digits import networks
from eigrad.cases.digits.explain import Images, Study
from eigrad.cases.digits.settings import KINDS, Settings

TABLES = (
    "binary",
    "convergence",
    "curve",
    "recommended_vae",
    "without_network",
    "null_calibration",
    "null_p_values",
    *(f"significance_{k}" for k in KINDS),
)
FIGURES = (
    *("1a_paths", "1b_baselines", "2a_vae", "2b_cnn", "2c_cvae", "2d_binary", "2e_curve"),
    *("S15_recommended",),
    *("S4_convergence", "S5_null", "S6_p_values"),
)
CONVERGENCE_POINTS = (4,)
INTERRUPTIBLE = f"""
import functools, signal, torch
from eigrad import plot
signal.signal(signal.SIGINT, signal.default_int_handler)  # some shells start their children with it ignored
torch.set_num_threads(1)
from eigrad.cases.digits import evaluation, explain
evaluation.CONVERGENCE_POINTS = {CONVERGENCE_POINTS}
explain.significance = functools.partial(explain.significance, correction="none", alpha=0.3)
plot.STYLE["savefig.dpi"] = 40
from eigrad.cli import main
main()
"""


def settings(out, data, **options):
    return Settings(out, **{"data": str(data), "quick": True, "n_samples": 20, "n_points": 10, **options})


def load(run, kind, digits, **options):
    return networks.load_or_train(run / "models", kind, digits, **{"seed": 0, "quick": True, **options})


def studied(trained, digits, data, **options):
    asked = settings(Path("nowhere"), data, **options)
    return Study(asked, digits, trained, Images.draw(digits.train, asked.sample, asked.n_samples, asked.seed))


def tables(run):
    return {name: (run / f"{name}.csv").read_bytes() for name in TABLES}


def read(run, name):
    return json.loads((run / f"{name}.json").read_text())


def never(*_, **__):
    raise AssertionError("this is done already")


def interrupted(*_, **__):
    raise KeyboardInterrupt
