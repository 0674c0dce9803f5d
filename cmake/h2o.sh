#!/bin/sh
# Builds libh2o-evloop.a out of Debian's source package h2o, which is packaged without it: h2o.sh TARGET_DIR [CMAKE_ARGUMENT...]
# The source comes from the machine's own package sources; only this call sees them with deb-src, nothing is changed.
set -eu

target=$1
shift
[ -f "$target/lib/libh2o-evloop.a" ] && exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/sources" "$work/lists/partial" "$work/cache/archives/partial" "$work/src" "$work/build"
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -f "$file" ] && sed -n 's/^deb[[:space:]]/deb-src /p' "$file" | grep -i debian >"$work/sources/$(basename "$file" .list).list" || true
done
for file in /etc/apt/sources.list.d/*.sources; do
    [ -f "$file" ] && grep -qi debian "$file" && sed 's/^Types:.*/Types: deb-src/' "$file" >"$work/sources/$(basename "$file")" || true
done
cat >"$work/apt.conf" <<EOF
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$work/sources";
Dir::State::lists "$work/lists";
Dir::Cache "$work/cache";
APT::Sandbox::User "root";
EOF
export APT_CONFIG="$work/apt.conf"
apt-get -qq update || true # a list that has no sources does not matter as long as one has h2o
(cd "$work/src" && apt-get -qq source h2o >/dev/null)

# No mruby, no bundled OpenSSL, no programs: the library alone.
cmake -Wno-dev -G Ninja -S "$work"/src/h2o-*/ -B "$work/build" -DCMAKE_BUILD_TYPE=Release -DWITH_MRUBY=OFF \
    -DWITH_BUNDLED_SSL=OFF -DCMAKE_C_FLAGS=-ffile-prefix-map="$work"= "$@" >"$work/log" 2>&1 &&
    ninja -C "$work/build" libh2o-evloop.a >>"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }

mkdir -p "$target/include" "$target/lib"
cp -r "$work"/src/h2o-*/include/h2o "$work"/src/h2o-*/include/h2o.h "$target/include/"
cp "$work/build/libh2o-evloop.a" "$target/lib/.new" && mv "$target/lib/.new" "$target/lib/libh2o-evloop.a"
