from shop.receipt import receipt


def test_the_last_line_is_the_total():
    assert receipt([10.0, 30.0], discount=0.5).splitlines()[-1] == "total 20.00"
