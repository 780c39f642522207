import psycopg
def test_a(database, every_database, standby, password_server):
    """x"""
    for u in (database, every_database, password_server.tcp_url(), password_server.url()):
        with psycopg.connect(u) as c:
            print(c.execute("select version(), pg_is_in_recovery(), current_user").fetchone())
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    with psycopg.connect(standby.url(name)) as c:
        print(c.execute("select version(), pg_is_in_recovery()").fetchone())
def test_b(database):
    """x"""
