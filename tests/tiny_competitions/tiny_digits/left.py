"""The left member."""

from competitions.tiny_digits.data import TinyRecipe, train

PARAMETERS: dict = {}
RECIPE = TinyRecipe()
DRY_RUN = {"epochs": 1}
HOURS = {"gpu": 2.0}


def main() -> None:
    train(RECIPE, PARAMETERS)


if __name__ == "__main__":
    main()
