"""A finished kernel is used again as long as nothing that it imports has changed."""

import graphlib

import hypothesis.strategies as st
import pytest
from hypothesis import given

from common.shared_code import files_hash
from kernels.bundle.code import (
    collect_shared,
    imported_files,
    imported_names,
    imports_hash,
)
from kernels.plan.find import find_competition, kernel_scripts
from support import ROOT
from support.every_kernel import NAMES
from support.planned import bundles

ROOM = "common/training"
FILES = {
    "common/__init__.py": "",
    "common/a.py": "from common import b\n",
    "common/b.py": "def late():\n    import common.c\n",
    "common/c.py": "X = 1\n",
    "common/alone.py": "from common.a import late\n",
    "competitions/__init__.py": "",
    "competitions/flowers/__init__.py": "from common.c import X\n",
    "competitions/flowers/data.py": "",
}
FLOWERS = "competitions/flowers/__init__"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import os\n", ""),
        ("import common.c\n", "common/__init__ common/c"),
        ("from common import c as d\n", "common/__init__ common/c"),
        ("from common.a import late\n", "common/__init__ common/a common/b common/c"),
        ("def main():\n    from competitions.flowers import data\n",
         f"common/__init__ common/c competitions/__init__ {FLOWERS} competitions/flowers/data"),
    ],
)  # fmt: skip
def test_imports_are_followed(source: str, found: str) -> None:
    assert sorted(imported_files([source], FILES)) == [f"{name}.py" for name in found.split()]


@given(st.sampled_from(sorted(FILES)), st.text(alphabet="xyz", min_size=1))
def test_the_hash_changes_with_what_is_imported_and_with_nothing_else(name: str, text: str) -> None:
    source = "from common import a\n"
    edited = {**FILES, name: f"{FILES[name]}# {text}\n"}
    same = imports_hash(source, edited) == imports_hash(source, FILES)
    assert same is (name not in imported_files([source], FILES))
    assert imports_hash(source + f"# {text}\n", FILES) != imports_hash(source, FILES)


def test_facts_for_people_cost_no_training() -> None:
    facts = "COMPETITION = Competition(name='a', title='{}', ensemble=({}), metric='{}')\n"
    script = "import competitions.flowers\n"
    hashed = [
        imports_hash(script, {**FILES, f"{FLOWERS}.py": facts.format(*values)})
        for values in (("A", "'x',", "m"), ("B", "'x', 'y'", "m"), ("A", "'x',", "n"))
    ]
    assert hashed[0] == hashed[1] != hashed[2]


def test_a_petals_kernel_does_not_depend_on_the_blend() -> None:
    petals = find_competition("petals")
    files = collect_shared(petals)
    scripts = {name: path.read_text("utf-8") for name, path in kernel_scripts(petals).items()}
    trained = imported_files([scripts["densenet201"]], files)
    assert {f"{ROOM}/{name}.py" for name in ("classifier_training", "trainer")} < set(trained)
    assert not [name for name in trained if name.startswith("common/pairs/")]
    assert not {f"common/blending/{name}.py" for name in ("blend", "ensemble")} & set(trained)
    assert not [name for name in imported_files([scripts["ensemble"]], files) if ROOM in name]


@pytest.mark.parametrize("name", NAMES)
def test_the_shared_code_is_what_kernels_import_and_nothing_else(name: str) -> None:
    competition = find_competition(name)
    files = collect_shared(competition)
    scripts = [path.read_text("utf-8") for path in kernel_scripts(competition).values()]
    assert set(files) == set(imported_files(["import common.kernel", *scripts], files))
    assert {"common/kernel.py", "competitions/__init__.py"} < set(files)
    assert not [path for path in files if path.endswith("generated.py")]
    # What painter and petals, of all competitions, have no use for.
    unused = {"painter": "common/audit/", "petals": "common/pairs/"}.get(name)
    assert not [path for path in files if unused and path.startswith(unused)]
    hashed = files_hash({path: text.encode() for path, text in files.items()})
    assert {bundle.parameters.shared_hash for bundle in bundles(name).values()} == {hashed}


@pytest.mark.parametrize(
    ("package", "order"),
    [
        ("common", "errors tasks competition training"),
        ("kernels", "plan bundle run"),
        ("kernels", "results report pipeline"),
    ],
)
def test_rooms_import_each_other_one_way(package: str, order: str) -> None:
    """A room is a folder of a package, or a module of the package itself."""
    arrows: dict[str, set[str]] = {}
    for path in (ROOT / package).glob("**/*.py"):
        room = path.relative_to(ROOT / package).parts[0].removesuffix(".py")
        names = [name.split(".") for name in imported_names(path.read_text("utf-8"))]
        rooms = {parts[1] for parts in names if parts[0] == package and len(parts) > 1}
        arrows.setdefault(room, set()).update(rooms - {room})
    found = list(graphlib.TopologicalSorter(arrows).static_order())
    assert sorted(order.split(), key=found.index) == order.split()
