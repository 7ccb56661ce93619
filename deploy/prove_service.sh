#!/usr/bin/env bash
# Proves the service under a real systemd, and docs/operations.md with it: boots a bare Debian 12 in
# a container of systemd-nspawn with a network of its own, and runs there, one after the other, the
# document's commands for Debian. What they leave is looked at in between.
#
#   deploy/prove_service.sh PACKAGE.deb
#
# Needs root, debootstrap and systemd-container.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=deploy/chroot.sh
. "$repository/deploy/chroot.sh"
package=$(realpath "${1:?which package? ./dev package deb}")

# commands_of FILE: its ```sh debian blocks, each behind a line that names it in the log.
commands_of() {
  awk '/^```sh debian$/ { inside = 1; print "block " ++count; next }
       /^```$/ { if (inside) print "after_block " count; inside = 0; next }
       inside' "$1"
}

make_chroot systemd systemd-sysv dbus curl jq python3
mkdir "$root/srv/proof"
cp "$package" "$root/srv/proof/parley_0.1.0_amd64.deb"
cp "$repository"/deploy/prove_restart.py "$repository"/tests/system/support.py "$root/srv/proof/"
# The container has no network: what the package needs is here before.
# shellcheck disable=SC2016 # expanded inside
inside bash -c 'apt-get update -q && apt-get install -y -q --no-install-recommends \
  $(dpkg-deb -f /srv/proof/*.deb Depends | sed "s/([^)]*)//g; s/,//g")' \
  >"$root/srv/proof/apt.log" 2>&1 ||
  { tail -n 20 "$root/srv/proof/apt.log" >&2; fail "what the package needs does not install"; }

cat >"$root/srv/proof/prove.sh" <<'SCRIPT'
set -euo pipefail
cd /srv/proof
export HOME=/srv/proof DEBIAN_FRONTEND=noninteractive
apt() { command apt-get -y -q --no-install-recommends "$@"; }
block() { echo "--- block $1"; }
answers() {
  local tries
  for ((tries = 0; tries < 100; ++tries)); do
    curl -sf -o /dev/null http://127.0.0.1:8080/readyz && return
    sleep 0.1
  done
  systemctl status --no-pager parley
  journalctl --no-pager -u parley
  return 1
}
log_in() {
  curl -sf http://127.0.0.1:8080/api/auth/login -H 'Content-Type: application/json' \
    -d "{\"username\": \"ada\", \"password\": \"$(cat /run/password)\"}" | jq -r .accessToken
}
# Of 50 users, who log in one after the other.
restart_under_streams() {
  systemctl stop parley
  runuser -u parley -- parley user add --config /etc/parley/parley.toml --count 50 --role USER \
    >/srv/proof/users
  mkdir -p /run/systemd/system/parley.service.d
  printf '[Service]\nEnvironment=PARLEY_LOGIN_CALLS_PER_MIN=1000\n' \
    >/run/systemd/system/parley.service.d/crowd.conf
  systemctl daemon-reload
  systemctl start parley
  answers
  python3 /srv/proof/prove_restart.py "$(log_in)" /srv/proof/users
  rm -r /run/systemd/system/parley.service.d
  systemctl daemon-reload
  systemctl restart parley
  answers
}
pid() { systemctl show -P MainPID parley; }
after_block() {
  case $1 in
    1)
      answers
      [[ $(systemctl show -P ActiveState parley) == active ]]
      [[ $(systemctl show -P StatusText parley) == "Serves on port 8080" ]]
      [[ $(systemctl show -P WatchdogUSec parley) == 1min ]]
      [[ $(stat -c '%U %a' /var/lib/parley) == "parley 700" ]]
      # Nothing but its own folder can be written.
      if nsenter -t "$(pid)" -m touch /etc/mine 2>/dev/null; then false; fi
      # One that hangs is started again, one that is killed as well.
      mkdir -p /run/systemd/system/parley.service.d
      printf '[Service]\nWatchdogSec=2\n' >/run/systemd/system/parley.service.d/soon.conf
      systemctl daemon-reload
      systemctl restart parley
      local before
      before=$(pid)
      kill -STOP "$before"
      for ((tries = 0; tries < 300; ++tries)); do
        [[ $(pid) != "$before" && $(pid) != 0 ]] && break
        sleep 0.1
      done
      [[ $(pid) != "$before" ]]
      journalctl --no-pager -u parley | grep -q 'Watchdog timeout'
      rm -r /run/systemd/system/parley.service.d
      systemctl daemon-reload
      systemctl restart parley
      answers
      ;;
    *)
      if [[ -e /usr/bin/parley ]]; then
        answers
        [[ -n $(log_in) ]]
        [[ $1 != 3 ]] || restart_under_streams
      fi
      ;;
  esac
  echo "--- block $1 is proven"
}
SCRIPT
{
  commands_of "$repository/docs/operations.md"
  cat <<'SCRIPT'
[[ ! -e /var/lib/parley && ! -e /etc/parley ]]
[[ ! -e /etc/systemd/system/multi-user.target.wants/parley.service ]]
echo "--- all is proven"
SCRIPT
} >>"$root/srv/proof/prove.sh"
cat >"$root/etc/systemd/system/prove.service" <<'UNIT'
[Unit]
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
ExecStart=/bin/bash /srv/proof/prove.sh
StandardOutput=file:/srv/proof/prove.log
StandardError=file:/srv/proof/prove.log
TimeoutStartSec=420
[Install]
WantedBy=multi-user.target
UNIT
ln -s ../prove.service "$root/etc/systemd/system/multi-user.target.wants/prove.service"

echo "==> Booting it"
timeout --kill-after=10 600 systemd-nspawn --quiet --boot --directory="$root" --private-network \
  --register=no --keep-unit --console=passive --machine=parley-proof \
  >"$root/srv/proof/boot.log" 2>&1 || true
if ! grep -q '^--- all is proven$' "$root/srv/proof/prove.log"; then
  tail -n 40 "$root/srv/proof/boot.log" "$root/srv/proof/prove.log" >&2
  fail "not all of it is so"
fi
grep -e '^--- block .* proven$' -e '^--- restarted' "$root/srv/proof/prove.log"
echo "==> The service is proven"
