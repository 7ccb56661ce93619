#!/usr/bin/env bash
# Proves a container image: it is small, serves as nobody of importance, passes smoke.sh and its own
# HEALTHCHECK, and stops on its STOPSIGNAL. In a network of its own, without a container engine.
#
#   deploy/prove_image.sh IMAGE.tar.gz
#
# Needs root, buildah, iproute2, curl and jq.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# A network without a way out: the image listens on all addresses.
if [[ -z ${PROVE_IMAGE_INSIDE:-} ]]; then
  PROVE_IMAGE_INSIDE=yes exec unshare --net --mount -- "$0" "$@"
fi
ip link set lo up

image=$(realpath "${1:?which image? ./dev package image}")
mb_max=60
store=$(mktemp -d /var/tmp/parley-image-XXXXXX)
server=""   # buildah, and what it runs
process=""
fail() { printf 'prove_image: %s\n' "$*" >&2; exit 1; }
say() { printf '==> %s\n' "$*"; }
in_store() { buildah --storage-driver vfs --root "$store/root" --runroot "$store/run" "$@"; }
clean_up() {
  [[ -z $process ]] || kill -TERM "$process" 2>/dev/null || true
  [[ -z $server ]] || kill -TERM "$server" 2>/dev/null || true
  wait
  rm -rf --one-file-system "$store"
}
trap clean_up EXIT

size=$(stat -c %s "$image")
say "$((size / 1000000)).$((size / 100000 % 10)) MB compressed"
((size <= mb_max * 1000000)) || fail "that is more than $mb_max MB"

gunzip <"$image" >"$store/image.tar"
container=$(in_store from --pull-never "docker-archive:$store/image.tar")
rm "$store/image.tar"
settings=$(in_store inspect --type container "$container" | jq .Docker.config)
[[ $(jq -r .User <<<"$settings") == parley ]] || fail "it runs as $(jq -r .User <<<"$settings")"
[[ $(jq -r .StopSignal <<<"$settings") == SIGTERM ]] || fail "it has no STOPSIGNAL"
mapfile -t health < <(jq -r '.Healthcheck.Test[1:][]' <<<"$settings")
((${#health[@]} > 0)) || fail "it has no HEALTHCHECK"
mapfile -t command < <(jq -r '(.Entrypoint + .Cmd)[]' <<<"$settings")

in_container() { in_store run --isolation chroot "$container" -- "$@"; }
if in_container "${health[@]}" 2>/dev/null; then fail "its HEALTHCHECK is content with nothing"; fi
in_container "${command[@]}" --demo >"$store/log" 2>&1 &
server=$!
for ((tries = 0; tries < 300; ++tries)); do
  curl -sf -o /dev/null http://127.0.0.1:8080/readyz && break
  kill -0 "$server" 2>/dev/null || { cat "$store/log" >&2; fail "it did not start"; }
  sleep 0.1
done
process=$(pgrep -n -f "^([^ ]*/)?${command[*]} --demo\$") || fail "its process is not found"
in_container "${health[@]}" || fail "its HEALTHCHECK fails"
say "it serves, and its HEALTHCHECK passes"
code=$(sed -n 's/.*"setupCode":"\([^"]*\)".*/\1/p' "$store/log")
[[ -n $code ]] || fail "it makes an ADMIN of whoever comes first"
SMOKE_USERNAME=ada SMOKE_PASSWORD="correct horse battery staple" SMOKE_SETUP_CODE=$code \
  "$repository/deploy/smoke.sh" http://127.0.0.1:8080 >"$store/smoke" ||
  { cat "$store/smoke" >&2; fail "smoke.sh fails"; }
say "smoke.sh: $(tail -n 1 "$store/smoke")"
curl -sf -o /dev/null http://127.0.0.1:8080/docs/redoc.standalone.js || fail "/docs has no page"
say "/docs has its page"
root=$(in_store mount "$container")
printf 'hello world' >"$root/tmp/text"
counted=$(in_container parley tokens --encoding o200k_base --file /tmp/text --ids)
[[ $counted == "[24912,2375]" ]] || fail "it does not count exactly"
say "it counts exactly"
[[ $(stat -c %u "/proc/$process") != 0 ]] || fail "it runs as root"
kill -TERM "$process"
wait "$server" || fail "it ended with $?"
server="" process=""
grep -q '"node.stopped"\|node.stopped' "$store/log" || fail "it did not stop in order"
say "it stops on SIGTERM; the image is proven"
