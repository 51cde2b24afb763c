"""The front holds exactly the points that no other beats."""

import random

from export.page.front import front


def test_the_front_is_what_no_other_point_beats():
    chance = random.Random(2)
    for _ in range(300):
        points = {name: (chance.randint(0, 6), chance.randint(0, 6)) for name in range(chance.randint(0, 12))}
        beaten = {
            name
            for name, (x, y) in points.items()
            if any((a, b) != (x, y) and a <= x and b <= y for a, b in points.values())
        }
        found = front(points)
        assert set(found) == set(points) - beaten and len(found) == len(set(found))
        assert [points[name][0] for name in found] == sorted(points[name][0] for name in found)
