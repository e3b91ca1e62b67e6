"""A judge behind a server: text alone goes there, and the scores are those of the same model here."""

from __future__ import annotations

import threading

import pytest

from agentmesh.learning.ruler import ruler_sync
from agentmesh.providers.simulated.server import make_server
from tests.learning.ruler.groups import sums


@pytest.mark.real_models
def test_through_a_server_a_judge_gives_the_same_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    runs, gold = sums(3)
    here = ruler_sync(runs, "simulated:judge,noise=0.2,position=0.3", gold=gold)
    with make_server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        try:
            there = ruler_sync(runs, f"openai:judge,noise=0.2,position=0.3@{url}", gold=gold)
        finally:
            server.shutdown()
            thread.join()
    assert dict(there) == dict(here)
    assert there.usage.tokens == here.usage.tokens
    assert there.agreement == here.agreement
