"""Do the tests get the databases that they ask for?"""

import psycopg
import pytest
import sqlalchemy


def test_each_test_gets_an_empty_database_of_its_own(database_url):
    engine = sqlalchemy.create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE only_here (id INTEGER)"))
        tables = sqlalchemy.inspect(connection).get_table_names()
    engine.dispose()
    assert tables == ["only_here"]


def test_a_database_is_dropped_even_while_a_test_holds_a_connection(postgresql):
    with postgresql.database() as url:
        forgotten = psycopg.connect(url.replace("+psycopg", ""))
    with pytest.raises(psycopg.errors.AdminShutdown):
        forgotten.execute("SELECT 1")
