"""What the customer is given."""


def receipt(prices, discount=0.0):
    """One line for each price, and one for the total."""
    return "\n".join(f"{price:.2f}" for price in prices)
