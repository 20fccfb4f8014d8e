"""What happens to each row: findings become a manifest, within safeguards."""

from __future__ import annotations
