"""Default names: easy to read aloud, and unlikely to occur twice."""

from __future__ import annotations

import secrets

_FIRST = """
    able amber bold brave brisk calm clear clever cosmic crisp deft eager early fair fleet fond frank fresh
    gentle glad golden grand honest humble jolly keen kind lively lucid lucky mellow merry mighty mild neat
    nimble noble patient placid polite proud quick quiet rapid ready robust rustic sharp shiny silent sincere
    smart smooth snowy solid spry stately steady sunny swift tidy tranquil upbeat vivid warm wise witty young
    zesty
"""
_SECOND = """
    acorn anchor aspen badger beacon birch bison breeze brook canyon cedar comet coral crane creek dolphin dune
    ember falcon fern finch fjord fox garnet glacier grove harbor heron island jaguar juniper kestrel lagoon
    lark lily lynx maple marlin meadow moose nebula oak orca osprey otter owl panda pebble pine plover puffin
    quartz raven reef river robin salmon seal sparrow spruce stork summit swan thistle tiger trout tulip walrus
    willow wren yak
"""


def readable_name() -> str:
    """A name such as ``brisk-otter-407``."""
    return f"{secrets.choice(_FIRST.split())}-{secrets.choice(_SECOND.split())}-{secrets.randbelow(1000):03d}"
