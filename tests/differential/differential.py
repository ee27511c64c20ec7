#!/usr/bin/env python3
"""Holds sealift's trust decision against python-tuf's: what sealift accepts, python-tuf must accept as well.

Needs `pip install tuf cryptography` and the program `trust-judge` of the package sealift-tests.
Prints one line a kind of case; ends with 1 if there is a case that only sealift accepts.
"""

import argparse
import collections
import json
import logging
import multiprocessing
import random
import subprocess
import sys
import warnings

import reference
from mutations import KINDS

PROFILES = {"tuf": "The whole of TUF", "media": "What media may carry"}
COLUMNS = ["both accept", "both refuse", "only python-tuf", "only sealift"]


def hexed(case):
    """The case as one line of JSON, documents as hexadecimal text."""
    plain = lambda v: v.hex() if isinstance(v, bytes) else {k: plain(x) for k, x in v.items()} if isinstance(v, dict) else (
        [plain(x) for x in v] if isinstance(v, list) else v
    )
    return json.dumps(plain(case))


def compare(ours, theirs):
    """Returns the column a case belongs in. To find a target that the other does not find is to accept alone."""
    accepted, found, _ = theirs
    if not ours["accept"]:
        return 2 if accepted else 1
    same = ours["target"] is None or (found is not None and tuple(ours["target"]) == tuple(found))
    return 0 if accepted and same else 3


class Tally:
    """Cases by profile, kind and column, and what must not be."""

    def __init__(self):
        self.counts = collections.Counter()
        self.found = collections.Counter()
        self.reasons = collections.Counter()
        self.findings = []

    def add(self, label, profile, kind, ours, theirs):
        column = compare(ours, theirs)
        self.counts[profile, kind, column] += 1
        if ours["accept"] and ours["target"] is not None:
            self.found[profile, kind] += 1
        if column == 2:
            self.reasons[profile, kind, ours["why"][:90]] += 1
        if column == 3:
            self.findings.append(f"{label}, {profile}: ours {ours}, theirs {theirs}")

    def merge(self, other):
        self.counts += other.counts
        self.found += other.found
        self.reasons += other.reasons
        self.findings += other.findings


def work(task):
    judge, seed, numbers = task
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    process = subprocess.Popen([judge], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    tally = Tally()
    for number in numbers:
        kind = KINDS[number % len(KINDS)]
        case = kind(random.Random(seed * 1_000_003 + number))
        process.stdin.write(hexed(case) + "\n")
        process.stdin.flush()
        theirs = reference.judge(case)
        answer = process.stdout.readline()
        label = f"case {number} of seed {seed} ({kind.__name__})"
        if not answer:
            tally.findings.append(f"{label}: trust-judge ended")
            break
        ours = json.loads(answer)
        for profile in PROFILES:
            tally.add(label, profile, kind.__name__, ours[profile], theirs)
        if ours["media"]["accept"] and not ours["tuf"]["accept"]:
            tally.findings.append(f"{label}: accepted from media only: {ours}")
    process.stdin.close()
    process.wait()
    return tally


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judge", required=True, help="path of trust-judge")
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count())
    parser.add_argument("--reasons", action="store_true", help="say why sealift refused what python-tuf accepts")
    options = parser.parse_args()
    tasks = [(options.judge, options.seed, range(n, options.cases, options.jobs)) for n in range(options.jobs)]
    tally = Tally()
    with multiprocessing.Pool(options.jobs) as pool:
        for part in pool.imap_unordered(work, tasks):
            tally.merge(part)
    return report(options, tally)


def report(options, tally):
    line = "{:<14}" + "{:>18}" * len(COLUMNS) + "{:>16}"
    for profile, title in PROFILES.items():
        print(f"\n{title}")
        print(line.format("kind", *COLUMNS, "target found"))
        sums = [0] * 5
        for kind in [kind.__name__ for kind in KINDS]:
            row = [tally.counts[profile, kind, column] for column in range(4)] + [tally.found[profile, kind]]
            print(line.format(kind, *row))
            sums = [a + b for a, b in zip(sums, row)]
        print(line.format("all", *sums))
        if sum(sums[:4]) != options.cases:
            tally.findings.append(f"{options.cases} cases were to be judged, {sum(sums[:4])} were")
    for finding in tally.findings[:20]:
        print(finding)
    if options.reasons:
        for (profile, kind, why), count in tally.reasons.most_common():
            print(f"{count:>6}  {profile:<6} {kind:<12} {why}")
    return 1 if tally.findings else 0


if __name__ == "__main__":
    sys.exit(main())
