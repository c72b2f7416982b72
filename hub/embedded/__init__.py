"""The servers that `./run` brings along: Postgres, Valkey and their supervisor."""
