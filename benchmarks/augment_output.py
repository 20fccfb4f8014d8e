"""What the benchmarks of augmentation do with a result. No benchmark itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from thresher.core.files import write_json


def publish(result: dict[str, Any], out: str | None) -> None:
    """Print a result as JSON, and write it where `out` says, if anywhere."""
    print(json.dumps(result, indent=2))
    if out:
        write_json(Path(out), result)
