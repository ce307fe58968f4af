"""A Django project that keeps agreements in its own database, by its own ORM.

It shows that a host need not run SQLAlchemy: `agreements` is an ordinary app with models, a migration and
`DjangoAgreementStore`, which works in transactions of its own or within the host's `transaction.atomic`. There are no
pages. Its tests are the contract that ships with the library, on PostgreSQL and on SQLite::

    pytest tests/examples/test_django_host.py
"""
