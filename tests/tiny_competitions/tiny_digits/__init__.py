"""A competition without a training framework: three classes told by one number."""

from common.competition import Competition

COMPETITION = Competition(
    name="tiny",
    slug="tiny-digits",
    title="Tiny Digits",
    folder="tiny_digits",
    metric="macro_f1",
    classes=("zero", "one", "two"),
    id_column="id",
    target_column="label",
    ensemble=("left", "right"),
    layout="val.csv, test.csv and sample_submission.csv",
)
