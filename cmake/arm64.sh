#!/bin/sh
# Fills a folder with what the preset arm64 links with: arm64.sh TARGET_DIR. TARGET_DIR/sysroot has the C library's and the
# other libraries' headers and archives, TARGET_DIR/h2o what cmake/h2o.sh builds with them.
#
# The packages come from the machine's own package sources, through an apt with its own state: the machine's list of
# architectures and its packages stay as they are, and nothing is installed, so it does not matter which packages exclude
# each other. Dependencies are not followed: a static executable needs the archives that are named here and nothing else.
set -eu

packages="libc6-dev linux-libc-dev libprotobuf-c-dev libnghttp2-dev libssl-dev libsqlite3-dev libjansson-dev libc-ares-dev
    zlib1g-dev uthash-dev libyaml-dev check libsubunit-dev" # the last two are the tests'

target=$1
here=$(cd "$(dirname "$0")" && pwd)
if [ ! -d "$target/sysroot" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/packages" "$work/sysroot"
    : >"$work/status"
    cat >"$work/apt.conf" <<EOT
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Dir::State "$work";
Dir::State::lists "$work/lists";
Dir::State::status "$work/status";
Dir::Cache "$work/cache";
EOT
    export APT_CONFIG="$work/apt.conf"
    apt-get -qq update || true # a source without this architecture does not matter as long as another has the packages
    # shellcheck disable=SC2086 # a list of words
    (cd "$work/packages" && apt-get -qq download $packages)
    for package in "$work"/packages/*.deb; do
        dpkg-deb -x "$package" "$work/sysroot"
    done
    unset APT_CONFIG
    mkdir -p "$target"
    mv "$work/sysroot" "$target/.new" && mv "$target/.new" "$target/sysroot"
fi

# h2o's project names C++, which the library does not use: not looked for, or the machine's own compiler would be found.
"$here/h2o.sh" "$target/h2o" -DCMAKE_TOOLCHAIN_FILE="$here/arm64.cmake" \
    -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-gcc -DCMAKE_CXX_COMPILER_FORCED=ON
