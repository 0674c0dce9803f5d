#!/bin/sh
# Sets up, builds, and runs the server: ./start.sh [flags of `fermata server start-dev`].
set -eu
cd "$(dirname "$0")"

./setup.sh
[ -f build/release/build.ninja ] || cmake --preset release >build/configure.log || { cat build/configure.log; exit 1; }
cmake --build --preset release -- --quiet
exec build/release/fermata server start-dev "$@"
