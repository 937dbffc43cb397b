# SPDX-License-Identifier: GPL-2.0-or-later
"""D. One host full of networks, through the API:
scale_build.py one-by-one|transaction --socket PATH --namespaces NAME… [--enis N] [--rules N]

A VPC for each namespace, ten subnets and five groups in each, ENIs (attached to the namespace) and rules spread over them.
one-by-one makes each VPC, subnet, group and ENI in a request of its own (rules a thousand at a time), then detaches some;
transaction sends it all as one request. Prints "what,n,seconds" and "what,n,p50_ms,p99_ms" lines."""
import argparse
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system", "tools"))
from vpcd_api import Api  # noqa: E402

SUBNETS = 10
GROUPS = 5
DETACHED = 50


def rule(number):
    return {"direction": "ingress", "protocol": "tcp", "from_port": 1024 + number % 60000, "to_port": 1024 + number % 60000,
            "cidr": f"10.{100 + number // 62500}.{number // 250 % 250}.{1 + number % 250}/32"}


def changes(a):
    """Every change, in order, by name."""
    vpcs = len(a.namespaces)
    enis, rules = a.enis // vpcs, a.rules // vpcs // GROUPS
    for v, namespace in enumerate(a.namespaces):
        yield {"op": "vpc.create", "name": f"v{v}", "cidr": f"10.{v}.0.0/16"}
        for n in range(SUBNETS):
            yield {"op": "subnet.create", "vpc_id": f"v{v}", "name": f"v{v}s{n}", "cidr": f"10.{v}.{n}.0/24"}
        for g in range(GROUPS):
            yield {"op": "sg.create", "vpc_id": f"v{v}", "name": f"v{v}g{g}"}
            for first in range(0, rules, 1000):
                yield {"op": "sg.authorize", "security_group_id": f"v{v}g{g}",
                       "rules": [rule(g * rules + i) for i in range(first, min(first + 1000, rules))]}
        for e in range(enis):
            yield {"op": "eni.create", "subnet_id": f"v{v}s{e % SUBNETS}", "name": f"v{v}e{e}",
                   "security_groups": [f"v{v}g{e % GROUPS}"]}
            yield {"op": "eni.attach", "eni_id": f"v{v}e{e}",
                   "attachment": {"netns": namespace, "ifname": f"e{e}"}}


def timed(function):
    began = time.monotonic()
    function()
    return time.monotonic() - began


def print_quantiles(what, seconds):
    seconds = sorted(seconds)
    print(f"{what},{len(seconds)},{seconds[len(seconds) // 2] * 1e3:.3f},{seconds[int(len(seconds) * 0.99)] * 1e3:.3f}", flush=True)


def one_by_one(a, api):
    times = {}
    began = time.monotonic()
    for change in changes(a):
        times.setdefault(change["op"], []).append(timed(lambda: api.change("POST", "/v1/transactions", {"changes": [change]})))
    print(f"build one by one,{a.enis},{time.monotonic() - began:.3f}")
    for op, seconds in times.items():
        print_quantiles(op, seconds)


def transaction(a, api):
    body = {"changes": list(changes(a))}
    print(f"build in one transaction,{a.enis},{timed(lambda: api.change('POST', '/v1/transactions', body)):.3f}")


def detach(a, api):
    print_quantiles("eni.detach", [timed(lambda: api.change("POST", "/v1/transactions", {
        "changes": [{"op": "eni.detach", "eni_id": f"v0e{e}"}]})) for e in range(min(DETACHED, a.enis // len(a.namespaces)))])


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("how", choices=["one-by-one", "transaction", "detach"])
    p.add_argument("--socket", required=True)
    p.add_argument("--namespaces", nargs="+", required=True)
    p.add_argument("--enis", type=int, default=1000)
    p.add_argument("--rules", type=int, default=50000)
    a = p.parse_args()
    api = Api(a.socket)
    api.connection.timeout = 120
    {"one-by-one": one_by_one, "transaction": transaction, "detach": detach}[a.how](a, api)


main()
