"""The checks that need no answer of Kaggle's: of the metadata that are about to be pushed."""

import re
from collections.abc import Sequence
from typing import Any

from slugify import slugify

from common.recipe import nearest
from kernels.bundle.build import Bundle
from kernels.plan.request import ENSEMBLE
from kernels.preflight.check import Check, failed, passed

# What Kaggle's own command documents; some are for the participants of some competitions alone.
MACHINE_SHAPES = (
    "NvidiaTeslaT4",
    "TpuV5E8",
    "NvidiaTeslaT4Highmem",
    "NvidiaTeslaA100",
    "NvidiaL4",
    "NvidiaL4X1",
    "NvidiaH100",
    "NvidiaRtxPro6000",
    "TpuV6E8",
)
# Retired shape → what Kaggle gives instead without a word.
RETIRED = {
    "NvidiaTeslaP100": "NvidiaTeslaT4",
    "TpuV38": "TpuV5E8",
    "Tpu1VmV38": "TpuV5E8",
    "TpuV232": "a CPU",
    "TpuV2256": "a CPU",
}
_LENGTH = range(5, 51)  # characters of a title and of a slug
_MOST_BYTES = 1024**2  # of a text; from 1.1 MiB on Kaggle answers a bare HTTP 400


def check_bundles(bundles: Sequence[Bundle], owner: str, kernels_only: bool) -> tuple[Check, ...]:
    """The metadata of every kernel of a run."""
    return (
        check_machine_shapes(bundles),
        check_images(bundles),
        *([check_internet(bundles)] if kernels_only else []),
        check_names(bundles, owner),
        check_sizes(bundles),
    )


def check_machine_shapes(bundles: Sequence[Bundle]) -> Check:
    """Every ``machine_shape`` is one that exists and is not retired: Kaggle takes any name."""
    name, use = "machine shape", "use NvidiaTeslaT4 or TpuV5E8"
    shapes = {bundle.kernel.name: str(_of(bundle, "machine_shape") or "") for bundle in bundles}
    for kernel, shape in shapes.items():
        if shape in RETIRED:
            told = f"kernel {kernel}: machine shape {shape} is retired"
            return failed(name, told, f"Kaggle would give {RETIRED[shape]} for it; {use}")
        if shape and shape not in MACHINE_SHAPES:
            told = (
                f"kernel {kernel}: there is no machine shape {shape}, and Kaggle would not say so"
            )
            return failed(name, told, nearest(shape, MACHINE_SHAPES))
    asked = sorted({shape or "CPU" for shape in shapes.values()})
    return passed(name, f"machine shapes: {', '.join(asked)}")


def check_images(bundles: Sequence[Bundle]) -> Check:
    """No ``docker_image`` beside a TPU: it would put the kernel on the CPU's image."""
    name = "image"
    for bundle in bundles:
        if _of(bundle, "docker_image") and _wants_tpu(bundle):
            told = f"kernel {bundle.kernel.name} names a docker_image beside a TPU"
            return failed(name, told, "Kaggle would run it on a CPU; leave the docker_image out")
    return passed(name, "no docker_image beside a TPU")


def check_internet(bundles: Sequence[Bundle]) -> Check:
    """The submitted kernel's internet is off; those of its sources may have it on."""
    name = "internet"
    for bundle in bundles:
        # What the metadata leave out, the client switches on.
        if bundle.kernel.name == ENSEMBLE and bundle.metadata.get("enable_internet", True):
            told = f"kernel {bundle.kernel.name} is submitted and has internet on"
            return failed(name, told, "this competition wants it off; set enable_internet to false")
    return passed(name, "the submitted kernel has internet off")


def check_names(bundles: Sequence[Bundle], owner: str) -> Check:
    """Titles give the slugs, and both have a length that Kaggle takes."""
    for bundle in bundles:
        fault = _name_fault(bundle, owner)
        if fault:
            return failed("names", f"kernel {bundle.kernel.name}: {fault[0]}", fault[1])
    return passed("names", "titles and slugs agree")


def check_sizes(bundles: Sequence[Bundle]) -> Check:
    """Every text is below what Kaggle takes."""
    sizes = {bundle.kernel.name: len(bundle.text.encode()) for bundle in bundles}
    name, most = max(sizes.items(), key=lambda one: one[1])
    said = f"{most:,} bytes, and Kaggle takes less than {_MOST_BYTES:,}"
    if most >= _MOST_BYTES:
        fault = f"kernel {name}: its text has {said}"
        return failed("size", fault, "let its competition's modules import less")
    return passed("size", f"the longest text has {said}")


def _name_fault(bundle: Bundle, owner: str) -> tuple[str, str] | None:
    title = str(bundle.metadata["title"])
    user, _, slug = str(bundle.metadata["id"]).partition("/")
    if user != owner:
        return f"its id {bundle.metadata['id']} is another user's", f"write {owner}/{slug}"
    for what, text in (("title", title), ("slug", slug)):
        if len(text) not in _LENGTH:
            said = f"its {what} {text!r} has {len(text)} characters"
            return said, f"give it {_LENGTH[0]} to {_LENGTH[-1]}"
    made = slugify(title)
    if made != re.sub(r"[_-]+", "-", slug):
        return (
            f"Kaggle makes {made!r} of the title {title!r}",
            f"its slug {slug!r} must be the same",
        )
    return None


def _wants_tpu(bundle: Bundle) -> bool:
    shape = str(_of(bundle, "machine_shape") or "")
    return shape.startswith(("Tpu", "Tpu1")) or bool(_of(bundle, "enable_tpu"))


def _of(bundle: Bundle, key: str) -> Any:
    return bundle.metadata.get(key)
