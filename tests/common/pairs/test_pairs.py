"""Pairs: read from a csv, scored whatever their structure, written as a submission."""

import json
import subprocess
import sys
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from common.pairs import scores, table
from common.pairs.scores import PairScorer
from support import tiny

REAL = tiny.ROOT.parent / "shared" / "data" / "painter-by-numbers" / "submission_info.csv"
NAMES = tuple(f"{number}.jpg" for number in range(20))


def unit_vectors(pictures: int, width: int = 24, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(pictures, width)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def in_groups(sizes: list[int], kept: float, seed: int) -> PairScorer:
    """A share of all pairs within groups of scattered pictures, in any order, either way round."""
    random = np.random.default_rng(seed)
    members = np.split(random.permutation(sum(sizes)), np.cumsum(sizes)[:-1])
    found = [group[np.stack(np.triu_indices(len(group), 1))] for group in members]
    both = random.permuted(np.concatenate(found, axis=1), axis=0)
    both = both[:, random.permutation(both.shape[1])[: round(kept * both.shape[1])]]
    return PairScorer(sum(sizes), *both.astype(np.int32))


def check_scores(of: PairScorer, vectors: np.ndarray) -> None:
    found, wide = of.scores(vectors), vectors.astype(np.float64)
    assert found.dtype == np.float32
    wanted = np.einsum("ij,ij->i", wide[of.first], wide[of.second])
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)


def write_csv(folder: Path, *lines: str) -> Path:
    path = folder / "pairs.csv"
    path.write_text("\n".join(["index,image1,image2", *lines]) + "\n", encoding="utf-8")
    return path


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=8),
    st.sampled_from([0.0, 0.01, 0.1, 0.5, 1.0]),
    st.sampled_from([7, 32, 1024]),
    st.integers(0, 99),
)
def test_scores_are_the_dot_products_whatever_the_structure(
    sizes: list[int], kept: float, block: int, seed: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, number in (("BLOCK", block), ("_TAKEN", 30), ("_SPARSE", 40), ("_GATHERED", 9)):
            patch.setattr(scores, name, number)
        check_scores(in_groups(sizes, kept, seed), unit_vectors(sum(sizes), seed=seed))


def test_pairs_without_groups_and_few_of_them_are_scored_too() -> None:
    random = np.random.default_rng(3)
    for number in (200_000, 900):  # dense enough for products of matrices, and not
        first = random.integers(0, 3000, number)
        of = PairScorer(3000, first, (first + random.integers(1, 3000, number)) % 3000)
        assert {tile.full for tile in of.tiles} == {number == 200_000}
        check_scores(of, unit_vectors(3000))


@pytest.mark.parametrize("kept", [1.0, 0.5])
def test_groups_are_found_in_any_order_and_cost_products_of_their_own_pictures(kept: float) -> None:
    sizes = [1500, 700, 900, 33]
    of = in_groups(sizes, kept, seed=2)
    labels = scores.find_groups(sum(sizes), of.first, of.second)
    assert sorted(np.unique(labels, return_counts=True)[1].tolist()) == sorted(sizes)
    assert np.array_equal(labels[of.first], labels[of.second])
    heights, widths = (
        [part.stop - part.start for part in parts]
        for parts in zip(*((tile.rows, tile.columns) for tile in of.tiles), strict=True)
    )
    assert all(tile.full for tile in of.tiles)
    assert max(heights) <= scores.BLOCK
    assert np.dot(heights, widths) < 2.1 * len(of.first) / kept


def test_a_pair_of_a_picture_without_a_vector_has_no_score(tmp_path: Path) -> None:
    path = write_csv(tmp_path, "5,a.jpg,b.jpg", "6,a.jpg,x.jpg", "7,x.jpg,y.jpg", "8,b.jpg,c.jpg")
    of = table.read_pairs(path, ["c.jpg", "b.jpg", "a.jpg"], {"x.jpg", "y.jpg"})
    vectors = unit_vectors(3)
    found = PairScorer(3, of.first, of.second).scores(vectors)
    assert of.index.tolist() == [5, 6, 7, 8]
    assert (of.first.tolist(), of.second.tolist()) == ([2, 2, -1, 1], [1, -1, -1, 0])
    expected = [vectors[2] @ vectors[1], 0, 0, vectors[1] @ vectors[0]]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("number", [1, 40, 200_000])
def test_a_csv_is_read_in_any_order(number: int, tmp_path: Path) -> None:
    random = np.random.default_rng(number)
    index, names = random.permutation(number).tolist(), random.permutation(NAMES).tolist()
    rows = [(i, NAMES[i % 20], NAMES[(i % 20 + 1 + i // 20 % 19) % 20]) for i in index]
    path = write_csv(tmp_path, *(f"{i},{a},{b}" for i, a, b in rows))
    of = table.read_pairs(path, names)
    assert of.index.tolist() == index
    found = [(names[a], names[b]) for a, b in zip(of.first, of.second, strict=True)]
    assert found == [(a, b) for _, a, b in rows]
    # From Windows, with quotes.
    path.write_bytes(b'\xef\xbb\xbf"index","image1","image2"\r\n0,"a,1.jpg",b.jpg\r\n1,b.jpg,c.jpg')
    of = table.read_pairs(path, ["b.jpg", "a,1.jpg", "c.jpg"])
    assert (of.first.tolist(), of.second.tolist()) == ([1, 0], [0, 2])


def test_a_zip_of_the_csv_is_read_and_a_damaged_one_is_one_line(tmp_path: Path) -> None:
    path = write_csv(tmp_path, *(f"{n},{NAMES[n % 20]},{NAMES[(n + 1) % 20]}" for n in range(5000)))
    packed = tmp_path / "pairs.csv.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, "pairs.csv")
    plain, zipped = (table.read_pairs(one, NAMES) for one in (path, packed))
    assert np.array_equal(plain.first, zipped.first)
    assert np.array_equal(plain.index, zipped.index)
    whole = bytearray(packed.read_bytes())
    whole[200:300] = bytes(100)
    packed.write_bytes(whole)
    with pytest.raises(UserError, match=r"pairs\.csv\.zip: not a csv file"):
        table.read_pairs(packed, NAMES)
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("other.txt", "")
    with pytest.raises(UserError, match=r"pairs\.csv\.zip has 0 csv files"):
        table.read_pairs(packed, NAMES)


WHOLE = "index,image1,image2\n0,0.jpg,1.jpg\n1,2.jpg,3.jpg\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ": the file is empty"),
        ("id,image1,image2\n", ": its header is id,image1,image2, not index,image1,image2"),
        ("index,image1,image2\n", " has no pair below its header: download it again"),
        (WHOLE + "2,0.jpg,99.jpg\n", " line 4: image '99.jpg' is none of the 20 pictures"),
        (WHOLE + "2,?,1.jpg\n3,0.jpg,1.jpg\n", " line 4: image '?' is none of"),
        (WHOLE + "2,,1.jpg\n", " line 4: image '' is none of"),
        (WHOLE + "2," + "a" * 200_000 + ",1.jpg\n", " line 4: image 'aaaaaa"),
        (WHOLE + "2,2.jpg,2.jpg\n", " line 4: 2.jpg is paired with itself"),
        (WHOLE + "x,0.jpg,1.jpg\n", " line 4: index 'x' is not an integer"),
        (WHOLE + ",0.jpg,1.jpg\n", " line 4: index '' is not an integer"),
        (WHOLE + "99999999999999999999,0.jpg,1.jpg\n", " line 4: index '9999"),
        (WHOLE + "2,0.jpg\n", ": line 4 has 2 values, the header 3"),
        (WHOLE + "2,0.jpg,1.jpg,5\n", ": line 4 has 4 values, the header 3"),
        (WHOLE.replace("\n", "\r"), " is not a csv file as Kaggle writes it: download it again"),
        (WHOLE + "0,0.jpg,2.jpg\n", " lines 2 and 4: both have index 0: remove one"),
    ],
)
def test_what_is_wrong_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_bytes(text.encode())
    with pytest.raises(UserError) as raised:
        table.read_pairs(path, NAMES)
    assert str(raised.value).startswith(f"{path}{said}")
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize(
    "text",
    [
        WHOLE + "\n \n,,\n",
        WHOLE.replace("\n", "\r\n") + "\r\n",
        "\ufeff" + WHOLE.replace(",", ";"),
        WHOLE.replace("index,image1", "index, image1"),
        ",index,image1,image2\n0,0,0.jpg,1.jpg\n1,1,2.jpg,3.jpg\n",
    ],
)
def test_however_a_program_writes_pairs_they_are_the_same(text: str, tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(text, newline="")
    pairs = table.read_pairs(path, NAMES)
    assert (pairs.index.tolist(), pairs.first.tolist(), pairs.second.tolist()) == (
        [0, 1],
        [0, 2],
        [1, 3],
    )


def test_names_of_pairs_are_compared_in_one_form(tmp_path: Path) -> None:
    one, other = (unicodedata.normalize(form, "\u00e9.jpg") for form in ("NFC", "NFD"))
    path = tmp_path / "pairs.csv"
    path.write_text(f"index,image1,image2\n0,{other},a.jpg\n1,a.jpg,{one}\n")
    pairs = table.read_pairs(path, [one, "a.jpg"])
    assert (pairs.first.tolist(), pairs.second.tolist()) == ([0, 1], [1, 0])
    path.write_text(f"index,image1,image2\n0,{other},{one}\n")
    with pytest.raises(UserError, match="is paired with itself"):
        table.read_pairs(path, [one, "a.jpg"])


def test_a_submission_distinguishes_all_scores(tmp_path: Path) -> None:
    found = np.random.default_rng(0).normal(size=50).astype(np.float32)
    found[:4] = 0, -0.5, 1e-12, np.nextafter(np.float32(1e-12), 1, dtype=np.float32)
    index = np.random.default_rng(0).permutation(50)
    path = table.write_pair_scores(tmp_path / "s.csv", ("index", "sameArtist"), index, found)
    header, *rows = path.read_text().splitlines()
    assert header == "index,sameArtist"
    assert [int(row.split(",")[0]) for row in rows] == index.tolist()
    assert np.array_equal([np.float32(row.split(",")[1]) for row in rows], found)


@pytest.mark.skipif(not REAL.exists(), reason="needs the real pairs")
def test_the_real_pairs_are_full_groups_and_scored() -> None:
    lines = REAL.read_text().splitlines()[1:]
    names = sorted({name for line in lines for name in line.split(",")[1:]})
    found = table.read_pairs(REAL, names)
    assert len(found) == len(lines) == 44_700
    of = PairScorer(len(names), found.first, found.second)
    assert all(tile.full for tile in of.tiles)
    check_scores(of, unit_vectors(len(names)))


def test_the_benchmark_measures_all_ways() -> None:
    command = [sys.executable, "benchmarks/pair_scoring.py", "--json", "--runs", "1"]
    command += ["--pictures", "300", "--shuffled"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tiny.ROOT)
    assert ended.returncode == 0, ended.stderr
    figures = json.loads(ended.stdout.splitlines()[-1])
    assert list(figures) == ["limit_s", "ours_s", "pandas_s", "loop_s", "ours_peak_gb"]
    assert 0 < figures["ours_peak_gb"] < 1.2
