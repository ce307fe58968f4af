"""The commands of the app, by the names of their modules."""
