import requests

answer = requests.get(
    "{{ site_url }}/api/v1/models",
    params={"query": "ink wash", "kind": "style", "limit": 5},
    timeout=60,
)
answer.raise_for_status()
for network in answer.json()["items"]:
    print(network["id"], network["name"], network["address"])
