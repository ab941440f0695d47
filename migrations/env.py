"""Run the migrations on the app's own database (Flask-Migrate hands it over)."""

from alembic import context
from flask import current_app

migrate = current_app.extensions["migrate"]


def run() -> None:
    """Migrate in one transaction, so that a failed step leaves nothing half done."""
    engine, steps = migrate.db.engine, []
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            # To change a table, SQLite needs it made anew, which the rows that refer to it forbid.
            # The pragma only works outside a transaction.
            connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")
        context.configure(
            connection=connection,
            target_metadata=migrate.db.metadata,
            transactional_ddl=True,
            on_version_apply=lambda step, **_: steps.append(step),
            **migrate.configure_args,
        )
        with context.begin_transaction():
            context.run_migrations()
            if steps and engine.dialect.name == "sqlite":  # it reads every row
                orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                if orphans:
                    raise RuntimeError(f"the migration would leave {len(orphans)} orphaned rows")
        connection.invalidate()  # the next one has its foreign keys checked again


run()
