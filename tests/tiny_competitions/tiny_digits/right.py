"""The right member."""

from competitions.tiny_digits.data import TinyRecipe, train

PARAMETERS: dict = {}
RECIPE = TinyRecipe()
DRY_RUN = {"epochs": 1}


def main() -> None:
    train(RECIPE, PARAMETERS, {})


if __name__ == "__main__":
    main()
