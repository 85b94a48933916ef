"""One line of the checklist that stands before the first push."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """What was looked at and what came of it.

    Attributes:
        name: of the check, one word or two.
        ok: whether the run may go on.
        told: what was found, for people.
        todo: what to do about it; empty when it is ok.
    """

    name: str
    ok: bool
    told: str
    todo: str = ""

    @property
    def said(self) -> str:
        """What was found, and what to do about it."""
        return f"{self.told}: {self.todo}" if self.todo else self.told

    @property
    def line(self) -> str:
        """As it stands in the checklist."""
        return f"{'ok' if self.ok else 'NO':<5}{self.said}"


def passed(name: str, told: str) -> Check:
    """A check that is ok."""
    return Check(name, True, told)


def failed(name: str, told: str, todo: str) -> Check:
    """A check that ends the run."""
    return Check(name, False, told, todo)
