"""What is broken in one competition's folder or script is one line, and disturbs no other."""

import re
from pathlib import Path

import pytest

import competitions
from common.errors import UserError
from kernels.bundle.build import build_bundles
from kernels.plan.planned import plan_kernels
from kernels.plan.request import Request, choose_models
from support import tiny

FACTS = """
from common.competition import Competition
from common.forms import LabelColumn
from common.tasks.classification import Classification

COMPETITION = Competition(
    name="fresh", slug="fresh", title="Fresh", task=Classification(("a", "b")), metric="macro_f1",
    submission=LabelColumn("label"), ensemble=("good",), layout="csv", folder="typed wrong",
)
"""
SCRIPT = (tiny.FOLDER / "tiny_digits" / "left.py").read_text()
ENSEMBLE = (tiny.FOLDER / "tiny_digits" / "ensemble.py").read_text()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a sound competition ``fresh``, next to the real ones."""
    tiny.add_tiny()
    monkeypatch.setattr(competitions, "__path__", [*competitions.__path__, str(tmp_path)])
    # A name of its own in each test: what Python has imported once it does not look at again.
    made = tmp_path / f"fresh_{tmp_path.name.replace('-', '_')}"
    made.mkdir()
    (made / "__init__.py").write_text(FACTS)
    (made / "good.py").write_text(SCRIPT)
    (made / "ensemble.py").write_text(ENSEMBLE)
    return made


def built(model: str) -> list[str]:
    found = competitions.find_competition("fresh")
    request = Request(found, choose_models(found, [model], False), dry_run=True)
    bundles = build_bundles(found, plan_kernels(request), "alice", "")
    return [bundle.kernel.name for bundle in bundles]


def planned(*models: str) -> list[str]:
    found = competitions.find_competition("fresh")
    members = choose_models(found, list(models), not models)
    return [kernel.name for kernel in plan_kernels(Request(found, members, dry_run=True))]


def test_a_folder_needs_no_name_typed_into_it(folder: Path) -> None:
    assert competitions.find_competition("fresh").folder == folder.name
    assert planned() == ["shared", "good", "ensemble"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = (\n", r"__init__.py, line 1: '\(' was never closed: mend it"),
        ("import nothing_here\n", r"__init__.py, line 1: there is no module nothing_here: inst"),
        ("\nx = 1 / 0\n", r"__init__.py, line 2: ZeroDivisionError: mend it"),
        ("", r"__init__.py has no COMPETITION: see common/competition.py"),
        ("COMPETITION = 'fresh'\n", r"__init__.py has no COMPETITION"),
    ],
)
def test_a_broken_folder(folder: Path, text: str, said: str) -> None:
    (folder / "__init__.py").write_text(text)
    with pytest.raises(UserError, match=said) as caught:
        competitions.find_competition(folder.name)
    assert "\n" not in str(caught.value)
    assert str(folder / "__init__.py") in str(caught.value)
    assert competitions.find_competition("petals").name == "petals"
    assert "petals" in competitions.all_competitions()
    with pytest.raises(UserError, match="unknown competition 'pettals': did you mean petals"):
        competitions.find_competition("pettals")


def test_a_broken_folder_is_told_under_its_own_name_too(folder: Path) -> None:
    (folder / "__init__.py").write_text(f"{FACTS}x = (\n")
    with pytest.raises(UserError, match=r"__init__.py, line \d+: '\(' was never closed: mend"):
        competitions.find_competition("fresh")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{SCRIPT}x = (\n", r"bad.py, line \d+: '\(' was never closed: mend it"),
        (f"import nothing_here\n{SCRIPT}", r"bad.py, line 1: there is no module nothing_here"),
        (f"x = 1 / 0\n{SCRIPT}", r"bad.py, line 1: ZeroDivisionError: mend it"),
        (f"from common import gone\n{SCRIPT}", r"bad.py, line 1: there is no gone in common: mend"),
        (
            SCRIPT.replace("epochs=2", "epohcs=2"),
            r"bad.py, line \d+: there is no field 'epohcs': mend it",
        ),
        ("KERNEL = 3\n", r"bad.py: its KERNEL is no Kernel of common.declaration"),
        ("x = 1\n", r"unknown model 'bad': competitions/fresh.*/bad.py declares no KERNEL"),
        (SCRIPT.replace("TinyRecipe(**RECIPE)", "TinyRecipe(epochs=9)"),
         "bad.py: RECIPE's epochs is not KERNEL's: make its recipe with"),
        (SCRIPT.replace("    KERNEL.main(PARAMETERS)", "    train(KERNEL)"),
         r"bad.py: end it with KERNEL.main\(PARAMETERS\)"),
        (SCRIPT.replace("TinyRecipe(**RECIPE)", "RECIPE"), "bad.py: recipe= must be of a frozen"),
        (SCRIPT.replace("    work=train,\n", ""), "bad.py: work= is missing: give KERNEL the func"),
        (SCRIPT.replace("COMPETITION,\n    TinyRecipe(**RECIPE),", "COMPETITION,"),
         r"bad.py, line \d+: 'recipe' is missing: give it"),
        (SCRIPT.replace('"gpu": 2.0', '"gqu": 2.0'), "bad.py: unknown accelerator 'gqu'"),
        (SCRIPT.replace("dry_run=dict(epochs=1)", "dry_run=dict(epoch=1)"),
         "bad.py: unknown setting 'epoch': did you mean epochs"),
        (SCRIPT.replace("RECIPE: dict", "SETTINGS: dict").replace("**RECIPE", "**SETTINGS"),
         "bad.py: a kernel script needs the line RECIPE"),
    ],
)  # fmt: skip
def test_a_broken_script(folder: Path, text: str, said: str) -> None:
    (folder / "bad.py").write_text(text)
    with pytest.raises(UserError, match=said) as caught:
        built("bad")
    assert "\n" not in str(caught.value)
    # A sound one beside it is planned, and its shared code collected, as if it were not there.
    assert planned("good") == ["shared", "good", "ensemble"]
    assert built("good") == ["shared", "good", "ensemble"]
    with pytest.raises(UserError, match="unknown model 'goood': did you mean good"):
        planned("goood")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('ensemble=("good",)', 'ensemble=("good")', "its ensemble is a str, expected a tuple"),
        ('Classification(("a", "b"))', '("a", "b")', "its task is a tuple, expected a Task"),
        ('LabelColumn("label")', '"label"', "its submission is a str, expected a Form"),
        ('("a", "b")', '("a", "b", "a")', "the class 'a' is named twice"),
        ('("a", "b")', '("a",)', "one class, a: name two or more"),
        ('("a", "b")', '"ab"', "its classes must be a tuple of names"),
        ('name="fresh"', 'name="Fresh One"', "'Fresh One': name it with small letters"),
        ('"macro_f1"', '"macrof1"', "__init__.py: unknown metric 'macrof1': did you mean macro_f1"),
        ('"macro_f1"', '"rmse"', "metric rmse does not measure the task classification"),
        ('name="fresh"', 'name="petals"', "petals_to_metal and competitions/fresh"),
    ],
)
def test_facts_that_cannot_be(folder: Path, before: str, after: str, said: str) -> None:
    assert before in FACTS
    (folder / "__init__.py").write_text(FACTS.replace(before, after))
    with pytest.raises(UserError, match=re.escape(said)) as caught:
        competitions.find_competition(folder.name)
    assert "\n" not in str(caught.value)
    assert "painter" in competitions.all_competitions()


def test_a_recipes_field_of_another_type_is_told(folder: Path) -> None:
    petals = Path(competitions.__file__).parent / "petals_to_metal" / "densenet201.py"
    (folder / "bad.py").write_text(petals.read_text().replace("epochs=25", 'epochs="25"'))
    with pytest.raises(UserError, match=r"bad.py: setting epochs='25': it must be a number"):
        planned("bad")


def test_a_recipe_that_does_not_fit_is_told_in_the_recipes_words(folder: Path) -> None:
    petals = Path(competitions.__file__).parent / "petals_to_metal" / "densenet201.py"
    text = petals.read_text().replace("lr_max=5e-5", "lr_max=-1.0")
    (folder / "bad.py").write_text(text)
    with pytest.raises(UserError, match=r"bad.py: setting lr_max=-1.0: it must be from 0 to 10"):
        planned("bad")


def test_a_competition_without_an_ensemble(folder: Path) -> None:
    (folder / "ensemble.py").unlink()
    with pytest.raises(UserError, match=r"competitions/fresh_.* has no ensemble.py: write one"):
        planned("good")


def test_the_command_tells_it_in_one_line(tmp_path: Path) -> None:
    done = tiny.submit("tiny", "--model", "data", "--dry-run", "--plan")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "competitions/tiny_digits/data.py declares no KERNEL" in done.stderr
