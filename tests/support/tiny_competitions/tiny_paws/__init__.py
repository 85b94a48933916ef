"""A number, RMSE: lower is better."""

from common.competition import Competition
from common.forms import NumberColumn
from common.tasks.number import Number

COMPETITION = Competition(
    name="paws",
    slug="tiny-paws",
    title="Tiny Paws",
    task=Number(1, 100),
    metric="rmse",
    submission=NumberColumn("Pawpularity", "Id"),
    ensemble=("model",),
    layout="train.csv, test.csv and sample_submission.csv",
)
