#!/bin/sh
# Starts as the official image does: the first start of an empty PGDATA makes the cluster, then the arguments are run.
#   POSTGRES_PASSWORD_FILE  the superuser's password; without it nothing is made
#   POSTGRES_USER           its name, postgres by default
#   POSTGRES_INITDB_ARGS    more arguments for initdb
set -eu
umask 077

if [ "${1:-}" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
  if [ ! -s "${POSTGRES_PASSWORD_FILE:-}" ]; then
    echo "database: error: there is no superuser's password for a new cluster" >&2
    echo "database: hint: POSTGRES_PASSWORD_FILE names a file with it" >&2
    exit 1
  fi
  # Made beside and moved: a start killed in the middle leaves no half cluster that looks whole.
  rm -rf "$PGDATA.new"
  # shellcheck disable=SC2086  the arguments are several
  initdb --pgdata="$PGDATA.new" --username="${POSTGRES_USER:-postgres}" --pwfile="$POSTGRES_PASSWORD_FILE" \
    --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --data-checksums \
    ${POSTGRES_INITDB_ARGS:-}
  echo "listen_addresses = '*'" >> "$PGDATA.new/postgresql.conf"
  echo "host all all all scram-sha-256" >> "$PGDATA.new/pg_hba.conf"
  mv "$PGDATA.new" "$PGDATA"
fi
exec "$@"
