"""Recipes change by name; unknown keys and wrong types are refused with a hint."""

from dataclasses import dataclass

import pytest

from common.errors import UserError
from common.parameters import Parameters
from common.recipe import override, split_setting, typed


@dataclass(frozen=True)
class Recipe:
    epochs: int = 25
    learning_rate: float = 5e-5
    refit: bool = True
    weights: str | None = "imagenet"
    momentum: float | None = None


@pytest.mark.parametrize(
    ("settings", "field", "value"),
    [
        ({"epochs": "3"}, "epochs", 3),
        ({"learning_rate": "1e-3"}, "learning_rate", 1e-3),
        ({"learning_rate": 2}, "learning_rate", 2.0),
        ({"refit": "off"}, "refit", False),
        ({"refit": True}, "refit", True),
        ({"weights": "none"}, "weights", None),
        ({"weights": "noisy-student"}, "weights", "noisy-student"),
        ({"momentum": "0.8"}, "momentum", 0.8),
        ({"momentum": None}, "momentum", None),
    ],
)
def test_a_setting_takes_its_fields_type(settings: dict, field: str, value: object) -> None:
    changed = getattr(override(Recipe(), settings), field)
    assert changed == value
    assert type(changed) is type(value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"epoch": "3"}, "unknown setting 'epoch': did you mean epochs?"),
        ({"zzz": "3"}, "known are epochs, learning_rate, refit, weights, momentum"),
        ({"epochs": "three"}, "epochs=three .* takes int"),
        ({"epochs": "2.5"}, "epochs=2.5 .* takes int"),
        ({"refit": "maybe"}, "refit=maybe .* takes bool"),
        ({"momentum": "fast"}, "momentum=fast .* takes float or none"),
        ({"epochs": "none"}, "epochs=none .* takes int"),
        ({"learning_rate": "nan"}, "learning_rate=nan"),
        ({"learning_rate": "inf"}, "learning_rate=inf"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line(settings: dict, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        override(Recipe(), settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["epochs", "=3", ""])
def test_a_setting_needs_a_key_and_a_value(text: str) -> None:
    with pytest.raises(UserError, match="KEY=VALUE"):
        split_setting(text)


def test_a_value_may_hold_an_equals_sign() -> None:
    assert split_setting("weights = a=b") == ("weights", "a=b")


def test_parameters_go_round_and_hold_only_what_differs() -> None:
    parameters = Parameters("densenet201", nonce="n", full_size={"epochs": 3}, sources={"a": "b/c"})
    assert set(parameters.to_dict()) == {"kernel", "nonce", "full_size", "sources"}
    assert Parameters.from_dict(parameters.to_dict()) == parameters
    with pytest.raises(UserError, match="unknown kernel parameter 'sed': did you mean seed"):
        Parameters.from_dict({"sed": 1})


@dataclass(frozen=True)
class Held:
    batch: int = 8
    groups: int = 4

    def __post_init__(self) -> None:
        if self.batch % self.groups:
            raise UserError(f"batch={self.batch} groups={self.groups}")


def test_settings_get_their_types_without_having_to_fit_the_recipe() -> None:
    assert typed(Held(), {"groups": "3"}) == {"groups": 3}
    assert override(Held(), {"groups": "3", "batch": "9"}) == Held(9, 3)
    with pytest.raises(UserError, match="batch=8 groups=3"):
        override(Held(), {"groups": "3"})
    with pytest.raises(UserError, match="groups=x is not of its type"):
        typed(Held(), {"groups": "x"})
