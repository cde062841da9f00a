#!/bin/sh
set -eu
cd "$MODEL"
sha256sum --check --quiet --strict /app/model.sha256
cd /app
exec python -m whet serve "$MODEL" --called owls --host 0.0.0.0 --port 8080 --name '*' --device cpu --no-key
