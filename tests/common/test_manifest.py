"""A kernel's manifest is the proof that its output is whole."""

from pathlib import Path

import pytest

from common.errors import UserError
from common.manifest import read_manifest, write_manifest


def test_what_stays_at_kaggle_may_be_missing_only_where_it_was_fetched(tmp_path: Path) -> None:
    for name in ("kept.txt", "parts/a.bin"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    write_manifest(tmp_path, {"nonce": "n", "stays": ["parts/*"]})
    read_manifest(tmp_path, "k", "n")
    (tmp_path / "parts" / "a.bin").unlink()
    assert read_manifest(tmp_path, "k", "n", fetched=True)["stays"] == ["parts/*"]
    with pytest.raises(UserError, match="parts/a.bin"):
        read_manifest(tmp_path, "k", "n")
    (tmp_path / "kept.txt").unlink()
    with pytest.raises(UserError, match="kept.txt"):
        read_manifest(tmp_path, "k", "n", fetched=True)
