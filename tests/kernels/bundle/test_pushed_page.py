"""The page that people see on Kaggle: the recipe that runs comes first, and stands there once."""

import ast
import os
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from common.declaration import Kernel
from common.shared_code import source_hash
from competitions import find_competition, kernel_scripts
from kernels.bundle import rendering
from kernels.bundle.attach import attach
from kernels.bundle.build import Bundle, build_bundles, collect_shared, with_nonces
from kernels.bundle.imports import imported_files
from kernels.bundle.rendering import page_of, render_script, repository_link
from kernels.plan.planned import SHARED, plan_kernels
from kernels.plan.request import Request, choose_models
from support import ROOT, tiny

NAMES = ("petals", "painter")
MODELS = {"petals": ["densenet201", "efficientnetb7", "xception"]}
WAYS: dict[str, dict] = {
    "as it stands": {},
    "small": {"dry_run": True, "settings": {"epochs": "3"}},
    "rehearsed": {"rehearse": True, "full_size": True},
}


def bundles(name: str, **changes: object) -> tuple[Bundle, ...]:
    competition = find_competition(name)
    chosen = choose_models(competition, MODELS.get(name, []), True)
    has_audit = "audit" in kernel_scripts(competition)
    request = Request(competition, chosen, audit=has_audit, **changes)  # type: ignore[arg-type]
    return build_bundles(competition, plan_kernels(request), "alice", "")


def shown(text: str) -> dict[str, object]:
    """The fields of the page's RECIPE."""
    node = next(n for n in ast.parse(text).body if isinstance(n, ast.AnnAssign))
    assert isinstance(node.value, ast.Call)
    code = compile(ast.Expression(node.value), "RECIPE", "eval")
    return dict(eval(code))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", NAMES)
def test_a_page_begins_with_the_recipe_that_runs(name: str, way: str) -> None:
    for bundle in bundles(name, **WAYS[way]):
        if bundle.kernel.name == SHARED:
            continue
        kernel, text = bundle.kernel, bundle.text
        docstring, recipe, parameters, *_ = ast.parse(text).body
        lines = text.splitlines()
        assert docstring.end_lineno is not None
        between = lines[docstring.end_lineno : recipe.lineno - 1]
        assert between == [""], kernel.name
        assert lines[recipe.lineno - 1] == "RECIPE: dict = dict("
        assert lines[parameters.lineno - 1].startswith("PARAMETERS: dict = {")
        assert kernel.declared is not None
        runs, published = asdict(kernel.recipe), asdict(kernel.declared.recipe)
        written = shown(text)
        assert type(kernel.recipe)(**written) == kernel.recipe, kernel.name
        for field, value in runs.items():
            if value != published[field]:
                assert written[field] == value
                assert f"# instead of {rendering._spelled(published[field])}" in text
        assert text.count(bundle.shared_hash) == 1
        compile(text, kernel.name, "exec")


@pytest.mark.parametrize("name", NAMES)
def test_what_brings_the_shared_code_is_short(name: str) -> None:
    for bundle in bundles(name):
        if bundle.kernel.name != SHARED:
            lines = bundle.text.splitlines()
            begin = next(n for n, line in enumerate(lines) if line.startswith("# The shared code"))
            end = lines.index('attach(PARAMETERS["shared"], PARAMETERS["shared_hash"])')
            assert end + 1 - begin <= 40
            assert lines[begin - 2].startswith("PARAMETERS")


def test_a_setting_stands_in_the_recipe() -> None:
    built = {b.kernel.name: b for b in bundles("petals", settings={"epochs": "3"})}
    page = built["xception"]
    assert "\n    epochs=3,  # instead of 25\n" in page.text
    assert "\n    batch_size=16,  # per replica: 128 on a TPU's eight\n" in page.text
    assert "epochs" not in page.parameters.to_dict()


SOURCE = '''"""A page — with an odd\x0cline."""

RECIPE: dict = dict(
    sharpness=1.0,  # „wie“ 1.0
    epochs=2, misbehave="",  # two on a line
)
PARAMETERS: dict = {}

x = 1
'''


def test_values_are_written_where_the_old_ones_stand() -> None:
    tiny.add_tiny()
    competition = find_competition("tiny")
    left = plan_kernels(Request(competition, ("left",)))[1]
    recipe = replace(left.recipe, sharpness=2.5, epochs=7, misbehave='say "ö"', sessions=3)
    text = render_script(SOURCE, replace(left, recipe=recipe), None).text({"seed": 1})
    assert "\n".join(text.splitlines()).startswith(
        "\n".join(
            '''"""A page — with an odd\x0cline."""

RECIPE: dict = dict(
    sharpness=2.5,  # instead of 1.0
    epochs=7, misbehave="say \\"ö\\"",  # instead of ""
    sessions=3,  # instead of 1
)
PARAMETERS: dict = {'seed': 1}

# The shared code'''.splitlines()
        )
    )
    assert shown(text) == {
        "sharpness": 2.5, "epochs": 7, "misbehave": 'say "ö"', "sessions": 3
    }  # fmt: skip
    assert text.endswith("\n\nx = 1\n")
    flat = "RECIPE: dict = dict()\nPARAMETERS: dict = {}\n"
    flat = render_script(flat, replace(left, recipe=recipe), None).text({})
    assert shown(flat)["sessions"] == 3
    bare = 'RECIPE: dict = dict(\n    epochs=(\n        2\n    ),\n    misbehave=""  # none\n)\n'
    bare = render_script(f"{bare}PARAMETERS: dict = {{}}\n", replace(left, recipe=recipe), None)
    assert {**shown(bare.text({})), "epochs": 7} == shown(text) | {"sharpness": 2.5}


def test_nonces_are_written_into_the_same_page() -> None:
    ensemble = bundles("petals")[-1]
    nonces = {name: f"n-{name}" for name in ("densenet201", "efficientnetb7", "xception")}
    baked = with_nonces(ensemble, "n-7", nonces, resume=True)
    assert baked.parameters.source_nonces == nonces
    assert baked.parameters.resume == "alice/petals-ensemble"
    assert baked.metadata["kernel_sources"][-1] == "alice/petals-ensemble"
    changed = [
        (a, b)
        for a, b in zip(ensemble.text.splitlines(), baked.text.splitlines(), strict=True)
        if a != b
    ]
    assert [a.startswith("PARAMETERS") for a, _ in changed] == [True]


@pytest.mark.parametrize("name", NAMES)
def test_an_embedded_page_compiles_and_holds_the_hash_once(name: str) -> None:
    for bundle in bundles(name, embed=True):
        compile(bundle.text, bundle.kernel.name, "exec")
        assert bundle.text.count(bundle.shared_hash) == 1


def test_a_recipe_that_cannot_be_is_one_line_where_it_runs(tmp_path: Path) -> None:
    """Who changes a number on Kaggle's page gets no traceback for it."""
    page = next(b for b in bundles("petals", embed=True) if b.kernel.name == "densenet201").text
    script = tmp_path / "script.py"
    script.write_text(page.replace("epochs=25,", "epochs=0,"), encoding="utf-8")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "error: setting epochs=0: it must be at least 1\n"


def test_a_rehearsal_says_what_the_machine_holds_before_the_code_is_looked_for() -> None:
    text = bundles("petals", rehearse=True)[-1].text
    assert text.index("print(surroundings(") < text.index("attach(PARAMETERS")
    assert "surroundings" not in bundles("petals")[-1].text


@pytest.mark.parametrize("name", NAMES)
def test_the_utility_script_holds_what_a_kernel_imports_and_nothing_else(name: str) -> None:
    competition = find_competition(name)
    files = collect_shared(competition).files
    used = set(imported_files("import common.kernel", files))
    for path in kernel_scripts(competition).values():
        used |= set(imported_files(path.read_text("utf-8"), files))
    assert used == set(files)
    assert "common/kernel.py" in used
    assert not [path for path in files if path.endswith("generated.py")]
    others = "common/pairs/" if name == "petals" else "common/audit/"
    assert not [path for path in files if path.startswith(others)]


def test_each_member_is_resolved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: Counter[str] = Counter()
    resolve = Kernel.resolve

    def counting(self: Kernel, *arguments: object, **options: object) -> object:
        counted[type(self.recipe).__name__] += 1
        return resolve(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Kernel, "resolve", counting)
    bundles("petals", settings={"epochs": "3"})
    assert counted == {"ClassifierRecipe": 3, "BlendRecipe": 1, "AuditRecipe": 1}
    counted.clear()
    bundles("painter", dry_run=True)
    assert counted == {
        "PrepareRecipe": 1,
        "TripletsRecipe": 1,
        "SubmodelRecipe": 1,
        "HeadRecipe": 1,
        "ClassesRecipe": 1,
        "MarginRecipe": 1,
        "PairBlendRecipe": 1,
    }


def test_the_code_that_is_found_is_hashed_as_the_kernels_hash_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "usr" / "lib" / "some-code"
    for name in ("common/b.py", "common/a/__init__.py", "common/a-b.py", "competitions/x.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"# {name}\n")
    (root / "common" / "other.txt").write_text("of no matter")
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(tmp_path / "input"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    attach("alice/some_code", source_hash(root))
    assert sys.path[0] == str(root)
    wanted = "is not the one this kernel was built with"
    with pytest.raises(ImportError, match=rf"{root} .* there, 0000 wanted\) {wanted}"):
        attach("alice/some_code", "0000")


def test_code_that_is_not_mounted_is_asked_of_kagglehub(tmp_path: Path) -> None:
    hub = tmp_path / "kagglehub.py"
    hub.write_text(f"def utility_script_install(handle):\n    return {str(tmp_path / 'hub')!r}\n")
    (tmp_path / "hub" / "common").mkdir(parents=True)
    for name in ("__init__.py", "found.py"):
        (tmp_path / "hub" / "common" / name).write_text("")
    code = "import sys; from kernels.bundle.attach import attach; attach('a/b', sys.argv[1])\n"
    command = [sys.executable, "-c", f"{code}import common.found, sys; print(sys.path[0])"]
    root = ROOT
    environment = {
        **os.environ,
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{root}",
        "KAGGLE_CACHE_MOUNT_FOLDER": str(tmp_path / "input"),
    }
    done = subprocess.run(
        [*command, source_hash(tmp_path / "hub")], env=environment, capture_output=True, text=True
    )
    assert done.stdout.strip() == str(tmp_path / "hub"), done.stderr


@pytest.mark.parametrize(
    ("remote", "link"),
    [
        ("https://github.com/alice/flowers.git", "https://github.com/alice/flowers"),
        ("https://alice:token@github.com/alice/flowers", "https://github.com/alice/flowers"),
        ("git@github.com:alice/flowers.git", "https://github.com/alice/flowers"),
        ("ssh://git@gitlab.com/alice/more/flowers.git", "https://gitlab.com/alice/more/flowers"),
        ("/srv/flowers.git", ""),
        ("file:///srv/flowers", ""),
        ("", ""),
    ],
)
def test_the_repository_is_linked_without_credentials(remote: str, link: str) -> None:
    assert page_of(remote) == link


def test_the_link_stands_in_the_docstring(monkeypatch: pytest.MonkeyPatch) -> None:
    link = "https://github.com/alice/flowers"
    monkeypatch.setattr(rendering, "repository_link", lambda: link)
    for bundle in bundles("petals"):
        if bundle.kernel.name != SHARED:
            assert link in (ast.get_docstring(ast.parse(bundle.text)) or "")
    monkeypatch.setattr(rendering, "repository_link", lambda: "")
    assert link not in bundles("petals")[-1].text
    assert repository_link() == repository_link()
