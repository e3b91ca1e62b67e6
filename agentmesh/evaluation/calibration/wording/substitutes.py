"""Words of half `b` that have to give way, because a monitor's word list has come to hold them: word -> another."""

from __future__ import annotations

from collections.abc import Mapping

SUBSTITUTES: Mapping[str, str] = {}
