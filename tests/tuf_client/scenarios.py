"""Holds sealift-tuf-client to repositories that python-tuf made, served on loopback.

One scenario a function; each gets a fresh repository and a fresh client. Usage: scenarios.py CLIENT
"""

import datetime
import hashlib
import http.server
import os
import subprocess
import sys
import tempfile
import threading
import urllib.parse

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Key,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
LATER, PAST = NOW + datetime.timedelta(days=30), NOW - datetime.timedelta(days=1)
TOP = ["targets", "snapshot", "timestamp"]


class Repository:
    """A repository in memory: bodies to edit, signers by role, and what was published, by path."""

    def __init__(self):
        self.files = {}
        self.bodies = {
            "root": Root(expires=LATER),
            "targets": Targets(expires=LATER),
            "snapshot": Snapshot(expires=LATER),
            "timestamp": Timestamp(expires=LATER),
        }
        self.signers = {}
        for role in ["root", *TOP]:
            self.rotate(role)
        self.publish("root", *TOP)

    def rotate(self, role, signer=None):
        """Gives a top-level role one new key; Ed25519 for root and targets, P-256 for the online roles."""
        generate = CryptoSigner.generate_ed25519 if role in ("root", "targets") else CryptoSigner.generate_ecdsa
        signer = signer or generate()
        for old in list(self.bodies["root"].roles[role].keyids):
            self.bodies["root"].revoke_key(old, role)
        self.bodies["root"].add_key(signer.public_key, role)
        self.signers[role] = [signer]

    def delegate(self, delegator, name, paths, **more):
        """Delegates to a role with a key of its own and returns the role's body."""
        body = self.bodies[delegator]
        if body.delegations is None:
            body.delegations = Delegations({}, {})
        arguments = {"paths": paths} if paths is not None else {}
        body.delegations.roles[name] = DelegatedRole(name, [], 1, more.pop("terminating", False), **arguments, **more)
        signer = CryptoSigner.generate_ecdsa()
        body.add_key(signer.public_key, name)
        self.signers.setdefault(name, []).append(signer)
        return self.bodies.setdefault(name, Targets(expires=LATER))

    def target(self, role, path, content, hashes=("sha256",)):
        info = TargetFile.from_data(path, content, list(hashes))
        self.bodies[role].targets[path] = info
        directory, _, name = path.rpartition("/")
        prefix = f"{directory}/" if directory else ""
        self.files[f"targets/{prefix}{info.hashes[hashes[0]]}.{name}"] = content

    def publish(self, *roles, signers=None):
        for role in roles:
            body = self.bodies[role]
            if self.files.get(f"latest/{role}"):
                body.version += 1
            self.put(role, signers or self.signers[role])
            if role == "snapshot":
                self.bodies["timestamp"].snapshot_meta = self.described("snapshot")
            elif role not in ("root", "timestamp"):
                self.bodies["snapshot"].meta[f"{role}.json"] = self.described(role)

    def put(self, role, signers):
        metadata = Metadata(self.bodies[role])
        for signer in signers:
            metadata.sign(signer, append=True)
        bytes_ = metadata.to_bytes()
        name = urllib.parse.quote(role, "")
        prefix = "" if role == "timestamp" else f"{self.bodies[role].version}."
        self.files[f"latest/{role}"] = self.files[f"metadata/{prefix}{name}.json"] = bytes_

    def described(self, role):
        return MetaFile.from_data(self.bodies[role].version, self.files[f"latest/{role}"], ["sha256"])


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        content = self.server.repository.files.get(self.path.lstrip("/"))
        self.server.asked.append(self.path.lstrip("/"))
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_):
        pass


class Client:
    """The program, with directories of its own and a server for one repository."""

    def __init__(self, program, repository, directory):
        self.program, self.repository = program, repository
        self.trusted, self.fetched = os.path.join(directory, "metadata"), os.path.join(directory, "a/targets")
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.repository, self.server.asked = repository, []
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        root = os.path.join(directory, "first.json")
        with open(root, "wb") as file:
            file.write(repository.files["latest/root"])
        assert self.run("init", root) == 0

    def run(self, *words):
        base = "http://127.0.0.1:%d" % self.server.server_address[1]
        options = ["--metadata-dir", self.trusted]
        if words[0] != "init":
            options += ["--metadata-url", base + "/metadata/"]
        if words[0] == "download":
            options += ["--target-name", words[1], "--target-dir", self.fetched, "--target-base-url", base + "/targets"]
            words = words[:1]
        finished = subprocess.run([self.program, *options, *words], capture_output=True, timeout=60)
        self.said = finished.stderr.decode()
        assert finished.returncode in (0, 1), (finished.returncode, self.said)
        return finished.returncode

    def refresh(self):
        return self.run("refresh")

    def download(self, path):
        return self.run("download", path)

    def stored(self, role):
        try:
            with open(os.path.join(self.trusted, urllib.parse.quote(role, "") + ".json"), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def got(self, path):
        with open(os.path.join(self.fetched, urllib.parse.quote(path, "")), "rb") as file:
            return file.read()

    def refused(self, because, code):
        assert code == 1 and because in self.said, (code, self.said)


SCENARIOS = []


def scenario(function):
    SCENARIOS.append(function)
    return function


@scenario
def keeps_metadata_byte_for_byte(repository, client):
    assert client.refresh() == 0
    for role in ["root", *TOP]:
        assert client.stored(role) == repository.files[f"latest/{role}"], role
    # Nothing is fetched twice, the timestamp and the question for the next root apart.
    client.server.asked.clear()
    assert client.refresh() == 0
    assert client.server.asked == ["metadata/2.root.json", "metadata/timestamp.json"]


@scenario
def follows_root_rotation_over_an_expired_root(repository, client):
    old = repository.signers["root"]
    for expires in (PAST, LATER):
        repository.rotate("root")
        repository.bodies["root"].expires = expires
        repository.publish("root", signers=old + repository.signers["root"])
        old = repository.signers["root"]
    assert client.refresh() == 0, client.said
    assert client.stored("root") == repository.files["metadata/3.root.json"]


@scenario
def refuses_a_root_that_the_old_keys_did_not_sign(repository, client):
    repository.rotate("root")
    repository.publish("root")
    client.refused("role `root` of root version 1", client.refresh())
    assert client.stored("root") == repository.files["metadata/1.root.json"]


@scenario
def refuses_what_a_revoked_key_signs_and_accepts_the_new_one(repository, client):
    assert client.refresh() == 0
    revoked, root = repository.signers["timestamp"], repository.signers["root"]
    repository.rotate("timestamp")
    repository.publish("root", signers=root)
    repository.publish(*TOP[:2])
    repository.publish("timestamp", signers=revoked)
    client.refused("role `timestamp` of root version 2", client.refresh())
    repository.put("timestamp", repository.signers["timestamp"])
    assert client.refresh() == 0, client.said


@scenario
def refuses_timestamp_and_snapshot_that_go_back(repository, client):
    first = repository.files["latest/timestamp"]
    repository.publish(*TOP)
    assert client.refresh() == 0
    second = client.stored("timestamp")
    repository.files["metadata/timestamp.json"] = first
    client.refused("is older than version 2", client.refresh())
    repository.bodies["timestamp"].version = 3
    repository.bodies["timestamp"].snapshot_meta = MetaFile(1)
    repository.put("timestamp", repository.signers["timestamp"])
    client.refused("is older than version 2", client.refresh())
    assert client.stored("timestamp") == second


@scenario
def recovers_from_versions_pushed_out_of_reach(repository, client):
    for role in ("snapshot", "timestamp"):
        repository.bodies[role].version = 2**63 - 1
        repository.publish(role)
    assert client.refresh() == 0, client.said
    root = repository.signers["root"]
    repository.bodies["snapshot"].version = repository.bodies["timestamp"].version = 1
    repository.rotate("snapshot")
    repository.put("snapshot", repository.signers["snapshot"])
    repository.bodies["timestamp"].snapshot_meta = repository.described("snapshot")
    # With the timestamp key still the old one, its version stays out of reach.
    repository.put("timestamp", repository.signers["timestamp"])
    client.refused("older", client.refresh())
    repository.rotate("timestamp")
    repository.put("timestamp", repository.signers["timestamp"])
    repository.publish("root", signers=root)
    assert client.refresh() == 0, client.said
    assert client.stored("snapshot") == repository.files["metadata/1.snapshot.json"]


@scenario
def refuses_each_expired_document(repository, client):
    for role in ["root", *TOP]:
        repository.bodies[role].expires = PAST
        repository.publish(*(["root"] if role == "root" else TOP))
        client.refused(f"{role} metadata version", client.refresh())
        assert "expired" in client.said
        repository.bodies[role].expires = LATER
        repository.publish(*(["root"] if role == "root" else TOP))
        assert client.refresh() == 0, client.said


@scenario
def downloads_by_sha256_and_sha512_and_keeps_nothing_else(repository, client):
    for path, hashes in (("a", ["sha256"]), ("d/b", ["sha512"]), ("d/e/c", ["sha512", "sha256"])):
        repository.target("targets", path, path.encode(), hashes[:1])
        repository.bodies["targets"].targets[path] = TargetFile.from_data(path, path.encode(), hashes[:1])
    repository.publish(*TOP)
    for path in ("a", "d/b", "d/e/c"):
        assert client.download(path) == 0, client.said
        assert client.got(path) == path.encode()
    for name in [name for name in repository.files if name.startswith("targets/")]:
        repository.files[name] = b"x"
    assert client.download("a") == 0, "what is there is not fetched again"
    os.remove(os.path.join(client.fetched, "a"))
    client.refused("not the one that was signed", client.download("a"))
    repository.files = {name: bytes_ * 2 if name.startswith("targets/") else bytes_ for name, bytes_ in repository.files.items()}
    client.refused("larger than 1 bytes", client.download("a"))
    assert sorted(os.listdir(client.fetched)) == ["d%2Fb", "d%2Fe%2Fc"]


@scenario
def finds_delegated_targets_and_only_within_their_paths(repository, client):
    repository.delegate("targets", "a", ["p/*"])
    repository.delegate("a", "b", ["p/*", "q/*"])
    for path in ("p/x", "q/x", "p/x/y"):
        repository.target("b", path, path.encode())
    repository.publish("b", "a", *TOP)
    assert client.download("p/x") == 0, client.said
    assert client.got("p/x") == b"p/x"
    for path in ("q/x", "p/x/y", "p/z"):
        client.refused("no role that may", client.download(path))


@scenario
def stops_at_a_terminating_delegation(repository, client):
    repository.delegate("targets", "a", ["p/*"], terminating=True)
    repository.delegate("targets", "b", ["p/*"])
    repository.target("b", "p/x", b"x")
    repository.publish("a", "b", *TOP)
    client.refused("no role that may", client.download("p/x"))
    assert client.stored("b") is None


@scenario
def delegates_by_digest_of_the_path(repository, client):
    path = "anything/at all"
    prefix = hashlib.sha256(path.encode()).hexdigest()[:3]
    repository.delegate("targets", "bin", None, path_hash_prefixes=["fffffff", prefix])
    repository.target("bin", path, b"x")
    # The path is asked for percent-encoded.
    for file in [file for file in repository.files if file.startswith("targets/")]:
        repository.files[file.replace(" ", "%20")] = repository.files.pop(file)
    repository.publish("bin", *TOP)
    assert client.download(path) == 0, client.said
    client.refused("no role that may", client.download("other"))


@scenario
def verifies_a_stored_role_with_the_keys_of_each_delegator(repository, client):
    repository.delegate("targets", "a", ["p/*"])
    repository.delegate("targets", "b", ["q/*"])
    repository.delegate("a", "c", ["*/*"])
    signers = list(repository.signers["c"])
    for path in ("p/x", "q/x"):
        repository.target("c", path, path.encode())
    repository.delegate("b", "c", ["*/*"])
    repository.publish("c", signers=signers)
    repository.publish("a", "b", *TOP)
    assert client.download("p/x") == 0, client.said
    client.refused("by keys that `b` names", client.download("q/x"))
    # Signed for both, under a new version: accepted for both.
    repository.publish("c", "snapshot", "timestamp")
    assert client.download("q/x") == 0, client.said
    assert client.download("p/x") == 0, client.said


@scenario
def takes_role_names_as_data(repository, client):
    names = ["../../up", "/etc/x", "a?b#c", "%2e%2e"]
    for name in names:
        repository.delegate("targets", name, ["*"])
    repository.publish(*names, *TOP)
    client.refused("no role that may", client.download("missing"))
    asked = [path for path in client.server.asked if "up" in path]
    assert asked == ["metadata/1...%2F..%2Fup.json"], asked
    inside = {name for name in os.listdir(client.trusted)}
    assert inside == {f"{urllib.parse.quote(name, '')}.json" for name in [*names, "root", *TOP]}, inside


@scenario
def serves_names_without_versions_when_the_root_says_so(repository, client):
    repository.bodies["root"].consistent_snapshot = False
    repository.publish("root")
    for role in ("snapshot", "targets"):
        repository.files[f"metadata/{role}.json"] = repository.files.pop(f"metadata/1.{role}.json")
    assert client.refresh() == 0, client.said


@scenario
def counts_one_key_under_two_ids_once(repository, client):
    root, key = repository.signers["root"], repository.signers["timestamp"][0].public_key
    object_ = key.to_dict()
    repository.bodies["root"].add_key(Key.from_dict("another-id", dict(object_)), "timestamp")
    repository.bodies["root"].roles["timestamp"].threshold = 2
    repository.publish("root", signers=root)
    metadata = Metadata(repository.bodies["timestamp"])
    signature = metadata.sign(repository.signers["timestamp"][0])
    second = type(signature)("another-id", signature.signature)
    metadata.signatures["another-id"] = second
    repository.files["metadata/timestamp.json"] = metadata.to_bytes()
    client.refused("1 of 2 required signatures", client.refresh())


@scenario
def reads_over_rsa_keys_but_counts_none(repository, client):
    root = repository.signers["root"]
    rsa = CryptoSigner.generate_rsa()
    repository.bodies["root"].add_key(rsa.public_key, "timestamp")
    repository.publish("root", signers=root)
    assert client.refresh() == 0, client.said
    repository.publish("timestamp", signers=[rsa])
    client.refused("0 of 1 required signatures", client.refresh())


def main():
    failed = 0
    for function in SCENARIOS:
        with tempfile.TemporaryDirectory() as directory:
            repository = Repository()
            client = Client(sys.argv[1], repository, directory)
            try:
                function(repository, client)
                verdict = "ok"
            except AssertionError as error:
                failed += 1
                line = error.__traceback__.tb_next.tb_lineno
                verdict = f"FAILED in line {line}: {error}"
            client.server.shutdown()
        print(f"{function.__name__.replace('_', ' ')}: {verdict}")
    print(f"{len(SCENARIOS) - failed} scenarios passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
