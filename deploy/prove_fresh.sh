#!/usr/bin/env bash
# Proves that this repository builds on a bare Debian 12: makes one with debootstrap in a folder
# for the time being, copies a fresh clone of HEAD in and runs a command there as root.
#
#   deploy/prove_fresh.sh                     ./dev test
#   deploy/prove_fresh.sh ./dev run --help    anything else, in the clone's folder
#
# Needs root and debootstrap. Package sources, proxies and certificates are the host's.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
suite=bookworm
(($# > 0)) || set -- ./dev test

fail() { printf 'prove_fresh: %s\n' "$*" >&2; exit 1; }
((EUID == 0)) || fail "debootstrap and chroot need root"
command -v debootstrap >/dev/null || fail "apt-get install debootstrap, please"

root=$(mktemp -d /var/tmp/parley-fresh-XXXXXX)
chmod 755 "$root" # apt reads its lists as a user of its own
mounted=()

clean_up() {
  local i
  for ((i = ${#mounted[@]} - 1; i >= 0; --i)); do
    umount "${mounted[i]}" || umount -l "${mounted[i]}"
  done
  # Nothing of the host must be reachable below it any more.
  if grep -q " $root/" /proc/mounts; then fail "still mounted below $root: not removed"; fi
  rm -rf --one-file-system "$root"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

mount_into() { # mount_into PLACE OPTION...
  mount "${@:2}" "$root$1"
  mounted+=("$root$1")
}

# The host's own mirror of this suite.
find_mirror() {
  # shellcheck disable=SC2016 # apt-get fills these in
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Release: $suite" | head -n 1
}

copy_package_sources() {
  local file
  rm -f "$root/etc/apt/sources.list"
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
    /etc/apt/sources.list.d/*.sources /usr/share/keyrings/*.gpg /etc/apt/keyrings/* \
    /etc/apt/trusted.gpg.d/* /usr/local/share/ca-certificates/*.crt /etc/resolv.conf /etc/hosts; do
    [[ -f $file ]] && install -D -m 644 "$file" "$root$file"
  done
  # How to reach the network; not the host's other habits.
  for file in /etc/apt/apt.conf.d/* /etc/apt/apt.conf; do
    [[ -f $file ]] && grep -q 'Acquire' "$file" && install -D -m 644 "$file" "$root$file"
  done
  chroot "$root" update-ca-certificates >/dev/null
  # A bundle with certificates that only this file has.
  install -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
}

network_environment() {
  env | grep -i -E '^((https?|ftp|no)_proxy|[A-Z_]*(CERT|CA_BUNDLE|CA_CERTS)[A-Z_]*)=' || true
  if command -v npm >/dev/null; then
    echo "npm_config_registry=$(npm config get registry 2>/dev/null)"
  fi
}

mirror=$(find_mirror)
[[ -n $mirror ]] || fail "the host has no package source of $suite (apt-get update first?)"
echo "==> Making a bare Debian in $root (one to two minutes)"
debootstrap --variant=minbase --include=ca-certificates,git "$suite" "$root" "$mirror" \
  >"$root.log" 2>&1 || { tail -n 30 "$root.log" >&2; fail "debootstrap failed: $root.log"; }
rm -f "$root.log"
mount_into /proc -t proc proc
mount_into /sys -t sysfs -o ro sysfs
mount_into /dev --bind /dev
copy_package_sources

git clone -q --no-hardlinks "$repository" "$root/srv/parley"
echo "==> In the clone of $(git -C "$repository" rev-parse --short HEAD): $*"
begun=$SECONDS
status=0
mapfile -t network < <(network_environment)
# shellcheck disable=SC2016 # expanded inside
env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  LANG=C.UTF-8 TERM="${TERM:-dumb}" CI=true "${network[@]}" \
  chroot "$root" bash -c 'cd /srv/parley && exec "$@"' prove "$@" </dev/null || status=$?
echo "==> It took $(((SECONDS - begun) / 60)) min $(((SECONDS - begun) % 60)) s; exit code $status"
exit "$status"
