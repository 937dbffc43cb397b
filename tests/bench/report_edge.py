# SPDX-License-Identifier: GPL-2.0-or-later
"""F. The edge: medians of the ratios of neighbouring slices, with 95 % bootstrap intervals.

The raw files are those of A; names are WAY-SETUP."""
import os
import statistics

import figures
import report_forwarding as forwarding
import svg

WAYS = {"nat": "NAT gateway", "published": "published port"}
SETUPS = ["vpcd", "nftables", "iptables", "router"]
PEERS = ["nftables", "iptables"]
TARGETED = ["stream", "udp", "turns", "connections"]
MUST, AIM = ">= 1.00", "1.05"


def add_ratios(found, slices):
    """Returns what to plot."""
    bars = {}
    for way, of in WAYS.items():
        for measure, label in forwarding.MEASURES.items():
            names = {setup: slices[measure][f"{way}-{setup}"] for setup in SETUPS if f"{way}-{setup}" in slices.get(measure, {})}
            for ours, peer in [("vpcd", peer) for peer in SETUPS[1:]] + [(peer, "router") for peer in PEERS]:
                if ours not in names or peer not in names:
                    continue
                targeted = ours == "vpcd" and peer in PEERS and measure in TARGETED
                figure = forwarding.ratio(names[ours], names[peer])
                found.add(f"{of}, {label}: {ours} over {peer}", figure[0], "×", figure[1], figure[2],
                          MUST if targeted else "", AIM if targeted else "")
                if peer == "router":
                    bars.setdefault(f"{of}, {label}, over a bare router", []).append((ours, *figure))
    return bars


def add_absolute(found, slices):
    for way, of in WAYS.items():
        for measure, label in forwarding.MEASURES.items():
            for setup in SETUPS:
                if f"{way}-{setup}" in slices.get(measure, {}):
                    value = statistics.median(slices[measure][f"{way}-{setup}"].values())
                    found.add(f"{of}, {label}: {setup}", value / 1e6 if measure == "stream" else value,
                              forwarding.UNITS[measure])


def figures_of(a):
    found = figures.Figures()
    slices = forwarding.read_slices(os.path.join(a.raw, "slices.csv"))
    bars = add_ratios(found, slices)
    add_absolute(found, slices)
    forwarding.add_latencies(found, os.path.join(a.raw, "latencies.csv"))
    svg.bars(os.path.join(a.results, "edge.svg"), "To the world and from it, over a bare router without translation", bars, 1.0)
    return found
