"""Several labels, a probability column each."""

from common.competition import Competition
from common.forms import ProbabilityColumns
from common.tasks.multilabel import MultiLabel

COMPETITION = Competition(
    name="marks",
    slug="tiny-marks",
    title="Tiny Marks",
    task=MultiLabel(("rust", "scab", "frog")),
    metric="log_loss",
    submission=ProbabilityColumns(),
    ensemble=("model",),
    layout="train.csv, test.csv and sample_submission.csv",
)
