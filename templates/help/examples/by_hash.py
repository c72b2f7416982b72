import hashlib

import requests

with open("ink-wash.pt", "rb") as file:
    digest = hashlib.file_digest(file, "sha256").hexdigest()
answer = requests.get("{{ site_url }}/api/v1/model-versions/by-hash/" + digest, timeout=60)
answer.raise_for_status()
version = answer.json()
print(version["model"]["name"], version["name"], version["settings"]["strength"])
