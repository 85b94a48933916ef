"""Python imports this first in a kernel and in its child processes: it cuts the network off."""

import importlib.util
import os
import sys
from pathlib import Path

_path = Path(__file__).resolve().parents[2] / "kaggle" / "offline.py"
_spec = importlib.util.spec_from_file_location("kernel_network_guard", _path)
assert _spec is not None
assert _spec.loader is not None
_offline = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_offline)
_offline.forbid_network(loopback=os.environ.get("LOCAL_KAGGLE_NETWORK") == "loopback")
sys.modules[_spec.name] = _offline  # run_script.py checks that the guard has started
