"""The command lines: quick to start, documented."""

import re
import subprocess
import sys

import pytest

import kernels.__main__
import submit
from common.errors import UserError
from kernels.plan.find import all_competitions
from support import tiny

REFERENCE = (tiny.ROOT / "docs" / "reference.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        (
            "import submit; submit.build_parser().format_help()",
            {"tensorflow", "keras", "jax", "numpy", "kaggle", "rich"},
        ),
        (
            "import kernels.pipeline, kernels.local, tempfile; from kernels.__main__ import main;"
            "main(['build', 'petals', '--owner', 'a', '--out', tempfile.mkdtemp()])",
            {"tensorflow", "keras", "jax"},
        ),
    ],
    ids=["help", "pipeline"],
)
def test_no_framework_is_imported(code: str, heavy: set[str]) -> None:
    script = f"import sys; {code}; sys.exit(', '.join({heavy} & set(sys.modules)) or None)"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tiny.ROOT)
    assert done.returncode == 0, f"imported: {done.stderr}"


@pytest.mark.parametrize(
    "parser", [submit.build_parser(), kernels.__main__.build_parser()], ids=lambda p: p.prog
)
def test_every_option_is_in_the_reference(parser) -> None:
    options = set(re.findall(r"--[a-z][a-z-]+", parser.format_help())) - {"--help"}
    assert [option for option in sorted(options) if f"`{option}" not in REFERENCE] == []


def test_the_help_names_the_competitions_that_are_here() -> None:
    folders = {path.name for path in (tiny.ROOT / "competitions").iterdir()}
    names = [one.name for one in all_competitions().values() if one.folder in folders]
    shown = submit.build_parser().format_help()
    assert [name for name in names if not re.search(rf"\b{name},\s", shown)] == []


def test_an_option_with_one_value_is_given_once() -> None:
    parser = submit.build_parser()
    asked = ["petals", "--model", "a", "--model", "b", "--set", "epochs=1", "--set", "lr_max=1"]
    assert parser.parse_args([*asked, "--seed", "1"]).seed == 1
    with pytest.raises(UserError, match="--seed 2: it is given twice, give it once"):
        parser.parse_args([*asked, "--seed", "1", "--blend", "mean", "--seed", "2"])
