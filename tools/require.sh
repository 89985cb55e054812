#!/usr/bin/env bash
# Says in one sentence what is missing, for whoever sees this first.
set -euo pipefail
case "$1" in
python)
  if ! "$2" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 13))' 2>/dev/null; then
    echo "Ringside needs Python 3.10, 3.11 or 3.12 (its Ape pins libraries without wheels for later ones), and '$2' is not that: install it, or name one with make PYTHON=python3.12." >&2
    exit 1
  fi
  if ! "$2" -c 'import ensurepip' 2>/dev/null; then
    echo "Ringside needs Python's venv module, and '$2' lacks it: install it (on Debian: apt-get install python3-venv)." >&2
    exit 1
  fi
  ;;
node)
  if ! { command -v node && command -v npm; } >/dev/null 2>&1 ||
    ! node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null; then
    echo "Ringside needs Node.js 20 or newer with npm, and there is $(node --version 2>/dev/null || echo none): install it." >&2
    exit 1
  fi
  ;;
esac
