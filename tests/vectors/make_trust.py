#!/usr/bin/env python3
"""Makes the vectors of docs/format/trust.md, evidence.md, receipt.md, request.md, code.md, need-list.md, key-file.md and ledger.md, independently of the Rust code.

Needs the package `cryptography` (44 or later). Run anywhere; the results are checked in, and running it again makes the same
bytes. All keys are insecure test keys: their seeds are digests of their names.

Each refused vector breaks the one rule it is named after; everything else in it is as it should be.
"""
import base64
import copy
import hashlib
import json
import shutil
import struct
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

HERE = Path(__file__).parent
NOW = "2026-11-22T16:00:00Z"
SOON = "2026-12-22T16:00:00Z"
PAST = "2026-11-21T16:00:00Z"
L = 2**252 + 27742317777372353535851937790883648493
P = 2**255 - 19
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def sha(data):
    return hashlib.sha256(data).hexdigest()


def canonical(value):
    """OLPC canonical JSON: sorted keys, no white space, and of all characters only quotation mark and backslash escaped."""
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return "[" + ",".join(canonical(v) for v in value) + "]"
    return "{" + ",".join(canonical(k) + ":" + canonical(value[k]) for k in sorted(value)) + "}"


def compact(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class Ed25519:
    def __init__(self, name):
        self.seed = hashlib.sha256(f"insecure-test {name}".encode()).digest()
        self.private = ed25519.Ed25519PrivateKey.from_private_bytes(self.seed)
        self.public = self.private.public_key().public_bytes_raw()
        self.object = {"keytype": "ed25519", "keyval": {"public": self.public.hex()}, "scheme": "ed25519"}
        self.id = sha(canonical(self.object).encode())

    def sign(self, message):
        return self.private.sign(message)


class P256:
    def __init__(self, name):
        number = int.from_bytes(hashlib.sha256(f"insecure-test {name}".encode()).digest(), "big") % N
        self.private = ec.derive_private_key(number, ec.SECP256R1())
        form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        self.pem = self.private.public_key().public_bytes(*form).decode()
        self.object = {"keytype": "ecdsa", "keyval": {"public": self.pem}, "scheme": "ecdsa-sha2-nistp256"}
        self.id = sha(canonical(self.object).encode())

    def sign(self, message):
        return self.private.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))


ROOT, ROOT2, TARGETS, TARGETS2 = Ed25519("root 1"), Ed25519("root 2"), Ed25519("targets 1"), Ed25519("targets 2")
SNAPSHOT, TIMESTAMP, EVIDENCE = Ed25519("snapshot"), Ed25519("timestamp"), Ed25519("evidence")
NEW_ROOT, STRANGER, ELLIPTIC = Ed25519("root of later"), Ed25519("stranger"), P256("timestamp in a token")


def put(directory, name, data):
    path = HERE / directory / name
    assert not path.exists(), f"{path} twice"
    path.write_bytes(data)


# Trust metadata

def role(*keys, threshold=1):
    return {"keyids": [k.id for k in keys], "threshold": threshold}


def root_body(version=1, keys=(ROOT, TARGETS, SNAPSHOT, TIMESTAMP), expires="2027-11-22T16:00:00Z", **roles):
    standard = {"root": role(ROOT), "targets": role(TARGETS), "snapshot": role(SNAPSHOT), "timestamp": role(TIMESTAMP)}
    return {
        "_type": "root", "consistent_snapshot": True,
        "custom": {"sealift": {"evidence": {"keys": {EVIDENCE.id: EVIDENCE.object}}}},
        "expires": expires, "keys": {k.id: k.object for k in keys}, "roles": {**standard, **roles},
        "spec_version": "1.0.34", "version": version,
    }


def signed(body, *keys):
    message = canonical(body).encode()
    signatures = [{"keyid": k.id, "sig": k.sign(message).hex()} for k in keys]
    return {"signatures": sorted(signatures, key=lambda s: s["keyid"]), "signed": body}


def meta(document, version):
    data = document if isinstance(document, bytes) else compact(document)
    return {"hashes": {"sha256": sha(data)}, "length": len(data), "version": version}


def lower(kind, version, expires=SOON, **fields):
    return {"_type": kind, "expires": expires, "spec_version": "1.0.34", "version": version, **fields}


MANIFEST = {"hashes": {"sha256": sha(b"manifest")}, "length": 8}
TARGET = {"bundles/patches/1/manifest.json": MANIFEST}


class Set:
    """One set of metadata, signed by whoever has to; each document can be changed before or after it is signed."""

    def __init__(self, root=None, version=3, signers=None, bodies=None, documents=None, expires=None):
        signers, bodies, documents = signers or {}, bodies or {}, documents or {}
        expires = {**dict.fromkeys(("targets", "snapshot", "timestamp"), SOON), **(expires or {})}
        standard = {"targets": [TARGETS], "snapshot": [SNAPSHOT], "timestamp": [TIMESTAMP]}
        self.now, self.known, self.roots = NOW, {}, []
        self.pinned = compact(signed(root_body(), ROOT)) if root is None else root

        def make(kind, fields):
            body = lower(kind, version, expires[kind], **fields)
            bodies.get(kind, lambda b: None)(body)
            document = signed(body, *signers.get(kind, standard[kind]))
            documents.get(kind, lambda d: None)(document)
            return document if isinstance(document, bytes) else compact(document)

        self.targets = make("targets", {"targets": TARGET})
        self.snapshot = make("snapshot", {"meta": {"targets.json": meta(self.targets, version)}})
        self.timestamp = make("timestamp", {"meta": {"snapshot.json": meta(self.snapshot, version)}})


def vector(name, expect, what, documents):
    """One case in one file: `pinned`, each newer `root`, the three others, and what was trusted before (`known-…`)."""
    lines = [f"what: {what}", f"expect: {expect}", f"now: {documents.now}"]
    pairs = [("pinned", documents.pinned)] + [("root", r) for r in documents.roots]
    pairs += [(k, getattr(documents, k)) for k in ("timestamp", "snapshot", "targets") if getattr(documents, k)]
    pairs += [(f"known-{k}", v) for k, v in sorted(documents.known.items())]
    for key, data in pairs:
        data = data if isinstance(data, bytes) else compact(data)
        plain = data.isascii() and all(byte >= 32 for byte in data)
        lines.append(f"{key}: {data.decode()}" if plain else f"{key}-base64: {base64.b64encode(data).decode()}")
    put("trust", f"{name}.txt", ("\n".join(lines) + "\n").encode())


def pinned(body, *signers, raw=None):
    """A case that is decided by the pinned root already."""
    case = Set()
    case.pinned = raw if raw is not None else compact(signed(body, *(signers or (ROOT,))))
    case.timestamp = case.snapshot = case.targets = None
    return case


def edited(value, edit):
    value = copy.deepcopy(value)
    edit(value)
    return value


def set_key(*path):
    *parents, key, new = path

    def edit(value):
        for parent in parents:
            value = value[parent]
        value[key] = new
    return edit


def drop_key(*path):
    *parents, key = path

    def edit(value):
        for parent in parents:
            value = value[parent]
        del value[key]
    return edit


def change_signature(change, at=0):
    def edit(document):
        signature = document["signatures"][at]
        signature["sig"] = change(bytes.fromhex(signature["sig"])).hex()
    return edit


def trust_accepted():
    yield "accept-plain", "root, timestamp, snapshot and targets as a writer makes them", Set()

    two = root_body(keys=(ROOT, TARGETS, TARGETS2, SNAPSHOT, TIMESTAMP), targets=role(TARGETS, TARGETS2, threshold=2))
    yield "accept-two-of-two", "targets signed by both of two keys", Set(
        compact(signed(two, ROOT)), signers={"targets": [TARGETS, TARGETS2]})

    def beside(document):
        document["signatures"].insert(0, {"keyid": "0" * 64, "sig": "no signature"})
    yield "accept-garbage-beside-a-good-signature", "a signature that is none spoils no other", Set(
        documents={"timestamp": beside})

    case = Set()
    case.timestamp = json.dumps(json.loads(case.timestamp), indent=1).encode()
    yield "accept-other-formatting", "readers take any formatting; what is covered is the canonical form", case

    case = Set()
    case.pinned = compact(signed(root_body(expires=PAST), ROOT))
    case.roots = [compact(signed(root_body(2), ROOT))]
    yield "accept-expired-root-replaced", "an expired pinned root is good enough to believe the next", case

    changed = root_body(2, keys=(NEW_ROOT, TARGETS, SNAPSHOT, TIMESTAMP), root=role(NEW_ROOT))
    case = Set()
    case.roots = [compact(signed(changed, ROOT, NEW_ROOT))]
    yield "accept-root-change", "a root with another key, signed by the old and the new", case

    elliptic = root_body(keys=(ROOT, TARGETS, SNAPSHOT, ELLIPTIC), timestamp=role(ELLIPTIC))
    yield "accept-p256-timestamp", "timestamp signed with ECDSA P-256", Set(
        compact(signed(elliptic, ROOT)), signers={"timestamp": [ELLIPTIC]})

    def high(signature):
        r, s = utils.decode_dss_signature(signature)
        return utils.encode_dss_signature(r, max(s, N - s))
    yield "accept-p256-high-s", "ECDSA allows two values of s, and others accept both", Set(
        compact(signed(elliptic, ROOT)), signers={"timestamp": [ELLIPTIC]},
        documents={"timestamp": change_signature(high)})

    case = Set()
    case.known = {"timestamp": case.timestamp, "snapshot": case.snapshot}
    yield "accept-the-same-again", "the very documents that were trusted before", case

    case = Set()
    stolen = Ed25519("stolen timestamp")
    old = Set(version=2**53 - 1, signers={"timestamp": [stolen]})
    case.pinned = compact(signed(root_body(keys=(ROOT, TARGETS, SNAPSHOT, stolen), timestamp=role(stolen)), ROOT))
    case.roots = [compact(signed(root_body(2), ROOT))]
    case.known = {"timestamp": old.timestamp}
    yield "accept-recovery-from-fast-forward", "a root without the stolen timestamp key forgets the version it pushed up", case


def trust_signatures():
    yield "signatures-missing", "metadata-malformed", "no field `signatures`", Set(
        documents={"timestamp": drop_key("signatures")})
    yield "signatures-empty", "threshold", "nobody signed", Set(signers={"timestamp": []})
    twice = lambda d: d["signatures"].append(d["signatures"][0])
    yield "signature-twice", "metadata-malformed", "two signatures with one key id", Set(documents={"targets": twice})
    two = compact(signed(root_body(
        keys=(ROOT, TARGETS, TARGETS2, SNAPSHOT, TIMESTAMP), targets=role(TARGETS, TARGETS2, threshold=2)), ROOT))
    yield "one-of-two", "threshold", "one signature where two are needed", Set(two)

    garbage = lambda d: d["signatures"].append({"keyid": TARGETS2.id, "sig": "00" * 64})
    yield "garbage-and-one-of-two", "threshold", "one good signature and one bad, where two are needed", Set(
        two, documents={"targets": garbage})
    yield "signature-of-another-role", "threshold", "targets signed by the timestamp key", Set(
        signers={"targets": [TIMESTAMP]})
    yield "signature-of-a-stranger", "threshold", "signed by a key of no role", Set(signers={"snapshot": [STRANGER]})
    renamed = lambda d: set_key("signatures", 0, "keyid", TIMESTAMP.id)(d)
    yield "signature-under-another-id", "threshold", "a good signature, filed under the id of a key that may sign", Set(
        signers={"timestamp": [STRANGER]}, documents={"timestamp": renamed})
    yield "signature-of-63-bytes", "threshold", "cut by a byte", Set(
        documents={"timestamp": change_signature(lambda s: s[:63])})
    yield "signature-of-65-bytes", "threshold", "a byte more", Set(
        documents={"timestamp": change_signature(lambda s: s + b"\0")})

    def plus_l(s):
        return s[:32] + (int.from_bytes(s[32:], "little") + L).to_bytes(32, "little")
    yield "signature-s-plus-l", "threshold", "S of the order of the group or above (RFC 8032 5.1.7)", Set(
        documents={"timestamp": change_signature(plus_l)})
    high_bit = lambda s: s[:63] + bytes([s[63] | 0x80])
    yield "signature-s-high-bit", "threshold", "S with its highest bit set", Set(
        documents={"timestamp": change_signature(high_bit)})

    elliptic = compact(signed(root_body(keys=(ROOT, TARGETS, SNAPSHOT, ELLIPTIC), timestamp=role(ELLIPTIC)), ROOT))

    def p256(name, what, change):
        return name, "threshold", what, Set(
            elliptic, signers={"timestamp": [ELLIPTIC]}, documents={"timestamp": change_signature(change)})
    yield p256("p256-trailing-byte", "DER with a byte after it", lambda s: s + b"\0")
    yield p256("p256-long-length", "BER: a length in more bytes than it needs", lambda s: s[:1] + b"\x81" + s[1:])
    yield p256("p256-padded-integer", "BER: an integer with a zero byte too many",
               lambda s: bytes([0x30, s[1] + 1, 2, s[3] + 1, 0]) + s[4:])
    rs = lambda r, s: utils.encode_dss_signature(r, s)
    yield p256("p256-r-zero", "r is 0", lambda s: rs(0, utils.decode_dss_signature(s)[1]))
    yield p256("p256-s-zero", "s is 0", lambda s: rs(utils.decode_dss_signature(s)[0], 0))
    yield p256("p256-s-plus-order", "s is not below the order", lambda s: rs(
        utils.decode_dss_signature(s)[0], utils.decode_dss_signature(s)[1] + N))
    yield p256("p256-raw", "64 bytes instead of DER", lambda s: b"".join(
        n.to_bytes(32, "big") for n in utils.decode_dss_signature(s)))


def trust_keys():
    def with_key(name, what, public=None, expect="key-unusable", key_id=None, **fields):
        key = edited(TIMESTAMP.object, lambda k: k.update(fields))
        if public is not None:
            key["keyval"] = {"public": public}
        body = root_body()
        del body["keys"][TIMESTAMP.id]
        own = key_id or sha(canonical(key).encode())
        body["keys"][own] = key
        body["roles"]["timestamp"] = {"keyids": [own], "threshold": 1}
        return name, expect, what, pinned(body)

    for scheme in ("none", "", "ed25519ph", "rsassa-pss-sha256"):
        yield with_key(f"scheme-{scheme or 'empty'}", f"scheme `{scheme}` is not in the list", scheme=scheme)
    yield with_key("scheme-null", "scheme is null", scheme=None)
    yield with_key("keytype-unknown", "a key type that is not in the list", keytype="ed448")
    yield with_key("ed25519-as-p256", "Ed25519 bytes declared as P-256", keytype="ecdsa", scheme="ecdsa-sha2-nistp256")
    yield with_key("p256-as-ed25519", "a P-256 key declared as Ed25519", public=ELLIPTIC.pem)
    yield with_key("key-in-capitals", "hexadecimal digits in capitals", public=TIMESTAMP.public.hex().upper())
    yield with_key("key-of-31-bytes", "a byte too short", public=TIMESTAMP.public.hex()[:-2])
    yield with_key("key-under-another-id", "a key id that is not the digest of the key", key_id="1" * 64)
    point = ELLIPTIC.private.public_key().public_numbers()
    off = bytes([4]) + point.x.to_bytes(32, "big") + (point.y ^ 1).to_bytes(32, "big")
    spki = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200") + off
    lines = base64.b64encode(spki).decode()
    pem = "-----BEGIN PUBLIC KEY-----\n" + "\n".join(
        lines[i:i + 64] for i in range(0, len(lines), 64)) + "\n-----END PUBLIC KEY-----\n"
    yield with_key("p256-not-on-the-curve", "a point that is not on the curve", public=pem, keytype="ecdsa",
                   scheme="ecdsa-sha2-nistp256")

    # The eight points of low order, and encodings of a point that are not its one encoding.
    eighth = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD83D3D706A17C7
    low = {"0": 0, "1": 1, "minus-1": P - 1, "eighth": eighth, "other-eighth": P - eighth}
    for name, y in low.items():
        yield with_key(f"weak-key-{name}", f"a point of low order, y = {name}", public=y.to_bytes(32, "little").hex())
        if y in (0, eighth, P - eighth):
            signed_y = (y | 1 << 255).to_bytes(32, "little").hex()
            yield with_key(f"weak-key-{name}-signed", f"the same with the sign of x set", public=signed_y)
    for name, y in {"p": P, "p-plus-1": P + 1, "p-plus-3": P + 3}.items():
        yield with_key(f"key-not-canonical-{name}", "y is not below the prime", public=y.to_bytes(32, "little").hex())

    spare = edited(TARGETS.object, lambda k: k.update(comment="the same key, and another id"))
    spare_id = sha(canonical(spare).encode())
    body = root_body(targets={"keyids": [TARGETS.id, spare_id], "threshold": 2})
    body["keys"][spare_id] = spare
    message = canonical(lower("targets", 3, targets=TARGET)).encode()
    both = lambda d: d["signatures"].append({"keyid": spare_id, "sig": TARGETS.sign(message).hex()})
    yield "one-key-under-two-ids", "threshold", "one holder signs under two ids of one key", Set(
        compact(signed(body, ROOT)), documents={"targets": both})
    numbers = ELLIPTIC.private.public_key()
    short = numbers.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    spki = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + short
    other = {**ELLIPTIC.object, "keyval": {"public": "-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(
        spki[:48]).decode() + "\n" + base64.b64encode(spki[48:]).decode() + "\n-----END PUBLIC KEY-----\n"}}
    other_id = sha(canonical(other).encode())
    body = root_body(keys=(ROOT, TARGETS, SNAPSHOT, ELLIPTIC), timestamp={"keyids": [ELLIPTIC.id, other_id], "threshold": 2})
    body["keys"][other_id] = other

    def both_spellings(document):
        message = canonical(document["signed"]).encode()
        document["signatures"].append({"keyid": other_id, "sig": ELLIPTIC.sign(message).hex()})
    yield "one-p256-key-in-two-spellings", "threshold", "one holder signs by a point that is written in two ways", Set(
        compact(signed(body, ROOT)), signers={"timestamp": [ELLIPTIC]}, documents={"timestamp": both_spellings})
    shared = root_body(keys=(ROOT, TARGETS, SNAPSHOT), timestamp=role(SNAPSHOT))
    yield "one-key-for-two-roles", "key-shared", "snapshot and timestamp by one key", pinned(shared)
    evidence = root_body(keys=(ROOT, TARGETS, SNAPSHOT, EVIDENCE), timestamp=role(EVIDENCE))
    yield "one-key-for-a-role-and-evidence", "key-shared", "a key that signs evidence has a role as well", pinned(evidence)
    absent = root_body(timestamp=role(TIMESTAMP, STRANGER))
    yield "role-names-a-missing-key", "metadata-malformed", "a key id without its key", pinned(absent)
    named_twice = root_body(timestamp=role(TIMESTAMP, TIMESTAMP))
    yield "role-names-a-key-twice", "metadata-malformed", "a key id twice in one role", pinned(named_twice)


def trust_form():
    for name, value in {"zero": 0, "negative": -1, "above-the-keys": 2, "2-64": 2**64}.items():
        body = root_body(timestamp=role(TIMESTAMP, threshold=value))
        yield f"threshold-{name}", "metadata-malformed", f"a threshold of {value} with one key", pinned(body)
    yield "role-missing", "metadata-malformed", "a root without the role `snapshot`", pinned(
        edited(root_body(), drop_key("roles", "snapshot")))
    yield "role-unknown", "metadata-malformed", "a root with a fifth role", pinned(
        edited(root_body(), set_key("roles", "mirrors", role(STRANGER))))

    def raw(name, what, change):
        return name, "metadata-malformed", what, pinned(None, raw=change(compact(signed(root_body(), ROOT))))
    yield raw("duplicate-key-outside", "`signed` twice in the document",
              lambda d: d[:-1] + b',"signed":{}}')
    yield raw("duplicate-key-inside", "`version` twice in `signed`",
              lambda d: d.replace(b'"version":1}', b'"version":9,"version":1}'))
    yield raw("duplicate-key-escaped", "`version` twice, once spelled with an escape",
              lambda d: d.replace(b'"version":1}', b'"versio\\u006e":9,"version":1}'))
    yield raw("float", "a version of 1.0", lambda d: d.replace(b'"version":1}', b'"version":1.0}'))
    yield raw("exponent", "a version of 1e0", lambda d: d.replace(b'"version":1}', b'"version":1e0}'))
    yield raw("bom", "a byte order mark before the document", lambda d: b"\xef\xbb\xbf" + d)
    yield raw("trailing-bytes", "bytes after the document", lambda d: d + b"x")
    yield raw("two-documents", "a second document after the first", lambda d: d + d)
    yield raw("nul", "a NUL after the document", lambda d: d + b"\0")
    yield raw("not-utf-8", "bytes that are no UTF-8", lambda d: d.replace(b"1.0.34", b"1.0.3\xff"))
    yield raw("lone-surrogate", "half a surrogate pair", lambda d: d.replace(b"1.0.34", b"1.0.3\\ud800"))
    yield raw("array-for-object", "`roles` is an array", lambda d: d.replace(b'"roles":{', b'"roles":[],"was":{'))
    yield raw("deep", "nested 10 000 deep", lambda d: d[:-1] + b',"x":' + b"[" * 10000 + b"]" * 10000 + b"}")
    yield raw("empty", "nothing at all", lambda d: b"")
    yield raw("truncated", "cut in the middle", lambda d: d[:len(d) // 2])

    def field(name, what, *path):
        return name, "metadata-malformed", what, pinned(edited(root_body(), set_key(*path)))
    yield field("type-of-another-role", "targets metadata where a root belongs", "_type", "targets")
    yield field("spec-version-2", "a specification version other than 1.x", "spec_version", "2.0.0")
    yield field("spec-version-odd", "a specification version that is none", "spec_version", "1.x")
    yield field("version-zero", "version 0", "version", 0)
    yield field("version-negative", "a negative version", "version", -1)
    yield field("version-2-64", "a version above every integer", "version", 2**64)
    yield field("version-as-text", "a version in quotation marks", "version", "1")
    yield field("expires-without-zone", "a time without its Z", "expires", "2027-11-22T16:00:00")
    yield field("expires-with-fraction", "a time with parts of a second", "expires", "2027-11-22T16:00:00.5Z")
    yield field("custom-null", "null for a field that may be left out", "custom", None)
    big = root_body()
    big["filler"] = "x" * 512000
    yield "root-too-large", "metadata-too-large", "a root above 512 000 bytes", pinned(big)
    yield "timestamp-too-large", "metadata-too-large", "a timestamp above 16 384 bytes", Set(
        bodies={"timestamp": set_key("filler", "x" * 16384)})
    more = lambda b: b["meta"].update({"other.json": {"version": 1}})
    yield "timestamp-names-more", "metadata-malformed", "a timestamp that names a second file", Set(
        bodies={"timestamp": more})
    yield "snapshot-without-targets", "metadata-malformed", "a snapshot that does not name the targets", Set(
        bodies={"snapshot": drop_key("meta", "targets.json")})
    second_hash = {"hashes": {**MANIFEST["hashes"], "sha512": hashlib.sha512(b"manifest").hexdigest()}, "length": 8}
    yield "hash-beside-sha256", "metadata-malformed", "a second hash, which another reader would check", Set(
        bodies={"targets": set_key("targets", {"bundles/patches/1/manifest.json": second_hash})})
    yield "delegations", "metadata-unsupported", "targets metadata on a medium that delegates", Set(
        bodies={"targets": set_key("delegations", {"keys": {}, "roles": []})})
    unknown_hash = {"hashes": {"sha3": "0" * 64}, "length": 8}
    yield "hash-unknown", "metadata-malformed", "a target with no hash that is known", Set(
        bodies={"targets": set_key("targets", {"bundles/patches/1/manifest.json": unknown_hash})})
    yield "target-path-upwards", "metadata-malformed", "a target whose path leaves its place", Set(
        bodies={"targets": set_key("targets", {"bundles/../../manifest.json": MANIFEST})})


def trust_people():
    """People and policy in the root (statements.md)."""
    alice, bob = Ed25519("alice"), Ed25519("bob")

    def root_with(people, policy=None):
        body = root_body()
        body["custom"]["sealift"]["people"] = people
        if policy is not None:
            body["custom"]["sealift"]["policy"] = policy
        return body

    def person(*keys, may=("approve",)):
        return {"keys": {k.id: k.object for k in keys}, "may": list(may)}
    two = {"alice": person(alice), "bob": person(bob)}
    yield "accept-people", "accept", "two people, both needed", pinned(root_with(two, {"approve": 2}))
    bad = "metadata-malformed"
    yield "person-with-a-role", "key-shared", "a person's key that has a role as well", pinned(
        root_with({"alice": person(TIMESTAMP)}))
    yield "person-with-an-evidence-key", "key-shared", "a person's key that signs evidence as well", pinned(
        root_with({"alice": person(EVIDENCE)}))
    yield "one-key-for-two-people", "key-shared", "one key under two names", pinned(
        root_with({"alice": person(alice), "bob": person(alice)}))
    yield "person-may-nothing", bad, "a person who may do nothing", pinned(root_with({"alice": person(alice, may=())}))
    yield "person-may-something-unknown", bad, "a word that no reader knows", pinned(
        root_with({"alice": person(alice, may=("publish",))}))
    yield "person-may-unsorted", bad, "words that are not sorted", pinned(
        root_with({"alice": person(alice, may=("scan", "approve"))}))
    yield "person-without-keys", bad, "a person without a key", pinned(root_with({"alice": person()}))
    yield "person-with-an-unknown-field", bad, "a field that no reader knows", pinned(
        root_with({"alice": {**person(alice), "threshold": 2}}))
    yield "person-of-a-bad-name", bad, "a name with an escape sequence", pinned(root_with({"al\u001b[2Jice": person(alice)}))
    yield "policy-out-of-reach", bad, "three approvals by two people", pinned(root_with(two, {"approve": 3}))
    yield "policy-waive-zero", bad, "waivers by nobody", pinned(
        root_with({"alice": person(alice, may=("waive",))}, {"waive": 0}))
    yield "policy-unknown", bad, "a rule that no reader knows", pinned(root_with(two, {"publish": 1}))
    yield "policy-negative", bad, "a negative number of people", pinned(root_with(two, {"approve": -1}))


def trust_order():
    for kind in ("timestamp", "snapshot", "targets"):
        yield f"expired-{kind}", "expired", f"{kind} metadata past its date", Set(expires={kind: PAST})
        yield f"expired-{kind}-now", "expired", f"{kind} metadata that expires at this second", Set(expires={kind: NOW})
    case = Set()
    case.pinned = compact(signed(root_body(expires=PAST), ROOT))
    yield "expired-root", "expired", "a root past its date, and no newer one", case
    case = Set()
    case.roots = [compact(signed(root_body(2, expires=PAST), ROOT))]
    yield "expired-last-root", "expired", "the newest root is past its date", case

    before, case = Set(version=4), Set(version=3)
    case.known = {"timestamp": before.timestamp, "snapshot": before.snapshot}
    yield "rollback-whole", "rollback", "everything older than what was trusted", case
    before = Set(version=4)
    mixed = Set(version=3)
    body = lower("timestamp", 5, meta={"snapshot.json": meta(mixed.snapshot, 3)})
    mixed.timestamp, mixed.known = compact(signed(body, TIMESTAMP)), case.known
    yield "rollback-snapshot", "rollback", "a newer timestamp that names an older snapshot", mixed
    older = Set(version=3)
    body = lower("snapshot", 5, meta={"targets.json": meta(older.targets, 3)})
    older.snapshot = compact(signed(body, SNAPSHOT))
    body = lower("timestamp", 5, meta={"snapshot.json": meta(older.snapshot, 5)})
    older.timestamp, older.known = compact(signed(body, TIMESTAMP)), case.known
    yield "rollback-targets", "rollback", "a newer snapshot that names older targets", older
    known = Set(version=4, bodies={"snapshot": lambda b: b["meta"].update({"extra.json": {"version": 1}})})
    newer = Set(version=5)
    newer.known = {"timestamp": known.timestamp, "snapshot": known.snapshot}
    yield "snapshot-drops-a-file", "dropped", "a snapshot that no longer names what the trusted one named", newer
    other = Set(version=4, expires={"timestamp": "2026-12-21T16:00:00Z"})
    other.known = {"timestamp": Set(version=4).timestamp}
    yield "one-version-two-contents", "equivocation", "another timestamp under the version that was trusted", other

    other = Set(version=4)
    other.known = {"snapshot": Set(version=4, expires={"snapshot": "2026-12-21T16:00:00Z"}).snapshot}
    yield "one-snapshot-version-two-contents", "equivocation", "another snapshot under the version that was trusted", other

    mix = Set(version=4)
    mix.snapshot = Set(version=4, expires={"snapshot": "2026-12-21T16:00:00Z"}).snapshot
    yield "mixed-snapshot", "metadata-digest", "the snapshot of another set", mix
    mix = Set(version=4)
    mix.targets = Set(version=4, expires={"targets": "2026-12-21T16:00:00Z"}).targets
    yield "mixed-targets", "metadata-digest", "the targets metadata of another set", mix
    mix = Set()
    mix.snapshot = mix.snapshot + b" "
    yield "longer-than-named", "metadata-length", "a snapshot with a blank more than the timestamp says", mix
    wrong = Set()
    body = lower("timestamp", 3, meta={"snapshot.json": meta(wrong.snapshot, 9)})
    wrong.timestamp = compact(signed(body, TIMESTAMP))
    yield "version-not-as-named", "metadata-version", "a snapshot of another version than the timestamp says", wrong

    changed = root_body(2, keys=(NEW_ROOT, TARGETS, SNAPSHOT, TIMESTAMP), root=role(NEW_ROOT))
    for name, signer in {"old": ROOT, "new": NEW_ROOT}.items():
        case = Set()
        case.roots = [compact(signed(changed, signer))]
        yield f"root-signed-by-the-{name}-key-only", "threshold", f"a new root signed by the {name} key alone", case
    for name, version, code in (("skips-a-version", 3, "metadata-version"), ("repeats-a-version", 1, "rollback")):
        case = Set()
        case.roots = [compact(signed(root_body(version), ROOT))]
        yield f"root-{name}", code, f"version {version} after version 1", case
    three = {"root": role(ROOT, ROOT2, NEW_ROOT, threshold=2)}
    keys = (ROOT, ROOT2, NEW_ROOT, TARGETS, SNAPSHOT, TIMESTAMP)
    case = Set()
    case.pinned = compact(signed(root_body(keys=keys, **three), ROOT, ROOT2))
    case.roots = [compact(signed(root_body(2, keys=keys, **three), ROOT))]
    yield "root-below-its-threshold", "threshold", "a new root by one of two holders", case
    case = Set()
    revoked = root_body(2, keys=(ROOT, TARGETS2, SNAPSHOT, TIMESTAMP), targets=role(TARGETS2))
    case.roots = [compact(signed(revoked, ROOT))]
    yield "revoked-key", "threshold", "targets by a key that the newest root no longer has", case


# Evidence: DSSE envelopes

TYPE = "application/vnd.in-toto+json"
PROVENANCE = "https://slsa.dev/provenance/v1"
SUBJECT = sha(b"the manifest")


def pae(payload, kind=TYPE):
    return f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload


def statement(subject=SUBJECT, **fields):
    return {
        "_type": "https://in-toto.io/Statement/v1", "predicate": {}, "predicateType": PROVENANCE,
        "subject": [{"digest": {"sha256": subject}, "name": "manifest.json"}], **fields,
    }


def envelope(payload, *keys, kind=TYPE, covered=None):
    payload = payload if isinstance(payload, bytes) else compact(payload)
    message = pae(payload, kind) if covered is None else covered(payload)
    signatures = [{"keyid": k.id, "sig": base64.b64encode(k.sign(message)).decode()} for k in keys]
    return {
        "payload": base64.b64encode(payload).decode(), "payloadType": kind,
        "signatures": sorted(signatures, key=lambda s: s["keyid"]),
    }


def evidence():
    good = envelope(statement(), EVIDENCE)
    elliptic = P256("evidence in a token")
    yield "accept-provenance", "accept", good, {}
    yield "accept-a-foreign-signature-beside", "accept", envelope(statement(), EVIDENCE, STRANGER), {}
    yield "accept-two-signers", "accept", envelope(statement(), EVIDENCE, ROOT2), {"keys": (EVIDENCE, ROOT2), "threshold": 2}
    yield "accept-p256", "accept", envelope(statement(), elliptic), {"keys": (elliptic,)}
    yield "accept-key-id-empty", "accept", edited(good, set_key("signatures", 0, "keyid", "")), {}
    other_algorithm = statement()
    other_algorithm["subject"][0]["digest"]["sha512"] = "0" * 128
    yield "accept-another-digest-beside", "accept", envelope(other_algorithm, EVIDENCE), {}

    yield "payload-type", "refuse evidence-malformed", envelope(statement(), EVIDENCE, kind="application/json"), {}
    retyped = edited(envelope(statement(), EVIDENCE, kind="application/json"), set_key("payloadType", TYPE))
    yield "payload-type-changed", "refuse evidence-signature", retyped, {}
    url_safe = envelope(statement(predicate={"x": "???>>>"}), EVIDENCE)
    yield "base64-of-urls", "refuse evidence-malformed", edited(
        url_safe, lambda e: e.update(payload=e["payload"].replace("/", "_").replace("+", "-"))), {}
    unpadded = envelope(statement(predicate={"x": "12"}), EVIDENCE)
    assert unpadded["payload"].endswith("=")
    yield "base64-without-padding", "refuse evidence-malformed", edited(
        unpadded, lambda e: e.update(payload=e["payload"].rstrip("="))), {}
    yield "base64-with-line-ends", "refuse evidence-malformed", edited(
        good, lambda e: e.update(payload=e["payload"][:64] + "\n" + e["payload"][64:])), {}
    yield "signatures-empty", "refuse evidence-signature", envelope(statement()), {}
    yield "signatures-missing", "refuse evidence-malformed", edited(good, drop_key("signatures")), {}
    yield "signer-unknown", "refuse evidence-signature", envelope(statement(), STRANGER), {}
    yield "signer-named-and-another-signed", "refuse evidence-signature", edited(
        envelope(statement(), STRANGER), set_key("signatures", 0, "keyid", EVIDENCE.id)), {}
    twice = edited(good, lambda e: e["signatures"].append(e["signatures"][0]))
    yield "signer-twice", "refuse evidence-signature", twice, {"keys": (EVIDENCE, ROOT2), "threshold": 2}
    many = edited(good, lambda e: e["signatures"].extend([{"keyid": f"{n:064x}", "sig": "AA=="} for n in range(64)]))
    yield "signatures-65", "refuse evidence-malformed", many, {}
    bare = envelope(statement(), EVIDENCE, covered=lambda payload: payload)
    yield "signature-over-the-payload-alone", "refuse evidence-signature", bare, {}
    metadata = Set()
    document = json.loads(metadata.timestamp)
    pasted = envelope(canonical(document["signed"]).encode())
    pasted["signatures"] = [{
        "keyid": TIMESTAMP.id, "sig": base64.b64encode(bytes.fromhex(document["signatures"][0]["sig"])).decode()}]
    yield "signature-of-metadata-pasted", "refuse evidence-signature", pasted, {"keys": (TIMESTAMP,)}
    yield "payload-changed", "refuse evidence-signature", edited(
        good, lambda e: e.update(payload=base64.b64encode(compact(statement(sha(b"another")))).decode())), {}
    yield "about-another-manifest", "refuse evidence-subject", envelope(statement(sha(b"another")), EVIDENCE), {}
    yield "about-nothing", "refuse evidence-malformed", envelope(statement(subject=[]) | {"subject": []}, EVIDENCE), {}
    sha1 = statement()
    sha1["subject"][0]["digest"] = {"sha1": "0" * 40}
    yield "about-a-sha1-digest", "refuse evidence-malformed", envelope(sha1, EVIDENCE), {}
    yield "statement-of-another-type", "refuse evidence-malformed", envelope(
        statement(_type="https://in-toto.io/Statement/v0.1"), EVIDENCE), {}
    doubled = compact(statement()).replace(b'"predicate":{}', b'"predicate":{},"predicate":{"x":1}')
    yield "statement-with-a-key-twice", "refuse evidence-malformed", envelope(doubled, EVIDENCE), {}
    floating = compact(statement(predicate={"x": 1})).replace(b'"x":1', b'"x":1.5')
    yield "statement-with-a-float", "refuse evidence-malformed", envelope(floating, EVIDENCE), {}
    raw = compact(good)
    yield "envelope-with-a-key-twice", "refuse evidence-malformed", raw[:-1] + b',"payload":"e30="}', {}
    yield "envelope-with-bytes-after-it", "refuse evidence-malformed", raw + b"{}", {}


def write_evidence():
    for name, expect, document, options in evidence():
        data = document if isinstance(document, bytes) else compact(document)
        keys = options.get("keys", (EVIDENCE,))
        lines = [f"expect: {expect}", f"threshold: {options.get('threshold', 1)}", f"subject: {SUBJECT}"]
        lines += [f"key: {compact(k.object).decode()}" for k in keys]
        put("evidence", f"{name}.txt", ("\n".join(lines) + "\nenvelope: ").encode() + data + b"\n")


# Receipts, key files, ledgers: files as they are, and a list

def listed(directory, cases):
    paragraphs = []
    for file, data, fields in sorted(cases):
        put(directory, file, data)
        paragraphs.append("\n".join([f"file: {file}", *(f"{key}: {value}" for key, value in fields)]))
    put(directory, "cases.txt", ("\n\n".join(paragraphs) + "\n").encode())


SITE = Ed25519("site plant-a")


AGREED = "agreed: patches approve alice bob\nagreed: patches scan dave\n"
WAIVED = f"waived: patches {SOON} sha256:{sha(b'waiver')}\n"


def receipt_text(holds=(("apps", 7), ("patches", 42)), key=SITE):
    lines = ["sealift receipt 1", "site: plant-a", f"issued: {NOW}", f"ledger-head: sha256:{sha(b'head')}"]
    lines += [f"holds: {s} {n} sha256:{sha(f'{s}/{n}'.encode())}" for s, n in holds]
    return "\n".join([*lines, f"key: ed25519:{key.public.hex()}"]) + "\n"


def sealed(text, key=SITE):
    return (text + f"signature: {key.sign(text.encode()).hex()}\n").encode()


def receipts():
    good = receipt_text()
    resign = lambda change: sealed(change(good))
    yield "accept-holds-two.txt", sealed(good), "accept"
    yield "accept-holds-nothing.txt", sealed(receipt_text(())), "accept"
    more = lambda lines: sealed(good.replace("key: ", lines + "key: "))
    yield "accept-agreed-and-waived.txt", more(AGREED + WAIVED), "accept"
    yield "agreed-by-nobody.txt", more("agreed: patches approve\n"), "refuse form"
    yield "agreed-not-sorted.txt", more("agreed: patches approve bob alice\n"), "refuse form"
    yield "agreed-twice-by-one.txt", more("agreed: patches approve alice alice\n"), "refuse form"
    yield "agreed-of-what-is-not-held.txt", more("agreed: kernel approve alice\n"), "refuse form"
    yield "agreed-after-waived.txt", more(WAIVED + AGREED), "refuse form"
    yield "waived-of-what-is-not-held.txt", more(WAIVED.replace("patches", "kernel")), "refuse form"
    yield "another-key.txt", sealed(receipt_text(key=STRANGER), STRANGER), "refuse other-key"
    yield "signature-wrong.txt", sealed(good).replace(b"plant-a", b"plant-b"), "refuse signature"
    yield "signature-in-capitals.txt", (good + f"signature: {SITE.sign(good.encode()).hex().upper()}\n").encode(), "refuse form"
    yield "key-weak.txt", sealed(good).replace(SITE.public.hex().encode(), b"01" + b"00" * 31), "refuse key"
    yield "streams-not-sorted.txt", sealed(receipt_text((("patches", 42), ("apps", 7)))), "refuse form"
    yield "stream-twice.txt", sealed(receipt_text((("apps", 7), ("apps", 8)))), "refuse form"
    yield "line-ends-of-windows.txt", sealed(good.replace("\n", "\r\n")).replace(b"\r\n\r", b"\r\n"), "refuse form"
    yield "blank-at-a-line-end.txt", resign(lambda t: t.replace("plant-a\n", "plant-a \n")), "refuse form"
    yield "two-blanks.txt", resign(lambda t: t.replace("apps 7", "apps  7")), "refuse form"
    yield "empty-line.txt", resign(lambda t: t.replace("issued", "\nissued")), "refuse form"
    yield "field-unknown.txt", resign(lambda t: t.replace("issued", "note: hello\nissued")), "refuse form"
    yield "fields-exchanged.txt", resign(lambda t: t.replace(f"site: plant-a\nissued: {NOW}", f"issued: {NOW}\nsite: plant-a")), "refuse form"
    yield "sequence-with-zero.txt", resign(lambda t: t.replace("apps 7", "apps 07")), "refuse form"
    yield "sequence-zero.txt", resign(lambda t: t.replace("apps 7", "apps 0")), "refuse form"
    yield "digest-in-capitals.txt", resign(lambda t: t.replace(sha(b"head"), sha(b"head").upper())), "refuse form"
    yield "version-2.txt", resign(lambda t: t.replace("receipt 1", "receipt 2")), "refuse form"
    yield "text-after-it.txt", sealed(good) + b"one more line\n", "refuse form"
    yield "last-line-end-missing.txt", sealed(good)[:-1], "refuse form"
    yield "too-large.txt", sealed(receipt_text([(f"s{n:06}", 1) for n in range(3000)])), "refuse limit"


def request_text(volumes=((b"set", 2), (b"set", 10)), blobs=((b"a", 1), (b"bb", 2)), contents=((b"c", 1),), key=SITE):
    lines = ["sealift request 1", "site: plant-a", f"issued: {NOW}", f"bundle: patches 42 sha256:{sha(b'patches/42')}"]
    lines += [f"volume: sha256:{sha(name)} {number}" for name, number in volumes]
    lines += sorted(f"blob: {sha(name)} {size}" for name, size in blobs)
    lines += sorted(f"content: {sha(name)} {size}" for name, size in contents)
    return "\n".join([*lines, f"key: ed25519:{key.public.hex()}"]) + "\n"


def requests():
    good = request_text()
    resign = lambda change: sealed(change(good))
    yield "accept-all-kinds.txt", sealed(good), "accept"
    yield "accept-volumes-only.txt", sealed(request_text(blobs=(), contents=())), "accept"
    yield "accept-blobs-only.txt", sealed(request_text(volumes=(), contents=())), "accept"
    yield "accept-contents-only.txt", sealed(request_text(volumes=(), blobs=())), "accept"
    yield "accept-empty-blob.txt", sealed(request_text(blobs=((b"", 0),))), "accept"
    yield "asks-for-nothing.txt", sealed(request_text((), (), ())), "refuse form"
    yield "another-key.txt", sealed(request_text(key=STRANGER), STRANGER), "refuse other-key"
    yield "signature-wrong.txt", sealed(good).replace(b"plant-a", b"plant-b"), "refuse signature"
    yield "key-weak.txt", sealed(good).replace(SITE.public.hex().encode(), b"01" + b"00" * 31), "refuse key"
    yield "volumes-not-sorted.txt", sealed(request_text(((b"set", 10), (b"set", 2)))), "refuse form"
    yield "volume-twice.txt", sealed(request_text(((b"set", 2), (b"set", 2)))), "refuse form"
    yield "volume-zero.txt", sealed(request_text(((b"set", 0),))), "refuse form"
    yield "volume-without-tag.txt", resign(lambda t: t.replace("volume: sha256:", "volume: ")), "refuse form"
    first, second = sorted(f"blob: {sha(name)} {len(name)}\n" for name in (b"a", b"bb"))
    yield "blobs-not-sorted.txt", resign(lambda t: t.replace(first + second, second + first)), "refuse form"
    yield "blob-twice.txt", resign(lambda t: t.replace(first, first + first)), "refuse form"
    yield "blob-of-two-sizes.txt", resign(lambda t: t.replace(first, first + first.replace("\n", "9\n"))), "refuse form"
    yield "blob-with-tag.txt", resign(lambda t: t.replace("blob: ", "blob: sha256:")), "refuse form"
    yield "size-with-zero.txt", resign(lambda t: t.replace(first, first[:66 + 5] + "0" + first[66 + 5:])), "refuse form"
    yield "size-missing.txt", resign(lambda t: t.replace(first, first[:64 + 6] + "\n")), "refuse form"
    yield "size-beyond-64-bits.txt", resign(lambda t: t.replace(first, first[:-1] + "0" * 20 + "\n")), "refuse form"
    yield "contents-before-blobs.txt", resign(lambda t: t.replace(first + second, "").replace("key:", first + second + "key:")), "refuse form"
    yield "sequence-with-zero.txt", resign(lambda t: t.replace("patches 42", "patches 042")), "refuse form"
    yield "line-ends-of-windows.txt", resign(lambda t: t.replace("\n", "\r\n")), "refuse form"
    yield "field-unknown.txt", resign(lambda t: t.replace("issued", "note: hello\nissued")), "refuse form"
    yield "version-2.txt", resign(lambda t: t.replace("request 1", "request 2")), "refuse form"
    yield "a-receipt.txt", sealed(receipt_text()), "refuse form"
    yield "text-after-it.txt", sealed(good) + b"one more line\n", "refuse form"
    yield "last-line-end-missing.txt", sealed(good)[:-1], "refuse form"


BASH, OPENSSL = "have: bash 5.2.15-2+b2 amd64 3\n", "have: openssl 3.0.11-1~deb12u2 amd64 1\nhave: openssl 3.0.9-1 amd64 2\n"
BOOKWORM = "distribution: bookworm amd64 - 3\n"
LABELLED = "distribution: trixie arm64 group-0123456789ab 1\nhave: tzdata 2026a-1 all 1\n"


def need_text(body=BOOKWORM + BASH + OPENSSL, key=SITE):
    return f"sealift need-list 1\nsite: plant-a\nissued: {NOW}\nas-of: {NOW}\nleft-out: 0\n{body}key: ed25519:{key.public.hex()}\n"


def needs():
    good = need_text()
    whole = lambda body: sealed(need_text(body))
    resign = lambda old, new: sealed(good.replace(old, new))
    yield "accept-one-distribution.txt", sealed(good), "accept"
    yield "accept-a-label.txt", whole(BOOKWORM + BASH + LABELLED), "accept"
    yield "accept-hosts-left-out.txt", resign("left-out: 0", "left-out: 12"), "accept"
    yield "accept-older-than-issued.txt", resign("as-of: 2026", "as-of: 2025"), "accept"
    yield "accept-epoch-and-tilde.txt", whole(BOOKWORM + "have: libstdc++6 1:12.2.0-14~x+b1 i386 1\n"), "accept"
    yield "another-key.txt", sealed(need_text(key=STRANGER), STRANGER), "refuse other-key"
    yield "signature-wrong.txt", sealed(good).replace(b"plant-a", b"plant-b"), "refuse signature"
    yield "count-changed.txt", sealed(good).replace(b"- 3\n", b"- 4\n"), "refuse signature"
    yield "key-weak.txt", sealed(good).replace(SITE.public.hex().encode(), b"01" + b"00" * 31), "refuse key"
    yield "no-distribution.txt", whole(""), "refuse form"
    yield "no-package.txt", whole(BOOKWORM), "refuse form"
    yield "package-before-distribution.txt", whole(BASH + BOOKWORM + BASH), "refuse form"
    yield "packages-not-sorted.txt", whole(BOOKWORM + OPENSSL + BASH), "refuse form"
    yield "package-twice.txt", whole(BOOKWORM + BASH + BASH), "refuse form"
    yield "package-twice-with-other-count.txt", whole(BOOKWORM + BASH.replace(" 3", " 1") + BASH.replace(" 3", " 2")), "refuse form"
    yield "distributions-not-sorted.txt", whole(LABELLED + BOOKWORM + BASH), "refuse form"
    yield "distribution-twice.txt", whole(BOOKWORM + BASH + BOOKWORM + OPENSSL), "refuse form"
    yield "more-than-all-hosts.txt", whole(BOOKWORM.replace("3", "2") + BASH), "refuse form"
    yield "versions-on-more-than-all-hosts.txt", whole(BOOKWORM + OPENSSL.replace("amd64 1", "amd64 2")), "refuse form"
    yield "hosts-none.txt", whole(BOOKWORM.replace("3", "0") + BASH.replace(" 3", " 0")), "refuse form"
    yield "package-on-no-host.txt", whole(BOOKWORM + BASH.replace(" 3", " 0")), "refuse form"
    yield "hosts-too-many.txt", whole(BOOKWORM.replace("3", "1000001") + BASH), "refuse form"
    yield "count-with-zero.txt", whole(BOOKWORM + BASH.replace(" 3", " 03")), "refuse form"
    yield "count-missing.txt", whole(BOOKWORM + BASH.replace(" 3", "")), "refuse form"
    yield "count-beyond-64-bits.txt", whole(BOOKWORM + BASH.replace(" 3", " 3" + "0" * 20)), "refuse form"
    yield "escape-in-a-package.txt", whole(BOOKWORM + BASH.replace("bash", "ba\x1b[2Jsh")), "refuse form"
    yield "escape-in-a-version.txt", whole(BOOKWORM + BASH.replace("+b2", "\x07+b2")), "refuse form"
    yield "line-separator-in-a-package.txt", whole(BOOKWORM + BASH.replace("bash", "ba\u2028sh")), "refuse form"
    yield "option-as-a-package.txt", whole(BOOKWORM + BASH.replace("bash", "--bash")), "refuse form"
    yield "path-as-a-package.txt", whole(BOOKWORM + BASH.replace("bash", "../bash")), "refuse form"
    yield "package-too-long.txt", whole(BOOKWORM + BASH.replace("bash", "b" * 129)), "refuse form"
    yield "version-too-long.txt", whole(BOOKWORM + BASH.replace("5.2", "5" * 257)), "refuse form"
    yield "codename-in-capitals.txt", whole(BOOKWORM.replace("bookworm", "Bookworm") + BASH), "refuse form"
    yield "label-empty.txt", whole(BOOKWORM.replace(" - ", "  ") + BASH), "refuse form"
    yield "host-named.txt", whole(BOOKWORM + "host: web1\n" + BASH), "refuse form"
    yield "as-of-after-issued.txt", resign("as-of: 20", "as-of: 21"), "refuse form"
    yield "left-out-missing.txt", resign("left-out: 0\n", ""), "refuse form"
    yield "line-ends-of-windows.txt", resign("\n", "\r\n"), "refuse form"
    yield "blank-at-a-line-end.txt", resign("plant-a\n", "plant-a \n"), "refuse form"
    yield "field-unknown.txt", resign("left-out", "note: hello\nleft-out"), "refuse form"
    yield "version-2.txt", resign("need-list 1", "need-list 2"), "refuse form"
    yield "a-receipt.txt", sealed(receipt_text()), "refuse form"
    yield "text-after-it.txt", sealed(good) + b"one more line\n", "refuse form"
    yield "last-line-end-missing.txt", sealed(good)[:-1], "refuse form"


DIGITS32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# The powers of x modulo x^5 + x^2 + 1.
POWERS32 = [1]
for _ in range(30):
    POWERS32.append((POWERS32[-1] << 1) ^ (0b100101 if POWERS32[-1] & 16 else 0))


def times32(a, b):
    return POWERS32[(POWERS32.index(a) + POWERS32.index(b)) % 31] if a and b else 0


def check32(digits):
    """The three digits with which the polynomial is zero at x, x^2 and x^3, found by trying all."""
    def at(root, content):
        value = 0
        for digit in content:
            value = times32(value, root) ^ digit
        return value
    roots = POWERS32[1:4]
    for a in range(32):
        for b in range(32):
            for c in range(32):
                if not any(at(root, [*digits, a, b, c]) for root in roots):
                    return [a, b, c]


def code_digits(version=1, sequence=42, day=2517, manifest=sha(b"patches/42"), site="plant-a"):
    text = f"sealift receipt code 1\nsite: {site}\nholds: patches {sequence} sha256:{manifest}\nday: {day}\n"
    number = (sequence << 55) | (day << 40) | int(sha(text.encode())[:10], 16)
    content = [version] + [(number >> (5 * place)) & 31 for place in range(15, -1, -1)]
    return content + check32(content)


def codes():
    letters = lambda digits: "".join(DIGITS32[d] for d in digits)
    grouped = lambda digits: "-".join(letters(digits)[n:n + 5] for n in range(0, len(digits), 5))
    good = code_digits()
    text = grouped(good)
    yield "accept-plain.txt", text, "accept"
    yield "accept-small-letters.txt", text.lower(), "accept"
    yield "accept-without-groups.txt", letters(good), "accept"
    yield "accept-blanks.txt", "  " + text.replace("-", "  ") + " \r\n", "accept"
    yield "accept-letters-for-digits.txt", text.replace("0", "O").replace("1", "I"), "accept"
    yield "accept-small-l-for-one.txt", text.replace("0", "o").replace("1", "l"), "accept"
    yield "one-character-wrong.txt", grouped([*good[:9], good[9] ^ 1, *good[10:]]), "refuse check"
    yield "first-character-wrong.txt", grouped([good[0] ^ 4, *good[1:]]), "refuse check"
    yield "check-character-wrong.txt", grouped([*good[:-1], good[-1] ^ 16]), "refuse check"
    first = next(n for n in range(9, 16) if good[n] != good[n + 1])
    yield "neighbours-exchanged.txt", grouped([*good[:first], good[first + 1], good[first], *good[first + 2:]]), "refuse check"
    yield "groups-exchanged.txt", grouped(good[:5] + good[10:15] + good[5:10] + good[15:]), "refuse check"
    yield "three-characters-wrong.txt", grouped([good[0], good[1] ^ 3, *good[2:9], good[9] ^ 7, *good[10:18], good[18] ^ 1, good[19]]), "refuse check"
    yield "too-short.txt", text[:-1], "refuse length"
    yield "too-long.txt", text + "0", "refuse length"
    yield "empty.txt", "", "refuse length"
    yield "letter-u.txt", text[:-1] + "U", "refuse character"
    yield "other-hyphen.txt", text.replace("-", "\u2011"), "refuse character"
    yield "version-2.txt", grouped(code_digits(version=2)), "refuse version"
    yield "sequence-zero.txt", grouped(code_digits(sequence=0)), "refuse sequence"
    yield "of-another-site.txt", grouped(code_digits(site="plant-b")), "refuse state"
    yield "of-another-manifest.txt", grouped(code_digits(manifest=sha(b"another"))), "refuse state"
    yield "of-another-bundle.txt", grouped(code_digits(sequence=43)), "refuse state"


def rotate(value, count):
    return ((value << count) | (value >> (32 - count))) & 0xFFFFFFFF


def quarter(state, a, b, c, d):
    for x, y, z, count in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        state[x] = (state[x] + state[y]) & 0xFFFFFFFF
        state[z] = rotate(state[z] ^ state[x], count)


def xchacha20poly1305(key, nonce, data, associated):
    """draft-irtf-cfrg-xchacha: HChaCha20 gives the key for the first 16 bytes of the nonce."""
    state = list(struct.unpack("<4I", b"expand 32-byte k") + struct.unpack("<8I", key) + struct.unpack("<4I", nonce[:16]))
    for _ in range(10):
        for places in ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                       (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
            quarter(state, *places)
    subkey = struct.pack("<8I", *state[:4], *state[12:])
    return ChaCha20Poly1305(subkey).encrypt(b"\0" * 4 + nonce[16:], data, associated)


PASSPHRASE = "insecure-test-passphrase"


def key_files():
    salt, nonce = hashlib.sha256(b"salt").digest()[:16], hashlib.sha256(b"nonce").digest()[:24]
    header = {
        "cipher": "xchacha20poly1305", "kdf": {"m_kib": 64, "name": "argon2id", "p": 1, "salt": salt.hex(), "t": 1},
        "keyid": TARGETS.id, "nonce": nonce.hex(), "public": TARGETS.public.hex(), "purpose": "targets",
        "schema": "sealift.key/1",
    }

    def made(change=lambda h: None, seed=TARGETS.seed, after=lambda f: None):
        file = edited(header, change)
        kdf = Argon2id(salt=salt, length=32, iterations=1, lanes=1, memory_cost=64)
        aad = canonical(file).encode()
        file["ciphertext"] = xchacha20poly1305(kdf.derive(PASSPHRASE.encode()), nonce, seed, aad).hex()
        after(file)
        return compact(file)
    yield "accept-targets.key", made(), "accept"
    for name, edit in {
        "memory-of-1-tib": set_key("kdf", "m_kib", 1 << 30), "memory-above-1-gib": set_key("kdf", "m_kib", (1 << 20) + 1),
        "17-passes": set_key("kdf", "t", 17), "17-lanes": set_key("kdf", "p", 17),
    }.items():
        yield f"{name}.key", made(edit), "refuse limit"
    for name, edit in {
        "cipher-other": set_key("cipher", "none"), "kdf-other": set_key("kdf", "name", "scrypt"),
        "schema-other": set_key("schema", "sealift.key/2"), "field-unknown": set_key("zone", 1),
        "purpose-unknown": set_key("purpose", "admin"), "purpose-missing": drop_key("purpose"),
        "keyid-of-another-key": set_key("keyid", STRANGER.id), "public-key-weak": set_key("public", "01" + "00" * 31),
        "public-key-short": set_key("public", TARGETS.public.hex()[:-2]),
        "memory-negative": set_key("kdf", "m_kib", -1), "passes-as-text": set_key("kdf", "t", "1"),
    }.items():
        yield f"{name}.key", made(edit), "refuse form"
    yield "not-canonical.key", json.dumps(json.loads(made())).encode(), "refuse form"
    yield "key-twice.key", made()[:-1] + b',"schema":"sealift.key/1"}', "refuse form"
    yield "line-end-after-it.key", made() + b"\n", "refuse form"
    yield "empty.key", b"", "refuse form"
    yield "purpose-changed.key", made(after=set_key("purpose", "root")), "refuse passphrase"
    yield "cost-changed.key", made(after=set_key("kdf", "t", 2)), "refuse passphrase"
    yield "seed-of-another-key.key", made(seed=STRANGER.seed), "refuse passphrase"
    yield "seed-short.key", made(seed=TARGETS.seed[:31]), "refuse passphrase"
    flip = lambda f: f.update(ciphertext=("0" if f["ciphertext"][0] != "0" else "1") + f["ciphertext"][1:])
    yield "ciphertext-changed.key", made(after=flip), "refuse passphrase"
    yield "ciphertext-missing.key", made(after=drop_key("ciphertext")), "refuse passphrase"
    yield "nonce-short.key", made(after=set_key("nonce", nonce.hex()[:-2])), "refuse passphrase"


def ledger_lines(count=3):
    lines, previous = [], "0" * 64
    for number in range(1, count + 1):
        line = compact({
            "actor": "alice(1000)", "detail": f"line {number}", "event": "receipt", "number": number, "previous": previous,
            "subject": {}, "time": NOW, "tool": "sealift-import 0.1.0"})
        lines.append(line)
        previous = sha(line)
    return lines


def ledgers():
    lines = ledger_lines()
    whole = lambda parts: b"".join(part + b"\n" for part in parts)
    yield "accept-three-lines.jsonl", whole(lines), "accept"
    yield "accept-empty.jsonl", b"", "accept"
    yield "accept-torn-last-line.jsonl", whole(lines) + lines[0][:40], "accept"
    yield "line-changed.jsonl", whole([lines[0].replace(b"alice", b"mallo"), *lines[1:]]), "refuse previous"
    yield "line-left-out.jsonl", whole([lines[0], lines[2]]), "refuse number"
    yield "first-line-left-out.jsonl", whole(lines[1:]), "refuse number"
    yield "lines-exchanged.jsonl", whole([lines[0], lines[2], lines[1]]), "refuse number"
    yield "line-twice.jsonl", whole([lines[0], lines[0], *lines[1:]]), "refuse number"
    renumbered = lines[2].replace(b'"number":3', b'"number":2')
    yield "line-left-out-and-renumbered.jsonl", whole([lines[0], renumbered]), "refuse previous"
    yield "first-line-with-a-previous.jsonl", whole([lines[0].replace(b'"previous":"0', b'"previous":"1')]), "refuse previous"
    yield "not-canonical.jsonl", whole([json.dumps(json.loads(lines[0])).encode()]), "refuse form"
    yield "event-unknown.jsonl", whole([lines[0].replace(b'"receipt"', b'"deleted"')]), "refuse form"
    yield "field-unknown.jsonl", whole([lines[0].replace(b'"tool"', b'"toll":1,"tool"')]), "refuse form"
    yield "key-twice.jsonl", whole([lines[0].replace(b'"number":1', b'"number":1,"number":1')]), "refuse form"
    yield "line-ends-of-windows.jsonl", b"".join(line + b"\r\n" for line in lines), "refuse form"
    yield "empty-line.jsonl", whole([lines[0], b"", *lines[1:]]), "refuse form"
    yield "line-too-long.jsonl", whole([lines[0].replace(b"line 1", b"x" * 70000)]), "refuse form"


def main():
    for directory in ("trust", "evidence", "receipt", "request", "code", "need", "key-file", "ledger"):
        shutil.rmtree(HERE / directory, ignore_errors=True)
        (HERE / directory).mkdir()
    for name, what, case in trust_accepted():
        vector(name, "accept", what, case)
    for group in (trust_signatures, trust_keys, trust_form, trust_people, trust_order):
        for name, code, what, case in group():
            vector(name, code if code == "accept" else f"refuse {code}", what, case)
    write_evidence()
    pin = ("key", SITE.public.hex())
    listed("receipt", [(file, data, (pin, ("expect", expect))) for file, data, expect in receipts()])
    listed("request", [(file, data, (pin, ("expect", expect))) for file, data, expect in requests()])
    listed("need", [(file, data, (pin, ("expect", expect))) for file, data, expect in needs()])
    held = (("site", "plant-a"), ("stream", "patches"), ("sequence", "42"), ("manifest", sha(b"patches/42")))
    listed("code", [(file, text.encode(), (*held, ("expect", expect))) for file, text, expect in codes()])
    secret = ("passphrase", PASSPHRASE)
    listed("key-file", [(file, data, (secret, ("expect", expect))) for file, data, expect in key_files()])
    listed("ledger", [(file, data, (("expect", expect),)) for file, data, expect in ledgers()])


if __name__ == "__main__":
    main()
