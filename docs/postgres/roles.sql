-- Roles and database of one contour on a PostgreSQL of yours, 16 or newer; run once, by a superuser or by a role that may
-- create roles and databases. NAME is `vault` in the private contour and `app` in the public one:
--
--     sed s/NAME/vault/g docs/postgres/roles.sql | psql -v ON_ERROR_STOP=1 -d postgres
--
-- The passwords are read from the files `owner-password` and `runtime-password` of the present folder, the same that
-- `larets env give database-owner` and `larets env give database-runtime` take. A server that logs statements would log
-- them: have it leave these out (`log_statement`), or give other passwords afterwards by psql's `\password`.
\set there `test -s owner-password && test -s runtime-password && echo true || echo false`
\if :there
\else
    DO $$ BEGIN RAISE EXCEPTION 'the files owner-password and runtime-password are not in this folder'; END $$;
\endif
\set owner_password `cat owner-password`
\set runtime_password `cat runtime-password`
SET password_encryption = 'scram-sha-256';

-- The owner makes tables by the migrations. The runtime is what the processes sign in as: it owns nothing, is given
-- table by table what the migrations grant, and cannot pass by row-level security.
CREATE ROLE larets_NAME_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION
    PASSWORD :'owner_password';
CREATE ROLE larets_NAME LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION
    PASSWORD :'runtime_password';

GRANT larets_NAME_owner TO CURRENT_USER;
CREATE DATABASE NAME OWNER larets_NAME_owner ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE NAME FROM PUBLIC;
GRANT CONNECT ON DATABASE NAME TO larets_NAME_owner, larets_NAME;
REVOKE larets_NAME_owner FROM CURRENT_USER;
