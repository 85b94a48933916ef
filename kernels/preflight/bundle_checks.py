"""The checks that need no answer of Kaggle's: of what is about to be pushed.

A check yields what it found and what to do about it, which is empty where all is well. It stops at
the first kernel with a fault.
"""

import re

from slugify import slugify

from common.recipe import nearest
from kernels.bundle.build import Bundle
from kernels.plan.request import ENSEMBLE
from kernels.preflight.kaggle_checks import Found, Subject

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


def machine_shapes(subject: Subject) -> Found:
    """Every ``machine_shape`` exists and is not retired: Kaggle takes any name."""
    shapes = {b.kernel.name: str(b.metadata.get("machine_shape") or "") for b in subject.bundles}
    for kernel, shape in shapes.items():
        if shape in RETIRED:
            todo = f"Kaggle would give {RETIRED[shape]} for it; use NvidiaTeslaT4 or TpuV5E8"
            yield f"kernel {kernel}: machine shape {shape} is retired", todo
            return
        if shape and shape not in MACHINE_SHAPES:
            found = f"there is no machine shape {shape}, and Kaggle would not say so"
            yield f"kernel {kernel}: {found}", nearest(shape, MACHINE_SHAPES)
            return
    asked = sorted({shape or "CPU" for shape in shapes.values()})
    yield f"machine shapes: {', '.join(asked)}", ""


def images(subject: Subject) -> Found:
    """No ``docker_image`` goes with a TPU: it would put the kernel on the CPU's image."""
    for bundle in subject.bundles:
        asked = bundle.metadata
        tpu = asked.get("enable_tpu") or str(asked.get("machine_shape")).startswith("Tpu")
        if asked.get("docker_image") and tpu:
            todo = "Kaggle would run it on a CPU; leave the docker_image out"
            yield f"kernel {bundle.kernel.name} names a docker_image for a TPU", todo
            return
    yield "no docker_image for a TPU", ""


def internet(subject: Subject) -> Found:
    """A kernel that is submitted has its internet off; those of its sources may have it on."""
    if not (subject.known and subject.known.kernels_only):
        return
    for bundle in subject.bundles:
        # What the metadata leave out, the client switches on.
        if bundle.kernel.name == ENSEMBLE and bundle.metadata.get("enable_internet", True):
            todo = "this competition wants it off; set enable_internet to false"
            yield f"kernel {bundle.kernel.name} is submitted and has internet on", todo
            return
    yield "the submitted kernel has internet off", ""


def names(subject: Subject) -> Found:
    """Titles give the slugs, and both have a length that Kaggle takes."""
    for bundle in subject.bundles:
        found, todo = _name_fault(bundle, subject.owner)
        if found:
            yield f"kernel {bundle.kernel.name}: {found}", todo
            return
    yield "titles and slugs agree", ""


def _name_fault(bundle: Bundle, owner: str) -> tuple[str, str]:
    title = str(bundle.metadata["title"])
    user, _, slug = str(bundle.metadata["id"]).partition("/")
    if user != owner:
        return f"its id {bundle.metadata['id']} is another user's", f"write {owner}/{slug}"
    for what, text in (("title", title), ("slug", slug)):
        if len(text) not in _LENGTH:
            found = f"its {what} {text!r} has {len(text)} characters"
            return found, f"give it {_LENGTH[0]} to {_LENGTH[-1]}"
    made = slugify(title)
    if made != re.sub(r"[_-]+", "-", slug):
        found = f"Kaggle makes {made!r} of the title {title!r}"
        return found, f"its slug {slug!r} must be the same"
    return "", ""


def sizes(subject: Subject) -> Found:
    """Every text is below what Kaggle takes."""
    lengths = {bundle.kernel.name: len(bundle.text.encode()) for bundle in subject.bundles}
    name, most = max(lengths.items(), key=lambda one: one[1])
    found = f"{most:,} bytes, and Kaggle takes less than {_MOST_BYTES:,}"
    if most >= _MOST_BYTES:
        yield f"kernel {name}: its text has {found}", "let its competition's modules import less"
    else:
        yield f"the longest text has {found}", ""
