curl --location --remote-name --remote-header-name {{ site_url }}/api/download/models/17
curl --location --output ink-wash.zip {{ site_url }}/api/download/models/17/bundle
