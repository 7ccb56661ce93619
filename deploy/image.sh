#!/usr/bin/env bash
# Makes the container image without Docker: buildah builds deploy/Dockerfile itself.
#
#   deploy/image.sh OUTPUT.tar.gz               all of it, as `docker build` does (10 minutes)
#   deploy/image.sh OUTPUT.tar.gz PACKAGE.deb   its run stage alone, with a package made before
#
# `docker load` reads the output. BASE names another base image than the Dockerfile's; with
# BASE=debootstrap it is made here, of the packages the host gets. Needs root and buildah.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=deploy/chroot.sh
. "$repository/deploy/chroot.sh"
output=$(realpath -m "${1:?where to?}")
package=${2:+$(realpath "$2")}
command -v buildah >/dev/null || fail "apt-get install buildah, please"

store=$(mktemp -d /var/tmp/parley-image-XXXXXX)
remove_store() {
  remove_chroot
  rm -rf --one-file-system "$store"
}
in_store() { buildah --storage-driver vfs --root "$store/root" --runroot "$store/run" "$@"; }

# What debian:bookworm-slim is: a minbase without manuals and translations.
make_base() {
  # shellcheck disable=SC2119
  make_chroot
  trap remove_store EXIT
  rm -rf "$root"/usr/share/{doc,man,info,locale,lintian,linda}/* "$root"/var/cache/apt/* \
    "$root"/var/lib/apt/lists/* "$root"/var/log/*.log
  printf 'path-exclude /usr/share/%s/*\n' doc man info locale lintian \
    >"$root/etc/dpkg/dpkg.cfg.d/slim"
  local made
  made=$(in_store from scratch)
  in_store add -q "$made" "$root" / >/dev/null
  in_store config --cmd bash "$made"
  in_store commit -q "$made" localhost/parley-base >/dev/null
  in_store rm "$made" >/dev/null
  base=localhost/parley-base
}

trap remove_store EXIT
base=${BASE:-}
if [[ $base == debootstrap ]]; then make_base; fi
options=(--isolation chroot --format docker --layers=false -t parley)
[[ -z $base ]] || options+=(--build-arg "BASE=$base" --pull-never)
# How to reach the network, for the build alone.
while IFS= read -r variable; do
  [[ $variable == npm_* || $variable == *_proxy=* ]] && options+=(--build-arg "$variable")
done < <(network_environment)

cd "$repository"
if [[ -n $package ]]; then
  cp "$package" "$store/parley.deb"
  mkdir "$store/package"
  mv "$store/parley.deb" "$store/package/"
  # The second stage alone; what it copies comes from here.
  { grep '^ARG BASE' deploy/Dockerfile; sed -n '/^FROM .* AS run$/,$p' deploy/Dockerfile; } |
    sed 's|^COPY --from=build /package/|COPY |' >"$store/Dockerfile"
  in_store bud "${options[@]}" -f "$store/Dockerfile" "$store/package"
else
  in_store bud "${options[@]}" -f deploy/Dockerfile .
fi
mkdir -p "$(dirname "$output")"
in_store push -q parley "docker-archive:$store/image.tar:parley:latest"
gzip -9n <"$store/image.tar" >"$output"
printf '==> %s: %.1f MB\n' "$output" "$(stat -c %s "$output")e-6"
