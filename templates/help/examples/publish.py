import os
import time

import requests

hub = requests.Session()
hub.headers["Authorization"] = "Bearer " + os.environ["HYPERHUB_KEY"]


def call(method, path, **words):
    answer = hub.request(method, "{{ site_url }}/api/v1/" + path, timeout=60, **words)
    answer.raise_for_status()
    return answer.json()


network = call("POST", "models", json={"name": "Ink wash", "kind": "style", "tags": ["ink"]})
version = call("POST", f"models/{network['id']}/versions", json={"baseModel": "SD 1.5"})

with open("ink-wash.pt", "rb") as file:
    upload = call("POST", "uploads", files={"file": file}, data={"versionId": version["id"]})
while upload["state"] in ("received", "checking"):
    time.sleep(1)
    upload = call("GET", f"uploads/{upload['id']}")

for finding in upload["findings"]:
    print(finding["message"])
if upload["state"] != "ready":
    raise SystemExit(upload["reason"])

published = call("POST", f"model-versions/{version['id']}/publish")
print(published["downloadUrl"])
