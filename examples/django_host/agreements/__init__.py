"""Agreements in Django's database: models, migrations, and a store over them."""
