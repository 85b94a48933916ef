"""Which kernels train or prepare for a request: its members in their parts, and what they read.

A script says what it reads with ``sources=("prepare",)``: other scripts of its competition, whose
outputs are mounted in its kernel. A recipe with the fields ``parts`` and ``part`` is as many
kernels, side by side; so is one with ``networks`` and ``network``, and the ensemble makes these
one member.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from common.declaration import Kernel
from common.errors import UserError
from competitions import kernel_scripts, load_kernel
from kernels.plan.request import Member, Request, resolve_recipe


@dataclass(frozen=True)
class Resolved:
    """One kernel that trains or prepares: what it declares, and the recipe that it runs."""

    member: Member
    kernel: Kernel
    recipe: Any

    @property
    def name(self) -> str:
        """Its name within the run."""
        return self.member.name


@dataclass(frozen=True)
class Graph:
    """The kernels of a request that train or prepare, each resolved once, what is read first.

    Attributes:
        parts: a member's or a source's name → its kernels: one, or one a part or network.
        members: names of the members that the ensemble reads.
    """

    parts: dict[str, tuple[Resolved, ...]]
    members: tuple[str, ...]

    @property
    def trained(self) -> tuple[Resolved, ...]:
        """All of them: sources, then members in the order that was asked for."""
        return tuple(part for parts in self.parts.values() for part in parts)

    def names(self, read: Iterable[str]) -> tuple[str, ...]:
        """The names of the kernels of some members or sources."""
        return tuple(part.name for name in read for part in self.parts[name])


def resolve_graph(request: Request, others: Sequence[str] = ()) -> Graph:
    """The graph of a request; ``others`` are scripts that train nothing and read too.

    Raises UserError when a script reads one that is not there, or itself, and for settings that
    do not fit.
    """
    members = {member.name: member for member in request.members}
    sources: dict[str, Member] = {}
    for script in dict.fromkeys([*(member.script for member in request.members), *others]):
        _add_sources(request, script, (script,), sources)
    only_read = {name: member for name, member in sources.items() if name not in members}
    asked = {**only_read, **members}
    return Graph({name: _parts(request, one) for name, one in asked.items()}, tuple(members))


def _add_sources(
    request: Request, script: str, readers: tuple[str, ...], found: dict[str, Member]
) -> None:
    known = kernel_scripts(request.competition)
    for name in load_kernel(request.competition, script).sources:
        if name in readers or name not in known:
            fault = "is not there" if name not in known else "reads it in turn"
            raise UserError(f"{script}.py has {name!r} in its sources, which {fault}")
        _add_sources(request, name, (*readers, name), found)
        found[name] = Member(name, source=True)


def _parts(request: Request, member: Member) -> tuple[Resolved, ...]:
    """A member, or one for each part of its recipe, or for each of its networks."""
    kernel = load_kernel(request.competition, member.script)
    recipe = resolve_recipe(request, member, kernel)
    parts, networks = getattr(recipe, "parts", 0), getattr(recipe, "networks", 0)
    if not parts and networks < 2:
        return (Resolved(member, kernel, recipe),)
    kind, number = ("part", parts) if parts else ("network", networks)
    return tuple(
        Resolved(
            replace(member, variant=f"{kind}{one}", settings={**member.settings, kind: one}),
            kernel,
            replace(recipe, **{kind: one}),
        )
        for one in range(number)
    )
