curl --get {{ site_url }}/api/v1/models \
  --data-urlencode "query=ink wash" \
  --data kind=style --data limit=5
