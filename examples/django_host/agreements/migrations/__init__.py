"""The migrations of the app, made by ``makemigrations``."""
