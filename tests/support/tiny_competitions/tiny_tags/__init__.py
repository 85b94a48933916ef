"""Several labels in one column, micro F1."""

from common.competition import Competition
from common.forms import LabelList
from common.tasks.multilabel import MultiLabel

COMPETITION = Competition(
    name="tags",
    slug="tiny-tags",
    title="Tiny Tags",
    task=MultiLabel(("rust", "scab", "frog")),
    metric="micro_f1",
    submission=LabelList("labels", "image"),
    ensemble=("model", "other"),
    layout="train.csv, test.csv and sample_submission.csv",
)
