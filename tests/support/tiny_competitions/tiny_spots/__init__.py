"""The probability of one class of two, log loss: lower is better."""

from common.competition import Competition
from common.forms import ProbabilityColumn
from common.tasks.classification import Classification

COMPETITION = Competition(
    name="spots",
    slug="tiny-spots",
    title="Tiny Spots",
    task=Classification(("no", "yes")),
    metric="log_loss",
    submission=ProbabilityColumn("has_spot"),
    ensemble=("model", "other"),
    layout="train.csv, test.csv and sample_submission.csv",
)
