"""Pictures of any kind to RGB, in memory that is bounded whatever a picture claims.

Pillow reads a picture's header before its pixels, knows every mode, and can decode a JPEG at a
half, a quarter or an eighth; OpenCV is no faster then (figures in docs/log.md). Whole pictures of
the usual kinds OpenCV decodes faster, and colours of 16 bits whole.
"""

import io
import threading
from contextlib import nullcontext
from typing import Any

import numpy as np

from common.content import nature
from common.data.squares import Square

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP")
_ORIENTATION = 0x0112  # EXIF's
_SEEN = ("", "a JPEG", "a PNG", "a TIFF")  # the nature of what may be a picture
MOST_BYTES = 1_200_000_000  # of memory for one picture
_LARGE = 100_000_000  # bytes of memory from which pictures are worked on one at a time
_ONE = threading.Lock()
_BLOCK = 64 << 20
# Nothing is stretched, so that strokes keep their shape; Lanczos keeps them sharp.
CENTRE = Square("crop", "lanczos")
_BYTES_A_PIXEL = {"WEBP": 24}  # the animation's canvas is twice in memory
_BYTES_A_DECODED_PIXEL = 12  # as decoded, as RGB, and as an array
_BYTES_A_WIDE_PIXEL = 24  # as 16 bits, twice, and then as the others
_PIXELS_A_BYTE = 512  # no JPEG has more: a block of 8 x 8 takes a bit at the very least
_MOST_PIXELS = MOST_BYTES // 3  # of what OpenCV decodes, to three bytes each
_LOSSLESS = 64  # pixels
_GAP = 2  # a picture is decoded at no less than this many times the side that is wanted


class PictureError(ValueError):
    """A picture that cannot be used; the message is the reason, in a few words."""


def decode(
    content: bytes,
    least: int | None = None,
    side: int | None = None,
    square: Square = CENTRE,
    bits: int = 16,
) -> np.ndarray:
    """Decode a picture of one of FORMATS to RGB, ``(height, width, 3)`` uint8.

    The picture is turned as its EXIF says, alpha is dropped, and an animation gives its first
    picture. Values of more than 8 bits are taken to have ``bits`` (``common.data.depth``) and are
    scaled to 8. A JPEG is decoded at a half, a quarter or an eighth of its size where its shorter
    side is at least two, four or eight times ``least`` pixels, or where it would take too much
    memory otherwise. With ``side`` the result is a ``square`` of the picture, ``(side, side, 3)``.

    Raises PictureError for a picture that is broken, is cut short, or would take more than
    ``MOST_BYTES``: the size that a picture claims is checked before it is decoded.
    """
    try:
        image = open_header(content)
        scale = _scale(image, content, least)
        needed = _memory(image, content, scale)
        if needed > MOST_BYTES:
            size = f"{image.width} x {image.height} pixels"
            raise PictureError(f"too large: {size} would take {needed / 1e9:.1f} GB")
        if scale > 1:
            image.draft(None, (image.width // scale, image.height // scale))
        with _ONE if needed > _LARGE else nullcontext():
            picture = _rgb(image, content, bits)
            made = square(picture, side) if side else picture
            del image, picture  # before the next one's pixels
            return made
    except (PictureError, MemoryError):
        raise
    except Exception as error:  # decoders raise nearly everything
        lines = str(error).partition("(")[0].strip().splitlines()
        reason = lines[0][:100] if lines else type(error).__name__
        raise PictureError(f"cannot be decoded: {reason}") from None


def decode_file(content: bytes, bits: int = 16, usual: bool | None = None) -> np.ndarray:
    """Decode a picture as ``decode`` does, by OpenCV where that is right and faster.

    ``usual`` is what ``is_usual`` says of it, where that is known. Raises PictureError.
    """
    import cv2

    if is_usual(content) if usual is None else usual:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)
        if picture is None:
            raise PictureError(f"{len(content)} bytes that are no whole picture")
        return picture
    return decode(content, bits=bits)


def is_usual(content: bytes, size: int | None = None) -> bool:
    """Return whether OpenCV decodes a picture right: 8 bits of grey or RGB as JPEG, PNG or BMP.

    ``content`` is a picture of ``size`` bytes, or its beginning. Raises PictureError for bytes that
    are no picture, and for a picture that is too large.
    """
    try:
        image = open_header(content, size)
    except PictureError as error:
        part = len(content) < (size or 0)  # a TIFF's header may be at its end
        if part and nature(content) in _SEEN and not str(error).startswith("cut short"):
            return False
        raise
    except Exception:  # Pillow's readers raise nearly everything
        return False
    if image.width * image.height > _MOST_PIXELS:
        raise PictureError(f"too large: {image.width} x {image.height} pixels")
    kind = _is_jpeg(image) or (image.format in ("PNG", "BMP") and "exif" not in image.info)
    return kind and image.mode in ("L", "RGB") and not has_wide_values(image)


def has_wide_values(image: Any) -> bool:
    """Return whether a picture's values have more than 8 bits, by its header."""
    return image.mode[0] in "IF" or ";16" in str(image.tile[:1])


def check_header(content: bytes, size: int | None = None) -> bool:
    """Return whether Pillow can read the header of a picture; if not, the decoder has to.

    ``content`` is a picture of ``size`` bytes, or its beginning; no pixel is decoded. Raises
    PictureError for bytes that are no picture, and for a picture that claims more pixels than
    OpenCV can decode.
    """
    try:
        image = open_header(content, size, None)
    except PictureError as error:
        if nature(content) not in _SEEN or str(error).startswith("cut short"):
            raise
        return False
    except Exception:  # Pillow's readers raise nearly everything
        return False
    if image.width * image.height > _MOST_PIXELS:
        raise PictureError(f"too large: {image.width} x {image.height} pixels")
    return True


def encode_square(
    content: bytes, side: int, quality: int, square: Square = CENTRE, bits: int = 16
) -> bytes:
    """Decode a picture, make it a square of ``side`` x ``side`` RGB, and return that as a file.

    The file is a PNG where ``side`` is up to 64 pixels, so that nothing of so few is lost, and
    otherwise a JPEG of that ``quality`` (0 to 100). Raises PictureError as ``decode``.
    """
    from PIL import Image

    image = Image.fromarray(decode(content, _GAP * side, side, square, bits))
    kind, options = ("PNG", {}) if side <= _LOSSLESS else ("JPEG", {"quality": quality})
    made = io.BytesIO()
    image.save(made, kind, **options)
    return made.getvalue()


def wide_values(image: Any, content: bytes) -> np.ndarray:
    """Return the values of a picture that has more than 8 bits.

    The array is ``(height, width)``, or ``(height, width, 3)`` RGB, of integers or float32.
    """
    if image.mode[0] in "IF":
        return np.asarray(image)
    import cv2

    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
    wide = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    if wide is None:
        raise PictureError(f"{len(content)} bytes that are no whole picture")
    return wide[..., ::-1]


def eight_bits(values: np.ndarray, bits: int) -> np.ndarray:
    """Scale ``wide_values`` from ``bits`` to uint8, in the same shape.

    A value that needs more than ``bits`` becomes 255. Values in float32 are scaled from 0 to 1 if
    none is above 1. Raises PictureError for a value below 0, and for one that is not finite.
    """
    if values.dtype.kind != "f":
        return np.clip(values >> (bits - 8), 0, 255).astype(np.uint8)
    if not np.isfinite(values).all():
        raise PictureError("values that are no numbers: fill them")
    if values.min() < 0:
        raise PictureError("values below 0: shift them to 0 and more")
    white = 1 if values.max() <= 1 else 2**bits - 1
    return np.clip(values * (255 / white) + 0.5, 0, 255).astype(np.uint8)


def open_header(
    content: bytes, size: int | None = None, formats: tuple[str, ...] | None = FORMATS
) -> Any:
    """Return Pillow's image with its header read, and none of its pixels.

    ``content`` is a picture of ``size`` bytes, or its beginning. Raises PictureError for bytes that
    are in none of ``formats``, or are fewer than the pixels need.
    """
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # MOST_BYTES is the bound
    Image.core.set_block_size(_BLOCK)  # of smaller blocks the C library keeps more than is freed
    try:
        image = Image.open(io.BytesIO(content), formats=formats)
    except UnidentifiedImageError:
        what = nature(content) or f"none of {', '.join(FORMATS)}"
        damaged = " with a damaged header" if what in _SEEN else ""
        if what == "a TIFF":
            damaged += ", or with values of 64 bits or colours of 32: save it with 8 or 16 bits"
        raise PictureError(f"no picture: {what}{damaged}") from None
    claimed, size = image.width * image.height, size or len(content)
    if _is_jpeg(image) and claimed > _PIXELS_A_BYTE * size:
        pixels = f"{image.width} x {image.height} pixels"
        raise PictureError(f"cut short: {pixels} cannot be in {size} bytes")
    return image


def _scale(image: Any, content: bytes, least: int | None) -> int:
    """How many times smaller a picture is decoded: 1, 2, 4 or 8, and always 1 if it is no JPEG."""
    if not _is_jpeg(image):
        return 1
    scale = 1
    while scale < 8 and (
        (least is not None and min(image.size) >= 2 * scale * least)
        or _memory(image, content, scale) > MOST_BYTES
    ):
        scale *= 2
    return scale


def _memory(image: Any, content: bytes, scale: int) -> int:
    """The most bytes that decoding a picture takes if it is as large as its header claims."""
    decoded = -(-image.width // scale) * -(-image.height // scale)
    most = _BYTES_A_WIDE_PIXEL if has_wide_values(image) else _BYTES_A_DECODED_PIXEL
    needed = decoded * _BYTES_A_PIXEL.get(image.format, most)
    if _is_jpeg(image) and _keeps_coefficients(image, content):
        needed += 2 * image.width * image.height * len(image.getbands())
    return int(needed)


def _is_jpeg(image: Any) -> bool:
    return image.format in ("JPEG", "MPO")  # MPO: a JPEG with further pictures behind it


def _keeps_coefficients(image: Any, jpeg: bytes) -> bool:
    """Whether a JPEG is decoded over the coefficients of all its pixels, whatever the scale.

    They are kept when it is progressive or its colours come one after the other (ITU T.81, B.2).
    """
    scan = jpeg.rfind(b"\xff\xda", 0, image.fp.tell())  # Pillow has read the first one's header
    return "progressive" in image.info or scan < 0 or jpeg[scan + 4] < image.layers


def _orientation(image: Any) -> int:
    """EXIF's number for how a picture is turned; a PNG is not decoded to look for it at its end."""
    known = image.format != "PNG" or "exif" in image.info
    return int(image.getexif().get(_ORIENTATION, 1)) if known else 1


def _rgb(image: Any, content: bytes, bits: int) -> np.ndarray:
    from PIL import Image, ImageOps

    wide = has_wide_values(image)
    if not wide or image.mode[0] in "IF":
        image.load()  # which turns a TIFF
    orientation = _orientation(image)
    if wide:
        image = Image.fromarray(eight_bits(wide_values(image, content), bits))
    image.info.pop("transparency", None)  # alpha is dropped, of palettes too
    image = image.convert("RGB")
    if orientation != 1:
        image.getexif()[_ORIENTATION] = orientation
        image = ImageOps.exif_transpose(image)
    return np.asarray(image)
