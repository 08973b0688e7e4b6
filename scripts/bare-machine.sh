#!/usr/bin/env bash
# Walks through the two commands of the README as somebody does who has a bare Debian or Ubuntu with its own nodejs and npm:
#   sudo scripts/bare-machine.sh [RELEASE [MIRROR]]      for example: bookworm, or noble http://archive.ubuntu.com/ubuntu
# It makes such a root with debootstrap, copies what git knows of this folder into it (a copy for each command), and runs
# them there as an ordinary user. The machine's certificates, name servers and npm settings come along. Takes 20 to 40 minutes
# and 2 GB, and leaves nothing behind. Not part of the gate.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

release=${1:-bookworm}
mirror=${2:-http://deb.debian.org/debian}
components=main
method=
if [[ $mirror == *ubuntu* ]]; then
  components=main,universe
  # Every Ubuntu is made this way, also one that this debootstrap does not know by name yet.
  method=gutsy
fi

if ((EUID != 0)) || ! command -v debootstrap >/dev/null; then
  echo 'This needs root and the package debootstrap.' >&2
  exit 1
fi

root=$(mktemp -d)
log=$(mktemp)
clean_up() {
  umount --lazy "$root/dev/pts" "$root/dev" "$root/proc" 2>/dev/null || true
  rm -rf --one-file-system "$root" "$log"
}
trap clean_up EXIT

say() { printf '\n== %s\n' "$*"; }
# Debian's Node.js trusts the machine's certificates; the one that the project brings along has a list of its own.
as_somebody() {
  chroot "$root" /usr/sbin/runuser --login somebody -c "export NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt; $*"
}

say "a bare $release"
debootstrap --variant=minbase --components="$components" --include=ca-certificates \
  "$release" "$root" "$mirror" ${method:+"$method"} >"$log" || { tail "$log" >&2; exit 1; }
chmod 755 "$root"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount --bind /dev/pts "$root/dev/pts"
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
# An installer writes this; debootstrap does not.
printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
chroot "$root" env DEBIAN_FRONTEND=noninteractive sh -c 'apt-get update && apt-get install -y --no-install-recommends nodejs npm' \
  >"$log" 2>&1 || { tail "$log" >&2; exit 1; }
chroot "$root" useradd --create-home somebody
[[ ! -e ~/.npmrc ]] || install -o "$(stat -c %u "$root/home/somebody")" -m 600 ~/.npmrc "$root/home/somebody/.npmrc"
for copy in start test; do
  mkdir "$root/home/somebody/$copy"
  git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=- |
    tar --extract --directory="$root/home/somebody/$copy"
done
chroot "$root" chown -R somebody: /home/somebody
as_somebody 'echo "Node.js $(node --version), npm $(npm --version)"'

port=${PORT:-3000}
say 'npm ci && npm start'
as_somebody "cd start && npm ci && echo \$\$ >pid && PORT=$port exec npm start" 2>&1 &
walker=$!
is_ready() {
  as_somebody "node -e \"require('http').get('http://127.0.0.1:$port/health/ready', (answer) =>
    process.exit(answer.statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))\""
}
for ((second = 0; second < 900; second++)); do
  kill -0 "$walker" 2>/dev/null || { echo 'It ended.' >&2; exit 1; }
  if is_ready; then break; fi
  sleep 1
done
is_ready || { echo 'It did not get ready.' >&2; exit 1; }
say 'it is ready, and now it is stopped'
kill -TERM "$(<"$root/home/somebody/start/pid")"
wait "$walker" || { echo "npm start ended with $?, not with 0." >&2; exit 1; }

say 'npm ci && npm test'
as_somebody 'cd test && npm ci && npm test' 2>&1

say 'both commands work'
