"""What the page and its files say."""

from __future__ import annotations

import json
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "learning.md").read_text(encoding="utf-8")
FOLDER = DOCS / "learning"
FIGURES = json.loads((FOLDER / "figures.json").read_text(encoding="utf-8"))
NETWORKS = json.loads((FOLDER / "torch" / "figures.json").read_text(encoding="utf-8"))
