#!/usr/bin/env bash
# Proves that this repository builds on a bare Debian 12: makes one with debootstrap in a folder
# for the time being, copies a fresh clone of HEAD in and runs a command there as root.
#
#   deploy/prove_fresh.sh                     ./dev test
#   deploy/prove_fresh.sh ./dev run --help    anything else, in the clone's folder
#
# Needs root and debootstrap.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=deploy/chroot.sh
. "$repository/deploy/chroot.sh"
(($# > 0)) || set -- ./dev test

make_chroot git
mount_kernel
git clone -q --no-hardlinks "$repository" "$root/srv/parley"
echo "==> In the clone of $(git -C "$repository" rev-parse --short HEAD): $*"
begun=$SECONDS
status=0
# shellcheck disable=SC2016 # expanded inside
inside bash -c 'cd /srv/parley && exec "$@"' prove "$@" || status=$?
echo "==> It took $(((SECONDS - begun) / 60)) min $(((SECONDS - begun) % 60)) s; exit code $status"
exit "$status"
