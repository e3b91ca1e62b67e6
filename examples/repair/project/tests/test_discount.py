from shop.pricing import total


def test_a_discount_is_a_share_of_the_total():
    assert abs(total([10.0, 30.0], discount=0.25) - 30.0) < 0.01


def test_without_a_discount_nothing_is_taken_off():
    assert abs(total([10.0, 30.0]) - 40.0) < 0.01
