"""Painter by Numbers (``painter-by-numbers``): did one artist paint both? ROC AUC over pairs."""

from common.competition import Competition

ARTISTS = 1584  # of train

COMPETITION = Competition(
    name="painter",
    slug="painter-by-numbers",
    title="Painter by Numbers",
    folder="painter_by_numbers",
    metric="roc_auc",
    classes=(),
    id_column="index",
    target_column="sameArtist",
    ensemble=("triplets", "supermodel", "classes", "margin"),
    layout="train.zip (or train_1.zip to train_9.zip) and test.zip, or folders, train_info.csv, "
    "submission_info.csv",
    sample="submission_info.csv",
    called=("artist", "artists"),
)
