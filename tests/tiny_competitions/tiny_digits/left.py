"""The left member."""

from competitions.tiny_digits.data import TinyRecipe, train

PARAMETERS: dict = {}
RECIPE = TinyRecipe()
BEST = {"sharpness": 2.0}
DRY_RUN = {"epochs": 1}
HOURS = {"tpu": 0.5, "gpu": 2.0}


def main() -> None:
    train(RECIPE, PARAMETERS, BEST)


if __name__ == "__main__":
    main()
