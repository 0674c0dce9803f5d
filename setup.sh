#!/bin/sh
# Installs what building Fermata needs and fills build/deps; with --tests also what the tests need, with --arm64 what building
# for arm64 on another machine needs, with both what runs that here. Everything is checked first: when all is there, nothing
# is called and nothing needs the network. For Debian 12, as root or with sudo.
set -eu
cd "$(dirname "$0")"

tests= arm64=
for argument; do
    case $argument in
    --tests) tests=yes ;;
    --arm64) arm64=yes ;;
    *) echo "setup: there is no $argument" >&2; exit 1 ;;
    esac
done

packages="gcc g++ libc6-dev cmake ninja-build pkg-config dpkg-dev python3 python3-pip ca-certificates
    protobuf-compiler libprotobuf-dev protobuf-c-compiler libprotobuf-c-dev libnghttp2-dev libssl-dev libsqlite3-dev
    libjansson-dev libc-ares-dev zlib1g-dev uthash-dev tzdata libyaml-dev" # libyaml: h2o's build asks for it
command -v npm >/dev/null || packages="$packages nodejs npm" # for the web UI's view library
[ "$tests" ] && packages="$packages check clang-format python3-venv"
[ "$arm64" ] && packages="$packages gcc-aarch64-linux-gnu"
[ "$arm64" ] && [ "$tests" ] && ! command -v qemu-aarch64-static >/dev/null && packages="$packages qemu-user"

missing=
for package in $packages; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
done
if [ -n "$missing" ]; then
    echo "setup: installing$missing"
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    export DEBIAN_FRONTEND=noninteractive
    $sudo apt-get -qq update
    # shellcheck disable=SC2086 # a list of words
    $sudo apt-get -qq install -y --no-install-recommends $missing </dev/null >/dev/null
fi

# The packages that the API's descriptors are read from; pinned, with hashes. The same files on every machine, because they
# are only read: the platform named here is not the one that Fermata is built for.
wheels=build/deps/wheels
if ! cmp -s proto/wheels.txt $wheels/pinned.txt; then
    echo "setup: fetching the API's descriptors"
    rm -rf $wheels
    mkdir -p $wheels
    python3 -m pip --quiet --disable-pip-version-check download --no-deps --require-hashes --only-binary=:all: \
        --implementation cp --python-version 3.11 --abi abi3 --platform manylinux_2_17_x86_64 \
        --dest $wheels -r proto/wheels.txt
    cp proto/wheels.txt $wheels/pinned.txt
fi

if [ ! -f build/deps/h2o/lib/libh2o-evloop.a ]; then
    echo "setup: building h2o's library"
    cmake/h2o.sh "$PWD/build/deps/h2o"
fi

if [ "$arm64" ] && [ ! -f build/deps/arm64/h2o/lib/libh2o-evloop.a ]; then
    echo "setup: fetching the libraries for arm64"
    cmake/arm64.sh "$PWD/build/deps/arm64"
fi

# The view library of the web UI: three files, pinned with hashes by ui-static/package-lock.json. There is no bundler; all that
# browsers need is that one module's name for another is its address.
ui=build/deps/ui
if ! cmp -s ui-static/package-lock.json $ui/installed.json; then
    echo "setup: fetching the web UI's view library"
    rm -rf $ui
    mkdir -p $ui/vendor
    cp ui-static/package.json ui-static/package-lock.json $ui
    (cd $ui && npm ci --silent --ignore-scripts --no-fund --no-audit)
    for part in preact/dist/preact.mjs preact/hooks/dist/hooks.mjs htm/dist/htm.mjs; do
        sed -e 's|from"preact"|from"./preact.js"|' -e '/sourceMappingURL/d' "$ui/node_modules/$part" \
            >"$ui/vendor/$(basename "$part" .mjs).js"
    done
    cp ui-static/package-lock.json $ui/installed.json
fi

# The Python packages of the tests, in an environment of their own.
requirements=tests/sdk/python/requirements.txt
if [ "$tests" ] && [ -f $requirements ] && ! cmp -s $requirements build/venv/installed.txt; then
    echo "setup: installing the Python packages of the tests"
    rm -rf build/venv
    python3 -m venv build/venv
    build/venv/bin/python -m pip --quiet --disable-pip-version-check install -r $requirements
    cp $requirements build/venv/installed.txt
fi
