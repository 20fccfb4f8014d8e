"""The contract suite lies beside the tests, which are no packages."""

import sys
from pathlib import Path

import pytest

pytest.register_assert_rewrite("contract")
sys.path.insert(0, str(Path(__file__).parent))
