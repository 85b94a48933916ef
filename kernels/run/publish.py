"""Publish a run's weights as a private data set, once, and wait until it can be used."""

import hashlib
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from common.errors import UserError
from common.manifest import file_sha256
from common.text import size_in_words
from kernels.kaggle import lookup
from kernels.kaggle.answers import KaggleError, may_be_done, pause, pause_between_looks
from kernels.kaggle.client import Kaggle
from kernels.kaggle.datasets import (
    DatasetFacts,
    DatasetText,
    create_dataset,
    create_version,
    dataset_facts,
    upload_files,
)
from kernels.plan.request import published_name
from kernels.run.display import Display
from kernels.run.state import Run, RunOptions
from kernels.run.weights import KernelWeights

Say = Callable[[str], object]
MARK = re.compile(r"\[[0-9a-f]{12}-[0-9a-f]{8}\]")  # of the run and of what it publishes
_TRIES = 3  # of a call without an answer
_LOOKS = 8  # for what such a call may have made, with growing pauses: two minutes
_LISTED = 60.0  # seconds until what was made must be listed
_GONE = ("FAILED", "DELETED")


def check_target(kaggle: Kaggle, wanted: str, competition: str) -> str:
    """Return ``owner/slug`` of the data set that ``--publish`` names, by default the competition's.

    Raises UserError for a name that it cannot have, for another user's, and for a data set that is
    public or was not made by this tool.
    """
    owner, slug = published_name(wanted, competition)
    if owner and owner.lower() != kaggle.owner.lower():
        raise UserError(
            f"--publish {wanted}: signed in as {kaggle.owner}: name a data set of {kaggle.owner}'s"
        )
    ref = f"{kaggle.owner}/{slug}"
    facts = dataset_facts(kaggle, ref)
    if facts and not _mark_in(facts):
        raise UserError(f"--publish: {ref} is there, of something else: name another data set")
    if facts and not facts.private:
        raise UserError(
            f"--publish: {ref} is public, and weights are published privately: name another data "
            f"set, or make it private at https://www.kaggle.com/datasets/{ref}/settings"
        )
    return ref


@dataclass(frozen=True)
class Publication:
    """What a run publishes: the files, and what the data set says of itself but for the mark."""

    ref: str
    files: tuple[Path, ...]
    text: DatasetText

    @classmethod
    def of(cls, ref: str, left: Sequence[KernelWeights], text: DatasetText) -> "Publication":
        """Of what the kernels have left. Raises UserError where they have left nothing."""
        if not left:
            raise UserError("--publish: no kernel of this run has left weights")
        return cls(
            ref, tuple(path for one in left for path in (one.weights, one.description)), text
        )

    def mark(self, nonce: str) -> str:
        """``[nonce-hash]``: of the run, its copies too, and of the files and the words."""
        facts = [{path.name: file_sha256(path) for path in self.files}, vars(self.text)]
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        return f"[{nonce}-{digest[:8]}]"


def publish_once(
    kaggle: Kaggle,
    run: Run,
    publication: Publication,
    options: RunOptions,
    display: Display,
) -> None:
    """Publish unless the data set's latest version is this very publication, and wait.

    A person is asked before anything is sent, unless ``options.yes``. The version is noted in the
    run. Every version has a mark, which is looked for before it is made and after every unclear
    answer. Raises UserError when it is not known whether Kaggle made it, or not ready in time.
    """
    ref, mark, say = publication.ref, publication.mark(run.nonce), display.say
    facts = dataset_facts(kaggle, ref)
    if facts and _mark_in(facts) == mark:
        say(f"these weights are in {ref} already, as version {facts.number}: nothing is sent")
    else:
        size = size_in_words(sum(path.stat().st_size for path in publication.files))
        number = len(publication.files)
        what = f"{number} file{'s' * (number != 1)}, {size}, as "
        what += "a new version of the" if facts else "the"
        if not options.yes and not display.ask(f"publish {what} private data set {ref}?"):
            say("nothing is published")
            return
        say(f"publishing {what} private data set {ref}")
        _send(kaggle, publication, facts, mark, say)
    version = _await_ready(kaggle, ref, mark, facts, options, say)
    run.update(published_weights=f"{ref}/versions/{version}")


def _send(
    kaggle: Kaggle, publication: Publication, facts: DatasetFacts | None, mark: str, say: Say
) -> None:
    """Make the data set or its version; whatever is answered, it is looked for before once more."""
    ref, text = publication.ref, publication.text
    text = replace(text, description=f"{text.description}\n\n{mark}\n")
    for path in publication.files:
        size = path.stat().st_size
        if size > 10_000_000:
            say(f"uploading {path.name}, {size_in_words(size)}")
    files = upload_files(kaggle, publication.files)
    for attempt in range(_TRIES):
        try:
            if facts:
                create_version(kaggle, ref, text, f"{text.subtitle} {mark}", files)
            else:
                create_dataset(kaggle, ref, text, files)
            return
        except KaggleError as error:
            unclear = may_be_done(error)
            say(f"{error}: looking whether Kaggle made {ref} all the same")
            if _find(kaggle, ref, mark, _LOOKS if unclear else 1):
                return
            if not (unclear or error.code == 401) or attempt + 1 == _TRIES:
                raise
            pause(attempt, error.retry_after)


def _find(kaggle: Kaggle, ref: str, mark: str, looks: int) -> bool:
    """Return whether the latest version is there with its mark; Kaggle may be late to show it."""
    for look in range(looks):
        facts = dataset_facts(kaggle, ref)
        if facts and _mark_in(facts) == mark:
            return True
        if look + 1 < looks:
            pause(look)
    return False


def _await_ready(
    kaggle: Kaggle,
    ref: str,
    mark: str,
    before: DatasetFacts | None,
    options: RunOptions,
    say: Say,
) -> int:
    """Wait until the version with the mark is ready; return its number.

    Where Kaggle shows no mark, a higher number than ``before`` is the evidence.
    """
    start, shown = time.monotonic(), ""
    while True:
        waited, state, facts = time.monotonic() - start, "", dataset_facts(kaggle, ref)
        if facts:
            state = lookup.dataset_status(kaggle, ref)
            marked, higher = (
                _mark_in(facts) == mark,
                facts.number > (before.number if before else 0),
            )
            if state == "READY" and (marked or (higher and waited > _LISTED)):
                return facts.number
        if state in _GONE:
            raise UserError(f"Kaggle could not prepare data set {ref}: it is {state}")
        if waited > options.score_limit:
            raise UserError(
                f"data set {ref} is still being prepared after {waited:.0f} s: the same command "
                f"with --run-dir looks again"
            )
        if (state or "not listed") != shown:
            shown = state or "not listed"
            say(f"data set {ref} is {shown} at Kaggle: waiting until it is ready")
        time.sleep(pause_between_looks(waited, options.poll))


def _mark_in(facts: DatasetFacts) -> str:
    """Return the mark of the latest version: in its notes, or in the description it came with."""
    latest = facts.notes.get(facts.number, "")
    found = MARK.search(latest) or MARK.search(facts.description)
    return found[0] if found else ""
