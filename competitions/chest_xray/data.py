"""The X-rays by patient: train and validation rebuilt from ``train`` and ``val``, test as it is.

A name of PNEUMONIA has its patient, ``person12_bacteria_47.jpeg``. One of NORMAL has a number in
one of two series, ``IM-0115-0001.jpeg`` and ``NORMAL2-IM-0381-0001.jpeg``, which count apart: the
patient is the number with its series. The 16 pictures of ``val`` are too few to choose anything by.
"""

from pathlib import Path

from common.data.layouts import labels_in_names
from common.data.records import Records, join
from common.data.splits import hold_out
from common.parameters import Parameters
from competitions.chest_xray import COMPETITION

PATTERN = r"(?P<label>NORMAL|PNEUMONIA)/(?P<group>person\d+|(?:NORMAL2-)?IM-\d+)"


def load(image_size: int, parameters: Parameters) -> tuple[Records, Records, Records]:
    """Read train and validation, split by patient with copies together, and the official test."""
    train, validation, test = read_parts(COMPETITION.data_folder(parameters.internet))
    train, validation = hold_out(join("train", train, validation), COMPETITION.task, share=0.2)
    return train, validation, test


def read_parts(root: Path) -> tuple[Records, Records, Records]:
    """Read the three folders as they are, with labels and patients.

    Raises UserError where one is missing, or a name has no patient.
    """
    train, validation, test = (
        labels_in_names(part, root, PATTERN, COMPETITION.task, inside=part)
        for part in ("train", "val", "test")
    )
    return train, validation, test


def check_folder(root: Path) -> None:
    """As ``read_parts``."""
    read_parts(root)
