# SPDX-License-Identifier: GPL-2.0-or-later
"""A. Forwarding: medians of the ratios of neighbouring slices, with 95 % bootstrap intervals.

raw/slices.csv: measure,round,name,per_second. raw/latencies.csv: measure,name,p50_ns,p99_ns,operations."""
import csv
import os
import random
import statistics

import figures
import svg

MEASURES = {"stream": "stream", "udp": "UDP packets/s", "turns": "round trips/s", "connections": "connections/s",
            "crst": "connections/s ended by RST", "turns-asleep": "round trips/s, ends asleep",
            "connections-asleep": "connections/s, ends asleep"}
UNITS = {"stream": "MB/s", "udp": "packets/s", "turns": "/s", "connections": "/s", "crst": "/s",
         "turns-asleep": "/s", "connections-asleep": "/s"}
OURS = ["vpcd-within", "vpcd-across"]
PEERS = ["bridge", "nft-set", "nft-list", "iptables-list", "redirect", "direct"]
# BENCH: what our ratio must be, and what it should be; for 10,000 rules.
MUST = {
    "bridge": {"stream": "1.00", "udp": "1.03", "turns": "1.00", "connections": "1.00", "crst": "1.00"},
    "nft-set": {"stream": "1.10", "udp": "1.30", "turns": "1.15", "connections": "1.20"},
    "nft-list": {"stream": "1.10", "udp": "1.30", "turns": "1.15", "connections": "3.0"},
    "iptables-list": {"stream": "1.10", "udp": "1.30", "turns": "1.15", "connections": "3.0"},
}
AIM = {"bridge": {"stream": "1.05", "udp": "1.08", "turns": "1.03", "connections": "1.04"}}
RESAMPLES = 1000


def read_slices(path):
    """{measure: {name: {round: per second}}}"""
    slices = {}
    with open(path, newline="") as f:
        for measure, turn, name, value in csv.reader(f):
            slices.setdefault(measure, {}).setdefault(name, {})[int(turn)] = float(value)
    return slices


def ratio(ours, peer):
    """(median, low, high) of the ratios of the slices of the same rounds."""
    ratios = [ours[turn] / peer[turn] for turn in ours if turn in peer and peer[turn] > 0]
    draw = random.Random(1)
    medians = sorted(statistics.median(draw.choices(ratios, k=len(ratios))) for _ in range(RESAMPLES))
    return statistics.median(ratios), medians[int(RESAMPLES * 0.025)], medians[int(RESAMPLES * 0.975)]


def add_ratios(found, slices):
    """Returns what to plot."""
    bars = {}
    for measure, label in MEASURES.items():
        names = slices.get(measure, {})
        for ours in OURS:
            for peer in PEERS:
                if ours not in names or peer not in names:
                    continue
                middle, low, high = ratio(names[ours], names[peer])
                must = MUST.get(peer, {}).get(measure)
                found.add(f"{label}: {ours} over {peer}", middle, "×", low, high, f">= {must}" if must else "",
                          AIM.get(peer, {}).get(measure, ""))
        for peer in PEERS[1:]:
            if peer in names and "bridge" in names:  # whether the machine measures as it did before
                middle, low, high = ratio(names[peer], names["bridge"])
                found.add(f"{label}: {peer} over bridge", middle, "×", low, high)
        for name in OURS + PEERS:
            if name in names and "bridge" in names and name != "bridge":
                bars.setdefault(f"{label}, over bridge", []).append((name, *ratio(names[name], names["bridge"])))
    return bars


def add_absolute(found, slices):
    for measure, label in MEASURES.items():
        for name in OURS + PEERS:
            if name in slices.get(measure, {}):
                value = statistics.median(slices[measure][name].values())
                found.add(f"{label}: {name}", value / 1e6 if measure == "stream" else value, UNITS[measure])


def add_latencies(found, path):
    with open(path, newline="") as f:
        for measure, name, p50, p99, _ in csv.reader(f):
            what = {"turns": "round trip", "connections": "connection", "crst": "connection ended by RST",
                    "turns-asleep": "round trip, ends asleep", "connections-asleep": "connection, ends asleep"}[measure]
            found.add(f"{what} p50: {name}", int(p50) / 1000, "µs")
            found.add(f"{what} p99: {name}", int(p99) / 1000, "µs")


def figures_of(a):
    found = figures.Figures()
    slices = read_slices(os.path.join(a.raw, "slices.csv"))
    bars = add_ratios(found, slices)
    add_absolute(found, slices)
    add_latencies(found, os.path.join(a.raw, "latencies.csv"))
    svg.bars(os.path.join(a.results, "forwarding.svg"), f"Two ENIs with {a.rules:,} rules, and others, over a bridge with none",
             bars, 1.0)
    return found
