"""Kinds of cases. Each is a function of a random generator that returns the documents of one case."""

import copy
import json

from delegations import delegate, delegations
from keys import WEAK, canonical, odd_pems, odd_signatures
from repository import TARGET, TOP, Repository, key, role, table
from spoil import INTEGERS, TIMES, spoil


def sound(rng):
    """Nothing wrong."""
    repo = Repository(rng)
    if rng.random() < 0.5:
        delegate(rng, repo)
    if rng.random() < 0.3:
        rotate(rng, repo, rng.randrange(1, 4))
    if rng.random() < 0.3:
        repo.previous = earlier(repo)
    return repo.case()


def fields(rng):
    """One field changed, then signed."""
    repo = Repository(rng)
    if rng.random() < 0.4:
        delegate(rng, repo)
    repo.body[rng.choice([*TOP, *repo.delegated])] = lambda body: spoil(rng, body)
    return repo.case()


def envelopes(rng):
    """One field changed after signing, `signatures` included."""
    repo = Repository(rng)
    repo.envelope[rng.choice(TOP)] = lambda document: spoil(rng, document)
    return repo.case()


def spellings(rng):
    """The bytes changed: spaces, escapes, repeated keys, numbers, single bytes."""
    repo = Repository(rng)
    repo.raw[rng.choice(TOP)] = lambda data: respell(rng, data)
    return repo.case()


def respell(rng, data):
    text = data.decode()
    how = rng.randrange(12)
    at = rng.randrange(len(data))
    if how == 0:
        return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]
    if how == 1:
        return data[:at]
    if how == 2:
        return data + rng.choice([b"\n", b" ", b"\0", b"{}", b",", data])
    if how == 3:
        return rng.choice([b"\xef\xbb\xbf", b" \n\t", b"\x0c", b"//\n"]) + data
    if how == 4:
        return text.replace(rng.choice(["{", ",", ":", "}"]), rng.choice([" {", ", ", ": ", "\t}", ",,"]), 1).encode()
    if how == 5:
        return text.replace("version", rng.choice(["\\u0076ersion", "Version", "version\\u0000"])).encode()
    if how == 6:
        return twice(rng, text)
    if how == 7:
        return text.replace('"version":1', '"version":' + rng.choice(["1.0", "1e0", "01", "+1", "0x1", "1 ", "-1"])).encode()
    if how == 8:
        return json.dumps(json.loads(text), ensure_ascii=rng.random() < 0.5, sort_keys=True).encode(rng.choice(["utf-8", "utf-16"]))
    if how == 9:
        return text.replace('"sig":"', '"sig":"\\ud800' if rng.random() < 0.5 else '"sig":"\x01').encode()
    if how == 10:
        return data[:at] + bytes([rng.randrange(256)]) + data[at:]
    return data[:at] + data[at + 1 + rng.randrange(3) :]


def twice(rng, text):
    """Repeats a key, before or after the one that counts."""
    name = rng.choice(["version", "_type", "expires", "signatures", "signed", "threshold", "keyid", "meta"])
    junk = f'"{name}":' + rng.choice(["2", '"x"', "[]", "{}", "null"])
    at = text.find(f'"{name}"')
    if at < 0:
        return text.encode()
    if rng.random() < 0.5:
        return (text[:at] + junk + "," + text[at:]).encode()
    return (text[: text.rfind("}")] + "," + junk + "}").encode()


def keys(rng):
    """A key of the root written differently, wrongly, or filed twice."""
    repo = Repository(rng)
    name = rng.choice(TOP)
    signer = repo.signers[name][0]
    repo.root["keys"][signer.id] = odd_key(rng, repo.root["keys"][signer.id])
    how = rng.randrange(6)
    if how == 0:
        refile(rng, repo, name, signer)
    elif how == 1:
        alias(rng, repo, name, signer)
    return repo.case()


def odd_key(rng, entry):
    entry = copy.deepcopy(entry)
    how = rng.randrange(9)
    if how == 0:
        entry["keytype"] = rng.choice(["ed25519", "ecdsa", "ecdsa-sha2-nistp256", "rsa", "ED25519", "", None, "sphincs"])
    elif how == 1:
        entry["scheme"] = rng.choice(
            ["ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ed25519ph", "none", "", None, "rsassa-pss-sha256"]
        )
    elif how == 2:
        public = entry["keyval"]["public"]
        entry["keyval"]["public"] = rng.choice([public.upper(), public + "\n", " " + public, public[:-2], public * 2, ""])
    elif how == 3:
        entry["keyval"]["public"] = rng.choice(WEAK)
    elif how == 4:
        entry["keyval"]["public"] = rng.choice(odd_pems())
    elif how == 5:
        entry["extra"] = rng.choice([1, None, "x", {"a": 1}])
    elif how == 6:
        entry["keyval"]["private"] = ""
    return spoil(rng, entry) if how == 7 else entry


def refile(rng, repo, name, signer):
    """Files a key under an id that is not its digest; it signs under that id."""
    new = rng.choice(["abc", "", "A" * 64, "0" * 64, "0" * 63, "k" * 200, "é", 'a"b', "../x", signer.id.upper()])
    repo.root["keys"][new] = repo.root["keys"].pop(signer.id)
    rename = lambda ids: [new if known == signer.id else known for known in ids]
    repo.root["roles"][name]["keyids"] = rename(repo.root["roles"][name]["keyids"])
    repo.envelope[name] = lambda d: resigned(d, {signer.id: new})


def resigned(document, names):
    for entry in document["signatures"]:
        entry["keyid"] = names.get(entry["keyid"], entry["keyid"])
    return document


def alias(rng, repo, name, signer):
    """Files one key twice, so that one signer could count as two."""
    entry = copy.deepcopy(repo.root["keys"][signer.id]) | rng.choice([{}, {"x": 1}])
    repo.root["keys"]["b" * 64] = entry
    held = repo.root["roles"][name]
    held["keyids"] = [*held["keyids"], "b" * 64]
    held["threshold"] = rng.choice([held["threshold"], held["threshold"] + 1])

    def both(document):
        again = [dict(e, keyid="b" * 64) for e in document["signatures"] if e["keyid"] == signer.id]
        document["signatures"] += again
        return document

    repo.envelope[name] = both


def signatures(rng):
    """Signatures that are nearly right."""
    repo = Repository(rng)
    name = rng.choice(TOP)
    signer = rng.choice(repo.signers[name])
    how = rng.randrange(6)

    def change(document):
        entries = document["signatures"]
        at = next(n for n, entry in enumerate(entries) if entry["keyid"] == signer.id)
        if how <= 2:
            entries[at]["sig"] = rng.choice(odd_signatures(rng, signer, canonical(document["signed"])))
        elif how == 3:
            entries.append(rng.choice([dict(entries[at]), {"keyid": "f" * 64, "sig": "00" * 64}, {"keyid": key(60).id}]))
        elif how == 4:
            other = key(60 + rng.randrange(3))
            entries.append({"keyid": other.id, "sig": rng.choice(odd_signatures(rng, other, b"x"))})
        else:
            entries[at] = dict(entries[at], **rng.choice([{"extra": 1}, {"keyid": entries[at]["keyid"].upper()}, {"sig": None}]))
        return document

    repo.envelope[name] = change
    return repo.case()


def thresholds(rng):
    """More and fewer signers than a role needs."""
    repo = Repository(rng)
    name = rng.choice(TOP)
    held = repo.root["roles"][name]
    extra = [key(70 + n) for n in range(rng.randrange(4))]
    repo.root["keys"] |= table(extra)
    held["keyids"] = held["keyids"] + [k.id for k in extra]
    held["threshold"] = rng.choice([1, 1, 2, 2, 3, 4, 5, *INTEGERS])
    if rng.random() < 0.2:
        held["keyids"] = rng.choice([[], held["keyids"] * 2, [*held["keyids"], "f" * 64], {}, None])
    repo.signers[name] = repo.signers[name][rng.randrange(2) :] + rng.sample(extra, rng.randrange(len(extra) + 1))
    if rng.random() < 0.2:
        repo.signers[name].append(rng.choice(repo.signers[name] or [key(61)]))
    return repo.case()


def earlier(repo):
    """The same repository as stored by an earlier run."""
    case = repo.case()
    return {"timestamp": case["timestamp"], "snapshot": case["snapshot"]}


def rollbacks(rng):
    """Versions before and after those stored by an earlier run, and at their limits."""
    repo = Repository(rng)
    if rng.random() < 0.3:
        delegate(rng, repo)
    repo.versions = {name: rng.randrange(1, 4) for name in repo.versions}
    repo.targets["version"] = rng.randrange(1, 4)
    repo.previous = earlier(repo)
    if rng.random() < 0.3:
        repo.previous.pop(rng.choice(["timestamp", "snapshot"]))
    repo.versions = {name: rng.randrange(1, 5) for name in repo.versions}
    repo.targets["version"] = rng.randrange(1, 5)
    if rng.random() < 0.2:
        repo.delegated.clear()
        repo.targets.pop("delegations", None)
    if rng.random() < 0.3:
        name = rng.choice(["timestamp", "snapshot", "targets"])
        number = rng.choice(INTEGERS)
        repo.body[name] = lambda body: body | {"version": number}
    if rng.random() < 0.2:
        rotate(rng, repo, 1, rng.choice(["timestamp", "snapshot"]))
    return repo.case()


def expiries(rng):
    """Documents that expire, expired, or say it in another form."""
    repo = Repository(rng)
    if rng.random() < 0.3:
        delegate(rng, repo)
    name = rng.choice([*TOP, *repo.delegated])
    when = rng.choice(TIMES)
    repo.body[name] = lambda body: body | {"expires": when}
    if rng.random() < 0.2:
        rotate(rng, repo, 1)
    return repo.case()


def digests(rng):
    """What a parent says of a child: digests and lengths."""
    repo = Repository(rng)
    name, child = rng.choice([("snapshot", "targets.json"), ("timestamp", "snapshot.json"), ("targets", TARGET)])

    def change(body):
        entry = body["targets" if name == "targets" else "meta"][child]
        how = rng.randrange(8)
        known = entry.get("hashes", {}).get("sha256", "0" * 64)
        if how == 0:
            entry["length"] = rng.choice([*INTEGERS, entry.get("length", 1) + 1, entry.get("length", 1) - 1])
        elif how == 1:
            entry["hashes"] = rng.choice([{}, None, [], {"md5": "00"}, {"sha512": "0" * 128}, {"sha3-256": "0" * 64}])
        elif how == 2:
            entry["hashes"] = {"sha256": rng.choice([known.upper(), known[:-2], known + "00", "sha256:" + known, " " + known, ""])}
        elif how == 3:
            entry["hashes"] = {"sha256": known, rng.choice(["md5", "sha512", "x", "SHA256"]): rng.choice(["0" * 64, "", known])}
        elif how == 4:
            entry.pop(rng.choice(["length", "hashes", "version"]), None)
        elif how == 5:
            entry["custom"] = rng.choice([{}, None, 1, {"a": [1]}])
        elif how == 6:
            entry["extra"] = 1
        else:
            entry["version"] = rng.choice(INTEGERS)
        return body

    repo.body[name] = change
    return repo.case()


def rotate(rng, repo, count, changed=None):
    """Adds roots after the first, sometimes with other keys for a role."""
    body, before = repo.root, repo.signers["root"]
    for version in range(2, 2 + count):
        body = copy.deepcopy(body) | {"version": version}
        after = [key(80 + version), key(90 + version)] if rng.random() < 0.5 else before
        body["keys"] |= table(after)
        body["roles"]["root"] = role(after, 2)
        if changed:
            new = key(100 + version)
            body["keys"] |= table([new])
            body["roles"][changed] = role([new], 1)
            repo.signers[changed] = [new]
        both = before + [k for k in after if k not in before]
        repo.later_roots.append(repo.write("later", body, both))
        before = after


def successions(rng):
    """Roots that follow the first: gaps, too few signers, wrong order."""
    repo = Repository(rng)
    count = rng.randrange(1, 5)
    how = rng.randrange(7)
    if how == 0:
        drop = rng.randrange(4)
        repo.envelope["later"] = lambda d: d | {"signatures": [s for n, s in enumerate(d["signatures"]) if n != drop]}
    elif how == 1:
        repo.body["later"] = lambda body: spoil(rng, body)
    elif how == 2:
        step = rng.choice([-1, 1, 2])
        repo.body["later"] = lambda body: body | {"version": body["version"] + step}
    elif how == 3:
        repo.body["later"] = lambda body: body | {"expires": rng.choice(TIMES[:6])}
    rotate(rng, repo, count, rng.choice([None, None, "timestamp", "snapshot", "targets"]))
    if how == 4:
        rng.shuffle(repo.later_roots)
    elif how == 5:
        repo.later_roots.pop(rng.randrange(count))
    return repo.case()


KINDS = [sound, fields, envelopes, spellings, keys, signatures, thresholds, rollbacks, expiries, digests, successions, delegations]
