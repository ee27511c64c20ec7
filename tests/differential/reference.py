"""What python-tuf's own client says of a case, on files in memory and at the case's time."""

import datetime
import tempfile
from pathlib import Path
from urllib import parse

from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import FetcherInterface, Updater

BASE = "https://example.org/"


class Memory(FetcherInterface):
    """Serves the documents of a case; a document is served under whatever version is asked for."""

    def __init__(self, case):
        self.case = case
        self.updater = None
        self.first = None

    def _fetch(self, url):
        name = parse.unquote(url.removeprefix(BASE)).removesuffix(".json")
        data = self.document(name)
        if data is None:
            raise DownloadHTTPError("not there", 404)
        return iter([data])

    def document(self, name):
        version, _, rest = name.partition(".")
        if rest == "root" and version.isdigit():
            at = int(version) - self.first - 1
            roots = self.case["roots"]
            return roots[at] if 0 <= at < len(roots) else None
        if name == "timestamp":
            return self.case["timestamp"]
        if self.updater._trusted_set.root.consistent_snapshot:
            name = rest
        if name in ("snapshot", "targets"):
            return self.case[name]
        return self.case["delegated"].get(name)


def judge(case):
    """Returns (accepted, target found or None, why refused)."""
    now = datetime.datetime.strptime(case["now"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
    with tempfile.TemporaryDirectory(dir=memory()) as folder:
        for name, data in case["previous"].items():
            Path(folder, f"{name}.json").write_bytes(data)
        fetcher = Memory(case)
        try:
            updater = Updater(folder, BASE, fetcher=fetcher, bootstrap=case["root"])
            fetcher.updater, fetcher.first = updater, updater._trusted_set.root.version
            updater._trusted_set.reference_time = now
            updater.refresh()
        # Whatever its code raises on hostile input, it has not accepted it.
        except Exception as error:
            return False, None, f"{type(error).__name__}: {error}"[:160]
        try:
            found = updater.get_targetinfo(case["want"])
        except Exception as error:
            return True, None, f"{type(error).__name__}: {error}"[:160]
    return True, found and (found.length, found.hashes.get("sha256") or found.hashes.get("sha512")), ""


def memory():
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
