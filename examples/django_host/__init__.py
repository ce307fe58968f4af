"""A Django project that keeps agreements in its own database, by its own ORM."""
