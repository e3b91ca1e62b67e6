"""Marks that set roles and senders apart, in all the disguises in which a text may bring them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from agentmesh.messages import ImagePart


def test_an_image_has_exactly_one_source() -> None:
    for fields in ({}, {"data": ""}, {"data": "QUJD", "url": "http://x/y.png"}):
        with pytest.raises(ValidationError, match="either `data`, in base64, or a `url`"):
            ImagePart.model_validate(fields)
    assert ImagePart(url="http://x/y.png").data is None
