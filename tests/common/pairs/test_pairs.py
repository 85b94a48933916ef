"""Pairs: read from a csv, scored whatever their structure, written as a submission."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from common.pairs import layout, table
from common.pairs.scores import pair_scores
from support import tiny

REAL = tiny.ROOT.parent / "shared" / "data" / "painter-by-numbers" / "submission_info.csv"
NAMES = tuple(f"{number}.jpg" for number in range(20))


def unit_vectors(pictures: int, width: int = 24, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(pictures, width)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def pairs_of(first: np.ndarray, second: np.ndarray, pictures: int) -> table.Pairs:
    names = tuple(f"{number}.jpg" for number in range(pictures))
    rows = (np.asarray(side, np.int32) for side in (first, second))
    return table.Pairs(names, np.arange(len(first)), *rows)


def in_groups(sizes: list[int], kept: float, seed: int) -> table.Pairs:
    """A share of all pairs within groups of scattered pictures, in any order, either way round."""
    random = np.random.default_rng(seed)
    members = np.split(random.permutation(sum(sizes)), np.cumsum(sizes)[:-1])
    found = [group[np.stack(np.triu_indices(len(group), 1))] for group in members]
    both = random.permuted(np.concatenate(found, axis=1), axis=0)
    both = both[:, random.permutation(both.shape[1])[: round(kept * both.shape[1])]]
    return pairs_of(*both, sum(sizes))


def exact(vectors: np.ndarray, of: table.Pairs) -> np.ndarray:
    wide = vectors.astype(np.float64)
    return np.einsum("ij,ij->i", wide[of.first], wide[of.second])


def write_csv(folder: Path, *lines: str, header: str = "index,image1,image2") -> Path:
    path = folder / "pairs.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
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
    of = in_groups(sizes, kept, seed)
    vectors = unit_vectors(sum(sizes), seed=seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "BLOCK", block)
        patch.setattr("common.pairs.scores._TAKEN", 30)
        patch.setattr("common.pairs.scores._SPARSE", 40)
        patch.setattr("common.pairs.scores._GATHERED", 9)
        scores = pair_scores(vectors, of)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, exact(vectors, of), rtol=0, atol=1e-6)


def test_pairs_without_groups_and_few_of_them_are_scored_too() -> None:
    random = np.random.default_rng(3)
    for number in (200_000, 900):  # dense enough for products of matrices, and not
        first = random.integers(0, 3000, number)
        of = pairs_of(first, (first + random.integers(1, 3000, number)) % 3000, 3000)
        assert {tile.full for tile in of.layout.tiles} == {number == 200_000}
        vectors = unit_vectors(3000)
        scores = pair_scores(vectors, of)
        np.testing.assert_allclose(scores, exact(vectors, of), rtol=0, atol=1e-6)


@pytest.mark.parametrize("kept", [1.0, 0.5])
def test_groups_are_found_in_any_order_and_cost_products_of_their_own_pictures(kept: float) -> None:
    sizes = [1500, 700, 900, 33]
    of = in_groups(sizes, kept, seed=2)
    labels = layout.find_groups(sum(sizes), of.first, of.second)
    assert sorted(np.unique(labels, return_counts=True)[1].tolist()) == sorted(sizes)
    assert np.array_equal(labels[of.first], labels[of.second])
    heights, widths = (
        [part.stop - part.start for part in parts]
        for parts in zip(*((tile.rows, tile.columns) for tile in of.layout.tiles), strict=True)
    )
    assert all(tile.full for tile in of.layout.tiles)
    assert max(heights) <= layout.BLOCK
    assert np.dot(heights, widths) < 2.1 * len(of) / kept


def test_a_pair_of_a_picture_without_a_vector_has_no_score(tmp_path: Path) -> None:
    path = write_csv(tmp_path, "5,a.jpg,b.jpg", "6,a.jpg,x.jpg", "7,x.jpg,y.jpg", "8,b.jpg,c.jpg")
    of = table.read_pairs(path, ["c.jpg", "b.jpg", "a.jpg"], {"x.jpg", "y.jpg"})
    vectors = unit_vectors(3)
    scores = pair_scores(vectors, of)
    assert of.index.tolist() == [5, 6, 7, 8]
    assert (of.first.tolist(), of.second.tolist()) == ([2, 2, -1, 1], [1, -1, -1, 0])
    expected = [vectors[2] @ vectors[1], 0, 0, vectors[1] @ vectors[0]]
    np.testing.assert_allclose(scores, expected, atol=1e-6)


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


def test_the_zip_next_to_it_is_read_where_there_is_no_csv(tmp_path: Path) -> None:
    path = write_csv(tmp_path, *(f"{n},{NAMES[n % 20]},{NAMES[(n + 1) % 20]}" for n in range(5000)))
    plain = table.read_pairs(path, NAMES)
    with zipfile.ZipFile(tmp_path / "pairs.csv.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, "pairs.csv")
    path.unlink()
    zipped = table.read_pairs(path, NAMES)
    assert np.array_equal(plain.first, zipped.first)
    assert np.array_equal(plain.index, zipped.index)

    whole = bytearray((tmp_path / "pairs.csv.zip").read_bytes())
    whole[200:300] = bytes(100)
    (tmp_path / "pairs.csv.zip").write_bytes(whole)
    with pytest.raises(UserError, match=r"pairs\.csv\.zip: a damaged archive .*: download"):
        table.read_pairs(path, NAMES)
    with zipfile.ZipFile(tmp_path / "pairs.csv.zip", "w") as archive:
        archive.writestr("other.csv", "")
    with pytest.raises(UserError, match=r"pairs\.csv\.zip: it has no pairs\.csv"):
        table.read_pairs(path, NAMES)


WRONG = {
    "unknown picture": (["0,0.jpg,1.jpg", "1,0.jpg,99.jpg"], "line 3: image '99.jpg' is none of"),
    "far down": ([*(f"{n},0.jpg,1.jpg" for n in range(9)), "9,0.jpg,?"], "line 11: image '?' is"),
    "no picture": (["0,,1.jpg"], "line 2: image '' is none of"),
    "with itself": (["0,0.jpg,1.jpg", "1,2.jpg,2.jpg"], "line 3: 2.jpg is paired with itself"),
    "index": (["0,0.jpg,1.jpg", "x,0.jpg,1.jpg"], "line 3: index 'x' is not an integer"),
    "no index": ([",0.jpg,1.jpg"], "line 2: index '' is not an integer"),
    "too few": (["0,0.jpg,1.jpg", "1,0.jpg"], "line 3: 2 values where index,image1,image2"),
    "too many": (["0,0.jpg,1.jpg", "1,0.jpg,1.jpg,5"], "line 3: 4 values where"),
    "blank": (["0,0.jpg,1.jpg", "", "1,0.jpg,1.jpg"], "line 3: 0 values where"),
    "duplicated": (
        ["4,0.jpg,1.jpg", "3,0.jpg,2.jpg", "4,1.jpg,2.jpg"],
        "lines 2 and 4: both have index 4: remove one",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_line_is_named(wrong: str, tmp_path: Path) -> None:
    lines, message = WRONG[wrong]
    path = write_csv(tmp_path, *lines)
    with pytest.raises(UserError) as raised:
        table.read_pairs(path, NAMES)
    assert f"{path} {message}" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_other_damage_is_one_line_too(tmp_path: Path) -> None:
    long = "0," + "a" * 200_000 + ",1.jpg"
    whole = "index,image1,image2\n0,0.jpg,1.jpg\n1,2.jpg,3.jpg\n"
    cases = {
        whole.replace("\n", "\r"): "line 1: its lines end with a carriage return alone",
        whole.replace("\n", "\r").replace("\r", "\n", 1): "not a list of pairs: download it again",
        f"{whole}{long}\n": "line 4: field larger than field limit",
        "index,image1,image2\n": "there is no pair below its header",
        f"{whole}99999999999999999999,0.jpg,1.jpg\n": "line 4: index '9999",
    }
    path = tmp_path / "pairs.csv"
    for text, said in cases.items():
        path.write_bytes(text.encode())
        with pytest.raises(UserError) as raised:
            table.read_pairs(path, NAMES)
        assert said in str(raised.value), raised.value
        assert "\n" not in str(raised.value)
    path.unlink()
    path.mkdir()
    with pytest.raises(UserError, match="it is a folder, not a file"):
        table.read_pairs(path, NAMES)


@pytest.mark.parametrize("header", ["index,image1", "id,image1,image2", "0,0.jpg,1.jpg", ""])
def test_other_columns_are_refused(header: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"pairs\.csv.* header .*index,image1,image2"):
        table.read_pairs(write_csv(tmp_path, "0,0.jpg,1.jpg", header=header), NAMES)


def test_a_missing_csv_and_a_repeated_picture_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"pairs\.csv: no such file, nor pairs\.csv\.zip next"):
        table.read_pairs(tmp_path / "pairs.csv", NAMES)
    with pytest.raises(UserError, match="repeats a name"):
        table.read_pairs(write_csv(tmp_path), ["a.jpg", "b.jpg", "a.jpg"])


@pytest.mark.parametrize(
    ("value", "message"),
    [(np.nan, "has NaN or infinity"), (np.inf, "has NaN or infinity"), (0, "is zero")],
)
def test_a_useless_vector_is_named(value: float, message: str) -> None:
    of = in_groups([5, 6], 1.0, seed=0)
    vectors = unit_vectors(11)
    vectors[7] = value
    with pytest.raises(UserError, match=f"vector of picture 7.jpg {message}"):
        pair_scores(vectors, of)
    for wrong in (vectors[:10], vectors.astype(float)):
        with pytest.raises(ValueError, match="11 pictures' vectors"):
            pair_scores(wrong, of)


def test_a_submission_distinguishes_all_scores(tmp_path: Path) -> None:
    scores = np.random.default_rng(0).normal(size=50).astype(np.float32)
    scores[:4] = 0, -0.5, 1e-12, np.nextafter(np.float32(1e-12), 1, dtype=np.float32)
    index = np.random.default_rng(0).permutation(50)
    path = table.write_pair_scores(tmp_path / "s.csv", ("index", "sameArtist"), index, scores)
    header, *rows = path.read_text().splitlines()
    assert header == "index,sameArtist"
    assert [int(row.split(",")[0]) for row in rows] == index.tolist()
    assert np.array_equal([np.float32(row.split(",")[1]) for row in rows], scores)
    path.unlink()
    scores[[1, 3]] = np.nan, np.inf
    said = f"2 scores are not finite, the first is that of pair {index[1]}"
    with pytest.raises(UserError, match=said):
        table.write_pair_scores(path, ("index", "sameArtist"), index, scores)
    assert not path.exists()
    none = pairs_of(np.array([], int), np.array([], int), 20)
    found = pair_scores(unit_vectors(20), none)
    table.write_pair_scores(path, ("index", "sameArtist"), none.index, found)
    assert path.read_text() == "index,sameArtist\n"


@pytest.mark.skipif(not REAL.exists(), reason="needs the real pairs")
def test_the_real_pairs_are_full_groups_and_scored() -> None:
    lines = REAL.read_text().splitlines()[1:]
    names = sorted({name for line in lines for name in line.split(",")[1:]})
    of = table.read_pairs(REAL, names)
    assert len(of) == len(lines) == 44_700
    assert all(tile.full for tile in of.layout.tiles)
    vectors = unit_vectors(len(names))
    scores = pair_scores(vectors, of)
    np.testing.assert_allclose(scores, exact(vectors, of), rtol=0, atol=1e-6)


def test_the_benchmark_measures_all_ways() -> None:
    command = [sys.executable, "benchmarks/pair_scoring.py", "--json", "--runs", "1"]
    command += ["--pictures", "300", "--shuffled"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tiny.ROOT)
    assert ended.returncode == 0, ended.stderr
    figures = json.loads(ended.stdout.splitlines()[-1])
    assert list(figures) == ["limit_s", "ours_s", "pandas_s", "loop_s", "ours_peak_gb"]
    assert 0 < figures["ours_peak_gb"] < 1.2
