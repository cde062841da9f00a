"""What runs the image: a compose file, and Kubernetes' manifests."""

from __future__ import annotations

from typing import Any

from whet.server.deploying.deployment import PORT, USER, Deployment

# Between the end of its service and the signal: until then requests still find the way to a pod.
LEAVE_S = 5


def compose(given: Deployment) -> dict[str, Any]:
    """A compose file: the key comes from a file beside it, which is no part of it."""
    service: dict[str, Any] = {
        "image": f"{given.name}:latest",
        "build": {"context": ".", "additional_contexts": {"model": str(given.folder)}},
        "ports": [f"127.0.0.1:{PORT}:{PORT}"],
        "environment": {"WHET_API_KEY_FILE": "/run/secrets/whet_api_key"},
        "secrets": ["whet_api_key"],
        "user": f"{USER}:{USER}",
        "read_only": True,
        "tmpfs": ["/tmp"],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "restart": "unless-stopped",
        "stop_grace_period": f"{given.drain_s}s",
        "deploy": {"resources": {"limits": {"memory": f"{given.host_gib}G"}}},
    }
    if given.gpus:
        devices = [{"driver": "nvidia", "count": given.gpus, "capabilities": ["gpu"]}]
        service["deploy"]["resources"]["reservations"] = {"devices": devices}
    return {
        "services": {given.name: service},
        "secrets": {"whet_api_key": {"file": "./secrets/whet_api_key"}},
    }


def kubernetes(given: Deployment) -> list[dict[str, Any]]:
    """A deployment with its probes and limits, its service, and a budget where there are several copies. The secret is
    made by hand: it is in no file."""
    labels = {"app.kubernetes.io/name": given.name}
    memory: dict[str, Any] = {"memory": f"{given.host_gib}Gi"}
    gpus = {"nvidia.com/gpu": given.gpus} if given.gpus else {}
    container = {
        "name": "whet",
        "image": f"{given.name}:latest",
        "imagePullPolicy": "IfNotPresent",
        "ports": [{"name": "http", "containerPort": PORT}],
        "env": [{"name": "WHET_API_KEY", "valueFrom": {"secretKeyRef": {"name": f"{given.name}-key", "key": "key"}}}],
        # Loading may take long, and restarts what is dead alone; readiness takes it out of the service meanwhile.
        "startupProbe": {**_probe(), "periodSeconds": 5, "failureThreshold": 240},
        "readinessProbe": {**_probe(), "periodSeconds": 5, "failureThreshold": 2},
        "livenessProbe": {"tcpSocket": {"port": "http"}, "periodSeconds": 10, "failureThreshold": 6},
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(LEAVE_S)]}}},
        "resources": {"requests": {"cpu": "1", **memory, **gpus}, "limits": {**memory, **gpus}},
        "securityContext": {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }  # fmt: skip
    pod = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": LEAVE_S + given.drain_s,  # it counts from before `preStop`
        "securityContext": {
            "runAsNonRoot": True, "runAsUser": USER, "runAsGroup": USER, "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }  # fmt: skip
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    spec = {
        "replicas": given.replicas, "selector": {"matchLabels": labels}, "strategy": strategy,
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }  # fmt: skip
    service = {"selector": labels, "ports": [{"name": "http", "port": PORT, "targetPort": "http"}]}
    found = [
        _object("apps/v1", "Deployment", given.name, labels, spec),
        _object("v1", "Service", given.name, labels, service),
    ]
    if given.replicas > 1:
        budget = {"maxUnavailable": 1, "selector": {"matchLabels": labels}}
        found.append(_object("policy/v1", "PodDisruptionBudget", given.name, labels, budget))
    return found


def _probe() -> dict[str, Any]:
    return {"httpGet": {"path": "/health", "port": "http"}, "timeoutSeconds": 5}


def _object(version: str, kind: str, name: str, labels: dict[str, str], spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "labels": labels}, "spec": spec}
