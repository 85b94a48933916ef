"""What changed since this run pushed a kernel: asked about before hours are spent on it again."""

from common.errors import UserError
from kernels.bundle.build import Bundle
from kernels.kaggle.client import Kaggle
from kernels.kaggle.states import KernelState
from kernels.plan.planned import SHARED
from kernels.run.state import Run


def change_of(run: Run, bundle: Bundle, key: str, rerun: bool) -> str:
    """What to say of a kernel that is finished or runs and is pushed again, changed; or nothing.

    Raises UserError when it would spend an accelerator's hours and nobody asked for it.
    """
    name, kind = bundle.kernel.name, bundle.kernel.accelerator
    known = run.kernels.get(name)
    if known is None or known.key == key:
        return ""
    finished = known.state in (KernelState.COMPLETE, KernelState.UNFINISHED)
    if not (finished or known.state.running):
        return ""
    said = f"kernel {name} has changed (settings, code, data or sources) since version"
    if kind == "cpu" or rerun:
        return f"{said} {known.version}: it is run again"
    raise UserError(
        f"{said} {known.version}, which is {known.state.lower()} in this run: give the options "
        f"that the run began with, or name a new --run-dir, or --rerun to spend the {kind} on it "
        f"again"
    )


def replaced(kaggle: Kaggle, run: Run, source: Bundle, rerun: bool) -> str:
    """What to say of a source of which another run has pushed a later version; or nothing.

    Kaggle gives a consumer the last version alone. The shared code is then pushed again, a
    training only with ``rerun``: raises UserError without.
    """
    name, known = source.kernel.name, run.kernels[source.kernel.name]
    latest = kaggle.latest_version(source.kernel.slug)
    if latest <= known.version:
        return ""
    if name == SHARED:
        if source.shared_hash in kaggle.pushed_text(source.kernel.slug, latest):
            return ""  # the same code
    said = f"another run has pushed version {latest} of kernel {name} since this run's"
    if name == SHARED or rerun:
        return f"{said} version {known.version}: it is run again"
    raise UserError(
        f"{said} version {known.version}, and Kaggle gives the ensemble the last one alone: "
        f"--rerun runs {name} again, --fresh begins a new run"
    )
