"""Where a kernel finds its inputs."""

from pathlib import Path

import pytest

from common import inputs
from common.errors import UserError


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "kaggle" / "input"
    folder.mkdir(parents=True)
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(folder))
    return folder


@pytest.mark.parametrize("place", ["competitions/tpu-getting-started", "tpu-getting-started"])
def test_competition_data_are_found_in_every_layout(root: Path, place: str) -> None:
    (root / place).mkdir(parents=True)
    assert inputs.competition_folder("tpu-getting-started", "x") == root / place


@pytest.mark.parametrize("place", ["notebooks/alice/petals", "petals"])
def test_kernel_outputs_are_found_in_every_layout(root: Path, place: str) -> None:
    (root / place).mkdir(parents=True)
    assert inputs.kernel_output_folder("alice/petals") == root / place


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("alice/weights", "datasets/alice/weights"),
        ("alice/weights", "weights"),
        ("google/b7/keras/noisy/1", "models/google/b7/keras/noisy/1"),
        ("google/b7/keras/noisy/1", "b7/keras/noisy/1"),
    ],
)
def test_data_sets_and_models_are_found_in_every_layout(
    root: Path, source: str, place: str
) -> None:
    (root / place).mkdir(parents=True)
    assert inputs.dataset_folder(source) == root / place


def test_todays_layout_wins_over_the_older(root: Path) -> None:
    for place in ("competitions/flowers", "flowers"):
        (root / place).mkdir(parents=True)
    assert inputs.competition_folder("flowers", "a.csv") == root / "competitions" / "flowers"


def test_what_is_nowhere_is_said_with_what_was_looked_for_and_what_is_there(root: Path) -> None:
    (root / "competitions" / "birds").mkdir(parents=True)
    with pytest.raises(UserError) as caught:
        inputs.competition_folder("flowers", "a.csv")
    text = str(caught.value)
    assert "\n" not in text
    for part in ("flowers", "a.csv", f"{root}/competitions/flowers", "internet is off"):
        assert part in text
    assert "has competitions (1: birds)" in text


def test_a_data_set_that_a_competition_stands_on_says_what_it_has(root: Path) -> None:
    with pytest.raises(UserError) as caught:
        inputs.dataset_folder("bob/shapes", files="train/CLASS/*.png")
    for part in ("the data set bob/shapes (train/CLASS/*.png)", "a folder with datasets/bob/shape"):
        assert part in str(caught.value)


@pytest.mark.parametrize("source", ["petals", "/petals", "alice/"])
def test_a_source_that_is_no_handle_is_refused(source: str) -> None:
    with pytest.raises(UserError, match="owner/slug"):
        inputs.kernel_output_folder(source)


def test_an_input_is_named_as_its_owner_knows_it(root: Path, tmp_path: Path) -> None:
    own, mount = tmp_path / "mine", root / "competitions" / "leaves"
    for name in ("train/1.jpg", "train.csv"):
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / name).touch()
        (mount / name).parent.mkdir(parents=True, exist_ok=True)
        (mount / name).symlink_to(own / name)
    for name in ("train/1.jpg", "train/2.jpg", "train", "test/3.jpg", ""):
        assert inputs.as_given(mount / name) == own / name
        assert inputs.as_given(own / name) == own / name
    assert inputs.listing(mount) == f"{own} has train (1: 1.jpg), train.csv"
    linked = root / "linked"
    linked.symlink_to(own)
    assert inputs.as_given(linked / "test" / "3.jpg") == own / "test" / "3.jpg"


def test_a_listing_has_the_folders_that_one_may_need_first(tmp_path: Path) -> None:
    for number in range(98):
        path = tmp_path / "train_images" / f"{number:02d}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / "rose").mkdir()
    for name in "abcdefghijklmn":
        (tmp_path / f"{name}.txt").touch()
    files = ", ".join(f"{name}.txt" for name in "abcdefghij")
    first = "rose (empty), train_images (98: 00.jpg, and 97 more)"
    assert inputs.listing(tmp_path) == f"{tmp_path} has {first}, {files}, and 4 more"
    assert inputs.listing(tmp_path / "rose") == f"{tmp_path}/rose has nothing"
