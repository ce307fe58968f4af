"""The pages: of everybody, of a group's staff, and of a school's."""
