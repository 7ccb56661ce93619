#!/usr/bin/env bash
# Proves a Debian package on a bare Debian 12: it installs, serves, is upgraded with its data, is
# removed and purged. And the tar beside it: unpacked, it serves.
#
#   deploy/prove_package.sh PACKAGE.deb [FILE.tar.gz]
#
# Needs root, debootstrap, curl and jq.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=deploy/chroot.sh
. "$repository/deploy/chroot.sh"
package=$(realpath "${1:?which package? ./dev package deb}")
archive=${2:+$(realpath "$2")}
config=/etc/parley/parley.toml

say() { printf '==> %s\n' "$*"; }
holds() { # holds WHAT COMMAND...
  local what=$1
  shift
  "$@" >/dev/null || fail "it is not so: $what"
  printf '    %s\n' "$what"
}
lacks() { ! test -e "$root$1"; }
as_parley=(setpriv --reuid=parley --regid=parley --clear-groups)
port=$(python3 -c 'import socket as s; a = s.create_server(("127.0.0.1", 0)); \
  print(a.getsockname()[1])')
url=http://127.0.0.1:$port

# --- one server inside, as the unit starts it ---------------------------------------------------

server=""
start() { # start COMMAND...: until it is ready
  local tries
  become_inside "$@" --listen "127.0.0.1:$port" >"$root/server.log" 2>&1 &
  server=$!
  for ((tries = 0; tries < 300; ++tries)); do
    curl -sf -o "$root/ready" "$url/readyz" && return
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 30 "$root/server.log" >&2
  fail "it did not start"
}
stop() {
  kill -TERM "$server"
  wait "$server" || fail "it ended with $?"
  server=""
}
stop_and_remove() {
  [[ -z $server ]] || kill -TERM "$server" 2>/dev/null || true
  wait
  remove_chroot
}

first_reply() { # of the demo model, as a person with curl would
  local token session
  token=$(curl -sf "$url/api/auth/register" -H 'Content-Type: application/json' \
    -d '{"username": "ada", "password": "correct horse battery staple"}' | jq -r .accessToken)
  session=$(curl -sf -H "Authorization: Bearer $token" -H 'Content-Type: application/json' \
    "$url/api/sessions" -d "{\"modelId\": $(curl -sf -H "Authorization: Bearer $token" \
      "$url/api/models" | jq '.items[0].id')}" | jq -r .id)
  curl -sfN -H "Authorization: Bearer $token" -H 'Content-Type: application/json' \
    "$url/api/chat/stream" -d "{\"sessionId\": \"$session\", \"content\": \"Hello\"}"
}
answers() { first_reply >"$root/reply" && grep -q '"status":"complete"' "$root/reply"; }

# --- the package --------------------------------------------------------------------------------

# shellcheck disable=SC2119
make_chroot
trap stop_and_remove EXIT
mount_kernel
inside apt-get update -q >/dev/null
cp "$package" "$root/tmp/parley.deb"

say "Installing"
begun=$SECONDS
inside apt-get install -y -q --no-install-recommends /tmp/parley.deb >"$root/install.log" 2>&1 ||
  { tail -n 30 "$root/install.log" >&2; fail "it does not install"; }
holds "its settings are valid" inside parley config check --config $config
read -r -a command < <(sed -n 's/^ExecStart=//p' "$root/lib/systemd/system/parley.service")
start "${as_parley[@]}" "${command[@]}" --demo
holds "it answers the first turn" answers
took=$((SECONDS - begun))
say "From the package to a first reply: $took s"
((took <= 60)) || fail "that is more than 60 s"
holds "the user is the system's own" grep -q '^parley:.*:/var/lib/parley:/usr/sbin/nologin$' \
  "$root/etc/passwd"
holds "its data is nobody else's" test "$(inside stat -c '%U %a' /var/lib/parley)" = "parley 700"
printf 'hello world' >"$root/tmp/text"
holds "it counts exactly" test \
  "$(inside parley tokens --encoding o200k_base --file /tmp/text --ids)" = "[24912,2375]"
holds "the contract has its page" curl -sf -o "$root/page" "$url/docs/redoc.standalone.js"
holds "the manual page is there" test -e "$root/usr/share/man/man1/parley.1.gz"
SMOKE_USERNAME=ada SMOKE_PASSWORD="correct horse battery staple" \
  "$repository/deploy/smoke.sh" "$url" >"$root/smoke.log" ||
  { cat "$root/smoke.log" >&2; fail "smoke.sh fails"; }
say "smoke.sh: $(tail -n 1 "$root/smoke.log")"
stop

say "Upgrading"
echo '# mine' >>"$root$config"
dpkg-deb -R "$package" "$root/tmp/next"
sed -i 's/^Version: .*/Version: 99.0/' "$root/tmp/next/DEBIAN/control"
dpkg-deb --root-owner-group -b "$root/tmp/next" "$root/tmp/next.deb" >/dev/null
rm -r "$root/tmp/next"
inside apt-get install -y -q --no-install-recommends /tmp/next.deb >"$root/install.log" 2>&1 ||
  { tail -n 30 "$root/install.log" >&2; fail "it is not upgraded"; }
holds "the newer one is there" grep -q '^Version: 99.0' <(inside dpkg -s parley)
holds "settings of one's own stay" grep -q '^# mine$' "$root$config"
start "${as_parley[@]}" "${command[@]}"
holds "its accounts are there" curl -sf -o "$root/login" "$url/api/auth/login" \
  -H 'Content-Type: application/json' \
  -d '{"username": "ada", "password": "correct horse battery staple"}'
stop

say "Removing and purging"
inside apt-get remove -y -q parley >/dev/null 2>&1 || fail "it is not removed"
holds "without the program the data stays" test -e "$root/var/lib/parley/parley.db"
holds "and the settings" test -e "$root$config"
inside apt-get purge -y -q parley >/dev/null 2>&1 || fail "it is not purged"
for place in /var/lib/parley /etc/parley /usr/share/parley /usr/bin/parley \
  /lib/systemd/system/parley.service /etc/systemd/system/multi-user.target.wants/parley.service; do
  holds "purged: $place" lacks "$place"
done

# --- the tar ------------------------------------------------------------------------------------

if [[ -n $archive ]]; then
  say "The tar"
  begun=$SECONDS
  mkdir "$root/opt/parley"
  tar -xzf "$archive" -C "$root/opt/parley" --strip-components=1
  libraries=$(sed -n 's/^ *apt-get install //p' "$root/opt/parley/README.txt")
  # shellcheck disable=SC2086 # a list
  inside apt-get install -y -q --no-install-recommends $libraries >"$root/install.log" 2>&1 ||
    { tail -n 30 "$root/install.log" >&2; fail "its libraries do not install"; }
  start /opt/parley/bin/parley serve --data /srv/data --demo
  holds "it answers the first turn" answers
  say "From the tar to a first reply: $((SECONDS - begun)) s"
  ((SECONDS - begun <= 60)) || fail "that is more than 60 s"
  stop
fi
say "The package is proven"
