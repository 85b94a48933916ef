"""Which kernels train or prepare for a request: its members in their parts, and what they read.

A script says what it reads with ``SOURCES = ("prepare",)``: other scripts of its competition,
whose outputs are mounted in its kernel. A recipe with the fields ``parts`` and ``part`` is as many
kernels, side by side; so is one with ``networks`` and ``network``, and the ensemble makes these
one member.
"""

from dataclasses import replace

from common.errors import UserError
from competitions import kernel_scripts
from kernels.request import ENSEMBLE, Member, Request, effective_recipe, script_module


def ensemble_members(request: Request) -> tuple[Member, ...]:
    """The kernels whose predictions the ensemble reads."""
    return tuple(part for member in request.members for part in _parts(request, member))


def trained_members(request: Request) -> tuple[Member, ...]:
    """These and all that they or the ensemble read, each once, what is read first.

    Raises UserError when a script reads one that is not there, or itself.
    """
    found: dict[str, Member] = {}
    scripts = [member.script for member in request.members]
    for script in [*scripts, *([ENSEMBLE] if scripts else [])]:
        _add_sources(request, script, (script,), found)
    for member in ensemble_members(request):
        found.pop(member.name, None)  # as a member, in the order that was asked for
        found[member.name] = member
    return tuple(found.values())


def sources_of(request: Request, script: str) -> tuple[Member, ...]:
    """The kernels that those of ``script`` read."""
    names = getattr(script_module(request.competition, script), "SOURCES", ())
    return tuple(part for name in names for part in _parts(request, Member(name, source=True)))


def _add_sources(
    request: Request, script: str, readers: tuple[str, ...], found: dict[str, Member]
) -> None:
    known = kernel_scripts(request.competition)
    for name in getattr(script_module(request.competition, script), "SOURCES", ()):
        if name in readers or name not in known:
            fault = "is not there" if name not in known else "reads it in turn"
            raise UserError(f"{script}.py has {name!r} in its SOURCES, which {fault}")
        _add_sources(request, name, (*readers, name), found)
        found.update({part.name: part for part in _parts(request, Member(name, source=True))})


def _parts(request: Request, member: Member) -> tuple[Member, ...]:
    """A member, or one for each part of its recipe, or for each of its networks."""
    recipe = effective_recipe(request, member)
    parts, networks = getattr(recipe, "parts", 0), getattr(recipe, "networks", 0)
    if not parts and networks < 2:
        return (member,)
    kind, number = ("part", parts) if parts else ("network", networks)
    return tuple(
        replace(member, variant=f"{kind}{one}", settings={**member.settings, kind: one})
        for one in range(number)
    )
