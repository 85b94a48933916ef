"""What a dry run looks at in its data, without a process, which takes seconds to begin."""

import json
from collections.abc import Callable
from typing import Any

from common.errors import PREFIX, UserError
from common.training.first_look import look


def read_here(patch: Any) -> Callable[[list[str], dict[str, str]], tuple[int, str]]:
    """In the place of ``kernels.local.dry_run._run_reading``; warnings go to standard output."""

    def read(command: list[str], environment: dict[str, str]) -> tuple[int, str]:
        *_, script, recipe, seed = command
        with patch.context() as variables:
            mounts = environment["KAGGLE_CACHE_MOUNT_FOLDER"]
            variables.setenv("KAGGLE_CACHE_MOUNT_FOLDER", mounts)
            try:
                look(script, json.loads(recipe), int(seed))
            except UserError as error:
                return 1, f"{PREFIX}{error}"
        return 0, ""

    return read
