# shellcheck shell=sh
# The set-up of a checkout. ./tcpanalyze and tests/run source this file with $root set:
#
#   set_up run       .venv with the tool in it, installed editable: interpreted, straight from the checkout
#   set_up dev       the same with the `dev` extra
#   set_up compiled  .venv/compiled with the tool in it as in a wheel: compiled if there is a compiler
#   system_packages  the programs that the tests use, all of them or those named
#
# `sh tools/setup.sh [PROGRAM...]` runs only system_packages: for a CI whose other steps are not root, and for a test
# that needs one program (tests/programs.py).
#
# All messages go to standard error, and nothing reads standard input: standard input and output belong to the command.
# If the set-up exists, the check costs one cksum and no Python. A set-up exists if its stamp holds the current key. The
# stamps are removed before anything is changed, and written last. So an interrupted set-up has no stamp, and the next
# run deletes it and begins again.

# The programs that the tests use, as `program:its Debian package`. tests/programs.py reads this too.
test_programs='tshark:tshark dumpcap:wireshark-common tcpdump:tcpdump curl:curl redis-server:redis-server
    redis-cli:redis-tools nginx:nginx git:git ip:iproute2 unshare:util-linux'

# Compiling needs a compiler and Python.h.
compiler_programs='cc:gcc'

say() {
    printf 'tcpanalyze: %s\n' "$*" >&2
}

give_up() {
    say "$*"
    exit 2
}

as_root_with_apt() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null
}

# apt_install PACKAGE...: tries the existing package lists first, because fetching new ones takes longest.
apt_install() {
    say "installing system packages: $*"
    apt_get install -y --no-install-recommends "$@" && return
    { apt_get update && apt_get install -y --no-install-recommends "$@"; } && return
    printf '%s\n' "$output" | tail -n 15 >&2
    give_up "apt-get could not install $* (its last messages are above): install them and run again"
}

apt_get() {
    output=$(DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" 2>&1 </dev/null)
}

# system_packages [PROGRAM...]: installs those that are missing when it may; if not, it reports what is missing. Without
# arguments it means all of them.
system_packages() {
    missing=
    for entry in $test_programs $compiler_programs; do
        program=${entry%%:*}
        case " ${*:-$program} " in
            *" $program "*) command -v "$program" >/dev/null || missing="$missing ${entry#*:}" ;;
        esac
    done
    case " ${*:-cc} $(command -v python3)" in
        *" cc "*/usr/bin/*) [ -n "$(find /usr/include -name Python.h -print -quit)" ] || missing="$missing python3-dev" ;;
    esac
    [ -n "$missing" ] || return 0
    if as_root_with_apt; then
        # shellcheck disable=SC2086 # a list of words
        apt_install $missing
    else
        say "not installed:$missing. Tests that need them are skipped (on Debian: sudo apt-get install$missing)"
    fi
}

case ${0##*/} in
    setup.sh)
        system_packages "$@"
        exit
        ;;
esac

# Prints `ready /path/to/python3.12`, or `bare python3.12` if the package for virtual environments is missing (Debian).
# Every old Python can run it and fails quietly. The path is the real one, with the version in its name. If the system
# changes to another Python, the link in .venv is then broken and the set-up is made again. A link to `python3` would
# silently lose its packages.
probe='
import os, sys
if sys.version_info < (3, 11):
    sys.exit(1)
try:
    import venv
    from ensurepip import version
    print("ready " + os.path.realpath(sys.executable))
except ImportError:
    print("bare python%d.%d" % sys.version_info[:2])
'

# look_for_python: sets $python, or sets $bare to a Python that cannot make a virtual environment.
look_for_python() {
    python=
    bare=
    for candidate in python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3; do
        answer=$("$candidate" -c "$probe" 2>/dev/null </dev/null) || continue
        case $answer in
            "ready "*)
                python=${answer#ready }
                return 0
                ;;
            "bare "*) bare=${bare:-${answer#bare }} ;;
        esac
    done
    return 1
}

find_python() {
    look_for_python && return
    if [ -n "$bare" ]; then
        packages=$bare-venv
        lack="$bare cannot make virtual environments"
    else
        packages='python3 python3-venv'
        lack='there is no Python 3.11 or newer'
    fi
    if as_root_with_apt; then
        # shellcheck disable=SC2086 # a list of words
        apt_install $packages
        look_for_python && return
    fi
    give_up "$lack: install it (on Debian: sudo apt-get install $packages) and run again"
}

# cksum prints the paths too, so a checkout that was moved or copied has another key. This is needed, because the
# programs in a virtual environment hold its path.
environment=$root/.venv
key=$(cksum "$root/pyproject.toml" "$root/tools/setup.sh")

# The key of the compiled build. It changes with every source.
source_key() {
    cd "$root" && find analyzer setup.py pyproject.toml tools/setup.sh -type f \
        ! -name '*.pyc' ! -name '*.so' -exec cksum {} + | sort | cksum
}

is_current() {
    if [ "$1" = compiled ]; then
        [ -f "$environment/compiled/.built-from" ] || return 1
        IFS= read -r built_from <"$environment/compiled/.built-from" || return 1
        [ "$built_from" = "$(source_key)" ]
        return
    fi
    [ -x "$environment/bin/python" ] && [ -f "$environment/.set-up-$1" ] || return 1
    { IFS= read -r first && IFS= read -r second; } <"$environment/.set-up-$1" || return 1
    [ "$first
$second" = "$key" ]
}

# Locks file descriptor 9, which stays open in this shell and in all processes that it starts. The kernel releases the
# lock when the last of them is gone. So a killed set-up leaves no lock, and a pip that outlives its shell is waited for.
lock='
import fcntl, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.stderr.write("tcpanalyze: waiting for another set-up of this checkout to finish\n")
    fcntl.flock(9, fcntl.LOCK_EX)
'

# set_up run|dev|compiled
set_up() {
    is_current "$1" && return
    [ -w "$root" ] || give_up "no permission to make .venv in $root: use your own checkout"
    find_python
    exec 9<>"$root/tools/setup.sh"
    "$python" -c "$lock" </dev/null ||
        give_up "cannot lock $root/tools/setup.sh: use a checkout on a file system with locks"
    if ! is_current "$1"; then
        if [ "$1" = compiled ]; then make_compiled; else make_environment "$1"; fi
    fi
    exec 9>&-
}

make_environment() {
    # Only a .venv that was made here is deleted. Another one is used as it is.
    made_for=
    if [ -f "$environment/.made-for" ]; then
        IFS= read -r made_for <"$environment/.made-for" || :
        if [ "$made_for" != "$root" ] || [ ! -f "$environment/.set-up-run" ] ||
            ! "$environment/bin/python" -c 'import pip' 2>/dev/null </dev/null; then
            rm -rf "$environment"
        fi
    fi
    rmdir "$environment" 2>/dev/null || : # empty: interrupted before it could be marked
    if [ -e "$environment" ]; then
        "$environment/bin/python" -c "$probe" >/dev/null 2>&1 </dev/null ||
            give_up "$environment is not a virtual environment of Python 3.11 or newer: move it away and run again"
        say 'updating .venv…'
    else
        say 'setting up .venv (once, about a minute)…'
        mkdir "$environment"
        printf '%s\n' "$root" >"$environment/.made-for"
        quietly "$python" -m venv "$environment"
    fi
    rm -f "$environment/.set-up-run" "$environment/.set-up-dev"
    case $1 in
        run) what=. ;;
        dev) what='.[dev]' ;;
    esac
    (cd "$root" && PIP_USER=0 quietly "$environment/bin/python" -m pip install --quiet --no-input \
        --disable-pip-version-check --editable "$what")
    [ "$1" = run ] || stamp "$1"
    stamp run
}

# Both builds use the packages of .venv. The folders in a .pth file come after the site-packages that hold it, and the
# .pth files in these folders are not read. So this build finds the compiled tool and not the checkout. The checkout
# comes last, for its tests.
make_compiled() {
    say 'compiling (repeated after each change of the sources; TCPANALYZE_COMPILE=0 skips it)…'
    compiled=$environment/compiled
    rm -rf "$compiled" "$root/build"
    quietly "$environment/bin/python" -m venv --without-pip "$compiled"
    packages='import sysconfig; print(sysconfig.get_path("purelib"))'
    { "$environment/bin/python" -c "$packages" && printf '%s\n' "$root"; } </dev/null \
        >"$("$compiled/bin/python" -c "$packages" </dev/null)/base.pth"
    built_from=$(source_key)
    PIP_USER=0 quietly "$environment/bin/python" -m pip --python "$compiled/bin/python" install --quiet --no-input \
        --disable-pip-version-check --no-deps --ignore-installed "$root"
    rm -rf "$root/build"
    printf '%s\n' "$built_from" >"$compiled/.built-from"
}

# stamp run|dev: writes the stamp in one step.
stamp() {
    printf '%s\n' "$key" >"$environment/.set-up-$1.new"
    mv "$environment/.set-up-$1.new" "$environment/.set-up-$1"
}

quietly() {
    output=$("$@" 2>&1 </dev/null) && return
    printf '%s\n' "$output" | tail -n 25 >&2
    give_up "the set-up failed with the error above: fix it and run again"
}
