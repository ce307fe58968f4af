"""The library as an app of Django, for `INSTALLED_APPS`: models, a store over them, admin pages and commands.

It needs the extra ``datashare[django]``. Nothing happens at import: the settings are read when they are needed, and the
names stand in the modules `store`, `institutions`, `people` and `transactions`, which Django has to be set up for.
"""
