#!/usr/bin/env python3
"""Makes the vectors of docs/format/manifest.md and medium.md, independently of the Rust code.

Run in this directory. The results are checked in; `cases.txt` of each directory says what a reader must do with each file:
<file> accept | <file> refuse. Each refused file breaks exactly one rule, the one it is named after.
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
    for field in ("blobs", "bytes", "files", "stored_bytes"):
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
    cases["encoding-byte-order-mark"] = b"\xef\xbb\xbf" + good
    cases["encoding-unsorted-keys"] = good.replace(
        b'"schema":"sealift.manifest/1","sequence":42', b'"sequence":42,"schema":"sealift.manifest/1"')
    cases["encoding-duplicate-key"] = good.replace(b'"sequence":42', b'"sequence":42,"sequence":42')
    cases["encoding-escape"] = good.replace(b"example.org", b"ex\\u0061mple.org")
    cases["encoding-slash-escape"] = good.replace(b"example.org/", b"example.org\\/")
    cases["encoding-exponent"] = good.replace(b'"sequence":42', b'"sequence":42e0')
    cases["encoding-not-utf-8"] = good.replace(b"example.org", b"ex\xffmple.org")
    cases["encoding-truncated"] = good[:-1]
    cases["encoding-empty"] = b""
    put_cases(directory, cases, ".json")


def put_cases(directory, cases, ending):
    for old in directory.iterdir():
        old.unlink()
    assert len(set(cases.values())) == len(cases), "two cases are the same"
    lines = []
    for name, content in sorted(cases.items()):
        (directory / (name + ending)).write_bytes(content)
        lines.append(f"{name}{ending} {'accept' if name.startswith('accept') else 'refuse'}\n")
    (directory / "cases.txt").write_text("".join(lines))


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
        "type-directory": header("trust/", 0, type=b"5") + good,
        "type-fifo": swap(0, header(name, 0, type=b"6")),
        "type-pax": file("PaxHeader", pax, type=b"x") + good,
        "type-pax-global": file("PaxHeader", pax, type=b"g") + good,
        "type-gnu-long-name": file("././@LongLink", name.encode() + b"\0", type=b"L") + good,
        "type-gnu-sparse": swap(0, file(name, content, type=b"S")),
        "magic-gnu": swap(0, file(name, content, magic=b"ustar ", version=b" \0")),
        "magic-missing": swap(0, file(name, content, magic=b"", version=b"")),
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
    put_cases(HERE / "container", cases, ".sealift")


write_manifests()
write_containers()
