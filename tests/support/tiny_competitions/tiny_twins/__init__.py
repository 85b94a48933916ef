"""Pairs of pictures: are both of one class? ROC AUC."""

from common.competition import Competition
from common.forms import ProbabilityColumn
from common.tasks.pairs import Pairs

COMPETITION = Competition(
    name="twins",
    slug="tiny-twins",
    title="Tiny Twins",
    task=Pairs("twin", "twins"),
    metric="roc_auc",
    submission=ProbabilityColumn("same", "index"),
    ensemble=("model",),
    files="train.csv, test.csv and pairs.csv",
    sample="pairs.csv",
)
