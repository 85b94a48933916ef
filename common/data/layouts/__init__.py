"""Layouts: where a competition's pictures and labels are. Each is one function to Records.

A folder of pictures may be an archive of its name instead, and have folders and archives in it
(``common.data.archives``). Names are compared as ``common.data.names`` says. TFRecords are
``common.data.tfrecords.read_records``.
"""

from common.data.layouts.by_folder import folder_of_pictures, folder_per_class
from common.data.layouts.by_json import coco
from common.data.layouts.by_name import labels_in_names
from common.data.layouts.by_pairs import (
    LabelledPairs,
    check_apart,
    compare_lists,
    labelled_pairs,
    pair_records,
)
from common.data.layouts.by_table import table
from common.data.layouts.files import image_files
from common.data.layouts.pair_folds import folds_of

__all__ = [
    "LabelledPairs",
    "check_apart",
    "coco",
    "compare_lists",
    "folder_of_pictures",
    "folder_per_class",
    "folds_of",
    "image_files",
    "labelled_pairs",
    "labels_in_names",
    "pair_records",
    "table",
]
