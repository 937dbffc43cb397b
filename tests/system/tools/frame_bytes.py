# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames as bytes: headers with their checksums, each field as the caller wants it, also wrong."""
import socket
import struct

IP, ARP, IP6, VLAN, QINQ = 0x0800, 0x0806, 0x86DD, 0x8100, 0x88A8
BROADCAST = "ff:ff:ff:ff:ff:ff"
UDP, TCP, ICMP, ICMP6, FRAGMENT = 17, 6, 1, 58, 44


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def addr(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def eth(dst, src, kind, payload):
    return mac(dst) + mac(src) + struct.pack("!H", kind) + payload


def ip4(src, dst, proto, payload, ttl=64, ident=7, frag=0, options=b"", total=None, first=None):
    ihl = 5 + len(options) // 4
    total = ihl * 4 + len(payload) if total is None else total
    first = 4 << 4 | ihl if first is None else first
    head = struct.pack("!BBHHHBBH", first, 0, total, ident, frag, ttl, proto, 0) + addr(src) + addr(dst) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ip6(src, dst, proto, payload, hops=64, length=None):
    length = len(payload) if length is None else length
    return struct.pack("!IHBB", 6 << 28, length, proto, hops) + addr(src) + addr(dst) + payload


def ip(src, dst, proto, payload, **more):
    return (ip6 if ":" in src else ip4)(src, dst, proto, payload, **more)


def upper(src, dst, proto, body, at):
    """The body with its checksum, which is at that offset, filled in."""
    pseudo = addr(src) + addr(dst) + (struct.pack("!I3xB" if ":" in src else "!xBH", *((len(body),
            proto) if ":" in src else (proto, len(body)))))
    total = checksum((b"" if proto == ICMP else pseudo) + body) or 0xFFFF
    return body[:at] + struct.pack("!H", total) + body[at + 2 :]


def udp(src, dst, payload, port=7000, sport=40000):
    return upper(src, dst, UDP, struct.pack("!HHHH", sport, port, 8 + len(payload), 0) + payload, 6)


def tcp(src, dst, payload, flags=2, port=7000, offset=5):
    return upper(src, dst, TCP, struct.pack("!HHIIBBHHH", 40000, port, 1, 1, offset << 4, flags, 512, 0, 0) + payload, 16)


def icmp(src, dst, kind, code, rest, payload=b""):
    six = ":" in src
    return upper(src, dst, ICMP6 if six else ICMP, struct.pack("!BBH", kind, code, 0) + rest + payload, 2)


def lladdr(kind, address):
    return struct.pack("!BB", kind, 1) + mac(address)


def link_local(address):
    m = mac(address)
    return socket.inet_ntop(socket.AF_INET6, b"\xfe\x80" + bytes(6) + bytes([m[0] ^ 2]) + m[1:3] + b"\xff\xfe" + m[3:])


def is6(address):
    return ":" in address
