"""Changes one random place of a JSON value."""

import copy

from repository import LATER, NOW

INTEGERS = [0, -1, 1, 2, 3, 7, 2**31, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 1.0, 1e3, "1", True, None, [1]]
TIMES = [
    NOW, LATER, "2026-11-22T16:00:01Z", "2026-11-22T15:59:59Z", "1969-12-31T23:59:59Z", "2000-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z", "10000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "2027-02-29T00:00:00Z",
    "2028-02-29T00:00:00Z", "2027-01-01T24:00:00Z", "2027-01-01T00:00:60Z", "2027-13-01T00:00:00Z",
    "2027-01-01T00:00:00.5Z", "2027-01-01T00:00:00+00:00", "2027-01-01t00:00:00z", "2027-01-01 00:00:00Z",
    "2027-1-1T0:0:0Z", "2027-01-01T00:00:00", "2027-01-01", " 2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z ",
    "+027-01-01T00:00:00Z", "２０２７-01-01T00:00:00Z", "", 1800000000, None,
]  # fmt: skip


def places(value, found, parent=None, name=None):
    """Lists every place in a JSON value as (container, key)."""
    if parent is not None:
        found.append((parent, name))
    if isinstance(value, dict):
        for k in value:
            places(value[k], found, value, k)
    elif isinstance(value, list):
        for at in range(len(value)):
            places(value[at], found, value, at)
    return found


def spoil(rng, value):
    """Changes one random place of a JSON value."""
    value = copy.deepcopy(value)
    found = places(value, [])
    if not found:
        return value
    parent, name = rng.choice(found)
    old = parent[name]
    how = rng.randrange(14)
    if how == 0:
        del parent[name]
    elif how == 1 and isinstance(parent, dict):
        parent[str(name) + "x"] = parent.pop(name)
    elif how == 2 and isinstance(parent, dict):
        parent["extra"] = rng.choice([None, 1, "x", {"a": []}, 1.5])
    elif how == 3 and isinstance(parent, list):
        parent.insert(rng.randrange(len(parent) + 1), copy.deepcopy(old))
    elif how == 4 and isinstance(old, dict):
        parent[name] = list(old.values())
    elif how == 5 and isinstance(old, str):
        parent[name] = rng.choice([old.upper(), old + " ", old[:-1], "é" + old, old + "\u0007", old.swapcase(), ""])
    elif how == 6 and isinstance(old, int):
        parent[name] = rng.choice([old + 1, old - 1, -old, float(old), str(old)])
    elif how == 7:
        parent[name] = [old]
    else:
        parent[name] = rng.choice([*INTEGERS, *TIMES, {}, [], "x", old])
    return value
