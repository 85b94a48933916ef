"""Painter by Numbers (``painter-by-numbers``): did one artist paint both? ROC AUC over pairs."""

from common.competition import Competition
from common.forms import ProbabilityColumn
from common.tasks.pairs import Pairs

ARTISTS = 1584  # of train

COMPETITION = Competition(
    name="painter",
    slug="painter-by-numbers",
    title="Painter by Numbers",
    folder="painter_by_numbers",
    task=Pairs("artist", "artists"),
    metric="roc_auc",
    submission=ProbabilityColumn("sameArtist", "index"),
    ensemble=("triplets", "supermodel", "classes", "margin"),
    files="train.zip (or train_1.zip to train_9.zip) and test.zip, or folders, train_info.csv, "
    "submission_info.csv",
    sample="submission_info.csv",
)
