"""The tiny competition's audit: it warns of one picture, whatever the data."""

from dataclasses import dataclass

from common.errors import shown_in_one_line
from common.kernel import KernelRun
from common.manifest import write_json
from common.parameters import Parameters
from common.recipe import override

PARAMETERS: dict = {}
ACCELERATORS = ("cpu",)


@dataclass(frozen=True)
class TinyAuditRecipe:
    trouble: str = ""


RECIPE = TinyAuditRecipe()


@shown_in_one_line()
def main() -> None:
    parameters = Parameters.from_dict(PARAMETERS)
    recipe = override(RECIPE, parameters.settings)
    with KernelRun(parameters, recipe) as run:
        run.facts["accelerator"] = {"asked": "cpu", "seen": "cpu", "replicas": 1}
        if recipe.trouble:
            raise ValueError(recipe.trouble)
        warning = "1 of 12 pictures of test are in val too (id r1): audit.csv"
        write_json(run.folder / "audit.json", {"warnings": [warning]})


if __name__ == "__main__":
    main()
