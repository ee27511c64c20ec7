"""A small TUF repository that a case is made from, and the documents of the case.

The documents are made from below, so that a change in one is described by its parents: a mutation is judged for what it
is and not refused one step earlier for a digest that no longer fits.
"""

import copy
import hashlib
import json

from keys import P256, Ed25519, canonical

NOW = "2026-11-22T16:00:00Z"
LATER = "2027-02-20T16:00:00Z"
TARGET = "bundles/deb12/1/manifest.json"
TOP = ["root", "timestamp", "snapshot", "targets"]
_keys = {}


def key(n):
    """Key number n: every third is P-256."""
    if n not in _keys:
        _keys[n] = P256(n) if n % 3 == 0 else Ed25519(n)
    return _keys[n]


def role(keys, threshold):
    return {"keyids": [k.id for k in keys], "threshold": threshold}


def table(keys):
    return {k.id: copy.deepcopy(k.object) for k in keys}


def header(kind, version):
    return {"_type": kind, "spec_version": "1.0.34", "version": version, "expires": LATER}


def target(content=b"m"):
    return {"length": len(content), "hashes": {"sha256": hashlib.sha256(content).hexdigest()}}


class Repository:
    """Bodies, signers and three hooks a role: on the body, on the signed document, on its bytes."""

    def __init__(self, rng, mixed=True):
        self.rng = rng
        pick = (lambda base: key(base + rng.randrange(3))) if mixed else (lambda base: key(base + 1))
        self.signers = {"root": [key(10), key(11)], "timestamp": [pick(20)], "snapshot": [pick(30)], "targets": [pick(40)]}
        if rng.random() < 0.3:
            self.signers["targets"] = [key(40), key(41)]
        self.root = header("root", 1) | {
            "consistent_snapshot": True,
            "keys": table([k for name in TOP for k in self.signers[name]]),
            "roles": {name: role(self.signers[name], len(self.signers[name])) for name in TOP},
        }
        self.targets = header("targets", 1) | {"targets": {TARGET: target()}}
        self.delegated = {}
        self.versions = {"timestamp": 1, "snapshot": 1}
        self.described = rng.choice(["all", "version", "all", "hashes", "length"])
        self.style = rng.choice(["canonical", "compact", "indent"])
        self.body, self.envelope, self.raw = {}, {}, {}
        self.later_roots = []
        self.previous = {}
        self.want = TARGET

    def write(self, name, body, signers):
        """Signs and serialises one document, with the hooks of its role."""
        body = copy.deepcopy(body)
        body = self.body.get(name, lambda b: b)(body)
        document = {"signatures": [], "signed": body}
        covered = canonical(body)
        document["signatures"] = [{"keyid": k.id, "sig": k.sign(covered)} for k in signers]
        document = self.envelope.get(name, lambda d: d)(document)
        return self.raw.get(name, lambda b: b)(self.serialise(document))

    def serialise(self, document):
        if self.style == "canonical":
            return json.dumps(document, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
        if self.style == "indent":
            return json.dumps(document, indent=1, sort_keys=True).encode()
        return json.dumps(document, separators=(",", ":")).encode()

    def describe(self, version, data):
        meta = {"version": version}
        if self.described in ("all", "length"):
            meta["length"] = len(data)
        if self.described in ("all", "hashes"):
            meta["hashes"] = {"sha256": hashlib.sha256(data).hexdigest()}
        return meta

    def case(self):
        """Returns the documents as the judges take them."""
        delegated = {name: self.write(name, body, signers) for name, (body, signers) in self.delegated.items()}
        targets = self.write("targets", self.targets, self.signers["targets"])
        meta = {"targets.json": self.describe(self.targets["version"], targets)}
        for name, data in delegated.items():
            meta[f"{name}.json"] = self.describe(self.delegated[name][0]["version"], data)
        version = self.versions["snapshot"]
        body = header("snapshot", version) | {"meta": meta}
        snapshot = self.write("snapshot", body, self.signers["snapshot"])
        body = header("timestamp", self.versions["timestamp"])
        body["meta"] = {"snapshot.json": self.describe(version, snapshot)}
        return {
            "now": NOW,
            "root": self.write("root", self.root, self.signers["root"]),
            "roots": self.later_roots,
            "timestamp": self.write("timestamp", body, self.signers["timestamp"]),
            "snapshot": snapshot,
            "targets": targets,
            "delegated": delegated,
            "previous": self.previous,
            "want": self.want,
        }
