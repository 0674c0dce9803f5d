#!/bin/bash
# Sets up, builds, and runs every test: ./test.sh [stage...]; without arguments all stages, in the order below. A stage that
# fails does not keep the others from running; the summary at the end has a line for each.
set -u
cd "$(dirname "$0")" || exit 1

# Each test runs once against the shipped executable and once against the one with sanitizers and costly checks.
release=$PWD/build/release/fermata
debug=$PWD/build/debug/fermata
logs=build/test-logs
all_stages="setup format release debug tidy unit python python-sanitized extra extra-sanitized arm64"

find_c() { # our C files that exist at present
    find base proto history matching persistence server tests bench -name node_modules -prune -o -name '*.[ch]' -print 2>/dev/null |
        sort
}

build() { # configures once; ninja does it again when it must
    [ -f "build/$1/build.ninja" ] || cmake --preset "$1" || return
    cmake --build --preset "$1" -- --quiet
}

run_python() { # [folder...]; they are found by their conftest.py or test files; see tests/pytest.ini
    if [ ! -x build/venv/bin/pytest ]; then
        echo "no Python packages: run ./setup.sh --tests"
        return 1
    fi
    build/venv/bin/pytest "${@:-tests}" -q -n "${PYTEST_WORKERS:-4}" --dist=worksteal
}

run_extra() { # every tests/…/run is a stage of its own kind: executable, told the server by FERMATA_EXE; 77 means skipped
    local failed=0 run outcomes=
    for run in tests/*/run tests/sdk/*/run; do
        [ -x "$run" ] || continue
        echo "$run"
        "$run"
        case $? in
        0) outcomes+=" ${run%/run}" ;;
        77) outcomes+=" ${run%/run} (skipped)" ;;
        *) outcomes+=" ${run%/run} (FAILED)" failed=1 ;;
        esac
    done
    echo "extra:${outcomes//tests\//}"
    return $failed
}

stage_setup() { ./setup.sh --tests; }
stage_format() { # `./test.sh reformat` repairs it
    local bad
    bad=$(find_c | xargs -r clang-format --dry-run -Werror 2>&1 | sed -n 's/^\([^ :]*\):.*error:.*/\1/p' | sort -u)
    echo "${bad:-all is laid out as .clang-format says}"
    echo "format: $(grep -c . <<<"$bad") of $(find_c | wc -l) files are not laid out as .clang-format says"
    [ -z "$bad" ]
}
stage_reformat() { find_c | xargs -r clang-format -i; }
stage_tidy() { python3 tests/tidy.py; }
stage_release() { build release && ls -l "$release"; }
stage_debug() { build debug; }
stage_unit() { ctest --preset debug --output-on-failure -j"$(nproc)"; }
stage_python() { FERMATA_EXE=$release run_python; }
stage_python_sanitized() { FERMATA_EXE=$debug run_python; }
stage_extra() { FERMATA_EXE=$release run_extra; }
stage_extra_sanitized() { FERMATA_EXE=$debug run_extra; }
stage_arm64() { # the unit tests, the SDK's and the command line's with the executable for arm64, under qemu
    if [ "$(uname -m)" = aarch64 ]; then
        echo "arm64: all other stages are that on this machine"
        return
    fi
    ./setup.sh --tests --arm64 && build release && build arm64 && ls -l build/arm64/fermata || return
    build arm64-unit && ctest --preset arm64-unit -j"$(nproc)" || return
    FERMATA_EXE=tests/arm64/fermata run_python tests/arm64 tests/cli tests/sdk/python
}

export ASAN_OPTIONS=${ASAN_OPTIONS-detect_leaks=1} UBSAN_OPTIONS=${UBSAN_OPTIONS-print_stacktrace=1}
mkdir -p $logs
failed=0
summary=
for stage in ${*:-$all_stages}; do
    printf '\n=== %s\n' "$stage"
    started=$SECONDS
    "stage_${stage//-/_}" 2>&1 | tee "$logs/$stage.log"
    if [ "${PIPESTATUS[0]}" = 0 ]; then outcome=ok; else outcome=FAILED failed=1; fi
    # The line that says how it went, which tools print last or last but a few.
    said=$(grep -aE 'tests passed|tests failed|^=*[ 0-9]+ (passed|failed|error)|^(tidy|format|extra):' "$logs/$stage.log" | tail -1 | tr -d '=')
    summary+=$(printf '%-17s %-6s %4d s  %s' "$stage" "$outcome" $((SECONDS - started)) "$said")$'\n'
done
printf '\n=== summary\n%s' "$summary"
exit $failed
