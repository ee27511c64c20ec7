"""Cases of delegated targets."""

from repository import TARGET, Repository, header, key, role, table, target
from spoil import INTEGERS, spoil

PATTERNS = ["bundles/*/*/*", "bundles/deb12/1/*.json", "bundles/*", "*", TARGET, "bundles/deb1?/1/manifest.json",
            "bundles/deb1[12]/*/*", "bundles/deb12/*/", "/bundles/*/*/*", "BUNDLES/*/*/*", "**", "bundles/**/manifest.json", ""]  # fmt: skip
NAMES = ["a", "b", "c", "stream/deb12", "1.a", "../a", "é", "root", "targets", "snapshot", "timestamp", " ", "a.json", ""]


def delegate(rng, repo):
    """Moves the target into a tree of delegated roles that find it."""
    names = rng.sample(["a", "b", "c"], rng.randrange(1, 4))
    owner = rng.choice(names)
    entries = [delegation(name, ["bundles/*/*/*"], rng.random() < 0.1) for name in names]
    members = {name: [key(110 + ord(name) - 97)] for name in names}
    repo.targets["delegations"] = {
        "keys": table([k for name in names for k in members[name]]),
        "roles": [entry | role(members[entry["name"]], 1) for entry in entries],
    }
    if rng.random() < 0.7:
        del repo.targets["targets"][TARGET]
    for name in names:
        body = header("targets", rng.randrange(1, 4)) | {"targets": {}}
        if name == owner:
            body["targets"][TARGET] = target(name.encode())
        repo.delegated[name] = (body, members[name])


def delegation(name, paths, terminating):
    return {"name": name, "paths": paths, "terminating": terminating}


def delegations(rng):
    """Delegations whose paths, names, keys or order are odd, and several delegators of one role."""
    repo = Repository(rng)
    delegate(rng, repo)
    given = repo.targets["delegations"]
    entry = rng.choice(given["roles"])
    how = rng.randrange(10)
    if how == 0:
        entry["paths"] = rng.choice([[rng.choice(PATTERNS)], rng.sample(PATTERNS, 2), [], None, "x", [1]])
    elif how == 1:
        del entry["paths"]
        entry["path_hash_prefixes"] = rng.choice([[""], ["0"], list("0123456789abcdef"), ["zz"], [], None, ["A"]])
    elif how == 2:
        entry["path_hash_prefixes"] = ["0"]
    elif how == 3:
        rename(repo, entry, rng.choice(NAMES))
    elif how == 4:
        entry["threshold"] = rng.choice(INTEGERS)
    elif how == 5:
        entry["terminating"] = rng.choice([True, True, False, None, 1, "true"])
    elif how == 6:
        again(rng, repo)
    elif how == 7:
        repo.targets["delegations"] = spoil(rng, given)
    elif how == 8:
        repo.delegated.pop(entry["name"])
    else:
        repo.targets["delegations"] = rng.choice([
            {"keys": {}, "roles": []}, {"keys": given["keys"]}, None,
            {"keys": given["keys"], "succinct_roles": {"keyids": entry["keyids"], "threshold": 1, "bit_length": 1, "name_prefix": "a"}},
        ])  # fmt: skip
    return repo.case()


def rename(repo, entry, name):
    body = repo.delegated.pop(entry["name"])
    entry["name"] = name
    repo.delegated[name] = body


def again(rng, repo):
    """Every delegated role delegates on: to another, to itself, in a circle, with the right keys or others."""
    for name, (body, _) in repo.delegated.items():
        other = rng.choice([*repo.delegated, "targets"])
        signers = rng.choice([repo.delegated[other][1] if other in repo.delegated else [key(40)], [key(120)]])
        body["delegations"] = {"keys": table(signers), "roles": [delegation(other, ["*/*/*/*"], rng.random() < 0.3) | role(signers, 1)]}
