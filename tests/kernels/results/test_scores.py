"""Scores in words: with their interval, and with the decimals that they carry."""

import pytest

from kernels.results.scores import (
    Validated,
    few_words,
    gain_words,
    gap_words,
    published_words,
    read_interval,
    read_number,
    read_score,
    verdict,
)


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (Validated(0.95678, (0.9401, 0.9812), 312), "0.957 (0.940 to 0.981, n 312)"),
        (Validated(0.85, (0.72, 0.97), 30), "0.85 (0.72 to 0.97, n 30)"),
        (Validated(17.4123, (16.2, 18.5)), "17.4 (16.2 to 18.5)"),
        (Validated(0.98214, (0.98182, 0.98251), 4000), "0.98214 (0.98182 to 0.98251, n 4,000)"),
        (Validated(1.0, (1.0, 1.0)), "1.000 (1.000 to 1.000)"),
        (Validated(0.6, (0.5, 0.7), 1315, 48), "0.60 (0.50 to 0.70, n 1,315 in 48 groups)"),
        (Validated(0.8), "0.8000"),
        (Validated(None, (0.1, 0.2), 3), ""),
    ],
)
def test_a_score_has_the_decimals_that_its_interval_allows(score: Validated, words: str) -> None:
    assert str(score) == words
    assert score.rounded(0.5) == f"{0.5:.{score.digits}f}"
    assert score.rounded(None) == "not given"


@pytest.mark.parametrize(
    ("validation", "test", "words"),
    [
        ((0.972, (0.953, 0.985)), (0.838, (0.782, 0.881)), "test is 0.134 below validation, and"),
        ((0.80, (0.78, 0.82)), (0.90, (0.88, 0.92)), "test is 0.100 above validation, and their"),
        ((0.90, (0.87, 0.93)), (0.86, (0.83, 0.89)), ""),
        ((0.90, (0.87, 0.93)), (0.85, (0.82, 0.88)), ""),
        ((0.90, (0.87, 0.93)), (0.83, (0.80, 0.86)), "test is 0.070 below validation, and their"),
        ((0.584, (0.524, 0.642)), (0.653, (0.623, 0.682)), ""),
        ((0.90, None), (0.50, (0.4, 0.6)), ""),
        ((0.90, (0.89, 0.91)), (None, None), ""),
    ],
)
def test_a_gap_between_validation_and_test_is_said_where_it_is_sure(
    validation: tuple, test: tuple, words: str
) -> None:
    said = gap_words(Validated(*validation), Validated(*test))
    assert said.startswith(words) if words else not said


@pytest.mark.parametrize("value", [None, "0.5", float("nan"), float("inf"), [0.5]])
def test_what_is_no_number_is_none(value: object) -> None:
    assert read_number(value) is None
    metrics = {"validation_score": value, "interval": [0.1, value], "n": "x"}
    assert read_score(metrics) == Validated()
    assert read_interval({"interval": value}) is None


def test_intervals_of_few_groups_are_warned_of() -> None:
    known = {"n": 40, "groups": 9, "test_n": 80, "test_groups": 10}
    [warning] = few_words(known)
    assert warning.startswith("the intervals of validation are of 9 groups: of fewer than 10")
    assert not few_words({"n": 5})


GAIN = {"over": "left", "difference": 0.0034, "interval": [-0.002, 0.009], "share_better": 0.91}
BY = "than left by 0.0034 (95 %: -0.0020 to 0.0090; better in 91 % of resamples)"


@pytest.mark.parametrize(
    ("gain", "greater", "words"),
    [
        (GAIN, True, f"better {BY}: that may be chance."),
        (GAIN, False, f"worse {BY}: that may be chance."),
        ({**GAIN, "interval": [0.001, 0.009]}, True,
         f"better {BY.replace('-0.0020', '0.0010')}: surely better."),
        ({"over": "left", "difference": -0.02, "interval": [-0.03, -0.01]}, True,
         "worse than left by 0.020 (95 %: 0.010 to 0.030): surely worse."),
        ({"over": "left", "difference": 0.0004, "interval": [-0.02, 0.02]}, True,
         "as good as left (95 %: -0.020 to 0.020): that may be chance."),
        ({"over": "left", "difference": 0.0, "interval": [0.0, 0.0]}, True, "as good as left."),
        ({"over": "left", "difference": 0.01}, True, "better than left by 0.0100."),
        ({"over": "left"}, True, ""),
        ("much", True, ""),
    ],
)  # fmt: skip
def test_the_gain_over_the_best_member_is_a_sentence(
    gain: object, greater: bool, words: str
) -> None:
    expected = f"The blend is {words}" if words else ""
    assert gain_words({"gain": gain, "greater_is_better": greater}) == expected


def test_what_others_have_reached_stands_next_to_ours_by_the_same_metric() -> None:
    published = {"scores": {"accuracy": 0.928, "macro_f1": 0.9}, "source": "test, by somebody"}
    test = {"roc_auc": 0.97, "accuracy": 0.775, "intervals": {"accuracy": [0.735, 0.812]}}
    assert published_words(published, test) == (
        "accuracy 0.928 (ours 0.775, 0.735 to 0.812), macro F1 0.9; test, by somebody"
    )
    assert published_words(published, {}) == "accuracy 0.928, macro F1 0.9; test, by somebody"


@pytest.mark.parametrize(
    ("ends", "difference", "greater", "words"),
    [
        ([0.01, 0.03], 0.02, True, "surely better"),
        ([0.01, 0.03], 0.02, False, "surely worse"),
        ([-0.03, -0.01], -0.02, True, "surely worse"),
        ([-0.03, -0.01], -0.02, False, "surely better"),
        ([-0.01, 0.03], 0.01, True, "may be chance"),
        ([0.0, 0.03], 0.01, True, "may be chance"),
        ([0.0, 0.0], 0.0, True, ""),
        (None, 0.1, True, ""),
        ([0.1, 0.2], None, True, ""),
    ],
)
def test_a_change_is_sure_where_its_interval_has_no_zero(
    ends: object, difference: object, greater: bool, words: str
) -> None:
    assert verdict({"interval": ends, "difference": difference}, greater) == words
