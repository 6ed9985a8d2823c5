"""What guards have told the journal of a host during a test."""

from __future__ import annotations

from collections.abc import Callable

Journal = Callable[[], list[dict[str, str]]]
