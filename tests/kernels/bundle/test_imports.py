"""A finished kernel is used again as long as nothing that it imports has changed."""

import graphlib
import re

import hypothesis.strategies as st
import pytest
from hypothesis import given

from common.shared_code import files_hash
from kernels.bundle.build import collect_shared
from kernels.bundle.imports import imported_files, imported_names, imports_hash
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
        ("import os\n", []),
        ("import common.c\n", ["common/__init__", "common/c"]),
        ("from common import c as d\n", ["common/__init__", "common/c"]),
        ("from common.a import late\n", ["common/__init__", "common/a", "common/b", "common/c"]),
        (
            "def main():\n    from competitions.flowers import data\n",
            [
                "common/__init__",
                "common/c",
                "competitions/__init__",
                FLOWERS,
                f"{FLOWERS[:-8]}data",
            ],
        ),
    ],
)
def test_imports_are_followed(source: str, found: list[str]) -> None:
    assert sorted(imported_files([source], FILES)) == [f"{name}.py" for name in found]


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
    used = set(imported_files(["import common.kernel"], files))
    for path in kernel_scripts(competition).values():
        used |= set(imported_files([path.read_text("utf-8")], files))
    assert used == set(files)
    assert "common/kernel.py" in used
    assert not [path for path in files if path.endswith("generated.py")]
    others = {"petals": "common/pairs/", "painter": "common/audit/"}.get(name)
    assert not [path for path in files if others and path.startswith(others)]
    hashed = files_hash({path: text.encode() for path, text in files.items()})
    assert {bundle.parameters.shared_hash for bundle in bundles(name).values()} == {hashed}


def test_rooms_of_the_shared_code_import_each_other_one_way() -> None:
    files = collect_shared(find_competition("petals"))
    arrows: dict[str, set[str]] = {}
    for path, text in files.items():
        if path.startswith("common/"):
            modules = {f"{name.replace('.', '/')}.py" for name in imported_names(text)}
            found = modules & set(files)
            assert all(other.startswith("common/") for other in found), path
            arrows.setdefault(_room(path), set()).update(map(_room, found - {path}))
    rooms = {room: others - {room} for room, others in arrows.items()}
    order = list(graphlib.TopologicalSorter(rooms).static_order())
    assert order.index("common/errors.py") < order.index("common/tasks")
    assert order.index("common/tasks") < order.index("common/competition.py")
    assert order.index("common/competition.py") < order.index("common/training")


def _room(path: str) -> str:
    """The folder that a module is in; one of ``common`` itself is a room of its own."""
    folder = path.rpartition("/")[0]
    return path if folder == "common" else folder


def test_rooms_around_the_kernels_import_each_other_one_way() -> None:
    arrows: dict[str, set[str]] = {}
    for path in (ROOT / "kernels").rglob("*.py"):
        room = path.relative_to(ROOT / "kernels").parts[0].removesuffix(".py")
        found = set(
            re.findall(r"^\s*(?:from|import) kernels\.(\w+)", path.read_text("utf-8"), re.M)
        )
        arrows.setdefault(room, set()).update(found - {room})
    order = list(graphlib.TopologicalSorter(arrows).static_order())
    assert order.index("plan") < order.index("bundle") < order.index("run")
    assert order.index("results") < order.index("report") < order.index("pipeline")
