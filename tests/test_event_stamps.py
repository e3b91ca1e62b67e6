from __future__ import annotations

from agentmesh.events import MessageDelivered, Notice, event_from_json, stamped


def _delivered(message_id: str) -> MessageDelivered:
    return MessageDelivered(agent="a", message_id=message_id, sender="a", recipient="b", content="Done.")


def test_a_stamped_event_is_complete_and_reads_back_as_itself() -> None:
    event = stamped(_delivered("m1"), 7, "r", 12.5)
    assert (event.id, event.run_id, event.ts) == (7, "r", 12.5)
    assert event.model_dump(exclude_unset=True) == event.model_dump()
    assert event_from_json(event.model_dump_json()) == event


def test_stamped_events_of_a_type_share_what_says_that_all_is_set() -> None:
    one, other = stamped(_delivered("m1"), 1, "r", 0.0), stamped(_delivered("m2"), 2, "r", 0.0)
    notice = stamped(Notice(agent="a", template="note", content="-"), 3, "r", 0.0)
    assert one.model_fields_set is other.model_fields_set
    assert notice.model_fields_set == set(Notice.model_fields)
