"""What there is to know in the world of simulated models: measures of things, and what things can be used for.

Generated tasks ask for it; a simulated model knows as much of it as its skill says.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

MEASURES: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "length in km": {
            "Nile": 6650, "Yangtze": 6300, "Congo": 4700, "Niger": 4180, "Volga": 3530, "Danube": 2850, "Indus": 3180,
            "Rhine": 1230, "Elbe": 1094, "Seine": 777, "Ebro": 930, "Thames": 346,
        },
        "height in m": {
            "Everest": 8849, "Aconcagua": 6961, "Denali": 6190, "Kilimanjaro": 5895, "Elbrus": 5642, "Ararat": 5137,
            "Mont Blanc": 4806, "Fuji": 3776, "Etna": 3357, "Olympus": 2918, "Ben Nevis": 1345, "Vesuvius": 1281,
        },
        "area in thousand square km": {
            "Brazil": 8516, "India": 3287, "Mexico": 1964, "Egypt": 1010, "Nigeria": 924, "France": 544, "Spain": 506,
            "Japan": 378, "Italy": 301, "Ghana": 239, "Portugal": 92, "Ireland": 70,
        },
        "weight in kg": {
            "elephant": 5000, "hippopotamus": 1500, "giraffe": 1000, "horse": 500, "tiger": 200, "chimpanzee": 50,
            "beaver": 20, "badger": 11, "fox": 6, "hare": 4, "hedgehog": 0.8, "mouse": 0.02,
        },
        "atomic number": {
            "carbon": 6, "oxygen": 8, "sodium": 11, "silicon": 14, "iron": 26, "copper": 29, "silver": 47, "tin": 50,
            "barium": 56, "gold": 79, "lead": 82, "uranium": 92,
        },
    }
)  # fmt: skip
"""By measure: what each thing comes to, so far apart that all books put them in the same order."""


def _listed(text: str) -> tuple[str, ...]:
    return tuple(" ".join(idea.split()) for idea in text.split(","))


USES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "brick": _listed(
            """hold a door open, build a wall, weigh down papers, prop up a shelf, edge a flower bed, drive in a peg,
            warm a bed, grind into pigment, mark a goal, lift a bicycle, crack nuts, press flowers, anchor a tent"""
        ),
        "paper clip": _listed(
            """hold sheets together, pick a lock, mark a page, press a reset button, hang an ornament, mend a zip,
            clean a nozzle, make a chain, bend a fish hook, fasten a hem, scratch a drawing, pull a splinter,
            test a magnet"""
        ),
        "newspaper": _listed(
            """read the news, wrap a present, light a fire, line a drawer, clean a window, swat a fly, fold a hat,
            dry wet shoes, pack china, start seedlings, cover a table, make papier mache, fold a boat"""
        ),
        "bucket": _listed(
            """carry water, catch a leak, build a sandcastle, beat as a drum, wash a car, grow potatoes, sit on,
            stand on, soak feet, cool bottles, store toys, mix plaster, collect berries"""
        ),
        "blanket": _listed(
            """keep warm, have a picnic, build a den, put out a fire, carry leaves, screen a window, wrap furniture,
            line a dog basket, signal with smoke, shade a pram, make a cape, stop a draught, slide on"""
        ),
        "umbrella": _listed(
            """keep off rain, give shade, lean on, reach a shelf, catch falling fruit, hide behind, defend oneself,
            reflect a flash, dry socks on, point the way, slow a sledge, shelter a seedling, hold open a gate"""
        ),
        "shoe": _listed(
            """walk in, knock in a nail, plant herbs in, prop a window, kill a spider, throw at a post, dig a hole,
            keep coins in, stamp a pattern, bail out a boat, measure a room, scare a cat, hide a key"""
        ),
        "bottle": _listed(
            """store oil, roll out dough, send a message, hold a candle, water a plant, blow a note, feed a lamb,
            float a line, build a model ship, keep a bed warm, play skittles, filter sand, trap wasps"""
        ),
        "rope": _listed(
            """climb a tree, tie up a boat, skip, dry laundry, pull a sledge, fence off a path, make a swing,
            lead a cow, hang a hammock, weave a mat, lower a basket, measure a field, splice a net"""
        ),
        "spoon": _listed(
            """eat soup, stir paint, dig in a pot, play a rhythm, look round a corner, open a tin, catapult peas,
            race with an egg, shape clay, press garlic, polish leather, bait a hook, scrape wax"""
        ),
        "tyre": _listed(
            """drive on, swing on, fender for a quay, plant a tree in, train with, sledge on, weigh down a tarpaulin,
            sole a sandal, bed for a dog, crash barrier, float on, climbing tower, sandpit rim"""
        ),
        "mirror": _listed(
            """shave by, signal an aeroplane, light a room, start a fire by the sun, watch a door, draw a likeness,
            check a breath, measure a tower, make a kaleidoscope, see round a bend, inspect teeth, serve as a tray,
            frighten birds"""
        ),
    }
)  # fmt: skip
"""By thing: all that simulated models hold to be a use of it."""
