"""Pictures of any kind: every mode, broken files, and claims that no memory could hold."""

import contextlib
import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from common.data import images, tfrecords
from common.data.images import PictureError, decode, decode_file, encode_square
from common.data.squares import Square
from support import tiny

WIDTH, HEIGHT = 64, 40


def picture(width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Soft colours, ``(height, width, 3)`` uint8."""
    y, x = np.mgrid[0:height, 0:width]
    planes = (40 + 170 * x / width, 200 - 150 * y / height, 60 + 90 * (x + y) / (width + height))
    return np.stack(planes, axis=2).astype(np.uint8)


def saved(image: Image.Image, kind: str, **how: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


def rgb() -> Image.Image:
    return Image.fromarray(picture())


def clear() -> Image.Image:
    """With alpha, nowhere to be seen."""
    image = rgb()
    image.putalpha(0)
    return image


def sixteen(channels: int, ending: str = ".png") -> bytes:
    """A picture of 16 bits a channel: 1 grey, 3 colours, 4 with alpha."""
    wide = np.dstack([picture()[..., ::-1].astype(np.uint16) * 257, np.full((HEIGHT, WIDTH), 900)])
    wide = wide[..., 1] if channels == 1 else wide[..., :channels]
    return bytes(cv2.imencode(ending, wide.astype(np.uint16))[1].tobytes())


def ycck() -> bytes:
    """Adobe's inverted YCCK: a CMYK JPEG of such values, then called YCCK in its header."""
    colours = Image.fromarray(255 - picture()).convert("YCbCr")
    planes = [Image.eval(plane, lambda v: 255 - v) for plane in colours.split()]
    cmyk = Image.merge("CMYK", (*planes, Image.new("L", colours.size, 0)))
    content = bytearray(saved(cmyk, "JPEG", quality=100, subsampling=0))
    content[content.index(b"Adobe") + 11] = 2  # its colours are transformed
    return bytes(content)


GREY = np.repeat(np.asarray(Image.fromarray(picture()).convert("L"))[..., None], 3, axis=2)
GREEN = np.repeat(picture()[..., 1:2], 3, axis=2)  # what cv2 is given as grey
MOVES = {"save_all": True, "append_images": [Image.new("RGB", (WIDTH, HEIGHT))]}
KINDS: dict[str, tuple[bytes, np.ndarray, float]] = {  # with how far the mean may be off
    "jpeg": (saved(rgb(), "JPEG", quality=95), picture(), 3),
    "jpeg progressive": (saved(rgb(), "JPEG", quality=95, progressive=True), picture(), 3),
    "jpeg grey": (saved(rgb().convert("L"), "JPEG", quality=95), GREY, 3),
    "jpeg cmyk": (saved(rgb().convert("CMYK"), "JPEG", quality=95), picture(), 3),
    "jpeg ycck": (ycck(), picture(), 3),
    "png": (saved(rgb(), "PNG"), picture(), 0),
    "png grey": (saved(rgb().convert("L"), "PNG"), GREY, 0),
    "png grey and alpha": (saved(clear().convert("LA"), "PNG"), GREY, 1),
    "png alpha": (saved(clear(), "PNG"), picture(), 0),
    "png palette": (saved(rgb().quantize(255), "PNG", transparency=bytes(255)), picture(), 16),
    "png 16 bits": (sixteen(3), picture(), 0),
    "png 16 bits and alpha": (sixteen(4), picture(), 0),
    "png 16 bits grey": (sixteen(1), GREEN, 0),
    "png 1 bit": (saved(Image.new("1", (WIDTH, HEIGHT), 1), "PNG"), np.full_like(GREY, 255), 0),
    "gif": (saved(rgb(), "GIF"), picture(), 16),
    "gif with alpha": (saved(rgb().quantize(255), "GIF", transparency=3), picture(), 16),
    "gif that moves": (saved(rgb(), "GIF", **MOVES), picture(), 16),
    "tiff": (saved(rgb(), "TIFF", compression="tiff_lzw"), picture(), 0),
    "tiff grey": (saved(rgb().convert("L"), "TIFF"), GREY, 0),
    "tiff alpha": (saved(clear(), "TIFF"), picture(), 0),
    "tiff cmyk": (saved(rgb().convert("CMYK"), "TIFF"), picture(), 1),
    "tiff lab": (saved(rgb().convert("LAB"), "TIFF"), picture(), 5),
    "tiff 16 bits": (sixteen(3, ".tiff"), picture(), 0),
    "tiff 16 bits grey": (sixteen(1, ".tiff"), GREEN, 0),
    "tiff 32 bits grey": (
        saved(Image.fromarray(GREEN[..., 0].astype(np.int32) << 8), "TIFF"),
        GREEN,
        0,
    ),
    "bmp": (saved(rgb(), "BMP"), picture(), 0),
    "bmp palette": (saved(rgb().quantize(255), "BMP"), picture(), 16),
    "webp": (saved(rgb(), "WEBP", lossless=True), picture(), 0),
    "webp with alpha": (saved(clear(), "WEBP", lossless=True, exact=True), picture(), 0),
}
WHOLE = {kind: content for kind, (content, _, _) in KINDS.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_becomes_the_same_rgb(kind: str) -> None:
    content, expected, off = KINDS[kind]
    for found in (decode(content), decode_file(content)):
        assert (found.shape, found.dtype) == ((HEIGHT, WIDTH, 3), np.uint8)
        assert np.abs(found.astype(int) - expected).max() <= 3 * off
        assert np.abs(found.astype(int) - expected).mean() <= off
    made = encode_square(content, 65, 95)
    assert made.startswith(b"\xff\xd8")
    assert decode(made).shape == (65, 65, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_small_square_is_kept_as_it_is(kind: str) -> None:
    made = encode_square(WHOLE[kind], 40, 95, Square("crop"))
    assert made.startswith(b"\x89PNG")
    assert np.array_equal(decode_file(made), decode(WHOLE[kind])[:, 12:52])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_a_picture_is_turned_as_it_says(kind: str) -> None:
    upright = decode(saved(rgb(), kind))
    turns = {2: upright[:, ::-1], 3: upright[::-1, ::-1], 6: np.rot90(upright, -1),
             5: upright.swapaxes(0, 1), 8: np.rot90(upright)}  # fmt: skip
    for orientation, wanted in turns.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        content = saved(rgb(), kind, exif=exif)
        for found in (decode(content), decode_file(content)):
            assert found.shape == wanted.shape
            assert np.abs(found.astype(int) - wanted).mean() < 2  # blocks of JPEGs differ
        if kind in ("JPEG", "PNG"):  # as TensorFlow reads a TFRecord
            assert tfrecords.decode(content).shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize(
    "kind", ["png 16 bits", "png 16 bits grey", "tiff 16 bits", "tiff 16 bits grey"]
)
def test_wide_values_are_scaled_by_the_bits_of_all_pictures(kind: str) -> None:
    grey = kind.endswith("grey")
    for bits in (8, 10, 12, 16):
        values = (picture()[..., 1:2] if grey else picture()).astype(np.uint16) << bits - 8
        ending = f".{kind.partition(' ')[0]}"
        content = cv2.imencode(ending, values[..., ::-1])[1].tobytes()
        for found in (decode(content, bits=bits), decode_file(content, bits)):
            assert np.array_equal(found, GREEN if grey else picture())
    assert decode(content, bits=12).max() == 255  # what is above is white


def tiff(values: np.ndarray) -> bytes:
    return cv2.imencode(".tiff", values)[1].tobytes()


@pytest.mark.parametrize("read", [decode, decode_file])
def test_values_with_a_decimal_point_are_scaled_by_the_bits_of_all_or_to_1(read: Any) -> None:
    grey = picture()[..., 1].astype(np.float32)
    for values, bits in ((grey / 255, 16), (grey, 8), (grey * 16, 12), (grey * 257, 16)):
        assert np.abs(read(tiff(values), bits=bits).astype(int) - GREEN).max() <= 1
    assert read(tiff(grey * 2), bits=8).max() == 255  # what is above is white


@pytest.mark.parametrize("read", [decode, decode_file])
@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.full((4, 4), -0.1, np.float32), "values below 0: shift them to 0 and more"),
        (np.full((4, 4), np.nan, np.float32), "values that are no numbers: fill them"),
        (np.zeros((4, 4, 3), np.float32), "no picture: a TIFF with a damaged header, or with valu"),
        (np.zeros((4, 4), np.float64), "values of 64 bits or colours of 32: save it with 8 or 16"),
    ],
)
def test_values_that_are_no_picture_are_refused(read: Any, values: np.ndarray, said: str) -> None:
    with pytest.raises(PictureError, match=said):
        read(tiff(values))


CUT = ("jpeg", "jpeg progressive", "png", "gif", "webp", "jpeg ycck", "tiff", "bmp", "jpeg grey")


@pytest.mark.parametrize("kind", CUT)
def test_what_is_cut_short_is_refused_with_a_reason(kind: str) -> None:
    for end in (len(WHOLE[kind]) * 3 // 4, len(WHOLE[kind]) // 2, 30, 3):
        for read in (decode, decode_file):
            with pytest.raises(PictureError, match=r"\w{3}"):
                read(WHOLE[kind][:end])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no picture: an empty file"),
        (b"\n<html>not found</html>", "no picture: a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "no picture: a Git LFS pointer instead"),
        (saved(rgb(), "PCX"), "no picture: none of JPEG, PNG, GIF, WEBP, TIFF, BMP"),
        (WHOLE["jpeg"][:-200], "cannot be decoded: image file is truncated"),
    ],
)
def test_a_reason_is_one_short_line(content: bytes, reason: str) -> None:
    with pytest.raises(PictureError) as raised:
        decode(content)
    assert str(raised.value).startswith(reason)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(WHOLE)), st.integers(1, 8), st.data())
def test_damage_is_a_reason_or_a_picture_and_never_anything_else(
    kind: str, changes: int, data: st.DataObject
) -> None:
    content = bytearray(WHOLE[kind])
    for _ in range(changes):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(PictureError):
        found = decode(bytes(content), 8)
        decode_file(bytes(content))
        assert found.ndim == 3
        assert (found.shape[2], found.dtype) == (3, np.uint8)


def claiming(content: bytes, width: int, height: int) -> bytes:
    """A JPEG whose frame claims another size."""
    at = 2
    while content[at + 1] not in (0xC0, 0xC1, 0xC2):
        at += 2 + struct.unpack(">H", content[at + 2 : at + 4])[0]
    return content[: at + 5] + struct.pack(">HH", height, width) + content[at + 9 :]


def bomb(kind: str) -> bytes:
    """A file that claims 60,000 x 60,000 pixels (WebP: 16,383, all it can)."""
    name, *changes = kind.split(", ")
    content = bytearray(WHOLE[name])
    if name == "png":
        content[16:24] = struct.pack(">II", 60000, 60000)
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    elif name == "gif":
        content[6:10] = struct.pack("<HH", 60000, 60000)
    elif name == "webp":
        at = content.index(b"VP8L") + 9
        (bits,) = struct.unpack("<I", content[at : at + 4])
        content[at : at + 4] = struct.pack("<I", bits & ~0xFFFFFFF | 16382 | 16382 << 14)
    else:
        content = bytearray(claiming(WHOLE[name], 60000, 60000))
    if "scans" in changes:  # its first scan has one colour of three
        content[content.index(b"\xff\xda") + 4] = 1
    if "padded" in changes:  # as many bytes as such a picture must have
        content[-2:-2] = bytes(60000 * 60000 // 512)
    return bytes(content)


BOMBS = (
    ("png", "too large: 60000 x 60000 pixels would take 43.2 GB"),
    ("gif", "too large: 60000 x 60000 pixels would take 43.2 GB"),
    ("webp", "too large: 16383 x 16383 pixels would take 6.4 GB"),
    ("jpeg", "cut short: 60000 x 60000 pixels cannot be in"),
    ("jpeg progressive, padded", "too large: 60000 x 60000 pixels would take"),
    ("jpeg, scans, padded", "too large: 60000 x 60000 pixels would take"),
    ("jpeg, padded", "made"),  # at an eighth: 7,500 x 7,500
)
MEASURED = """
import io, sys
from concurrent.futures import ThreadPoolExecutor
from PIL import Image
from common.data.images import PictureError, encode_square
def peak():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1e3
file = io.BytesIO()
Image.new("RGB", (3500, 2500)).save(file, "PNG")
encode_square(file.getvalue(), 32, 95)
before = peak()
with ThreadPoolExecutor(6) as pool:
    list(pool.map(lambda _: encode_square(file.getvalue(), 32, 95), range(8)))
print(peak() - before, "side by side")
for path in sys.argv[1:]:
    content, before = open(path, "rb").read(), peak()
    try:
        said = f"made {len(encode_square(content, 288, 95))}"
    except PictureError as error:
        said = error
    print(peak() - before, said)
"""


def test_memory_is_bounded_whatever_pictures_claim_and_large_ones_take_turns(
    tmp_path: Path,
) -> None:
    paths = [tmp_path / kind for kind, _ in BOMBS]
    for path in paths:
        path.write_bytes(bomb(path.name))
    command = [sys.executable, "-c", MEASURED, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tiny.ROOT)
    assert done.returncode == 0, done.stderr
    (together, _, _, _), *lines = (line.split(" ", 3) for line in done.stdout.splitlines())
    assert float(together) < 400  # six at a time would take 630
    for (_, reason), line in zip(BOMBS, lines, strict=True):
        taken, said = float(line[0]), " ".join(line[1:])
        assert said.startswith(reason)
        assert taken < (900 if reason == "made" else 60)


def test_a_jpeg_that_is_too_large_is_decoded_smaller_and_others_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    large = Image.fromarray(picture(800, 600))
    monkeypatch.setattr(images, "MOST_BYTES", 400_000)
    found = decode(saved(large, "JPEG", quality=95))
    assert found.shape == (150, 200, 3)
    assert np.abs(found.astype(int) - picture(200, 150)).mean() < 4
    for content in (saved(large, "JPEG", progressive=True), saved(large, "PNG")):
        with pytest.raises(PictureError, match="too large: 800 x 600 pixels would take"):
            decode(content)


@pytest.mark.parametrize(
    ("least", "shape"), [(None, (600, 800, 3)), (301, (600, 800, 3)), (300, (300, 400, 3)),
                         (75, (75, 100, 3)), (8, (75, 100, 3))]
)  # fmt: skip
def test_a_jpeg_is_decoded_no_smaller_than_asked(least: int | None, shape: tuple) -> None:
    assert decode(saved(Image.fromarray(picture(800, 600)), "JPEG"), least).shape == shape


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (3000, 2)])
def test_odd_sizes_work(size: tuple[int, int]) -> None:
    made = decode(encode_square(saved(Image.new("RGB", size, (9, 99, 199)), "PNG"), 40, 95))
    assert made.shape == (40, 40, 3)
    assert np.abs(made.astype(int) - (9, 99, 199)).max() < 5


def test_usual_kinds_are_left_to_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = ("jpeg", "jpeg progressive", "jpeg grey", "png", "png grey", "bmp")
    monkeypatch.setattr(images, "decode", None)
    for kind, content in WHOLE.items():
        assert images.is_usual(content) == (kind in usual), kind
        if kind in usual:
            assert decode_file(content).shape == (HEIGHT, WIDTH, 3)
