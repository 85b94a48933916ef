"""Settings of a benchmark: by what a kernel begins with, and of several kernels together."""

import dataclasses
from pathlib import Path

import pytest

from common.blending.members import settings_of
from common.competition import Competition
from common.declaration import Kernel
from common.errors import UserError
from common.kernel import KernelRun
from common.parameters import Parameters
from competitions.labeled_faces import COMPETITION
from competitions.labeled_faces.lite import KERNEL as LITE
from competitions.labeled_faces.twin import KERNEL as TWIN
from competitions.labeled_faces.view2 import KERNEL as VIEW_2
from support.toy_competition import TOY

WIDEST = COMPETITION.protocol.widest
RESTRICTED, UNRESTRICTED = "image-restricted, no outside data", "unrestricted, no outside data"
LABEL_FREE = "unrestricted, label-free outside data"


def setting(kernel: Kernel, source: str = "", **changes: object) -> str:
    recipe = dataclasses.replace(kernel.recipe, **changes)
    return kernel.setting(KernelRun(Parameters("one", weights_source=source), recipe))


def test_the_setting_of_a_kernel_is_by_its_labels_and_its_weights() -> None:
    assert setting(TWIN) == RESTRICTED
    assert setting(LITE) == setting(VIEW_2) == LABEL_FREE
    assert setting(LITE, weights=None) == UNRESTRICTED
    pretrained = setting(TWIN, backbone="MobileNet", weights="imagenet")
    assert pretrained == "image-restricted, label-free outside data"
    assert setting(LITE, "bob/faces") == "unrestricted, labeled outside data"
    assert setting(dataclasses.replace(TWIN, supervision="")) == ""


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ([RESTRICTED], RESTRICTED),
        ([RESTRICTED, UNRESTRICTED], UNRESTRICTED),
        (["image-restricted, label-free outside data", UNRESTRICTED], LABEL_FREE),
        ([LABEL_FREE, "unrestricted, labeled outside data"], "unrestricted, labeled outside data"),
        ([LABEL_FREE, ""], ""),
        ([LABEL_FREE, "anything"], ""),
        ([], ""),
    ],
)
def test_a_blend_is_of_the_widest_setting_of_its_members(settings: list[str], wanted: str) -> None:
    assert WIDEST(settings) == wanted


def test_an_ensemble_reads_the_settings_that_kernels_have_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(tmp_path))
    own = dataclasses.replace(
        TWIN, work=lambda run: None, recipe=dataclasses.replace(TWIN.recipe, weights="imagenet")
    )
    kernels = {"twin": own, "other": dataclasses.replace(own, supervision="")}
    for name, kernel in kernels.items():
        folder = tmp_path / "notebooks" / "alice" / name
        folder.mkdir(parents=True)
        monkeypatch.chdir(folder)
        plain = Kernel(COMPETITION, kernel.recipe, work=kernel.work, predicts=False)
        dataclasses.replace(plain, supervision=kernel.supervision).main({"kernel": name}, [])
    found = settings_of(Parameters(sources={name: f"alice/{name}" for name in kernels}))
    assert found == ["image-restricted, label-free outside data", ""]


def test_another_supervision_is_one_line() -> None:
    with pytest.raises(UserError, match="unknown supervision 'restricted': .*image-restricted"):
        setting(dataclasses.replace(TWIN, supervision="restricted"))
    toy: Competition = TOY
    with pytest.raises(UserError, match="supervision= is of a competition with a protocol: leave"):
        dataclasses.replace(LITE, competition=toy)
