"""The host's own app: the schools' sites, their staff, and data sharing over them."""
