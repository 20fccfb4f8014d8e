"""What an Arrow type holds: text, bytes, numbers or lists, in any of their forms."""

from __future__ import annotations

from typing import Any

import pyarrow as pa


def is_string(kind: Any) -> bool:
    """Tell whether an Arrow type is text."""
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def is_binary(kind: Any) -> bool:
    """Tell whether an Arrow type is bytes of any length."""
    return bool(
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)
    )


def is_number(kind: Any) -> bool:
    """Tell whether an Arrow type is a number or a boolean."""
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_decimal(kind)
    )


def is_list(kind: Any) -> bool:
    """Tell whether an Arrow type is a list, of fixed size or not."""
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )
