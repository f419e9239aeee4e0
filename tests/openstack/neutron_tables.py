"""Makes Neutron's tables from its models: seconds instead of the minute of its migrations.

Run with the interpreter of the small cloud: `neutron_tables.py DATABASE_URL`.
"""

import sys

import sqlalchemy
from neutron.db.migration.models import head  # type: ignore[import-not-found]

if __name__ == "__main__":
    head.get_metadata().create_all(sqlalchemy.create_engine(sys.argv[1]))
