"""Names as they are compared: one name has several spellings on disks and in archives.

macOS writes ``é`` as two code points (NFD), most else as one (NFC); cameras write ``.JPG``.
"""

import re
import unicodedata
from collections.abc import Iterable


def nfc(name: str) -> str:
    """Return a name in Unicode's composed form, in which names are compared."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def file_key(name: str) -> str:
    """Return the same text for the names of one file: in NFC, its ending in small letters."""
    stem, dot, ending = nfc(name).rpartition(".")
    return f"{stem}{dot}{ending.lower()}"


def natural(name: str) -> tuple[list[int], str]:
    """Sort ``2.jpg`` before ``10.jpg``."""
    return [int(digits) for digits in re.findall(r"\d+", name)], name


def by_key(names: Iterable[str]) -> dict[str, str]:
    """Return ``file_key`` → name; where several have one key, the first of them."""
    found: dict[str, str] = {}
    for name in names:
        found.setdefault(file_key(name), name)
    return found
