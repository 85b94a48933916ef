"""A competition whose kernels read each other: one prepares, two halves, one that reads both."""

from common.competition import Competition
from common.forms import LabelColumn
from common.tasks.classification import Classification

COMPETITION = Competition(
    name="steps",
    slug="tiny-steps",
    title="Tiny Steps",
    folder="tiny_steps",
    task=Classification(("zero", "one", "two")),
    metric="macro_f1",
    submission=LabelColumn("label"),
    ensemble=("both",),
    files="val.csv, test.csv and sample_submission.csv",
)
