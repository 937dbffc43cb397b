# SPDX-License-Identifier: GPL-2.0-or-later
"""CNI plugins side by side: cni_rounds.py ROUNDS TOGETHER NAMESPACE-PREFIX NAME=PLUGIN,CONFIG,SETTLE…

In each round every plugin, the other way round every second time, adds an interface to each of TOGETHER containers, first one
after the other, then all at once, and deletes them the same two ways. A time is from before a plugin's program is started until
it has ended; of many at once, until the last has. SETTLE is a command that ends when nothing that the plugin began is left to
do; it isn't timed. Prints "NAME COMMAND one|many,n,p50_ms,p99_ms" lines."""
import os
import subprocess
import sys
import time


class Plugin:
    def __init__(self, text, prefix):
        self.name, rest = text.split("=", 1)
        self.program, self.config, self.idle_command = rest.split(",", 2)
        self.prefix = prefix
        self.times = {}

    def start(self, command, number):
        env = {"PATH": os.environ["PATH"], "CNI_COMMAND": command, "CNI_CONTAINERID": f"c{number}", "CNI_IFNAME": "eth0",
               "CNI_NETNS": f"/run/netns/{self.prefix}{number}", "CNI_PATH": os.path.dirname(self.program)}
        return os.posix_spawn(self.program, [self.program], env, file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, self.config, os.O_RDONLY, 0), (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])

    def run(self, command, numbers, how):
        began = time.monotonic()
        running = [self.start(command, number) for number in numbers]
        ended = [os.waitpid(pid, 0)[1] for pid in running]
        self.times.setdefault(f"{command} {how}", []).append(time.monotonic() - began)
        if any(ended):
            sys.exit(f"cni_rounds: {self.name}: {command} failed")

    def wait_idle(self):
        subprocess.run(self.idle_command, shell=True, check=True, stdout=subprocess.DEVNULL)

    def round(self, together):
        for command in ("ADD", "DEL"):
            for number in range(together):
                self.run(command, [number], "one")
            self.wait_idle()
        for command in ("ADD", "DEL"):
            self.run(command, range(together), "many")
            self.wait_idle()


def main():
    rounds, together, prefix = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    plugins = [Plugin(text, prefix) for text in sys.argv[4:]]
    for number in range(rounds):
        for plugin in plugins if number % 2 == 0 else reversed(plugins):
            plugin.round(together)
    for plugin in plugins:
        for what, seconds in plugin.times.items():
            seconds.sort()
            print(f"{plugin.name} {what},{len(seconds)},{seconds[len(seconds) // 2] * 1e3:.3f},"
                  f"{seconds[int(len(seconds) * 0.99)] * 1e3:.3f}")


main()
