"""What did old clients speak before there was a fourth version?"""

from __future__ import annotations

from sandbox.amocrm.http import Answer, Call, problem
from sandbox.amocrm.world import World


def answer(world: World, call: Call) -> Answer:
    return problem(404, "Not Found")
