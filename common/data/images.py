"""Pictures of any kind to squares of RGB, in memory that is bounded whatever a picture claims.

Pillow reads a picture's header before its pixels, knows every mode, and can decode a JPEG at a
half, a quarter or an eighth; OpenCV is no faster then (figures in docs/log.md).
"""

import io
import threading
from contextlib import nullcontext
from typing import Any

import numpy as np

from common.content import nature
from common.data.squares import Square

FORMATS = ("JPEG", "PNG", "GIF", "WEBP")
MOST_BYTES = 1_200_000_000  # of memory for one picture
_LARGE = 100_000_000  # bytes of memory from which pictures are worked on one at a time
_ONE = threading.Lock()
_BLOCK = 64 << 20
# Nothing is stretched, so that strokes keep their shape; Lanczos keeps them sharp.
CENTRE = Square("crop", "lanczos")
_BYTES_A_PIXEL = {"WEBP": 24}  # the animation's canvas is twice in memory
_BYTES_A_DECODED_PIXEL = 12  # as decoded, as RGB, and as an array
_PIXELS_A_BYTE = 512  # no JPEG has more: a block of 8 x 8 takes a bit at the very least
_MOST_PIXELS = MOST_BYTES // 3  # of what OpenCV decodes, to three bytes each
_GAP = 2  # a picture is decoded at no less than this many times the side that is wanted


class PictureError(ValueError):
    """A picture that cannot be used; the message is the reason, in a few words."""


def decode(
    content: bytes, least: int | None = None, side: int | None = None, square: Square = CENTRE
) -> np.ndarray:
    """Decode a JPEG, PNG, GIF (its first picture) or WebP to RGB, ``(height, width, 3)`` uint8.

    Alpha is dropped, 16 bits become 8, and EXIF turns nothing. A JPEG whose shorter side is at
    least two, four or eight times ``least`` pixels, or that would take too much memory as it is,
    comes reduced by that much. With ``side`` the result is a ``square`` of the picture.

    Raises PictureError for what is broken, cut short, or would take more than ``MOST_BYTES``: the
    size that a picture claims is checked before it is decoded.
    """
    try:
        image = _with_header(content)
        scale = _scale(image, content, least)
        needed = _memory(image, content, scale)
        if needed > MOST_BYTES:
            size = f"{image.width} x {image.height} pixels"
            raise PictureError(f"too large: {size} would take {needed / 1e9:.1f} GB")
        if scale > 1:
            image.draft(None, (image.width // scale, image.height // scale))
        with _ONE if needed > _LARGE else nullcontext():
            picture = _rgb(image)
            made = square(picture, side) if side else picture
            del image, picture  # before the next one's pixels
            return made
    except (PictureError, MemoryError):
        raise
    except Exception as error:  # decoders raise nearly everything
        lines = str(error).partition("(")[0].strip().splitlines()
        reason = lines[0][:100] if lines else type(error).__name__
        raise PictureError(f"cannot be decoded: {reason}") from None


def check_header(content: bytes, size: int | None = None) -> bool:
    """Return whether Pillow can read the header of a picture; if not, the decoder has to.

    ``content`` is a picture of ``size`` bytes, or its beginning; no pixel is decoded. Raises
    PictureError for what is no picture, or claims more than OpenCV could decode.
    """
    try:
        image = _with_header(content, None, size)
    except PictureError as error:
        if nature(content) not in ("", "a JPEG", "a PNG") or str(error).startswith("cut short"):
            raise
        return False
    except Exception:  # Pillow's readers raise nearly everything
        return False
    if image.width * image.height > _MOST_PIXELS:
        raise PictureError(f"too large: {image.width} x {image.height} pixels")
    return True


def square_jpeg(content: bytes, side: int, quality: int, square: Square = CENTRE) -> bytes:
    """Make a JPEG of ``side`` x ``side`` RGB of a picture's bytes. Raises PictureError."""
    from PIL import Image

    jpeg = io.BytesIO()
    Image.fromarray(decode(content, _GAP * side, side, square)).save(jpeg, "JPEG", quality=quality)
    return jpeg.getvalue()


def _with_header(
    content: bytes, formats: tuple[str, ...] | None = FORMATS, size: int | None = None
) -> Any:
    """The picture with its header read, and none of its pixels; ``size`` is the file's, bytes."""
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # MOST_BYTES is the bound
    Image.core.set_block_size(_BLOCK)  # of smaller blocks the C library keeps more than is freed
    try:
        image = Image.open(io.BytesIO(content), formats=formats)
    except UnidentifiedImageError:
        what = nature(content) or f"none of {', '.join(FORMATS)}"
        damaged = " with a damaged header" if what in ("a JPEG", "a PNG") else ""
        raise PictureError(f"no picture: {what}{damaged}") from None
    claimed, size = image.width * image.height, size or len(content)
    if _is_jpeg(image) and claimed > _PIXELS_A_BYTE * size:
        pixels = f"{image.width} x {image.height} pixels"
        raise PictureError(f"cut short: {pixels} cannot be in {size} bytes")
    return image


def _scale(image: Any, content: bytes, least: int | None) -> int:
    """1, 2, 4 or 8: how many times smaller a picture is decoded; 1 for what is no JPEG."""
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
    """The bytes that decoding takes at most, of what the header claims."""
    decoded = -(-image.width // scale) * -(-image.height // scale)
    needed = decoded * _BYTES_A_PIXEL.get(image.format, _BYTES_A_DECODED_PIXEL)
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


def _rgb(image: Any) -> np.ndarray:
    image.load()
    image.info.pop("transparency", None)  # alpha is dropped, of palettes too
    if image.mode.startswith("I"):  # 16 bits of grey
        grey = (np.asarray(image).astype(np.int32) >> 8).clip(0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    return np.asarray(image.convert("RGB"))
