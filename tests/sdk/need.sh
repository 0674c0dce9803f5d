# Sourced by the scripts that run tests in other languages.

FERMATA_EXE=$(realpath -e "${FERMATA_EXE:?names the server executable that is to be tested}")
export FERMATA_EXE

# need COMMAND PACKAGE...: installs the packages when there is no such command. For Debian 12, as root or with sudo; where
# that cannot be, the language is skipped: 77 is what says so (see test.sh).
need() {
    command -v "$1" >/dev/null && return
    missing=$1
    shift
    echo "installing $*"
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 # no word at all when root
    if ! { $sudo apt-get -qq update && $sudo apt-get -qq install -y --no-install-recommends "$@" </dev/null >/dev/null; }; then
        echo "skipped: there is no $missing, and installing it ($*) failed"
        exit 77
    fi
}
