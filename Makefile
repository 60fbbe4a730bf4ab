# SPDX-License-Identifier: Apache-2.0
# A thin front: everything is done by Meson and the scripts in tools/.
BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
MESON_FLAGS ?=
CHECK_FLAGS ?=
HOURS ?= 8

.DEFAULT_GOAL := help
.PHONY: help demo check check-agents check-containers check-escape-environments check-vm check-agreement check-faults check-flood check-real bench bench-cedar bench-policy bench-egress build install uninstall clean fuzz format packages-build check-endurance check-commits check-mutants fuzz-hours

help:
	@echo 'make demo      see an untrusted script confined (builds first; about a minute)'
	@echo 'make check     build and run all tests, as root and as an ordinary user'
	@echo 'make check-real    run real projects from the package registries inside, as make check does not (network; minutes)'
	@echo 'make check-agents  run Claude Code, Codex, aider and others inside, against an API of the test (network; minutes)'
	@echo 'make check-faults      every call and allocation fails once, ward is killed at 1,000 points (docs/security/testing.md)'
	@echo 'make check-containers  doctor, runs and escapes in Docker or podman: CONTAINER_FLAGS="--engine docker --image IMAGE"'
	@echo 'make check-escape-environments   the escape suite on each made host that holds all: ESCAPE_FLAGS=--concerned (an hour or more; a third)'
	@echo 'make check-vm      the tests on a Debian 12 with systemd and cgroup v2, in QEMU: VM_FLAGS="--image DIR" (tests/vm/image)'
	@echo 'make check-agreement   the kernel against the judge, 104,000 operations (docs/agreement.md)'
	@echo 'make check-flood   floods at full size: a million names, 1,000 held lookups (docs/security/testing.md; minutes)'
	@echo 'make check-endurance   10,000 runs one by one and 64 x 200 at once in one process, and what has grown'
	@echo 'make check-commits     100,000 operations in runs under review, committed whole, in parts, killed and continued or aborted; a race of a minute'
	@echo 'make check-mutants     change the code one place at a time: do the tests notice? (hours; MUTATE_FLAGS="--sample 100")'
	@echo 'make bench     measure starts and calls against bubblewrap'
	@echo 'make bench-cedar   measure authorization (RUST=, WASM=: the official engine; see bench/cedar --help)'
	@echo 'make bench-policy  measure loading policies, decisions, and runs under a profile'
	@echo 'make bench-egress  measure the network of a run (SRT=: the program srt of @anthropic-ai/sandbox-runtime)'
	@echo 'make build     build $(BUILD)/ward'
	@echo 'make install   install into $$(DESTDIR)$$(PREFIX), PREFIX=$(PREFIX)'
	@echo 'make uninstall     take that away again'
	@echo 'make fuzz      build the libFuzzer targets into build-fuzz/ (clang 14)'
	@echo 'make fuzz-hours    and run them for HOURS=8 of processor time'
	@echo 'make format    clang-format the tree'
	@echo 'make clean     remove $(BUILD)/ and build-*/'

packages-build:
	@tools/need-packages build

$(BUILD)/build.ninja:
	meson setup $(BUILD) --prefix $(PREFIX) $(MESON_FLAGS)

build: packages-build $(BUILD)/build.ninja
	ninja -C $(BUILD)

# The program alone: the tests are ten times as much to compile.
demo: packages-build $(BUILD)/build.ninja
	ninja -C $(BUILD) ward
	@WARD=$(BUILD)/ward examples/demo/run

check:
	@tools/need-packages check
	@tools/run-tests --build $(BUILD) $(CHECK_FLAGS)

check-containers: build
	@tests/containers/run --build $(BUILD) $(CONTAINER_FLAGS)

check-escape-environments: build
	@tests/escape/in_environments.py --build $(BUILD) $(ESCAPE_FLAGS)

check-vm: build
	@tests/vm/run --build $(BUILD) $(VM_FLAGS)

check-real: build
	@WARD=$(BUILD)/ward tests/real/projects.py

check-agents: build
	@WARD=$(BUILD)/ward PYTHONPATH=tests/harness PYTHONDONTWRITEBYTECODE=1 tests/real/agents.py

check-faults: build
	@set -e; for one in calls memory kill storms; do \
		WARD=$(BUILD)/ward WARD_NTH=$(BUILD)/tests/fault/ward_nth WARD_INJECT=$(BUILD)/tests/fault/inject \
		WARD_FORKS=$(BUILD)/tests/fault/forks WARD_CONCURRENT=$(BUILD)/tests/sandbox/test_concurrent \
		WARD_FAULT_CALLS=0 WARD_FAULT_POINTS=1000 WARD_FAULT_FORKS=100000 WARD_FAULT_STORM_S=10 \
		PYTHONPATH=tests/harness:tests/cli:tests/sandbox PYTHONDONTWRITEBYTECODE=1 python3 tests/fault/test_$$one.py; \
	done

check-agreement: build
	ninja -C $(BUILD) tests/agreement/agreement_judge tests/agreement/agreement_prober
	@WARD=$(BUILD)/ward JUDGE=$(BUILD)/tests/agreement/agreement_judge PROBER=$(BUILD)/tests/agreement/agreement_prober \
		PYTHONPATH=tests/harness:tests/cli tests/agreement/agree.py --pairs 104000

check-flood: build
	ninja -C $(BUILD) tests/sandbox/flood-inside
	@WARD=$(BUILD)/ward WARD_FLOOD_INSIDE=$(BUILD)/tests/sandbox/flood-inside PYTHONPATH=tests/harness:tests/cli:tests/sandbox \
		PYTHONDONTWRITEBYTECODE=1 tests/sandbox/test_flood.py --whole

check-endurance: build
	ninja -C $(BUILD) tests/endurance/endurance
	@dir=$$(mktemp -d) && $(BUILD)/tests/endurance/endurance $$dir; r=$$?; rm -rf "$$dir"; exit $$r

check-commits: build
	ninja -C $(BUILD) tests/sandbox/test_commit
	@WARD_COMMIT_OPS=100000 WARD_COMMIT_RACE_S=60 $(BUILD)/tests/sandbox/test_commit

check-mutants:
	@tools/need-packages check
	@for part in decide plan confine; do tools/mutate $(MUTATE_FLAGS) $$part || exit; done

bench: build
	@tools/need-packages bench
	@bench/run --build $(BUILD)

bench-cedar: packages-build
	[ -f build-bench/build.ninja ] || meson setup build-bench --buildtype=release >/dev/null
	ninja -C build-bench bench/cedar-engine
	@bench/cedar --ward build-bench/bench/cedar-engine $(if $(RUST),--rust $(RUST)) $(if $(WASM),--wasm $(WASM))

bench-policy: packages-build
	[ -f build-bench/build.ninja ] || meson setup build-bench --buildtype=release >/dev/null
	ninja -C build-bench ward bench/bench-policy bench/bench-net
	build-bench/bench/bench-policy
	build-bench/bench/bench-net
	bench/policy-runs --ward build-bench/ward

bench-egress: packages-build
	@tools/need-packages bench
	@bench/egress --build $(BUILD) $(if $(SRT),--srt $(SRT))

install: build
	meson configure $(BUILD) --prefix $(PREFIX)
	DESTDIR=$(DESTDIR) meson install -C $(BUILD)
	@tools/install-apparmor "$(DESTDIR)" "$(PREFIX)"
	@if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" = 0 ]; then PATH="$$PATH:/sbin:/usr/sbin" ldconfig || echo 'make install: ldconfig did not run: until it has, programs do not find libward.so' >&2; fi

# What the last install from this clone put there; without it there is no list.
uninstall:
	@[ -f $(BUILD)/meson-logs/install-log.txt ] || { echo 'make uninstall: no list of what was installed: make install first, with the same PREFIX and DESTDIR' >&2; exit 1; }
	ninja -C $(BUILD) uninstall
	@rmdir "$(DESTDIR)$(PREFIX)/include/ward" 2>/dev/null || :
	@tools/install-apparmor --remove "$(DESTDIR)" "$(PREFIX)"

fuzz:
	@tools/need-packages ci
	[ -f build-fuzz/build.ninja ] || CC=clang-14 meson setup build-fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false
	ninja -C build-fuzz fuzz-programs
	@echo 'run one:  build-fuzz/fuzz/fuzz_NAME NEWDIR fuzz/corpus/NAME'

fuzz-hours: fuzz
	@tools/fuzz-hours --hours $(HOURS)

format:
	@tools/check-format --fix

clean:
	rm -rf $(BUILD) build-*
