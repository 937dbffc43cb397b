# SPDX-License-Identifier: GPL-2.0-or-later
"""D. Scale. raw/scale.csv: what,n,value[,p99]; seconds for builds, ms for operations, memory by its name."""
import csv
import os

import figures


def add_cni(found, measured):
    """vpc-cni beside the reference bridge plugin: how long a runtime waits."""
    for command, most in (("ADD", 0.9), ("DEL", 0.8)):
        for how, text in (("one", "one by one"), ("many", "20 at once")):
            ours, bridge = (measured[f"{plugin} {command} {how}"] for plugin in ("vpc", "bridge"))
            found.add(f"CNI {command}, {text}: vpc-cni over the bridge plugin", ours[1] / bridge[1], "×", target=f"<= {most}")
            for name, values in (("vpc-cni", ours), ("bridge plugin", bridge)):
                found.add(f"CNI {command}, {text}: {name}, p50", values[1], "ms")
                found.add(f"CNI {command}, {text}: {name}, p99", values[2], "ms")


def figures_of(a):
    found = figures.Figures()
    measured = {}
    with open(os.path.join(a.raw, "scale.csv"), newline="") as f:
        for line in csv.reader(f):
            measured[line[0]] = (int(line[1]), *(float(value) for value in line[2:]))
    for what in ("build one by one", "build in one transaction", "restart"):
        # "nan" stands for what could not be done, which is a figure too
        failed = measured[what][1] != measured[what][1]
        found.add(f"{what}: {measured[what][0]:,} ENIs, {a.rules:,} rules", 0 if failed else measured[what][1], "failed" if failed else "s",
                  target=">= 0.001" if failed else "")
    found.add("ENI attach to the reply, p50", measured["eni.attach"][1], "ms", target="<= 5")
    for what, name in (("eni.attach", "ENI attach"), ("eni.create", "ENI create"), ("eni.detach", "ENI detach")):
        found.add(f"{name}, p50", measured[what][1], "ms")
        found.add(f"{name}, p99", measured[what][2], "ms")
    add_cni(found, measured)
    rss, empty = measured["memory_daemon_kib"][1], measured["memory_daemon_empty_kib"][1]
    found.add("vpcd, resident, idle and empty", empty / 1024, "MiB")
    found.add("vpcd, resident, full", rss / 1024, "MiB")
    found.add("vpcd, resident, for each rule and its share of an ENI", (rss - empty) * 1024 / a.rules, "B")
    found.add("maps of the instance, with room for the limits", measured["memory_maps_bytes"][1] / 2 ** 20, "MiB")
    return found
