# SPDX-License-Identifier: GPL-2.0-or-later
"""An instance of vpcd in which calls fail (inject.c), with two workloads that talk, and what can be seen of it."""
import ctypes
import http.client
import json
import mmap
import os
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
from vpcd_api import Api  # noqa: E402

NAMES = 8192
WAIT_S = 10
READY_S = 60


class Control(ctypes.Structure):
    """As in inject.c."""

    _fields_ = [
        ("armed", ctypes.c_uint32),
        ("mode", ctypes.c_uint32),
        ("at", ctypes.c_uint32),
        ("error", ctypes.c_int32),
        ("count", ctypes.c_uint32),
        ("done", ctypes.c_uint32),
        ("name", (ctypes.c_char * 16) * NAMES),
    ]


class Wrong(Exception):
    """What a trial found."""


class Lab:
    """An instance with one VPC, two ENIs that talk (a and b), and an empty container (c)."""

    def __init__(self, a):
        self.a = a
        self.instance = f"f{os.getpid():x}-faults"
        self.run = os.path.join(a.work, "run")
        self.socket = os.path.join(self.run, "vpcd.sock")
        self.fault = os.path.join(a.work, "fault")
        self.log = open(os.path.join(a.work, "log"), "ab")
        with open(self.fault, "wb") as f:
            f.truncate(ctypes.sizeof(Control))
        with open(self.fault, "r+b") as f:
            self.memory = mmap.mmap(f.fileno(), 0)
        self.control = Control.from_buffer(self.memory)
        self.daemon = None
        self.witness = []
        self.backups = {"base": {}, "more": {}}

    def name(self, workload):
        return f"{self.instance}-{workload}"

    # --- the daemon ---

    def args(self):
        return [os.path.join(self.a.build, "vpcd"), "--instance", self.instance, "--state-dir", os.path.join(self.a.work, "state"),
                "--run-dir", self.run]

    def spawn(self):
        env = {**os.environ, "VPCD_FAULT": self.fault, "LD_PRELOAD": os.path.join(self.a.build, "tests/system/faults/inject.so")}
        self.daemon = subprocess.Popen(self.args(), stdout=self.log, stderr=self.log, env=env)

    def start(self):
        self.spawn()
        self.ready()

    def ready(self):
        end = time.monotonic() + READY_S
        while time.monotonic() < end:
            if self.daemon.poll() is not None:
                raise Wrong(f"vpcd ended with {self.daemon.returncode} while starting: {self.log_tail()}")
            try:
                return self.ask("GET", "/v1/status")
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
        raise Wrong(f"vpcd does not answer {READY_S} s after its start")

    def log_tail(self):
        with open(os.path.join(self.a.work, "log"), "rb") as f:
            return b" | ".join(f.read().splitlines()[-4:]).decode(errors="replace")

    def stop(self):
        if self.daemon and self.daemon.poll() is None:
            self.daemon.terminate()
            self.daemon.wait(20)

    def ask(self, method, path, body=None):
        return Api(self.socket).request(method, path, body)

    def must(self, request):
        status, reply = self.ask(*request)
        if status >= 300:
            raise Wrong(f"{request[0]} {request[1]}: {status} {reply}")
        return reply

    # --- what there is ---

    def model(self):
        """Everything the API shows that does not change by itself, in words that don't depend on ids."""
        text = {}
        names = {}
        for path, key in (("vpcs", "vpcs"), ("subnets", "subnets"), ("security-groups", "security_groups"), ("enis", "enis")):
            reply = self.must(("GET", f"/v1/{path}", None))
            text[key] = reply.get(key) or next(v for v in reply.values() if isinstance(v, list))
            for o in text[key]:
                names[o["id"]] = f"{key}:{o['name']}"
        out = []
        for key, objects in text.items():
            for o in objects:
                fields = {k: v for k, v in o.items() if k not in
                          ("id", "revision", "number", "mac", "counters", "netns", "available_ips", "ip", "ip6", "detach_reason")}
                if fields.get("attachment"):
                    fields["attachment"] = fields["attachment"]["kind"]
                for r in fields.get("rules", []):
                    for k in ("id", "packets", "bytes", "last_used", "revision", "number", "rule_number"):
                        r.pop(k, None)
                if "rules" in fields:
                    fields["rules"] = sorted(json.dumps(r, sort_keys=True) for r in fields["rules"])
                line = json.dumps([key, fields], sort_keys=True)
                for i, n in names.items():
                    line = line.replace(i, n)
                out.append(line)
        return sorted(out)

    def objects(self):
        """Namespaces, links and pins of the instance. A link's own numbers differ from run to run: their count is told."""
        found = []
        for n in sorted(os.listdir("/run/netns")):
            if not n.startswith(self.instance):
                continue
            links = subprocess.run(["nsenter", f"--net=/run/netns/{n}", "ip", "-o", "link"], capture_output=True, text=True)
            kind = "vpc" if "-vpc-" in n else n
            found.append(f"{kind}: {len(links.stdout.splitlines())} links")
        pins = []
        for folder, _, files in os.walk(f"/sys/fs/bpf/vpcd/{self.instance}"):
            pins += [folder if os.path.basename(folder) == "links" else f for f in files]
        return sorted(found) + [f"{len(pins)} pins"]

    # --- packets ---

    def in_netns(self, workload, function):
        """Runs it in a child in the workload's namespace; its return value is an exit status."""
        pid = os.fork()
        if pid == 0:
            status = 99
            try:
                fd = os.open(f"/run/netns/{self.name(workload)}", os.O_RDONLY)
                ctypes.CDLL(None).setns(fd, 0)
                status = function()
            finally:
                os._exit(status)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def socket_in(self, workload, kind):
        """A socket of the workload's namespace, kept by us."""
        parent, child = socket.socketpair()

        def make():
            s = socket.socket(socket.AF_INET, kind)
            socket.send_fds(child, [b"x"], [s.fileno()])
            return 0

        self.in_netns(workload, make)
        _, fds, _, _ = socket.recv_fds(parent, 1, 1)
        parent.close()
        child.close()
        return socket.socket(fileno=fds[0])

    def witness_open(self):
        listener = self.socket_in("b", socket.SOCK_STREAM)
        listener.bind((self.b, 80))
        listener.listen()
        client = self.socket_in("a", socket.SOCK_STREAM)
        client.settimeout(3)
        client.connect((self.b, 80))
        server, _ = listener.accept()
        closed = self.socket_in("b", socket.SOCK_DGRAM)
        closed.bind((self.b, 81))
        closed.setblocking(False)
        sender = self.socket_in("a", socket.SOCK_DGRAM)
        for s in (client, server):
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            s.settimeout(3)
        self.witness = [client, server, sender, closed, listener]

    def witness_check(self, when):
        client, server, sender, closed, _ = self.witness
        for one, other in ((client, server), (server, client)):
            try:
                one.send(b"x")
                ok = other.recv(1) == b"x"
            except OSError as e:
                raise Wrong(f"the allowed connection does not go on {when}: {e}") from e
            if not ok:
                raise Wrong(f"the allowed connection was closed {when}")
        try:
            sender.sendto(b"x", (self.b, 81))
        except OSError:
            pass
        time.sleep(0.002)
        try:
            closed.recv(1)
        except BlockingIOError:
            return
        raise Wrong(f"a packet arrived that no rule allows {when}")

    # --- set-up ---

    def build(self):
        for w in "abc":
            subprocess.run(["ip", "netns", "add", self.name(w)], check=True)
        self.start()
        self.must(("POST", "/v1/vpcs", {"name": "lab", "cidr": "10.7.0.0/16", "cidr6": "fd07::/56"}))
        self.must(("POST", "/v1/subnets", {"name": "lab-app", "vpc_id": "lab", "cidr": "10.7.1.0/24", "cidr6": "fd07::/64"}))
        self.must(("POST", "/v1/security-groups", {"name": "lab-web", "vpc_id": "lab"}))
        web = {"direction": "ingress", "protocol": "tcp", "from_port": 80, "to_port": 80, "cidr": "10.7.0.0/16"}
        self.must(("POST", "/v1/security-groups/lab-web/rules", {"rules": [web]}))
        for w in "ab":
            self.must(("POST", "/v1/enis", {"name": f"lab-{w}", "subnet_id": "lab-app", "security_groups": ["lab-web"]}))
            self.must(("PUT", f"/v1/enis/lab-{w}/attachment", {"netns": self.name(w)}))
        self.b = self.must(("GET", "/v1/enis/lab-b", None))["ip"]
        self.witness_open()
        self.wait_quiet("at the beginning")
        self.base = self.model()
        self.base_objects = self.objects()
        self.back_up("base")

    def back_up(self, name):
        """The state of now as the body of a restore. The ids of each set-up are its own."""
        self.backups.setdefault(name, {}).clear()
        self.backups[name].update(self.must(("GET", "/v1/backup", None)))

    def wait_quiet(self, when):
        """verify finds nothing and nothing is pending, within WAIT_S."""
        end = time.monotonic() + WAIT_S
        while True:
            status, report = self.ask("GET", "/v1/verify")
            pending = self.must(("GET", "/v1/status", None)).get("pending")
            if status == 200 and report.get("equal", not report.get("differences")) and not pending:
                return
            if time.monotonic() > end:
                raise Wrong(f"{when}, after {WAIT_S} s: verify says {json.dumps(report)[:300]}, pending {json.dumps(pending)[:300]}")
            time.sleep(0.05)

    def same_as_before(self):
        end = time.monotonic() + WAIT_S
        while True:
            objects, model = self.objects(), self.model()
            if objects == self.base_objects and model == self.base:
                return
            if time.monotonic() > end:
                raise Wrong(f"left behind: {objects} where there was {self.base_objects}; {sorted(set(model) ^ set(self.base))[:3]}")
            time.sleep(0.1)

    def remove(self):
        self.stop()
        subprocess.run([*self.args(), "--purge", "--state"], check=False, stdout=self.log, stderr=self.log)
        for w in "abc":
            subprocess.run(["ip", "netns", "del", self.name(w)], check=False, stderr=self.log)

    # --- faults ---

    def arm(self, mode, at):
        self.control.mode, self.control.at, self.control.count, self.control.done = mode, at, 0, 0
        self.control.error = 0
        self.control.armed = 1

    def disarm(self):
        self.control.armed = 0
        return self.control.count

    def call_name(self, at):
        return bytes(self.control.name[at - 1].value).decode() if 0 < at <= min(self.control.count, NAMES) else "?"
