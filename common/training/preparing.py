"""A kernel that decodes every picture of a competition once, for all of its trainings."""

from collections import Counter
from dataclasses import dataclass

from common.data.records import Records
from common.declaration import Kernel
from common.errors import UserError
from common.files.prepared import PrepareRecipe, save_labels, write_parts
from common.kernel import KernelRun
from common.manifest import write_json
from common.progress import report
from common.training.loading import Load, load_parts


@dataclass(frozen=True, kw_only=True)
class PrepareKernel(Kernel):
    """A Kernel that writes the pictures of ``load`` as shards, with their labels.

    ``common.files.prepared.read_prepared`` reads them: the ``load`` of the competition's models,
    which name the kernel's script among their ``sources``. Its recipe is a PrepareRecipe.
    """

    load: Load
    accelerators: tuple[str, ...] = ("cpu",)
    predicts: bool = False

    def records(self, run: KernelRun) -> tuple[Records, Records, Records]:
        """Return what ``load`` reads. Raises UserError as ``load_parts``."""
        return load_parts(self.competition, self.load, run.recipe.size, run.parameters)

    def carry_out(self, run: KernelRun) -> None:
        """Write the parts, ``broken.csv``, ``labels.npz`` and ``metrics.json``.

        Raises UserError for a broken picture of test, where a submission needs a row for each.
        """
        assert isinstance(run.recipe, PrepareRecipe)
        with run.stage("listing"):
            parts = [part for part in self.records(run) if len(part)]
        broken = write_parts(run, parts)
        save_labels(run.folder, parts)
        gone = [one for one in broken if one.part == "test"]
        if gone and self.competition.submission and self.competition.task.name != "pairs":
            raise UserError(
                f"{len(gone)} pictures of test cannot be read, and a submission needs all of them; "
                f"the first is {gone[0].file} ({gone[0].reason}): fetch the data again"
            )
        lost = Counter(one.part for one in broken)
        counts = {part.name: len(part) - lost[part.name] for part in parts}
        facts = {
            "pictures": counts,
            "broken": dict(lost),
            "reasons": dict(Counter(one.reason.partition(":")[0] for one in broken)),
            "seconds": run.spent(),
        }
        write_json(run.folder / "metrics.json", facts)
        report("prepared", **counts, broken=len(broken))
