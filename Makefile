# The front door; Meson builds, the scripts do the work.
#
#   make run         installs what is missing, builds, serves the demo on 127.0.0.1:3007
#   make build       installs what is missing and builds, nothing else
#   make test        every suite, one round of each fault test; ends with "N passed, N failed"
#   make test-long   the analyzers, and the stated counts: 50 kills, longer fuzzing
#   make fuzz        fuzzes for FUZZ_SECONDS a target (300)
#   make soak        load on one server for SOAK_MINUTES (60), judged flat or not
#   make soak-kill   kills, full disks and sanitizers, again and again for SOAK_MINUTES (60)
#   make coverage    what the suites of the last make test ran, by floor and by file
#   make bench       measures; see docs/performance.md
#   make analyze     clang-tidy, gcc -fanalyzer and cppcheck
#   make format      rewrites the C files in the house style
#   make clean       removes what was built, never data/

BUILD ?= build
export BUILD

.PHONY: run build test test-long fuzz soak soak-kill coverage bench analyze format clean

run: build
	@exec $(BUILD)/metachat demo

build:
	@scripts/deps.sh build
	@scripts/build.sh $(BUILD)

test:
	@scripts/deps.sh build test
	@scripts/test.sh

test-long:
	@scripts/deps.sh build test analyze
	@scripts/test.sh long

fuzz:
	@scripts/deps.sh build test
	@scripts/fuzz.sh $${FUZZ_SECONDS:-300}

soak:
	@scripts/deps.sh build test
	@scripts/soak.sh $${SOAK_MINUTES:-60}

soak-kill:
	@scripts/deps.sh build test
	@scripts/soak_kill.sh $${SOAK_MINUTES:-60}

coverage:
	@scripts/coverage.sh $(BUILD)-asan

bench:
	@scripts/deps.sh build bench
	@bench/run.sh

analyze:
	@scripts/deps.sh build analyze
	@scripts/analyze.sh

format:
	@scripts/deps.sh analyze
	@find src tools tests -path "*/node_modules" -prune -o -name '*.[ch]' -exec clang-format -i {} +

clean:
	@rm -rf build build-*
