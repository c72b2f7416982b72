curl --header "Authorization: Bearer $HYPERHUB_KEY" {{ site_url }}/api/v1/me
