"""The audit: copies, leaks, two labels, broken records; its kernel next to a run's others."""

import contextlib
import csv
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cv2
import numpy as np
import pytest

from common.audit.findings import Audit, warnings_of
from common.audit.records import Picture, Split, read_pictures, splits_of
from common.audit.run import AuditRecipe, run_audit
from common.data.layouts import folder_per_class
from common.data.lookalikes import Lookalikes, Pair, find_pairs, fingerprint, groups
from common.data.tfrecords import record_files
from common.errors import UserError
from common.kernel import KernelRun
from common.manifest import read_manifest
from common.parameters import Parameters
from common.recipe import override
from common.tasks.classification import Classification
from competitions.celebrity_faces import audit as faces
from competitions.chest_xray import audit as xrays
from competitions.petals_to_metal import COMPETITION
from competitions.petals_to_metal import audit as script
from kernels.plan import request as plan
from kernels.plan.plan import plan_kernels
from kernels.plan.request import Request
from support import flowers, tiny
from support.carry_out import carry_out

pytestmark = pytest.mark.slow
REAL = tiny.ROOT.parent / "shared" / "data" / "tpu-getting-started" / "tfrecords-jpeg-192x192"
SIDE, NAMES = 96, COMPETITION.task.classes
WARNING = "pictures of test that are in val too: 1 of 12 (r1): audit.csv"


def picture(seed: int) -> np.ndarray:
    """Soft blotches and edges of many sizes, ``(96, 96, 3)`` uint8: no two seeds are alike."""
    generator = np.random.default_rng(seed)
    whole = np.zeros((SIDE, SIDE, 3), np.float32)
    for size, weight in ((3, 90), (6, 60), (12, 40), (24, 20)):
        coarse = generator.normal(0, weight, (size, size, 3)).astype(np.float32)
        whole += cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return np.clip(whole + 120, 0, 255).astype(np.uint8)


def jpeg(image: np.ndarray, quality: int = 95) -> bytes:
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality]
    return bytes(cv2.imencode(".jpg", image[..., ::-1], flags)[1].tobytes())


ALTERED: dict[str, Callable[[np.ndarray], bytes]] = {
    "compressed": lambda image: jpeg(image, 30),
    "brighter": lambda image: jpeg(np.clip(image * 1.2, 0, 255).astype(np.uint8)),
    "cropped": lambda image: jpeg(cv2.resize(image[3:-3, 3:], (SIDE, SIDE))),
    "smaller": lambda image: jpeg(cv2.resize(image, (48, 48), interpolation=cv2.INTER_AREA)),
    "grey": lambda image: jpeg(np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)),
}


def write_split(folder: Path, records: list[bytes], promised: int | None = None) -> Path:
    return flowers.write_file(folder / f"00-96x96-{promised or len(records)}.tfrec", records)


def example(name: str, label: int | None, image: np.ndarray | bytes) -> bytes:
    return flowers.example(name, label, image if isinstance(image, bytes) else jpeg(image))


def audit(root: Path, out: Path, changes: dict | None = None, script: Any = script) -> dict:
    """Run a competition's script over the data in ``root``; its ``audit.json``."""
    out.mkdir()
    mount = out.with_name("mounts") / script.COMPETITION.mount
    mount.parent.mkdir(parents=True)
    mount.symlink_to(root)
    with pytest.MonkeyPatch.context() as patched, contextlib.chdir(out):
        patched.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(out.with_name("mounts")))
        settings = {"settings": changes or {}, "internet": False}
        carry_out(script.KERNEL, {"kernel": "audit", **settings})
    return dict(json.loads((out / "audit.json").read_text()))


def table(out: Path) -> list[dict[str, str]]:
    with open(out / "audit.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty pictures of three classes; altered copies in validation, and other faults."""
    root = tmp_path_factory.mktemp("planted")
    (root / "sample_submission.csv").write_text("id,label\nleak,0\nx200,0\nx200,0\nx9,0\n\n")
    folder = root / "tfrecords-jpeg-96x96"
    train = [example(f"t{n}", n % 3, picture(n)) for n in range(20)]
    train += [example("again", 0, picture(0)), example("t19", 1, picture(700))]
    train += [example("cut", 0, jpeg(picture(701))[:900]), example("label", 104, picture(702))]
    train += [example("text", 0, b"no picture"), flowers.example("r", None, jpeg(picture(703)))]
    write_split(folder / "train", train)
    altered = [
        example(name, n % 3, change(picture(n))) for n, (name, change) in enumerate(ALTERED.items())
    ]
    val = [*altered, example("mirrored", 2, picture(8)[:, ::-1]), example("other", 1, picture(9))]
    val += [example(f"v{n}", n % 2, picture(n)) for n in range(100, 105)]
    write_split(folder / "val", val)
    test = [example("leak", None, picture(10)), example("v-leak", None, picture(100))]
    write_split(folder / "test", test + [example(f"x{n}", None, picture(n)) for n in (200, 201)])
    return root


@pytest.fixture(scope="module")
def found(planted: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, Path]:
    out = tmp_path_factory.mktemp("audit") / "out"
    return audit(planted, out), out


def test_every_planted_copy_is_found_and_nothing_else(found: tuple[dict, Path]) -> None:
    pairs = {(row["kind"], row["id_a"], row["id_b"]) for row in table(found[1])}
    near = {("near", f"t{n}", name) for n, name in enumerate(ALTERED)}
    exact = {("exact", "t0", "again"), ("exact", "t9", "other"), ("exact", "t10", "leak")}
    assert pairs == near | exact | {("exact", "v100", "v-leak"), ("mirrored", "t8", "mirrored")}
    assert found[0]["pairs"] == {"exact": 4, "near": 5, "mirrored": 1}
    assert [{"split": "train", "id": "t10"}, {"split": "test", "id": "leak"}] in found[0]["groups"]


def test_the_table_says_where_each_stands_and_how_near(found: tuple[dict, Path]) -> None:
    rows = {row["id_b"]: row for row in table(found[1])}
    row = rows["cropped"]
    where = ("near", "train", "t2", NAMES[2], "validation", "cropped", NAMES[2])
    assert tuple(row.values())[:7] == where
    assert int(row["distance"]) <= 16
    assert 0.97 <= float(row["agreement"]) <= 1
    assert rows["leak"]["label_b"] == ""
    assert len({row["group"] for row in rows.values()}) == len(found[0]["groups"]) == 9


def test_the_warnings_say_what_and_how_many(found: tuple[dict, Path]) -> None:
    warnings = found[0]["warnings"]
    assert warnings[:7] == [
        "pictures of validation that are in train too: 1 of 12 (other = t9): audit.csv",
        "pictures of validation that may be in train too: 6 of 12 (compressed = t0, "
        "brighter = t1, cropped = t2, smaller = t3, and 2 more): audit.csv",
        "pictures of test that are in train too: 1 of 4 (leak = t10): audit.csv",
        "pictures of test that are in validation too: 1 of 4 (v-leak = v100): audit.csv",
        "pictures of train that are copies of others there: 1 (again = t0): audit.csv",
        f"pictures with more than one label: 1 (t9 {NAMES[0]}, other {NAMES[1]}): audit.csv",
        "ids of more than one record: 1 (t19)",
    ]
    assert warnings[-4:-1] == [
        "ids that come twice in the sample: 1 (x200)",
        "pictures of test that the sample has not: 2 of 4 (v-leak, x201)",
        "ids of the sample without a readable picture: 1 of 3 (x9)",
    ]
    assert "records that cannot be used: 4 (00-96x96-26.tfrec record 23: " in warnings[-1]


def test_broken_records_are_listed_with_file_number_and_reason(found: tuple[dict, Path]) -> None:
    reasons = (
        "no whole picture",
        "has label 104, outside 0..103",
        "no whole",
        "no feature 'class'",
    )
    for number, (broken, reason) in enumerate(zip(found[0]["broken"], reasons, strict=True), 23):
        assert (broken["split"], broken["file"]) == ("train", "00-96x96-26.tfrec")
        assert broken["record"] == number
        assert reason in broken["reason"]


def test_a_class_that_a_split_lacks_is_named_and_a_clean_set_has_a_figure(
    found: tuple[dict, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "data" / "tfrecords-jpeg-96x96"
    write_split(folder / "train", [example("a", 0, picture(1)), example("b", 1, picture(2))])
    write_split(folder / "val", [example("c", 0, picture(3))])
    write_split(folder / "test", [example("d", None, picture(4))])
    (tmp_path / "data" / "sample_submission.csv").write_text("id,label\nd,0\n")
    facts = audit(folder.parent, tmp_path / "out")
    first, second = facts["warnings"]
    assert first == f"classes without a picture in validation: 1 ({NAMES[1]})"
    assert second.startswith("classes without any labelled picture: 102 (")
    counts = {split: counts[:3] for split, counts in facts["classes"].items()}
    assert counts == {"train": [1, 1, 0], "validation": [1, 0, 0]}
    assert facts["pictures"] == {"train": 2, "validation": 1, "test": 1}
    assert table(tmp_path / "out") == []
    with_pairs, clean = (cv2.imread(str(out / "audit.png")) for out in (found[1], tmp_path / "out"))
    assert with_pairs.shape[0] > clean.shape[0] + 400
    assert clean.std() > 1


def test_a_file_that_ends_early_is_read_as_far_as_it_goes(planted: Path, tmp_path: Path) -> None:
    whole = (planted / "tfrecords-jpeg-96x96" / "val" / "00-96x96-12.tfrec").read_bytes()
    cut = tmp_path / "00-96x96-12.tfrec"
    cut.write_bytes(whole[: len(whole) // 2])
    short = write_split(tmp_path, [example("a", 0, picture(0))], promised=3)
    pictures, broken = read_pictures([Split("train", (cut, short), True)], 104)
    assert 2 < len(pictures) < 10
    assert f"after record {len(pictures) - 1}: the rest is lost" in broken[0].reason
    assert broken[1].reason == "has 1 records, its name says 3"
    assert [b.record for b in broken] == [0, 0]


def test_what_cannot_be_read_at_all_is_listed_and_ends_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "tfrecords-jpeg-96x96"
    claims = bytearray(jpeg(picture(1)))
    at = claims.find(b"\xff\xc0") + 5
    claims[at : at + 4] = b"\xfd\xe8\xfd\xe8"  # 65,000 x 65,000
    write_split(folder / "train", [example("a", 0, picture(1)), example("b", 1, bytes(claims))])
    flowers.write_file(folder / "train" / "more.tfrec", [example("c", 1, picture(2))])
    (folder / "train" / "02-96x96-3.tfrec").touch()
    (folder / "train" / "03-96x96-3.tfrec").write_text("<html>Sign in</html>")
    (folder / "train" / "04-96x96-3.tfrec").symlink_to(tmp_path / "nowhere")
    (folder / "train" / "05-96x96-3.tfrec").mkdir()
    facts = audit(folder.parent, tmp_path / "out")
    assert facts["pictures"]["train"] == 2
    assert {(one["file"], one["record"], one["reason"]) for one in facts["broken"]} == {
        (
            "00-96x96-2.tfrec",
            2,
            f"cut short: 65000 x 65000 pixels cannot be in {len(claims)} bytes",
        ),
        ("more.tfrec", 0, "its name does not end in -<number of pictures>.tfrec"),
        ("02-96x96-3.tfrec", 0, "has 0 records, its name says 3"),
        *(
            (f"0{n}-96x96-3.tfrec", 0, f"{reason} after record 0: the rest is lost")
            for n, reason in (
                (3, "is truncated or corrupt: a web page"),
                (4, "cannot be read: No such file or directory"),
                (5, "cannot be read: FailedPrecondition"),
            )
        ),
    }
    assert "splits without any file: 2 (validation, test)" in facts["warnings"]
    assert facts["warnings"][-1] == "no sample_submission.csv to compare ids with"


def test_the_manifest_has_the_files(found: tuple[dict, Path]) -> None:
    manifest = read_manifest(found[1], "audit", "")
    assert set(manifest["files"]) == {"audit.json", "audit.csv", "audit.png"}
    assert manifest["recipe"] == {"bits": 16, "agreement": 0.97, "most_looks": 300_000}
    assert set(manifest["seconds"]) == {"reading", "comparing", "figures"}


def test_a_bound_on_the_looks_narrows_the_search_and_says_so(
    planted: Path, found: tuple[dict, Path], tmp_path: Path
) -> None:
    facts = audit(planted, tmp_path / "out", {"most_looks": 3})
    assert facts["bits"] < found[0]["bits"] == 16
    assert facts["pairs"]["near"] < 5
    assert "too many pictures look alike" in facts["warnings"][-1]


@pytest.mark.parametrize("setting", [{"bits": 64}, {"agreement": 2}, {"most_looks": 0}])
def test_a_setting_out_of_range_is_refused(setting: dict) -> None:
    with pytest.raises(UserError, match=next(iter(setting))):
        override(AuditRecipe(), setting)


def test_pictures_of_one_colour_are_no_near_copies() -> None:
    flat = [fingerprint(np.full((96, 96, 3), 100 + n, np.uint8)) for n in range(6)]
    assert find_pairs(flat, 63, 0.01, 1000) == ([], 63, 0.01)
    assert [pair.kind for pair in find_pairs([*flat, flat[0]], 63, 0.01, 1000).pairs] == ["exact"]


def test_copies_are_found_far_apart_and_copies_of_copies_once() -> None:
    prints = [fingerprint(picture(n)[:48, :48]) for n in range(600)]
    for n in (3, 400):
        near = cv2.imdecode(np.frombuffer(jpeg(picture(n)[:48, :48], 60), np.uint8), 1)
        prints.append(fingerprint(np.ascontiguousarray(near[..., ::-1])))
    pairs, bits, _ = find_pairs([*prints, prints[3], prints[580]], 16, 0.97, 10**6)
    found = {(pair.first, pair.second, pair.kind) for pair in pairs}
    near, exact = {(3, 600, "near"), (400, 601, "near")}, {(3, 602, "exact"), (580, 603, "exact")}
    assert (found, bits) == (near | exact, 16)


def test_lookalikes_do_not_chain_to_one_group() -> None:
    prints = [fingerprint(picture(n)) for n in range(60)]
    steps = np.linspace(0, 1, 60)[:, None, None, None]  # each a little more of the last picture
    chain = (1 - steps) * picture(100) + steps * picture(200)
    prints += [fingerprint(one.astype(np.uint8)) for one in chain]
    found = find_pairs([*prints, prints[0]], 16, 0.97, 10**6)
    assert found.agreement > 0.97
    assert max(map(len, groups(found.pairs))) <= 10
    assert (0, 120) in {(pair.first, pair.second) for pair in found.pairs}


def test_folders_of_pictures_are_audited_as_tfrecords_are(tmp_path: Path) -> None:
    task = Classification(("a", "b", "c"))
    for name, content in {
        "train/a/1.jpg": jpeg(picture(1)),
        "train/a/2.jpg": jpeg(picture(2)),
        "train/b/3.jpg": ALTERED["cropped"](picture(1)),
        "train/b/zero.jpg": b"",
        "val/a/4.jpg": ALTERED["compressed"](picture(2)),
        "val/b/cut.jpg": jpeg(picture(3))[:900],
        "val/b/5.png": bytes(cv2.imencode(".png", np.full((9, 9), 700, np.uint16))[1]),
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    parts = [folder_per_class(name, tmp_path / name, task) for name in ("train", "val")]
    run = KernelRun(Parameters("audit"), AuditRecipe(), tmp_path)
    facts = replace(COMPETITION, task=task, submission=None, metric="accuracy")
    run_audit(facts, splits_of([*parts, None]), run)
    found = json.loads((tmp_path / "audit.json").read_text())
    assert found["pictures"] == {"train": 3, "validation": 2}
    assert found["warnings"] == [
        "pictures of validation that may be in train too: 1 of 2 (a/4.jpg = a/2.jpg): audit.csv",
        "pictures of train that may be copies of others there: 1 (b/3.jpg = a/1.jpg): audit.csv",
        "pictures with more than one label: 1 (a/1.jpg a, b/3.jpg b): audit.csv",
        "classes without any labelled picture: 1 (c)",
        "records that cannot be used: 2 (b/zero.jpg: no picture: an empty file; "
        "b/cut.jpg: 900 bytes that are no whole picture): audit.json",
    ]
    high = cv2.imread(str(tmp_path / "audit.png")).shape[0]
    # Without labels there are no classes to count, and nothing to contradict.
    run_audit(facts, splits_of([replace(part, labels=None) for part in parts]), run)
    again = json.loads((tmp_path / "audit.json").read_text())
    assert again["warnings"] == [found["warnings"][n] for n in (0, 1, 4)]
    assert cv2.imread(str(tmp_path / "audit.png")).shape[0] == high - 340


@pytest.mark.parametrize(
    ("script", "folder", "pairs"),
    [(faces, "14-celebrity-faces-dataset", 1), (xrays, "chest-xray-pneumonia", 4)],
    ids=["celebrities", "pneumonia"],
)
def test_real_folders_have_the_copies_that_were_seen(
    script: Any, folder: str, pairs: int, tmp_path: Path
) -> None:
    data = REAL.parents[1] / folder
    if not data.is_dir():
        pytest.skip("no real pictures here")
    found = audit(data, tmp_path / "out", script=script)
    assert sum(found["pairs"].values()) == pairs
    assert not found["broken"]


def test_groups_connect_pairs_and_nothing_else() -> None:
    ends = [(5, 2), (9, 4), (2, 7), (4, 1), (7, 5), (11, 3)]
    assert groups([Pair(*two, "near") for two in ends]) == [[1, 4, 9], [2, 5, 7], [3, 11]]
    assert groups([]) == []


@pytest.mark.skipif(not REAL.is_dir(), reason="no real pictures here")
def test_real_photographs_have_the_copies_that_were_seen() -> None:
    splits = [Split(name, record_files(REAL / name), name != "test") for name in ("train", "val")]
    splits.append(Split("test", record_files(REAL / "test"), False))
    pictures, broken = read_pictures(splits, 104)
    recipe = AuditRecipe()
    pairs, *_ = find_pairs([p.print for p in pictures], recipe.bits, recipe.agreement, 10**6)
    ids = {(pictures[p.first].id, pictures[p.second].id) for p in pairs}
    assert not broken
    assert len(ids) == 79  # those that agree less than 0.999 were looked at
    assert {("c708aa6c4", "71a388781"), ("10e364593", "11122d914")} < ids  # cropped
    assert not {("3807ecf46", "e3b95ff42"), ("867898703", "910c1c781")} & ids  # only alike
    labels = [(pictures[p.first].label, pictures[p.second].label) for p in pairs]
    assert all(one == two for one, two in labels if None not in (one, two))


def test_exact_copies_of_one_picture_are_copies_of_each_other() -> None:
    splits = [Split("train", (), True), Split("test", (), False)]
    parts = ["train", "test", "test", "test"]
    alike = [Picture(part, f"p{n}", None, Path("f"), n, None) for n, part in enumerate(parts)]
    pairs = [Pair(0, 1, "exact"), Pair(0, 2, "exact"), Pair(0, 3, "near", 3, 0.98)]
    found = Audit(NAMES, splits, alike, (), Lookalikes(pairs, 16, 0.97), (range(4),), 16, 0.97)
    assert [line.removesuffix(": audit.csv") for line in warnings_of(found)][:4] == [
        "pictures of test that are in train too: 2 of 3 (p1 = p0, p2 = p0)",
        "pictures of test that may be in train too: 1 of 3 (p3 = p0)",
        "pictures of test that are copies of others there: 1 (p2 = p1)",
        "pictures of test that may be copies of others there: 1 (p3 = p1)",
    ]


def test_a_large_group_of_copies_is_named_in_short() -> None:
    alike = [Picture("train", f"p{n}", n % 2, Path("f"), n, None) for n in range(60)]
    group = range(60)
    splits = [Split("train", (), True)]
    found = Lookalikes([], 16, 0.985)
    warnings = warnings_of(Audit(NAMES, splits, alike, (), found, (group,), 16, 0.97))
    strict = "copies agree by 0.985 or more, not 0.97, and some may be missing"
    assert warnings[-1] == f"too many pictures look alike: {strict}"
    conflict = next(line for line in warnings if "more than one label" in line)
    assert conflict.endswith("and 56 more): audit.csv")
    assert len(conflict) < 200


def test_an_audit_alone_trains_and_submits_nothing_and_the_plan_shows_it(
    dry: list, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan_of = [*dry, "--ensemble", "--plan"]
    before = tiny.submit_here(capsys, *plan_of).stdout
    assert "--   not audited for leaks and broken pictures: add --audit" in before
    assert "tiny-audit" not in before
    asked = tiny.submit_here(capsys, *plan_of, "--audit").stdout
    assert "not audited" not in asked
    assert "tiny-audit" in asked
    done = tiny.submit(*dry, "--audit", "--json")
    result = tiny.last_json(done)
    assert result["audit"]["warnings"] == [WARNING]
    assert f"warning: {WARNING}" in done.stderr
    assert (result["submission"], result["submissions"], result["members"]) == (None, 0, [])
    state = json.loads((tmp_path / "run" / "state.json").read_text())
    assert list(state["kernels"]) == ["shared", "audit"]
    assert state["state"] == "complete"
    assert WARNING in (tmp_path / "run" / "report.html").read_text()
    after = tiny.submit_here(capsys, *plan_of).stdout
    assert f"warn {WARNING}" in after
    assert f"{tmp_path / 'run' / 'outputs' / 'audit'}" in after
    audited = dry[dry.index("--data") + 1]
    other = shutil.copytree(str(audited), tmp_path / "other")
    given = [other if word is audited else word for word in plan_of]
    of_other = tiny.submit_here(capsys, *given).stdout
    assert ("--   not audited" in of_other, WARNING in of_other) == (True, False)


def test_a_competition_without_an_audit_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    scripts = dict(plan.kernel_scripts(COMPETITION))
    del scripts["audit"]
    monkeypatch.setattr(plan, "kernel_scripts", lambda _: scripts)
    with pytest.raises(UserError, match="petals has no competitions/petals_to_metal/audit.py"):
        plan_kernels(Request(COMPETITION, (), audit=True))


def test_the_audit_kernel_is_on_cpu_reads_no_training_and_nothing_reads_it() -> None:
    request = Request(COMPETITION, ("densenet201", "xception"), audit=True)
    kernels = {kernel.name: kernel for kernel in plan_kernels(request)}
    found = kernels["audit"]
    assert (found.accelerator, found.parameters.internet) == ("cpu", False)
    assert found.sources == ("shared",)
    assert "audit" not in kernels["ensemble"].sources
