"""What is broken in one competition's folder or script is one line, and disturbs no other."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import competitions
from common.errors import UserError
from common.training.first_look import look
from kernels.plan import find
from kernels.plan.request import choose_models
from support import planned as plans
from support import tiny

FACTS = """
from common.competition import Competition
from common.forms import LabelColumn
from common.tasks.classification import Classification

COMPETITION = Competition(
    name="fresh", slug="fresh", title="Fresh", task=Classification(("a", "b")), metric="macro_f1",
    submission=LabelColumn("label"), ensemble=("good",), files="csv", folder="typed wrong",
)
"""
SCRIPT = (tiny.FOLDER / "tiny_digits" / "left.py").read_text()
ENSEMBLE = (tiny.FOLDER / "tiny_digits" / "ensemble.py").read_text()
START, PLACE = SCRIPT.splitlines()[0], "PARAMETERS: dict = {}"
FLOWERS = Path(competitions.__file__).parent / "petals_to_metal"
PETALS, FROZEN = (
    (FLOWERS / f"{name}.py").read_text() for name in ("densenet201", "efficientnetlite0")
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a sound competition ``fresh``, next to the real ones."""
    monkeypatch.setattr(competitions, "__path__", [*competitions.__path__, str(tmp_path)])
    # A name of its own in each test: Python does not look again at what it has imported.
    made = tmp_path / f"fresh_{tmp_path.name.replace('-', '_')}"
    made.mkdir()
    (made / "__init__.py").write_text(FACTS)
    (made / "good.py").write_text(SCRIPT)
    (made / "ensemble.py").write_text(ENSEMBLE)
    return made


def planned(*models: str) -> list[str]:
    found = find.find_competition("fresh")
    chosen = choose_models(found, list(models), not models)
    return list(plans.planned("fresh", *chosen, dry_run=True))


def refused(said: str, *asked: str) -> None:
    """The one line that says what is wrong; everything else works as if it were not there."""
    with pytest.raises(UserError, match=re.escape(said)) as caught:
        planned(*asked)
    assert "\n" not in str(caught.value)
    assert {"petals", "painter"} <= set(find.all_competitions())


def test_a_folder_needs_no_name_typed_into_it(folder: Path) -> None:
    assert find.find_competition("fresh").folder == folder.name
    assert planned() == ["shared", "good", "ensemble"]
    (folder / "ensemble.py").unlink()
    copy = f"copy that of competitions/petals_to_metal, with {folder.name} in its import"
    refused(f"competitions/{folder.name} has no ensemble.py: {copy}", "good")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("COMPETITION = ", "x = (\nCOMPETITION = ", "line 6: '(' was never closed: mend it"),
        ("COMPETITION = ", "import nothing_here\nCOMPETITION = ",
         "line 6: there is no module nothing_here: inst"),
        ("COMPETITION = ", "x = 1 / 0\nCOMPETITION = ", "line 6: ZeroDivisionError: mend it"),
        ("COMPETITION = ", "FACTS = ", "__init__.py has no COMPETITION: see common/competition"),
        ("COMPETITION = ", "COMPETITION = 0, ", "__init__.py has no COMPETITION"),
        ('ensemble=("good",)', 'ensemble=("good")', "its ensemble is a str, expected a tuple"),
        ('Classification(("a", "b"))', '("a", "b")', "its task is a tuple, expected a Task"),
        ('LabelColumn("label")', '"label"', "its submission is a str, expected a Form"),
        ('("a", "b")', '("a", "b", "a")', "the class 'a' is named twice"),
        ('("a", "b")', '("a",)', "one class, a: name two or more"),
        ('("a", "b")', '"ab"', "its classes must be a tuple of names"),
        ('slug="fresh"', 'slug="fresh spots"', "its slug 'fresh spots' is none of Kaggle's"),
        ('slug="fresh"', 'slug="a/b/c"', "its slug 'a/b/c' is none of Kaggle's: copy it from its"),
        ('slug="fresh"', 'slug="bob/fresh"', "its data set bob/fresh takes no submissions: write"),
        ('slug="fresh"', 'slug="fresh", published=0.9', "its published is a float, expected a Pub"),
        ('title="Fresh", ', "", "__init__.py, line 6: Competition(...) lacks 'title': give it, or"),
        ('slug="fresh"', 'slug="fresh", slag="x"', "there is no field 'slag': mend it"),
        ('"macro_f1"', '"macrof1"', "__init__.py: unknown metric 'macrof1': did you mean macro_f1"),
        ('"macro_f1"', '"rmse"', "metric rmse does not measure the task classification"),
        ('name="fresh"', 'name="Fresh One"', "Fresh One: name it with small letters"),
        ('name="fresh"', "name = 'fresh', slag='x'", "there is no field 'slag': mend it"),
        ('name="fresh"', "name=NAME", "there is no name NAME: mend it"),
        ('name="fresh"', 'name="petals"', "petals_to_metal and competitions/fresh"),
    ],
)  # fmt: skip
def test_a_broken_folder(folder: Path, before: str, after: str, said: str) -> None:
    assert before in FACTS
    (folder / "__init__.py").write_text(FACTS.replace(before, after))
    for name in ("fresh", folder.name):
        with pytest.raises(UserError, match=re.escape(said)) as caught:
            find.find_competition(name)
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="unknown competition 'paintre': did you mean painter"):
        find.find_competition("paintre")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (START, f"{START}\nx = (", "bad.py, line 2: '(' was never closed: mend it"),
        (START, f"import nothing_here\n{START}", "bad.py, line 1: there is no module nothing_here"),
        (START, f"x = 1 / 0\n{START}", "bad.py, line 1: ZeroDivisionError: mend it"),
        (START, f"x = y\n{START}", "bad.py, line 1: there is no name y: mend it"),
        (START, f"from common import gone\n{START}", "bad.py, line 1: there is no gone in common:"),
        (START, f"{PLACE}\n{START}", "bad.py: RECIPE must be a dict(...) and come first"),
        ("epochs=2", "epohcs=2", "there is no field 'epohcs': mend it"),
        (SCRIPT, "KERNEL = 3\n", "bad.py has a KERNEL that is no Kernel of common.decl"),
        (SCRIPT, "x = 1\n", "/bad.py declares no KERNEL"),
        ("(**RECIPE)", "(epochs=9)", "bad.py: RECIPE's epochs is not KERNEL's: make its recipe"),
        ("    KERNEL.main(", "    print(", "bad.py: end it with KERNEL.main(PARAMETERS)"),
        ("TinyRecipe(**RECIPE)", "RECIPE", "bad.py: recipe= must be of a frozen dataclass"),
        ("    work=train,\n", "", "bad.py: work= is missing: give KERNEL the func"),
        ("    TinyRecipe(**RECIPE),\n", "", "Kernel(...) lacks 'recipe': give it, or mend it"),
        ('"gpu": 2.0', '"gqu": 2.0', "bad.py: unknown accelerator 'gqu'"),
        ("(epochs=1)", "(epoch=1)", "bad.py: unknown setting 'epoch': did you mean epochs"),
        ("RECIPE", "NAMED", "bad.py: a kernel script needs the line RECIPE: dict = dict(...)"),
        (PLACE, "from common.recipe import PARAMETERS", "line 8: there is no PARAMETERS in common"),
        (PLACE, "for PARAMETERS in [{}]:\n    pass",
         "bad.py: a kernel script needs the line PARAMETERS: dict = {}"),
        ("dict(\n", "1 and dict(\n", "bad.py: RECIPE must be a dict(...) and come first"),
        # A recipe that does not fit is refused in the recipe's own words.
        (SCRIPT, PETALS.replace("epochs=25", 'epochs="25"'), "setting epochs='25': it must be a n"),
        (SCRIPT, PETALS.replace("lr_max=5e-5", "lr_max=-1.0"), "setting lr_max=-1.0: it must be"),
    ],
)  # fmt: skip
def test_a_broken_script(folder: Path, before: str, after: str, said: str) -> None:
    assert before in SCRIPT
    (folder / "bad.py").write_text(SCRIPT.replace(before, after))
    refused(said, "bad")
    # A sound one next to it is planned as if it were not there.
    assert planned("good") == ["shared", "good", "ensemble"]
    refused("has no goood.py; did you mean good", "goood")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("from competitions.FOLDER import data", "competitions/FOLDER has no data.py: write it, a"),
        ("import competitions.FOLDER.data", "competitions/FOLDER has no data.py: write it, as"),
        ("from competitions.FOLDER.data import load", "FOLDER has no data.py: write it, as"),
        ("from competitions.FOLDER import COMPETITOIN", "did you mean COMPETITION? mend the"),
        ("from competitions.FOLDER.more import x", "in competitions.FOLDER.more: write it"),
        ("from competitions.FOLDER.more import laod", "did you mean load? mend the import"),
        ("from competitions.FOLDER import more; more.laod", "did you mean load? mend it"),
        ("from common.data.layout import table", "no layout in common.data: did you mean layouts?"),
        ("from common.data.splits import holdout", "in common.data.splits: did you mean hold_out?"),
        ("from sklearn.linear import Ridge", "no linear in sklearn: did you mean linear_model?"),
        ("import pandas; pandas.Series().nothing", "a Series has no nothing: mend it"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["good", "ensemble"])
def test_a_name_that_is_not_there(folder: Path, name: str, line: str, said: str) -> None:
    path = folder / f"{name}.py"
    (folder / "more.py").write_text("def load(): ...\n")
    path.write_text(line.replace("FOLDER", folder.name) + f"\n{path.read_text()}")
    refused(said.replace("FOLDER", folder.name), "good")


def test_a_name_that_is_missed_when_data_are_read(folder: Path) -> None:
    text = "def load(size, parameters):\n    from common.data.layouts import tabel\n"
    (folder / "data.py").write_text(text)
    (folder / "good.py").write_text(FROZEN.replace("petals_to_metal", folder.name))
    with pytest.raises(UserError, match="data.py, line 2: there is no tabel in .*mean table?"):
        look(f"competitions.{folder.name}.good")


def test_an_argument_that_is_missed_when_data_are_read(folder: Path) -> None:
    text = "def part(name, task): ...\ndef load(size, parameters):\n    return part('train')\n"
    (folder / "data.py").write_text(text)
    (folder / "good.py").write_text(FROZEN.replace("petals_to_metal", folder.name))
    with pytest.raises(UserError, match=r"data.py, line 3: part\(...\) lacks 'task': give it, or"):
        look(f"competitions.{folder.name}.good")


def test_classes_are_looked_at_before_anything_is_pushed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in ("train", "val", "test"):
        for name in "ab":
            path = folder / "mine" / part / name / "1.png"
            path.parent.mkdir(parents=True)
            Image.fromarray(np.full((9, 9, 3), len(str(path)) + ord(name), np.uint8)).save(path)
    lines = (
        "from pathlib import Path",
        "from common.data.layouts import folder_of_pictures, folder_per_class",
        f"from competitions.{folder.name} import COMPETITION",
        "def load(size, parameters):",
        "    root = Path(__file__).parent / 'mine'",
        "    parts = [folder_per_class(n, root / n, COMPETITION.task) for n in ('train', 'val')]",
        "    return *parts, folder_of_pictures('test', root / 'test')",
    )
    (folder / "data.py").write_text("\n".join(lines))
    (folder / "good.py").write_text(FROZEN.replace("petals_to_metal", folder.name))
    facts = folder / "__init__.py"
    facts.write_text(FACTS.replace('("a", "b")', '("a", "b", "rose")'))
    script = f"competitions.{folder.name}.good"
    look(script)
    said = capsys.readouterr().out
    assert "warning: classes without a picture in train or validation: 1 of 3 (rose)\n" in said
    with pytest.raises(UserError, match="setting split=random: test has no labels to be split"):
        look(script, {"split": "random"})
    shutil.copy(folder / "mine/train/a/1.png", folder / "mine/val/b/1.png")
    look(script)
    assert "one picture with two labels: 1 (train/a/1.png a and val/b" in capsys.readouterr().out
    shutil.rmtree(folder / "mine/train/b")
    with pytest.raises(UserError, match="train has pictures of one class alone, a: there is"):
        look(script)


PREPARES = """
RECIPE: dict = dict(size=9)
PARAMETERS: dict = {}

from common.data.layouts import folder_per_class
from common.data.records import no_records
from common.files.prepared import PrepareRecipe
from common.training.preparing import PrepareKernel
from competitions.FOLDER import COMPETITION
from pathlib import Path

ROOT = Path(__file__).parent / "mine"


def load(size, parameters):
    found = folder_per_class("train", ROOT, COMPETITION.task)
    return found, PART, no_records("test")


KERNEL = PrepareKernel(COMPETITION, PrepareRecipe(**RECIPE), load=load, hours={"cpu": 1.0})
"""


@pytest.mark.parametrize("part", ["no_records('val')", "found"])
def test_pictures_that_are_prepared_may_be_split_later(
    folder: Path, capsys: pytest.CaptureFixture[str], part: str
) -> None:
    (folder / "mine" / "a").mkdir(parents=True)
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(folder / "mine" / "a" / "1.png")
    text = PREPARES.replace("FOLDER", folder.name).replace("PART", part)
    (folder / "good.py").write_text(text)
    script = f"competitions.{folder.name}.good"
    if part == "found":
        with pytest.raises(UserError, match="train has pictures of one class alone, a: there is"):
            look(script)
        return
    look(script)
    assert "warning" not in capsys.readouterr().out


def test_files_that_import_each_other(folder: Path) -> None:
    (folder / "good.py").write_text(f"from competitions.{folder.name} import more\n{SCRIPT}")
    (folder / "more.py").write_text(f"from competitions.{folder.name}.good import KERNEL\n")
    refused(f"more.py, line 1: competitions.{folder.name}.good imports this file in turn", "good")


def test_an_ensemble_that_declares_nothing(folder: Path) -> None:
    (folder / "ensemble.py").write_text("RECIPE: dict = dict()\n")
    refused("ensemble.py declares no KERNEL of common.declaration: write it, as README", "good")


def test_a_folder_without_its_facts(folder: Path) -> None:
    (folder / "__init__.py").unlink()
    said = f"{folder.name} has no __init__.py: write it, as README.md shows"
    for name in ("fresh", folder.name):
        with pytest.raises(UserError, match=said):
            find.find_competition(name)


def test_a_competition_whose_scripts_declare_nothing(folder: Path) -> None:
    (folder / "good.py").write_text("x = 1\n")
    (folder / "ensemble.py").unlink()
    said = f"/{folder.name}/good.py declares no KERNEL"
    refused(f"unknown model 'good': competitions{said}", "good")
    refused(f"unknown model 'bad': competitions/{folder.name} has no bad.py", "bad")
    with pytest.raises(
        UserError, match=f"competitions/{folder.name} has no model: its script decl"
    ):
        choose_models(find.find_competition("fresh"), [], False)
