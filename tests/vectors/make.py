#!/usr/bin/env python3
"""Makes the vectors of docs/format/json.md, manifest.md and medium.md, independently of the Rust code.

Run anywhere. The results are checked in; `cases.txt` of each directory says what a reader must do with each file (README.md).
Each refused file breaks exactly one rule, the one it is named after.
"""
import copy
import hashlib
import json
from pathlib import Path

HERE = Path(__file__).parent
FPR = "0123456789ABCDEF0123456789ABCDEF01234567"


def sha(text):
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def entry(path, role, content, deb=None, stored=True):
    value = {"path": path, "role": role, "sha256": sha(content), "size": len(content), "upstream": path.split("/")[0]}
    if stored:
        value["stored"] = {"encoding": "identity", "sha256": value["sha256"], "size": value["size"]}
    if deb:
        value["deb"] = dict(zip(("package", "version", "architecture"), deb))
    return value


def totals(files):
    blobs = {f["stored"]["sha256"]: f["stored"]["size"] for f in files if "stored" in f}
    return {
        "blobs": len(blobs),
        "bytes": sum(f["size"] for f in files),
        "files": len(files),
        "stored_bytes": sum(blobs.values()),
    }


def upstream(name):
    return {
        "architectures": ["amd64", "arm64"],
        "codename": "bookworm",
        "components": ["contrib", "main"],
        "date": "2026-11-22T10:00:00Z",
        "keyring": f"{name}/keyring.pgp",
        "kind": "apt",
        "name": name,
        "release": {"form": "inrelease", "path": f"{name}/dists/bookworm/InRelease"},
        "signers": [FPR],
        "snapshot": sha("snapshot"),
        "suite": "bookworm",
        "uri": "https://example.org/debian",
    }


def upstream_files(name):
    return [
        entry(f"{name}/dists/bookworm/InRelease", "release", f"release of {name}"),
        entry(f"{name}/dists/bookworm/main/binary-amd64/Packages", "index", f"index of {name}"),
        entry(f"{name}/keyring.pgp", "keyring", "keyring"),
        entry(f"{name}/pool/main/a/anchor/anchor_1_amd64.deb", "package", f"anchor of {name}", ("anchor", "1", "amd64")),
        entry(f"{name}/pool/main/b/buoy/buoy_1%3a2_all.deb", "package", f"buoy of {name}", ("buoy", "1:2", "all")),
    ]


def complete():
    files = upstream_files("debian") + upstream_files("debian-security")
    files.sort(key=lambda f: f["path"])
    return {
        "created": "2026-11-22T16:00:00Z",
        "files": files,
        "kind": "complete",
        "not_after": "2027-02-20T16:00:00Z",
        "schema": "sealift.manifest/1",
        "sequence": 42,
        "stream": "deb12",
        "totals": totals(files),
        "upstreams": [upstream("debian"), upstream("debian-security")],
        "withdrawn": [],
    }


def incremental():
    value = complete()
    value["kind"] = "incremental"
    value["base"] = {"manifest": sha("41"), "sequence": 41}
    value["previous"] = {"manifest": sha("41"), "sequence": 41}
    for file in value["files"]:
        if file["role"] == "package":
            del file["stored"]
    value["totals"] = totals(value["files"])
    value["withdrawn"] = sorted([sha("bad"), sha("worse")])
    return value


def detached():
    value = complete()
    for name in ("debian", "debian-security"):
        value["files"].append(entry(f"{name}/dists/bookworm/Release.gpg", "release-signature", f"signature of {name}"))
        for file in value["files"]:
            if file["path"] == f"{name}/dists/bookworm/InRelease":
                file["path"] = f"{name}/dists/bookworm/Release"
    for up in value["upstreams"]:
        directory = f"{up['name']}/dists/bookworm"
        up["release"] = {
            "form": "detached", "path": f"{directory}/Release", "signature_path": f"{directory}/Release.gpg",
        }
    value["files"].sort(key=lambda f: f["path"])
    value["totals"] = totals(value["files"])
    return value


def zstd():
    value = complete()
    for file in value["files"]:
        if file["role"] == "index":
            file["stored"] = {"encoding": "zstd", "sha256": sha("frame" + file["path"]), "size": 9}
    value["totals"] = totals(value["files"])
    return value


def find(value, ending):
    return next(f for f in value["files"] if f["path"].endswith(ending))


def replace_path(value, ending, path):
    find(value, ending)["path"] = path
    value["files"].sort(key=lambda f: f["path"])


def manifests():
    yield "accept-complete", complete()
    yield "accept-incremental", incremental()
    yield "accept-detached", detached()
    yield "accept-zstd", zstd()

    def bad(name, edit, base=complete, resum=True):
        value = copy.deepcopy(base())
        edit(value)
        if resum:
            value["totals"] = totals(value["files"])
        return name, value

    def put(*path):
        *parents, key, new = path

        def edit(value):
            for parent in parents:
                value = value[parent]
            value[key] = new

        return edit

    def drop(*path):
        *parents, key = path

        def edit(value):
            for parent in parents:
                value = value[parent]
            del value[key]

        return edit

    up = ("upstreams", 0)
    yield bad("schema-unknown", put("schema", "sealift.manifest/2"))
    yield bad("field-unknown", put("comment", "x"))
    yield bad("field-null", put("base", None))
    yield bad("field-missing", drop("withdrawn"))
    yield bad("number-float", put("sequence", 42.0))
    yield bad("number-2-53-and-1", put("totals", "bytes", 2**53 + 1), resum=False)
    yield bad("number-2-63", put("files", 0, "size", 2**63))
    yield bad("number-2-64", put("files", 0, "size", 2**64))
    yield bad("schema-unknown-with-new-fields", lambda v: v.update(schema="sealift.manifest/2", volumes=3))
    yield bad("schema-of-another-document", put("schema", "sealift.receipt/1"))
    yield bad("string-too-long", put(*("upstreams", 0), "uri", "https://example.org/" + "a" * 70_000))
    yield bad("number-text", put("sequence", "42"))
    yield bad("number-negative", put("files", 0, "size", -1), resum=False)
    yield bad("control-character", put("upstreams", 0, "uri", "a\nb"))
    yield bad("stream-upper-case", put("stream", "Deb12"))
    yield bad("stream-device-name", put("stream", "nul"))
    yield bad("stream-trailing-dot", put("stream", "deb12."))
    yield bad("sequence-zero", put("sequence", 0))
    yield bad("sequence-beyond-2-53", put("sequence", 2**53))
    yield bad("time-with-offset", put("created", "2026-11-22T16:00:00+00:00"))
    yield bad("digest-upper-case", put("upstreams", 0, "snapshot", sha("snapshot").upper()))
    yield bad("digest-with-algorithm", put("upstreams", 0, "snapshot", "sha256:" + sha("snapshot")))
    yield bad("base-on-complete", put("base", {"manifest": sha("41"), "sequence": 41}))
    yield bad("base-missing", drop("base"), incremental)
    yield bad("base-not-lower", put("base", "sequence", 42), incremental)
    yield bad("previous-not-lower", put("previous", "sequence", 43), incremental)
    yield bad("not-after-is-created", put("not_after", "2026-11-22T16:00:00Z"))
    yield bad("withdrawn-unsorted", lambda v: v["withdrawn"].reverse(), incremental)
    yield bad("withdrawn-twice", put("withdrawn", [sha("bad"), sha("bad")]))
    yield bad("upstreams-unsorted", lambda v: v["upstreams"].reverse())
    yield bad("upstreams-twice", lambda v: v["upstreams"].insert(0, v["upstreams"][0]))
    yield bad("upstream-kind", put(*up, "kind", "dnf"))
    yield bad("architectures-unsorted", put(*up, "architectures", ["arm64", "amd64"]))
    yield bad("components-twice", put(*up, "components", ["main", "main"]))
    yield bad("signers-empty", put(*up, "signers", []))
    yield bad("signers-lower-case", put(*up, "signers", [FPR.lower()]))
    yield bad("signers-short", put(*up, "signers", [FPR[:16]]))
    yield bad("signers-unsorted", put(*up, "signers", [FPR, FPR[::-1]][::-1] if FPR < FPR[::-1] else [FPR, FPR[::-1]]))
    yield bad("signature-path-with-inrelease", put(*up, "release", "signature_path", "debian/keyring.pgp"))
    yield bad("signature-path-missing", drop(*up, "release", "signature_path"), detached)
    yield bad("signature-of-another-role", put(*up, "release", "signature_path", "debian/keyring.pgp"), detached)
    yield bad("keyring-missing", put(*up, "keyring", "debian/other.pgp"))
    yield bad("keyring-of-another-role", put(*up, "keyring", "debian/dists/bookworm/InRelease"))
    yield bad("release-of-another-upstream", put(*up, "release", "path", "debian-security/dists/bookworm/InRelease"))
    yield bad("files-unsorted", lambda v: v["files"].reverse())
    yield bad("files-twice", lambda v: v["files"].insert(0, v["files"][0]))

    def twin_with_other_content(value):
        at = next(i for i, f in enumerate(value["files"]) if f["role"] == "package")
        other = entry(value["files"][at]["path"], "package", "other", ("anchor", "1", "amd64"))
        value["files"].insert(at, other)

    yield bad("files-twice-with-other-content", twin_with_other_content)
    for name, path in [
        ("path-differs-in-case-only", "debian/pool/main/b/buoy/BUOY_1%3a2_all.deb"),
    ]:
        def twin(value, path=path):
            value["files"].append(dict(find(value, "debian/pool/main/b/buoy/buoy_1%3a2_all.deb"), path=path))
            value["files"].sort(key=lambda f: f["path"])
        yield bad(name, twin)
    for name, path in [
        ("path-parent", "debian/../etc/passwd"),
        ("path-absolute", "/debian/x"),
        ("path-backslash", "debian/a\\b"),
        ("path-empty-segment", "debian//x"),
        ("path-hidden", "debian/.x"),
        ("path-option", "debian/-x"),
        ("path-device", "debian/aux.deb"),
        ("path-trailing-dot", "debian/x."),
        ("path-space", "debian/a b"),
        ("path-bidi", "debian/a\u202eb"),
        ("path-escape", "debian/a\u009bb"),
        ("path-dot", "debian/./x"),
        ("path-newline", "debian/a\nb"),
        ("path-line-separator", "debian/a\u2028b"),
        ("path-trailing-space", "debian/x "),
        ("path-drive", "debian/C:x"),
        ("path-device-upper-case", "debian/CON"),
        ("path-device-numbered", "debian/com0.deb"),
        ("path-device-stream", "debian/nul:x"),
        ("path-nfc", "debian/\u00e9"),
        ("path-nfd", "debian/e\u0301"),
        ("path-wildcard", "debian/*"),
        ("path-quote", "debian/a'b"),
        ("path-trailing-slash", "debian/x/"),
        ("path-too-long", "debian/" + "/".join(["a" * 250] * 4) + "/" + "a" * 20),
        ("path-too-deep", "debian/" + "/".join("a" * 16)),
        ("path-segment-too-long", "debian/" + "a" * 256),
        ("path-outside-upstream", "pool/buoy.deb"),
        ("path-of-another-upstream", "debian-security/pool/buoy.deb"),
    ]:
        yield bad(name, lambda v, path=path: replace_path(v, "debian/pool/main/b/buoy/buoy_1%3a2_all.deb", path))

    def stranger(value):
        file = find(value, "debian/pool/main/b/buoy/buoy_1%3a2_all.deb")
        file["upstream"] = "other"
        replace_path(value, "debian/pool/main/b/buoy/buoy_1%3a2_all.deb", "other/x.deb")

    yield bad("upstream-not-listed", stranger)
    yield bad("deb-on-index", lambda v: find(v, "Packages").update(deb={"package": "a", "version": "1", "architecture": "all"}))
    yield bad("deb-missing", lambda v: find(v, "amd64.deb").pop("deb"))
    yield bad("role-unknown", lambda v: find(v, "Packages").update(role="sources"))
    yield bad("complete-not-carrying", lambda v: find(v, "amd64.deb").pop("stored"))

    def other_size(value):
        one, two = (f for f in value["files"] if f["path"].endswith("keyring.pgp"))
        two["size"] += 1
        two["stored"]["size"] += 1

    yield bad("same-content-other-size", other_size)

    def other_blob(value):
        one, two = (f for f in value["files"] if f["path"].endswith("keyring.pgp"))
        two["stored"] = {"encoding": "zstd", "sha256": sha("frame"), "size": 5}

    yield bad("same-content-other-blob", other_blob)

    def other_blob_size(value):
        one, two = (f for f in value["files"] if f["path"].endswith("Packages"))
        two["stored"] = dict(one["stored"], size=one["stored"]["size"] + 1)

    yield bad("same-blob-other-size", other_blob_size, zstd)
    yield bad("identity-other-digest", lambda v: find(v, "amd64.deb")["stored"].update(sha256=sha("x")))
    yield bad("identity-other-size", lambda v: find(v, "amd64.deb")["stored"].update(size=1))
    yield bad("encoding-unknown", lambda v: find(v, "amd64.deb")["stored"].update(encoding="gzip"))

    def beyond_ratio(value):
        file = find(value, "Packages")
        file["size"] = 9 * 1000 + 65536 + 1

    yield bad("zstd-beyond-ratio", beyond_ratio, zstd)
    for field in ("blobs", "bytes", "files", "stored_bytes"):
        def below(value, field=field):
            value["totals"][field] -= 1
        yield bad(f"totals-{field.replace('_', '-')}-too-low", below, resum=False)

        def off(value, field=field):
            value["totals"][field] += 1
        yield bad(f"totals-{field.replace('_', '-')}", off, resum=False)


def write_manifests():
    directory = HERE / "manifest"
    cases = {name: canonical(value) for name, value in manifests()}
    good = cases["accept-complete"]
    cases["encoding-white-space"] = good.replace(b'"kind":', b'"kind": ')
    cases["encoding-trailing-newline"] = good + b"\n"
    cases["encoding-trailing-zero"] = good + b"\0"
    cases["encoding-zero-inside"] = good.replace(b"example.org", b"example\0org")
    cases["encoding-two-documents"] = good + good
    cases["encoding-byte-order-mark"] = b"\xef\xbb\xbf" + good
    cases["encoding-unsorted-keys"] = good.replace(
        b'"schema":"sealift.manifest/1","sequence":42', b'"sequence":42,"schema":"sealift.manifest/1"')
    cases["encoding-duplicate-key"] = good.replace(b'"sequence":42', b'"sequence":42,"sequence":42')
    cases["encoding-duplicate-key-other-value"] = good.replace(b'"sequence":42', b'"sequence":41,"sequence":42')
    for level, first in [
        ("file", b'{"path":"debian/dists/bookworm/InRelease"'), ("stored", b'"stored":{"encoding":"identity"'),
        ("deb", b'"deb":{"architecture":"amd64"'), ("totals", b'"totals":{"blobs":9'),
        ("upstream", b'"upstreams":[{"architectures":["amd64","arm64"]'), ("release", b'"release":{"form":"inrelease"'),
    ]:
        assert first in good, level
        field = first[first.rindex(b"{") + 1:]
        cases[f"encoding-duplicate-key-in-{level}"] = good.replace(first, first + b"," + field, 1)
    based = cases["accept-incremental"]
    base = b'"base":{"manifest":"' + sha("41").encode() + b'"'
    assert base in based
    cases["encoding-duplicate-key-in-base"] = based.replace(base, base + b"," + base[8:], 1)
    cases["encoding-escape"] = good.replace(b"example.org", b"ex\\u0061mple.org")
    cases["encoding-slash-escape"] = good.replace(b"example.org/", b"example.org\\/")
    cases["encoding-newline-escape"] = good.replace(b"example.org/", b"example.org\\n")
    cases["encoding-lone-surrogate"] = good.replace(b"example.org", b"ex\\ud800mple.org")
    cases["encoding-surrogate-in-utf-8"] = good.replace(b"example.org", b"ex\xed\xa0\x80mple.org")
    cases["encoding-overlong-utf-8"] = good.replace(b"example.org", b"ex\xc0\xafmple.org")
    cases["encoding-exponent"] = good.replace(b'"sequence":42', b'"sequence":42e0')
    cases["encoding-leading-zero"] = good.replace(b'"sequence":42', b'"sequence":042')
    cases["encoding-plus-sign"] = good.replace(b'"sequence":42', b'"sequence":+42')
    cases["encoding-negative-zero"] = good.replace(b'"withdrawn":[]', b'"withdrawn":-0')
    cases["encoding-not-utf-8"] = good.replace(b"example.org", b"ex\xffmple.org")
    cases["encoding-comment"] = good.replace(b'"kind":', b'/**/"kind":')
    cases["encoding-trailing-comma"] = good[:-1] + b",}"
    cases["encoding-truncated"] = good[:-1]
    cases["encoding-empty"] = b""
    cases["encoding-null"] = b"null"
    cases["encoding-array"] = b"[" + good + b"]"
    cases["nesting-too-deep"] = b'{"base":' + b"[" * 10_000 + b"]" * 10_000 + b"}"
    put_cases(directory, cases, ".json", manifest_reason)


def manifest_reason(name):
    """Why a manifest is refused."""
    if name in ("string-too-long", "nesting-too-deep"):
        return "limit"
    if name.startswith("schema-"):
        return "schema"
    if name in ("number-2-53-and-1", "number-2-63", "number-2-64"):
        return "number"
    encoding = (
        "encoding-", "field-", "number-", "control-", "digest-", "time-", "path-", "role-", "sequence-", "stream-upper",
    )
    rule = ("path-of-another", "path-outside", "path-differs")
    if name == "encoding-unknown" or (name.startswith(encoding) and not name.startswith(rule)):
        return "encoding"
    return "rule"


def put_cases(directory, cases, ending, reason, extra=None):
    directory.mkdir(exist_ok=True)
    for old in directory.iterdir():
        old.unlink()
    seen = {}
    for name, content in cases.items():
        assert extra or seen.setdefault(content, name) == name, f"{name} and {seen[content]} are the same"
    paragraphs = []
    for name, content in sorted(cases.items()):
        (directory / (name + ending)).write_bytes(content)
        verdict = "accept" if name.startswith("accept") else f"refuse {reason(name)}"
        lines = [f"file: {name}{ending}", *(extra(name) if extra else []), f"expect: {verdict}"]
        paragraphs.append("\n".join(lines) + "\n")
    (directory / "cases.txt").write_text("\n".join(paragraphs))


def octal(number, width):
    return f"{number:0{width - 1}o}".encode() + b"\0"


def header(path, length, /, **changes):
    """The one header of docs/format/medium.md §2, with fields replaced for the vectors that need it."""
    name, prefix = path.encode(), b""
    if len(name) > 100:
        prefix, name = name.rsplit(b"/", 1)
    fields = {
        "name": name, "mode": octal(0o644, 8), "uid": octal(0, 8), "gid": octal(0, 8), "size": octal(length, 12),
        "mtime": octal(0, 12), "checksum": b" " * 8, "type": b"0", "link": b"", "magic": b"ustar\0", "version": b"00",
        "user": b"", "group": b"", "major": b"", "minor": b"", "prefix": prefix, "pad": b"",
    }
    fields.update(changes)
    widths = [100, 8, 8, 8, 12, 12, 8, 1, 100, 6, 2, 32, 32, 8, 8, 155, 12]
    block = b"".join(value.ljust(width, b"\0") for value, width in zip(fields.values(), widths))
    assert len(block) == 512
    if "checksum" not in changes:
        block = block[:148] + octal(sum(block), 8) + block[156:]
    return block


def file(path, content, padding=b"\0", /, **changes):
    return header(path, len(content), **changes) + content + padding * (-len(content) % 512)


END = b"\0" * 1024


def write_containers():
    blobs = sorted((sha(text), text.encode()) for text in ("one", "two", "x" * 512, ""))
    long = "bundles/" + "s" * 64 + "/9007199254740991/evidence/" + "e" * 60 + ".dsse.json"
    parts = [
        ("trust/metadata/1.root.json", b"{}"),
        ("trust/metadata/1.snapshot.json", b"{}"),
        ("trust/metadata/1.targets.json", b"{}"),
        ("trust/metadata/timestamp.json", b"{}"),
        ("bundles/deb12/9/manifest.json", b"{}"),
        ("bundles/deb12/9/evidence/build.dsse.json", b"{}"),
        ("bundles/deb12/10/manifest.json", b"{}"),
        (long, b"{}"),
    ] + [(f"blobs/sha256/{digest}", content) for digest, content in blobs]
    files = [file(*part) for part in parts]
    good = b"".join(files) + END

    def swap(at, *new):
        return b"".join(files[:at]) + b"".join(new) + b"".join(files[at + 1:]) + END

    name, content = parts[0]
    pax = b"30 path=trust/metadata/x.json\n"
    blob, blob_content = parts[-1]

    def extended(records, type=b"x", before=0):
        """An extended header before an entry."""
        return b"".join([*files[:before], file("PaxHeader", records, type=type), *files[before:]]) + END

    def signed_sum(block):
        return sum(byte - 256 if byte > 127 else byte for byte in block[:148] + b" " * 8 + block[156:])

    accented = "trust/metadata/\u00e9.json".encode()
    cases = {
        "accept-whole": good,
        "accept-no-entries": END,
        "truncated-in-header": good[:300],
        "truncated-in-content": b"".join(files[:1])[:513],
        "truncated-in-padding": b"".join(files[:1])[:700],
        "truncated-without-end": good[:-1024],
        "truncated-in-end": good[:-1],
        "end-of-one-block": good[:-512],
        "trailing-byte": good + b"\0",
        "trailing-blocks": good + END,
        "trailing-archive": good + good,
        "empty-file": b"",
        "padding-not-zero": swap(0, file(name, content, b"\1")),
        "type-old-regular": swap(0, file(name, content, type=b"\0")),
        "type-hard-link": swap(0, header(name, 0, type=b"1", link=b"trust/metadata/timestamp.json")),
        "type-symbolic-link": swap(0, header(name, 0, type=b"2", link=b"/etc/passwd")),
        "type-character-device": swap(0, header(name, 0, type=b"3")),
        "type-block-device": swap(0, header(name, 0, type=b"4")),
        "type-contiguous": swap(0, file(name, content, type=b"7")),
        "type-unknown": swap(0, file(name, content, type=b"Z")),
        "type-gnu-long-link": file("././@LongLink", b"/etc/passwd\0", type=b"K") + good,
        "type-gnu-volume": swap(0, header(name, 0, type=b"V")),
        "type-gnu-continued": swap(0, file(name, content, type=b"M")),
        "type-gnu-incremental-directory": header("trust/", 0, type=b"D") + good,
        "type-solaris-extended": file("PaxHeader", pax, type=b"X") + good,
        "pax-size-larger": extended(b"15 size=1000000\n"),
        "pax-size-smaller": extended(b"10 size=1\n"),
        "pax-size-negative": extended(b"11 size=-1\n"),
        "pax-path-twice": extended(pax + pax.replace(b"x.json", b"y.json")),
        "pax-path-with-zero-byte": extended(b"21 path=trust/x\0/y.json\n"),
        "pax-malformed": extended(b"9999 path=x\n"),
        "pax-global-in-the-middle": extended(pax, b"g", 4),
        "pax-after-long-name": file("././@LongLink", name.encode() + b"\0", type=b"L") + file("PaxHeader", pax, type=b"x") + good,
        "pax-before-blob": extended(b"15 size=1000000\n", b"x", len(files) - 1),
        "type-directory": header("trust/", 0, type=b"5") + good,
        "type-fifo": swap(0, header(name, 0, type=b"6")),
        "type-pax": file("PaxHeader", pax, type=b"x") + good,
        "type-pax-global": file("PaxHeader", pax, type=b"g") + good,
        "type-gnu-long-name": file("././@LongLink", name.encode() + b"\0", type=b"L") + good,
        "type-gnu-sparse": swap(0, file(name, content, type=b"S")),
        "magic-gnu": swap(0, file(name, content, magic=b"ustar ", version=b" \0")),
        "magic-missing": swap(0, file(name, content, magic=b"", version=b"")),
        "mode-setuid": swap(0, file(name, content, mode=octal(0o4644, 8))),
        "mode-with-file-type": swap(0, file(name, content, mode=octal(0o100644, 8))),
        "group-number": swap(0, file(name, content, gid=octal(1000, 8))),
        "group-name": swap(0, file(name, content, group=b"root")),
        "time-base-256": swap(0, file(name, content, mtime=b"\xff" * 12)),
        "size-negative": swap(0, file(name, content, size=b"\xff" * 12)),
        "size-overflow": swap(0, file(name, content, size=b"\x80" + b"\xff" * 11)),
        "size-not-octal": swap(0, file(name, content, size=b"00000000009\0")),
        "size-without-terminator": swap(0, file(name, content, size=b"000000000002")),
        "size-empty": swap(0, file(name, content, size=b"")),
        "size-smaller-than-content": swap(0, header(name, 0) + content.ljust(512, b"\0")),
        "checksum-signed": swap(0, file(name, content, name=accented, checksum=octal(signed_sum(header("x", 2, name=accented)), 8))),
        "checksum-empty": swap(0, file(name, content, checksum=b"")),
        "entry-after-one-zero-block": good[:-1024] + b"\0" * 512 + files[-1] + END,
        "end-not-zero": good[:-512] + b"\0" * 511 + b"x",
        "version-old": swap(0, file(name, content, version=b"\0\0")),
        "prefix-bytes-after-zero": swap(7, file(long, b"{}", prefix=long.rsplit("/", 1)[0].encode() + b"\0x")),
        "name-with-escape": swap(0, file("trust/metadata/\x1b[2J.json", content)),
        "name-with-newline": swap(0, file("trust/metadata/a\nb.json", content)),
        "name-with-direction-mark": swap(0, file("trust/metadata/\u202ea.json", content)),
        "name-backslash": swap(0, file("trust\\metadata\\1.root.json", content)),
        "name-empty": swap(0, file("", content)),
        "name-trailing-slash": swap(0, file("trust/metadata/1.root.json/", content)),
        "name-evidence-upper-case": swap(5, file("bundles/deb12/9/evidence/Build.dsse.json", b"{}")),
        "name-evidence-hidden": swap(5, file("bundles/deb12/9/evidence/.dsse.json", b"{}")),
        "name-evidence-other-kind": swap(5, file("bundles/deb12/9/evidence/build.json", b"{}")),
        "name-stream-device": swap(4, file("bundles/nul/9/manifest.json", b"{}")),
        "name-stream-upper-case": swap(4, file("bundles/Deb12/9/manifest.json", b"{}")),
        "name-sequence-zero": swap(4, file("bundles/deb12/0/manifest.json", b"{}")),
        "name-sequence-too-large": swap(4, file("bundles/deb12/9007199254740992/manifest.json", b"{}")),
        "name-short-blob": swap(len(files) - 1, file("blobs/sha256/" + blobs[-1][0][:-1], blob_content)),
        "name-blob-of-another-algorithm": swap(len(files) - 1, file("blobs/sha512/" + blobs[-1][0], blob_content)),
        "twice-blob": swap(len(files) - 1, files[-1], files[-1]),
        "twice-blob-with-other-content": swap(len(files) - 1, files[-1], file(blob, b"other")),
        "mode-executable": swap(0, file(name, content, mode=octal(0o755, 8))),
        "owner-number": swap(0, file(name, content, uid=octal(1000, 8))),
        "owner-name": swap(0, file(name, content, user=b"root")),
        "time": swap(0, file(name, content, mtime=octal(1, 12))),
        "device-number": swap(0, file(name, content, major=octal(0, 8))),
        "size-base-256": swap(0, file(name, content, size=b"\x80" + b"\0" * 10 + b"\2")),
        "size-with-spaces": swap(0, file(name, content, size=b"          2 ")),
        "size-beyond-end": swap(0, header(name, 2**33 - 1) + content),
        "checksum-wrong": swap(0, file(name, content, checksum=b"0000000\0")),
        "checksum-with-space": swap(0, file(name, content, checksum=octal(sum(header(name, 2, checksum=b" " * 8)), 7) + b" ")),
        "bytes-after-name": swap(0, file(name, content, name=name.encode() + b"\0x")),
        "bytes-in-pad": swap(0, file(name, content, pad=b"x")),
        "link-name-on-file": swap(0, file(name, content, link=b"x")),
        "prefix-where-none-is-needed": swap(0, file(name, content, name=b"1.root.json", prefix=b"trust/metadata")),
        "prefix-split-elsewhere": swap(7, file(long, b"{}", name=long.split("/", 3)[3].encode(),
                                              prefix="/".join(long.split("/")[:3]).encode())),
        "name-parent": swap(0, file("trust/../metadata/1.root.json", content)),
        "name-dot": swap(0, file("./" + name, content)),
        "name-absolute": swap(0, file("/" + name, content)),
        "name-not-utf-8": swap(0, file(name, content, name=b"trust/metadata/\xff.json")),
        "name-of-no-place": swap(0, file("trust/metadata/root.json", content)),
        "name-convenience-file": good[:-1024] + file("verify.py", b"") + END,
        "name-outside": file("README", b"") + good,
        "name-leading-zero": swap(4, file("bundles/deb12/09/manifest.json", b"{}")),
        "name-upper-case-blob": swap(len(files) - 1, file(parts[-1][0].replace(blobs[-1][0], blobs[-1][0].upper()), blobs[-1][1])),
        "order-metadata": b"".join([files[1], files[0], *files[2:]]) + END,
        "order-blobs": b"".join([*files[:-2], files[-1], files[-2]]) + END,
        "order-sequence-as-text": b"".join([*files[:4], files[6], files[4], files[5], *files[7:]]) + END,
        "order-evidence-first": b"".join([*files[:4], files[5], files[4], *files[6:]]) + END,
        "order-blob-first": b"".join([files[-1], *files[:-1]]) + END,
        "twice": swap(0, files[0], files[0]),
    }
    put_cases(HERE / "container", cases, ".sealift", container_reason)


def container_reason(name):
    """Why a single file is refused."""
    exact = {
        "empty-file": "truncated", "end-of-one-block": "truncated", "size-beyond-end": "truncated",
        "entry-after-one-zero-block": "trailing", "end-not-zero": "trailing", "padding-not-zero": "padding",
        "pax-after-long-name": "name", "checksum-signed": "name", "time": "header",
    }
    prefixes = {
        "truncated": "truncated", "trailing": "trailing", "name": "name", "order": "order", "twice": "order",
        "prefix-bytes": "header",
    }
    # What has no place in a bundle is refused for its name before its form is looked at.
    foreign = (
        "type-directory", "type-gnu-long", "type-gnu-incremental", "name-",
    )
    if name in exact:
        return exact[name]
    if name.startswith(foreign):
        return "name"
    return next((word for start, word in prefixes.items() if name.startswith(start)), "header")


def xxh64(data):
    """XXH64 with seed 0, of which zstd stores the low 32 bits. Short inputs only take the tail of it."""
    p1, p2, p3, p4, p5 = (
        11400714785074694791, 14029467366897019727, 1609587929392839161, 9650029242287828579, 2870177450012600261)
    mask = (1 << 64) - 1

    def rotate(value, by):
        return ((value << by) | (value >> (64 - by))) & mask

    def turn(acc, lane):
        return rotate((acc + lane * p2) & mask, 31) * p1 & mask

    def number(at, size):
        return int.from_bytes(data[at:at + size], "little")

    at, end = 0, len(data)
    if end >= 32:
        accs = [(p1 + p2) & mask, p2, 0, -p1 & mask]
        while at + 32 <= end:
            accs = [turn(acc, number(at + 8 * i, 8)) for i, acc in enumerate(accs)]
            at += 32
        total = sum(rotate(acc, by) for acc, by in zip(accs, (1, 7, 12, 18))) & mask
        for acc in accs:
            total = ((total ^ turn(0, acc)) * p1 + p4) & mask
    else:
        total = p5
    total = (total + end) & mask
    while at + 8 <= end:
        total = (rotate(total ^ turn(0, number(at, 8)), 27) * p1 + p4) & mask
        at += 8
    if at + 4 <= end:
        total = (rotate(total ^ number(at, 4) * p1 & mask, 23) * p2 + p3) & mask
        at += 4
    while at < end:
        total = rotate(total ^ data[at] * p5 & mask, 11) * p1 & mask
        at += 1
    total = (total ^ total >> 33) * p2 & mask
    total = (total ^ total >> 29) * p3 & mask
    return total ^ total >> 32


def frame(content, *, flags=0x24, size=None, window=None, dictionary=b"", blocks=None, checksum=None):
    """A zstd frame (RFC 8878) of raw blocks: descriptor, window, dictionary id, content size, blocks, checksum."""
    size = len(content) if size is None else size
    width, code = (1, 0) if flags & 0x20 and size < 256 else (4, 2) if size < 2**32 else (8, 3)
    flags |= code << 6
    if blocks is None:
        blocks = (len(content) << 3 | 1).to_bytes(3, "little") + content
    if checksum is None:
        checksum = (xxh64(content) & 0xFFFFFFFF).to_bytes(4, "little") if flags & 4 else b""
    window = b"" if window is None else bytes([window])
    return (b"\x28\xb5\x2f\xfd" + bytes([flags]) + window + dictionary + size.to_bytes(width, "little") + blocks + checksum)


def repeated(byte, count):
    """Blocks that repeat one byte: 128 KiB of content from four bytes each."""
    blocks = b""
    while count:
        part = min(count, 128 * 1024)
        count -= part
        blocks += (part << 3 | 2 | (not count)).to_bytes(3, "little") + byte
    return blocks


def write_blobs():
    text = b"Package: anchor\n"
    good = frame(text)
    bomb = 64 * 1024 * 1024
    skippable = (0x184D2A50).to_bytes(4, "little") + (4).to_bytes(4, "little") + b"skip"
    sizes = {
        "bomb-with-honest-size": 1000, "bomb-with-small-size": 1000, "size-2-63": 2**63 - 1, "size-declared-2-63": 2**53 - 1,
        "accept-empty": 0, "size-smaller-than-declared": 17, "size-larger-than-declared": 15, "size-missing": 16,
        "accept-window-of-8-mib": 300, "window-of-16-mib": 300, "window-of-128-mib": 300, "window-of-2-gib": 300,
        "window-of-a-single-segment": 2**23 + 1, "accept-repeated": 2**20, "two-frames-as-one-size": 32,
    }
    many = b"a" * 300
    huge = (1 << 23) + 1
    cases = {
        "accept-one-block": good,
        "accept-empty": frame(b""),
        "accept-repeated": frame(b"", flags=0x24, size=2**20, blocks=repeated(b"a", 2**20),
                                 checksum=(xxh64(b"a" * 2**20) & 0xFFFFFFFF).to_bytes(4, "little")),
        "accept-window-of-8-mib": frame(many, flags=0x04, window=13 << 3),
        "window-of-16-mib": frame(many, flags=0x04, window=14 << 3),
        "window-just-above-8-mib": frame(many, flags=0x04, window=13 << 3 | 1),
        "window-of-128-mib": frame(many, flags=0x04, window=17 << 3),
        "window-of-2-gib": frame(many, flags=0x04, window=21 << 3),
        "window-of-a-single-segment": frame(b"", size=huge, blocks=repeated(b"a", huge), checksum=b"\0" * 4),
        "checksum-missing": frame(text, flags=0x20),
        "checksum-wrong": good[:-4] + b"\0\0\0\0",
        "checksum-truncated": good[:-1],
        "size-missing": b"\x28\xb5\x2f\xfd\x04" + bytes([0]) + good[6:],
        "size-smaller-than-declared": good,
        "size-larger-than-declared": good,
        "size-2-63": frame(text, size=2**63 - 1, flags=0x24),
        "size-declared-2-63": frame(text, size=2**63, flags=0x04, window=13 << 3),
        "dictionary-of-one-byte": frame(text, flags=0x25, dictionary=b"\1"),
        "dictionary-of-two-bytes": frame(text, flags=0x26, dictionary=b"\1\0"),
        "dictionary-of-four-bytes": frame(text, flags=0x27, dictionary=b"\1\0\0\0"),
        "reserved-bit": frame(text, flags=0x2C),
        "two-frames": good + good,
        "two-frames-as-one-size": good + good,
        "trailing-byte": good + b"\0",
        "trailing-skippable-frame": good + skippable,
        "skippable-frame": skippable + good,
        "only-a-skippable-frame": skippable,
        "legacy-magic": b"\x27" + good[1:],
        "magicless": good[4:],
        "plain-content": text,
        "empty-file": b"",
        "truncated-header": good[:5],
        "truncated-block": good[:12],
        "without-blocks": good[:6],
        "block-of-reserved-type": good[:6] + (len(text) << 3 | 7).to_bytes(3, "little") + good[9:],
        "block-larger-than-128-kib": frame(text, blocks=(200_000 << 3 | 3).to_bytes(3, "little") + b"a"),
        "last-block-missing": good[:6] + (len(text) << 3).to_bytes(3, "little") + good[9:],
        "bomb-with-honest-size": frame(b"", size=bomb, blocks=repeated(b"\0", bomb), checksum=b"\0" * 4, flags=0x04, window=13 << 3),
        "bomb-with-small-size": frame(b"", size=1000, blocks=repeated(b"\0", bomb), checksum=b"\0" * 4, flags=0x04, window=13 << 3),
    }
    sizes["window-just-above-8-mib"] = 300
    put_cases(HERE / "blob", cases, ".zst", blob_reason, lambda name: [f"size: {sizes.get(name, 16)}"])


def blob_reason(name):
    """Why a blob is refused."""
    exact = {
        "size-missing": "form", "size-2-63": "window", "bomb-with-honest-size": "size", "bomb-with-small-size": "damaged", "checksum-missing": "form",
        "two-frames": "trailing", "two-frames-as-one-size": "size", "trailing-byte": "trailing",
        "trailing-skippable-frame": "trailing", "checksum-wrong": "damaged", "checksum-truncated": "damaged",
        "truncated-block": "damaged", "without-blocks": "damaged", "block-of-reserved-type": "damaged",
        "block-larger-than-128-kib": "damaged", "last-block-missing": "damaged",
    }
    if name in exact:
        return exact[name]
    return next((word for start, word in {"window": "window", "size": "size"}.items() if name.startswith(start)), "form")


write_manifests()
write_containers()
write_blobs()
