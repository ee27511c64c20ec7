#!/usr/bin/env python3
"""Checks a SEALIFT medium without sealift: python-tuf for the signatures, hashlib for the content.

Run in the SEALIFT directory:  python3 verify.py --root ROOT.json
ROOT.json is the root of trust; it must have come by another way than the medium.
Exit status: 0 everything is as signed, 1 something is not, 2 wrong usage.
"""
import argparse
import hashlib
import json
import re
import sys
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

try:
    from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError
    from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig
except ImportError:
    sys.exit("verify.py: python-tuf is not installed (pip install tuf)")

HERE = "file://medium/"
BLOB = re.compile(r"[0-9a-f]{64}")


class Bad(Exception):
    """The medium is not what was signed."""


class MediumFetcher(FetcherInterface):
    """Gives python-tuf the files of this directory, and no others."""

    def _fetch(self, url):
        path = Path(*[p for p in unquote(urlsplit(url).path).split("/") if p not in ("", ".", "..")])
        if path.is_symlink() or not path.is_file():
            raise DownloadHTTPError(f"{path} is not on the medium", 404)
        with open(path, "rb") as file:
            while piece := file.read(1 << 20):
                yield piece


def start(root, cache):
    """Returns a python-tuf client that trusts `root` and knows what is signed."""
    updater = Updater(
        metadata_dir=str(cache),
        metadata_base_url=HERE + "trust/metadata/",
        target_base_url=HERE,
        target_dir=str(cache),
        fetcher=MediumFetcher(),
        config=UpdaterConfig(prefix_targets_with_hash=False),
        bootstrap=root,
    )
    updater.refresh()
    return updater


def hash_file(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def check_bundle(updater, cache, path):
    """Checks one manifest and every blob it carries; returns the names of the blobs."""
    name = path.as_posix()
    info = updater.get_targetinfo(name)
    if info is None:
        raise Bad(f"{name} is not signed: the targets metadata does not list it")
    manifest = json.loads(Path(updater.download_target(info, str(cache / "manifest.json"))).read_bytes())
    stream, sequence = path.parts[1], path.parts[2]
    if (manifest["stream"], str(manifest["sequence"])) != (stream, sequence):
        raise Bad(f"{name} is the manifest of {manifest['stream']} {manifest['sequence']}")
    carried = {}
    for entry in manifest["files"]:
        if "stored" in entry:
            carried[entry["stored"]["sha256"]] = (entry["stored"]["size"], entry["path"])
    size = 0
    for digest, (expected, of) in sorted(carried.items()):
        blob = Path("blobs/sha256") / digest
        if blob.is_symlink() or not blob.is_file():
            raise Bad(f"blob {digest} ({of}) is missing")
        found = blob.stat().st_size
        if found != expected:
            raise Bad(f"blob {digest} ({of}) has {found} bytes, {expected} are signed")
        found = hash_file(blob)
        if found != digest:
            raise Bad(f"blob {digest} ({of}) is damaged or forged: its digest is {found}")
        size += expected
    files = len(manifest["files"])
    print(f"{stream} {sequence}  {manifest['kind']}  {files} files, {len(carried)} blobs, {size} bytes: good")
    return set(carried)


def check_medium(root, cache):
    """Checks everything here; returns the number of bundles."""
    updater = start(root, cache)
    manifests = sorted(Path("bundles").glob("*/*/manifest.json"), key=lambda p: (p.parts[1], int(p.parts[2])))
    listed = set()
    for path in manifests:
        listed |= check_bundle(updater, cache, path)
    for blob in sorted(Path("blobs/sha256").iterdir()):
        if blob.name not in listed:
            raise Bad(f"{blob} is not listed by any manifest" if BLOB.fullmatch(blob.name) else f"{blob} is foreign")
    return len(manifests)


def main():
    parser = argparse.ArgumentParser(description="Checks this SEALIFT medium, offline.")
    parser.add_argument("--root", required=True, metavar="ROOT.json", help="the root of trust")
    root = Path(parser.parse_args().root)
    if not Path("trust/metadata").is_dir():
        print("verify.py: run it in the SEALIFT directory", file=sys.stderr)
        return 2
    try:
        with tempfile.TemporaryDirectory(prefix="verify-") as cache:
            bundles = check_medium(root.read_bytes(), Path(cache))
    except (Bad, RepositoryError, DownloadError, OSError, KeyError, ValueError) as error:
        print(f"verify.py: NOT VERIFIED: {error or type(error).__name__}", file=sys.stderr)
        return 1
    print("OK" if bundles else "OK, but there is no bundle here")
    return 0


if __name__ == "__main__":
    sys.exit(main())
