# SPDX-License-Identifier: GPL-2.0-or-later
"""Random changes to three VPCs, for explain-random: rules, groups, ACLs, routes, gateways, elastic IPs, published ports, peerings,
host access, appliances. A change that is refused is left out: the world is whatever came of those that were not."""

VPCS = {"x": ("10.50", "2001:db8:50:100"), "y": ("10.60", "2001:db8:50:200"), "z": ("10.70", "2001:db8:50:300")}
OUTSIDE, OUTSIDE_OTHER, OUTSIDE6 = "198.18.0.1", "198.18.0.7", "2001:db8:18::1"
HOST, HOST6 = "198.18.0.2", "2001:db8:18::2"
FAR, FAR6 = "198.51.100.9", "2001:db8:99::9"  # beyond the world
PORTS = [(7000, 7000), (7000, 7010), (7001, 7001), (0, 65535)]
LISTS = ["list4", "list6"]
FIELDS = {"igw": "internet_gateway_id", "eigw": "egress_only_internet_gateway_id", "nat": "nat_gateway_id"}


def cidr_of(vpc):
    return f"{VPCS[vpc][0]}.0.0/16", f"{VPCS[vpc][1][:-2]}00::/56"


class World:
    def __init__(self, api, rng):
        self.api, self.rng = api, rng
        self.enis = {e["name"]: e for e in self.list("enis")}
        self.vpc_name = {v["id"]: v["name"] for v in self.list("vpcs")}
        self.by_op = {}

    def list(self, what):
        status, reply = self.api.request("GET", f"/v1/{what}")
        assert status == 200, (what, status, reply)
        return next(v for v in reply.values() if isinstance(v, list))

    def pick(self, *of):
        return self.rng.choice(of)

    def vpc(self):
        return self.pick(*VPCS)

    def vpc_of(self, eni):
        return self.vpc_name[self.enis[eni]["vpc_id"]]

    def enis_of(self, vpc):
        return [n for n in self.enis if self.vpc_of(n) == vpc]

    def change(self, *changes):
        status, reply = self.api.request("POST", "/v1/transactions", {"changes": list(changes)})
        op, code = changes[0]["op"], "ok" if status < 300 else reply.get("code")
        self.by_op.setdefault(op, {}).setdefault(code, 0)
        self.by_op[op][code] += 1
        return status < 300

    # --- what rules and routes name --------------------------------------------------------------------------------

    def destination(self, vpc, six):
        other = self.pick(*(v for v in VPCS if v != vpc))
        if six:
            return self.pick("::/0", "::/0", "2001:db8:18::/64", "2001:db8:99::/48", cidr_of(other)[1], f"{OUTSIDE6}/128")
        return self.pick("0.0.0.0/0", "0.0.0.0/0", "198.18.0.0/24", "198.51.100.0/24", cidr_of(other)[0], f"{OUTSIDE}/32",
                         "203.0.113.0/28", f"{HOST}/32")

    def cidr(self, six):
        eni = self.enis[self.pick(*self.enis)]
        if six:
            return self.pick("::/0", "::/0", f"{eni['ip6']}/128", cidr_of(self.vpc())[1], "2001:db8:18::/64")
        return self.pick("0.0.0.0/0", "0.0.0.0/0", f"{eni['ip']}/32", cidr_of(self.vpc())[0], "198.18.0.0/24", f"{HOST}/32",
                         "203.0.113.0/28", "198.51.100.0/25")

    def traffic(self, six):
        """Protocol and ports of a rule; whole ranges of the ports from which packets are sent, or none of them."""
        protocol = self.pick("all", "tcp", "udp", "tcp", "udp", "icmpv6" if six else "icmp", "47")
        if protocol in ("tcp", "udp"):
            first, last = self.pick(*PORTS)
            return {"protocol": protocol, "from_port": first, "to_port": last}
        if protocol in ("icmp", "icmpv6"):
            kind = self.pick(-1, 128 if six else 8)
            return {"protocol": protocol, "from_port": kind, "to_port": -1}
        return {"protocol": protocol}

    # --- changes ---------------------------------------------------------------------------------------------------

    def rule_add(self):
        vpc, six = self.vpc(), self.pick(False, True)
        rule = {"direction": self.pick("ingress", "ingress", "egress"), **self.traffic(six)}
        kind = self.pick("cidr", "cidr", "sg", "list")
        if kind == "cidr":
            rule["cidr"] = self.cidr(six)
        elif kind == "sg":
            rule["sg_id"] = f"{self.pick(vpc, self.vpc())}-g{self.pick(0, 1, 2)}"
        else:
            rule["prefix_list_id"] = LISTS[six]
        self.change({"op": "sg.authorize", "security_group_id": f"{vpc}-g{self.pick(0, 1, 2)}", "rules": [rule]})

    def rule_remove(self):
        group = f"{self.vpc()}-g{self.pick(0, 1, 2)}"
        rules = self.api.request("GET", f"/v1/security-groups/{group}")[1]["rules"]
        if len(rules) > 4:
            self.change({"op": "sg.revoke", "security_group_id": group, "rule_ids": [self.pick(*rules)["id"]]})

    def groups(self):
        eni = self.pick(*self.enis)
        names = sorted({f"{self.vpc_of(eni)}-g{self.pick(0, 1, 2)}" for _ in range(self.pick(1, 2, 3))})
        self.change({"op": "eni.set", "eni_id": eni, "security_groups": names})

    def target(self, vpc):
        peerings = ["p-" + "".join(sorted(vpc + o)) for o in VPCS if o != vpc]
        gates = [f"{vpc}-{g}" for g in ("igw", "igw", "igw", "nat", "nat2", "eigw")]
        return self.pick(*gates, *gates, *peerings * 3, self.pick(*self.enis_of(vpc)), "blackhole")

    def route(self):
        vpc = self.vpc()
        change = {"op": self.pick("route.add", "route.add", "route.replace", "route.delete"),
                  "route_table_id": self.pick(f"{vpc}-rt0", f"{vpc}-rt1")}
        if self.rng.random() < 0.2:
            change["destination_prefix_list_id"] = self.pick(*LISTS)
        else:
            change["destination"] = self.destination(vpc, self.pick(False, True))
        if change["op"] != "route.delete":
            change["target"] = self.target(vpc)
        self.change(change)

    def association(self):
        vpc = self.vpc()
        subnet, table = f"{vpc}-{self.pick('app', 'db')}", f"{vpc}-rt{self.pick(0, 1)}"
        self.change({"op": "route-table.associate", "route_table_id": table, "subnets": [subnet]})

    def acl(self):
        vpc, six = self.vpc(), self.pick(False, True)
        acl = f"{vpc}-acl{self.pick(0, 1)}"
        if self.rng.random() < 0.4:
            self.change({"op": "acl.associate", "network_acl_id": acl, "subnets": [f"{vpc}-{self.pick('app', 'db')}"]})
            return
        rule = {"network_acl_id": acl, "direction": self.pick("ingress", "egress"), "rule_number": self.pick(10, 20, 30, 40)}
        if self.rng.random() < 0.4:
            self.change({"op": "acl.rule.delete", **rule})
            return
        self.change({"op": self.pick("acl.rule.add", "acl.rule.replace"), **rule, "action": self.pick("allow", "deny"),
                     **self.traffic(six), "cidr": self.cidr(six)})

    def gateway(self):
        vpc = self.vpc()
        kind = self.pick("igw", "igw", "nat", "nat2", "eigw")
        name, op = f"{vpc}-{kind}", kind.rstrip("2")
        if self.rng.random() < 0.2:
            self.change({"op": f"{op}.delete", FIELDS[op]: name})
            return
        change = {"op": f"{op}.create", "name": name, "vpc_id": vpc}
        if kind == "nat2":
            change = {"op": "nat.create", "name": name, "subnet_id": f"{vpc}-db", "elastic_ip_id": f"eip{self.pick(0, 1, 2, 3, 4)}"}
        self.change(change)

    def eip(self):
        name = f"eip{self.pick(0, 1, 2, 3, 4)}"
        if self.rng.random() < 0.3:
            self.change({"op": "eip.disassociate", "elastic_ip_id": name})
            return
        eni = self.pick(*self.enis)
        change = {"op": "eip.associate", "elastic_ip_id": name, "eni_id": eni, "allow_reassociation": True}
        if self.enis[eni]["secondary_ips"]:
            change["private_ip"] = self.pick(self.enis[eni]["ip"], *self.enis[eni]["secondary_ips"])
        self.change(change)

    def publication(self):
        have = self.list("publications")
        if len(have) > 3 or (have and self.rng.random() < 0.3):
            self.change({"op": "publish.delete", "publication_id": self.pick(*have)["id"]})
            return
        change = {"op": "publish.create", "eni_id": self.pick(*self.enis), "protocol": self.pick("tcp", "udp"),
                  "from_port": 7000, "to_port": self.pick(7000, 7003), "host_from_port": self.pick(7000, 8000)}
        change["host_to_port"] = change["host_from_port"] + change["to_port"] - 7000
        if self.rng.random() < 0.3:
            change["host_address"] = HOST
        self.change(change)

    def peering(self):
        """There is none, one, or all of the three."""
        one, two = sorted(self.rng.sample(list(VPCS), 2))
        name = f"p-{one}{two}"
        have = [p["id"] for p in self.list("peerings") if p["name"] == name and p["status"] == "active"]
        if have and self.rng.random() < 0.3:
            self.change({"op": "peering.delete", "peering_id": have[0]})
        elif not have and self.change({"op": "peering.create", "name": name, "vpc_id": one, "peer_vpc_id": two}):
            self.change({"op": "peering.accept", "peering_id": name})

    def host_access(self):
        some = self.rng.sample([f"{HOST}/32", "198.18.0.0/24", f"{HOST6}/128"], self.pick(0, 1, 2))
        self.change({"op": "vpc.set", "vpc_id": self.vpc(), "host_access": some})

    def appliance(self):
        self.change({"op": "eni.update", "eni_id": self.pick(*self.enis), "source_dest_check": self.pick(False, True)})

    def prefix_list(self):
        six = self.pick(False, True)
        op = self.pick("prefix-list.add", "prefix-list.remove")
        cidr = self.destination(self.vpc(), six)
        self.change({"op": op, "prefix_list_id": LISTS[six], "entries": [{"cidr": cidr}]})

    def begin(self):
        """Every gateway, all peerings and a route to each, so that the changes begin with much that gets through."""
        for vpc in VPCS:
            for kind in ("igw", "eigw", "nat"):
                self.change({"op": f"{kind}.create", "name": f"{vpc}-{kind}", "vpc_id": vpc})
            for subnet, table in (("app", 0), ("db", 1)):
                self.change({"op": "route-table.associate", "route_table_id": f"{vpc}-rt{table}", "subnets": [f"{vpc}-{subnet}"]})
            for other in (o for o in VPCS if o > vpc):
                self.change({"op": "peering.create", "name": f"p-{vpc}{other}", "vpc_id": vpc, "peer_vpc_id": other})
                self.change({"op": "peering.accept", "peering_id": f"p-{vpc}{other}"})
        for vpc in VPCS:
            ways = [("rt0", "0.0.0.0/0", "igw"), ("rt0", "::/0", "igw"), ("rt1", "0.0.0.0/0", "nat"), ("rt1", "::/0", "eigw")]
            for table, destination, kind in ways:
                self.change({"op": "route.add", "route_table_id": f"{vpc}-{table}", "destination": destination,
                             "target": f"{vpc}-{kind}"})
            for other in (o for o in VPCS if o != vpc):
                for destination in cidr_of(other):
                    for table in ("rt0", "rt1"):
                        self.change({"op": "route.add", "route_table_id": f"{vpc}-{table}", "destination": destination,
                                     "target": "p-" + "".join(sorted(vpc + other))})
        for _ in range(8):
            self.eip()
            self.publication()

    def step(self, changes):
        kinds = [self.rule_add] * 4 + [self.rule_remove] * 2 + [self.route] * 5 + [self.eip] * 2 + [self.peering] * 2
        kinds += [self.groups, self.association, self.acl, self.acl, self.gateway, self.gateway, self.publication]
        kinds += [self.host_access, self.appliance, self.prefix_list]
        for _ in range(changes):
            self.pick(*kinds)()
