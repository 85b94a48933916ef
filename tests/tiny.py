"""``submit.py`` with the tiny competition beside the real ones: ``python tests/tiny.py ARGS``."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "tests" / "tiny_competitions"


def add_tiny() -> None:
    """Make ``competitions.tiny_digits`` importable in this process."""
    import competitions

    if str(FOLDER) not in competitions.__path__:
        competitions.__path__.append(str(FOLDER))


def write_data(folder: Path) -> tuple[Path, Path]:
    """Data and solution of the tiny competition."""
    data = folder / "data"
    data.mkdir(parents=True)
    rows = [(f"r{n}", n % 3 + (0.3 if n % 2 else -0.3), n % 3) for n in range(24)]
    for name, header, lines in (
        (data / "val.csv", ("id", "value", "label"), rows[:12]),
        (data / "test.csv", ("id", "value"), [row[:2] for row in rows[12:]]),
        (data / "sample_submission.csv", ("id", "label"), [(row[0], 0) for row in rows[12:]]),
        (
            folder / "solution.csv",
            ("id", "label", "Usage"),
            [(r[0], r[2], "Public" if i % 2 else "Private") for i, r in enumerate(rows[12:])],
        ),
    ):
        with open(name, "w", newline="") as file:
            csv.writer(file).writerows([header, *lines])
    return data, folder / "solution.csv"


def command(*arguments: object) -> list[str]:
    """The command line that runs ``submit.py`` with the tiny competition."""
    return [sys.executable, str(Path(__file__)), *map(str, arguments)]


def submit(
    *arguments: object, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    environment = {**os.environ, **(env or {})}
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, env=environment, cwd=ROOT, timeout=120
    )


def last_json(done: subprocess.CompletedProcess[str]) -> dict:
    """The JSON object on the last line of its output."""
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    add_tiny()
    from submit import main

    sys.exit(main())
