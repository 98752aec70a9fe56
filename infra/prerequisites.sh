#!/usr/bin/env bash
# Java, Maven and Python; `test` and `bench` name more: the servers that the tests ask, and what measures. Installed
# where that is possible without asking, named in one line otherwise.
set -euo pipefail

missing=()
need() { # PROGRAM PACKAGE
    PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$1" >/dev/null || missing+=("$2")
}
need java openjdk-17-jre-headless
need mvn maven
python=$(command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3 || true)
if [ -z "$python" ] || ! "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    missing+=(python3 python3-venv)
fi
case "${1:-}" in
test) need nginx nginx-light && need redis-server redis-server && need chromium chromium ;;
bench) need wrk wrk && need chromium chromium ;;
esac
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing ${missing[*]}" >&2
    # The servers are started by the tests, on ports of their own: the packages must not start theirs.
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
        chmod +x /usr/sbin/policy-rc.d
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y "${missing[@]}" >/dev/null
else
    echo "meterstream: please install ${missing[*]} (names of Debian's packages), then run the same again" >&2
    exit 1
fi
