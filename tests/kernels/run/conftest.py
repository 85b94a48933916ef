"""The real client at a quick local Kaggle, for the tests of a run."""

from support.quick_kaggle import kaggle  # noqa: F401 (a fixture)
