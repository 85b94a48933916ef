"""Outputs that arrive broken are gone on with, fetched again, and in the end refused."""

import gzip
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from common.errors import UserError
from common.manifest import read_manifest, write_manifest
from kernels.kaggle import answers
from kernels.kaggle.downloads import download, fetch_outputs, inside
from kernels.local import LocalKaggle
from kernels.local.faults import Faults, Rule
from kernels.local.service import Service
from support.toy_competition import make_toy

CONTENT = bytes(range(256)) * 2000


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator:
    """``serve(*rules)`` → addresses of a kernel's output by name, from a Kaggle with faults."""
    monkeypatch.setattr(answers, "PAUSE", 0.01)
    output = tmp_path / "output"
    output.mkdir()
    (output / "predictions.npz").write_bytes(CONTENT)
    (output / "metrics.json").write_text("{}")
    write_manifest(output, {"nonce": "n"})
    with ExitStack() as stack:

        def start(*rules: Rule) -> dict[str, str]:
            hosted, faults = make_toy(tmp_path / "toy"), Faults(rules, 0)
            server = stack.enter_context(LocalKaggle(tmp_path / "kaggle", [hosted], faults=faults))
            service = Service(server.site, "alice", f"{server.url}/")
            return {path.name: service.link(path) for path in sorted(output.iterdir())}

        yield start


def test_a_transfer_that_breaks_goes_on_where_it_broke(serve, tmp_path: Path) -> None:
    urls = serve(Rule("download", "cut"))
    seen: list[str | None] = []
    get = requests.get

    def noted(url: str, **options) -> requests.Response:
        seen.append(options["headers"].get("Range"))
        return get(url, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests, "get", noted)
        download(urls["predictions.npz"], tmp_path / "here" / "predictions.npz")
    assert (tmp_path / "here" / "predictions.npz").read_bytes() == CONTENT
    assert seen == [None, f"bytes={len(CONTENT) // 2 // 65536 * 65536}-"]
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["predictions.npz"]


def test_what_was_begun_of_another_file_is_not_gone_on_with(serve, tmp_path: Path) -> None:
    here, part = tmp_path / "predictions.npz", tmp_path / "predictions.npz.part"
    urls = serve(Rule("download", "cut", times=8))
    with pytest.raises(UserError):
        download(urls["predictions.npz"], here)
    assert 0 < part.stat().st_size < len(CONTENT)
    later = CONTENT[::-1]
    (tmp_path / "output" / "predictions.npz").write_bytes(later)
    download(urls["predictions.npz"], here)
    assert here.read_bytes() == later
    assert not list(tmp_path.glob("*.part*"))


def test_a_file_that_arrives_packed_is_named_as_such(serve, tmp_path: Path) -> None:
    urls = serve()
    (tmp_path / "output" / "predictions.npz").write_bytes(gzip.compress(CONTENT))
    with pytest.raises(
        UserError, match=r"the kernel wrote \(\d+ bytes arrive, packed by gzip, twice"
    ):
        fetch_outputs(urls, tmp_path / "here", "left")


@pytest.mark.parametrize("fault", ["corrupt", "truncate", "drop", "cut", "lose", "refuse"])
@pytest.mark.parametrize("name", ["predictions.npz", "metrics.json"])
def test_a_broken_file_is_fetched_again(serve, tmp_path: Path, fault: str, name: str) -> None:
    urls = serve(Rule("download", fault, contains=name))
    fetch_outputs(urls, tmp_path / "here", "left")
    assert read_manifest(tmp_path / "here", "left", "n")["nonce"] == "n"


@pytest.mark.parametrize("fault", ["corrupt", "truncate"])
def test_a_file_that_stays_broken_is_refused(serve, tmp_path: Path, fault: str) -> None:
    urls = serve(Rule("download", fault, times=None, contains="predictions.npz"))
    said = "kernel left: predictions.npz is not the file that the kernel wrote"
    with pytest.raises(UserError, match=said):
        fetch_outputs(urls, tmp_path / "here", "left")
    assert not (tmp_path / "here" / "predictions.npz").exists()


def test_files_that_are_whole_already_are_not_fetched_again(serve, tmp_path: Path) -> None:
    # From its second download on, this file is wrong.
    rule = Rule("download", "corrupt", times=None, after=1, contains="predictions.npz")
    urls = serve(rule)
    for _ in range(2):
        fetch_outputs(urls, tmp_path / "here", "left")
        assert (tmp_path / "here" / "predictions.npz").read_bytes() == CONTENT


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "..\\x", "C:/x", ""])
def test_names_that_lead_out_of_the_folder_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="points outside"):
        inside(tmp_path, name)
    assert inside(tmp_path, "a/b.txt") == tmp_path / "a" / "b.txt"


@pytest.mark.parametrize("name", ["", ".", "a\0b", "\ud800", "é" * 128, f"deep/{'x' * 256}/y"])
def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="refused the file name") as refused:
        inside(tmp_path, name)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    "names", [("q", "q/r"), ("q/r/s", "q/r"), ("a", "./a"), ("b/a", "b//a"), ("b/a", "b\\a")]
)
def test_names_that_cannot_be_together_are_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    with pytest.raises(UserError, match="kernel left: refused the file names .* and .*: "):
        fetch_outputs(dict.fromkeys(names, "http://127.0.0.1:9/"), tmp_path, "left")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    ["x" * 255, "é" * 127, "1", "CON", "state.json", "A", "a", "new\nline", "-rf"],
)
def test_a_file_may_have_any_name_that_its_kernel_could_write(
    serve, tmp_path: Path, name: str
) -> None:
    (tmp_path / "output" / name).write_text(name)
    write_manifest(tmp_path / "output", {"nonce": "n"})
    urls = serve(Rule("download", "cut"))
    fetch_outputs(urls, tmp_path / "here", "left")
    read_manifest(tmp_path / "here", "left", "n")
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == sorted(urls)
