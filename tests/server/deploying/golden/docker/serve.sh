#!/bin/sh
set -eu
cd "$MODEL"
sha256sum --check --quiet --strict /app/model.sha256
cd /app
if [ -f "${WHET_API_KEY_FILE:-}" ]; then WHET_API_KEY="$(cat "$WHET_API_KEY_FILE")"; fi
: "${WHET_API_KEY:?is not set: openssl rand -hex 32}"
export WHET_API_KEY
exec python -m whet serve "$MODEL" --called owls --host 0.0.0.0 --port 8080 --name owls --device cpu
