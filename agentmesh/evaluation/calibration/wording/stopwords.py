"""Words that carry no content of their own: both halves of the wordings may use them."""

from __future__ import annotations

STOPWORDS = frozenset(
    """
    a about above after again against all also am an and any are as at be because been before being below
    between both but by can cannot could did do does doing down during each either else few for from further had
    has have having he her here hers him his how i if in into is it its itself just let like many may me might
    mine more most much must my neither no nor not nothing now of off on once one only onto or other others our
    ours out over own per quite rather same shall she should since so some such than that the their theirs them
    then there these they this those through to too toward towards under until up upon us very was we were what
    when where whether which while who whom whose why will with within without would yet you your yours yourself
    itself ourselves myself aren't can't couldn't didn't doesn't don't hasn't haven't i'd i'll i'm i've isn't
    it's let's shouldn't that's there's they're wasn't we'd we'll we're we've weren't what's won't wouldn't
    you'd you'll you're you've get gets got getting go goes going gone make makes made making take takes took
    taken put puts come comes came give gives given first two second thing things something anything everything
    way
    """.split()
)
