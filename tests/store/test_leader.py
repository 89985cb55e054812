"""One of several processes leads."""

from ringside.service.leader import Leader
from ringside.store.database import Database


def another(database: Database) -> Database:
    return Database(database.url.render_as_string(hide_password=False))


def test_one_leads_and_the_other_waits(database: Database):
    first, second = Leader(database), Leader(another(database))
    assert first.lead()
    assert first.lead()
    assert not second.lead()
    first.release()
    assert second.lead()
    second.release()


def test_a_connection_that_is_lost_is_a_lead_that_is_lost(postgres: str):
    database = Database(postgres)
    first, second = Leader(database), Leader(another(database))
    assert first.lead()
    with database.engine.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
        )
        connection.commit()
    assert second.lead()
    assert not first.lead()
    second.release()
