"""A competition whose kernels read each other: one prepares, two halves, one that reads both."""

from common.competition import Competition

COMPETITION = Competition(
    name="steps",
    slug="tiny-steps",
    title="Tiny Steps",
    folder="tiny_steps",
    metric="macro_f1",
    classes=("zero", "one", "two"),
    id_column="id",
    target_column="label",
    ensemble=("both",),
    layout="val.csv, test.csv and sample_submission.csv",
)
