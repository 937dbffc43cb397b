# SPDX-License-Identifier: GPL-2.0-or-later
"""B. What one packet costs. raw/shapes.csv: shape,rules,what,ns. raw/flows.csv: flows,number,known|bytes,value."""
import csv
import os

import figures
import svg

SHAPES = {
    "A": "one group, N addresses",
    "B": "16 groups, 8 prefix lengths",
    "C": "N port ranges",
    "D": "N named groups",
    "E": "one rule, N CIDRs of 25 lengths",
}

# The longest searches known, on both sides.
LONGEST = {
    "edge": "longest walk, 63 probes",
    "worst": "every port prefix, every IPv4 length",
    "worst-groups": "that, and groups",
    "worst-ipv6": "every port prefix, every IPv6 length",
}


def read(path):
    """{name: {what: {number: value}}}"""
    found = {}
    with open(path, newline="") as f:
        for name, number, what, value in csv.reader(f):
            found.setdefault(name, {}).setdefault(what, {})[int(number)] = float(value)
    return found


def add_shapes(found, shapes):
    for shape, text in SHAPES.items():
        costs = shapes[shape]
        some = min(max(costs["new"]), 10000)
        established = costs["established"]
        found.add(f"{shape} ({text}): established, most over fewest rules", established[max(established)] /
                  established[min(established)], "×", target="<= 1.1")
        found.add(f"{shape}: established over bare, {some:,} rules", established[some] / costs["bare"][some], "×",
                  target="<= 2.0")
        found.add(f"{shape}: new, {some:,} over {min(costs['new'])} rules", costs["new"][some] / costs["new"][min(costs["new"])],
                  "×", target="<= 1.5")
        found.add(f"{shape}: new, {max(costs['new']):,} rules", costs["new"][max(costs["new"])], "ns", target="<= 10000")
        for what in ("bare", "established", "arriving"):
            found.add(f"{shape}: {what}, {some:,} rules", costs[what][some], "ns")
    for shape, text in LONGEST.items():
        for number, ns in shapes[shape]["new"].items():
            found.add(f"{text} ({number:,} rules a side): new, denied", ns, "ns", target="<= 10000")
        for number, ns in shapes[shape]["change"].items():
            found.add(f"{text} ({number:,} rules a side): a rule changed, prepare and publish", ns, "ns")
    for shape in ("A", "B"):
        for number, ns in shapes[shape]["change"].items():
            found.add(f"{shape}: a rule changed among {number:,}, prepare and publish", ns, "ns")


def figures_of(a):
    found = figures.Figures()
    shapes = read(os.path.join(a.raw, "shapes.csv"))
    flows = read(os.path.join(a.raw, "flows.csv"))["flows"]
    add_shapes(found, shapes)
    for number, ns in flows["known"].items():
        found.add(f"established, the next of {number:,} flows", ns, "ns")
    found.add(f"memory of a flow, table of {max(flows['bytes']):,}", flows["bytes"][max(flows["bytes"])], "B")
    series = {f"new, {shape}": sorted(shapes[shape]["new"].items()) for shape in SHAPES}
    series.update({f"established, {shape}": sorted(shapes[shape]["established"].items()) for shape in SHAPES})
    svg.lines(os.path.join(a.results, "packet.svg"), "Judging one packet, by the number of rules", series, "rules", "ns")
    rows = [[shape, number, what, f"{ns:.0f}"] for shape in shapes for what in shapes[shape]
            for number, ns in shapes[shape][what].items()]
    figures.write_rows(os.path.join(a.results, "packet-shapes.csv"), ["shape", "rules", "what", "ns"], rows)
    return found
