# SPDX-License-Identifier: GPL-2.0-or-later
"""C. A rule change, end to end. raw/changes.csv: label,what,p50_ns,p99_ns,n; raw/products.csv: the same of the products, and
label,what,packets,0,of how many."""
import csv
import os

import figures
import svg

DEFAULT = "enis-1000"  # 10,000 rules, 1,000 ENIs, one change
COMMIT_MARGIN_US = 250


def read(path):
    """{label: {what: (p50, p99) in µs, or packets}}"""
    found = {}
    with open(path, newline="") as f:
        for label, what, p50, p99, _ in csv.reader(f):
            scale = 1 if what == "late" else 1000
            found.setdefault(label, {})[what] = (int(p50) / scale, int(p99) / scale)
    return found


def seen(measured):
    """p50 and p99 until a packet is judged by the change, the slower of adding and taking away."""
    return tuple(max(measured["authorize_seen"][i], measured["revoke_seen"][i]) for i in (0, 1))


def add_targets(found, changes):
    usual, loaded = changes[DEFAULT], changes["loaded"]
    commit = usual["commit"][0]
    text = "10,000 rules, 1,000 ENIs"
    found.add(f"{text}: first packet judged by it, p50", seen(usual)[0], "µs", target=f"<= {commit + COMMIT_MARGIN_US:.0f}")
    found.add(f"{text}: p50", seen(usual)[0], "µs", target="<= 500")
    found.add(f"{text}: p99", seen(usual)[1], "µs", target="<= 1500")
    found.add(f"{text}: reply p50", usual["reply"][0], "µs")
    found.add(f"{text}: enforced_ns p50", usual["enforced"][0], "µs")
    found.add(f"{text}: first packet over enforced_ns, p50", seen(usual)[0] / usual["enforced"][0], "×", target="<= 1.5")
    found.add("SQLite commit of such a row, p50", commit, "µs")
    found.add("SQLite commit of such a row, p99", usual["commit"][1], "µs")
    found.add("all CPUs forwarding: p50", seen(loaded)[0], "µs")
    found.add("all CPUs forwarding: p99", seen(loaded)[1], "µs", target="<= 5000")
    found.add("1,000 ENIs over 1 ENI", seen(usual)[0] / seen(changes["enis-1"])[0], "×", target="<= 1.3")
    for label, measured in changes.items():
        if label.startswith("flows-"):
            flows = int(label.split("-")[1])
            found.add(f"{flows:,} established flows beside: a revoke's reply after enforced_ns, p50", measured["revoke_wait"][0],
                      "µs", target="<= 300" if flows else "")
    late = sum(measured["late"][0] for measured in changes.values() if "late" in measured)
    found.add("packets sent after a revoke's reply and delivered", late, target="<= 0")


def add_axes(found, changes):
    for label, measured in changes.items():
        if "reply" in measured and label != "loaded":
            what, number = label.split("-")
            found.add(f"{what} {int(number):,}: first packet judged by it, p50", seen(measured)[0], "µs")
            found.add(f"{what} {int(number):,}: p99", seen(measured)[1], "µs")
    for peer, what in (("nft", "nft replaces an element of 10,000"), ("iptables", "iptables -D or -I, 10,000 rules")):
        found.add(f"{what}, p50", changes[peer]["change"][0], "µs")
        found.add(f"{what}, p99", changes[peer]["change"][1], "µs")


PRODUCTS = {"vpcd": "vpcctl", "ovn": "OVN (ovn-nbctl --wait=hv)", "nwfilter": "libvirt nwfilter (virsh nwfilter-define)",
            "firewalld": "firewalld (firewall-cmd)"}
TIMED = {"allow": "a rule is added", "revoke": "it is revoked", "redefine": "another rule is added or revoked"}
COUNTED = {"late": "packets sent after the revoke's reply and delivered: flow without answers",
           "requests": "the same, an answered flow, from the client", "answers": "the same, an answered flow, from the server",
           "opened": "packets let through while another rule changed, by mistake",
           "shut": "packets dropped while another rule changed, by mistake"}


def add_products(found, path):
    """Ours must be as promised; what others do is only reported."""
    with open(path, newline="") as f:
        for label, what, first, p99, n in csv.reader(f):
            name = PRODUCTS[label]
            if what in TIMED:
                found.add(f"{name}: {TIMED[what]}, reply p50", int(first) / 1e6, "ms")
                found.add(f"{name}: {TIMED[what]}, reply p99", int(p99) / 1e6, "ms")
            else:
                found.add(f"{name}: {COUNTED[what]}", int(first), f"of {n}", target="<= 0" if label == "vpcd" else "")


def axis(changes, name):
    return [(int(label.split("-")[1]), seen(measured)[0]) for label, measured in changes.items()
            if label.startswith(name + "-")]


def figures_of(a):
    found = figures.Figures()
    changes = read(os.path.join(a.raw, "changes.csv"))
    add_targets(found, changes)
    add_axes(found, changes)
    add_products(found, os.path.join(a.raw, "products.csv"))
    series = {"rules in the group": axis(changes, "rules"), "ENIs carrying it": axis(changes, "enis"),
              "changes in a request": axis(changes, "changes")}
    svg.lines(os.path.join(a.results, "change.svg"), "From a request to the first packet judged by it (median)", series,
              "how many", "µs")
    return found
