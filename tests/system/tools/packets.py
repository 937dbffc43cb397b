# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets made by hand, sent and seen in several network namespaces by one process."""
import ctypes
import os
import select
import socket
import struct

from frame_bytes import checksum

TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
PACKET_OUTGOING = 4
CLONE_NEWNET = 0x40000000
SYN, SYN_ACK = 0x02, 0x12

libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """`with Namespace(path):` what is opened within is of that network namespace."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        self.own = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.enter(os.open(self.path, os.O_RDONLY))

    def __exit__(self, *_):
        self.enter(self.own)

    @staticmethod
    def enter(fd):
        if libc.setns(fd, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        os.close(fd)


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def packed(address):
    return socket.inet_pton(family_of(address), address)


class Packet:
    """What is told of a packet: its ends, and the marker by which it is known again wherever it appears."""

    def __init__(self, src, dst, proto, sport=0, dport=0, marker=0, reply=False, code=0):
        self.src, self.dst, self.proto, self.sport, self.dport = src, dst, proto, sport, dport
        self.marker, self.reply, self.code = marker, reply, code

    def __str__(self):
        return f"{self.src}:{self.sport} > {self.dst}:{self.dport} protocol {self.proto}"

    def answer(self):
        """What the receiver answers; of ICMP, sport is the id and dport the type of the query."""
        sport, dport = (self.sport, self.dport) if self.proto in (ICMP, ICMPV6) else (self.dport, self.sport)
        return Packet(self.dst, self.src, self.proto, sport, dport, self.marker, True, self.code)

    def payload(self):
        return struct.pack("!4sIB", b"mark", self.marker, self.reply)

    def upper(self):
        pseudo = packed(self.src) + packed(self.dst)
        if self.proto == TCP:
            seq, ack, flags = (7, self.marker + 1, SYN_ACK) if self.reply else (self.marker, 0, SYN)
            head = struct.pack("!HHIIBBHHH", self.sport, self.dport, seq, ack, 5 << 4, flags, 8192, 0, 0)
            return self.summed(head, 16, pseudo)
        if self.proto == UDP:
            body = self.payload()
            return self.summed(struct.pack("!HHHH", self.sport, self.dport, 8 + len(body), 0) + body, 6, pseudo)
        if self.proto in (ICMP, ICMPV6):
            kind = self.dport
            if self.reply:
                kind = 0 if kind == 8 else kind + 1
            head = struct.pack("!BBHHH", kind, self.code, 0, self.sport, 1)
            return self.summed(head + self.payload(), 2, pseudo if self.proto == ICMPV6 else None)
        return self.payload()

    def summed(self, data, at, pseudo):
        if pseudo is not None:
            whole = pseudo + struct.pack("!IHBB", len(data), 0, 0, self.proto) + data
        else:
            whole = data
        return data[:at] + struct.pack("!H", checksum(whole) or 0xFFFF) + data[at + 2:]

    def bytes(self):
        upper = self.upper()
        if ":" in self.src:
            return struct.pack("!IHBB", 6 << 28, len(upper), self.proto, 64) + packed(self.src) + packed(self.dst) + upper
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(upper), 7, 0, 64, self.proto, 0) + packed(self.src) + packed(self.dst)
        return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + upper


def read_upper(src, dst, proto, data):
    """The packet of this module that an IP packet's upper layer is, or None."""
    p = Packet(src, dst, proto)
    if proto == TCP and len(data) >= 20:
        p.sport, p.dport, seq, ack, _, flags = struct.unpack("!HHIIBB", data[:14])
        if flags & 0x3F not in (SYN, SYN_ACK):
            return None
        p.reply = flags & 0x3F == SYN_ACK
        p.marker = ack - 1 if p.reply else seq
        return p
    if proto == UDP and len(data) >= 8:
        p.sport, p.dport = struct.unpack("!HH", data[:4])
    elif proto in (ICMP, ICMPV6) and len(data) >= 8:
        p.dport, p.code, _, p.sport = struct.unpack("!BBHH", data[:6])
        p.reply = p.dport in (0, 129)
    at = {UDP: 8, ICMP: 8, ICMPV6: 8}.get(proto, 0)
    if data[at: at + 4] != b"mark" or len(data) < at + 9:
        return None
    _, p.marker, reply = struct.unpack("!4sIB", data[at: at + 9])
    p.reply = p.reply or bool(reply)
    return p


def read_packet(data):
    if not data:
        return None
    if data[0] >> 4 == 4 and len(data) >= 20:
        src, dst = socket.inet_ntop(socket.AF_INET, data[12:16]), socket.inet_ntop(socket.AF_INET, data[16:20])
        return read_upper(src, dst, data[9], data[(data[0] & 15) * 4:])
    if data[0] >> 4 == 6 and len(data) >= 40:
        src, dst = socket.inet_ntop(socket.AF_INET6, data[8:24]), socket.inet_ntop(socket.AF_INET6, data[24:40])
        return read_upper(src, dst, data[6], data[40:])
    return None


class Place:
    """A namespace in which packets are sent and seen. dev: those that come by this interface are seen; None: those that the
    kernel there takes for its own, of the protocols in `protocols`."""

    def __init__(self, name, path, dev, protocols=()):
        self.name = name
        self.sockets = []
        with Namespace(path):
            self.out4 = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
            self.out6 = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
            if dev:
                s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
                s.bind((dev, 3))
                self.sockets.append((s, None))
            for proto in () if dev else protocols:
                for family in (socket.AF_INET, socket.AF_INET6):
                    if proto != (ICMPV6 if family == socket.AF_INET else ICMP):
                        self.sockets.append((self.own_socket(family, proto), proto))

    @staticmethod
    def own_socket(family, proto):
        s = socket.socket(family, socket.SOCK_RAW, proto)
        if family == socket.AF_INET6:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        return s

    def send(self, packet):
        s, six = (self.out6, True) if ":" in packet.dst else (self.out4, False)
        try:
            s.sendto(packet.bytes(), (packet.dst, 0))
        except OSError as e:
            return e.strerror if not six or e.errno != 22 else None
        return None

    def receive(self, s, proto):
        data, more, _, where = s.recvmsg(65536, 128)
        if proto is None:
            return None if where[2] == PACKET_OUTGOING else read_packet(data)
        if s.family == socket.AF_INET:
            return read_packet(data)
        dst = next((socket.inet_ntop(socket.AF_INET6, d[:16]) for _, kind, d in more if kind == socket.IPV6_PKTINFO), "::")
        return read_upper(where[0].split("%")[0], dst, proto, data)


class Places:
    """All of them. receive() tells what arrives somewhere; other descriptors can be waited for beside them."""

    def __init__(self, places):
        self.by_name = {p.name: p for p in places}
        self.poll = select.epoll()
        self.by_fd = {}
        for place in places:
            for s, proto in place.sockets:
                s.setblocking(False)
                self.by_fd[s.fileno()] = (place, s, proto)
                self.poll.register(s.fileno(), select.EPOLLIN)

    def watch(self, fd):
        self.poll.register(fd, select.EPOLLIN)

    def receive(self, timeout):
        """Returns [(place's name, packet)], and the other descriptors that are ready."""
        seen, other = [], []
        for fd, _ in self.poll.poll(max(timeout, 0)):
            if fd not in self.by_fd:
                other.append(fd)
                continue
            place, s, proto = self.by_fd[fd]
            try:
                while True:
                    packet = place.receive(s, proto)
                    if packet:
                        seen.append((place.name, packet))
            except BlockingIOError:
                pass
        return seen, other
