from shop.pricing import total


def test_a_total_has_whole_cents():
    assert total([0.1, 0.2]) == 0.3
