"""The triggers that make the ledger's table append-only, in SQLite and PostgreSQL."""

import sqlalchemy as sql

_SQLITE = {
    f"ledger_no_{verb.lower()}": f"CREATE TRIGGER ledger_no_{verb.lower()} BEFORE {verb} ON ledger "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
    for verb in ("UPDATE", "DELETE")
}
_POSTGRESQL = (
    "CREATE OR REPLACE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$",
    "DROP TRIGGER IF EXISTS ledger_no_change ON ledger",
    "CREATE TRIGGER ledger_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger "
    "FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()",
)
_POSTGRESQL_FOUND = (
    "SELECT count(*) FROM pg_trigger JOIN pg_proc ON pg_proc.oid = pg_trigger.tgfoid "
    "WHERE tgrelid = to_regclass('ledger') AND tgname = 'ledger_no_change' "
    "AND tgenabled IN ('O', 'A') AND prosrc LIKE '%RAISE EXCEPTION%'"
)


def protect(connection: sql.Connection) -> None:
    """Make the triggers, unless they are there: a reader of an empty ledger need not write."""
    if are_in_place(connection):
        return
    if connection.dialect.name != "sqlite":
        for statement in _POSTGRESQL:
            connection.execute(sql.text(statement))
        return
    for name, statement in _SQLITE.items():
        connection.execute(sql.text(f"DROP TRIGGER IF EXISTS {name}"))
        connection.execute(sql.text(statement))


def are_in_place(connection: sql.Connection) -> bool:
    """Tell whether the triggers are there and do what they are for."""
    if connection.dialect.name != "sqlite":
        return bool(connection.execute(sql.text(_POSTGRESQL_FOUND)).scalar())
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'ledger'"
    found = {row.name: row.sql for row in connection.execute(sql.text(query))}
    return all(_as_made(found.get(name)) == statement for name, statement in _SQLITE.items())


def _as_made(statement: str | None) -> str:
    return (statement or "").replace("IF NOT EXISTS ", "")
