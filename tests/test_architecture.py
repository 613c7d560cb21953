"""What a module of the package may import and call, read from its source."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

# A module imports only from those to its left; a folder counts as one module.
FLOW = (
    "progress", "threads", "precision", "data", "folder", "sets", "sequence", "model", "undisturbed", "slopes",
    "fusion", "survey", "latent", "training", "sparse", "autoencoder", "neighbors", "inputs", "baselines", "curves",
    "paths", "integrate", "plan", "attribute", "store", "distribute", "significance", "evaluate", "competitors",
    "captum", "tl", "plot", "report", "findings", "__init__", "cases", "cli", "__main__",
)  # fmt: skip
PICKLES = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
UNPICKLING = {"torch.load", "torch.save", "pandas.read_pickle", "pd.read_pickle"}
NETWORK = {"aiohttp", "ftplib", "http", "httpx", "pooch", "requests", "socket", "urllib", "urllib3"}
PRINTING = {"print", "pprint", "pprint.pprint", "rich.print", "typer.echo", "click.echo"}

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "eigrad"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
IMPORT_NAMES = {
    "scikit-learn": "sklearn",
    "ViennaRNA": "RNA",
    "matplotlib-venn": "matplotlib_venn",
    "pyyaml": "yaml",
}  # where a distribution is imported by another name


def modules() -> dict[str, str]:
    """Sources by path below the package, such as cases/digits/study.py."""
    return {path.relative_to(PACKAGE).as_posix(): path.read_text() for path in sorted(PACKAGE.rglob("*.py"))}


def layer(name: str) -> str:
    return name.split("/")[0].removesuffix(".py")


def imports(name: str, tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every absolute name imported, wherever the import stands and however it is written.

    `from eigrad import x` is eigrad.x where x is a module, else the package itself.
    """
    package = ["eigrad", *name.split("/")[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            if source != "eigrad":
                yield source, node.lineno
                continue
            for alias in node.names:
                yield (f"eigrad.{alias.name}" if alias.name in FLOW else "eigrad"), node.lineno
        elif isinstance(node, ast.Call) and called(node).endswith(("import_module", "__import__")):
            target = node.args[0] if node.args else None
            known = isinstance(target, ast.Constant) and isinstance(target.value, str)
            yield (target.value if known else "a name made at run time"), node.lineno


def imported_at_once(name: str, tree: ast.Module) -> Iterator[tuple[str, int]]:
    """The imports that run when the module is imported: those outside any function."""
    lazy = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom | ast.Call)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Call) and id(node) not in lazy:
            yield from imports(name, ast.Module([ast.copy_location(_statement(node), node)], []))


def _statement(node: ast.AST) -> ast.stmt:
    return ast.Expr(node) if isinstance(node, ast.expr) else node  # type: ignore[return-value]


def called(node: ast.Call) -> str:
    return ast.unparse(node.func)


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def distributions(requirements: list[str]) -> set[str]:
    """The import names of requirements such as scikit-learn>=1.6."""
    names = (re.match(r"[\w.-]+", requirement)[0] for requirement in requirements)
    return {IMPORT_NAMES.get(name, name) for name in names}


def against_the_flow(name: str, tree: ast.Module) -> Iterator[str]:
    mine = layer(name)
    for target, line in imports(name, tree):
        if target == "a name made at run time":
            yield f"{name}:{line} imports {target}, which cannot be checked"
        parts = target.split(".")
        if parts[0] != "eigrad":
            continue
        other = parts[1] if len(parts) > 1 else "__init__"
        if other not in FLOW:
            yield f"{name}:{line} imports {target}, which the flow does not list"
        elif other != mine and FLOW.index(other) >= FLOW.index(mine):
            yield f"{name}:{line} imports {other}, which stands to the right of {mine}"


def core_beyond_the_package(name: str, tree: ast.Module) -> Iterator[str]:
    if name == "__init__.py":
        for target, line in imports(name, tree):
            if target.startswith(("eigrad.cases", "eigrad.cli")):
                yield f"{name}:{line} makes {target} part of the core"


def prints(name: str, tree: ast.Module) -> Iterator[str]:
    if layer(name) == "cli":
        return
    for call in calls(tree):
        if called(call) in PRINTING:
            yield f"{name}:{call.lineno} calls {called(call)}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.stdout":
            yield f"{name}:{node.lineno} writes to sys.stdout"


def unpickles(name: str, tree: ast.Module) -> Iterator[str]:
    for target, line in imports(name, tree):
        if target.split(".")[0] in PICKLES:
            yield f"{name}:{line} imports {target}"
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "torch":
            for alias in node.names:
                if f"torch.{alias.name}" in UNPICKLING:
                    yield f"{name}:{node.lineno} imports torch.{alias.name}"
    for call in calls(tree):
        words = {word.arg: ast.unparse(word.value) for word in call.keywords}
        if called(call) in UNPICKLING or called(call).endswith(".to_pickle"):
            yield f"{name}:{call.lineno} calls {called(call)}"
        if called(call) in {"np.load", "numpy.load"} and words.get("allow_pickle") != "False":
            yield f"{name}:{call.lineno} loads arrays without allow_pickle=False"


def needs_more_than_installed(name: str, tree: ast.Module) -> Iterator[str]:
    """What `import eigrad.x` needs beyond the standard library and the package's dependencies."""
    allowed = (set(sys.stdlib_module_names) - NETWORK) | distributions(PROJECT["dependencies"]) | {"eigrad"}
    for target, line in imported_at_once(name, tree):
        if target.split(".")[0] not in allowed:
            yield f"{name}:{line} imports {target} at once: import it where it is used"


def undeclared(name: str, tree: ast.Module) -> Iterator[str]:
    """What no dependency and no extra of the package installs."""
    extras = PROJECT["optional-dependencies"]
    shipped = [extras[extra] for extra in extras if extra not in {"test", "docs", "dev"}]
    declared = distributions([*PROJECT["dependencies"], *(r for extra in shipped for r in extra)])
    for target, line in imports(name, tree):
        first = target.split(".")[0]
        if first not in {*sys.stdlib_module_names, *declared, "eigrad"}:
            yield f"{name}:{line} imports {target}, which the package does not declare"


RULES = (
    against_the_flow,
    core_beyond_the_package,
    prints,
    unpickles,
    needs_more_than_installed,
    undeclared,
)

VIOLATIONS = [
    (against_the_flow, "paths.py", "from eigrad.attribute import Explainer"),
    (against_the_flow, "paths.py", "import eigrad.attribute as core"),
    (against_the_flow, "paths.py", "from eigrad import attribute"),
    (against_the_flow, "paths.py", "from .attribute import Explainer"),
    (against_the_flow, "paths.py", "from . import attribute"),
    (against_the_flow, "paths.py", "def later():\n    from eigrad.attribute import Explainer"),
    (against_the_flow, "paths.py", "if True:\n    import eigrad.attribute"),
    (against_the_flow, "paths.py", "import importlib\nimportlib.import_module('eigrad.cli')"),
    (against_the_flow, "paths.py", "import importlib\nimportlib.import_module(name)"),
    (against_the_flow, "paths.py", "import eigrad"),
    (against_the_flow, "paths.py", "from eigrad import Explainer"),
    (against_the_flow, "paths.py", "from eigrad.utils import helper"),
    (against_the_flow, "significance/table.py", "from ..report import page"),
    (against_the_flow, "report/page.py", "from eigrad.cases.digits import study"),
    (against_the_flow, "cases/digits/study.py", "from eigrad.cli import app"),
    (core_beyond_the_package, "__init__.py", "from eigrad.cases import digits"),
    (prints, "plot.py", "print('done')"),
    (prints, "plot.py", "import sys\nsys.stdout.write('done')"),
    (prints, "cases/digits/study.py", "import typer\ntyper.echo('done')"),
    (unpickles, "training.py", "import torch\ntorch.load('weights.pt')"),
    (unpickles, "training.py", "from torch import load"),
    (unpickles, "store.py", "import pickle"),
    (unpickles, "store.py", "def later():\n    from joblib import load"),
    (unpickles, "store.py", "import numpy as np\nnp.load('a.npy')"),
    (unpickles, "store.py", "table.to_pickle('a.pkl')"),
    (needs_more_than_installed, "data.py", "import pooch"),
    (needs_more_than_installed, "data.py", "import urllib.request"),
    (needs_more_than_installed, "data.py", "try:\n    import requests\nexcept ImportError: ..."),
    (needs_more_than_installed, "evaluate.py", "class Peer:\n    from captum.attr import Saliency"),
    (undeclared, "evaluate.py", "def later():\n    import lightgbm"),
]

ALLOWED = [
    ("paths.py", "from eigrad.model import Values"),
    ("paths.py", "from . import latent\nfrom .neighbors import NeighborGraph"),
    ("significance/table.py", "from .guards import guard\nfrom eigrad.significance import prepare"),
    ("cases/digits/study.py", "from eigrad import Explainer, baselines\nfrom . import networks"),
    ("cases/digits/mnist.py", "def full():\n    import pooch\n    return pooch.retrieve('x', 'y')"),
    ("cli.py", "print('done')"),
    ("store.py", "import numpy as np\nnp.load('a.npy', allow_pickle=False)"),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps_the_rule(rule):
    found = [message for name, source in modules().items() for message in rule(name, ast.parse(source))]

    assert found == []


def test_the_flow_lists_exactly_the_modules_there_are():
    found = {layer(name) for name in modules()}

    assert found == set(FLOW)


@pytest.mark.parametrize(("rule", "name", "source"), VIOLATIONS)
def test_a_violation_is_found(rule, name, source):
    assert list(rule(name, ast.parse(source)))


@pytest.mark.parametrize(("name", "source"), ALLOWED)
def test_what_is_allowed_passes_every_rule(name, source):
    assert [message for rule in RULES for message in rule(name, ast.parse(source))] == []
