"""The fake server lies beside the tests, which are no packages."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
