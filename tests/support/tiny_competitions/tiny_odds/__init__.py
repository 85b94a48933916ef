"""A probability column a class, mean column-wise AUC."""

from common.competition import Competition
from common.forms import ProbabilityColumns
from common.tasks.classification import Classification

COMPETITION = Competition(
    name="odds",
    slug="tiny-odds",
    title="Tiny Odds",
    task=Classification(("healthy", "multiple", "rust", "scab")),
    metric="roc_auc",
    submission=ProbabilityColumns(id_column="image_id"),
    ensemble=("model",),
    layout="train.csv, test.csv and sample_submission.csv",
)
