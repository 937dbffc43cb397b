# SPDX-License-Identifier: GPL-2.0-or-later
"""E. Flows under attack. raw/flood.csv: label,what,value; labels quiet (no flood), allowed, denied. raw/shares.csv: see
shares()."""
import csv
import os

import figures

SHARES = {"alone": "two tenants", "filled": "one tenant fills the map", "scanned": "and scans"}
WHOSE = {"good": "the other's", "evil": "its quiet ENI's"}
TEXT = {"allowed": "SYN flood that a rule allows", "denied": "SYN flood that no rule allows"}


def figures_of(a):
    found = figures.Figures()
    measured = {}
    with open(os.path.join(a.raw, "flood.csv"), newline="") as f:
        for label, what, value in csv.reader(f):
            measured.setdefault(label, {})[what] = float(value)
    found.add("no flood: longest echo on 1,000 connections", measured["quiet"]["worst_us"] / 1000, "ms")
    for label, text in TEXT.items():
        m = measured[label]
        found.add(f"{text}: SYNs sent", m["sent"])
        found.add(f"{text}: connections lost", m["lost"], target="<= 0")
        found.add(f"{text}: connections stalled (3 s)", m["stalled"], target="<= 0")
        found.add(f"{text}: longest echo", m["worst_us"] / 1000, "ms")
        found.add(f"{text}: established flows, most less fewest", m["established_most"] - m["established_least"],
                  target="<= 0")
        found.add(f"{text}: established flows, fewest", m["established_least"], target=">= 1000")
        drops = {what: value for what, value in m.items() if what.startswith("drop ")}
        for what, value in sorted(drops.items()):
            found.add(f"{text}: {what}", value)
        if label == "denied":
            found.add(f"{text}: refused packets counted by a reason", sum(drops.values()) / max(m["sent"], 1), "×",
                      target=">= 1")
    shares(a, found)
    return found


def shares(a, found):
    """raw/shares.csv: label,what,value; labels alone, filled, scanned (while the map is full)."""
    measured = {}
    with open(os.path.join(a.raw, "shares.csv"), newline="") as f:
        for label, what, value in csv.reader(f):
            measured.setdefault(label, {})[what] = float(value)
    found.add("one tenant fills the map: part of it that it gets", measured["filled"]["taken"] / measured["filled"]["size"],
              "×", target="<= 0.75")
    found.add("and scans: new UDP tuples per second", measured["scanned"]["rate"])
    for label, text in SHARES.items():
        for whose, name in WHOSE.items():
            found.add(f"{text}: {name} connections that work, of 50", measured[label][f"{whose}_connected"],
                      target=">= 50")
            found.add(f"{text}: {name} answers after 10 s, of 50", measured[label][f"{whose}_answered"], target=">= 50")
