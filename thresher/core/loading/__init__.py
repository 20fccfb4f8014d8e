"""Loading: any source of rows becomes one checked dataset with row ids, splits and a schema."""

from .load import load_dataset

__all__ = ["load_dataset"]
