#!/usr/bin/env python3
"""Makes the vectors of docs/format/volumes.md, independently of the Rust code.

Each is the payload of a volume set about `volumes/manifest.json`; each refused one breaks the one rule it is named after.
The blobs of the manifest, by digest, are whole on the volumes 1 and 2, but for the largest, which is cut in two parts.
"""
import copy
from pathlib import Path

from make import canonical, complete, sha

HERE = Path(__file__).parent / "volumes"


def parts(size, *volumes):
    """Parts of one size each; the last takes the rest."""
    each = size // len(volumes)
    sizes = [each] * (len(volumes) - 1) + [size - each * (len(volumes) - 1)]
    return [{"sha256": sha(f"part {n}"), "size": s, "volume": v} for n, (s, v) in enumerate(zip(sizes, volumes))]


def blobs(manifest):
    return sorted({(f["stored"]["sha256"], f["stored"]["size"]) for f in manifest["files"] if "stored" in f})


def rows(predicate, listed):
    """Length of each row of data."""
    found = {}
    for (digest, size), volume in zip(listed, predicate["assignment"]):
        if volume:
            found.setdefault(volume, {})[digest] = size
    for split in predicate["split"]:
        for part in split["parts"]:
            found.setdefault(part["volume"], {})[part["sha256"]] = part["size"]
    return {volume: sum(row.values()) for volume, row in found.items()}


def base():
    manifest = complete()
    listed = blobs(manifest)
    largest = max(range(len(listed)), key=lambda n: listed[n][1])
    assignment = [1 + n % 2 for n in range(len(listed))]
    assignment[largest] = 0
    predicate = {
        "assignment": assignment,
        "set": "volumes",
        "split": [{"blob": listed[largest][0], "parts": parts(listed[largest][1], 1, 2)}],
        "volumes": 2,
    }
    return manifest, listed, largest, predicate


def with_parity():
    manifest, listed, largest, predicate = base()
    stripes = -(-max(rows(predicate, listed).values()) // 64)
    blob = lambda n, shards: {"sha256": sha(f"parity {n} {shards}"), "size": 64 * shards, "volume": n}
    predicate["volumes"] = 4
    predicate["parity"] = {
        "blobs": [blob(3, 1), blob(3, stripes - 1), blob(4, stripes)], "shard": 64, "volumes": 2,
    }
    return manifest, listed, largest, predicate


def repair():
    manifest, listed, largest, predicate = base()
    predicate.update(set="repair", volumes=1, split=[], assignment=[n % 2 for n in range(len(listed))])
    return manifest, listed, largest, predicate


def statement(predicate, manifest):
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "predicate": predicate,
        "predicateType": "https://example.org/sealift/volumes/v1",
        "subject": [{"digest": {"sha256": sha(canonical(manifest))}, "name": "manifest.json"}],
    }


def cases():
    def made(make, edit=lambda p: None):
        manifest, listed, largest, predicate = make()
        edit(predicate)
        return canonical(statement(predicate, manifest)).decode()

    def changed(edit):
        manifest, _, _, predicate = base()
        value = statement(predicate, manifest)
        edit(value)
        return canonical(value).decode()

    yield "accept-volumes", "accept", made(base)
    yield "accept-parity", "accept", made(with_parity)
    yield "accept-repair", "accept", made(repair)

    def whole(p):
        p.update(volumes=1, split=[], assignment=[1] * len(p["assignment"]))

    yield "accept-one-volume", "accept", made(base, whole)
    yield "accept-a-part-twice", "accept", made(base, twin_parts)

    good = made(base)
    yield "spelled-with-a-blank", "refuse volume-set", good.replace('"set":', '"set": ')
    yield "key-twice", "refuse volume-set", good.replace('"set":"volumes"', '"set":"volumes","set":"volumes"')
    yield "field-unknown", "refuse volume-set", made(base, lambda p: p.update(label="one"))
    yield "field-missing", "refuse volume-set", made(base, lambda p: p.pop("set"))
    yield "set-unknown", "refuse volume-set", made(base, lambda p: p.update(set="some"))
    yield "number-negative", "refuse volume-set", made(base, lambda p: p.update(volumes=-1))
    yield "number-with-fraction", "refuse volume-set", good.replace('"volumes":2', '"volumes":2.0')
    yield "parity-null", "refuse volume-set", made(base, lambda p: p.update(parity=None))
    yield "type-of-statement", "refuse volume-set", changed(lambda v: v.update(_type="https://in-toto.io/Statement/v0.1"))
    yield "type-of-predicate", "refuse volume-set", changed(
        lambda v: v.update(predicateType="https://example.org/sealift/volumes/v2"))
    yield "subject-another", "refuse volume-subject", changed(lambda v: v["subject"][0]["digest"].update(sha256=sha("x")))
    yield "subject-none", "refuse volume-set", changed(lambda v: v.update(subject=[]))
    yield "subject-twice", "refuse volume-set", changed(lambda v: v.update(subject=v["subject"] * 2))
    yield "subject-of-another-name", "refuse volume-set", changed(lambda v: v["subject"][0].update(name="manifest"))
    yield "subject-with-another-digest", "refuse volume-set", changed(
        lambda v: v["subject"][0]["digest"].update(sha512=sha("x") * 2))

    yield "volumes-none", "refuse volume-set", made(base, lambda p: p.update(volumes=0))
    yield "volumes-1000", "refuse volume-set", made(base, lambda p: p.update(volumes=1000))
    yield "assignment-too-short", "refuse volume-set", made(base, lambda p: p["assignment"].pop())
    yield "assignment-too-long", "refuse volume-set", made(base, lambda p: p["assignment"].append(1))

    def at(index, volume):
        def edit(p):
            whole_ones = [n for n, v in enumerate(p["assignment"]) if v]
            p["assignment"][whole_ones[index]] = volume
        return edit

    yield "assignment-beyond-the-volumes", "refuse volume-set", made(base, at(0, 3))
    yield "assignment-to-parity", "refuse volume-set", made(with_parity, at(0, 3))
    yield "blob-on-no-volume", "refuse volume-set", made(base, at(0, 0))

    _, listed, largest, _ = base()

    def both(p):
        p["assignment"][largest] = 1

    yield "blob-whole-and-split", "refuse volume-set", made(base, both)

    def part(n, **change):
        return lambda p: p["split"][0]["parts"][n].update(**change)

    def one_part(p):
        p["split"][0]["parts"] = parts(listed[largest][1], 1)

    def empty_part(p):
        p["split"][0]["parts"].append({"sha256": sha(""), "size": 0, "volume": 1})

    def no_parts(p):
        p["split"][0]["parts"] = []

    def foreign(p):
        p["split"].append({"blob": "f" * 64, "parts": parts(10, 1, 2)})

    def second_split(p):
        n = next(n for n, v in enumerate(p["assignment"]) if v)
        p["assignment"][n] = 0
        p["split"].append({"blob": listed[n][0], "parts": parts(listed[n][1], 2, 1)})
        for at, one in enumerate(p["split"][1]["parts"]):
            one["sha256"] = sha(f"other part {at}")
        p["split"].sort(key=lambda s: s["blob"])

    def unsorted_splits(p):
        second_split(p)
        p["split"].reverse()

    def huge_parts(p):
        for one in p["split"][0]["parts"]:
            one["size"] = 2**53 - 1

    size = parts(listed[largest][1], 1, 2)[0]["size"]
    yield "accept-two-blobs-split", "accept", made(base, second_split)
    yield "splits-unsorted", "refuse volume-set", made(base, unsorted_splits)
    yield "split-twice", "refuse volume-set", made(base, lambda p: p.update(split=p["split"] * 2))
    yield "split-blob-not-carried", "refuse volume-set", made(base, foreign)
    yield "split-in-one-part", "refuse volume-set", made(base, one_part)
    yield "split-in-no-part", "refuse volume-set", made(base, no_parts)
    yield "part-empty", "refuse volume-set", made(base, empty_part)
    yield "part-on-no-volume", "refuse volume-set", made(base, part(0, volume=0))
    yield "part-beyond-the-volumes", "refuse volume-set", made(base, part(0, volume=3))
    yield "part-on-parity", "refuse volume-set", made(with_parity, part(0, volume=3))
    yield "parts-too-short", "refuse volume-set", made(base, part(0, size=size - 1))
    yield "parts-too-long", "refuse volume-set", made(base, part(0, size=size + 1))
    yield "parts-of-huge-sizes", "refuse volume-set", made(base, huge_parts)

    yield "repair-of-two-volumes", "refuse volume-set", made(repair, lambda p: p.update(volumes=2))
    yield "repair-empty", "refuse volume-set", made(repair, lambda p: p.update(assignment=[0] * len(p["assignment"])))

    def repair_split(p):
        p["assignment"][largest] = 0
        p["split"] = [{"blob": listed[largest][0], "parts": parts(listed[largest][1], 1, 1)}]

    yield "repair-with-parts", "refuse volume-set", made(repair, repair_split)

    def size_of_a_part(p):
        small = min(listed, key=lambda b: b[1])
        one = p["split"][0]["parts"]
        one[0]["sha256"] = small[0]
        one[0]["size"], one[1]["size"] = small[1] + 1, listed[largest][1] - small[1] - 1

    yield "digest-of-two-sizes", "refuse volume-set", made(base, size_of_a_part)

    def parity(**change):
        return lambda p: p["parity"].update(**change)

    def parity_blob(n, **change):
        return lambda p: p["parity"]["blobs"][n].update(**change)

    yield "parity-of-no-volume", "refuse volume-set", made(with_parity, lambda p: p["parity"].update(volumes=0, blobs=[]))
    yield "parity-on-all-volumes", "refuse volume-set", made(with_parity, parity(volumes=4))
    yield "parity-on-more-than-all", "refuse volume-set", made(with_parity, parity(volumes=5))
    yield "parity-of-256-volumes", "refuse volume-set", made(with_parity, lambda p: p.update(volumes=256))
    yield "parity-shard-0", "refuse volume-set", made(with_parity, parity(shard=0))
    yield "parity-shard-odd", "refuse volume-set", made(with_parity, parity(shard=96))
    yield "parity-shard-huge", "refuse volume-set", made(with_parity, parity(shard=2**18 + 64))
    yield "parity-blob-empty", "refuse volume-set", made(
        with_parity, lambda p: p["parity"]["blobs"].insert(0, {"sha256": sha(""), "size": 0, "volume": 3}))
    yield "parity-blob-beyond-64-mib", "refuse volume-set", made(with_parity, parity_blob(0, size=2**26 + 64))
    yield "parity-blob-of-half-a-shard", "refuse volume-set", made(
        with_parity, lambda p: [parity_blob(0, size=96)(p), parity_blob(1, size=p["parity"]["blobs"][1]["size"] - 32)(p)])
    yield "parity-unsorted", "refuse volume-set", made(with_parity, lambda p: p["parity"]["blobs"].reverse())
    yield "parity-on-data", "refuse volume-set", made(with_parity, parity_blob(0, volume=2))
    yield "parity-row-too-short", "refuse volume-set", made(with_parity, lambda p: p["parity"]["blobs"].pop(0))
    yield "parity-row-too-long", "refuse volume-set", made(
        with_parity, lambda p: p["parity"]["blobs"].insert(0, {"sha256": sha("more"), "size": 64, "volume": 3}))
    yield "parity-row-missing", "refuse volume-set", made(with_parity, lambda p: p["parity"]["blobs"].pop())


def twin_parts(predicate):
    """A blob that is the same bytes twice."""
    for one in predicate["split"][0]["parts"]:
        one["sha256"] = sha("half")


def main():
    HERE.mkdir(exist_ok=True)
    for old in HERE.glob("*.txt"):
        old.unlink()
    (HERE / "manifest.json").write_bytes(canonical(complete()))
    for name, expect, payload in cases():
        (HERE / f"{name}.txt").write_text(f"expect: {expect}\npayload: {payload}\n")


if __name__ == "__main__":
    main()
