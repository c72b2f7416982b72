import requests

with requests.get("{{ site_url }}/api/download/models/17", stream=True, timeout=60) as answer:
    answer.raise_for_status()
    with open("ink-wash.pt", "wb") as file:
        for block in answer.iter_content(1024 * 1024):
            file.write(block)
