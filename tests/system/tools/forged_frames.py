# SPDX-License-Identifier: GPL-2.0-or-later
"""Forged frames by kind, and frames with random options. Each has a marker of its own in it."""
import json
import random
import re
import struct

from frame_bytes import (ARP, BROADCAST, FRAGMENT, ICMP, ICMP6, IP, IP6, QINQ, TCP, UDP, VLAN, addr, eth, icmp, ip, ip4, ip6, is6,
                         link_local, lladdr, mac, tcp, udp)

MARK = re.compile(rb"@\d{5}@")
KINDS = ("macs", "sources", "arp", "nd", "dhcp", "vlan", "ethertypes", "casts", "extensions", "fragments", "options")
KINDS += ("lengths", "specials", "destinations", "errors", "giants", "hops", "gateway")


class Forger:
    """What the workload a of a WORLD (forgeries) may try. A kind gives the forged frames, and honest ones with who gets them."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            self.__dict__.update(json.load(f))
        self.next = 0
        self.dice = random.Random()

    def mark(self):
        self.next += 1
        return b"@%05d@." % self.next

    def wire(self, payload, to=None, src=None, kind=None):
        """A frame of a's own port, by default to b's MAC."""
        kind = kind or (IP6 if payload[0] >> 4 == 6 else IP)
        return eth(to or self.b["mac"], src or self.a["mac"], kind, payload)

    def hello(self, src, dst, port=7000, **more):
        return ip(src, dst, UDP, udp(src, dst, self.mark(), port), **more)

    def mine(self, six):
        return self.a["ip6" if six else "ip"]

    def honest(self):
        """One datagram of each family to b and to c."""
        for who, to in (("b", self.b["mac"]), ("c", self.gateway_mac)):
            for six in (False, True):
                yield self.wire(self.hello(self.mine(six), getattr(self, who)["ip6" if six else "ip"]), to), who

    # --- what is forged, by kind: (frames, honest ones with who gets them) ------------------------------------------

    def macs(self):
        out = []
        for source in (self.b["mac"], self.c["mac"], self.x["mac"], self.gateway_mac, BROADCAST, "00:00:00:00:00:00",
                self.nobody_mac):
            for to in (self.b["mac"], self.gateway_mac, BROADCAST):
                for six in (False, True):
                    out.append(self.wire(self.hello(self.mine(six), self.b["ip6" if six else "ip"]), to, source))
        return out, self.honest()

    def sources(self):
        b, c, out = self.b, self.c, []
        fours = [c["ip"], self.gateway4, "10.50.2.1", "10.50.1.99", "192.0.2.1", "8.8.8.8", "127.0.0.1", "0.0.0.0"]
        fours += [b["ip"], "255.255.255.255", "224.0.0.1", "169.254.169.254", "240.0.0.1", "10.50.1.255", "10.50.1.0"]
        sixes = [c["ip6"], b["ip6"], "fe80::1", link_local(b["mac"]), link_local(self.a["mac"]), "::", "::1", "ff02::1",
                "fd50::9:9"]
        sixes += ["2001:db8::1", "fe80::1:2", "::ffff:" + self.a["ip"], "::ffff:" + b["ip"], "::" + self.a["ip"],
                "64:ff9b::a32:104"]
        for source in fours + sixes:
            six = is6(source)
            for who, to in ((b, b["mac"]), (b, self.gateway_mac), (c, self.gateway_mac)):
                out.append(self.wire(self.hello(source, who["ip6" if six else "ip"]), to))
        for source in fours[:8]:  # as the opening of a connection, and as the middle of none
            for flags in (2, 16, 18, 4):
                out.append(self.wire(ip4(source, b["ip"], TCP, tcp(source, b["ip"], self.mark(), flags))))
        return out, self.honest()

    def arp_frame(self, operation, sender, target, of=None, to=BROADCAST, shape=(1, IP, 6, 4)):
        body = struct.pack("!HHBBH", *shape, operation) + mac(of or self.a["mac"]) + addr(sender) + bytes(6) + addr(target)
        return self.wire(body + self.mark(), to, kind=ARP)

    def arp(self):
        a, b, c, g = self.a, self.b, self.c, self.gateway4
        out = []
        for to in (BROADCAST, b["mac"], self.gateway_mac, "01:00:5e:00:00:01"):
            for who in (b["ip"], c["ip"], g, "10.50.1.99", "0.0.0.0"):
                out.append(self.arp_frame(2, who, b["ip"], to=to))  # an answer for others
                out.append(self.arp_frame(2, who, who, to=to))  # and without a question
                if who != "0.0.0.0":
                    out.append(self.arp_frame(1, who, who, to=to))
                    out.append(self.arp_frame(1, who, b["ip"], to=to))
                    out.append(self.arp_frame(1, who, g, to=to))
            for of in (b["mac"], self.gateway_mac, self.nobody_mac):
                out.append(self.arp_frame(1, a["ip"], b["ip"], of, to))
                out.append(self.arp_frame(2, a["ip"], b["ip"], of, to))
            out.append(self.arp_frame(1, a["ip"], a["ip"], to=to))
            out.append(self.arp_frame(1, a["ip"], c["ip"], to=to))  # not of this subnet
            out.append(self.arp_frame(1, a["ip"], "10.50.1.99", to=to))
            out += [self.arp_frame(n, a["ip"], b["ip"], to=to) for n in (0, 3, 4, 8, 9, 256)]
            for shape in ((6, IP, 6, 4), (1, IP6, 6, 4), (1, IP, 8, 4), (1, IP, 6, 16), (1, IP, 0, 0)):
                out.append(self.arp_frame(1, a["ip"], b["ip"], to=to, shape=shape))
            out.append(self.arp_frame(1, a["ip"], b["ip"], to=to)[:36])
        good = [(self.arp_frame(1, a["ip"], b["ip"]), "a"), (self.arp_frame(1, a["ip"], g), "a"), (self.arp_frame(1,
                "0.0.0.0", b["ip"]), "a")]
        return out, good

    def nd_frame(self, src, dst, kind, rest, options=b"", to=None, hops=255, code=0):
        options += struct.pack("!BB", 253, 1) + self.mark()[:6]  # an option that nobody knows
        return self.wire(ip6(src, dst, ICMP6, icmp(src, dst, kind, code, rest, options), hops=hops), to)

    def nd(self):
        a, b, c, out = self.a, self.b, self.c, []
        la, lb = link_local(a["mac"]), link_local(b["mac"])
        ra = struct.pack("!BBHII", 64, 0, 1800, 0, 0)
        for dst, to in ((b["ip6"], b["mac"]), ("ff02::1", "33:33:00:00:00:01"), (lb, b["mac"]), ("fe80::1", self.gateway_mac)):
            for src in (a["ip6"], la, lb, b["ip6"], "fe80::1", "fe80::1234"):
                for target in (b["ip6"], c["ip6"], lb, "fe80::1", a["ip6"], la):
                    for flags in (0x60000000, 0xA0000000):
                        rest = struct.pack("!I", flags) + addr(target)
                        out.append(self.nd_frame(src, dst, 136, rest, lladdr(2, a["mac"]), to))
                out.append(self.nd_frame(src, dst, 134, ra, lladdr(1, a["mac"]), to))
                out.append(self.nd_frame(src, dst, 137, bytes(4) + addr(a["ip6"]) + addr(c["ip6"]), lladdr(2, a["mac"]), to))
            for src in (lb, b["ip6"], c["ip6"], "fe80::1", "::1", "2001:db8::1"):
                out.append(self.nd_frame(src, dst, 135, bytes(4) + addr(b["ip6"]), lladdr(1, a["mac"]), to))
                out.append(self.nd_frame(src, dst, 133, bytes(4), lladdr(1, a["mac"]), to))
            ns = bytes(4) + addr(b["ip6"])
            out.append(self.nd_frame(a["ip6"], dst, 135, ns, lladdr(1, b["mac"]), to))
            out.append(self.nd_frame(a["ip6"], dst, 135, ns, lladdr(1, a["mac"]), to, hops=64))
            out.append(self.nd_frame(a["ip6"], dst, 135, ns, lladdr(1, a["mac"]), to, code=1))
            out.append(self.nd_frame(a["ip6"], dst, 135, bytes(4) + addr(c["ip6"]), lladdr(1, a["mac"]), to))
            out.append(self.nd_frame("::", dst, 135, ns, lladdr(1, a["mac"]), to))
            out.append(self.nd_frame(a["ip6"], dst, 133, bytes(4), lladdr(1, b["mac"]), to))
            for kind in (130, 131, 132, 143, 151, 152, 153, 155):  # multicast listeners and routers
                out.append(self.nd_frame(la, dst, kind, bytes(20), b"", to, hops=1))
        return out, self.honest()

    def dhcp(self):
        a, b, out = self.a, self.b, []
        for dst, to in ((b["ip"], b["mac"]), ("255.255.255.255", BROADCAST), ("255.255.255.255", b["mac"]), ("10.50.1.255",
                BROADCAST)):
            for src in (a["ip"], self.gateway4, "0.0.0.0"):
                for kind in (2, 5, 6):
                    body = b"\x02\x01\x06\0" + bytes(12) + addr(a["ip"]) + bytes(216) + b"\x63\x82\x53\x63\x35\x01" + bytes([kind]) + self.mark()
                    out.append(self.wire(ip4(src, dst, UDP, udp(src, dst, body, 68, 67)), to))
        for dst, to in ((b["ip6"], b["mac"]), (link_local(b["mac"]), b["mac"]), ("ff02::1:2", "33:33:00:01:00:02"),
                ("ff02::1", b["mac"])):
            for src in (a["ip6"], link_local(a["mac"]), "fe80::1"):
                for kind in (2, 7, 10, 13):
                    body = bytes([kind, 1, 2, 3]) + self.mark()
                    out.append(self.wire(ip6(src, dst, UDP, udp(src, dst, body, 546, 547)), to))
        return out, self.honest()

    def vlan(self):
        out = []
        for six in (False, True):
            kind, dst = (IP6, self.b["ip6"]) if six else (IP, self.b["ip"])
            for to in (self.b["mac"], self.gateway_mac, BROADCAST):
                for tag in (0, 1, 5, 4095, 0xE000):
                    for outer in (VLAN, QINQ):
                        inner = struct.pack("!HH", tag, kind)
                        out.append(self.wire(inner + self.hello(self.mine(six), dst), to, kind=outer))
                        inner = struct.pack("!HHHH", tag, VLAN, 1, kind)
                        out.append(self.wire(inner + self.hello(self.mine(six), dst), to, kind=outer))
        out.append(self.wire(struct.pack("!HH", 0, ARP) + self.arp_frame(2, self.gateway4, self.b["ip"])[14:], kind=VLAN))
        return out, self.honest()

    def ethertypes(self):
        out = []
        kinds = (0x88B5, 0x8847, 0x8848, 0x8863, 0x8864, 0x88CC, 0x888E, 0x8035, 0x9000, 0x6558, 0x88E5, 0x893A, 0x22F3,
                0x88F7, 0x0801, 0, 46, 0x05DC, 0xFFFF)
        for to in (self.b["mac"], self.gateway_mac, BROADCAST, "01:80:c2:00:00:00", "01:80:c2:00:00:0e"):
            for kind in kinds:
                out.append(self.wire(b"\x42\x42\x03" + self.hello(self.a["ip"], self.b["ip"]), to, kind=kind))
        for to in (self.b["mac"], self.gateway_mac):
            out.append(self.wire(self.hello(self.a["ip"], self.b["ip"]), to, kind=IP6))
            out.append(self.wire(self.hello(self.a["ip6"], self.b["ip6"]), to, kind=IP))
        return out, self.honest()

    def casts(self):
        out = []
        for to in (BROADCAST, "01:00:5e:00:00:fb", "33:33:00:00:00:01", self.b["mac"], self.gateway_mac):
            for dst in ("255.255.255.255", "10.50.1.255", "224.0.0.1", "224.0.0.251", "239.1.2.3", "ff01::1", "ff02::1",
                    "ff02::fb", "ff05::2", "ff0e::1"):
                src = self.mine(is6(dst))
                out.append(self.wire(self.hello(src, dst), to))
                kind, body = (ICMP6, icmp(src, dst, 128, 0, bytes(4), self.mark())) if is6(dst) else (ICMP, icmp(src, dst, 8,
                        0, bytes(4), self.mark()))
                out.append(self.wire(ip(src, dst, kind, body), to))
            if mac(to)[0] & 1:
                out += [self.wire(self.hello(self.mine(six), self.b["ip6" if six else "ip"]), to) for six in (False, True)]
            out.append(self.wire(ip4(self.a["ip"], "224.0.0.22", 2, b"\x22\0" + bytes(6) + self.mark(), ttl=1), to))
        return out, self.honest()

    def chain(self, headers, proto, body, dst=None):
        """The body behind those extension headers: (number, rest of the header)."""
        first = proto
        for kind, rest in reversed(headers):
            body = bytes([first]) + rest + body
            first = kind
        return ip6(self.a["ip6"], dst or self.b["ip6"], first, body)

    def by_hop(self, options):
        """To c, by the router, which reads these hop-by-hop options."""
        src, dst = self.a["ip6"], self.c["ip6"]
        header = bytes([(len(options) + 2) // 8 - 1]) + options
        return self.wire(self.chain([(0, header)], UDP, udp(src, dst, self.mark()), dst), self.gateway_mac)

    def with_options(self, options, wrong=0):
        """To c, by the router, which reads these IPv4 options; wrong: what is added to the checksum."""
        packet = bytearray(self.hello(self.a["ip"], self.c["ip"], options=options))
        packet[10] ^= wrong
        return self.wire(bytes(packet), self.gateway_mac)

    def extensions(self):
        pad, out, good = bytes([0, 1, 4, 0, 0, 0, 0]), [], []
        rh = [bytes([0, kind, 0, 0, 0, 0, 0]) for kind in range(5)]
        closed = lambda: udp(self.a["ip6"], self.b["ip6"], self.mark(), 7001)
        open_ = lambda: udp(self.a["ip6"], self.b["ip6"], self.mark(), 7000)
        atomic = (FRAGMENT, bytes([0, 0, 0, 0, 0, 0, 9]))
        chains = [[(0, pad)], [(60, pad)], [(43, rh[2])], [(43, rh[3])], [(43, rh[4])], [(0, pad), (60, pad), (43, rh[2]),
                (60, pad)], [atomic], [(0, pad), atomic, (60, pad)]]
        chains += [[(135, bytes([0]) + bytes(6))], [(139, bytes([0]) + bytes(6))], [(51, bytes([0]) + bytes(6))], [(60,
                bytes([1]) + bytes(14))]]
        for headers in chains:
            out.append(self.wire(self.chain(headers, UDP, closed())))
            good.append((self.wire(self.chain(headers, UDP, open_())), "b"))
        for headers in ([(43, rh[0])], [(60, pad)] * 9, [atomic, atomic], [(60, bytes([255]) + bytes(6))], [(FRAGMENT,
                bytes([0, 0, 1, 0, 0, 0, 9])), atomic]):
            out.append(self.wire(self.chain(headers, UDP, open_())))
        for proto in (59, 50, 253, 255, 4, 41, 47, 132, 136, 33):  # no upper header, or another, with 7000 where UDP has it
            out.append(self.wire(self.chain([], proto, open_())))
            out.append(self.wire(self.chain([(60, pad)], proto, open_())))
        out.append(self.wire(self.chain([(60, pad)], ICMP6, icmp(self.a["ip6"], self.b["ip6"], 134, 0, bytes(12),
                self.mark()))))
        out.append(self.wire(self.chain([atomic], ICMP6, icmp(self.a["ip6"], self.b["ip6"], 136, 0, bytes(20), self.mark()))))
        return out, good

    def piece(self, six, ident, at, more, body, proto=UDP):
        a, b = (self.a["ip6"], self.b["ip6"]) if six else (self.a["ip"], self.b["ip"])
        if six:
            return self.wire(ip6(a, b, FRAGMENT, struct.pack("!BBHI", proto, 0, at | more, ident) + body))
        return self.wire(ip4(a, b, proto, body, ident=ident, frag=more << 13 | at // 8))

    def fragments(self):
        out, good = [], []
        head = lambda port: struct.pack("!HHHH", 40000, port, 24, 0)
        for six in (False, True):
            part = lambda *rest, **more: self.piece(six, *rest, **more)
            body = lambda port: head(port) + self.mark()
            out += [part(100, 0, 1, body(7001)), part(100, 16, 0, self.mark())]  # refused, and what follows it
            out += [part(101, 16, 0, self.mark()), part(102, 65528, 0, self.mark())]  # of nothing
            good += [(part(103, 0, 1, body(7000)), "b"), (part(103, 16, 0, self.mark()), "b")]
            good.append((part(104, 0, 1, body(7000)), "b"))
            # over the header of the one before, over its end, and another first one
            out += [part(104, 8, 0, self.mark()), part(104, 8, 1, self.mark()), part(104, 0, 1, body(7001)), part(104, 0, 0,
                    body(7001))]
            out += [part(105, 0, 1, head(7000)[:4] + self.mark()[:3]), part(106, 0, 1, b"")]  # too short for ports
            out.append(part(107, 8, 0, self.mark(), proto=TCP))  # RFC 1858
            out.append(part(107, 0, 1, self.mark(), proto=TCP))
            out.append(part(108, 0, 1, icmp(self.mine(six), self.b["ip6" if six else "ip"], 1 if six else 3, 1, bytes(4),
                    self.mark() * 8), proto=ICMP6 if six else ICMP))
            good.append((part(109, 0, 1, body(7000)), "b"))
            out.append(part(109, 16, 0, self.mark(), proto=TCP))  # the same id, another protocol
        return out, good

    def options(self):
        out, good = [], []
        for to, dst in ((self.b["mac"], self.b["ip"]), (self.gateway_mac, self.b["ip"]), (self.gateway_mac, self.c["ip"])):
            for kind in (0x83, 0x89):
                route = bytes([kind, 11, 4]) + addr(self.c["ip"]) + addr(self.b["ip"]) + b"\0"
                out.append(self.wire(self.hello(self.a["ip"], dst, options=route), to))
                out.append(self.wire(self.hello(self.a["ip"], dst, options=b"\1\1\1\1" + route), to))
                out.append(self.wire(self.hello(self.a["ip"], dst, options=bytes([7, 7, 4, 0, 0, 0, 0, 1]) + route), to))
            out.append(self.wire(self.hello(self.a["ip"], dst, options=bytes([7, 0, 4, 0])), to))
            out.append(self.wire(self.hello(self.a["ip"], dst, options=bytes([68, 1, 5, 0])), to))
            out.append(self.wire(self.hello(self.a["ip"], dst, 7001, options=bytes([7, 7, 4, 0, 0, 0, 0, 0])), to))
        record = bytes([7, 7, 4, 0, 0, 0, 0, 0])
        good += [(self.wire(self.hello(self.a["ip"], self.b["ip"], options=record)), "b")]
        good += [(self.wire(self.hello(self.a["ip"], self.c["ip"], options=record), self.gateway_mac), "c")]
        out += [self.with_options(record, 1 << bit) for bit in range(8)]
        for bad in ("07070300", "07020000", "44080400", "440809f0", "94030000", "01010107", "860600000001"):
            out.append(self.with_options(bytes.fromhex(bad) + bytes(-len(bad) // 2 % 4)))
        # padding that says something, discard, unknown with an answer and without, too long, wrong length of an alert
        for bad in ("010400000001", "5e0400000000", "9e0400000000", "de0400000000", "1e0500000000", "050300000000"):
            out.append(self.by_hop(bytes.fromhex(bad)))
        good += [(self.by_hop(bytes.fromhex(x)), "c") for x in ("050200000100", "1e0400000000", "000000000000")]
        return out, good

    def some_options4(self):
        """Options of which many are right, and more are nearly."""
        out = b""
        while len(out) < 4 * self.dice.randrange(1, 10) and len(out) < 30:
            kind = self.dice.choice((0, 1, 1, 7, 7, 68, 68, 130, 131, 148, 148, 30, self.dice.randrange(256)))
            if kind < 2:
                out += bytes([kind])
                continue
            size = self.dice.choice((2, 3, 4, 4, 7, 8, 8, 11, 12))
            body = bytes([self.dice.choice((4, 5, 5, 8, 9, self.dice.randrange(20))), self.dice.choice((0, 0, 1, 3, 0xF0))])
            out += bytes([kind, max(0, size - (self.dice.random() < 0.1))]) + (body + bytes(20))[: size - 2]
        out = out[:40]
        return out + bytes([self.dice.choice((0, 1))]) * (-len(out) % 4)

    def some_options6(self):
        size, out = 8 * self.dice.randrange(1, 5) - 2, b""
        while len(out) < size:
            kind = self.dice.choice((0, 1, 1, 5, 0x1E, 0x1E, 0x3E, 49, 0x5E, 0x9E, 0xDE, 194, self.dice.randrange(256)))
            long = self.dice.choice((0, 0, 1, 2, 2, 4, 4, 5, self.dice.randrange(16)))
            if self.dice.random() < 0.8:
                long = min(long, max(0, size - len(out) - 2))
            out += bytes([kind]) if not kind else bytes([kind, long]) + bytes([self.dice.random() < 0.05] * long)
        return out[:size]

    def lengths(self):
        a, b, out, good = self.a, self.b, [], []
        for total in (0, 10, 19, 21, 27, 60, 1500, 65535):
            out.append(self.wire(self.hello(a["ip"], b["ip"], total=total)))
        for first in (0x40, 0x44, 0x4F, 0x05, 0x55, 0x65):
            out.append(eth(b["mac"], a["mac"], IP, self.hello(a["ip"], b["ip"], first=first)))
        for length in (0, 1, 7, 60, 1500, 65535):
            out.append(self.wire(self.hello(a["ip6"], b["ip6"], length=length)))
        for size in range(0, 28, 3):
            out.append(eth(b["mac"], a["mac"], IP, self.hello(a["ip"], b["ip"])[:size]))
        for size in range(0, 48, 4):
            out.append(eth(b["mac"], a["mac"], IP6, self.hello(a["ip6"], b["ip6"])[:size]))
        for offset in (0, 4, 15):
            out.append(self.wire(ip4(a["ip"], b["ip"], TCP, tcp(a["ip"], b["ip"], self.mark(), offset=offset))))
        for flags in (0, 3, 6, 0x29, 0x3F):
            out.append(self.wire(ip4(a["ip"], b["ip"], TCP, tcp(a["ip"], b["ip"], self.mark(), flags))))
        for six in (False, True):  # behind the packet's end what would be let in
            dst = self.b["ip6" if six else "ip"]
            out.append(self.wire(self.hello(self.mine(six), dst, 7001) + self.hello(self.mine(six), dst)))
            good.append((self.wire(self.hello(self.mine(six), dst) + bytes(40)), "b"))
        return out, good

    def specials(self):
        out = []
        for dst in ("127.0.0.1", "127.1.2.3", "169.254.169.254", "169.254.1.1", "0.0.0.0", "0.1.2.3", "240.0.0.1", "::",
                "::1", "::ffff:" + self.b["ip"], "::ffff:127.0.0.1"):
            for to in (self.b["mac"], self.gateway_mac):
                out.append(self.wire(self.hello(self.mine(is6(dst)), dst), to))
        for dst in (link_local(self.b["mac"]), link_local(self.c["mac"]), "fe80::1", "fe80::2", "febf::1"):
            for to in (self.b["mac"], self.gateway_mac):
                for src in (self.a["ip6"], link_local(self.a["mac"]), link_local(self.b["mac"])):
                    out.append(self.wire(self.hello(src, dst), to))
        return out, self.honest()

    def destinations(self):
        a, b, c, u, v, x, out = self.a, self.b, self.c, self.u, self.v, self.x, []
        for six in (False, True):
            key = "ip6" if six else "ip"
            for to in (b["mac"], c["mac"], u["mac"], v["mac"], x["mac"], self.nobody_mac, a["mac"]):  # never another subnet's
                out.append(self.wire(self.hello(a[key], c[key]), to))
                out.append(self.wire(self.hello(a[key], "fd50::99" if six else "10.50.1.99"), to))
                out.append(self.wire(self.hello(a[key], "2001:db8::7" if six else "8.8.8.8"), to))
                out.append(self.wire(self.hello(a[key], a[key]), to))
                out.append(self.wire(self.hello(a[key], u[key]), to))
                out.append(self.wire(self.hello(a[key], v[key]), to))
                out.append(self.wire(self.hello(a[key], b[key], 7001), to))
            out.append(self.wire(self.hello(a[key], u[key]), self.gateway_mac))
            out.append(self.wire(self.hello(a[key], a[key]), self.gateway_mac))
            out.append(self.wire(self.hello(a[key], b[key]), a["mac"]))
        # b's address by whatever MAC: at b, never at x, which has the same one
        others = (c["mac"], u["mac"], v["mac"], x["mac"], self.nobody_mac)
        good = [(self.wire(self.hello(self.mine(six), b["ip6" if six else "ip"]), to), "b") for six in (False, True) for to in others]
        return out, good

    def errors(self):
        """About a flow between b and c, and about none."""
        a, b, c, out = self.a, self.b, self.c, []
        flow = lambda src, dst, port, sport: ip(src, dst, UDP, udp(src, dst, self.mark(), port, sport))
        for six in (False, True):
            key, kinds = ("ip6", ((1, 4), (2, 0), (3, 0), (4, 1))) if six else ("ip", ((3, 3), (3, 4), (4, 0), (5, 1), (11,
                    0), (12, 0)))
            for src in (a[key], c[key], "fe80::1" if six else self.gateway4, "2001:db8::1" if six else "8.8.8.8"):
                for kind, code in kinds:
                    for quoted in (flow(b[key], c[key], 7000, 45000), flow(c[key], b[key], 45000, 7000), flow(b[key], a[key],
                            7000, 46000), flow(b[key], "2001:db8::1" if six else "8.8.8.8", 53, 46000)):
                        body = icmp(src, b[key], kind, code, struct.pack("!I", 600), quoted)
                        for to in (b["mac"], self.gateway_mac):
                            out.append(self.wire(ip(src, b[key], ICMP6 if six else ICMP, body), to))
        return out, self.honest()

    def giants(self):
        """With a virtio header: segments to be made, checksums to be written elsewhere."""
        a, b, out = self.a, self.b, []
        big = lambda src, dst, port, bulk=20000: ip(src, dst, UDP, udp(src, dst, self.mark() + bytes(bulk), port))
        stream = lambda src, dst: ip(src, dst, TCP, tcp(src, dst, self.mark() + bytes(20000), 16))
        for six in (False, True):
            key, l4 = ("ip6", 54) if six else ("ip", 34)
            for src in (a[key], b[key], "fe80::1" if six else self.gateway4):
                for to in (b["mac"], self.gateway_mac):
                    dst = b[key]
                    out.append((1, 4 if six else 1, l4 + 20, 1400, l4, 16, self.wire(stream(src, dst), to)))
                    out.append((1, 5, l4 + 8, 1400, l4, 6, self.wire(big(src, dst, 7001), to)))
            for start, offset in ((14, 10), (14, 16), (l4, 0), (l4, 2), (20, 6), (l4 - 4, 0)):  # over what was judged
                out.append((1, 0, 0, 0, start, offset, self.wire(self.hello(a[key], b[key]))))
        out.append((1, 5, 42, 1400, 34, 6, self.wire(self.arp_frame(1, a["ip"], b["ip"])[14:] + bytes(9000), kind=ARP)))
        good = [((1, 0, 0, 0, 54 if six else 34, 6, self.wire(self.hello(self.mine(six), b["ip6" if six else "ip"]))),
                "b") for six in (False, True)]
        return out, good

    def hops(self):
        a, out, good = self.a, [], []
        for six in (False, True):
            key = "ip6" if six else "ip"
            for hops in (0, 1):
                out.append(self.wire(self.hello(a[key], self.c[key], **{"hops" if six else "ttl": hops}), self.gateway_mac))
            good.append((self.wire(self.hello(a[key], self.b[key], **{"hops" if six else "ttl": 1})), "b"))
            good.append((self.wire(self.hello(a[key], self.c[key], **{"hops" if six else "ttl": 2}), self.gateway_mac), "c"))
        return out, good

    def gateway(self):
        """What is said to the gateway and to the host: nothing of it goes further, nor is it answered to others."""
        a, b, out, good = self.a, self.b, [], []
        for dst in (self.gateway4, "10.50.2.1", "fe80::1", "fd50::1", "198.51.100.9", "2001:db8::9"):
            six = is6(dst)
            src = self.mine(six)
            for port in (22, 53, 67, 547, 7000):
                out.append(self.wire(self.hello(src, dst, port), self.gateway_mac))
                out.append(self.wire(ip(src, dst, TCP, tcp(src, dst, self.mark(), 2, port)), self.gateway_mac))
            for kind in (129, 139) if six else (0, 13, 17, 15):
                out.append(self.wire(ip(src, dst, ICMP6 if six else ICMP, icmp(src, dst, kind, 0, bytes(4), self.mark())),
                        self.gateway_mac))
            for proto in (0x2F, 50, 89, 112):
                out.append(self.wire(ip(src, dst, proto, self.mark()), self.gateway_mac))
        for dst, src in ((self.gateway4, b["ip"]), (self.gateway4, self.c["ip"]), ("fe80::1", link_local(b["mac"])),
                ("fe80::1", b["ip6"]), ("fe80::1", "fe80::77")):
            out.append(self.wire(ip(src, dst, ICMP6 if is6(dst) else ICMP, icmp(src, dst, 128 if is6(dst) else 8, 0, bytes(4),
                    self.mark())), self.gateway_mac))
        for dst, src in ((self.gateway4, a["ip"]), ("fe80::1", link_local(a["mac"])), ("fe80::1", a["ip6"])):
            good.append((self.wire(ip(src, dst, ICMP6 if is6(dst) else ICMP, icmp(src, dst, 128 if is6(dst) else 8, 0,
                    bytes(4), self.mark())), self.gateway_mac), "a"))
        return out, good
