import os

os.environ["HF_ENDPOINT"] = "{{ site_url }}"

from huggingface_hub import hf_hub_download

print(hf_hub_download("alice/ink-wash", "ink-wash.pt"))
