# What `./dev package` and `./dev check --deploy` do; sourced by dev, whose functions it uses.
# shellcheck shell=bash
# shellcheck disable=SC2154 # BUILD_PACKAGES is of dev

PACKAGE_PACKAGES=(dpkg-dev file)
IMAGE_PACKAGES=(buildah debootstrap)
DEPLOY_PACKAGES=(debootstrap systemd-container lintian shellcheck docker-compose curl jq iproute2
  procps)

# The version of what is built, and of the commit: two packages of one commit are the same.
version() { sed -n 's/^project(parley VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt; }
commit_time() { git log -1 --format=%ct 2>/dev/null || echo 0; }

package() {
  (($# > 0)) || set -- deb tar image
  local kind machine folder=build/release/package
  for kind in "$@"; do
    [[ $kind =~ ^(deb|tar|image)$ ]] || fail "package knows deb, tar and image, not '$kind'"
  done
  install_packages "${BUILD_PACKAGES[@]}" "${PACKAGE_PACKAGES[@]}"
  install_npm
  build_release parley
  [[ -e build/release/vocabulary/o200k_base.bpe && -d build/release/reading_page ]] ||
    fail "a package needs the token tables and the reading page: npm ci in chat/vocabulary and \
http/reading_page"
  machine=$(dpkg --print-architecture)
  SOURCE_DATE_EPOCH=$(commit_time)
  export SOURCE_DATE_EPOCH
  deb_file=$folder/parley_$(version)_$machine.deb
  tar_file=$folder/parley-$(version)-linux-$machine.tar.gz
  image_file=$folder/parley-$(version)-image-$machine.tar.gz
  # The others are made of it: its dependencies are theirs.
  make_deb
  for kind in "$@"; do
    case $kind in
      deb) say "The Debian package: $deb_file" ;;
      tar)
        make_tar
        say "The tar: $tar_file"
        ;;
      image)
        make_image
        say "The image (docker load -i …): $image_file"
        ;;
    esac
  done
}

make_deb() {
  step build/log/package-deb.log cpack --config build/release/CPackConfig.cmake -G DEB
}

make_tar() {
  local staged name
  name=$(basename "$tar_file" .tar.gz)
  staged=$(mktemp -d)
  step build/log/package-tar.log cmake --install build/release --strip --component program \
    --prefix "$staged/$name"
  cp LICENSE CHANGELOG.md "$staged/$name/"
  cat >"$staged/$name/README.txt" <<TEXT
Parley $(version) for Debian 12 and what is like it. It needs some of its libraries:

    apt-get install $(dpkg-deb -f "$deb_file" Depends | sed 's/ *([^)]*)//g; s/,//g; s/adduser *//')

To see it work, with a scripted model that needs no key:

    bin/parley serve --demo --mode single        # http://127.0.0.1:8080, data in ./data
    bin/parley chat --model demo                 # in another terminal

bin/ and share/ stay beside each other. share/doc/parley/operations.md says the rest.
TEXT
  tar -C "$staged" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
    -cf - "$name" | gzip -9n >"$tar_file"
  rm -r "$staged"
}

make_image() {
  install_packages "${IMAGE_PACKAGES[@]}"
  ((EUID == 0)) || fail "the image is made as root: sudo ./dev package image"
  step build/log/package-image.log deploy/image.sh "$image_file" "$deb_file"
}

# --- check --deploy ------------------------------------------------------------------------------

# Everything of deploy/ that no quick test can show: some minutes, as root.
check_deploy() {
  install_packages "${DEPLOY_PACKAGES[@]}" "${IMAGE_PACKAGES[@]}"
  ((EUID == 0)) || fail "packages are proven in a Debian of their own: sudo ./dev check --deploy"
  say "Scripts: shellcheck"
  shellcheck -x dev deploy/*.sh .ci/run
  shellcheck deploy/debian/{postinst,prerm,postrm}
  say "The compose file"
  docker-compose -f deploy/compose.yaml --profile tls --profile monitoring config -q
  say "Alerts: promtool"
  check_alerts
  # Without a registry of images the base is made here.
  BASE=${BASE-debootstrap} package deb tar image
  say "lintian"
  lintian --fail-on error,warning "$deb_file"
  say "How exposed the service is: $(systemd-analyze security --offline=true \
    deploy/systemd/parley.service | sed -n 's/.*exposure level for //p')"
  deploy/prove_package.sh "$deb_file" "$tar_file"
  deploy/prove_service.sh "$deb_file"
  deploy/prove_image.sh "$image_file"
  say "check --deploy: no faults"
}

# Of Debian's prometheus without its service: unpacked, not installed.
check_alerts() {
  local folder=build/tools/prometheus
  if [[ ! -x $folder/usr/bin/promtool ]]; then
    mkdir -p "$folder"
    (cd "$folder" && apt-get download -q prometheus && dpkg-deb -x prometheus_*.deb . &&
      rm prometheus_*.deb) >build/log/promtool.log 2>&1 || fail "see build/log/promtool.log"
  fi
  "$folder/usr/bin/promtool" check rules deploy/monitoring/alerts.yml
  "$folder/usr/bin/promtool" test rules deploy/monitoring/alerts_test.yml
  "$folder/usr/bin/promtool" check config deploy/monitoring/prometheus.yml
}
