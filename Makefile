# SPDX-License-Identifier: GPL-2.0-or-later
# vpcd: see README.md. Targets: all (default), check, test, bench, lint, fuzz, install, deb, clean.
# SAN=1 builds with ASan and UBSan, COV=1 with coverage; each in a build folder of its own.

CC = gcc
CLANG = clang
BPFTOOL = /usr/sbin/bpftool
AR = ar
VERSION := 0.1.0

BUILD = build$(if $(SAN),-san)$(if $(COV),-cov)
PREFIX = /usr/local
DESTDIR =
# Where container runtimes look for CNI plugins: distributions' packages are in /usr/lib/cni, the administrator's in /opt/cni/bin.
CNI_DIR_/usr = /usr/lib/cni
CNI_DIR_/usr/local = /opt/cni/bin
CNI_DIR = $(or $(CNI_DIR_$(PREFIX)),$(PREFIX)/libexec/cni)

PKGS_DAEMON = libbpf libnl-3.0 libnl-route-3.0 libmnl libnftables libsystemd libmicrohttpd jansson nettle sqlite3 inih
PKGS_CLI = jansson yaml-0.1 smartcols
PKGS_CNI = jansson
PKGS_DOCKER = jansson libmicrohttpd
PKGS_LIBVIRT = jansson libxml-2.0
WARN = -Wall -Wextra -Wshadow -Wconversion -Wvla -Werror
HARDEN = $(if $(SAN)$(COV),,-O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fcf-protection)
SANFLAGS = $(if $(SAN),-O1 -fsanitize=address$(comma)undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
COVFLAGS = $(if $(COV),-O0 --coverage)
comma := ,

CPPFLAGS = -D_GNU_SOURCE -DHASH_NONFATAL_OOM=1 -DVPCD_VERSION='"$(VERSION)"' -Iinclude -Idaemon -I. -I$(BUILD) \
	$(shell pkg-config --cflags $(sort $(PKGS_DAEMON) $(PKGS_LIBVIRT)))
CFLAGS = -std=gnu17 -g -fPIE -pthread $(WARN) $(HARDEN) $(SANFLAGS) $(COVFLAGS)
LDFLAGS = -pie -pthread -Wl,-z,relro,-z,now $(SANFLAGS) $(COVFLAGS)
LIBS_DAEMON = $(shell pkg-config --libs $(PKGS_DAEMON))
LIBS_CLI = $(shell pkg-config --libs $(PKGS_CLI)) -lhttp_parser
LIBS_CNI = $(shell pkg-config --libs $(PKGS_CNI)) -lhttp_parser
LIBS_DOCKER = $(shell pkg-config --libs $(PKGS_DOCKER)) -lhttp_parser
LIBS_LIBVIRT = $(shell pkg-config --libs $(PKGS_LIBVIRT)) -lhttp_parser

BPF_ARCH_x86_64 = x86
BPF_ARCH_aarch64 = arm64
BPF_CFLAGS = -g -O2 -target bpf -mcpu=v3 -Wall -Wextra -Wshadow -Werror -fno-strict-aliasing -D__TARGET_ARCH_$(BPF_ARCH_$(shell uname -m)) \
	-Iinclude -Ibpf -I/usr/include/$(shell uname -m)-linux-gnu

DAEMON_SRC := $(wildcard daemon/*/*.c daemon/*/*/*.c daemon/*/*/*/*.c daemon/*/*/*/*/*.c)
MAIN_SRC := $(wildcard daemon/*.c)
DAEMON_OBJ := $(DAEMON_SRC:%.c=$(BUILD)/%.o)
CLI_SRC := $(wildcard cli/lib/*.c cli/declare/*.c cli/declare/kinds/*.c cli/vpcctl/*.c)
CLI_OBJ := $(CLI_SRC:%.c=$(BUILD)/%.o)
DECLARE_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard cli/declare/*.c cli/declare/kinds/*.c) cli/lib/nearest.c cli/lib/yaml.c)
# What the plugins of container engines share.
PLUGIN_SRC = cli/lib/client.c cli/lib/http.c cli/lib/plugin.c cli/lib/unreachable.c cli/lib/vpcd.c cli/lib/wait.c cli/lib/workload_groups.c cli/lib/workload_netns.c
CNI_SRC := $(wildcard cli/cni/*.c) $(PLUGIN_SRC)
CNI_OBJ := $(CNI_SRC:%.c=$(BUILD)/%.o)
DOCKER_SRC := $(wildcard cli/docker/*.c) $(PLUGIN_SRC)
DOCKER_OBJ := $(DOCKER_SRC:%.c=$(BUILD)/%.o)
NETAVARK_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard cli/netavark/*.c) $(PLUGIN_SRC))
LIBVIRT_SRC := $(wildcard cli/libvirt/*.c) $(PLUGIN_SRC)
LIBVIRT_OBJ := $(LIBVIRT_SRC:%.c=$(BUILD)/%.o)
# QEMU runs it once for each machine that it starts.
QEMU_OBJ := $(BUILD)/cli/qemu/main.o $(BUILD)/cli/lib/unreachable.o
BPF_SRC := $(wildcard bpf/*.bpf.c)
BPF_OBJ := $(BPF_SRC:%.bpf.c=$(BUILD)/%.bpf.o)
SKEL := $(BPF_SRC:%.bpf.c=$(BUILD)/%.skel.h)

# A test is one file that becomes one program; files named *_util.c and common*.c in its folder are linked to each.
TEST_SRC = $(wildcard tests/$(1)/*.c tests/$(1)/*/*.c)
TEST_SHARED = $(filter %_util.c,$(call TEST_SRC,$(1)))
TEST_BIN = $(patsubst %.c,$(BUILD)/%,$(filter-out %_util.c %.bpf.c,$(call TEST_SRC,$(1))))
UNIT_BIN := $(call TEST_BIN,unit)
BPFTEST_BIN := $(call TEST_BIN,bpf)
MODELTEST_BIN := $(call TEST_BIN,model)
# Preloaded into vpcd by the tests that make calls fail.
FAULTS_LIB := $(BUILD)/tests/system/faults/inject.so
# The benchmarks' programs, and BPF programs of their own over the headers of bpf/.
BENCH_BIN := $(call TEST_BIN,bench)
BENCH_SKEL := $(patsubst %.bpf.c,$(BUILD)/%.skel.h,$(wildcard tests/bench/*.bpf.c))

# What is missing is said first, and not by a page of errors of a compiler.
ifneq ($(filter-out clean deb lint print-%,$(or $(MAKECMDGOALS),all)),)
MISSING := $(foreach tool,pkg-config $(CC) $(CLANG) $(BPFTOOL),$(if $(shell command -v $(tool)),,$(tool)))
MISSING += $(if $(filter pkg-config,$(MISSING)),,$(shell \
	pkg-config --exists $(sort $(PKGS_DAEMON) $(PKGS_CLI) $(PKGS_LIBVIRT)) || for p in $(sort $(PKGS_DAEMON) $(PKGS_CLI) $(PKGS_LIBVIRT)); do \
		pkg-config --exists $$p || echo $$p; done))
MISSING += $(shell echo '\#include <http_parser.h>' | $(CC) -E - >/dev/null 2>&1 || echo http-parser)
ifneq ($(strip $(MISSING)),)
$(error missing to build with: $(strip $(MISSING)). On Debian 12: sudo scripts/install-deps)
endif
endif

.SUFFIXES:
.SECONDARY:
.PHONY: all check test bench faults lint fuzz install deb clean bpf tests

all: $(BUILD)/vpcd $(BUILD)/vpcctl $(BUILD)/vpc-cni $(BUILD)/vpc-docker $(BUILD)/vpc-netavark $(BUILD)/vpc-libvirt $(BUILD)/vpc-qemu-helper

bpf: $(BPF_OBJ) $(SKEL)

# Value of a variable, as words for a shell: for scripts/lint.
print-%:
	$(info $($*)) @:

$(BUILD)/%.bpf.o: %.bpf.c
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/%.skel.h: $(BUILD)/%.bpf.o
	$(BPFTOOL) gen skeleton $< name $(notdir $*)_bpf > $@.tmp && mv $@.tmp $@

$(BUILD)/%.o: %.c | $(SKEL)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/libvpcd.a: $(DAEMON_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/vpcd: $(MAIN_SRC:%.c=$(BUILD)/%.o) $(BUILD)/libvpcd.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_DAEMON)

$(BUILD)/vpcctl: $(CLI_OBJ)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_CLI)

$(BUILD)/vpc-qemu-helper: $(QEMU_OBJ)
	$(CC) $(LDFLAGS) -o $@ $^ -ljansson

$(BUILD)/vpc-cni: $(CNI_OBJ)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_CNI)

$(BUILD)/vpc-netavark: $(NETAVARK_OBJ)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_CNI)

$(BUILD)/vpc-libvirt: $(LIBVIRT_OBJ)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_LIBVIRT)

$(BUILD)/vpc-docker: $(DOCKER_OBJ)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_DOCKER)

define TEST_RULES
$(BUILD)/tests/$(1)/%: $(BUILD)/tests/$(1)/%.o $$(patsubst %.c,$(BUILD)/%.o,$$(call TEST_SHARED,$(1))) $(BUILD)/libvpcd.a
	$(CC) $(LDFLAGS) -o $$@ $$^ $(LIBS_DAEMON) $(if $(filter-out bench,$(1)),-lcriterion)
endef
$(foreach kind,unit bpf model bench,$(eval $(call TEST_RULES,$(kind))))

# Documents of vpcctl are applied to the model itself.
$(BUILD)/tests/unit/declare $(BUILD)/tests/unit/declare_text: %: %.o $(patsubst %.c,$(BUILD)/%.o,$(call TEST_SHARED,unit)) $(DECLARE_OBJ) $(BUILD)/libvpcd.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_DAEMON) -lyaml -lcriterion

# Compiles headers of bpf/ for this machine.
$(BUILD)/tests/bpf/parse.o $(BUILD)/tests/bpf/reset_socket.o: CPPFLAGS += -Ibpf

# tests/kind: the layers that kinds go through, once more with a kind that only its folder has.
KIND_BIN = $(BUILD)/tests/kind/kind
KIND_FLAGS = -DVPC_EXTRA_KINDS='"tests/kind/probe.def"'
KIND_SRC := $(filter daemon/model/% daemon/compiler/% daemon/api/%,$(DAEMON_SRC)) \
	tests/kind/kind.c tests/kind/probe_model.c tests/kind/probe_compiler.c tests/unit/schema_util.c
$(BUILD)/kind/%.o: %.c | $(SKEL)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(KIND_FLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(KIND_BIN): $(KIND_SRC:%.c=$(BUILD)/kind/%.o) $(BUILD)/libvpcd.a | $(BUILD)/kind/vpcctl
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_DAEMON) -lcriterion

$(BUILD)/kind/vpcctl: $(patsubst %.c,$(BUILD)/kind/%.o,$(CLI_SRC) tests/kind/probe_cli.c tests/kind/probe_declare.c)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_CLI)

# A kind of device that only tests have. device.c, compiled with it, takes the place of the library's.
KIND_DEVICE_FLAGS = -DVPC_EXTRA_DEVICES='"tests/kind/probe_devices.def"'
$(BUILD)/kind/daemon/datapath/net/device/device.o: KIND_FLAGS += $(KIND_DEVICE_FLAGS)
$(BUILD)/tests/bpf/net_kind: $(BUILD)/tests/bpf/net_kind.o $(BUILD)/tests/bpf/net_util.o \
		$(BUILD)/kind/daemon/datapath/net/device/device.o $(BUILD)/kind/tests/kind/probe_device.o $(BUILD)/libvpcd.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_DAEMON) -lcriterion

# vpcd and vpcctl with both kinds, for tests/system/kind.bats.
# Only the list of kinds of devices concerns net/, and no list concerns store/ and util/: these are the library's.
KIND_DAEMON_SRC := $(filter-out daemon/datapath/net/% daemon/store/% daemon/util/%,$(DAEMON_SRC)) daemon/datapath/net/device/device.c
$(BUILD)/kind/vpcd: $(patsubst %.c,$(BUILD)/kind/%.o,$(MAIN_SRC) $(KIND_DAEMON_SRC) tests/kind/probe_model.c tests/kind/probe_compiler.c \
		tests/kind/probe_device.c) $(BUILD)/libvpcd.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_DAEMON)

tests: $(UNIT_BIN) $(BPFTEST_BIN) $(MODELTEST_BIN) $(KIND_BIN) $(BENCH_BIN) $(BUILD)/vpcctl $(BUILD)/vpc-cni $(FAULTS_LIB) $(BUILD)/kind/vpcd
# A test of devices preloads it into the helper for nft.
$(filter $(BUILD)/tests/bpf/net_%,$(BPFTEST_BIN)): | $(FAULTS_LIB)
# The tests of the command line run the program.
$(filter $(BUILD)/tests/unit/cli_%,$(UNIT_BIN)): | $(BUILD)/vpcctl $(BUILD)/vpc-cni $(BUILD)/vpc-docker $(BUILD)/vpc-netavark $(BUILD)/vpc-libvirt
$(BUILD)/tests/unit/config: | $(BUILD)/vpcd

check: all $(UNIT_BIN) $(KIND_BIN)
	scripts/test unit

test:
	scripts/test

$(patsubst %,%.o,$(BENCH_BIN)): | $(BENCH_SKEL)

# All of it, or WHAT=forwarding, packet, change, scale, flood, edge, peering or observe.
bench: all $(BENCH_BIN)
	tests/bench/run $(WHAT)

$(FAULTS_LIB): tests/system/faults/inject.c tests/system/faults/inject.h
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -D_GNU_SOURCE -O2 -fPIC -shared $(WARN) -o $@ $<

# Attacks, and faults at every call: half an hour, or FAULTS_SECONDS=N.
faults: all $(FAULTS_LIB)
	scripts/faults

lint:
	scripts/lint

fuzz:
	scripts/fuzz

install: all
	scripts/install-files "$(BUILD)" "$(DESTDIR)" "$(PREFIX)" "$(CNI_DIR)"

# Debian's packages, into $(BUILD)/deb.
deb:
	scripts/deb "$(BUILD)" "$(VERSION)"

clean:
	rm -rf build build-san build-cov

-include $(shell find $(BUILD) -path $(BUILD)/deb -prune -o -name '*.d' -print 2>/dev/null)
