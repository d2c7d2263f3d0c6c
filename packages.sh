#!/bin/sh
# Installs the Debian packages that a list names, when this is root on Debian; otherwise says the line to run.
# Where installing fails (no network), it goes on too, unless the second argument is `strict`.
set -eu
missing=""
for package in $(sed 's/#.*//' "$1"); do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null &&
        exit 0
    [ "${2:-}" != strict ] || exit 1
fi
echo "Some tools need Debian packages. To install them, run:"
echo "  sudo apt-get install$missing"
echo "Going on without them."
