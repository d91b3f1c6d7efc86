#!/usr/bin/env bash
# Waits until a process is gone, however it has ended, and becomes a command: when-gone.sh PID COMMAND...
set -euo pipefail
while kill -0 "$1" 2>/dev/null; do sleep 1; done
shift
exec "$@"
