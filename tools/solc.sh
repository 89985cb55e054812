#!/usr/bin/env bash
# Puts the pinned compiler where py-solc-x looks: the machine's own solc where it is that very version, since it
# is several times faster, and npm's otherwise.
set -euo pipefail
version=0.8.30
tools="$(cd "$(dirname "$0")" && pwd)"
mkdir -p "$1"
own="$(command -v solc || true)"
if [ -n "$own" ] && "$own" --version 2>/dev/null | grep -q "Version: $version+"; then
  ln -sf "$own" "$1/solc-v$version"
else
  ln -sf "$tools/solc.mjs" "$1/solc-v$version"
fi
