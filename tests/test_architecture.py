"""What may import what, what an import may do, and how long things may get."""

from __future__ import annotations

import ast
import dataclasses
import functools
import graphlib
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).parents[1]
FRAMEWORKS = {"keras", "numpy", "tensorflow"}

# Who may import whom. What is not said here is forbidden.
PACKAGES = {
    "feature_columns": set(),
    "estimators": set(),
    "premade": {"estimators", "feature_columns"},
    "bridge": {"estimators", "feature_columns", "premade"},
}
# Beyond the frameworks, by the longest prefix of the importing module.
LIBRARIES = {
    "bridge.callback_hook": {"absl"},
    "bridge.files": {"h5py"},  # which Keras stands on
    "bridge.hook_callback": {"absl"},
    "bridge.tfjs": {"google"},  # protobuf, which TensorFlow stands on
    "estimators": {"absl"},
    "estimators.cli": {"absl", "gin"},
    "estimators.hooks.progress": {"absl", "tqdm"},
    "estimators.inputs.frames": {"pandas"},
    "estimators.inputs.tfds_builders": {"tensorflow_datasets"},
    "estimators.datasets.census_income": {"tensorflow_datasets"},
    "estimators.partial_dependence": {"matplotlib"},
}
# The parts of `estimators` beside the core: each knows what is listed, and no other part.
VALUES = {"aliases", "clock", "errors"}
CORE = {"loops", "model", "pipeline", "program", "replicas", "variables"}
PARTS = {
    "aliases": set(),
    "clock": set(),
    "errors": set(),
    "writers": VALUES,
    "tracing": VALUES,
    "spec": VALUES,
    "cluster": VALUES,
    "config": VALUES | {"cluster"},
    "checkpoints": VALUES,
    "optimizers": VALUES,
    "inputs": VALUES,
    "datasets": VALUES | {"inputs"},
    "hooks": VALUES | {"writers"},
    "heads": VALUES | {"spec", "optimizers", "export.outputs"},
    "export": VALUES | CORE | {"checkpoints", "spec", "tracing"},
}
# What stands on the core, which never looks up.
ABOVE_THE_CORE = {"cli", "datasets", "heads", "inputs", "schedule"}
# Private names of TensorFlow and Keras break without notice: one file owns them, and these few.
PRIVATE_NAMES = {
    "bridge.frozen",  # variables become constants in no other way
    "estimators.tracing",
    "estimators.body_random",  # random operations have one maker, below the public names
    "estimators.export.saved_model",  # the fingerprint of a file whose signatures were renamed
    "estimators.export.serving_graph",  # order of side effects in a graph traced by hand
    "estimators.export.tables",  # the creation of lookup tables can be intercepted in no other way
}
MAP = "What is below may not know what is above:"
MAX_FILE_LINES = 450
MAX_FUNCTION_LINES = 50


@dataclasses.dataclass(frozen=True)
class Module:
    """A source file.

    Attributes:
        name: dotted; a package has the name of its folder.
        path: the file.
        tree: its syntax.
    """

    name: str
    path: pathlib.Path
    tree: ast.Module

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    def imports(self, *, lazy: bool = True) -> Iterator[str]:
        """Yields dotted names; with those of functions and of type checking if `lazy`."""
        nodes = ast.walk(self.tree) if lazy else iter(self.tree.body)
        for node in nodes:
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{self.name}: relative import in line {node.lineno}"
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


@functools.cache
def modules() -> dict[str, Module]:
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            name = name.removesuffix(".__init__")
            found[name] = Module(name, path, ast.parse(path.read_text("utf-8")))
    return found


def target(dotted: str) -> str | None:
    """The module of ours that an imported name is, or is in."""
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        if (name := ".".join(parts[:end])) in modules():
            return name
    return None


def part(name: str) -> str:
    """The part of `estimators` that a module belongs to: `hooks`, `loops`."""
    return name.split(".")[1]


def inside_estimators() -> Iterator[tuple[Module, str]]:
    """Pairs of a module of `estimators` and a module of it that it imports."""
    for module in modules().values():
        if module.name.startswith("estimators."):
            for dotted in module.imports():
                imported = target(dotted)
                if imported is not None and imported.startswith("estimators."):
                    yield module, imported


def test_packages_import_in_one_direction():
    standard = sys.stdlib_module_names
    wrong = []
    for module in modules().values():
        package = module.name.split(".")[0]
        prefixes = [p for p in LIBRARIES if f"{module.name}.".startswith(f"{p}.")]
        allowed = FRAMEWORKS | PACKAGES[package] | {package}
        allowed |= LIBRARIES[max(prefixes, key=len)] if prefixes else set()
        for dotted in module.imports():
            if (first := dotted.split(".")[0]) not in standard | allowed:
                wrong.append(f"{module.name} imports {first}")
    assert not wrong


def test_parts_of_estimators_do_not_know_one_another():
    wrong = []
    for module, imported in inside_estimators():
        own = part(module.name)
        if own in PARTS and part(imported) != own:
            known = [f"estimators.{name}" for name in PARTS[own]]
            if not any(f"{imported}.".startswith(f"{name}.") for name in known):
                wrong.append(f"{module.name} imports {imported}")
    assert not wrong


def test_core_does_not_know_what_is_above_it():
    wrong = [
        f"{module.name} imports {imported}"
        for module, imported in inside_estimators()
        if part(imported) in ABOVE_THE_CORE
        and part(module.name) not in PARTS.keys() | ABOVE_THE_CORE
    ]
    assert not wrong


def test_loops_see_no_concrete_hook():
    seen = {imported for module, imported in inside_estimators() if part(module.name) == "loops"}
    assert {name for name in seen if part(name) == "hooks"} == {"estimators.hooks.base"}


def test_imports_have_no_cycle():
    graph: dict[str, set[str]] = {}
    for module in modules().values():
        found = set()
        for dotted in module.imports(lazy=False):
            name = target(dotted)
            while name:  # importing a module runs the packages that it is in
                if name != module.name and not module.name.startswith(f"{name}."):
                    found.add(name)
                name = name.rpartition(".")[0]
        graph[module.name] = found
    graphlib.TopologicalSorter(graph).prepare()


def ranks(package: Module) -> dict[str, int]:
    """Returns the line of each module in the map that a package has in its docstring, if any."""
    text = ast.get_docstring(package.tree) or ""
    _, _, after = text.partition(f"{MAP}\n\n")
    found: dict[str, int] = {}
    for number, line in enumerate(after.split("\n\n")[0].splitlines()):
        heads, _, says = line.strip().partition("  ")
        for name in [*heads.split(", "), *re.findall(r"`(\w+)`", says)]:
            found[name] = number
    return found


def test_maps_of_packages_are_true():
    packages = [module for module in modules().values() if module.is_package and ranks(module)]
    assert len(packages) >= 2
    for package in packages:
        rank, prefix = ranks(package), f"{package.name}."
        inside = [module for module in modules().values() if module.name.startswith(prefix)]
        head_of = {module.name: module.name.removeprefix(prefix).split(".")[0] for module in inside}
        assert set(rank) == set(head_of.values()), package.name
        upwards = [
            (module.name, imported)
            for module in inside
            for imported in map(target, module.imports())
            if imported in head_of and rank[head_of[imported]] < rank[head_of[module.name]]
        ]
        assert not upwards


def test_private_names_of_the_frameworks_are_in_few_files():
    private = {
        module.name
        for module in modules().values()
        if any(name.startswith(("tensorflow.python", "keras.src")) for name in module.imports())
    }
    assert private == PRIVATE_NAMES


def test_environment_is_read_in_one_place():
    readers = set()
    for module in modules().values():
        for node in ast.walk(module.tree):
            name = getattr(node, "attr", None) or getattr(node, "id", None)
            if name in ("environ", "environb", "getenv") and isinstance(node.ctx, ast.Load):
                readers.add(module.name)
    assert {name for name in readers if "cli" not in name} == {"estimators.cluster"}


def test_only_programs_print():
    wrong = [
        f"{module.path}:{node.lineno}"
        for module in modules().values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", None) == "print"
        and not module.name.startswith("estimators.cli.")
        and not module.name.endswith(".__main__")
    ]
    assert not wrong


def test_files_and_functions_are_short():
    long = []
    for module in modules().values():
        lines = len(module.path.read_text("utf-8").splitlines())
        if lines > MAX_FILE_LINES:
            long.append(f"{module.path}: {lines} lines of {MAX_FILE_LINES}")
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef) and (code := code_lines(node)) > (
                MAX_FUNCTION_LINES
            ):
                long.append(f"{module.path}: {node.name} has {code} of {MAX_FUNCTION_LINES} lines")
    assert not long


def code_lines(function: ast.FunctionDef) -> int:
    """Lines of a function without its docstring."""
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        lines -= docstring.end_lineno - docstring.lineno + 1
    return lines


def test_tests_are_no_packages():
    assert not list((ROOT / "tests").rglob("__init__.py"))


SPY_ON_IMPORTS = """
import importlib, os, sys, threading, warnings
import absl.flags, absl.logging, keras, numpy, tensorflow as tf
from tensorflow.python.eager import context

root, names = sys.argv[1], sys.argv[2:]
heavy = {"pandas", "tensorflow_datasets", "tqdm", "gin"} - sys.modules.keys()
seen = []

def caller():
    frame = sys._getframe(2)
    while frame and not frame.f_code.co_filename.startswith(root):
        frame = frame.f_back
    return frame and os.path.relpath(frame.f_code.co_filename, root)

def audit(event, args):
    if event in ("os.putenv", "os.mkdir", "socket.connect", "subprocess.Popen", "tempfile.mkdtemp"):
        seen.append((event, args[0]))
    if event == "open" and not str(args[0]).endswith((".py", ".pyc", ".so")):
        seen.append((event, args[0]))

class Environment(type(os.environ)):
    def __getitem__(self, key):
        if file := caller():
            seen.append(("environment", key, file))
        return super().__getitem__(key)

def state():
    return dict(
        flags=len(absl.flags.FLAGS), verbosity=absl.logging.get_verbosity(),
        warnings=list(warnings.filters), path=list(sys.path), threads=threading.active_count(),
        started=context.context()._initialized, dtype=keras.config.floatx(),
    )

before = state()
os.environ.__class__ = Environment
sys.addaudithook(audit)
for name in names:
    importlib.import_module(name)
after = state()
seen += [(key, before[key], after[key]) for key in before if before[key] != after[key]]
seen += [("imports", name) for name in sorted(heavy & sys.modules.keys())]
sys.exit("\\n".join(map(str, seen)) or 0)
"""


@pytest.mark.processes
def test_importing_does_nothing_else():
    command = [sys.executable, "-B", "-c", SPY_ON_IMPORTS, str(ROOT), *PACKAGES]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
