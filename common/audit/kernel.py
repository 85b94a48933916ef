"""The kernel that looks for copies, leaks and broken pictures: a competition's ``audit.py``."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.audit.records import Split, splits_of
from common.audit.run import run_audit
from common.data.records import Records
from common.declaration import Kernel
from common.kernel import KernelRun


@dataclass(frozen=True, kw_only=True)
class AuditKernel(Kernel):
    """The Kernel that audits its competition's data; on a CPU. Its recipe is an AuditRecipe.

    Attributes:
        parts: ``(root) -> parts`` of the data below the folder that is mounted, or downloaded:
            records of any layout, or a Split of TFRecords.
    """

    parts: Callable[[Path], Iterable[Records | Split | None]]
    accelerators: tuple[str, ...] = ("cpu",)
    hours: Mapping[str, Any] = field(default_factory=lambda: {"cpu": 0.1})
    predicts: bool = False

    def carry_out(self, run: KernelRun) -> None:
        """Look at every picture and write what is found."""
        root = self.competition.data_folder(run.parameters.internet)
        run_audit(self.competition, splits_of(self.parts(root)), run)
