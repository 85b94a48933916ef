"""What a file is that is not what it should be, known by its first bytes."""

_BEGINNINGS = (
    (b"version https://git-lfs", "a Git LFS pointer instead of the file"),
    (b"<", "a web page"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\xff\xd8\xff", "a JPEG"),
    (b"\x89PNG", "a PNG"),
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
)


def nature(content: bytes) -> str:
    """Return in words what ``content`` is by its beginning; empty where that does not tell."""
    if not content:
        return "an empty file"
    start = content[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((words for begin, words in _BEGINNINGS if start.startswith(begin)), "")
