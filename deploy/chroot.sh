# A bare Debian 12 in a folder, for proofs: what other scripts of deploy/ source. Needs root and
# debootstrap. Package sources, proxies and certificates are the host's.
# shellcheck shell=bash

suite=bookworm
root=""
mounted=()

fail() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# shellcheck disable=SC2120 # without packages as well
# make_chroot [PACKAGE...]: sets `root`; the caller's exit removes it.
make_chroot() {
  local mirror
  ((EUID == 0)) || fail "debootstrap and chroot need root"
  command -v debootstrap >/dev/null || fail "apt-get install debootstrap, please"
  mirror=$(find_mirror)
  [[ -n $mirror ]] || fail "the host has no package source of $suite (apt-get update first?)"
  root=$(mktemp -d /var/tmp/parley-fresh-XXXXXX)
  chmod 755 "$root" # apt reads its lists as a user of its own
  trap remove_chroot EXIT
  trap 'exit 130' INT TERM
  echo "==> Making a bare Debian in $root (one to two minutes)"
  local packages
  packages=$(IFS=,; echo "ca-certificates${*:+,$*}")
  debootstrap --variant=minbase --include="$packages" "$suite" "$root" "$mirror" \
    >"$root.log" 2>&1 || { tail -n 30 "$root.log" >&2; fail "debootstrap failed: $root.log"; }
  rm -f "$root.log"
  copy_package_sources
}

remove_chroot() {
  local i
  for ((i = ${#mounted[@]} - 1; i >= 0; --i)); do
    umount "${mounted[i]}" || umount -l "${mounted[i]}"
  done
  [[ -n $root ]] || return 0
  # Nothing of the host must be reachable below it any more.
  if grep -q " $root/" /proc/mounts; then fail "still mounted below $root: not removed"; fi
  rm -rf --one-file-system "$root"
}

mount_into() { # mount_into PLACE OPTION...
  mount "${@:2}" "$root$1"
  mounted+=("$root$1")
}

mount_kernel() {
  # `unshare --mount` wants a mount for its root.
  mount_into "" --bind "$root"
  mount --make-private "$root"
  mount_into /proc -t proc proc
  mount_into /sys -t sysfs -o ro sysfs
  mount_into /dev --bind /dev
  mount --make-private "$root/dev"
  mount_into /dev/pts --bind /dev/pts
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

# inside COMMAND...: runs it in the chroot as root, with nothing of the host's environment but how
# to reach the network.
inside() { (become_inside "$@"); }

# The same in place of this shell, so that a signal to it reaches the command.
become_inside() {
  local network
  mapfile -t network < <(network_environment)
  exec env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 TERM="${TERM:-dumb}" CI=true DEBIAN_FRONTEND=noninteractive "${network[@]}" \
    chroot "$root" "$@" </dev/null
}
