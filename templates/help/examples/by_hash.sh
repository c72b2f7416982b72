curl "{{ site_url }}/api/v1/model-versions/by-hash/$(sha256sum ink-wash.pt | cut -c 1-64)"
